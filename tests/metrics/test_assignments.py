"""Arms: drawn in advance from a seed, once, never for a deal whose end is known; hands counted."""

import pytest
from django.db import DatabaseError, transaction

from accounts.models import AuditEntry
from metrics.calc.experiments import assignment as calc
from metrics.calc.experiments.result import ExperimentFigures
from metrics.models import Assignment
from metrics.selectors.assignments import arms_of_deals
from metrics.services.assignments import assign_reps
from pipeline.models import Pipeline, Rep, Source, Team
from pipeline.selectors.settings_catalogues import CATALOGUES
from pipeline.services.catalog import merge_entries
from pipeline.services.deals import change_deal
from tests.metrics.builders import BY, Small, at, small_company
from tests.metrics.running_experiments import START, recompute, results, running

pytestmark = pytest.mark.django_db
_READ = {"baseline": "control", "test": "test"}


def team_of(small: Small, name: str, *reps: str, **deal) -> list[int]:
    """A team whose reps have a deal each, opened before the start."""
    team = Team.objects.create(name=name)
    ids = [Rep.objects.create(name=rep, team=team).pk for rep in reps]
    for rep in ids:
        small.opens("2026-02-02", rep_id=rep, **deal)
    return ids


def draw(experiment) -> dict[int, str]:
    with transaction.atomic():
        assign_reps(experiment=experiment, now=at("2026-04-06"))
    return dict(Assignment.objects.filter(experiment=experiment).values_list("rep_id", "arm"))


def test_reps_get_their_arms_from_the_seed_by_channel() -> None:
    with small_company() as small:
        calls = Source.objects.create(name="calls", channel="outbound").pk
        north = team_of(small, "North", *"abcd", source_id=calls)
        south = team_of(small, "South", *"efgh")
        # Most of what a has comes through calls, and of e's deals as many as not.
        small.opens("2026-02-03", rep_id=north[0])
        small.opens("2026-02-03", rep_id=north[0], source_id=calls)
        small.opens("2026-02-03", rep_id=south[0], source_id=calls)
        nowhere = Rep.objects.create(name="nobody's").pk
        small.opens("2026-02-03", rep_id=nowhere, source_id=None)
        arms = draw(running(small, design="arms_by_rep", seed=7))
        assert set(arms) == {*north, *south, nowhere}  # and not the one who has no deal
        assert [arms[rep] for rep in north].count("test") == 2
        assert [arms[rep] for rep in south].count("test") == 2
        for channel, reps in (("outbound", north), ("inbound", south), ("unknown", [nowhere])):
            expected = calc.assign_all("7", [calc.Unit(rep, channel) for rep in reps])
            assert {rep: arms[rep] for rep in reps} == {r: _READ[a] for r, a in expected.items()}
        strata = Assignment.objects.values_list("stratum", flat=True)
        assert sorted(strata) == ["inbound"] * 4 + ["outbound"] * 4 + ["unknown"]
        (entry,) = AuditEntry.objects.filter(action="experiment.assigned")
        assert entry.after["seed"] == 7
        assert entry.after["test"] + entry.after["control"] == 9


def test_only_reps_with_deals_in_the_segment_lately() -> None:
    """Who works elsewhere would make an arm of nobody; an old deal counts while it is open."""
    with small_company() as small:
        calls = Source.objects.create(name="calls", channel="outbound").pk
        both = team_of(small, "North", "a", "b", source_id=calls)
        inbound = team_of(small, "South", "c", "d")
        gone, waits = (Rep.objects.create(name=name).pk for name in ("gone", "waits"))
        for rep in (gone, waits):
            deal = small.opens("2025-03-03", rep_id=rep, source_id=calls).deal_id
            if rep == gone:
                small.moves(deal, small.lost, "2025-04-04")
        segment = {"design": "arms_by_rep", "segment": "channel=outbound"}
        assert set(draw(running(small, **segment))) == {*both, waits}
        segment["segment"] = "channel=outbound&team=North"
        assert set(draw(running(small, **segment))) == set(both)
        segment["segment"] = "product=unknown&team=South"
        assert set(draw(running(small, **segment))) == set(inbound)
        other = Pipeline.objects.create(name="Renewals")
        assert draw(running(small, design="arms_by_rep", pipeline_id=other.pk)) == {}


