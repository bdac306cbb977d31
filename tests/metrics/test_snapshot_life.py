"""A quarter runs, settles, becomes final, and is restated beside itself; never rewritten."""

from datetime import date
from decimal import Decimal

import pytest
from django.db import DatabaseError, connection, transaction

from accounts.models import Company
from metrics.models import Snapshot
from metrics.services.recompute import recompute_all, recompute_quarter
from metrics.services.sweep import behind, leased
from pipeline.models import DirtyQuarter, Stage
from pipeline.services.deals import change_deal
from pipeline.services.moves import correct_transition
from tests.metrics.builders import BY, Small, at, small_company

pytestmark = pytest.mark.django_db
Q1, Q2, Q3 = date(2026, 1, 1), date(2026, 4, 1), date(2026, 7, 1)


def sweep(small: Small, now: str) -> int:
    """Recompute what is behind; how many quarters that was."""
    found = behind(now=at(now), company_id=small.company.pk)
    for company_id, quarter_start in found:
        recompute_quarter(company_id=company_id, quarter_start=quarter_start, now=at(now))
    return len(found)


def newest(quarter: date, segment: str = "all") -> Snapshot:
    return Snapshot.objects.filter(quarter_start=quarter, segment=segment).latest("version")


def test_a_move_marks_its_quarter_and_the_sweep_brings_the_figures_up_to_date() -> None:
    with small_company() as small:
        deal = small.opens("2026-02-02")
        assert sweep(small, "2026-02-02T13:00") == 1
        assert newest(Q1).figures["opened"] == 1
        assert newest(Q1).status == "running"
        small.moves(deal.deal_id, small.won, "2026-02-12")
        assert newest(Q1).figures["won"] == 0
        assert sweep(small, "2026-02-12T13:00") == 1
        assert newest(Q1).figures["won"] == 1
        assert Snapshot.objects.filter(quarter_start=Q1, segment="all").count() == 1


def test_nothing_changed_writes_nothing() -> None:
    with small_company() as small:
        small.opens("2026-02-02")
        sweep(small, "2026-02-02T13:00")
        before = list(Snapshot.objects.values_list("id", "computed_at"))
        again = recompute_quarter(
            company_id=small.company.pk, quarter_start=Q1, now=at("2026-02-02T18:00"), force=True
        )
        assert again is not None
        assert (again.written, again.removed) == (0, 0)
        assert list(Snapshot.objects.values_list("id", "computed_at")) == before
        assert (
            recompute_quarter(
                company_id=small.company.pk, quarter_start=Q1, now=at("2026-02-02T18:00")
            )
            is None
        )


def test_the_calendar_alone_settles_and_closes_a_quarter() -> None:
    with small_company(timezone="America/New_York") as small:
        deal = small.opens("2026-02-02")
        small.moves(deal.deal_id, small.won, "2026-03-02")
        sweep(small, "2026-03-02")
        # In New York the quarter lasts until 04:00 UTC of 1 April.
        sweep(small, "2026-04-01T03:59")
        assert newest(Q1).status == "running"
        sweep(small, "2026-04-01T04:00")
        assert newest(Q1).status == "settling"
        assert DirtyQuarter.objects.filter(company=small.company, quarter_start=Q2).exists()
        sweep(small, "2026-04-08T03:59")
        assert newest(Q1).status == "settling"
        sweep(small, "2026-04-08T04:00")
        row = newest(Q1)
        assert (row.status, row.version) == ("final", 1)
        assert row.as_of == at("2026-04-08T04:00")
        assert not row.imported
        assert Snapshot.objects.filter(quarter_start=Q1, version=0).count() == 0
        due = DirtyQuarter.objects.get(company=small.company, quarter_start=Q1).due_at
        assert due is None


def test_a_worker_that_slept_over_the_midnight_ends_in_the_same_row() -> None:
    def life(slug: str, wakes: list[str]) -> tuple[object, object]:
        with small_company(slug) as small:
            deal = small.opens("2026-02-02")
            small.moves(deal.deal_id, small.won, "2026-03-02")
            for now in wakes:
                sweep(small, now)
            row = newest(Q1)
            return row.as_of, row.figures

    awake = life("awake", ["2026-03-02T13:00", "2026-04-01", "2026-04-08", "2026-05-05"])
    slept = life("slept", ["2026-03-02T13:00", "2026-05-05"])
    assert awake == slept


