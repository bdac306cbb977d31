"""What to look at next, and why: lost and won deals that nobody has asked about yet.

The places are the stages that cost most in the newest quarter in which deals were closed, by
channel, in the order of docs/metrics.md, "Funnel and danger points". The deals lost at a stage
are those behind its figure. Which of them are proposed: `metrics.calc.sampling`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import formats
from accounts.formats import Style
from accounts.models import Company
from metrics.calc.calendar import day_of_number
from metrics.calc.danger import danger_order
from metrics.calc.drill import deals_behind
from metrics.calc.history import Int64
from metrics.calc.quarter_work import QuarterWork
from metrics.calc.sampling import (
    LARGE,
    MIDDLE,
    NO_AMOUNT,
    SMALL,
    Candidate,
    fair_sample,
    size_bands,
)
from metrics.calc.segments import ALL
from metrics.calc.types import SegmentFigures, StageFigures
from metrics.models import Review, ReviewKind
from metrics.selectors.danger import loss_line
from metrics.selectors.danger_agenda import cost_text
from metrics.selectors.figures import default_pipeline, figures_by_segment
from metrics.selectors.filters import segment_text
from metrics.selectors.quarter_deals import QuarterDeals, quarter_deals
from metrics.selectors.review_words import KINDS, TALKS, Word, kind_word
from metrics.selectors.stage_places import stage_lists
from pipeline.models import Activity, Deal

CHANNELS = ("channel=inbound", "channel=outbound", "channel=unknown")
PLACES = 4  # the stages that are looked at, over all channels
PROPOSED = 5  # deals of a queue
_LOST_KINDS = (ReviewKind.CALL.value, ReviewKind.EMAIL.value, ReviewKind.LOST.value)
_WON_KINDS = (ReviewKind.CUSTOMER.value,)


@dataclass(frozen=True, slots=True)
class Proposed:
    """A deal to look at."""

    deal_id: int
    name: str
    customer: str
    rep: str
    amount: str
    size: str  # "large deal" among those of its place
    closed: str


@dataclass(frozen=True, slots=True)
class Queue:
    """What could be done at a place in one way. `done` of `total` deals are; `drafts` were begun.
    `why` is the reason in one sentence, `note` what cannot be proposed."""

    kind: Word
    why: str
    done: int
    drafts: int
    total: int
    deals: tuple[Proposed, ...]
    note: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where deals were lost, or that they were won, in one channel. `at` is the stage's position,
    None for won deals."""

    at: int | None
    segment: str
    channel: str
    title: str
    line: str
    count: int
    queues: tuple[Queue, ...]


@dataclass(frozen=True, slots=True)
class ReviewQueues:
    """Everything that the page proposes. `quarter` is empty while no deal was ever closed."""

    quarter: str
    quarter_label: str
    lost: tuple[Place, ...]
    won: tuple[Place, ...]
    behind: bool


@dataclass(frozen=True, slots=True)
class _Asked:
    """A place before anything is known of its deals. `figures` None: the won deals."""

    segment: str
    figures: StageFigures | None

    @property
    def kinds(self) -> tuple[str, ...]:
        return _WON_KINDS if self.figures is None else _LOST_KINDS


@dataclass(frozen=True, slots=True)
class _Book:
    """By kind of review: deals that have one, deals where one was begun, deals that have a call
    (or e-mail) to review."""

    done: Mapping[str, frozenset[int]]
    drafts: Mapping[str, frozenset[int]]
    talks: Mapping[str, frozenset[int]]


@dataclass(frozen=True, slots=True)
class _Plan:
    """A place with its deals (indices into the work), and those that are proposed, by kind."""

    asked: _Asked
    deals: Int64
    bands: Mapping[int, int]
    chosen: Mapping[str, tuple[int, ...]]


