"""Stages and pipelines: order, words, retirement with a place for deals; no past quarter moves."""

from datetime import timedelta
from typing import Any

import pytest

from accounts.errors import DomainError
from accounts.models import AuditEntry
from accounts.roles import Role
from metrics.models import Snapshot
from metrics.services.recompute import recompute_all
from pipeline.models import Deal, Pipeline, Stage, StageTransition
from pipeline.services import stages as stages_service
from pipeline.services.deals import open_deal
from pipeline.services.history import NotFound, StaleVersion
from pipeline.services.moves import move_deal
from pipeline.services.pipelines import (
    add_pipeline,
    order_pipeline,
    rename_pipeline,
    restore_pipeline,
    retire_pipeline,
)
from pipeline.services.stages import (
    add_stage,
    change_stage,
    order_stage,
    restore_stage,
    retire_stage,
)
from tests.personas import NOW, Workspace
from tests.pipeline.doing import (
    Q1,
    Q2,
    assert_facts_hold,
    clear_marks,
    last_audit,
    marked,
    move,
    stage_name,
    start,
)


def order(alpha: Workspace, pipeline: Pipeline | None = None) -> list[str]:
    """The open stages in use; the deferred key on their positions holds."""
    assert_facts_hold()
    rows = Stage.objects.filter(
        pipeline=pipeline or alpha.pipeline, kind="open", retired_at=None
    ).order_by("position")
    assert [s.position for s in rows] == list(range(1, len(rows) + 1))
    return [s.name for s in rows]


def retire(alpha: Workspace, name: str, to: str) -> Any:
    return retire_stage(
        by=alpha.actor(Role.MANAGER),
        stage_id=alpha.stages[name].pk,
        to_stage_id=alpha.stages[to].pk,
        now=NOW,
    )


def test_a_stage_is_added_where_it_belongs(alpha: Workspace) -> None:
    by = alpha.actor(Role.MANAGER)
    clear_marks()
    add_stage(
        by=by,
        pipeline_id=alpha.pipeline.pk,
        name="Demo",
        before_id=alpha.stages["Held"].pk,
        now=NOW,
    )
    assert order(alpha) == ["Booked", "Demo", "Held", "Coach"]
    assert last_audit().action == "stage.added"
    assert last_audit().after["position"] == 2
    assert Q2 in marked(alpha)
    assert Q1 not in marked(alpha)  # closed: it keeps its own stages
    add_stage(by=by, pipeline_id=alpha.pipeline.pk, name="Signed", now=NOW)
    assert order(alpha)[-1] == "Signed"


@pytest.mark.parametrize("name", ["", "  ", "booked", "WON", "a\x00", "x" * 121])
def test_a_bad_stage_is_refused(alpha: Workspace, name: str) -> None:
    with pytest.raises(DomainError):
        add_stage(by=alpha.actor(Role.OWNER), pipeline_id=alpha.pipeline.pk, name=name, now=NOW)
    assert order(alpha) == ["Booked", "Held", "Coach"]


def test_order_goes_one_place_at_a_time_and_ends_at_the_ends(alpha: Workspace) -> None:
    by, coach = alpha.actor(Role.MANAGER), alpha.stages["Coach"].pk
    order_stage(by=by, stage_id=coach, direction="up", now=NOW)
    assert order(alpha) == ["Booked", "Coach", "Held"]
    order_stage(by=by, stage_id=coach, direction="up", now=NOW)
    count = AuditEntry.objects.count()
    assert order_stage(by=by, stage_id=coach, direction="up", now=NOW).position == 1
    assert order(alpha) == ["Coach", "Booked", "Held"]
    assert AuditEntry.objects.count() == count
    for wrong in (("sideways", coach), ("up", alpha.stages["Won"].pk)):
        with pytest.raises(DomainError, match="no place|has a place"):
            order_stage(by=by, stage_id=wrong[1], direction=wrong[0], now=NOW)


def test_won_and_lost_are_renamed_and_never_retired(alpha: Workspace) -> None:
    by, won = alpha.actor(Role.MANAGER), alpha.stages["Won"].pk
    change_stage(by=by, stage_id=won, name="Customer", now=NOW)
    assert Stage.objects.get(pk=won).name == "Customer"
    with pytest.raises(DomainError, match="never retired"):
        retire(alpha, "Won", "Held")
    with pytest.raises(DomainError, match="Choose the stage"):
        retire(alpha, "Held", "Won")