def test_a_late_entry_restates_a_final_quarter_with_cause_and_fields() -> None:
    with small_company() as small:
        deal = small.opens("2026-02-02")
        small.moves(deal.deal_id, small.won, "2026-03-02")
        other = small.opens("2026-02-05")
        sweep(small, "2026-04-09")
        first = newest(Q1)
        small.moves(other.deal_id, small.lost, "2026-03-20", now="2026-05-04")
        sweep(small, "2026-05-04T13:00")
        row = newest(Q1)
        assert row.version == 2
        assert row.cause["fields"]["lost"] == [0, 1]
        assert row.cause["facts"][0]["what"] == "move"
        assert row.cause["count"] >= 1
        # Beside the old one, which stays as it was; open at the end stays as first written.
        assert Snapshot.objects.get(pk=first.pk).figures == first.figures
        assert row.figures["amount_open_at_end"] == first.figures["amount_open_at_end"]
        assert row.as_of == first.as_of


def test_a_deal_that_comes_back_later_changes_nothing_before() -> None:
    with small_company() as small:
        deal = small.opens("2026-02-02")
        small.moves(deal.deal_id, small.lost, "2026-03-02")
        sweep(small, "2026-04-09")
        small.moves(deal.deal_id, small.met, "2026-07-20")
        sweep(small, "2026-07-20T13:00")
        assert newest(Q1).version == 1
        assert newest(Q1).figures["lost"] == 1
        assert newest(Q3).figures["open_at_end"] == 1


def test_a_changed_attribute_restates_the_quarters_since_the_deal_opened() -> None:
    with small_company() as small:
        deal = small.opens("2026-02-02", amount="1000")
        small.moves(deal.deal_id, small.won, "2026-03-02")
        sweep(small, "2026-04-09")
        change_deal(by=BY, deal_id=deal.deal_id, now=at("2026-04-20"), amount=Decimal(1500))
        sweep(small, "2026-04-20T13:00")
        row = newest(Q1)
        assert row.cause["fields"]["revenue_won"] == [1000.0, 1500.0]
        assert row.cause["facts"][0]["what"] == "change of amount"


def test_a_segment_that_loses_its_last_deal_is_restated_to_nothing() -> None:
    with small_company() as small:
        deal = small.opens("2026-02-02")
        small.moves(deal.deal_id, small.won, "2026-03-02")
        sweep(small, "2026-04-09")
        assert newest(Q1, "rep=Ada Quist").figures["won"] == 1
        change_deal(by=BY, deal_id=deal.deal_id, now=at("2026-04-20"), rep_id=None)
        sweep(small, "2026-04-20T13:00")
        assert newest(Q1, "rep=Ada Quist").figures["won"] == 0
        assert newest(Q1, "rep=unknown").version == 2


def test_a_withdrawn_opening_takes_the_deal_out_of_the_running_quarter() -> None:
    with small_company() as small:
        small.opens("2026-02-02")
        wrong = small.opens("2026-02-03")
        sweep(small, "2026-02-03T13:00")
        correct_transition(
            by=BY, transition_id=wrong.transition_id, now=at("2026-02-04"), withdraw=True
        )
        sweep(small, "2026-02-04T13:00")
        assert newest(Q1).figures["opened"] == 1


def test_old_quarters_of_a_late_import_close_at_once_and_say_so() -> None:
    with small_company() as small:
        deal = small.opens("2026-02-02", now="2026-08-01")
        small.moves(deal.deal_id, small.won, "2026-03-02", now="2026-08-01")
        done = recompute_all(company_id=small.company.pk, now=at("2026-08-01T13:00"))
        assert [q.quarter.start for q in done] == [Q1, Q2, Q3]
        assert (newest(Q1).status, newest(Q1).imported) == ("final", True)
        assert newest(Q3).status == "running"
        assert behind(now=at("2026-08-01T13:00"), company_id=small.company.pk) == []


def test_one_quarter_at_a_time_gives_what_all_at_once_gives() -> None:
    def figures(slug: str, *, together: bool) -> list[tuple[object, ...]]:
        with small_company(slug) as small:
            for month in range(1, 8):
                deal = small.opens(f"2026-0{month}-10")
                if month % 2:
                    small.moves(deal.deal_id, small.met, f"2026-0{month}-20")
                if month % 3 == 0:
                    small.moves(deal.deal_id, small.won, f"2026-0{month + 1}-15")
            if together:
                recompute_all(company_id=small.company.pk, now=at("2026-09-01"))
            else:
                sweep(small, "2026-09-01")
            rows = Snapshot.objects.order_by("quarter_start", "segment")
            return list(rows.values_list("quarter_start", "segment", "status", "figures"))

    one, all_at_once = figures("one", together=False), figures("all", together=True)
    assert len(one) > 20
    assert one == all_at_once


