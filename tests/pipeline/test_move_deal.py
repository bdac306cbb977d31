"""A deal moves: allowed or refused in words, with the cache, the audit and the marks."""

from datetime import date, timedelta
from typing import Any

import pytest

from accounts.errors import DomainError
from accounts.roles import Role
from accounts.tenancy.context import company_context
from pipeline.models import Deal, Pipeline, Stage, StageTransition
from pipeline.services.history import KeyReused, NotFound, StaleVersion
from tests.personas import NOW, Workspace, make_workspace
from tests.pipeline.doing import (
    Q1,
    Q2,
    Q3,
    Q3_25,
    Q4_25,
    assert_facts_hold,
    at,
    clear_marks,
    generations,
    history_size,
    last_audit,
    marked,
    move,
    stage_name,
    start,
)


def test_a_deal_moves(alpha: Workspace) -> None:
    deal = start(alpha, when="2026-05-01")
    done = move(alpha, deal, "Held", when="2026-05-10", key="form-1", version=deal.version)
    row = Deal.objects.get(pk=deal.deal_id)
    assert (row.stage_id, row.outcome, row.version) == (alpha.stages["Held"].pk, "open", 2)
    assert row.stage_entered_on == date(2026, 5, 10)
    assert (done.version, done.stage_id, done.repeated) == (2, row.stage_id, False)
    transition = StageTransition.objects.get(pk=done.transition_id)
    assert (transition.number, transition.origin) == (2, "move")
    assert transition.from_stage_id == alpha.stages["Booked"].pk
    assert transition.idempotency_key == "form-1"
    assert_facts_hold()


@pytest.mark.parametrize(("stage", "outcome"), [("Won", "won"), ("Lost", "lost")])
def test_closing_and_coming_back(stage: str, outcome: str, alpha: Workspace) -> None:
    deal = start(alpha)
    move(alpha, deal, stage, when="2026-05-10")
    row = Deal.objects.get(pk=deal.deal_id)
    assert (row.outcome, row.closed_on) == (outcome, date(2026, 5, 10))
    move(alpha, deal, "Held", when="2026-05-12")
    row.refresh_from_db()
    assert (row.outcome, row.closed_on, row.opened_on) == ("open", None, date(2026, 5, 1))
    move(alpha, deal, stage, when="2026-05-15")
    row.refresh_from_db()
    assert (row.outcome, row.closed_on) == (outcome, date(2026, 5, 15))
    assert_facts_hold()


def test_it_is_audited(alpha: Workspace) -> None:
    deal = start(alpha)
    move(alpha, deal, "Held", role=Role.REP)
    entry = last_audit()
    assert (entry.action, entry.object_id, entry.at) == ("deal.moved", deal.deal_id, NOW)
    assert entry.before == {"stage": "Booked", "version": 1}
    assert entry.after == {"stage": "Held", "occurred_at": "2026-05-10T12:00:00+00:00"}
    assert entry.actor_label == "rep@alpha.example"


def test_a_late_entry_does_not_change_where_the_deal_is(alpha: Workspace) -> None:
    deal = start(alpha, when="2026-05-01")
    move(alpha, deal, "Coach", when="2026-05-10")
    late = move(alpha, deal, "Held", when="2026-05-05")
    assert stage_name(deal.deal_id) == "Coach"
    transition = StageTransition.objects.get(pk=late.transition_id)
    assert transition.from_stage_id == alpha.stages["Booked"].pk  # where it stood then
    assert late.stage_id == alpha.stages["Coach"].pk
    assert_facts_hold()


def test_a_late_entry_may_repeat_todays_stage(alpha: Workspace) -> None:
    deal = start(alpha, when="2026-05-01")
    move(alpha, deal, "Coach", when="2026-05-10")
    move(alpha, deal, "Coach", when="2026-05-05")
    assert Deal.objects.get(pk=deal.deal_id).stage_entered_on == date(2026, 5, 10)
    assert_facts_hold()


def test_of_two_moves_at_one_instant_the_later_entry_holds(alpha: Workspace) -> None:
    deal = start(alpha)
    move(alpha, deal, "Held", when="2026-05-10 10:00")
    move(alpha, deal, "Coach", when="2026-05-10 10:00")
    assert stage_name(deal.deal_id) == "Coach"
    assert_facts_hold()


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"when": "2026-05-20 09:06"}, "This lies in the future. Choose a time that has passed."),
        ({"stage": "Booked"}, "The deal is in Booked already."),
        ({"when": "2026-04-30"}, "The deal was opened on 1 May 2026, after this move."),
        ({"key": "k" * 81}, "This form cannot be recognised."),
    ],
)
def test_refused_in_words(more: dict[str, Any], sentence: str, alpha: Workspace) -> None:
    deal = start(alpha, when="2026-05-01")
    before = generations(alpha)
    with pytest.raises(DomainError) as refusal:
        move(alpha, deal, **{"stage": "Held", **more})
    assert refusal.value.sentence.startswith(sentence)
    assert refusal.value.status == 422
    assert history_size() == 1
    assert generations(alpha) == before
    assert Deal.objects.get(pk=deal.deal_id).version == 1


