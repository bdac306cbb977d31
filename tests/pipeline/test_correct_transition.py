"""A wrong move is corrected or withdrawn by a new row; the old one stays in the history."""

from datetime import date
from typing import Any

import pytest

from accounts.errors import DomainError
from accounts.roles import Role
from accounts.tenancy.context import company_context
from pipeline.models import Deal, StageTransition
from pipeline.services.history import KeyReused, NotFound, Recorded, StaleVersion
from pipeline.services.moves import correct_transition
from tests.personas import NOW, Workspace, make_workspace
from tests.pipeline.doing import (
    Q1,
    Q2,
    Q4_25,
    assert_facts_hold,
    at,
    clear_marks,
    history_size,
    last_audit,
    marked,
    move,
    stage_name,
    start,
)


def correct(
    workspace: Workspace,
    wrong: Recorded | int,
    *,
    stage: str | None = None,
    when: str | None = None,
    role: Role = Role.MANAGER,
    **more: Any,
) -> Recorded:
    return correct_transition(
        by=workspace.actor(role),
        transition_id=wrong if isinstance(wrong, int) else wrong.transition_id,
        to_stage_id=workspace.stages[stage].pk if stage else None,
        occurred_at=at(when) if when else None,
        **{"now": NOW, **more},
    )


def withdraw(workspace: Workspace, wrong: Recorded | int, **more: Any) -> Recorded:
    return correct(workspace, wrong, withdraw=True, **more)


def test_the_stage_is_corrected(alpha: Workspace) -> None:
    deal = start(alpha)
    wrong = move(alpha, deal, "Lost")
    done = correct(alpha, wrong, stage="Held", reason="The wrong button", key="form-1", version=2)
    row = Deal.objects.get(pk=deal.deal_id)
    assert (row.outcome, row.closed_on, row.version) == ("open", None, 3)
    assert (done.version, done.stage_id) == (3, alpha.stages["Held"].pk)
    old = StageTransition.objects.get(pk=wrong.transition_id)
    new = StageTransition.objects.get(pk=done.transition_id)
    assert old.to_stage_id == alpha.stages["Lost"].pk  # untouched
    assert (new.replaces_id, new.occurred_at) == (old.pk, old.occurred_at)
    assert (new.origin, new.reason, new.number) == ("correction", "The wrong button", 3)
    assert new.from_stage_id == old.from_stage_id
    assert_facts_hold()


def test_the_time_is_corrected(alpha: Workspace) -> None:
    deal = start(alpha, when="2026-05-01")
    wrong = move(alpha, deal, "Held", when="2026-05-10")
    correct(alpha, wrong, when="2026-05-05")
    row = Deal.objects.get(pk=deal.deal_id)
    assert (stage_name(row.pk), row.stage_entered_on) == ("Held", date(2026, 5, 5))
    assert_facts_hold()


def test_a_deal_is_opened_earlier_by_correcting_its_first_move(alpha: Workspace) -> None:
    deal = start(alpha, when="2026-05-01")
    correct(alpha, deal, when="2026-04-15")
    assert Deal.objects.get(pk=deal.deal_id).opened_on == date(2026, 4, 15)
    assert_facts_hold()


def test_a_move_is_withdrawn(alpha: Workspace) -> None:
    deal = start(alpha)
    wrong = move(alpha, deal, "Won")
    done = withdraw(alpha, wrong)
    row = Deal.objects.get(pk=deal.deal_id)
    assert (stage_name(row.pk), row.outcome, row.closed_on) == ("Booked", "open", None)
    assert StageTransition.objects.get(pk=done.transition_id).to_stage_id is None
    assert history_size() == 3
    assert_facts_hold()


def test_without_any_move_a_deal_has_no_history(alpha: Workspace) -> None:
    deal = start(alpha)
    withdraw(alpha, deal)
    row = Deal.objects.get(pk=deal.deal_id)
    assert (row.stage_id, row.outcome, row.opened_on, bytes(row.path)) == (None, "", None, b"")
    assert_facts_hold()
    move(alpha, deal, "Held", when="2026-05-02")  # and may begin anew
    row.refresh_from_db()
    assert (row.opened_on, row.outcome) == (date(2026, 5, 2), "open")
    assert_facts_hold()


def test_a_withdrawal_is_taken_back_by_correcting_it(alpha: Workspace) -> None:
    deal = start(alpha)
    wrong = move(alpha, deal, "Held")
    gone = withdraw(alpha, wrong)
    with pytest.raises(DomainError, match="Choose the stage that the deal really moved to"):
        correct(alpha, gone, when="2026-05-11")
    correct(alpha, gone, stage="Held")
    assert stage_name(deal.deal_id) == "Held"
    assert_facts_hold()


def test_the_last_of_a_chain_holds(alpha: Workspace) -> None:
    deal = start(alpha)
    first = move(alpha, deal, "Lost")
    second = correct(alpha, first, stage="Held")
    third = correct(alpha, second, stage="Coach", when="2026-05-11")
    assert stage_name(deal.deal_id) == "Coach"
    withdraw(alpha, third)
    assert stage_name(deal.deal_id) == "Booked"
    assert_facts_hold()


def test_of_two_corrections_of_one_row_the_later_holds(alpha: Workspace) -> None:
    deal = start(alpha)
    wrong = move(alpha, deal, "Lost")
    correct(alpha, wrong, stage="Coach")
    correct(alpha, wrong, stage="Held")
    assert stage_name(deal.deal_id) == "Held"
    assert_facts_hold()