def test_a_stale_screen_of_a_stage_is_told(alpha: Workspace) -> None:
    by, held = alpha.actor(Role.MANAGER), alpha.stages["Held"].pk
    seen = {"name": "Held", "exit_criterion": ""}
    change_stage(by=by, stage_id=held, name="Met", exit_criterion="Budget known", now=NOW)
    with pytest.raises(StaleVersion, match="it is Met"):
        change_stage(by=by, stage_id=held, name="Seen", seen=seen, now=NOW)
    assert Stage.objects.get(pk=held).name == "Met"


def test_a_retired_stage_has_its_deals_moved_by_the_one_writer(alpha: Workspace) -> None:
    deals = [start(alpha).deal_id for _n in range(3)]
    for deal in deals[:2]:
        move(alpha, deal, "Held")
    lost = start(alpha).deal_id
    move(alpha, lost, "Held", when="2026-05-03")
    move(alpha, lost, "Lost", when="2026-05-04")
    done = retire(alpha, "Held", "Coach")
    assert (done.moved, done.left) == (2, 0)
    assert [stage_name(d) for d in deals] == ["Coach", "Coach", "Booked"]
    assert stage_name(lost) == "Lost"
    moves = StageTransition.objects.filter(deal_id__in=deals[:2], number=3)
    assert {m.recorded_by_id for m in moves} == {alpha.user(Role.MANAGER).pk}
    assert {m.origin for m in moves} == {"move"}
    assert AuditEntry.objects.filter(action="deal.moved", object_id__in=deals).count() == 4
    entry = last_audit()
    assert (entry.action, entry.after["moved"], entry.after["to"]) == ("stage.retired", 2, "Coach")
    held = Stage.objects.get(pk=alpha.stages["Held"].pk)
    assert (held.position, held.replaced_by_id) == (None, alpha.stages["Coach"].pk)
    assert order(alpha) == ["Booked", "Coach"]
    with pytest.raises(DomainError, match="retired already"):
        retire(alpha, "Held", "Coach")


def test_many_deals_move_in_passes(alpha: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stages_service, "MOVED_AT_ONCE", 2)
    for _n in range(3):
        start(alpha)
    first = retire(alpha, "Booked", "Held")
    assert (first.moved, first.left) == (2, 1)
    assert last_audit().action == "stage.emptied"
    assert order(alpha) == ["Booked", "Held", "Coach"]
    last = retire(alpha, "Booked", "Held")
    assert (last.moved, last.left) == (1, 0)
    assert order(alpha) == ["Held", "Coach"]


def test_the_last_open_stage_stays(alpha: Workspace) -> None:
    retire(alpha, "Held", "Booked")
    retire(alpha, "Coach", "Booked")
    with pytest.raises(DomainError, match="only open stage"):
        retire(alpha, "Booked", "Held")


def test_a_retired_stage_takes_no_deals_but_a_correction_may_name_it(alpha: Workspace) -> None:
    deal = start(alpha).deal_id
    retire(alpha, "Held", "Coach")
    with pytest.raises(DomainError, match="Held is retired"):
        move(alpha, deal, "Held")
    with pytest.raises(DomainError, match="Held is retired"):
        start(alpha, stage="Held")
    assert stage_name(deal) == "Booked"


def test_a_retired_stage_comes_back_as_the_last(alpha: Workspace) -> None:
    retire(alpha, "Booked", "Coach")
    restore_stage(by=alpha.actor(Role.OWNER), stage_id=alpha.stages["Booked"].pk, now=NOW)
    assert order(alpha) == ["Held", "Coach", "Booked"]
    retire(alpha, "Coach", "Booked")
    assert order(alpha) == ["Held", "Booked"]