def test_five_minutes_ahead_is_a_clock_and_six_are_the_future(alpha: Workspace) -> None:
    deal = start(alpha)
    done = move(alpha, deal, "Held", when="2026-05-20 09:05")
    assert StageTransition.objects.get(pk=done.transition_id).occurred_at == NOW


def test_a_stage_of_another_pipeline_is_refused(alpha: Workspace) -> None:
    other = Pipeline.objects.create(name="Renewals")
    alpha.stages["Due"] = Stage.objects.create(pipeline=other, name="Due", position=1)
    deal = start(alpha)
    with pytest.raises(DomainError, match="Due is a stage of another pipeline"):
        move(alpha, deal, "Due")


def test_a_closed_quarter_needs_a_manager(alpha: Workspace) -> None:
    deal = start(alpha, when="2026-03-01")
    with pytest.raises(DomainError, match="Ask a manager to record it: it will restate"):
        move(alpha, deal, "Held", when="2026-03-31", role=Role.REP)
    move(alpha, deal, "Held", when="2026-04-01", role=Role.REP)
    move(alpha, deal, "Coach", when="2026-03-31", role=Role.MANAGER)
    assert_facts_hold()


def test_a_settling_quarter_is_open_to_everybody(alpha: Workspace) -> None:
    """Until the midnight that ends the seventh day after it."""
    deal = start(alpha, when="2026-03-01")
    move(alpha, deal, "Held", when="2026-03-30", role=Role.REP, now=at("2026-04-07 23:59"))
    with pytest.raises(DomainError, match="quarter that is closed"):
        move(alpha, deal, "Coach", when="2026-03-31", role=Role.REP, now=at("2026-04-08 00:00"))


def test_the_settling_days_end_at_the_companys_midnight(db: None) -> None:
    workspace = make_workspace("apia", timezone="Pacific/Apia")  # 13 hours ahead
    with company_context(workspace.company.pk):
        deal = start(workspace, when="2026-03-01")
        move(workspace, deal, "Held", when="2026-03-30", role=Role.REP, now=at("2026-04-07 10:59"))
        with pytest.raises(DomainError, match="quarter that is closed"):
            move(
                workspace,
                deal,
                "Coach",
                when="2026-03-31 10:00",
                role=Role.REP,
                now=at("2026-04-07 11:00"),
            )


def test_what_another_company_has_does_not_exist(alpha: Workspace) -> None:
    beta = make_workspace("beta")
    with company_context(beta.company.pk):
        theirs = start(beta)
    mine = start(alpha)
    for deal, stage in [(theirs.deal_id, "Held"), (999_999, "Held")]:
        with pytest.raises(NotFound, match="This deal does not exist"):
            move(alpha, deal, stage)
    alpha.stages["Theirs"] = beta.stages["Held"]
    with pytest.raises(NotFound, match="This stage does not exist"):
        move(alpha, mine, "Theirs")


def test_a_stale_screen_is_told_both_values(alpha: Workspace) -> None:
    deal = start(alpha)
    move(alpha, deal, "Coach", when="2026-05-05", version=1)
    with pytest.raises(StaleVersion) as refusal:
        move(alpha, deal, "Held", version=1)
    assert refusal.value.status == 409
    assert "it is in Coach now. You chose Held." in refusal.value.sentence
    assert "Nothing was changed" in refusal.value.sentence
    assert stage_name(deal.deal_id) == "Coach"
    assert history_size() == 2


def test_the_same_form_sent_twice_moves_once(alpha: Workspace) -> None:
    deal = start(alpha)
    first = move(alpha, deal, "Held", key="form-1", version=1)
    move(alpha, deal, "Coach", when="2026-05-11")
    again = move(alpha, deal, "Held", key="form-1", version=1, now=NOW + timedelta(days=30))
    assert again.repeated
    assert again.transition_id == first.transition_id
    assert again.stage_id == alpha.stages["Coach"].pk  # where the deal is now
    assert history_size() == 3


