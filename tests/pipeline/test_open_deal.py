"""A deal is opened: once, by whoever may, in a stage of the pipeline, in words when not."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from accounts.actors import Actor
from accounts.errors import DomainError
from accounts.roles import Role
from pipeline.models import Deal, Pipeline, Stage, StageTransition
from pipeline.services.history import KeyReused
from tests.personas import NOW, Workspace, make_workspace
from tests.pipeline.doing import (
    Q1,
    Q2,
    assert_facts_hold,
    at,
    clear_marks,
    history_size,
    last_audit,
    marked,
    start,
)


def test_a_deal_is_opened(alpha: Workspace) -> None:
    done = start(
        alpha,
        name="  Acme  ",
        amount=Decimal("1200.50"),
        rep_id=alpha.reps["Ada"].pk,
        source_id=alpha.sources["Website"].pk,
        customer_id=alpha.customers["Acme"].pk,
        currency="usd",
        key="form-1",
    )
    deal = Deal.objects.get(pk=done.deal_id)
    assert (deal.name, deal.amount, deal.currency) == ("Acme", Decimal("1200.50"), "USD")
    assert (deal.stage_id, deal.outcome, deal.version) == (alpha.stages["Booked"].pk, "open", 1)
    assert (deal.opened_on, deal.closed_on) == (date(2026, 5, 1), None)
    assert (done.version, done.stage_id, done.repeated) == (1, deal.stage_id, False)

    transition = StageTransition.objects.get(pk=done.transition_id)
    assert (transition.number, transition.from_stage_id) == (1, None)
    assert transition.origin == StageTransition.Origin.OPENING
    assert transition.recorded_by_id == alpha.user(Role.MANAGER).pk
    assert transition.recorded_at == NOW
    assert_facts_hold()


def test_the_companys_currency_is_taken_when_none_is_given(alpha: Workspace) -> None:
    assert Deal.objects.get(pk=start(alpha).deal_id).currency == "EUR"


def test_it_is_audited_in_the_same_transaction(alpha: Workspace) -> None:
    done = start(alpha)
    entry = last_audit()
    assert (entry.action, entry.object_type, entry.object_id) == (
        "deal.opened",
        "deal",
        done.deal_id,
    )
    assert entry.actor_id == alpha.user(Role.MANAGER).pk
    assert entry.actor_label == "manager@alpha.example"
    assert entry.after["stage"] == "Booked"


def test_the_quarters_that_it_touches_are_marked(alpha: Workspace) -> None:
    clear_marks()
    start(alpha, when="2026-05-01")
    assert marked(alpha) == [Q2]
    clear_marks()
    start(alpha, when="2026-04-07")  # the seventh settling day of Q1
    assert marked(alpha) == [Q1, Q2]
    clear_marks()
    start(alpha, when="2026-04-08")
    assert marked(alpha) == [Q2]


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"name": "  "}, "A deal needs a name."),
        ({"name": "x" * 300}, "The name: Ensure this value has at most 250 characters"),
        ({"name": "nul\x00"}, "holds a character that cannot be kept"),
        ({"name": "half \ud83d"}, "holds a character that cannot be kept"),
        ({"when": "2026-05-21"}, "This lies in the future."),
        ({"amount": Decimal("-1")}, "An amount is never negative."),
        ({"amount": Decimal("NaN")}, "This amount is not a number."),
        ({"amount": Decimal("Infinity")}, "This amount is not a number."),
        ({"amount": Decimal("1e15")}, "This amount is too large."),
        ({"amount": Decimal("1.005")}, "An amount has at most two decimals."),
        ({"currency": "EURO"}, "A currency has three letters"),
        ({"currency": "€"}, "A currency has three letters"),
        ({"customer_id": 999_999}, "This customer does not exist. Choose another."),
        ({"lost_reason_id": 999_999}, "This lost reason does not exist. Choose another."),
        ({"key": "k" * 81}, "This form cannot be recognised."),
        ({"key": "k\x00"}, "This form cannot be recognised."),
    ],
)
def test_what_cannot_be_is_refused_in_words(
    more: dict[str, Any], sentence: str, alpha: Workspace
) -> None:
    with pytest.raises(DomainError) as refusal:
        start(alpha, **more)
    assert sentence in refusal.value.sentence
    assert not Deal.objects.exists()
    assert history_size() == 0


def test_a_clock_that_runs_ahead_by_minutes_is_pulled_back(alpha: Workspace) -> None:
    """The figures end at now: what lies after it would be missing until the next change."""
    ahead = NOW + timedelta(minutes=4)
    done = start(alpha, when=ahead.isoformat()[:19].replace("T", " "))
    assert StageTransition.objects.get(pk=done.transition_id).occurred_at == NOW


def test_rows_of_another_company_do_not_exist(alpha: Workspace) -> None:
    from accounts.tenancy.context import company_context

    beta = make_workspace("beta")
    with company_context(alpha.company.pk):
        for field, row in [
            ("customer_id", beta.customers["Acme"]),
            ("rep_id", beta.reps["Ada"]),
            ("source_id", beta.sources["Calls"]),
        ]:
            with pytest.raises(DomainError, match="does not exist. Choose another"):
                start(alpha, **{field: row.pk})
        with pytest.raises(DomainError, match="not one of the pipeline's"):
            start(beta, role=Role.MANAGER)


def test_a_stage_of_another_pipeline_is_refused(alpha: Workspace) -> None:
    other = Pipeline.objects.create(name="Renewals")
    stage = Stage.objects.create(pipeline=other, name="Due", position=1)
    alpha.stages["Due"] = stage
    with pytest.raises(DomainError, match="not one of the pipeline's"):
        start(alpha, stage="Due")


def test_a_closed_quarter_needs_a_manager(alpha: Workspace) -> None:
    """NOW is in May: Q1 is final since the eighth of April."""
    with pytest.raises(DomainError, match="a quarter that is closed. Ask a manager"):
        start(alpha, when="2026-03-31", role=Role.REP)
    start(alpha, when="2026-04-01", role=Role.REP)
    start(alpha, when="2026-03-31", role=Role.MANAGER)
    start(alpha, when="2026-03-30", role=Role.OWNER)
    assert_facts_hold()


def test_an_import_takes_what_another_system_says(alpha: Workspace) -> None:
    done = start(alpha, when="2020-01-01", role=Role.REP, imported=True)
    transition = StageTransition.objects.get(pk=done.transition_id)
    assert transition.origin == StageTransition.Origin.IMPORT


def test_the_same_form_sent_twice_opens_one_deal(alpha: Workspace) -> None:
    first = start(alpha, key="form-1")
    again = start(alpha, key="form-1", now=NOW + timedelta(seconds=3))
    assert again.repeated
    assert (again.deal_id, again.transition_id) == (first.deal_id, first.transition_id)
    assert Deal.objects.count() == 1


@pytest.mark.parametrize("other", [{"name": "Another"}, {"stage": "Held"}])
def test_the_same_form_with_other_values_is_refused(
    other: dict[str, Any], alpha: Workspace
) -> None:
    start(alpha, key="form-1")
    with pytest.raises(KeyReused, match="sent before with other values"):
        start(alpha, key="form-1", **other)
    assert Deal.objects.count() == 1


def test_a_renamed_deal_still_answers_its_form(alpha: Workspace) -> None:
    from pipeline.services.deals import change_deal

    first = start(alpha, key="form-1")
    change_deal(by=Actor.product("t"), deal_id=first.deal_id, now=NOW, name="Renamed")
    assert start(alpha, key="form-1").deal_id == first.deal_id


def test_the_key_of_a_move_opens_nothing(alpha: Workspace) -> None:
    from tests.pipeline.doing import move

    first = start(alpha)
    move(alpha, first, "Held", key="form-2")
    with pytest.raises(KeyReused):
        start(alpha, stage="Held", key="form-2")


def test_keys_of_two_companies_are_two_keys(alpha: Workspace) -> None:
    from accounts.tenancy.context import company_context

    first = start(alpha, key="form-1")
    beta = make_workspace("beta")
    with company_context(beta.company.pk):
        other = start(beta, key="form-1")
    assert other.deal_id != first.deal_id
    assert not other.repeated


def test_a_deal_of_another_system_comes_in_once(alpha: Workspace) -> None:
    start(alpha, external_system="hubspot", external_id="42")
    with pytest.raises(DomainError, match="here already"):
        start(alpha, external_system="hubspot", external_id="42")
    start(alpha, external_system="hubspot", external_id="43")
    start(alpha, external_system="pipedrive", external_id="42")


def test_an_unknown_attribute_is_a_mistake_of_the_caller(alpha: Workspace) -> None:
    with pytest.raises(TypeError, match="colour"):
        start(alpha, colour="red")
    with pytest.raises(TypeError, match="stage_id|outcome"):
        start(alpha, outcome="won")


def test_the_local_day_is_the_companys(db: None) -> None:
    from accounts.tenancy.context import company_context

    for zone, expected in [
        ("UTC", date(2026, 3, 31)),
        ("Pacific/Auckland", date(2026, 4, 1)),
        ("America/Los_Angeles", date(2026, 3, 31)),
    ]:
        workspace = make_workspace(zone.lower().replace("/", "-").replace("_", "-"), timezone=zone)
        with company_context(workspace.company.pk):
            done = start(workspace, when="2026-03-31 20:30")
            transition = StageTransition.objects.get(pk=done.transition_id)
            assert transition.occurred_on == expected
            assert Deal.objects.get(pk=done.deal_id).opened_on == expected
            assert at("2026-03-31 20:30") == transition.occurred_at
