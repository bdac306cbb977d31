"""A finding as a list prints it: shape, words, and the query that reads it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db.models import Count, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from accounts import formats
from accounts.formats import Style
from accounts.models import Company
from metrics.models import Finding, FindingDeal
from metrics.selectors.finding_sources import source_of
from metrics.selectors.finding_stages import StageBook, stage_book
from pipeline.selectors.themes import ThemeBook, theme_book

STATEMENT_LENGTH = 300
QUOTE_LENGTH = 4000
# Of a severity: its rank (high first), the tone of tags and tiles, the icon.
SEVERITIES: dict[str, tuple[int, str, str]] = {
    "high": (0, "danger", "triangle-alert"),
    "medium": (1, "watch", "flag"),
    "low": (2, "", "minus"),
}


def severity_text(severity: str) -> str:
    """A severity for people."""
    return {"high": _("High"), "medium": _("Medium"), "low": _("Low")}.get(severity, severity)


@dataclass(frozen=True, slots=True)
class FindingRow:
    """One finding, ready to print. `deals` counts those it is tied to, in any segment."""

    id: int
    statement: str
    quote: str
    source_key: str
    source: str
    icon: str
    severity_key: str
    severity: str
    severity_icon: str
    tone: str
    stage_id: int
    place: str  # "Proposal", "Proposal → Won"
    theme_id: int | None
    theme: str
    deals: int
    deals_text: str
    author: str
    author_id: int | None
    day: str
    learned_on: date
    withdrawn: bool


@dataclass(frozen=True, slots=True)
class Writer:
    """What rows are written with: the reader's style, and the names of stages and themes."""

    style: Style
    stages: StageBook
    themes: ThemeBook
    today: date | None = None


def writer_for(
    *, company: Company, style: Style | None = None, today: date | None = None
) -> Writer:
    """A writer in the reader's language: three queries."""
    style = style or formats.style_for(
        language=get_language() or "en",
        company_locale=company.locale,
        currency=company.currency,
    )
    return Writer(style, stage_book(), theme_book(), today)


def with_deals(findings: Any) -> Any:
    """The findings with `n_deals`, how many deals each is tied to, and their author."""
    tied = (
        FindingDeal.objects.filter(finding_id=OuterRef("pk"))
        .order_by()
        .values("finding_id")
        .annotate(n=Count("pk"))
        .values("n")
    )
    return findings.select_related("author").annotate(n_deals=Coalesce(Subquery(tied), 0))


def deals_text(count: int, style: Style) -> str:
    """How many deals, in words."""
    if not count:
        return _("No deals")
    return ngettext("{n} deal", "{n} deals", count).format(n=formats.number(count, style))


def rows_of(findings: Iterable[Any], *, writer: Writer) -> tuple[FindingRow, ...]:
    """Rows of findings that were read by `with_deals`."""
    return tuple(_row(finding, writer) for finding in findings)


def author_text(user: Any) -> str:
    """Who recorded it: a person, or what brought it here."""
    return str(user) if user is not None else _("an import")


def _row(finding: Finding, writer: Writer) -> FindingRow:
    source = source_of(finding.source)
    _rank, tone, icon = SEVERITIES.get(finding.severity, (3, "", "minus"))
    count = int(finding.n_deals)  # type: ignore[attr-defined]
    return FindingRow(
        id=finding.pk,
        statement=finding.statement,
        quote=finding.quote,
        source_key=finding.source,
        source=str(source.word),
        icon=source.icon,
        severity_key=finding.severity,
        severity=severity_text(finding.severity),
        severity_icon=icon,
        tone=tone,
        stage_id=finding.stage_id,
        place=writer.stages.place(finding.stage_id, finding.towards_id),
        theme_id=writer.themes.now(finding.theme_id),
        theme=writer.themes.name(finding.theme_id),
        deals=count,
        deals_text=deals_text(count, writer.style),
        author=author_text(finding.author),
        author_id=finding.author_id,
        day=formats.day(finding.learned_on, writer.style, today=writer.today),
        learned_on=finding.learned_on,
        withdrawn=finding.withdrawn_at is not None,
    )