def test_the_same_form_with_other_values_is_refused(alpha: Workspace) -> None:
    deal, other = start(alpha), start(alpha, key="opening")
    move(alpha, deal, "Held", key="form-1")
    for wrong in [
        lambda: move(alpha, deal, "Coach", key="form-1"),
        lambda: move(alpha, other, "Held", key="form-1"),
        lambda: move(alpha, other, "Booked", key="opening"),
    ]:
        with pytest.raises(KeyReused, match="Reload the page"):
            wrong()
    assert history_size() == 3


# Which quarters are marked --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("2026-05-10", [Q2]),
        ("2026-04-08", [Q2]),
        ("2026-04-07", [Q1, Q2]),  # the last settling day of Q1: its as_of is that midnight
        ("2026-04-01", [Q1, Q2]),
        ("2026-03-31", [Q1, Q2]),
        ("2025-12-31", [Q4_25, Q1, Q2]),
        ("2025-10-07", [Q3_25, Q4_25, Q1, Q2]),
    ],
)
def test_every_quarter_whose_as_of_lies_after_the_move(
    when: str, expected: list[date], alpha: Workspace
) -> None:
    deal = start(alpha, when="2025-08-01")
    clear_marks()
    move(alpha, deal, "Held", when=when)
    assert marked(alpha) == expected


def test_settle_days_of_the_company_count(db: None) -> None:
    workspace = make_workspace("slow", settle_days=30)
    with company_context(workspace.company.pk):
        deal = start(workspace, when="2026-03-01")
        clear_marks()
        move(workspace, deal, "Held", when="2026-04-30")
        assert marked(workspace) == [Q1, Q2]
        clear_marks()
        move(workspace, deal, "Coach", when="2026-05-01")
        assert marked(workspace) == [Q2]


def test_fiscal_quarters_start_where_the_company_says(db: None) -> None:
    workspace = make_workspace("fiscal", fiscal_year_start_month=2)
    with company_context(workspace.company.pk):
        deal = start(workspace, when="2026-01-15")
        clear_marks()
        move(workspace, deal, "Held", when="2026-02-07")
        assert marked(workspace) == [date(2025, 11, 1), date(2026, 2, 1), date(2026, 5, 1)]


def test_marks_follow_the_companys_clock(db: None) -> None:
    """A loaded company stands still at its as_of: later quarters do not exist in it."""
    workspace = make_workspace("still", as_of=at("2026-02-01"))
    with company_context(workspace.company.pk):
        deal = start(workspace, when="2025-11-01")
        clear_marks()
        move(workspace, deal, "Held", when="2025-11-10")
        assert marked(workspace) == [Q4_25, Q1]


def test_each_change_raises_the_generation(alpha: Workspace) -> None:
    deal = start(alpha)
    before = generations(alpha)[Q2]
    move(alpha, deal, "Held", when="2026-05-10")
    move(alpha, deal, "Coach", when="2026-05-11")
    assert generations(alpha)[Q2] == before + 2
    assert Q3 not in generations(alpha)


# The local day --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "when", "day"),
    [
        ("Europe/Berlin", "2026-03-29 00:59", date(2026, 3, 29)),  # the night of 23 hours
        ("Europe/Berlin", "2026-03-28 23:00", date(2026, 3, 29)),
        ("Europe/Berlin", "2026-03-28 22:59", date(2026, 3, 28)),
        ("Europe/Berlin", "2025-10-25 22:00", date(2025, 10, 26)),  # the night of 25 hours
        ("Europe/Berlin", "2025-10-26 22:59", date(2025, 10, 26)),
        ("Europe/Berlin", "2025-10-26 23:00", date(2025, 10, 27)),
        ("Asia/Kathmandu", "2026-03-31 18:14", date(2026, 3, 31)),
        ("Asia/Kathmandu", "2026-03-31 18:15", date(2026, 4, 1)),
        ("America/Santiago", "2026-04-05 03:59", date(2026, 4, 4)),  # midnight happens twice
        ("America/Santiago", "2026-04-05 04:00", date(2026, 4, 5)),
        ("America/Santiago", "2025-09-07 04:00", date(2025, 9, 7)),  # midnight does not happen
        ("Pacific/Apia", "2026-03-31 10:59", date(2026, 3, 31)),
        ("Pacific/Apia", "2026-03-31 11:00", date(2026, 4, 1)),
    ],
)
def test_the_day_is_computed_once_in_the_companys_zone(
    zone: str, when: str, day: date, db: None
) -> None:
    workspace = make_workspace("zoned", timezone=zone)
    with company_context(workspace.company.pk):
        deal = start(workspace, when="2025-01-01")
        done = move(workspace, deal, "Held", when=when)
        assert StageTransition.objects.get(pk=done.transition_id).occurred_on == day
        assert_facts_hold()
