"""The list of enablement material: what helps where, how many deals it reached."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from django.db.models import Count, F, Q

from accounts import formats
from accounts.formats import Style
from pipeline.models import Material, MaterialUse
from pipeline.selectors.material_filters import MaterialFilter, kind_icon, kind_text, matching
from pipeline.selectors.stage_choices import StageNames
from pipeline.selectors.themes import ThemeBook

PAGE = 50


@dataclass(frozen=True, slots=True)
class Reach:
    """How far one material came: deals that had it, of them opened, and readers by link."""

    deals: int = 0
    opened: int = 0
    readers: int = 0


@dataclass(frozen=True, slots=True)
class MaterialRow:
    """One material, ready to print. `overdue`: its review day has passed."""

    id: int
    title: str
    kind: str
    icon: str
    edition: str
    stage: str
    theme: str
    theme_id: int | None
    owner: str
    review_by: str
    overdue: bool
    deals: str
    opened: str
    readers: str
    retired: bool
    reached: bool


@dataclass(frozen=True, slots=True)
class MaterialList:
    """A page of material: how many match (`count` for people), which page of how many."""

    rows: tuple[MaterialRow, ...]
    total: int
    count: str
    page: int
    pages: int
    first: int
    last: int


def reach_of(material_ids: Iterable[int]) -> Mapping[int, Reach]:
    """The reach of each material that was used at all: one query."""
    opened = Q(kind=MaterialUse.Kind.OPENED)
    rows = (
        MaterialUse.objects.filter(material_id__in=list(material_ids))
        .order_by()
        .values("material_id")
        .annotate(
            n_deals=Count("deal_id", distinct=True),
            n_opened=Count("deal_id", distinct=True, filter=opened),
            # The hash is made for each link anew: one reader of two links is two.
            n_readers=Count("reader", distinct=True, filter=opened),
        )
        .values_list("material_id", "n_deals", "n_opened", "n_readers")
    )
    return {pk: Reach(deals, opened_, readers) for pk, deals, opened_, readers in rows}


def material_list(
    *,
    asked: MaterialFilter,
    stages: StageNames,
    themes: ThemeBook,
    style: Style,
    today: date,
    page: int = 1,
) -> MaterialList:
    """A page of what matches, by stage and title: three queries, whatever their number."""
    found = matching(asked, stages=stages, themes=themes, today=today)
    total = found.count()
    pages = max(1, -(-total // PAGE))
    page = min(max(1, page), pages)
    start = (page - 1) * PAGE
    ordered = found.select_related("owner", "stage").order_by(
        F("stage__pipeline__position").asc(nulls_last=True),
        F("stage__position").asc(nulls_last=True),
        "title",
        "pk",
    )
    materials = list(ordered[start : start + PAGE])
    reach = reach_of(row.pk for row in materials)
    rows = tuple(
        material_row(
            row, reach.get(row.pk, Reach()), stages=stages, themes=themes, style=style, today=today
        )
        for row in materials
    )
    return MaterialList(
        rows=rows,
        total=total,
        count=formats.number(total, style) or "",
        page=page,
        pages=pages,
        first=start + 1 if rows else 0,
        last=start + len(rows),
    )


def material_row(
    material: Material,
    reach: Reach,
    *,
    stages: StageNames,
    themes: ThemeBook,
    style: Style,
    today: date,
) -> MaterialRow:
    """A material that was read with its owner, as pages print it."""
    due = material.review_by
    return MaterialRow(
        id=material.pk,
        title=material.title,
        kind=kind_text(material.kind),
        icon=kind_icon(material.kind),
        edition=material.edition,
        stage=stages.name(material.stage_id),
        theme=themes.name(material.theme_id),
        theme_id=themes.now(material.theme_id),
        owner=str(material.owner) if material.owner else "",
        review_by=formats.day(due, style, today=today) if due else "",
        overdue=due is not None and due < today and material.retired_at is None,
        deals=formats.number(reach.deals, style) or "0",
        opened=formats.number(reach.opened, style) or "0",
        readers=formats.number(reach.readers, style) or "0",
        retired=material.retired_at is not None,
        reached=reach.deals > 0,
    )