def test_it_is_audited(alpha: Workspace) -> None:
    deal = start(alpha)
    wrong = move(alpha, deal, "Lost", when="2026-05-10")
    correct(alpha, wrong, stage="Held", when="2026-05-09", reason="Told so", role=Role.OWNER)
    entry = last_audit()
    assert (entry.action, entry.object_id) == ("deal.move_corrected", deal.deal_id)
    assert entry.before == {"stage": "Lost", "occurred_at": "2026-05-10T12:00:00+00:00"}
    assert entry.after == {
        "stage": "Held",
        "occurred_at": "2026-05-09T12:00:00+00:00",
        "reason": "Told so",
    }
    withdraw(alpha, wrong)
    assert last_audit().action == "deal.move_withdrawn"


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"stage": "Held", "when": "2026-06-01"}, "This lies in the future."),
        ({"stage": "Held", "reason": "x" * 301}, "A reason has at most 300 characters."),
        ({"stage": "Held", "reason": "\x00"}, "holds a character that cannot be kept"),
    ],
)
def test_refused_in_words(more: dict[str, Any], sentence: str, alpha: Workspace) -> None:
    deal = start(alpha)
    wrong = move(alpha, deal, "Lost")
    with pytest.raises(DomainError) as refusal:
        correct(alpha, wrong, **more)
    assert sentence in refusal.value.sentence
    assert history_size() == 2


def test_a_closed_quarter_needs_a_manager_from_either_side(alpha: Workspace) -> None:
    deal = start(alpha, when="2026-03-01")
    old = move(alpha, deal, "Held", when="2026-03-10")
    new = move(alpha, deal, "Coach", when="2026-05-10")
    for wrong, more in [
        (old, {"stage": "Lost"}),
        (old, {"when": "2026-05-01"}),  # out of the closed quarter
        (new, {"when": "2026-03-20"}),  # into it
        (old, {"withdraw": True}),
    ]:
        with pytest.raises(DomainError, match="a quarter that is closed"):
            correct(alpha, wrong, role=Role.REP, **more)
    correct(alpha, new, when="2026-05-09", role=Role.REP)
    correct(alpha, old, when="2026-05-01", role=Role.MANAGER)
    assert_facts_hold()


def test_ending_an_older_correction_in_a_closed_quarter_needs_a_manager(alpha: Workspace) -> None:
    """The row itself is of May, but what holds in its place is of March."""
    deal = start(alpha, when="2026-02-01")
    wrong = move(alpha, deal, "Held", when="2026-05-10")
    correct(alpha, wrong, when="2026-03-10", role=Role.MANAGER)
    with pytest.raises(DomainError, match="a quarter that is closed"):
        correct(alpha, wrong, when="2026-05-11", role=Role.REP)


def test_what_another_company_has_does_not_exist(alpha: Workspace) -> None:
    beta = make_workspace("beta")
    with company_context(beta.company.pk):
        theirs = start(beta)
    with company_context(alpha.company.pk):
        for wrong in (theirs, 999_999):
            with pytest.raises(NotFound, match="This move does not exist"):
                withdraw(alpha, wrong)


def test_a_stale_screen_is_told(alpha: Workspace) -> None:
    deal = start(alpha)
    wrong = move(alpha, deal, "Lost")
    move(alpha, deal, "Coach", when="2026-05-11")
    with pytest.raises(StaleVersion, match="it is in Coach now. You chose Held"):
        correct(alpha, wrong, stage="Held", version=2)
    with pytest.raises(StaleVersion, match="You chose to withdraw a move"):
        withdraw(alpha, wrong, version=2)
    assert history_size() == 3


def test_the_same_form_sent_twice_corrects_once(alpha: Workspace) -> None:
    deal = start(alpha)
    wrong = move(alpha, deal, "Lost")
    first = correct(alpha, wrong, stage="Held", key="form-1", version=2)
    again = correct(alpha, wrong, stage="Held", key="form-1", version=2)
    assert again.repeated
    assert again.transition_id == first.transition_id
    with pytest.raises(KeyReused):
        correct(alpha, wrong, stage="Coach", key="form-1")
    with pytest.raises(KeyReused):
        withdraw(alpha, wrong, key="form-1")
    with pytest.raises(KeyReused):
        move(alpha, deal, "Held", key="form-1")
    assert history_size() == 3


# Which quarters are marked --------------------------------------------------------------------


def test_both_the_old_and_the_new_day_are_marked(alpha: Workspace) -> None:
    deal = start(alpha, when="2025-11-01")
    wrong = move(alpha, deal, "Held", when="2026-05-10")
    clear_marks()
    right = correct(alpha, wrong, when="2026-02-10")
    assert marked(alpha) == [Q1, Q2]
    clear_marks()
    correct(alpha, right, when="2026-05-12")
    assert marked(alpha) == [Q1, Q2]
    clear_marks()
    withdraw(alpha, right)
    assert marked(alpha) == [Q1, Q2]


def test_the_correction_that_ends_is_marked_too(alpha: Workspace) -> None:
    """The row was corrected into an old quarter; correcting the row again takes that away."""
    deal = start(alpha, when="2025-10-20")
    wrong = move(alpha, deal, "Held", when="2026-05-10")
    correct(alpha, wrong, when="2025-11-10")
    assert Deal.objects.get(pk=deal.deal_id).stage_entered_on == date(2025, 11, 10)
    clear_marks()
    correct(alpha, wrong, when="2026-05-11")
    assert Deal.objects.get(pk=deal.deal_id).stage_entered_on == date(2026, 5, 11)
    assert marked(alpha) == [Q4_25, Q1, Q2]


def test_settling_days_count_for_corrections(alpha: Workspace) -> None:
    deal = start(alpha, when="2026-04-03")
    clear_marks()
    correct(alpha, deal, when="2026-04-05")
    assert marked(alpha) == [Q1, Q2]
