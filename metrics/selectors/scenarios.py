"""Saved what-ifs with what they come to: computed when read, from the newest snapshots."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from accounts import formats
from accounts.models import Company
from metrics.calc.types import SegmentFigures
from metrics.calc.whatif import Changes, WhatIf, what_if
from metrics.calc.whatif_ranking import levers_of
from metrics.models import Scenario
from metrics.selectors import wording
from metrics.selectors.figures import figures_by_segment
from metrics.selectors.filters import Question, segment_text
from metrics.selectors.what_if_fields import lever_title, parameter, value_text
from metrics.selectors.what_if_query import State, joined, percent_written, state_from, written
from metrics.selectors.what_if_result import empty_text, gain_lines
from metrics.selectors.wording import Delta, Reading


@dataclass(frozen=True, slots=True)
class ScenarioRow:
    """One saved what-if. `query` opens it; `reason` stands where it comes to nothing computable.

    Money per day and for the quarter, against the quarter as it is known now.
    """

    id: int
    version: int
    name: str
    remark: str
    owner: str
    saved: str
    quarter: str
    segment: str
    quarter_text: str
    pipeline_text: str  # empty where the company has one
    segment_text: str
    changes: tuple[str, ...]
    query: str
    current: bool
    reason: str
    before: float | None
    after: float | None
    per_day: float | None
    money: float | None
    result: str
    delta: Delta | None
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """What the simulator shows, which may be one of the saved what-ifs."""

    pipeline_id: int | None
    quarter: str
    segment: str
    changes: Mapping[str, str]  # parameter -> value, as the address has them


def scenario_rows(
    *,
    company: Company,
    reading: Reading,
    pipelines: Mapping[int, str],
    current: Shown | None = None,
) -> tuple[ScenarioRow, ...]:
    """All saved what-ifs, the newest change first.

    `pipelines` are the company's by id, the one shown first first. One query for the scenarios
    with their owners, and one reading of the snapshots for each pipeline that one is about.
    """
    saved = tuple(
        Scenario.objects.filter(withdrawn_at=None)
        .select_related("owner")
        .order_by("-changed_at", "-id")
    )
    if not saved:
        return ()
    found = {
        pipeline_id: figures_by_segment(
            company=company,
            segments=sorted({s.segment for s in saved if s.pipeline_id == pipeline_id}),
            pipeline_id=pipeline_id,
        )
        for pipeline_id in {s.pipeline_id for s in saved}
    }
    return tuple(
        _row(one, found[one.pipeline_id][one.segment], reading, company, pipelines, current)
        for one in saved
    )


def scenario_of(*, scenario_id: int) -> Scenario | None:
    """One scenario that was not withdrawn, of the active company."""
    found: Scenario | None = Scenario.objects.filter(pk=scenario_id, withdrawn_at=None).first()
    return found


def change_texts(changes: Changes, now: SegmentFigures | None, reading: Reading) -> tuple[str, ...]:
    """What is changed, in words: Sales cycle 80 days; Held and where it leads 60.0%."""
    if now is None:
        plain = [written(x) for x in (changes.number, changes.deal_size, changes.cycle) if x]
        plain += [f"{percent_written(p)} %" for p in changes.conversions.values()]
        return tuple(plain)
    values = {"n": changes.number, "a": changes.deal_size, "c": changes.cycle}
    values |= {f"p{position}": share for position, share in changes.conversions.items()}
    said = []
    for lever in levers_of(now, ()):
        value = values.get(parameter(lever))
        if value is not None:
            name, text = lever_title(lever, now, reading), value_text(lever, value, reading)
            said.append(_("{lever}: {value}").format(lever=name, value=text))
    return tuple(said)


def _row(
    scenario: Scenario,
    history: Sequence[SegmentFigures],
    reading: Reading,
    company: Company,
    pipelines: Mapping[int, str],
    current: Shown | None,
) -> ScenarioRow:
    style = reading.style
    now = next((f for f in history if f.quarter == scenario.quarter), None)
    # Unlike a typed field, a kept value that equals today's is a change of nothing, and stays.
    sent = {name: [text] for name, text in scenario.changes.items()}
    state = state_from(sent, now=None, style=style)
    result = _result(now, state)
    per_day = money = before = after = None
    text = reason = ""
    delta: Delta | None = None
    lines: tuple[str, ...] = ()
    if isinstance(result, WhatIf):
        assert now is not None
        assert now.velocity is not None
        before, after = now.velocity, result.velocity
        per_day, money = after - before, result.money
        text = formats.money_per_day(after, style) or ""
        delta = wording.delta(formats.change(before, after, style), result.change)
        lines = gain_lines(result, now, style)
    else:
        reason = result
    asked = Question(
        quarter=scenario.quarter,
        pipeline=None if scenario.pipeline_id == next(iter(pipelines)) else scenario.pipeline_id,
        segment=scenario.segment,
    )
    kept = Shown(scenario.pipeline_id, scenario.quarter, scenario.segment, dict(scenario.changes))
    owner = scenario.owner
    return ScenarioRow(
        id=scenario.pk,
        version=scenario.version,
        name=scenario.name,
        remark=scenario.remark,
        owner=str(owner) if owner is not None else "",
        saved=formats.day(scenario.changed_at.astimezone(company.zone), style),
        quarter=scenario.quarter,
        segment=scenario.segment,
        quarter_text=formats.quarter(scenario.quarter),
        pipeline_text=pipelines[scenario.pipeline_id] if len(pipelines) > 1 else "",
        segment_text=segment_text(scenario.segment),
        changes=change_texts(state.changes, now, reading),
        query=joined(asked.query(), state),
        current=kept == current,
        reason=reason,
        before=before,
        after=after,
        per_day=per_day,
        money=money,
        result=text,
        delta=delta,
        lines=lines,
    )


def _result(now: SegmentFigures | None, state: State) -> WhatIf | str:
    if now is None:
        return _("Not computable: there is no deal of this segment in the quarter.")
    if state.errors or any(p > len(now.stages) for p in state.changes.conversions):
        return _("Not computable: the pipeline of that quarter has no such stage.")
    found = what_if(now, state.changes)
    return empty_text(found, now) if isinstance(found, str) else found
