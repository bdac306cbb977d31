"""Themes by stage: which worry shows where, in how many deals and over how much money."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from urllib.parse import urlencode

from accounts import formats
from accounts.formats import Style
from accounts.models import Company
from metrics.models import FindingDeal
from metrics.selectors.finding_rows import deals_text, writer_for
from metrics.selectors.findings import of_segment, standing
from metrics.selectors.segment_deals import in_segment
from pipeline.selectors.deal_filters import Context, valued


@dataclass(frozen=True, slots=True)
class ThemeFigures:
    """One theme at one stage, or over all: distinct deals, and what they are worth.

    `amount` is in the company's currency, None where no deal of several has one; `unpriced` are
    the deals without an amount or without a rate for their currency. `amount_text` is "" then.
    """

    findings: int
    deals: int
    deals_text: str
    amount: Decimal | None
    amount_text: str
    unpriced: int
    query: str = ""  # the list of its findings


@dataclass(frozen=True, slots=True)
class ThemeRow:
    """A theme over the stages; None where nothing was found. `theme_id` None: without a theme."""

    theme_id: int | None
    theme: str
    cells: tuple[ThemeFigures | None, ...]
    total: ThemeFigures


@dataclass(frozen=True, slots=True)
class ThemesByStage:
    """The table: columns are open stages (id, name), rows the themes of most deals first.

    `loose` counts findings without deals: they are in no segment and over no money.
    """

    stages: tuple[tuple[int, str], ...]
    rows: tuple[ThemeRow, ...]
    loose: int


def themes_by_stage(
    *,
    company: Company,
    pipeline_id: int,
    today: date,
    segment: str = "all",
    since: date | None = None,
    until: date | None = None,
    style: Style | None = None,
) -> ThemesByStage:
    """Which themes were found at which open stage, over findings learned in [since, until].

    A deal counts once in a cell and once in a row's total, whatever number of findings show it.
    A merged theme counts as what it went into, a retired stage as what replaced it. With a
    segment only its deals count, and only findings tied to one of them. Amounts are converted
    at the company's own rates, of open deals at that of the month of `today`.
    """
    writer = writer_for(company=company, style=style, today=today)
    found = of_segment(standing().filter(pipeline_id=pipeline_id), segment)
    if since is not None:
        found = found.filter(learned_on__gte=since)
    if until is not None:
        found = found.filter(learned_on__lte=until)
    columns = tuple((s.id, s.name) for s in writer.stages.open_stages(pipeline_id))
    shown = dict(columns)
    at: dict[int, tuple[int | None, int]] = {}
    for pk, theme_id, stage_id in found.order_by().values_list("pk", "theme_id", "stage_id"):
        stage_now = writer.stages.now(stage_id)
        if stage_now in shown:
            at[pk] = (writer.themes.now(theme_id), stage_now)
    links = FindingDeal.objects.filter(in_segment(segment, deal="deal__"), finding__in=found)
    tied: dict[int, set[int]] = defaultdict(set)
    for finding_id, deal_id in links.order_by().values_list("finding_id", "deal_id"):
        tied[finding_id].add(deal_id)
    worth = _worth(company, {d for deals in tied.values() for d in deals}, today)
    cells: dict[tuple[int | None, int], list[int]] = defaultdict(list)
    themes: dict[int | None, list[int]] = defaultdict(list)
    for pk, (theme_id, stage_id) in at.items():
        cells[(theme_id, stage_id)].append(pk)
        themes[theme_id].append(pk)

    def figures(findings: list[int], theme_id: int | None, stage: int | None) -> ThemeFigures:
        asked = [("theme", str(theme_id or "none")), ("stage", str(stage or ""))]
        asked += [("channel", segment.partition("=")[2])] if segment.startswith("channel=") else []
        asked += [("since", str(since or "")), ("until", str(until or ""))]
        query = "?" + urlencode([(name, value) for name, value in asked if value])
        return replace(_figures(findings, tied, worth, writer.style), query=query)

    rows = [
        ThemeRow(
            theme_id,
            writer.themes.name(theme_id),
            tuple(
                figures(cells[(theme_id, stage)], theme_id, stage)
                if (theme_id, stage) in cells
                else None
                for stage, _name in columns
            ),
            figures(pks, theme_id, None),
        )
        for theme_id, pks in themes.items()
    ]
    rows.sort(key=lambda r: (r.theme_id is None, -r.total.deals, -r.total.findings, r.theme))
    return ThemesByStage(columns, tuple(rows), sum(pk not in tied for pk in at))


def _worth(company: Company, deal_ids: Iterable[int], today: date) -> dict[int, Decimal | None]:
    """What each deal is worth in the company's currency; None without an amount or a rate."""
    deals = valued(context=Context(company=company, today=today, stages=()))
    return dict(deals.filter(pk__in=set(deal_ids)).order_by().values_list("pk", "worth"))


def _figures(
    findings: list[int],
    tied: dict[int, set[int]],
    worth: dict[int, Decimal | None],
    style: Style,
) -> ThemeFigures:
    deals = {deal for pk in findings for deal in tied.get(pk, ())}
    priced = [w for deal in deals if (w := worth.get(deal)) is not None]
    amount = sum(priced, Decimal(0)) if priced or not deals else None
    return ThemeFigures(
        findings=len(findings),
        deals=len(deals),
        deals_text=deals_text(len(deals), style),
        amount=amount,
        amount_text=(formats.money(float(amount), style) or "") if amount is not None else "",
        unpriced=len(deals) - len(priced),
    )
