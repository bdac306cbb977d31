"""The agenda: ranked as docs/metrics.md says, over segments, with what nobody took on yet."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from urllib.parse import parse_qsl

import pytest

from accounts.formats import Style
from accounts.roles import Role
from metrics.calc.types import SegmentFigures, StageFigures
from metrics.models import DangerPoint, Finding
from metrics.selectors import danger_agenda as module
from metrics.selectors.agenda_question import AgendaQuestion, agenda_question
from metrics.selectors.danger_agenda import Agenda, danger_agenda
from metrics.selectors.stage_places import QuarterStages
from metrics.services.danger_points import open_danger_point, set_state
from pipeline.models import Stage
from pipeline.services.stages import retire_stage
from tests.metrics.figures import figures, stage
from tests.personas import NOW, Workspace

TODAY = NOW.date()
NAMES = ("Booked", "Held", "Coach")
IN, OUT = "channel=inbound", "channel=outbound"


@pytest.fixture
def told(alpha: Workspace, monkeypatch: pytest.MonkeyPatch) -> dict[str, SegmentFigures]:
    """Figures of the newest quarter by segment, to be filled by the test."""
    made: dict[str, SegmentFigures] = {}
    ids = tuple(alpha.stages[name].pk for name in NAMES)
    quarter = QuarterStages(date(2026, 4, 1), "2026-Q2", ids, NAMES)

    def by_segment(*, segments: list[str], **_more: Any) -> dict[str, Any]:
        return {s: (made[s],) if s in made else () for s in segments}

    monkeypatch.setattr(module, "figures_by_segment", by_segment)
    monkeypatch.setattr(module, "stage_lists", lambda **_k: {alpha.pipeline.pk: (quarter,)})
    return made


def quarter_of(*rows: tuple[float | None, int, str]) -> SegmentFigures:
    """A quarter whose stages have this expected loss, lost_at and verdict."""
    stages: list[StageFigures] = [
        stage(n, NAMES[n - 1], expected_loss=loss, lost_at=lost, verdict=verdict)
        for n, (loss, lost, verdict) in enumerate(rows, start=1)
    ]
    return figures("2026-Q2", stages=tuple(stages), danger_order=(1, 2, 3))


def take_on(workspace: Workspace, name: str, segment: str = "all", **values: Any) -> DangerPoint:
    """Behind the service's back where the segment has no stored figures."""
    return DangerPoint.objects.create(
        pipeline=workspace.pipeline,
        stage=workspace.stages[name],
        segment=segment,
        opened_quarter="2026-Q2",
        opened_at=NOW,
        **values,
    )


def agenda(workspace: Workspace, asked: AgendaQuestion | None = None, **more: Any) -> Agenda:
    return danger_agenda(
        company=workspace.company,
        asked=asked or AgendaQuestion(),
        user_id=more.get("user_id", 0),
        members=frozenset(m.user_id for m in workspace.members.values()),
        today=more.get("today", TODAY),
        style=Style("en", "EUR"),
    )


def order(found: Agenda) -> list[tuple[str, str]]:
    return [(row.stage, row.segment_name) for row in found.rows]


def test_ranked_by_expected_loss_over_all_segments(
    alpha: Workspace, told: dict[str, SegmentFigures]
) -> None:
    told["all"] = quarter_of((500.0, 3, "healthy"), (9000.0, 12, "danger"), (None, 40, "too_few"))
    told[IN] = quarter_of((700.0, 1, "watch"), (8999.0, 30, "danger"), (None, 41, "too_few"))
    for name in NAMES:
        take_on(alpha, name)
        take_on(alpha, name, IN)
    assert order(agenda(alpha)) == [
        ("Held", "all"),
        ("Held", IN),
        ("Booked", IN),
        ("Booked", "all"),
        ("Coach", IN),  # no expected loss: last, by lost deals
        ("Coach", "all"),
    ]
    assert [row.rank for row in agenda(alpha).rows] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("losses", "lost", "expected"),
    [
        ((1000.0, 1000.0, 1000.0), (5, 5, 5), NAMES),
        ((1000.0, 1000.0, 1000.0), (5, 6, 7), ("Coach", "Held", "Booked")),
        ((1000.0, 1000.0 * (1 + 5e-10), 999.0), (6, 5, 9), NAMES),  # a tie within 1e-9
        ((1000.0, 1000.0 * (1 + 5e-9), 999.0), (6, 5, 9), ("Held", "Booked", "Coach")),
        ((None, None, 0.0), (9, 9, 0), ("Coach", "Booked", "Held")),
    ],
)
def test_ties_go_by_lost_deals_and_then_by_position(
    alpha: Workspace,
    told: dict[str, SegmentFigures],
    losses: tuple[float | None, ...],
    lost: tuple[int, ...],
    expected: tuple[str, ...],
) -> None:
    told["all"] = quarter_of(*[(a, b, "danger") for a, b in zip(losses, lost, strict=True)])
    for name in reversed(NAMES):  # the order of opening decides nothing
        take_on(alpha, name)
    assert order(agenda(alpha)) == [(name, "all") for name in expected]


