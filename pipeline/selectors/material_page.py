"""One material in full: what it is for, who had it, its links, and how it changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Count, Max, Min, Q
from django.utils.translation import gettext as _

from accounts import formats
from accounts.formats import Style
from accounts.models import AuditEntry
from pipeline.models import Deal, Material, MaterialUse, TrackedLink
from pipeline.selectors.material_filters import kind_text
from pipeline.selectors.material_list import MaterialRow, Reach, material_row, reach_of
from pipeline.selectors.stage_choices import StageNames
from pipeline.selectors.themes import ThemeBook

DEALS = 20
_CHANGES = 50


@dataclass(frozen=True, slots=True)
class MaterialDeal:
    """A deal that had the material: when first sent, how often opened, by how many readers."""

    id: int
    name: str
    note: str  # "Lost · Ada"
    sent: str
    opened: str
    readers: int
    links: int  # that still lead there


@dataclass(frozen=True, slots=True)
class MaterialChange:
    """One change: who and when, and a line for each field."""

    who: str
    when: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MaterialPage:
    """A material with the deals that had it (the newest of `deals_total`) and its history."""

    row: MaterialRow
    address: str
    about: str
    stage_id: int | None
    owner_id: int | None
    version: int
    deals: tuple[MaterialDeal, ...]
    deals_total: int
    changes: tuple[MaterialChange, ...]


@dataclass(frozen=True, slots=True)
class MaterialFacts:
    """A material as its form needs it."""

    title: str
    kind: str
    address: str
    edition: str
    about: str
    stage: int | None
    theme: str
    owner: int | None
    review_by: date | None
    version: int
    retired: bool


def material_facts(*, material_id: int, themes: ThemeBook) -> MaterialFacts | None:
    """What stands in the fields of a material now; None where there is none."""
    row: Material | None = Material.objects.filter(pk=material_id).first()
    if row is None:
        return None
    return MaterialFacts(
        title=row.title,
        kind=row.kind,
        address=row.address,
        edition=row.edition,
        about=row.about,
        stage=row.stage_id,
        theme=themes.name(row.theme_id),
        owner=row.owner_id,
        review_by=row.review_by,
        version=row.version,
        retired=row.retired_at is not None,
    )


def material_page(
    *,
    material_id: int,
    stages: StageNames,
    themes: ThemeBook,
    style: Style,
    zone: ZoneInfo,
    today: date,
) -> MaterialPage | None:
    """The material, retired or not; None where there is none in this company."""
    row = Material.objects.select_related("owner").filter(pk=material_id).first()
    if row is None:
        return None
    reach = reach_of([material_id]).get(material_id, Reach())
    return MaterialPage(
        row=material_row(row, reach, stages=stages, themes=themes, style=style, today=today),
        # A link of the page: nothing but the web, however it came into the table.
        address=row.address if row.address.startswith(("https://", "http://")) else "",
        about=row.about,
        stage_id=row.stage_id,
        owner_id=row.owner_id,
        version=row.version,
        deals=_deals(material_id, style, today),
        deals_total=reach.deals,
        changes=_changes(material_id, style, zone, today),
    )


def _deals(material_id: int, style: Style, today: date) -> tuple[MaterialDeal, ...]:
    """The deals that had it, the latest used first: three queries."""
    opened = Q(kind=MaterialUse.Kind.OPENED)
    uses = list(
        MaterialUse.objects.filter(material_id=material_id)
        .order_by()
        .values("deal_id")
        .annotate(
            last=Max("happened_at"),
            sent=Min("happened_on", filter=Q(kind=MaterialUse.Kind.SENT)),
            opened=Max("happened_on", filter=opened),
            readers=Count("reader", distinct=True, filter=opened),
        )
        .order_by("-last", "-deal_id")[:DEALS]
    )
    ids = [use["deal_id"] for use in uses]
    deals: Mapping[int, Any] = (
        Deal.objects.select_related("stage", "rep").only("name", "stage__name", "rep__name")
    ).in_bulk(ids)
    links = dict(
        TrackedLink.objects.filter(material_id=material_id, deal_id__in=ids, revoked_at=None)
        .order_by()
        .values("deal_id")
        .annotate(n=Count("pk"))
        .values_list("deal_id", "n")
    )

    def text(day: date | None) -> str:
        return formats.day(day, style, today=today) if day else ""

    rows = []
    for use in uses:
        deal = deals[use["deal_id"]]
        place = (deal.stage.name if deal.stage else "", str(deal.rep or ""))
        rows.append(
            MaterialDeal(
                id=deal.pk,
                name=deal.name,
                note=" · ".join(part for part in place if part),
                sent=text(use["sent"]),
                opened=text(use["opened"]),
                readers=use["readers"],
                links=links.get(deal.pk, 0),
            )
        )
    return tuple(rows)


def _changes(
    material_id: int, style: Style, zone: ZoneInfo, today: date
) -> tuple[MaterialChange, ...]:
    """What happened to it, newest first, as the audit trail keeps it."""
    rows = AuditEntry.objects.select_related("actor").filter(
        object_type="material", object_id=material_id
    )
    return tuple(
        MaterialChange(
            who=str(row.actor) if row.actor else row.actor_label,
            when=_when(row.at, style, zone, today),
            lines=_lines(row),
        )
        for row in rows.order_by("-id")[:_CHANGES]
    )


def _when(at: datetime, style: Style, zone: ZoneInfo, today: date) -> str:
    return formats.day(at.astimezone(zone).date(), style, today=today)


def _lines(row: AuditEntry) -> tuple[str, ...]:
    words = {
        "material.added": _("Added"),
        "material.retired": _("Retired"),
        "material.restored": _("Brought back into use"),
    }
    if row.action in words:
        return (words[row.action],)
    return tuple(
        _("{fact}: from {before} to {after}").format(
            fact=_fact(name),
            before=_value(name, row.before.get(name)) or _("empty"),
            after=_value(name, value) or _("empty"),
        )
        for name, value in row.after.items()
    )


def _fact(name: str) -> str:
    return {
        "title": _("Title"),
        "kind": _("Kind"),
        "address": _("Address"),
        "edition": _("Edition"),
        "about": _("What it is about"),
        "stage": _("Stage"),
        "theme": _("Worry"),
        "owner": _("Owner"),
        "review_by": _("Review by"),
    }.get(name, name)


def _value(name: str, value: Any) -> str:
    return kind_text(str(value)) if name == "kind" and value else str(value or "")
