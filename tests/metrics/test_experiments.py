"""Experiments: drafted, started when nothing lacks, amended with reasons, frozen at the end."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from accounts.errors import DomainError, NotAllowed
from accounts.formats import Style
from accounts.models import AuditEntry
from accounts.roles import Role
from accounts.tenancy.context import company_context
from metrics.calc.experiments.result import ExperimentFigures
from metrics.models import (
    Assignment,
    Experiment,
    ExperimentEntry,
    ExperimentReason,
    ExperimentResult,
)
from metrics.selectors.experiment_story import story_of
from metrics.services.experiment_checks import Plan
from metrics.services.experiment_decisions import (
    add_note,
    check_in,
    decide_experiment,
    resume_experiment,
    stop_experiment,
    two_quarters_later,
)
from metrics.services.experiment_results import recompute_experiment
from metrics.services.experiments import (
    amend_experiment,
    change_draft,
    draft_experiment,
    put_back_draft,
    set_reasons,
    start_experiment,
    withdraw_draft,
)
from pipeline.services.history import KeyReused, NotFound, StaleVersion
from pipeline.services.stages import retire_stage
from tests.guards import url_tree
from tests.personas import NOW, Workspace, World

TODAY = NOW.date()  # 20 May 2026
Draft = Callable[..., Experiment]


def whole_plan(workspace: Workspace, **changes: Any) -> Plan:
    """A before/after of the win rate that may start today."""
    plan = Plan(
        title="One-page business case",
        pipeline_id=workspace.pipeline.pk,
        measure="win_rate",
        if_we="send a one-page business case before the quote",
        then="more deals are won",
        because="the buyer can defend the purchase",
        smallest_effect=0.06,
        baseline_start=TODAY - timedelta(days=160),
        baseline_end=TODAY,
        starts_on=TODAY,
        ends_on=TODAY + timedelta(days=91),
        follow_up_days=30,
        decision_rule="Adopt when the always-valid interval leaves out zero.",
        owner_id=workspace.user(Role.MANAGER).pk,
    )
    return replace(plan, **changes)


@pytest.fixture
def a(world: World) -> Iterator[Workspace]:
    """Company A with deals, active."""
    with company_context(world.a.company.pk):
        yield world.a


def draft(workspace: Workspace, *, by: Role = Role.MANAGER, **changes: Any) -> Experiment:
    why = {key: changes.pop(key) for key in ("findings", "danger_points") if key in changes}
    key = changes.pop("idempotency_key", None)
    return draft_experiment(
        by=workspace.actor(by),
        now=NOW,
        plan=whole_plan(workspace, **changes),
        idempotency_key=key,
        **why,
    )


def start(workspace: Workspace, **changes: Any) -> Experiment:
    made = draft(workspace, **changes)
    act(start_experiment, workspace, made)
    return fresh(made)


def act(service: Callable[..., Any], workspace: Workspace, of: Experiment, **values: Any) -> Any:
    values.setdefault("by", workspace.actor(Role.MANAGER))
    values.setdefault("now", NOW)
    if service not in (add_note, check_in, set_reasons, put_back_draft):
        values.setdefault("version", fresh(of).version)
    return service(experiment_id=of.pk, **values)


def computed(workspace: Workspace, of: Experiment, now: datetime) -> None:
    """What the worker does after a change."""
    recompute_experiment(company=workspace.company, experiment_id=of.pk, now=now)


def fresh(of: Experiment) -> Experiment:
    return Experiment.objects.get(pk=of.pk)


def log(of: Experiment) -> list[tuple[str, str]]:
    rows = ExperimentEntry.objects.filter(experiment=of).order_by("id")
    return list(rows.values_list("kind", "text"))


def audited() -> list[str]:
    found = AuditEntry.objects.filter(object_type="experiment").order_by("id")
    return list(found.values_list("action", flat=True))


def test_a_draft_may_lack_all_but_a_name(a: Workspace) -> None:
    made = draft_experiment(
        by=a.actor(Role.OWNER),
        now=NOW,
        plan=Plan(title="  Try   something ", pipeline_id=a.pipeline.pk, measure="cycle"),
    )
    assert (made.title, made.state, made.version) == ("Try something", "draft", 1)
    assert audited() == ["experiment.drafted"]
    with pytest.raises(DomainError) as refused:
        act(start_experiment, a, made)
    for part in ("what you expect", "worth having", "first and the last day", "the window before",
                 "how it will be decided", "who looks after it"):  # fmt: skip
        assert part in refused.value.sentence
    assert fresh(made).state == "draft"


def test_the_same_key_drafts_once_and_never_something_else(a: Workspace) -> None:
    first = draft(a, idempotency_key="one")
    assert draft(a, idempotency_key="one").pk == first.pk
    with pytest.raises(KeyReused):
        draft(a, idempotency_key="one", title="Another")
    assert Experiment.objects.count() == 1
    assert audited() == ["experiment.drafted"]


def test_starting_fixes_the_question_and_the_days_of_follow_up(a: Workspace) -> None:
    made = start(a, follow_up_days=None)
    assert (made.state, made.started_at, made.version) == ("running", NOW, 2)
    assert made.follow_up_days == 6  # the won deal of the baseline took three moves of two days
    assert made.seed is None  # nothing is drawn without arms
    again = act(start_experiment, a, made, version=1)  # the same form sent twice
    assert again.version == 2
    assert audited() == ["experiment.drafted", "experiment.started"]
    told = AuditEntry.objects.get(action="experiment.started").after
    assert told["follow_up_days"] == 6
    assert told["decision_rule"] == made.decision_rule


def test_without_a_won_deal_the_days_of_follow_up_are_asked_for(a: Workspace) -> None:
    windows = {"baseline_start": TODAY - timedelta(days=20), "baseline_end": TODAY}
    made = draft(a, follow_up_days=None, **windows)
    with pytest.raises(DomainError, match="Write down the days"):
        act(start_experiment, a, made)
    counted = draft(a, follow_up_days=None, measure="number", smallest_effect=0.2, **windows)
    act(start_experiment, a, counted)  # a number of deals needs none
    assert fresh(counted).follow_up_days is None


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"starts_on": TODAY - timedelta(days=15)}, "too far back"),
        ({"ends_on": TODAY - timedelta(days=1)}, "ends before it starts"),
        ({"ends_on": TODAY + timedelta(days=6)}, "less than a week"),
        ({"ends_on": TODAY + timedelta(days=732)}, "more than 731"),
        ({"baseline_end": TODAY + timedelta(days=1)}, "reaches into the test"),
        ({"baseline_start": TODAY}, "ends before it starts"),
        ({"baseline_start": TODAY - timedelta(days=3)}, "shorter than a week"),
        ({"smallest_effect": None}, "worth having"),
        ({"smallest_effect": 1.0}, "changes by that much"),
        ({"measure": "deal_size", "rising": False, "smallest_effect": 1.5}, "by that much"),
        ({"decision_rule": " "}, "how it will be decided"),
        ({"measure": "conversion"}, "stage whose conversion"),
        ({"owner_id": None}, "who looks after it"),
        ({"design": "arms_by_rep", "starts_on": TODAY - timedelta(days=1)}, "arms today"),
    ],
)
def test_a_start_that_would_mislead_is_refused(
    a: Workspace, changes: dict[str, Any], sentence: str
) -> None:
    made = draft(a, **changes)
    with pytest.raises(DomainError, match=sentence):
        act(start_experiment, a, made)
    assert fresh(made).state == "draft"


def test_a_retired_stage_keeps_a_draft_from_starting(a: Workspace) -> None:
    held = a.stages["Held"]
    made = draft(a, measure="conversion", stage_id=held.pk)
    retire_stage(
        by=a.actor(Role.MANAGER), stage_id=held.pk, to_stage_id=a.stages["Coach"].pk, now=NOW
    )
    with pytest.raises(DomainError, match="stage was retired"):
        act(start_experiment, a, made)


def test_reps_are_drawn_at_the_start_from_a_shown_seed(a: Workspace) -> None:
    made = start(a, design="arms_by_rep")
    assert made.seed is not None
    assert (made.baseline_start, made.baseline_end) == (None, None)  # side by side: none before
    arms = Assignment.objects.filter(experiment=made).values_list("arm", flat=True)
    assert sorted(arms) == ["control", "test"]
    (told,) = ExperimentEntry.objects.filter(experiment=made, after__state="running")
    assert told.after == {"state": "running", "reps": 2}
    shown = story_of(made, company=a.company, today=TODAY, style=Style("en", "EUR"))
    assert shown.rows[0].what == "Started with 2 reps"
    lonely = draft(a, design="arms_by_rep", segment="rep=Ada")
    with pytest.raises(DomainError, match="two reps at least"):
        act(start_experiment, a, lonely)
    assert not Assignment.objects.filter(experiment=lonely).exists()


@pytest.mark.parametrize("role", [Role.REP, Role.LEADER])
def test_reps_and_leaders_change_nothing(a: Workspace, role: Role) -> None:
    made = draft(a)
    by = a.actor(role)
    common: dict[str, Any] = {"by": by, "now": NOW, "experiment_id": made.pk}
    with pytest.raises(NotAllowed):
        draft(a, by=role)
    for attempt in (
        lambda: change_draft(plan=whole_plan(a), version=1, **common),
        lambda: start_experiment(version=1, **common),
        lambda: amend_experiment(values={}, reason="x", version=1, **common),
        lambda: withdraw_draft(version=1, **common),
        lambda: put_back_draft(**common),
        lambda: set_reasons(findings=(), **common),
        lambda: stop_experiment(reason="x", version=1, **common),
        lambda: resume_experiment(version=1, **common),
        lambda: decide_experiment(decision="stop", reason="x", version=1, **common),
        lambda: add_note(text="x", **common),
        lambda: check_in(text="x", **common),
    ):
        with pytest.raises(NotAllowed):
            attempt()
    assert audited() == ["experiment.drafted"]


def test_a_draft_changes_freely_and_tells_who_was_quicker(a: Workspace) -> None:
    made = draft(a)
    act(change_draft, a, made, plan=whole_plan(a))  # nothing changed
    assert fresh(made).version == 1
    act(change_draft, a, made, plan=whole_plan(a, smallest_effect=0.1, segment="channel=inbound"))
    assert (fresh(made).version, fresh(made).smallest_effect) == (2, 0.1)
    with pytest.raises(StaleVersion) as stale:
        act(change_draft, a, made, plan=whole_plan(a, smallest_effect=0.02), version=1)
    assert "smallest effect worth having is 10.0 points now, you wrote 2.0 points" in (
        stale.value.sentence
    )
    assert audited() == ["experiment.drafted", "experiment.draft_changed"]


def test_after_the_start_only_amendments_with_their_reason(a: Workspace) -> None:
    made = start(a)
    with pytest.raises(DomainError, match="only be amended"):
        act(change_draft, a, made, plan=whole_plan(a, smallest_effect=0.1))
    for field, value in (("measure", "cycle"), ("decision_rule", "Adopt it whatever comes")):
        with pytest.raises(TypeError, match=field):  # the question, and the rule that answers it
            act(amend_experiment, a, made, values={field: value}, reason="no")
    with pytest.raises(DomainError, match="Say why"):
        act(amend_experiment, a, made, values={"smallest_effect": 0.1}, reason=" ")
    later = TODAY + timedelta(days=120)
    act(amend_experiment, a, made, values={"ends_on": later, "title": made.title},
        reason="The fair was postponed")  # fmt: skip
    entry = ExperimentEntry.objects.get(experiment=made, kind="amendment")
    assert entry.text == "The fair was postponed"
    assert entry.before == {"ends_on": (TODAY + timedelta(days=91)).isoformat()}
    assert entry.after == {"ends_on": later.isoformat()}
    act(amend_experiment, a, made, values={"ends_on": later}, reason="again")  # nothing new
    assert fresh(made).version == 3
    with pytest.raises(DomainError, match="lies ahead"):
        act(amend_experiment, a, made, values={"ends_on": TODAY}, reason="no")
    for values in ({"then": ""}, {"owner_id": None}):
        with pytest.raises(DomainError):
            act(amend_experiment, a, made, values=values, reason="no")


def test_a_draft_is_thrown_away_and_taken_back(a: Workspace) -> None:
    made = draft(a)
    act(withdraw_draft, a, made)
    with pytest.raises(NotFound):
        act(start_experiment, a, made)
    act(put_back_draft, a, made)
    act(start_experiment, a, made)
    with pytest.raises(DomainError, match="only be amended"):
        act(withdraw_draft, a, made)


def test_what_led_to_it_is_tied_once(a: Workspace) -> None:
    finding, point = url_tree._finding(a), url_tree._danger_point(a)
    made = draft(a, findings=[finding, finding], danger_points=[point])
    rows = ExperimentReason.objects.filter(experiment=made)
    assert sorted(rows.values_list("finding_id", "danger_point_id"), key=str) == sorted(
        [(finding, None), (None, point)], key=str
    )
    act(set_reasons, a, made, findings=[])
    assert list(rows.values_list("finding_id", "danger_point_id")) == [(None, point)]
    with pytest.raises(NotFound):
        act(set_reasons, a, made, findings=[999_999_999])
    assert "experiment.reasons_changed" in audited()


def test_notes_and_check_ins_are_kept_once_in_a_row(a: Workspace) -> None:
    made = start(a)
    act(add_note, a, made, text=" Price list changed ")
    act(add_note, a, made, text="Price list changed")
    act(check_in, a, made, text="Five of six reps use it")
    assert log(made)[2:] == [
        ("note", "Price list changed"),
        ("check_in", "Five of six reps use it"),
    ]
    with pytest.raises(DomainError, match="needs words"):
        act(add_note, a, made, text=" ")
    drafted = draft(a, title="Draft")
    with pytest.raises(DomainError, match="Start it first"):
        act(check_in, a, drafted, text="not yet")


def test_a_stop_needs_a_reason_and_can_be_taken_back_the_same_day(a: Workspace) -> None:
    made = start(a)
    with pytest.raises(DomainError, match="Say why"):
        act(stop_experiment, a, made, reason="")
    act(stop_experiment, a, made, reason="The template is wrong")
    assert (fresh(made).state, fresh(made).stopped_at) == ("stopped", NOW)
    with pytest.raises(StaleVersion):
        act(resume_experiment, a, made, version=2)
    with pytest.raises(DomainError, match="another day"):
        act(resume_experiment, a, made, now=NOW + timedelta(days=1))
    act(resume_experiment, a, made)
    assert (fresh(made).state, fresh(made).stopped_at) == ("running", None)
    assert audited()[2:] == ["experiment.stopped", "experiment.resumed"]


def test_a_decision_freezes_the_figures_with_their_data(a: Workspace) -> None:
    made = start(a)
    later = NOW + timedelta(days=91)
    with pytest.raises(DomainError, match="Say why"):
        act(decide_experiment, a, made, decision="adopt", reason=" ", now=later)
    with pytest.raises(DomainError, match="no figures to decide on yet"):
        act(decide_experiment, a, made, decision="adopt", reason="It looks well", now=later)
    computed(a, made, later)
    act(decide_experiment, a, made, decision="adopt", reason="It looks well", now=later)
    decided = fresh(made)
    assert (decided.state, decided.decision, decided.decision_reason) == (
        "decided", "adopt", "It looks well"
    )  # fmt: skip
    assert decided.decided_by_id == a.user(Role.MANAGER).pk
    assert decided.follow_up_on == date(2027, 2, 19)
    frozen = ExperimentFigures.from_json(decided.decided_figures)
    assert frozen.primary.baseline.k == 2  # won within 30 days of those opened before
    assert frozen.primary.baseline.n == 6
    assert decided.decided_figures["data"]["digest"]
    assert decided.decided_figures == ExperimentResult.objects.get(experiment=made).figures
    entry = ExperimentEntry.objects.filter(experiment=made).latest("id")
    assert entry.after["figures"] == decided.decided_figures
    act(decide_experiment, a, made, decision="adopt", reason="twice", version=2, now=later)
    with pytest.raises(DomainError, match="frozen"):
        act(amend_experiment, a, made, values={"title": "x"}, reason="y")
    act(add_note, a, made, text="Rolled out to all", now=later)  # a note is always welcome
    assert audited()[-2:] == ["experiment.decided", "experiment.noted"]


def test_extending_runs_on_with_what_was_seen_in_its_log(a: Workspace) -> None:
    made = start(a)
    end = made.ends_on
    assert end is not None
    for wrong in (None, end, TODAY + timedelta(days=800)):
        with pytest.raises(DomainError, match="last day"):
            act(decide_experiment, a, made, decision="extend", reason="more", ends_on=wrong)
    later = end + timedelta(days=28)
    computed(a, made, NOW)
    act(decide_experiment, a, made, decision="extend", reason="too young", ends_on=later)
    extended = fresh(made)
    assert (extended.state, extended.decision, extended.ends_on) == ("running", "extend", later)
    assert extended.follow_up_on is None
    act(stop_experiment, a, made, reason="enough")
    with pytest.raises(DomainError, match="decide"):
        act(decide_experiment, a, made, decision="extend", reason="x",
            ends_on=later + timedelta(days=9))  # fmt: skip
    with pytest.raises(DomainError, match="changed since its figures were computed"):
        act(decide_experiment, a, made, decision="stop", reason="no evidence")
    computed(a, made, NOW)
    act(decide_experiment, a, made, decision="stop", reason="no evidence")
    assert (fresh(made).state, fresh(made).decision) == ("decided", "stop")


def test_stale_screens_are_told_what_it_is_now(a: Workspace) -> None:
    made = start(a)
    act(stop_experiment, a, made, reason="enough")
    with pytest.raises(StaleVersion, match="it is Stopped now"):
        act(decide_experiment, a, made, decision="adopt", reason="well", version=2)


def test_plans_that_cannot_be_meant_are_refused(a: Workspace) -> None:
    won, held = a.stages["Won"].pk, a.stages["Held"].pk
    for changes, sentence in (
        ({"title": " "}, "a name"),
        ({"title": "x" * 121}, "at most 120"),
        ({"measure": "luck"}, "no such measure"),
        ({"design": "coin"}, "no such design"),
        ({"segment": "weather=rain"}, "no such segment"),
        ({"measure": "conversion", "stage_id": won}, "ends the path"),
        ({"guardrails": (("win_rate", None),)}, "another measure"),
        ({"design": "arms_by_deal", "measure": "number"}, "their number cannot differ"),
        ({"design": "arms_by_deal", "guardrails": (("number", None),)}, "cannot differ"),
        ({"guardrails": (("conversion", None),)}, "no such measure"),
        ({"smallest_effect": -0.1}, "more than nothing"),
        ({"follow_up_days": 0}, "at least one"),
        ({"owner_id": a.user(Role.LEADER).pk}, "who may write"),
        ({"starts_on": date(20, 1, 1)}, "too far away"),
        ({"because": "a\x00b"}, "cannot be kept"),
    ):
        with pytest.raises(DomainError, match=sentence):
            draft(a, **changes)
    four = (("cycle", None), ("deal_size", None), ("number", None), ("conversion", held))
    with pytest.raises(DomainError, match="at most 3"):
        draft(a, guardrails=four)
    kept = draft(a, guardrails=(four[3], four[3], four[0]))
    assert kept.guardrails == [
        {"measure": "conversion", "stage": held},
        {"measure": "cycle", "stage": None},
    ]
    assert Experiment.objects.count() == 1


def test_two_quarters_later_is_six_months_on() -> None:
    assert two_quarters_later(date(2026, 8, 31)) == date(2027, 2, 28)
    assert two_quarters_later(date(2026, 1, 1)) == date(2026, 7, 1)