def test_a_row_says_figures_owner_due_day_and_findings(
    alpha: Workspace, told: dict[str, SegmentFigures]
) -> None:
    told["all"] = quarter_of((500.0, 20, "healthy"), (9000.0, 20, "danger"), (None, 20, "too_few"))
    rep = alpha.user(Role.REP)
    take_on(alpha, "Held", owner=rep, due_on=TODAY - timedelta(days=1))
    take_on(alpha, "Coach", due_on=TODAY)
    for n, withdrawn in enumerate((None, None, NOW)):
        Finding.objects.create(
            source="other", pipeline=alpha.pipeline, stage=alpha.stages["Held"],
            statement=f"Reason {n}", learned_on=TODAY, recorded_at=NOW, withdrawn_at=withdrawn,
        )  # fmt: skip
    held, coach = agenda(alpha).rows
    assert held.line == "20.0% (20 of 100) lost on leaving, usual 20.0%"
    assert (held.cost, held.word) == ("Cost up to €9,000", "Danger")
    assert (held.owner, held.owner_left) == (rep.name, False)
    assert held.due
    assert (held.due.text, held.due.overdue) == ("Overdue since 19 May", True)
    assert held.findings == "2 findings"
    assert coach.due
    assert not coach.due.overdue  # today is in time
    assert coach.cost == "Cost not computable: too little was won"
    assert coach.findings == "0 findings"


def test_an_owner_who_left_is_marked(alpha: Workspace, told: dict[str, SegmentFigures]) -> None:
    rep = alpha.user(Role.REP)
    take_on(alpha, "Held", owner=rep)
    alpha.members[Role.REP].delete()
    alpha.members.pop(Role.REP)
    assert agenda(alpha).rows[0].owner_left


def test_filters(alpha: Workspace, told: dict[str, SegmentFigures]) -> None:
    told["all"] = told[IN] = quarter_of(*[(10.0 - n, 5, "danger") for n in range(3)])
    rep, manager = alpha.user(Role.REP), alpha.user(Role.MANAGER)
    take_on(alpha, "Booked", owner=rep)
    take_on(alpha, "Held", owner=manager, state="working")
    take_on(alpha, "Coach", IN, owner=manager)
    take_on(alpha, "Coach", state="dismissed", closed_at=NOW)

    def asked(**values: Any) -> tuple[list[str], list[str]]:
        found = agenda(alpha, AgendaQuestion(**values), user_id=rep.pk)
        return [r.stage for r in found.rows], [r.stage for r in found.ended]

    assert asked() == (["Booked", "Held", "Coach"], ["Coach"])
    assert asked(state="working") == (["Held"], [])
    assert asked(state="dismissed") == ([], ["Coach"])
    assert asked(owner=manager.pk) == (["Held", "Coach"], [])
    assert asked(mine=True) == (["Booked"], [])
    assert asked(segment=IN) == (["Coach"], [])
    assert asked(segment=IN, state="working") == ([], [])
    found = agenda(alpha)
    assert found.total == 4
    assert [name for _id, name in found.owners] == sorted([manager.name, rep.name])