def test_renaming_adding_and_reordering_stages_changes_no_past_quarter() -> None:
    with small_company() as small:
        deal = small.opens("2026-02-02")
        small.moves(deal.deal_id, small.met, "2026-02-12")
        late = small.opens("2026-02-20")
        sweep(small, "2026-04-09")
        first = newest(Q1)
        Stage.objects.filter(pk=small.met).update(name="Coach met", position=3)
        demo = Stage.objects.create(
            pipeline_id=small.pipeline_id, name="Demo", kind="open", position=2
        )
        again = recompute_all(company_id=small.company.pk, now=at("2026-04-10"))
        assert (again[0].written, newest(Q1).version) == (0, 1)
        assert [s["name"] for s in newest(Q2).figures["stages"]] == ["Booked", "Demo", "Coach met"]
        # A late entry into the closed quarter, to a stage that it did not have.
        small.moves(late.deal_id, demo.pk, "2026-03-20", now="2026-04-20")
        small.moves(late.deal_id, small.met, "2026-03-21", now="2026-04-20")
        sweep(small, "2026-04-20T13:00")
        row = newest(Q1)
        assert row.version == 2
        assert [s["name"] for s in row.figures["stages"]] == ["Booked", "Met"]
        assert row.figures["stages"][0]["advanced"] == 2
        assert first.figures["stages"][0]["advanced"] == 1


def test_settings_changed_later_do_not_rewrite_a_final_quarter() -> None:
    with small_company() as small:
        deal = small.opens("2026-02-02")
        small.moves(deal.deal_id, small.won, "2026-03-02")
        late = small.opens("2026-02-20")
        sweep(small, "2026-04-09")
        Company.objects.filter(pk=small.company.pk).update(velocity_number="closed")
        small.moves(late.deal_id, small.lost, "2026-03-20", now="2026-04-20")
        sweep(small, "2026-04-20T13:00")
        assert newest(Q1).definitions["velocity_number"] == "average_open"
        assert newest(Q2).definitions["velocity_number"] == "closed"


def test_final_rows_cannot_be_changed_or_deleted_by_the_runtime_role() -> None:
    with small_company() as small:
        small.opens("2026-02-02")
        sweep(small, "2026-04-09")
        row = newest(Q1)
        assert row.status == "final"
        assert Snapshot.objects.filter(pk=row.pk).update(status="running", version=0) == 0
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM metrics_snapshot WHERE id = %s", [row.pk])
            assert cursor.rowcount == 0
        assert Snapshot.objects.filter(pk=row.pk).exists()
        # And a running row cannot be made final in place.
        with small_company("other") as other:
            other.opens("2026-02-02")
            sweep(other, "2026-02-03")
            running = newest(Q1)
            with pytest.raises(DatabaseError), transaction.atomic():
                Snapshot.objects.filter(pk=running.pk).update(status="final", version=1)


def test_a_lease_has_one_holder_until_it_expires() -> None:
    assert leased(name="sweep", seconds=8, now=at("2026-02-02T10:00"))
    assert not leased(name="sweep", seconds=8, now=at("2026-02-02T10:00"))
    assert leased(name="sweep", seconds=8, now=at("2026-02-02T10:01"))
    # A clock that was set back must not stop the sweep for as long as it was ahead.
    assert leased(name="sweep", seconds=8, now=at("2026-02-01T10:01"))


def test_usual_days_are_the_median_over_the_exits_of_four_ended_quarters() -> None:
    with small_company() as small:
        for number in range(12):
            deal = small.opens("2026-02-02")
            small.moves(deal.deal_id, small.met, f"2026-02-{4 + number:02}")
        recompute_all(company_id=small.company.pk, now=at("2026-05-01"))
        # 2 to 13 days: the median is 7.5, kept as whole days.
        assert Stage.objects.get(pk=small.booked).usual_days == 8
        # Nobody has left the second stage yet.
        assert Stage.objects.get(pk=small.met).usual_days is None