def review_queues(
    *,
    company: Company,
    now: datetime,
    style: Style,
    kind: str = "",
    pipeline_id: int | None = None,
) -> ReviewQueues:
    """What to review next in a pipeline, else in the one shown first; with `kind` only in that way.

    The number of queries does not grow with deals or places.
    """
    pipeline_id = pipeline_id or default_pipeline(company=company)
    nothing = ReviewQueues("", "", (), (), behind=False)
    lists = stage_lists(company=company).get(pipeline_id or 0, ())
    figures = figures_by_segment(
        company=company, segments=(ALL, *CHANNELS), pipeline_id=pipeline_id
    )
    newest = next((f for f in reversed(figures[ALL]) if f.won or f.lost), None)
    start = next((q.start for q in lists if newest and q.label == newest.quarter), None)
    if newest is None or start is None or pipeline_id is None:
        return nothing
    quarters = quarter_deals(
        company=company, pipeline_id=pipeline_id, starts=[start], segment=ALL, now=now
    )
    if not quarters:
        return nothing
    work = quarters[0].work
    by_channel = {
        segment: found
        for segment in CHANNELS
        for found in figures[segment]
        if found.quarter == newest.quarter
    }
    won = [_Asked(segment, None) for segment, found in by_channel.items() if found.won]
    asked = [
        (one, deals)
        for one in (*_worst(by_channel), *won)
        if len(deals := _deals(work, one)) and (not kind or kind in one.kinds)
    ]
    book = _book({pk for _one, deals in asked for pk in _ids(work, deals)})
    seed = f"{company.slug} {newest.quarter}"
    plans = [_plan(one, deals, work, book, seed=seed, kind=kind) for one, deals in asked]
    known = _known({pk for p in plans for ids in p.chosen.values() for pk in ids})
    places = [_place(p, quarters[0], book, known, style) for p in plans]
    return ReviewQueues(
        quarter=formats.quarter(newest.quarter),
        quarter_label=newest.quarter,
        lost=tuple(place for place in places if place.at is not None),
        won=tuple(place for place in places if place.at is None),
        behind=quarters[0].behind,
    )


def _worst(by_channel: Mapping[str, SegmentFigures]) -> list[_Asked]:
    """The stages where the quarter's losses cost most, over the channels."""
    places = [
        _Asked(segment, stage)
        for segment, found in by_channel.items()
        for stage in found.stages
        if stage.lost_at
    ]
    stages = [one.figures for one in places if one.figures is not None]
    order = danger_order([s.expected_loss for s in stages], [s.lost_at for s in stages])
    return [places[n - 1] for n in order[:PLACES]]


def _deals(work: QuarterWork, one: _Asked) -> Int64:
    if one.figures is None:
        return deals_behind(work, "won", segment=one.segment)
    return deals_behind(work, "lost_at", segment=one.segment, at=one.figures.position)


def _ids(work: QuarterWork, deals: Int64) -> list[int]:
    ids: list[int] = work.history.deal_id[deals].tolist()
    return ids


def _book(deal_ids: set[int]) -> _Book:
    done: dict[str, set[int]] = {kind: set() for kind in KINDS}
    drafts: dict[str, set[int]] = {kind: set() for kind in KINDS}
    # Reviews are made by hand: there are never so many that reading them all would cost.
    rows = Review.objects.exclude(state=Review.State.WITHDRAWN)
    for deal_id, kind, state in rows.values_list("deal_id", "kind", "state"):
        if deal_id in deal_ids:
            (done if state == Review.State.DONE else drafts)[kind].add(deal_id)
    talks: dict[str, set[int]] = {kind: set() for kind in TALKS}
    held = Activity.objects.filter(deal_id__in=deal_ids).order_by()
    for deal_id, what in held.values_list("deal_id", "kind").distinct():
        for kind, kinds in TALKS.items():
            if what in kinds:
                talks[kind].add(deal_id)
    return _Book(
        *({kind: frozenset(ids) for kind, ids in part.items()} for part in (done, drafts, talks))
    )


def _plan(
    one: _Asked, deals: Int64, work: QuarterWork, book: _Book, *, seed: str, kind: str
) -> _Plan:
    ids = _ids(work, deals)
    amounts = [None if a != a else a for a in work.amount[deals].tolist()]
    reps = work.history.rep[deals].tolist()
    candidates = [Candidate(*row) for row in zip(ids, reps, amounts, strict=True)]
    chosen = {}
    for way in one.kinds:
        if kind and way != kind:
            continue
        chosen[way] = fair_sample(
            candidates,
            seed=seed,
            count=PROPOSED,
            seen=book.done[way] | book.drafts[way],
            closed=frozenset(ids) - book.talks[way] if way in TALKS else (),
        )
    bands = dict(zip(ids, size_bands(amounts), strict=True))
    return _Plan(one, deals, bands, chosen)


def _known(deal_ids: set[int]) -> dict[int, Any]:
    rows = Deal.objects.filter(pk__in=deal_ids)
    return {row["id"]: row for row in rows.values("id", "name", "customer__name", "rep__name")}