def test_what_nobody_took_on(alpha: Workspace, told: dict[str, SegmentFigures]) -> None:
    told["all"] = quarter_of((500.0, 9, "watch"), (900.0, 12, "danger"), (800.0, 9, "healthy"))
    told[IN] = quarter_of((700.0, 1, "danger"), (100.0, 3, "healthy"), (None, 4, "watch"))
    told["source=Website"] = quarter_of(*[(9999.0, 50, "danger")] * 3)  # not proposed

    def proposed(**values: Any) -> list[tuple[str, str, int]]:
        found = agenda(alpha, AgendaQuestion(**values)).unopened
        return [(row.stage, row.segment_name, row.at) for row in found]

    everything = [("Held", "all", 2), ("Booked", IN, 1), ("Booked", "all", 1), ("Coach", IN, 3)]
    assert proposed() == everything
    assert proposed(segment=IN) == [("Booked", IN, 1), ("Coach", IN, 3)]
    take_on(alpha, "Held")
    take_on(alpha, "Booked", IN, state="resolved", closed_at=NOW)  # it came back
    assert proposed() == everything[1:]


def test_a_retired_stage_says_so_and_is_not_proposed(
    alpha: Workspace, told: dict[str, SegmentFigures]
) -> None:
    told["all"] = quarter_of(*[(10.0, 5, "danger")] * 3)
    take_on(alpha, "Held")
    manager = alpha.actor(Role.MANAGER)
    for old, new in (("Held", "Coach"), ("Booked", "Coach")):
        retire_stage(
            by=manager, stage_id=alpha.stages[old].pk, to_stage_id=alpha.stages[new].pk, now=NOW
        )
    found = agenda(alpha)
    assert found.rows[0].note == "Retired stage, counts as Coach"
    assert [row.stage for row in found.unopened] == ["Coach"]


def test_a_company_without_figures(alpha: Workspace) -> None:
    found = agenda(alpha)
    assert (found.rows, found.ended, found.unopened, found.quarter) == ((), (), (), "")
    opened = open_danger_point(
        by=alpha.actor(Role.OWNER), now=NOW, stage_id=alpha.stages["Held"].pk
    )
    row = agenda(alpha).rows[0]
    assert (row.line, row.cost, row.lost_at) == ("No deal in the newest quarter", "", None)
    set_state(
        by=alpha.actor(Role.OWNER), now=NOW, danger_point_id=opened.danger_point_id, to="resolved",
        version=1,
    )  # fmt: skip
    assert [r.state.value for r in agenda(alpha).ended] == ["resolved"]


def test_a_stage_without_a_place_ranks_behind_those_with_one(alpha: Workspace) -> None:
    for name in NAMES:
        take_on(alpha, name)
    retire_stage(
        by=alpha.actor(Role.OWNER), stage_id=alpha.stages["Booked"].pk,
        to_stage_id=alpha.stages["Held"].pk, now=NOW,
    )  # fmt: skip
    assert Stage.objects.get(pk=alpha.stages["Booked"].pk).position is None
    assert [row.stage for row in agenda(alpha).rows] == ["Held", "Coach", "Booked"]


@pytest.mark.parametrize(
    ("query", "expected", "sentence"),
    [
        ({}, AgendaQuestion(), ""),
        ({"state": ["working"]}, AgendaQuestion(state="working"), ""),
        ({"state": ["asleep"]}, AgendaQuestion(), "no such state"),
        ({"owner": ["7"], "mine": ["1"]}, AgendaQuestion(owner=7, mine=True), ""),
        ({"owner": ["x"]}, AgendaQuestion(), "no such owner"),
        ({"owner": ["9" * 12]}, AgendaQuestion(), "no such owner"),
        ({"owner": [""], "seg": [""]}, AgendaQuestion(), ""),
        ({"seg": [IN]}, AgendaQuestion(segment=IN), ""),
        ({"seg": ["all"]}, AgendaQuestion(segment="all"), ""),
        ({"seg": ["weather=rain"]}, AgendaQuestion(), "no such segment"),
        ({"colour": ["red"]}, AgendaQuestion(), "left out: colour"),
    ],
)
def test_the_address_is_read_and_what_it_does_not_mean_is_said(
    query: dict[str, list[str]], expected: AgendaQuestion, sentence: str
) -> None:
    read = agenda_question(query)
    assert replace(read, notices=()) == expected
    assert bool(read.notices) is bool(sentence)
    assert sentence in " ".join(read.notices)
    assert agenda_question({k: [v] for k, v in _pairs(expected.query())}) == expected


def _pairs(query: str) -> list[tuple[str, str]]:
    return parse_qsl(query.removeprefix("?"))