def test_reps_are_drawn_once_and_who_comes_later_is_in_no_arm() -> None:
    with small_company() as small:
        team_of(small, "North", "a", "b")
        experiment = running(small, design="arms_by_rep")
        before = draw(experiment)
        later = team_of(small, "South", "c")
        assert draw(experiment) == before
        deal = small.opens("2026-04-08", rep_id=later[0]).deal_id
        recompute(small, START.replace(day=20))
        figures = ExperimentFigures.from_json(results(experiment)[-1].figures)
        assert figures.arms.unassigned == 1
        assert arms_of_deals(company=small.company, deal_ids=[deal]) == {}


def test_only_reps_of_the_segment_and_none_who_retired() -> None:
    with small_company() as small:
        north = team_of(small, "North", "a", "b", "c")
        team_of(small, "South", "d")
        Rep.objects.filter(pk=north[2]).update(retired_at=at("2026-01-01"))
        arms = draw(running(small, design="arms_by_rep", segment="team=North"))
        assert set(arms) == set(north[:2])
        named = draw(running(small, design="arms_by_rep", segment="rep=d"))
        assert len(named) == 1


def test_deals_get_their_arm_when_they_open_in_the_segment() -> None:
    with small_company() as small:
        calls = Source.objects.create(name="calls", channel="outbound").pk
        old = small.opens("2026-04-05").deal_id
        inbound = [small.opens(f"2026-04-{day:02d}").deal_id for day in range(6, 12)]
        outbound = [
            small.opens(f"2026-04-{day:02d}", source_id=calls).deal_id for day in (7, 9, 11)
        ]
        experiment = running(small, design="arms_by_deal", seed=99)
        recompute(small, START.replace(day=12))
        rows = {a.deal_id: a for a in Assignment.objects.filter(experiment=experiment)}
        assert set(rows) == {*inbound, *outbound}
        assert old not in rows
        for stratum, deals in (("inbound", inbound), ("outbound", outbound)):
            assert [rows[deal].number for deal in deals] == list(range(1, len(deals) + 1))
            assert [rows[deal].arm for deal in deals] == [
                _READ[calc.assign_next("99", stratum, place)] for place in range(len(deals))
            ]
        # A later one takes the next place; nothing that was said changes.
        said = {deal: row.arm for deal, row in rows.items()}
        late = small.opens("2026-04-13").deal_id
        recompute(small, START.replace(day=14))
        rows = {a.deal_id: a for a in Assignment.objects.filter(experiment=experiment)}
        assert {deal: rows[deal].arm for deal in said} == said
        assert (rows[late].number, rows[late].stratum) == (7, "inbound")
        figures = ExperimentFigures.from_json(results(experiment)[-1].figures)
        assert figures.arms.balance.largest_gap <= 2
        assert figures.arms.unassigned == 0


def test_a_deal_that_has_ended_already_gets_no_arm() -> None:
    with small_company() as small:
        deal = small.opens("2026-04-07").deal_id
        small.moves(deal, small.won, "2026-04-09")
        small.opens("2026-04-08")
        experiment = running(small, design="arms_by_deal")
        recompute(small, START.replace(day=12))
        assert Assignment.objects.count() == 1
        figures = ExperimentFigures.from_json(results(experiment)[-1].figures)
        assert figures.arms.unassigned == 1


