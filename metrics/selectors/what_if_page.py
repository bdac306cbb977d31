"""The simulator: what velocity would be, and which lever is worth most. Rows ready to print.

Definitions: docs/metrics.md, "What if". Arithmetic: `metrics.calc.whatif`, `whatif_ranking`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from accounts import formats
from accounts.formats import Style
from metrics.calc.types import SegmentFigures
from metrics.calc.whatif import WhatIf, WhatIfEmpty, what_if
from metrics.calc.whatif_ranking import (
    MoreDeals,
    RankedStep,
    levers_of,
    more_deals,
    ranking,
)
from metrics.selectors import wording
from metrics.selectors.danger import stage_steps
from metrics.selectors.velocity_page import notices
from metrics.selectors.what_if_fields import (
    Field,
    fields_of,
    lever_title,
    step_reason,
    step_text,
    usual_text,
    worth_text,
)
from metrics.selectors.what_if_query import State
from metrics.selectors.what_if_result import Result, empty_text, result_of
from metrics.selectors.wording import Reading

MORE = (1, 2)  # so many more deals past a stage are said in words


@dataclass(frozen=True, slots=True)
class RankRow:
    """One lever in the ranking."""

    rank: str
    name: str
    step: str
    per_day: float | None
    worth: str
    usual: str
    best_per_day: float | None
    best: str


@dataclass(frozen=True, slots=True)
class MoreRow:
    """One or two more deals past a stage, in words."""

    name: str
    sentences: tuple[SafeString, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class WhatIfPage:
    """Everything that the page prints. `empty` is the reason why there is nothing to change."""

    lede: SafeString
    win_rate: SafeString  # what it is and would be: no lever of its own, the stages set it
    factors: tuple[Field, ...]
    stages: tuple[Field, ...]
    result: Result
    ranking: tuple[RankRow, ...]
    more: tuple[MoreRow, ...]
    changed: bool
    empty: str
    status_note: str
    notices: tuple[str, ...]


def what_if_page(
    *,
    now: SegmentFigures,
    history: Sequence[SegmentFigures],
    state: State,
    reading: Reading,
) -> WhatIfPage:
    """The page for one quarter and segment; `history` are the segment's figures up to it."""
    style = reading.style
    levers = levers_of(now, history)
    steps = ranking(now, levers)
    fields = fields_of(now=now, steps=steps, levers=levers, state=state, reading=reading)
    found = what_if(now, state.changes)
    result = result_of(now, levers, found, state, reading)
    return WhatIfPage(
        lede=_lede(now, steps, found, state, reading),
        win_rate=_win_rate(now, found, state, style),
        factors=fields[:3],
        stages=fields[3:],
        result=result,
        ranking=tuple(_rank_row(step, now, reading) for step in steps),
        more=_more_rows(now, style),
        changed=bool(state.pairs),
        empty=wording.empty_reason(now),
        status_note=wording.status_text(now, style)[2],
        notices=notices(now, style),
    )


def _lede(
    now: SegmentFigures,
    steps: Sequence[RankedStep],
    found: WhatIf | WhatIfEmpty,
    state: State,
    reading: Reading,
) -> SafeString:
    style = reading.style
    quarter = formats.quarter(now.quarter)
    if isinstance(found, str):
        said = wording.sentence(_("There is no what-if for {quarter}."), quarter=quarter)
        return wording.joined([said, empty_text(found, now)])
    if not state.pairs:
        best = next((step for step in steps if step.per_day is not None), None)
        said = wording.sentence(
            _("Velocity in {quarter} is {value}. Move a lever to see what it would be."),
            quarter=quarter,
            value=formats.money_per_day(now.velocity, style),
        )
        if best is None or best.per_day is None:
            return said
        most = wording.sentence(
            _("One small step is worth most here: {lever}, {step}, {money}."),
            lever=lever_title(best.lever, now, reading),
            step=step_text(best.lever, style),
            money=worth_text(best.per_day, style),
        )
        return wording.joined([said, most])
    return wording.sentence(
        _("Velocity would be {after} instead of {before} in {quarter}, a change of {change}."),
        after=formats.money_per_day(found.velocity, style),
        before=formats.money(now.velocity, style),
        quarter=quarter,
        change=formats.change(now.velocity, found.velocity, style),
    )


def _win_rate(
    now: SegmentFigures, found: WhatIf | WhatIfEmpty, state: State, style: Style
) -> SafeString:
    """The fourth lever in a sentence: today's, and the one that the changed stages give."""

    def told(share: float | None) -> str:
        return formats.percent(share, style, decimals=1) or ""

    if now.win_rate is None or not now.stages:
        return wording.joined([])
    if isinstance(found, str) or not state.changes.conversions:
        said = wording.sentence(_("Win rate: {today}, as today."), today=told(now.win_rate))
    else:
        said = wording.sentence(
            _("Win rate: {after} instead of {today}."),
            after=told(found.win_rate),
            today=told(now.win_rate),
        )
    why = _(
        "It is set by the stages below: it grows and shrinks in proportion to the share that goes"
        " on at each of them."
    )
    return wording.joined([said, why])


def _rank_row(step: RankedStep, now: SegmentFigures, reading: Reading) -> RankRow:
    style = reading.style
    told = step.per_day is not None and step.rank is not None
    return RankRow(
        rank=(formats.number(step.rank, style) or "") if told else "",
        name=lever_title(step.lever, now, reading),
        step=step_text(step.lever, style),
        per_day=step.per_day,
        worth=worth_text(step.per_day, style) if step.per_day is not None else step_reason(step),
        usual=usual_text(step.lever, reading),
        best_per_day=step.best_per_day,
        best=worth_text(step.best_per_day, style) if step.best_per_day is not None else "",
    )


def _more_rows(now: SegmentFigures, style: Style) -> tuple[MoreRow, ...]:
    rows = []
    for stage, following in stage_steps(now):
        sentences: list[SafeString] = []
        reason = ""
        for deals in MORE:
            found = more_deals(now, stage.position, deals)
            if isinstance(found, str):
                reason = {
                    "no_velocity": _("Not computable without a velocity."),
                    "no_conversion": _("Not computable: no deal got past it in the quarter."),
                    "no_room": _("No deal was lost here in the quarter."),
                }[found]
            elif found.deals == deals:
                sentences.append(_more_sentence(found, stage.name, style))
        name = f"{stage.name} \N{RIGHTWARDS ARROW} {following}"
        rows.append(MoreRow(name, tuple(sentences), reason))
    return tuple(rows)


def _more_sentence(found: MoreDeals, stage: str, style: Style) -> SafeString:
    if found.deals == 1:
        template = (
            _(
                "One more deal past {stage} in the quarter is worth {money}. It is all that was"
                " lost."
            )
            if found.all_of_them
            else _("One more deal past {stage} in the quarter is worth {money}.")
        )
    else:
        template = (
            _(
                "Two more deals past {stage} in the quarter are worth {money}. They are all that"
                " were lost."
            )
            if found.all_of_them
            else _("Two more deals past {stage} in the quarter are worth {money}.")
        )
    return wording.sentence(template, stage=stage, money=worth_text(found.per_day, style))