def _place(
    plan: _Plan, quarter: QuarterDeals, book: _Book, known: Mapping[int, Any], style: Style
) -> Place:
    stage = plan.asked.figures
    n = len(plan.deals)
    channel = segment_text(plan.asked.segment)
    said = formats.quarter(quarter.quarter.label)
    ids = frozenset(_ids(quarter.work, plan.deals))
    if stage is None:
        title = _("Won in {quarter}").format(quarter=said)
        what = ngettext("{n} deal won in {quarter}", "{n} deals won in {quarter}", n)
    else:
        title = stage.name
        what = ngettext("{n} lost at {stage} in {quarter}", "{n} lost at {stage} in {quarter}", n)
    what = what.format(n=formats.number(n, style), stage=stage.name if stage else "", quarter=said)
    rows = _rows(plan, quarter, known, style)
    queues = []
    for kind, chosen in plan.chosen.items():
        done, drafts = len(ids & book.done[kind]), len(ids & book.drafts[kind])
        silent = 0
        if kind in TALKS:
            silent = len(ids - book.talks[kind] - book.done[kind] - book.drafts[kind])
        queues.append(
            Queue(
                kind=kind_word(kind),
                # "7 lost at Proposal in Q3 2026, outbound, no call reviewed yet"
                why=_("{deals}, {channel}, {done}").format(
                    deals=what, channel=channel.lower(), done=_done_text(kind, done, n, style)
                ),
                done=done,
                drafts=drafts,
                total=n,
                deals=tuple(rows[pk] for pk in chosen),
                note=_note(kind, done, drafts, silent, n),
            )
        )
    return Place(
        at=stage.position if stage else None,
        segment=plan.asked.segment,
        channel=channel,
        title=title,
        line=_line(stage, style) if stage else "",
        count=n,
        queues=tuple(queues),
    )


def _line(stage: StageFigures, style: Style) -> str:
    cost = cost_text(stage, style)
    return f"{loss_line(stage, style)}. {cost}" if cost else loss_line(stage, style)


def _done_text(kind: str, done: int, n: int, style: Style) -> str:
    none = {
        ReviewKind.CALL.value: _("no call reviewed yet"),
        ReviewKind.EMAIL.value: _("no e-mail reviewed yet"),
        ReviewKind.LOST.value: _("nobody asked yet"),
        ReviewKind.CUSTOMER.value: _("nobody asked yet"),
    }
    some = {
        ReviewKind.CALL.value: _("{k} of {n} with a call reviewed"),
        ReviewKind.EMAIL.value: _("{k} of {n} with an e-mail reviewed"),
        ReviewKind.LOST.value: _("{k} of {n} asked"),
        ReviewKind.CUSTOMER.value: _("{k} of {n} asked"),
    }
    if not done:
        return none[kind]
    return some[kind].format(k=formats.number(done, style), n=formats.number(n, style))


def _note(kind: str, done: int, drafts: int, silent: int, n: int) -> str:
    """What the list of proposals leaves out; empty where it leaves out nothing."""
    told = []
    if silent == n:
        return (
            _("None of them has an e-mail on record, so there is none to review.")
            if kind == ReviewKind.EMAIL
            else _("None of them has a call or meeting on record, so there is none to review.")
        )
    if silent:
        told.append(
            ngettext(
                "{n} has none on record and cannot be reviewed.",
                "{n} have none on record and cannot be reviewed.",
                silent,
            ).format(n=silent)
        )
    if drafts:
        told.append(
            ngettext(
                "{n} was begun and is a draft.", "{n} were begun and are drafts.", drafts
            ).format(n=drafts)
        )
    if done and done + drafts + silent == n:
        told.append(_("All the others are done.") if drafts or silent else _("All are done."))
    return " ".join(told)


def _rows(
    plan: _Plan, quarter: QuarterDeals, known: Mapping[int, Any], style: Style
) -> dict[int, Proposed]:
    sizes = {
        NO_AMOUNT: _("no amount"),
        SMALL: _("smaller deal"),
        MIDDLE: _("deal of middle size"),
        LARGE: _("larger deal"),
    }
    wanted = {pk for ids in plan.chosen.values() for pk in ids}
    work = quarter.work
    found = {}
    for place, pk in zip(plan.deals.tolist(), _ids(work, plan.deals), strict=True):
        if pk not in wanted or pk not in known:
            continue
        row, amount = known[pk], float(work.amount[place])
        found[pk] = Proposed(
            deal_id=pk,
            name=row["name"],
            customer=row["customer__name"] or "",
            rep=row["rep__name"] or _("No rep"),
            amount=formats.money(None if amount != amount else amount, style) or "",
            size=sizes[plan.bands[pk]],
            closed=formats.day(day_of_number(int(work.states.closed_on[place])), style),
        )
    return found
