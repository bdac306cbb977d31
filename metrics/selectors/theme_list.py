"""The list of themes for those who keep it: in use, retired, and how much stands under each."""

from collections import Counter
from dataclasses import dataclass

from django.db.models import Count
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import formats
from accounts.formats import Style
from metrics.selectors.findings import standing
from pipeline.models import Material, Theme
from pipeline.selectors.themes import theme_book


@dataclass(frozen=True, slots=True)
class ThemeEntry:
    """A theme, ready to print. `merged` names what it went into."""

    id: int
    name: str
    counts: str
    merged: str


@dataclass(frozen=True, slots=True)
class ThemeList:
    rows: tuple[ThemeEntry, ...]
    retired: tuple[ThemeEntry, ...]


def theme_list(*, style: Style) -> ThemeList:
    """All themes by name, with the findings and material under each and what merged into it.

    Four queries, however many there are.
    """
    book = theme_book()
    findings = _counted(standing())
    material = _counted(Material.objects.filter(retired_at=None))
    for counts in (findings, material):
        for old, new in book.heirs.items():
            counts[new] += counts[old]
    retired_ids = set(Theme.objects.exclude(retired_at=None).values_list("pk", flat=True))
    rows = [
        ThemeEntry(
            pk,
            name,
            _text(findings[pk], material[pk], style),
            book.names[book.heirs[pk]] if pk in book.heirs else "",
        )
        for pk, name in book.names.items()
    ]
    return ThemeList(
        tuple(row for row in rows if row.id not in retired_ids),
        tuple(row for row in rows if row.id in retired_ids),
    )


def _counted(rows: object) -> Counter[int]:
    grouped = rows.exclude(theme=None).order_by()  # type: ignore[attr-defined]
    return Counter(dict(grouped.values_list("theme_id").annotate(n=Count("pk"))))


def _text(findings: int, material: int, style: Style) -> str:
    parts = []
    if findings:
        said = ngettext("{n} finding", "{n} findings", findings)
        parts.append(said.format(n=formats.number(findings, style)))
    if material:
        said = ngettext("{n} piece of material", "{n} pieces of material", material)
        parts.append(said.format(n=formats.number(material, style)))
    return " · ".join(parts) or _("Nothing yet")


def theme_choices(*, but: int) -> tuple[tuple[int, str], ...]:
    """The themes in use by name, one left out: what it can be merged into."""
    return tuple((pk, name) for pk, name in theme_book().in_use if pk != but)


def theme_name(*, theme_id: int) -> str | None:
    """The name of a theme as it stands; None where there is none in this company."""
    found: str | None = Theme.objects.filter(pk=theme_id).values_list("name", flat=True).first()
    return found
