"""Experiments over a company with a known truth: from deals to stored figures, the clock moved."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.tenancy.context import company_context
from metrics.calc.experiments.result import METHOD, ExperimentFigures
from metrics.models import ExperimentEntry, ExperimentResult, RecordedChange
from metrics.services import experiment_log
from metrics.services.experiment_plans import usual_days_of
from metrics.services.experiment_results import (
    figures_to_freeze,
    follow_up_running,
    recheck_decided,
    recompute_decided,
    recompute_experiment,
)
from metrics.services.recompute import recompute_all
from pipeline.models import Stage
from pipeline.services.deals import change_deal
from tests.metrics.builders import BY, Small, at, small_company
from tests.metrics.running_experiments import (
    BASELINE,
    END,
    START,
    D,
    at_noon,
    recompute,
    results,
    running,
    simulate,
)
from tests.personas import make_user

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


def newest(experiment, kind="running") -> ExperimentFigures:
    return ExperimentFigures.from_json(results(experiment, kind)[-1].figures)


def entries(experiment, event) -> list[ExperimentEntry]:
    return list(ExperimentEntry.objects.filter(experiment=experiment, after__event=event))


def test_a_real_difference_is_found_as_the_clock_moves() -> None:
    with small_company() as small:
        simulate(small, BASELINE, 13, 0.25, seed=1)
        simulate(small, START, 13, 0.7, seed=2)
        experiment = running(small)
        recompute(small, START + timedelta(days=10))
        early = newest(experiment)
        # Nothing that opened since is two weeks old yet.
        assert early.primary.reason == "no_mature"
        assert early.primary.test.young == early.primary.test.belonging == 9
        assert (early.primary.baseline.young, early.primary.baseline.mature) == (3, 75)
        recompute(small, END + timedelta(days=D + 1))
        late = newest(experiment)
        assert (late.primary.baseline.n, late.primary.test.n) == (78, 78)
        assert late.primary.verdict == "better"
        low, high = late.primary.always_valid
        assert low < 0.45 < high
        assert low > 0
        assert [row.day for row in results(experiment)] == [
            START + timedelta(days=10),
            END + timedelta(days=D + 1),
        ]
        assert len(entries(experiment, "verdict")) == 1
        assert len(entries(experiment, "planned_end")) == 1


def test_without_a_difference_no_verdict_is_suggested() -> None:
    with small_company() as small:
        simulate(small, BASELINE, 13, 0.4, seed=3)
        simulate(small, START, 8, 0.4, seed=4)
        experiment = running(small)
        for week in range(3, 10):
            recompute(small, START + timedelta(weeks=week))
        assert {ExperimentFigures.from_json(r.figures).primary.verdict
                for r in results(experiment)} == {"no_evidence_yet"}  # fmt: skip
        assert len(results(experiment)) == 7
        assert entries(experiment, "verdict") == []


def test_two_sweeps_write_one_row_and_the_second_writes_nothing() -> None:
    with small_company() as small:
        simulate(small, BASELINE, 6, 0.5, seed=5)
        experiment = running(small)
        assert recompute(small, START) == 1
        row = results(experiment)[0]
        assert recompute(small, at_noon(START) + timedelta(hours=3)) == 0
        assert [r.computed_at for r in results(experiment)] == [row.computed_at]
        assert row.method == METHOD
        # What is entered today for an earlier day changes today's row, and makes no second one.
        small.opens("2026-03-01", now=f"{START}T15:00")
        assert recompute(small, at_noon(START) + timedelta(hours=4)) == 1
        again = results(experiment)
        assert len(again) == 1
        assert again[0].digest != row.digest


def test_cut_off_in_the_middle_it_leaves_nothing_and_then_the_same(monkeypatch) -> None:
    with small_company() as small:
        simulate(small, BASELINE, 6, 0.5, seed=5)
        simulate(small, START, 2, 0.5, seed=6)
        still_open = small.opens("2026-04-20").deal_id
        experiment = running(small, design="arms_by_deal")

        def cut(**_: object) -> int:
            raise RuntimeError("the power is gone")

        with monkeypatch.context() as patch:
            patch.setattr(experiment_log, "note_events", cut)
            with pytest.raises(RuntimeError):
                recompute(small, date(2026, 4, 21))
        assert results(experiment) == []
        assert experiment.assignments.count() == 0
        recompute(small, date(2026, 4, 21))
        first = results(experiment)[0].figures
        assert [a.deal_id for a in experiment.assignments.all()] == [still_open]
        ExperimentResult.objects.all().delete()
        recompute(small, date(2026, 4, 21))
        again = results(experiment)[0].figures
        assert again == first


def test_days_are_those_of_the_company() -> None:
    with small_company(timezone="Pacific/Auckland") as small:
        # 11:30 UTC on the 5th is 23:30 there, 12:30 UTC the next local day.
        small.opens("2026-04-05T11:30")
        small.opens("2026-04-05T12:30")
        experiment = running(small, measure="number")
        recompute(small, datetime(2026, 4, 8, 11, 59, tzinfo=UTC))
        late = newest(experiment)
        assert (late.primary.baseline.n, late.primary.test.n) == (1, 1)
        assert late.last_day == date(2026, 4, 7)
        recompute(small, datetime(2026, 4, 8, 12, 1, tzinfo=UTC))
        assert [row.day for row in results(experiment)] == [date(2026, 4, 8), date(2026, 4, 9)]
        assert newest(experiment).last_day == date(2026, 4, 8)


EMPTY = [
    ({}, "no_deals"),
    ({"measure": "number"}, "no_events"),
    ({"segment": "channel=outbound"}, "no_deals"),
    ({"segment": "product=Gone"}, "no_deals"),
    ({"design": "arms_by_deal"}, "no_deals"),
    ({"measure": "cycle", "rising": False}, "no_deals"),
    ({"measure": "deal_size"}, "no_deals"),
    ({"follow_up_days": None}, "no_won"),
    ({"baseline_start": START, "baseline_end": START}, "no_days"),
    ({"starts_on": date(2026, 8, 1), "ends_on": date(2026, 9, 1)}, "no_deals"),
]


@pytest.mark.parametrize(("changes", "reason"), EMPTY)
def test_what_cannot_be_told_is_stored_with_its_reason(changes, reason) -> None:
    with small_company() as small:
        small.opens("2025-12-20")
        experiment = running(small, **changes)
        recompute(small, START + timedelta(days=30))
        primary = newest(experiment).primary
        assert primary.reason == reason
        assert primary.effect is None
        assert primary.words == "too_early"


def test_an_arm_without_reps_is_empty_and_said() -> None:
    with small_company() as small:
        simulate(small, START, 2, 0.5, seed=7)
        experiment = running(small, design="arms_by_rep")
        recompute(small, START + timedelta(days=40))
        figures = newest(experiment)
        assert figures.primary.reason == "arm_empty"  # one rep only
        assert figures.arms.balance.baseline + figures.arms.balance.test == 1


def retire(small: Small, stage: int, heir: int | None) -> None:
    Stage.objects.filter(pk=stage).update(
        position=None, retired_at=at("2026-04-20"), replaced_by_id=heir
    )


def test_a_stage_retired_in_mid_run_is_measured_as_its_replacement() -> None:
    with small_company() as small:
        simulate(small, BASELINE, 4, 0.5, seed=8)
        simulate(small, START, 4, 0.5, seed=9)
        experiment = running(small, measure="conversion", stage_id=small.met)
        retire(small, small.met, small.booked)
        recompute(small, START + timedelta(days=60))
        figures = newest(experiment)
        assert figures.primary.stage == 1
        assert figures.primary.reason is None
        (told,) = entries(experiment, "stage_retired")
        assert "Booked" in told.text


def test_a_stage_that_is_gone_is_said_and_never_a_number() -> None:
    with small_company() as small:
        simulate(small, BASELINE, 4, 0.5, seed=8)
        experiment = running(
            small,
            measure="conversion",
            stage_id=small.met,
            guardrails=[{"measure": "win_rate", "stage": None}],
        )
        retire(small, small.met, None)
        recompute(small, START + timedelta(days=60))
        figures = newest(experiment)
        assert figures.primary.reason == "stage_gone"
        assert figures.guardrails[0].measure == "won_within"
        recompute(small, START + timedelta(days=61))
        assert len(entries(experiment, "stage_retired")) == 1


def test_changes_recorded_in_the_window_are_noted_once() -> None:
    with small_company() as small:
        experiment = running(small)
        for day, segment in ((10, "all"), (-10, "all"), (20, "channel=inbound")):
            RecordedChange.objects.create(
                happened_on=START + timedelta(days=day),
                text=f"Prices {day}",
                segment=segment,
                recorded_at=at("2026-05-01"),
            )
        recompute(small, START + timedelta(days=9))
        assert entries(experiment, "recorded_change") == []  # told when they happened, not before
        recompute(small, START + timedelta(days=30))
        recompute(small, START + timedelta(days=31))
        told = [row.text for row in entries(experiment, "recorded_change")]
        assert len(told) == 2
        assert "Prices 10" in told[0]


def test_a_change_is_noted_where_a_deal_can_be_in_both_segments() -> None:
    with small_company() as small:
        experiment = running(small, segment="channel=inbound")
        for segment in ("channel=inbound&product=A", "product=B", "channel=outbound", "all"):
            RecordedChange.objects.create(
                happened_on=START, text=f"For {segment}", segment=segment,
                recorded_at=at("2026-05-01"),
            )  # fmt: skip
        recompute(small, START + timedelta(days=9))
        told = " ".join(row.text for row in entries(experiment, "recorded_change"))
        for segment in ("channel=inbound&product=A", "product=B", "all"):
            assert f"For {segment}" in told
        assert "For channel=outbound" not in told


def test_an_experiment_that_is_a_draft_or_decided_is_left_alone() -> None:
    with small_company() as small:
        for state in ("draft", "decided"):
            experiment = running(small, state=state)
            assert recompute(small, START) == 0
            assert results(experiment) == []
        assert not recompute_experiment(
            company=small.company, experiment_id=10**9, now=at_noon(START)
        )


def decided(small: Small, when: date):
    experiment = running(small)
    recompute(small, when)
    experiment.decided_figures = figures_to_freeze(
        company=small.company, experiment=experiment, now=at_noon(when)
    )
    experiment.state, experiment.decision = "decided", "adopt"
    experiment.decided_at, experiment.decided_by = at_noon(when), make_user("boss@small.example")
    experiment.follow_up_on = when + timedelta(days=182)
    experiment.save()
    return experiment


def test_a_decision_is_computed_again_and_the_difference_told() -> None:
    with small_company() as small:
        deals = simulate(small, BASELINE, 6, 0.5, seed=10)
        simulate(small, START, 6, 0.5, seed=11)
        when = START + timedelta(days=70)
        experiment = decided(small, when)
        assert experiment.decided_figures["data"]["digest"]
        later = at_noon(when + timedelta(days=90))
        assert recompute_decided(company=small.company, experiment=experiment, now=later).same
        # Facts of later days make no difference; a lost deal that was entered late does.
        small.opens((when + timedelta(days=5)).isoformat())
        assert recompute_decided(company=small.company, experiment=experiment, now=later).same
        night = later.replace(hour=3)
        assert recheck_decided(company_id=small.company.pk, now=later) == 0  # at night only
        assert recheck_decided(company_id=small.company.pk, now=night) == 1
        assert recheck_decided(company_id=small.company.pk, now=night + DAY) == 0  # no news
        (told,) = entries(experiment, "recheck")
        assert told.after["figures"] == {}
        assert "come out as they were decided on" in told.text
        late = small.opens("2026-04-08", now="2026-07-01T10:00").deal_id
        small.moves(late, small.lost, "2026-04-10", now="2026-07-01T11:00")
        found = recompute_decided(company=small.company, experiment=experiment, now=later)
        by_name = {row.figure: row for row in found.differences}
        assert (by_name["test_n"].then, by_name["test_n"].now) == (36, 37)
        assert "baseline_n" not in by_name
        assert recheck_decided(company_id=small.company.pk, now=night + DAY) == 1
        assert recheck_decided(company_id=small.company.pk, now=night + 2 * DAY) == 0
        _same, told = entries(experiment, "recheck")
        assert told.before["figures"]["test_n"] == 36
        assert told.after["figures"]["test_n"] == 37
        assert found.again.figures.primary.baseline.n == len(deals) == 36


def test_did_it_last_is_computed_by_itself() -> None:
    with small_company() as small:
        simulate(small, BASELINE, 10, 0.2, seed=12)
        simulate(small, START, 8, 0.7, seed=13)
        when = START + timedelta(days=80)
        experiment = decided(small, when)
        due = experiment.follow_up_on
        simulate(small, when, 26, 0.7, seed=14, per_week=3)
        company = small.company.pk
        assert follow_up_running(company_id=company, now=at_noon(due - timedelta(days=1))) == 0
        assert follow_up_running(company_id=company, now=at_noon(due)) == 1
        assert follow_up_running(company_id=company, now=at_noon(due)) == 0
        first = newest(experiment, "follow_up")
        assert (first.primary.test.belonging, first.primary.baseline.n) == (78, 60)
        assert first.primary.test.young > 0
        done = due + timedelta(days=D + 1)
        assert follow_up_running(company_id=company, now=at_noon(done)) == 1
        last = newest(experiment, "follow_up")
        assert last.primary.test.young == 0
        assert last.primary.verdict == "better"
        assert len(entries(experiment, "lasted")) == 1
        assert follow_up_running(company_id=company, now=at_noon(done + timedelta(days=1))) == 0


def test_what_the_effect_is_worth_comes_from_the_last_quarter_before_it() -> None:
    with small_company() as small:
        simulate(small, BASELINE, 10, 0.5, seed=15)
        simulate(small, START, 8, 0.5, seed=16)
        experiment = running(small)
        now = START + timedelta(days=80)
        recompute(small, now)
        assert newest(experiment).worth_reason == "no_quarter"
        recompute_all(company_id=small.company.pk, now=at_noon(now))
        recompute(small, now + timedelta(days=1))
        worth = newest(experiment).worth
        assert worth.quarter == "2026-Q1"
        assert worth.low < worth.per_day < worth.high
        # Q2 ends: it has the change in it already, and would count it twice.
        simulate(small, START + timedelta(weeks=8), 8, 0.5, seed=17)
        later = START + timedelta(days=120)
        recompute_all(company_id=small.company.pk, now=at_noon(later))
        recompute(small, later)
        assert newest(experiment).worth.quarter == "2026-Q1"


def test_the_usual_follow_up_is_that_of_the_baseline() -> None:
    with small_company() as small:
        simulate(small, BASELINE, 6, 1.0, seed=17)
        experiment = running(small, follow_up_days=None)
        days = usual_days_of(company=small.company, experiment=experiment, now=at_noon(START))
        assert days == 5
        arms = running(small, design="arms_by_rep", baseline_start=None, baseline_end=None)
        assert usual_days_of(company=small.company, experiment=arms, now=at_noon(START)) == 5


def test_the_number_of_queries_does_not_grow_with_the_deals() -> None:
    counts = []
    for slug, weeks in (("few", 2), ("many", 8)):
        with small_company(slug=slug) as small:
            simulate(small, BASELINE, weeks, 0.5, seed=18)
            experiment = running(small)
            recompute(small, START)
            with CaptureQueriesContext(connection) as seen:
                recompute_experiment(
                    company=small.company, experiment_id=experiment.pk, now=at_noon(START)
                )
            counts.append(len(seen))
    assert counts[0] == counts[1]
    assert counts[0] < 40


def test_another_company_is_not_touched() -> None:
    with small_company(slug="one") as one:
        simulate(one, BASELINE, 2, 0.5, seed=19)
        here = running(one)
        with small_company(slug="two") as two:
            running(two)
            assert recompute(two, START) == 1
            assert recompute_experiment(
                company=two.company, experiment_id=here.pk, now=at_noon(START)
            ) is False  # fmt: skip
        with company_context(one.company.pk):
            assert results(here) == []


def test_amounts_changed_since_change_the_digest_of_the_data() -> None:
    with small_company() as small:
        deals = simulate(small, BASELINE, 2, 0.5, seed=20)
        experiment = running(small)
        recompute(small, START)
        before = results(experiment)[0].digest
        change_deal(by=BY, deal_id=deals[0], now=at(f"{START}T13:00"), amount=Decimal(7))
        assert recompute(small, START) == 1
        assert results(experiment)[0].digest != before


def test_a_verdict_that_stands_is_noted_once_and_one_that_turns_again() -> None:
    with small_company() as small:
        simulate(small, BASELINE, 13, 0.2, seed=21)
        simulate(small, START, 8, 0.9, seed=22)
        experiment = running(small, guardrails=[{"measure": "deal_size", "stage": None}])
        for days in (75, 76, 77):
            recompute(small, START + timedelta(days=days))
        (told,) = entries(experiment, "verdict")
        assert (told.before["verdict"], told.after["to"]) == ("no_evidence_yet", "better")
        assert told.kind == "automatic"
        assert told.by_id is None
        figures = newest(experiment)
        assert figures.guardrails[0].reason == "all_same"  # every deal has the same amount
        assert figures.harmed == ()
        experiment.rising = False
        experiment.save()
        recompute(small, START + timedelta(days=78))
        assert [e.after["to"] for e in entries(experiment, "verdict")] == ["better", "worse"]


def test_who_opened_after_it_was_stopped_does_not_count() -> None:
    with small_company() as small:
        simulate(small, BASELINE, 4, 0.5, seed=23)
        simulate(small, START, 10, 0.5, seed=24)
        experiment = running(small, state="stopped", stopped_at=at_noon(START + timedelta(weeks=4)))
        recompute(small, START + timedelta(weeks=12))
        assert newest(experiment).primary.test.belonging == 24
