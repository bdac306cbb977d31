"""What is known about a deal changes: a row for each change, and the figures that lean on it."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from accounts.errors import DomainError
from accounts.roles import Role
from accounts.tenancy.context import company_context
from pipeline.models import Deal, DealChange, LostReason
from pipeline.services.deals import change_deal
from pipeline.services.history import NotFound, StaleVersion
from tests.personas import NOW, Workspace, make_workspace
from tests.pipeline.doing import (
    Q1,
    Q2,
    Q4_25,
    assert_facts_hold,
    clear_marks,
    last_audit,
    marked,
    start,
)


def change(workspace: Workspace, deal_id: int, *, role: Role = Role.REP, **changes: Any) -> int:
    return change_deal(by=workspace.actor(role), deal_id=deal_id, now=NOW, **changes)


def test_each_change_is_a_row(alpha: Workspace) -> None:
    deal = start(alpha, amount=Decimal(100))
    reason = LostReason.objects.create(detail="Price", level="other")
    version = change(
        alpha,
        deal.deal_id,
        amount=Decimal("250.50"),
        rep_id=alpha.reps["Ben"].pk,
        lost_reason_id=reason.pk,
        name="Acme, second try",
    )
    row = Deal.objects.get(pk=deal.deal_id)
    assert (row.amount, row.rep_id, row.version, version) == (
        Decimal("250.50"),
        alpha.reps["Ben"].pk,
        2,
        2,
    )
    rows = {c.field: (c.before, c.after, c.origin) for c in DealChange.objects.all()}
    assert rows == {
        "amount": ("100.00", "250.50", "edit"),
        "rep_id": ("", str(alpha.reps["Ben"].pk), "edit"),
        "lost_reason_id": ("", str(reason.pk), "edit"),
        "name": ("Coaching for Acme", "Acme, second try", "edit"),
    }
    assert {c.changed_by_id for c in DealChange.objects.all()} == {alpha.user(Role.REP).pk}
    assert_facts_hold()


def test_it_is_audited(alpha: Workspace) -> None:
    deal = start(alpha, amount=Decimal(100))
    change(alpha, deal.deal_id, amount=None)
    entry = last_audit()
    assert (entry.action, entry.object_id) == ("deal.changed", deal.deal_id)
    assert (entry.before, entry.after) == ({"amount": "100.00"}, {"amount": ""})


def test_the_same_values_write_nothing(alpha: Workspace) -> None:
    deal = start(alpha, amount=Decimal("100.00"))
    clear_marks()
    entry = last_audit().pk
    assert change(alpha, deal.deal_id, amount=Decimal(100), name=" Coaching for Acme ") == 1
    assert not DealChange.objects.exists()
    assert last_audit().pk == entry
    assert marked(alpha) == []


def test_every_quarter_since_the_opening_is_marked(alpha: Workspace) -> None:
    deal = start(alpha, when="2025-11-01")
    clear_marks()
    change(alpha, deal.deal_id, amount=Decimal(5))
    assert marked(alpha) == [Q4_25, Q1, Q2]
    clear_marks()
    change(alpha, deal.deal_id, source_id=alpha.sources["Calls"].pk)
    assert marked(alpha) == [Q4_25, Q1, Q2]


def test_a_plan_changes_no_figure(alpha: Workspace) -> None:
    deal = start(alpha, when="2025-11-01")
    clear_marks()
    change(alpha, deal.deal_id, next_step="Call back", next_step_on=date(2026, 6, 1))
    assert marked(alpha) == []
    assert DealChange.objects.count() == 2
    change(alpha, deal.deal_id, next_step="", amount=Decimal(7))
    assert marked(alpha) == [Q4_25, Q1, Q2]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"name": ""}, "A deal needs a name."),
        ({"name": "x" * 251}, "The name: Ensure this value has at most 250 characters"),
        ({"name": "\x00"}, "holds a character that cannot be kept"),
        ({"amount": Decimal("-5")}, "An amount is never negative."),
        ({"rep_id": 999_999}, "This rep does not exist. Choose another."),
        ({"competitor_id": 999_999}, "This competitor does not exist."),
        ({"currency": "x"}, "A currency has three letters"),
    ],
)
def test_refused_in_words(changes: dict[str, Any], sentence: str, alpha: Workspace) -> None:
    deal = start(alpha)
    with pytest.raises(DomainError) as refusal:
        change(alpha, deal.deal_id, **changes)
    assert sentence in refusal.value.sentence
    assert not DealChange.objects.exists()
    assert Deal.objects.get(pk=deal.deal_id).version == 1


def test_a_stale_screen_is_told_both_values_by_name(alpha: Workspace) -> None:
    deal = start(alpha, amount=Decimal(100), rep_id=alpha.reps["Ada"].pk)
    change(alpha, deal.deal_id, amount=Decimal(200), version=1)
    with pytest.raises(StaleVersion) as refusal:
        change(alpha, deal.deal_id, amount=Decimal(300), rep_id=alpha.reps["Ben"].pk, version=1)
    assert refusal.value.status == 409
    assert "amount is 200.00 now, you wrote 300" in refusal.value.sentence
    assert "rep is Ada now, you wrote Ben" in refusal.value.sentence
    with pytest.raises(StaleVersion, match="rep is Ada now, you wrote empty"):
        change(alpha, deal.deal_id, rep_id=None, version=1)
    with pytest.raises(StaleVersion, match="Your values are the same"):
        change(alpha, deal.deal_id, amount=Decimal(200), version=1)
    assert Deal.objects.get(pk=deal.deal_id).amount == Decimal(200)


def test_what_another_company_has_does_not_exist(alpha: Workspace) -> None:
    beta = make_workspace("beta")
    with company_context(beta.company.pk):
        theirs = start(beta)
    mine = start(alpha)
    with pytest.raises(NotFound, match="This deal does not exist"):
        change(alpha, theirs.deal_id, amount=Decimal(1))
    with pytest.raises(DomainError, match="This customer does not exist"):
        change(alpha, mine.deal_id, customer_id=beta.customers["Acme"].pk)
    change(alpha, mine.deal_id, amount=Decimal(1))
    with pytest.raises(StaleVersion, match="rep is empty now, you wrote gone"):
        change(alpha, mine.deal_id, rep_id=beta.reps["Ada"].pk, version=1)


def test_the_history_is_not_an_attribute(alpha: Workspace) -> None:
    deal = start(alpha)
    for field in ("stage_id", "outcome", "opened_on", "closed_on", "path", "company_id"):
        with pytest.raises(TypeError, match=field):
            change(alpha, deal.deal_id, **{field: None})


def test_a_deal_whose_old_values_are_odd_can_still_be_changed(alpha: Workspace) -> None:
    """Only what changes is checked: imported rows may hold what a form would refuse."""
    deal = start(alpha)
    Deal.objects.filter(pk=deal.deal_id).update(name="")
    assert change(alpha, deal.deal_id, amount=Decimal(1)) == 2


def test_marks_begin_in_the_settling_quarter(alpha: Workspace) -> None:
    deal = start(alpha, when="2026-04-02")
    clear_marks()
    change(alpha, deal.deal_id, amount=Decimal(1))
    assert marked(alpha) == [Q1, Q2]