def test_outside_the_segment_and_after_the_end_nobody_is_assigned() -> None:
    with small_company() as small:
        small.opens("2026-04-07")
        small.opens("2026-04-20")
        running(small, design="arms_by_deal", segment="channel=outbound")
        running(small, design="arms_by_deal", ends_on=START.replace(day=10))
        recompute(small, START.replace(day=25))
        assert Assignment.objects.count() == 1


def test_an_assignment_is_never_changed() -> None:
    with small_company() as small:
        small.opens("2026-04-07")
        running(small, design="arms_by_deal")
        recompute(small, START.replace(day=12))
        row = Assignment.objects.get()
        with pytest.raises(DatabaseError), transaction.atomic():
            Assignment.objects.filter(pk=row.pk).update(arm="test", number=5)


def test_a_deal_stays_in_the_arm_of_its_first_rep_and_changed_hands_are_told() -> None:
    with small_company() as small:
        reps = team_of(small, "North", "a", "b")
        experiment = running(small, design="arms_by_rep")
        arms = draw(experiment)
        assert sorted(arms[rep] for rep in reps) == ["control", "test"]  # a team of two is split
        deals = {rep: small.opens("2026-04-07", rep_id=rep).deal_id for rep in reps}
        given = deals[reps[0]]
        change_deal(by=BY, deal_id=given, now=at("2026-04-09"), rep_id=reps[1])
        recompute(small, START.replace(day=30))
        figures = ExperimentFigures.from_json(results(experiment)[-1].figures)
        assert figures.arms.contamination.deals == (given,)
        assert (figures.primary.baseline.belonging, figures.primary.test.belonging) == (1, 1)
        shown = arms_of_deals(company=small.company, deal_ids=deals.values())
        assert shown[given][0].arm == arms[reps[0]]
        assert shown[given][0].by_rep
        assert shown[deals[reps[1]]][0].arm == arms[reps[1]]


def test_arms_are_shown_while_the_experiment_runs_in_one_query(django_assert_num_queries) -> None:
    with small_company() as small:
        deals = [small.opens(f"2026-04-{day:02d}").deal_id for day in range(7, 11)]
        experiment = running(small, design="arms_by_deal")
        recompute(small, START.replace(day=12))
        with django_assert_num_queries(1):
            shown = arms_of_deals(company=small.company, deal_ids=deals)
        assert set(shown) == set(deals)
        assert {row.title for rows in shown.values() for row in rows} == {experiment.title}
        assert not next(iter(shown.values()))[0].by_rep
        with django_assert_num_queries(0):
            assert arms_of_deals(company=small.company, deal_ids=[]) == {}
        experiment.state = "stopped"
        experiment.stopped_at = at("2026-04-13")
        experiment.save()
        assert arms_of_deals(company=small.company, deal_ids=deals) == {}


def test_reps_who_were_merged_handed_nothing_over() -> None:
    with small_company() as small:
        first, second = team_of(small, "North", "a", "b")
        experiment = running(small, design="arms_by_rep")
        arms = draw(experiment)
        deal = small.opens("2026-04-07", rep_id=first).deal_id
        merge_entries(
            by=BY,
            catalogue=CATALOGUES["reps"],
            entry_id=first,
            into_id=second,
            now=at("2026-04-10"),
        )
        recompute(small, START.replace(day=30))
        figures = ExperimentFigures.from_json(results(experiment)[-1].figures)
        assert figures.arms.contamination.deals == ()
        assert arms_of_deals(company=small.company, deal_ids=[deal])[deal][0].arm == arms[first]


def test_arms_hold_in_a_company_whose_clock_stands_still() -> None:
    with small_company() as small:
        small.opens("2026-04-07")
        small.company.as_of = at("2026-04-12")
        small.company.save()
        experiment = running(small, design="arms_by_deal", measure="number")
        recompute(small, START.replace(month=11))
        figures = ExperimentFigures.from_json(results(experiment)[-1].figures)
        assert figures.primary.baseline.n + figures.primary.test.n == 1
        assert figures.arms.unassigned == 0
