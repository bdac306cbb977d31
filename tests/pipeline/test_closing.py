"""Win and lose, several at once: one key has one effect, and both halves hold or neither."""

from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction

from accounts.errors import DomainError
from accounts.roles import Role
from accounts.tenancy.context import company_context
from pipeline.models import Contact, Deal, DealChange, LostReason, Note, StageTransition
from pipeline.services.closing import lose_deal, win_deal
from pipeline.services.contacts import Person, add_contact
from pipeline.services.facts import check_facts
from pipeline.services.history import Recorded
from pipeline.services.moves import correct_transition
from pipeline.services.notes import add_note
from pipeline.services.restating import quarter_label, restated_quarters
from tests.personas import NOW, Workspace
from tests.pipeline.doing import (
    Q1,
    Q2,
    assert_facts_hold,
    at,
    clear_marks,
    last_audit,
    marked,
    move,
    start,
)
from tests.pipeline.test_at_the_same_time import THREADS, kinds, together


def win(workspace: Workspace, deal: Recorded, **more: Any) -> Recorded:
    values: dict[str, Any] = {
        "by": workspace.actor(Role.REP),
        "deal_id": deal.deal_id,
        "occurred_at": NOW,
        "now": NOW,
        "amount": Decimal(500),
        "currency": "EUR",
        "won_reason": "Trust",
    }
    return win_deal(**{**values, **more})


def lose(workspace: Workspace, deal: Recorded, **more: Any) -> Recorded:
    values: dict[str, Any] = {
        "by": workspace.actor(Role.REP),
        "deal_id": deal.deal_id,
        "occurred_at": NOW,
        "now": NOW,
        "level": "no_decision",
    }
    return lose_deal(**{**values, **more})


def test_a_win_is_a_move_and_changes_with_their_audit(alpha: Workspace) -> None:
    deal = start(alpha)
    clear_marks()
    recorded = win(alpha, deal)
    row = Deal.objects.get(pk=deal.deal_id)
    assert (row.outcome, row.amount, row.won_reason) == ("won", 500, "Trust")
    assert (recorded.version, row.version) == (3, 3)
    assert last_audit().action == "deal.changed"
    assert marked(alpha) == [Q2]
    assert_facts_hold()


def test_the_version_that_it_returns_lets_it_be_undone(alpha: Workspace) -> None:
    recorded = lose(alpha, start(alpha), note="They went quiet")
    correct_transition(
        by=alpha.actor(Role.REP),
        transition_id=recorded.transition_id,
        now=NOW,
        withdraw=True,
        version=recorded.version,
    )
    assert Deal.objects.get(pk=recorded.deal_id).outcome == "open"
    assert_facts_hold()


def test_a_refused_half_leaves_nothing(alpha: Workspace) -> None:
    deal = start(alpha)
    for more in ({"amount": Decimal(-1)}, {"note": "\x00"}, {"won_reason": "x" * 301}):
        with pytest.raises(DomainError), transaction.atomic():
            win(alpha, deal, **more)
    assert StageTransition.objects.filter(deal_id=deal.deal_id).count() == 1
    assert (DealChange.objects.count(), Note.objects.count()) == (0, 0)


def test_the_levels_own_name_is_the_reason_where_nobody_says_more(alpha: Workspace) -> None:
    LostReason.objects.create(level="other", detail="No decision")  # an import brought it
    first, second = start(alpha), start(alpha, name="Another")
    lose(alpha, first)
    lose(alpha, second)
    reasons = set(Deal.objects.values_list("lost_reason__detail", "lost_reason__level"))
    assert reasons == {("No decision, no detail", "no_decision")}


def test_reopened_and_lost_again(alpha: Workspace) -> None:
    deal = start(alpha)
    lose(alpha, deal, occurred_at=at("2026-05-12"))
    move(alpha, deal, "Held", when="2026-05-15")
    lose(alpha, deal, level="other")
    row = Deal.objects.get(pk=deal.deal_id)
    assert (row.outcome, row.lost_reason.level) == ("lost", "other")
    assert_facts_hold()


@pytest.mark.parametrize(
    ("month", "day", "label"),
    [(1, Q1, "2026-Q1"), (4, Q1, "FY2026-Q4"), (4, Q2, "FY2027-Q1"), (2, None, "FY2027-Q1")],
)
def test_quarters_have_the_names_that_figures_use(
    alpha: Workspace, month: int, day: Any, label: str
) -> None:
    from datetime import date

    from metrics.calc.calendar import quarter_of

    alpha.company.fiscal_year_start_month = month
    start_day = day or date(2026, 2, 1)
    assert quarter_label(company=alpha.company, start=start_day) == label
    assert quarter_of(start_day, month).label == label


def test_which_quarters_an_entry_restates(alpha: Workspace) -> None:
    assert restated_quarters(since=at("2026-05-01").date(), now=NOW) == ()
    assert restated_quarters(since=at("2026-03-31").date(), now=NOW) == ("2026-Q1",)
    since = at("2025-08-01").date()
    assert restated_quarters(since=since, now=NOW) == ("2025-Q3", "2025-Q4", "2026-Q1")
    settling = at("2026-04-05")  # the first quarter is not final yet
    assert restated_quarters(since=at("2026-03-31").date(), now=settling) == ()


def test_one_form_sent_eight_times_has_one_effect(committed_alpha: Workspace) -> None:
    alpha = committed_alpha
    with company_context(alpha.company.pk), transaction.atomic():
        deals = [start(alpha, name=f"deal {n}") for n in range(6)]
        customer = alpha.customers["Acme"].pk
    for n, deal in enumerate(deals):
        jobs = [
            lambda deal=deal, n=n: (
                win(alpha, deal, key=f"w{n}", version=1)
                if n % 2
                else lose(alpha, deal, key=f"w{n}", version=1)
            )
        ] * THREADS
        assert kinds(together(alpha, jobs)) == {"Recorded": THREADS}
    by = alpha.actor(Role.REP)
    note = {"by": by, "deal_id": deals[0].deal_id, "body": "once", "now": NOW, "key": "n"}
    assert kinds(together(alpha, [lambda: add_note(**note)] * THREADS)) == {"Note": THREADS}
    mia = {"by": by, "customer_id": customer, "person": Person("Mia"), "now": NOW}
    assert kinds(together(alpha, [lambda: add_contact(**mia)] * THREADS)) == {"Contact": THREADS}
    with company_context(alpha.company.pk), transaction.atomic():
        assert StageTransition.objects.count() == 12
        assert Note.objects.count() == 1
        assert Contact.objects.count() == 1
        assert LostReason.objects.count() == 1
        assert {d.version for d in Deal.objects.all()} == {3}
        assert check_facts() == []
