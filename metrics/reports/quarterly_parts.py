"""Parts of a quarter's review: funnel, danger points, experiments, readiness of the data."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from django.db.models import Count, Q
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import formats
from accounts.formats import Style
from accounts.models import Company
from metrics.calc.calendar import Quarter, local_midnight
from metrics.calc.segments import ALL
from metrics.calc.types import SegmentFigures, StageFigures
from metrics.models import DangerPoint, Finding
from metrics.reports.document import Cell, Column, Item, Quote, Section, Table
from metrics.reports.plain import count, days, money, share
from metrics.selectors import wording
from metrics.selectors.danger import danger_rows, loss_line, stage_steps, usual_loss
from metrics.selectors.danger_words import state_text
from metrics.selectors.data_readiness import Check
from metrics.selectors.experiment_rows import experiments, rows_of
from metrics.selectors.filters import segment_text
from metrics.selectors.finding_sources import source_of
from metrics.selectors.stage_places import QuarterStages, all_stages, heir_of, stage_of
from pipeline.models import Stage

_FINDINGS = 2  # of each danger point
_TRUSTED = 0.9


def _path(company: Company, name: str, **of: int) -> str:
    return reverse(f"metrics:{name}", kwargs={"company_slug": company.slug, **of})


def funnel(now: SegmentFigures, channels: Sequence[SegmentFigures | None], style: Style) -> Section:
    """Where deals went on and where they were lost: of all deals, and how many of the inbound and
    the outbound ones went on."""
    opened = now.stages[0].cohort_reached if now.stages else now.opened
    sentence = ngettext(
        "Of {n} deal opened in the quarter {won} was won by then.",
        "Of {n} deals opened in the quarter {won} were won by then.",
        opened,
    ).format(n=formats.number(opened, style), won=formats.number(now.cohort_won, style))
    return Section(
        key="funnel",
        title=_("Funnel"),
        anchor="funnel",
        sentences=(sentence,),
        pictures=("funnel",),
        table=Table(
            title=_("Stage by stage"),
            columns=(
                Column(_("Stage"), numeric=False),
                Column(_("Reached"), "funnel"),
                Column(_("Went on"), "exit-conversion"),
                # xgettext:no-python-format
                Column(_("95% from"), "exit-conversion", where="file"),
                Column(_("95% to"), "exit-conversion", where="file"),
                Column(_("Inbound"), "exit-conversion"),
                Column(_("Outbound"), "exit-conversion"),
                Column(_("Usual loss"), "danger-points"),
                Column(_("Lost here"), "funnel"),
                Column(_("Value lost"), "value-lost"),
                Column(_("Median days"), "time-in-stage"),
                Column(_("Verdict"), "danger-points", numeric=False),
            ),
            rows=tuple(_stage(stage, channels, style) for stage in now.stages),
            note=_(
                "Reached counts the deals opened in the quarter; the rest what happened in it."
                " Inbound and outbound say how many of them went on."
            ),
        ),
    )


def _went_on(stage: StageFigures | None, style: Style) -> Cell:
    exits = stage.advanced + stage.lost_at if stage else 0
    if stage is None or not exits:
        return Cell(_("none left"), None, "share")
    rate, gap, counts = formats.rate_of(stage.advanced, exits, style).partition(" (")
    # Where a column is narrow, "(206 of 322)" goes to the next line as a whole.
    text = rate + gap + counts.replace(" ", "\N{NO-BREAK SPACE}")
    return share(stage.exit_conversion, style, text=text)


def _stage(
    stage: StageFigures, channels: Sequence[SegmentFigures | None], style: Style
) -> tuple[Cell, ...]:
    low, high = stage.exit_interval or (None, None)
    usual = (stage.usual_advanced or 0) + (stage.usual_lost_at or 0)
    usual_share = (stage.usual_lost_at or 0) / usual if usual else None
    word, _icon = wording.verdict_text(stage.verdict)
    return (
        Cell(stage.name),
        count(stage.cohort_reached, style),
        _went_on(stage, style),
        Cell("", low, "share"),
        Cell("", high, "share"),
        *(_went_on(_same(stage, channel), style) for channel in channels),
        Cell(usual_loss(stage, style) or _("no usual yet"), usual_share, "share"),
        count(stage.lost_at, style),
        money(stage.value_lost, style, none=_("no amounts")),
        days(stage.days_median, style, none=_("none")),
        Cell(word, tone=stage.verdict),
    )


def _same(stage: StageFigures, of: SegmentFigures | None) -> StageFigures | None:
    found = of.stages if of else ()
    return next((other for other in found if other.position == stage.position), None)


def danger(
    company: Company,
    pipeline_id: int,
    quarter: Quarter,
    now: SegmentFigures,
    stages: QuarterStages | None,
    style: Style,
) -> Section:
    """What lost more than usual, and the danger points that the team had or opened because of
    this quarter, each with its best findings. A stage that nobody took on has its findings too."""
    since, until = (local_midnight(day, company.zone) for day in (quarter.start, quarter.end))
    points = (
        DangerPoint.objects.filter(
            Q(closed_at=None) | Q(closed_at__gte=since),
            Q(opened_at__lt=until) | Q(opened_quarter=quarter.label),
            pipeline_id=pipeline_id,
        )
        .select_related("stage", "owner")
        .order_by("opened_at", "pk")
    )
    known = all_stages()
    best = _best_findings(pipeline_id, quarter, known)
    items = [_point(company, p, now, stages, best, known, style) for p in points]
    taken = bool(items)
    covered = {heir_of(p.stage_id, known) for p in points}
    worst = [row for row in danger_rows(now, style) if row.verdict in ("danger", "watch")][:3]
    sentences = tuple(
        _("{word}: {stage}. {line}. {worth}")
        .format(
            word=row.word, stage=row.name, line=row.line, worth=row.worth + "." if row.worth else ""
        )
        .strip()
        for row in worst
    )
    for row in worst:
        stage_id = stages.stage_id(row.position) if stages is not None else None
        if stage_id is not None and heir_of(stage_id, known) not in covered:
            quotes = _quotes(company, best.get(heir_of(stage_id, known), ()), style)
            if quotes:
                items.append(Item(title=row.name, tag=row.word, tone=row.verdict, quotes=quotes))
    return Section(
        key="danger",
        title=_("Danger points"),
        anchor="danger-points",
        sentences=sentences or (_("No stage lost clearly more than usual."),),
        items=tuple(items),
        notes=(
            (_("States and owners are those of today."),)
            if taken
            else (_("Nobody took on a danger point in this quarter."),)
        ),
    )


def _best_findings(
    pipeline_id: int, quarter: Quarter, known: Mapping[int, Stage]
) -> dict[int, list[Finding]]:
    """Findings by stage as it is now: the most severe first, then those that show in most deals.

    Known by the end of the quarter's settling: learned at most a month after it.
    """
    rank = {"high": 0, "medium": 1, "low": 2}
    rows = (
        Finding.objects.filter(
            pipeline_id=pipeline_id,
            withdrawn_at=None,
            learned_on__lt=quarter.end + timedelta(days=31),
        )
        .select_related("theme")
        .annotate(deals=Count("deal_links"))
    )
    found: dict[int, list[Finding]] = {}
    for row in sorted(rows, key=lambda r: (rank[r.severity], -r.deals, r.pk)):
        found.setdefault(heir_of(row.stage_id, known), []).append(row)
    return found


def _point(
    company: Company,
    point: DangerPoint,
    now: SegmentFigures,
    stages: QuarterStages | None,
    best: Mapping[int, Sequence[Finding]],
    known: Mapping[int, Stage],
    style: Style,
) -> Item:
    figures = None
    if point.segment == ALL and stages is not None:
        figures = stage_of(now, stages, stage_id=point.stage_id, name=point.stage.name)
    title = point.stage.name
    following = next((to for s, to in stage_steps(now) if figures and s is figures), "")
    if following:
        title = f"{title} \N{RIGHTWARDS ARROW} {following}"
    if point.segment != ALL:
        title = f"{title}, {segment_text(point.segment)}"
    lines = [loss_line(figures, style)] if figures else []
    if point.owner:
        lines.append(_("Owner: {name}").format(name=point.owner.name or point.owner.email))
    return Item(
        title=title,
        tag=str(state_text(point.state).word),
        tone=figures.verdict if figures else "",
        lines=tuple(lines),
        quotes=_quotes(company, best.get(heir_of(point.stage_id, known), ()), style),
        path=_path(company, "danger_point", danger_point_id=point.pk),
    )


def _quotes(company: Company, best: Sequence[Finding], style: Style) -> tuple[Quote, ...]:
    return tuple(
        Quote(
            text=finding.statement,
            source=_source(finding, style),
            path=_path(company, "finding", finding_id=finding.pk),
        )
        for finding in best[:_FINDINGS]
    )


def _source(finding: Finding, style: Style) -> str:
    parts = [str(source_of(finding.source).word), formats.day(finding.learned_on, style)]
    deals: int = finding.deals  # type: ignore[attr-defined]
    if deals:
        parts.append(wording.deals(deals, style))
    if finding.theme:
        parts.append(finding.theme.name)
    return " · ".join(parts)


def experiments_of(
    company: Company, pipeline_id: int, quarter: Quarter, at: datetime, style: Style
) -> Section:
    """Experiments that ran in the quarter, and what each of them showed."""
    since = local_midnight(quarter.start, company.zone)
    ran = experiments().filter(
        Q(decided_at=None) | Q(decided_at__gte=since),
        pipeline_id=pipeline_id,
        starts_on__lt=quarter.end,
    )
    rows = rows_of(
        list(ran.exclude(state="draft").order_by("starts_on", "pk")),
        company=company,
        today=company.local_day(company.clock(at)),
        style=style,
    )
    items = []
    for row in rows:
        certain = _("better with a chance of {chance}").format(chance=row.certainty)
        result = " · ".join(
            part for part in (row.effect, row.interval, certain if row.certainty else "") if part
        )
        lines = [
            _("{measure}, {segment}, {days}").format(
                measure=row.lever, segment=row.segment, days=row.days
            ),
            result or _("Nothing has been computed yet."),
        ]
        if row.decision.value:
            lines.append(f"{row.decision.word}: {row.reason}" if row.reason else row.decision.word)
        items.append(
            Item(
                title=row.title,
                tag=str(row.word.word if row.word else row.state.word),
                tone=row.word.tone if row.word else "",
                lines=tuple(lines),
                path=_path(company, "experiment", experiment_id=row.id),
            )
        )
    said = (
        ngettext(
            "{n} experiment ran in the quarter.", "{n} experiments ran in the quarter.", len(items)
        ).format(n=formats.number(len(items), style))
        if items
        else _("No experiment ran in this quarter.")
    )
    return Section(
        key="experiments",
        title=_("Experiments and what was learned"),
        anchor="experiments",
        sentences=(said,),
        items=tuple(items),
    )


def readiness(checks: Sequence[Check]) -> Section:
    """Can we trust the data? What was recorded, of how much."""
    rows = tuple(
        (
            Cell(check.name),
            Cell(check.text, check.share, "share"),
            Cell(str(check.k), check.k, "count"),
            Cell(str(check.n), check.n, "count"),
            Cell(check.why if check.share is not None and check.share < 1 else ""),
        )
        for check in checks
    )
    weak = [c for c in checks if c.share is not None and c.share < _TRUSTED]
    said = (
        _("Look at these before you rely on the figures: {names}.").format(
            names=", ".join(c.name.lower() for c in weak)
        )
        if weak
        else _("Every check of the data passes for nine in ten or more.")
    )
    return Section(
        key="readiness",
        title=_("Can we trust the data?"),
        anchor="",
        sentences=(said,),
        notes=(_("Checked in the data as they are today. The figures above are as stored."),),
        table=Table(
            title=_("Readiness of the data"),
            columns=(
                Column(_("Check"), numeric=False),
                Column(_("As it should be")),
                Column(_("Right"), where="file"),
                Column(_("Of"), where="file"),
                Column(_("What the rest costs"), numeric=False),
            ),
            rows=rows,
        ),
    )
