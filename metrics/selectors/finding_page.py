"""One finding in full: what it says, what shows it, the deals, and how it changed."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import formats
from metrics.models import Experiment, Finding, FindingChange
from metrics.selectors.finding_evidence import Evidence, evidence_of
from metrics.selectors.finding_rows import (
    FindingRow,
    Writer,
    author_text,
    rows_of,
    severity_text,
    with_deals,
)
from metrics.selectors.finding_sources import source_of
from pipeline.models import Deal


@dataclass(frozen=True, slots=True)
class TiedDeal:
    """A deal that shows the finding, ready to print."""

    id: int
    name: str
    customer: str
    note: str  # "Lost · Ada"
    own: bool


@dataclass(frozen=True, slots=True)
class Change:
    """One edit: who and when, and a line for each field that changed."""

    who: str
    when: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FindingPage:
    """A finding, its evidence, its deals, and its history, newest first."""

    row: FindingRow
    version: int
    pipeline_id: int
    recorded: str
    theme_retired: bool
    evidence: tuple[Evidence, ...]
    deals: tuple[TiedDeal, ...]
    changes: tuple[Change, ...]
    tested: tuple[tuple[int, str], ...]  # the experiments that it led to: id and title


@dataclass(frozen=True, slots=True)
class FindingValues:
    """A finding as its form needs it."""

    source: str
    stage: int
    towards: int | None
    statement: str
    quote: str
    theme: str
    severity: str
    learned_on: date
    deals: tuple[int, ...]
    version: int


def finding_page(
    *, finding_id: int, writer: Writer, zone: ZoneInfo, own_reps: Iterable[int] = ()
) -> FindingPage | None:
    """The finding, withdrawn or not; None where there is none in this company."""
    found = with_deals(Finding.objects.filter(pk=finding_id)).first()
    if found is None:
        return None
    mine = set(own_reps)
    deals = Deal.objects.filter(finding_links__finding_id=finding_id)
    deals = deals.select_related("customer", "rep", "stage").order_by("name", "pk")
    rows = FindingChange.objects.select_related("by").filter(finding_id=finding_id)
    recorded = found.recorded_at.astimezone(zone).date()
    return FindingPage(
        row=rows_of([found], writer=writer)[0],
        version=found.version,
        pipeline_id=found.pipeline_id,
        recorded=formats.day(recorded, writer.style, today=writer.today),
        theme_retired=found.theme_id is not None
        and writer.themes.now(found.theme_id) not in dict(writer.themes.in_use),
        evidence=evidence_of(found),
        deals=tuple(_deal(deal, mine) for deal in deals),
        changes=tuple(_change(row, writer, zone) for row in rows.order_by("-id")),
        tested=tuple(
            Experiment.objects.filter(reasons__finding_id=finding_id, withdrawn_at=None)
            .order_by("pk")
            .values_list("pk", "title")
        ),
    )


def finding_values(*, finding_id: int, writer: Writer) -> FindingValues | None:
    """What stands in the fields of a finding now; None where there is none."""
    row = Finding.objects.filter(pk=finding_id).first()
    if row is None:
        return None
    return FindingValues(
        source=row.source,
        stage=row.stage_id,
        towards=row.towards_id,
        statement=row.statement,
        quote=row.quote,
        theme=writer.themes.name(row.theme_id),
        severity=row.severity,
        learned_on=row.learned_on,
        deals=tuple(row.deal_links.order_by("deal_id").values_list("deal_id", flat=True)),
        version=row.version,
    )


def _deal(deal: Any, mine: set[int]) -> TiedDeal:
    return TiedDeal(
        id=deal.pk,
        name=deal.name,
        customer=deal.customer.name if deal.customer else "",
        note=" · ".join(
            part for part in (deal.stage.name if deal.stage else "", str(deal.rep or "")) if part
        ),
        own=deal.rep_id in mine,
    )


def _change(row: FindingChange, writer: Writer, zone: ZoneInfo) -> Change:
    day = formats.day(row.at.astimezone(zone).date(), writer.style, today=writer.today)
    lines = [_line(name, row.before.get(name), value, writer) for name, value in row.after.items()]
    return Change(author_text(row.by), day, tuple(line for line in lines if line))


def _line(field: str, before: Any, after: Any, writer: Writer) -> str:
    if field == "withdrawn":
        return _("Withdrawn") if after else _("Put back")
    if field == "deals":
        return _deals_line(before or [], after or [])
    words = {
        "source": _("How it was learned"),
        "stage": _("Stage"),
        "towards": _("Towards"),
        "statement": _("Statement"),
        "quote": _("Quote"),
        "theme": _("Theme"),
        "severity": _("Severity"),
        "learned_on": _("Day learned"),
    }
    return _("{fact}: from {before} to {after}").format(
        fact=words.get(field, field),
        before=_value(field, before, writer) or _("empty"),
        after=_value(field, after, writer) or _("empty"),
    )


def _value(field: str, value: Any, writer: Writer) -> str:
    text = str(value or "")
    if field == "source" and text:
        return str(source_of(text).word)
    if field == "severity" and text:
        return severity_text(text)
    if field == "learned_on" and text:
        return formats.day(date.fromisoformat(text), writer.style, today=writer.today)
    return f"“{text}”" if field in ("statement", "quote") and text else text


def _deals_line(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> str:
    old, new = ({deal["id"]: deal["name"] for deal in deals} for deals in (before, after))
    tied = [name for pk, name in new.items() if pk not in old]
    gone = [name for pk, name in old.items() if pk not in new]
    parts = []
    if tied:
        said = ngettext("Tied to a deal: {names}", "Tied to deals: {names}", len(tied))
        parts.append(said.format(names=", ".join(tied)))
    if gone:
        said = ngettext("Untied from a deal: {names}", "Untied from deals: {names}", len(gone))
        parts.append(said.format(names=", ".join(gone)))
    return ". ".join(parts)