def test_no_closed_quarter_changes_with_the_stages(alpha: Workspace) -> None:
    """Renamed, ordered, added, retired: the closed quarter keeps its list and its figures."""
    deal = start(alpha, when="2026-01-05")
    move(alpha, deal, "Held", when="2026-01-20")
    move(alpha, deal, "Won", when="2026-02-10")
    still = start(alpha, when="2026-02-01")
    move(alpha, still, "Held", when="2026-02-05")
    recompute_all(company_id=alpha.company.pk, now=NOW)

    def closed() -> list[Any]:
        rows = Snapshot.objects.filter(quarter_start=Q1).order_by("segment", "version")
        return [(s.segment, s.version, s.figures, s.definitions["stages"]) for s in rows]

    before = closed()
    assert before[0][3] == ["Booked", "Held", "Coach"]
    by, later = alpha.actor(Role.MANAGER), NOW + timedelta(hours=2)
    change_stage(by=by, stage_id=alpha.stages["Booked"].pk, name="Call booked", now=NOW)
    order_stage(by=by, stage_id=alpha.stages["Coach"].pk, direction="up", now=NOW)
    add_stage(by=by, pipeline_id=alpha.pipeline.pk, name="Demo", now=NOW)
    retire(alpha, "Held", "Coach")
    recompute_all(company_id=alpha.company.pk, now=later)
    assert closed() == before
    running = Snapshot.objects.get(quarter_start=Q2, segment="all")
    assert running.definitions["stages"] == ["Call booked", "Coach", "Demo"]


# Pipelines ---------------------------------------------------------------------------------------


def second(alpha: Workspace, name: str = "Renewals") -> Pipeline:
    return add_pipeline(
        by=alpha.actor(Role.OWNER),
        name=name,
        stages=["Due", "Offered"],
        won="Renewed",
        lost="Left",
        now=NOW,
    )


def test_a_second_pipeline_has_stages_of_its_own(alpha: Workspace) -> None:
    made = second(alpha)
    assert order(alpha, made) == ["Due", "Offered"]
    assert set(made.stages.values_list("kind", flat=True)) == {"open", "won", "lost"}
    assert last_audit().after["stages"] == ["Due", "Offered", "Renewed", "Left"]
    due = made.stages.get(name="Due")
    deal = open_deal(
        by=alpha.actor(Role.REP),
        pipeline_id=made.pk,
        stage_id=due.pk,
        name="Renewal",
        occurred_at=NOW,
        now=NOW,
    )
    with pytest.raises(DomainError, match="another pipeline"):
        move(alpha, deal, "Held")


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "sales"},
        {"name": " "},
        {"stages": []},
        {"stages": ["One", "one"]},
        {"stages": ["Won"]},
        {"stages": [f"S{n}" for n in range(21)]},
        {"lost": ""},
    ],
)
def test_a_bad_pipeline_is_refused(alpha: Workspace, wrong: dict[str, Any]) -> None:
    values = {"name": "New", "stages": ["One"], "won": "Won", "lost": "Lost", **wrong}
    with pytest.raises(DomainError):
        add_pipeline(by=alpha.actor(Role.OWNER), now=NOW, **values)
    assert Pipeline.objects.count() == 1


def test_a_pipeline_is_renamed_ordered_retired_and_brought_back(alpha: Workspace) -> None:
    by, made = alpha.actor(Role.MANAGER), second(alpha)
    rename_pipeline(by=by, pipeline_id=made.pk, name="Renewal", now=NOW)
    order_pipeline(by=by, pipeline_id=made.pk, direction="up", now=NOW)
    names = list(Pipeline.objects.order_by("position").values_list("name", flat=True))
    assert names == ["Renewal", "Sales"]
    deal = start(alpha)
    with pytest.raises(DomainError, match="1 open deal is in this pipeline"):
        retire_pipeline(by=by, pipeline_id=alpha.pipeline.pk, now=NOW)
    move_deal(
        by=by,
        deal_id=deal.deal_id,
        to_stage_id=alpha.stages["Lost"].pk,
        occurred_at=NOW,
        now=NOW,
    )
    retire_pipeline(by=by, pipeline_id=alpha.pipeline.pk, now=NOW)
    with pytest.raises(DomainError, match="is retired"):
        start(alpha)
    with pytest.raises(DomainError, match="only pipeline"):
        retire_pipeline(by=by, pipeline_id=made.pk, now=NOW)
    restore_pipeline(by=by, pipeline_id=alpha.pipeline.pk, now=NOW)
    assert last_audit().action == "pipeline.restored"
    assert Deal.objects.get(pk=deal.deal_id).outcome == "lost"
    with pytest.raises(NotFound):
        rename_pipeline(by=by, pipeline_id=999_999, name="X", now=NOW)
