"""Danger points: opened once, changed by managers, every change in its log and the audit trail."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.db import transaction

from accounts.errors import DomainError, NotAllowed
from accounts.models import AuditEntry
from accounts.roles import Role
from accounts.tenancy.context import company_context
from metrics.calc.danger_states import STATES, moves, refusal
from metrics.models import DangerPoint, DangerPointEntry
from metrics.services.danger_points import (
    Opened,
    open_danger_point,
    remark,
    set_due,
    set_owner,
    set_state,
    take_back_state,
)
from pipeline.services.history import NotFound, StaleVersion
from pipeline.services.stages import retire_stage
from tests.personas import NOW, Workspace
from tests.pipeline.test_at_the_same_time import THREADS, kinds, together

TODAY = NOW.date()


def take_on(workspace: Workspace, stage: str = "Held", **values: Any) -> Opened:
    values.setdefault("by", workspace.actor(Role.MANAGER))
    values.setdefault("now", NOW)
    return open_danger_point(stage_id=workspace.stages[stage].pk, **values)


def point(opened: Opened) -> DangerPoint:
    return DangerPoint.objects.get(pk=opened.danger_point_id)


def change(workspace: Workspace, opened: Opened, to: str, **values: Any) -> DangerPoint:
    if "version" not in values:
        values["version"] = point(opened).version
    values.setdefault("by", workspace.actor(Role.MANAGER))
    return set_state(danger_point_id=opened.danger_point_id, to=to, now=NOW, **values)


def log(opened: Opened) -> list[tuple[str, str, str, str]]:
    rows = DangerPointEntry.objects.filter(danger_point_id=opened.danger_point_id).order_by("id")
    return list(rows.values_list("field", "before", "after", "remark"))


def audited() -> list[str]:
    found = AuditEntry.objects.filter(object_type="danger_point").order_by("id")
    return list(found.values_list("action", flat=True))


def test_opening_leaves_the_point_its_log_and_an_audit_entry(alpha: Workspace) -> None:
    rep = alpha.user(Role.REP)
    opened = take_on(
        alpha, owner_id=rep.pk, due_on=TODAY + timedelta(days=7), remark=" price comes too late "
    )
    made = point(opened)
    assert not opened.existed
    assert (made.stage_id, made.segment, made.state) == (alpha.stages["Held"].pk, "all", "watching")
    assert (made.owner_id, made.due_on) == (rep.pk, date(2026, 5, 27))
    assert made.opened_quarter == "2026-Q2"  # of the calendar: there is no snapshot yet
    assert made.opened_by_id == alpha.user(Role.MANAGER).pk
    assert log(opened) == [("opened", "", "2026-Q2", "price comes too late")]
    entry = AuditEntry.objects.get(object_type="danger_point")
    assert entry.action == "danger_point.opened"
    assert entry.after["stage"] == "Held"
    assert entry.after["owner"] == rep.name


def test_a_second_opening_leads_to_the_first_until_that_has_ended(alpha: Workspace) -> None:
    first = take_on(alpha)
    again = take_on(alpha, by=alpha.actor(Role.OWNER), remark="mine")
    assert again == Opened(first.danger_point_id, existed=True)
    assert audited() == ["danger_point.opened"]
    assert take_on(alpha, "Coach").danger_point_id != first.danger_point_id
    change(alpha, first, "resolved")
    assert not take_on(alpha).existed


def test_what_cannot_be_taken_on_is_refused_in_words(alpha: Workspace) -> None:
    manager = alpha.actor(Role.MANAGER)
    for stage in ("Won", "Lost"):
        with pytest.raises(DomainError, match="ends the path"):
            take_on(alpha, stage)
    with pytest.raises(NotFound):
        open_danger_point(by=manager, now=NOW, stage_id=999_999_999)
    leader, stranger = alpha.user(Role.LEADER).pk, 999_999_999
    for owner in (leader, stranger):
        with pytest.raises(DomainError, match="a member who may write"):
            take_on(alpha, owner_id=owner)
    for segment in ("weather=rain", "", "channel="):
        with pytest.raises(DomainError, match="no such segment"):
            take_on(alpha, segment=segment)
    with pytest.raises(DomainError, match="Outbound has no figures"):
        take_on(alpha, segment="channel=outbound")
    with pytest.raises(DomainError, match="lies ahead"):
        take_on(alpha, due_on=TODAY - timedelta(days=1))
    with pytest.raises(DomainError, match="at most 1,000"):
        take_on(alpha, remark="x" * 1001)
    retire_stage(
        by=manager, stage_id=alpha.stages["Held"].pk, to_stage_id=alpha.stages["Coach"].pk, now=NOW
    )
    with pytest.raises(DomainError, match="Held is retired; its deals count as Coach"):
        take_on(alpha)
    assert not DangerPoint.objects.exists()


@pytest.mark.parametrize("role", [Role.REP, Role.LEADER])
def test_reps_and_leaders_change_nothing(alpha: Workspace, role: Role) -> None:
    opened = take_on(alpha)
    by, where = alpha.actor(role), {"danger_point_id": opened.danger_point_id, "now": NOW}
    for act in (
        lambda: take_on(alpha, "Coach", by=by),
        lambda: set_state(by=by, to="working", version=1, **where),
        lambda: take_back_state(by=by, version=1, **where),
        lambda: set_owner(by=by, owner_id=None, version=1, **where),
        lambda: set_due(by=by, due_on=None, version=1, **where),
        lambda: remark(by=by, text="no", **where),
    ):
        with pytest.raises(NotAllowed):
            act()
    assert len(log(opened)) == 1


# from -> to: what the refusal says, empty where the change is allowed
TABLE = {
    ("watching", "working"): "",
    ("watching", "resolved"): "",
    ("watching", "dismissed"): "",
    ("working", "watching"): "",
    ("working", "resolved"): "",
    ("working", "dismissed"): "",
    ("resolved", "watching"): "",
    ("resolved", "working"): "",
    ("resolved", "dismissed"): "Reopen it first",
    ("dismissed", "watching"): "",
    ("dismissed", "working"): "",
    ("dismissed", "resolved"): "Reopen it first",
}


def test_the_table_names_every_pair() -> None:
    assert set(TABLE) == {(a, b) for a in STATES for b in STATES if a != b}
    for (state, to), sentence in TABLE.items():
        assert (to in moves(state)) is not bool(sentence)
        assert (refusal(state, to, reason="because") is None) is not bool(sentence)
    assert refusal("watching", "sleeping", reason="x") == "no_state"


@pytest.mark.parametrize(("state", "to"), TABLE)
def test_states_change_as_the_table_says(alpha: Workspace, state: str, to: str) -> None:
    opened = take_on(alpha)
    if state != "watching":
        change(alpha, opened, state, reason="because")
    before = len(log(opened))
    if TABLE[state, to]:
        with pytest.raises(DomainError, match=TABLE[state, to]):
            change(alpha, opened, to, reason="because")
        assert point(opened).state == state
        assert len(log(opened)) == before
        return
    changed = change(alpha, opened, to, reason="because")
    assert changed.state == to
    assert (changed.closed_at is not None) is (to in ("resolved", "dismissed"))
    assert log(opened)[-1] == ("state", state, to, "because")
    assert audited()[-1] == "danger_point.state_changed"


def test_dismissing_needs_a_reason_and_no_state_is_invented(alpha: Workspace) -> None:
    opened = take_on(alpha)
    for reason in ("", "   "):
        with pytest.raises(DomainError, match="Say why it is dismissed"):
            change(alpha, opened, "dismissed", reason=reason)
    with pytest.raises(DomainError, match="no such state"):
        change(alpha, opened, "sleeping")
    assert point(opened).version == 1


def test_sent_twice_it_happens_once(alpha: Workspace) -> None:
    opened = take_on(alpha)
    due = TODAY + timedelta(days=3)
    common = {
        "by": alpha.actor(Role.MANAGER),
        "now": NOW,
        "danger_point_id": opened.danger_point_id,
    }
    for _ in range(2):
        change(alpha, opened, "working", version=1)
        set_owner(owner_id=alpha.user(Role.REP).pk, version=2, **common)
        set_due(due_on=due, version=3, **common)
        remark(text="Asked three buyers", **common)
    fields = [row[0] for row in log(opened)]
    assert fields == ["opened", "state", "owner", "due_on", "remark"]
    assert point(opened).version == 4
    assert len(audited()) == 5
    remark(text="And a fourth", **common)
    remark(text="Asked three buyers", **common)  # said again later, it is said again
    assert len(log(opened)) == 7


def test_a_stale_screen_is_told_both_values(alpha: Workspace) -> None:
    opened = take_on(alpha)
    common = {"by": alpha.actor(Role.OWNER), "now": NOW, "danger_point_id": opened.danger_point_id}
    change(alpha, opened, "working")
    with pytest.raises(StaleVersion, match="the state is Working on it now, you wrote Resolved"):
        change(alpha, opened, "resolved", version=1)
    rep = alpha.user(Role.REP)
    set_owner(owner_id=rep.pk, version=2, **common)
    with pytest.raises(StaleVersion, match=f"the owner is {rep.name} now, you wrote empty"):
        set_owner(owner_id=None, version=2, **common)
    set_due(due_on=date(2026, 6, 1), version=3, **common)
    with pytest.raises(StaleVersion, match="the due day is 2026-06-01 now, you wrote 2026-07-01"):
        set_due(due_on=date(2026, 7, 1), version=3, **common)
    kept = point(opened)
    assert (kept.state, kept.owner_id, kept.due_on) == ("working", rep.pk, date(2026, 6, 1))


def test_owner_and_due_day_wait_until_it_is_reopened(alpha: Workspace) -> None:
    opened = take_on(alpha)
    common = {"by": alpha.actor(Role.OWNER), "now": NOW, "danger_point_id": opened.danger_point_id}
    change(alpha, opened, "resolved")
    with pytest.raises(DomainError, match="Reopen it first"):
        set_owner(owner_id=alpha.user(Role.REP).pk, version=2, **common)
    with pytest.raises(DomainError, match="Reopen it first"):
        set_due(due_on=TODAY, version=2, **common)
    remark(text="It held for a quarter", **common)  # said of what has ended too


def test_a_state_is_taken_back_as_it_was(alpha: Workspace) -> None:
    opened = take_on(alpha)
    common = {"by": alpha.actor(Role.MANAGER), "danger_point_id": opened.danger_point_id}
    ended = change(alpha, opened, "dismissed", reason="A holiday")
    reopened = set_state(to="working", version=ended.version, now=NOW + timedelta(days=1), **common)
    later = NOW + timedelta(days=2)
    back = take_back_state(version=reopened.version, now=later, **common)
    assert (back.state, back.closed_at) == ("dismissed", NOW)
    assert log(opened)[-1] == ("state", "working", "dismissed", "")
    assert audited()[-1] == "danger_point.state_taken_back"
    with pytest.raises(StaleVersion, match="changed again meanwhile"):
        take_back_state(version=reopened.version, now=later, **common)


def test_a_change_after_it_or_none_before_it_cannot_be_taken_back(alpha: Workspace) -> None:
    opened = take_on(alpha)
    common = {
        "by": alpha.actor(Role.MANAGER),
        "now": NOW,
        "danger_point_id": opened.danger_point_id,
    }
    with pytest.raises(StaleVersion):
        take_back_state(version=1, **common)
    changed = change(alpha, opened, "working")
    set_due(due_on=TODAY, version=changed.version, **common)
    with pytest.raises(StaleVersion):
        take_back_state(version=changed.version, **common)
    assert point(opened).state == "working"


def test_reopening_waits_for_the_twin_that_is_worked_on(alpha: Workspace) -> None:
    first = take_on(alpha)
    ended = change(alpha, first, "resolved")
    take_on(alpha)
    with pytest.raises(DomainError, match="worked on already"):
        change(alpha, first, "working")
    with pytest.raises(DomainError, match="worked on already"):
        take_back_state(
            by=alpha.actor(Role.MANAGER), now=NOW, version=ended.version,
            danger_point_id=first.danger_point_id,
        )  # fmt: skip
    assert point(first).state == "resolved"


def test_a_point_of_nobody_or_of_the_neighbour_is_not_found(alpha: Workspace) -> None:
    with pytest.raises(NotFound):
        set_state(
            by=alpha.actor(Role.MANAGER), now=NOW, danger_point_id=999_999_999, to="working",
            version=1,
        )  # fmt: skip


def test_eight_who_open_it_at_once_get_one(committed_alpha: Workspace) -> None:
    results = together(committed_alpha, [lambda: take_on(committed_alpha)] * THREADS)
    assert kinds(results) == {"Opened": THREADS}
    assert len({r.danger_point_id for r in results}) == 1
    assert sorted(r.existed for r in results) == [False] + [True] * (THREADS - 1)
    with company_context(committed_alpha.company.pk), transaction.atomic():
        assert DangerPoint.objects.count() == 1
        assert audited() == ["danger_point.opened"]


def test_of_two_who_decide_at_once_one_is_told(committed_alpha: Workspace) -> None:
    with company_context(committed_alpha.company.pk):
        opened = take_on(committed_alpha)

    def decide(to: str) -> Any:
        return lambda: change(committed_alpha, opened, to, version=1, reason="so")

    results = together(committed_alpha, [decide("working"), decide("dismissed")])
    assert kinds(results) == {"DangerPoint": 1, "StaleVersion": 1}
