"""Whenever a worker gets to a quarter, whatever its clock said before: the same rows."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import transaction

from accounts.actors import Actor
from accounts.errors import DomainError
from accounts.roles import Role
from metrics.models import Lease, Snapshot
from metrics.services.recompute import recompute_all, recompute_quarter
from metrics.services.sign_offs import sign_quarter
from metrics.services.sweep import behind, leased
from metrics.services.verifying import verify_snapshots
from pipeline.models import DirtyQuarter
from pipeline.services.deals import change_deal
from tests.metrics.builders import BY, Small, at, small_company
from tests.personas import make_user

pytestmark = pytest.mark.django_db
Q1, Q2 = date(2026, 1, 1), date(2026, 4, 1)


def sweep(small: Small, now: str) -> None:
    for company_id, start in behind(now=at(now), company_id=small.company.pk):
        recompute_quarter(company_id=company_id, quarter_start=start, now=at(now))


def final_rows() -> list[tuple[object, ...]]:
    rows = Snapshot.objects.filter(status="final").order_by("quarter_start", "segment", "version")
    return [
        (r.quarter_start, r.segment, r.version, r.as_of, r.imported, r.figures, fields(r))
        for r in rows
    ]


def fields(row: Snapshot) -> tuple[object, int]:
    return row.cause.get("fields"), row.cause.get("count", 0)


def life(slug: str, wakes: list[str], *, together: bool = False) -> list[tuple[object, ...]]:
    """Deals of Q1, one loss entered late on 20 April, and a worker that wakes at these times."""
    with small_company(slug) as small:
        won, other = small.opens("2026-02-02"), small.opens("2026-02-05")
        small.moves(won.deal_id, small.won, "2026-03-02")
        for now in [w for w in wakes if w < "2026-04-20"]:
            sweep(small, now)
        small.moves(other.deal_id, small.lost, "2026-03-20", now="2026-04-20")
        for now in [w for w in wakes if w >= "2026-04-20"]:
            if together:
                recompute_all(company_id=small.company.pk, now=at(now))
            else:
                sweep(small, now)
        found = final_rows()
        verified = verify_snapshots(company_id=small.company.pk, race=timedelta())
        assert (verified.wrong, verified.unproved) == ((), ())
        return found


def test_a_late_entry_made_while_the_worker_was_down_restates_as_if_it_had_been_up() -> None:
    awake = life("awake", ["2026-02-02T13:00", "2026-04-08", "2026-04-20T13:00"])
    assert {row[2] for row in awake} == {1, 2}
    assert life("slept", ["2026-02-02T13:00", "2026-05-05"]) == awake
    # Down since before the first move: nothing ran, and still it is no imported quarter.
    assert life("never-up", ["2026-05-05"]) == awake
    assert life("at-once", ["2026-05-05"], together=True) == awake


def test_a_final_quarter_that_slept_tells_the_late_entry_as_the_cause() -> None:
    with small_company() as small:
        deal = small.opens("2026-02-02")
        late = small.moves(deal.deal_id, small.lost, "2026-03-20", now="2026-04-20")
        sweep(small, "2026-05-05")
        first, second = Snapshot.objects.filter(quarter_start=Q1, segment="all").order_by("version")
        assert (first.figures["lost"], second.figures["lost"]) == (0, 1)
        assert [fact["id"] for fact in second.cause["facts"]] == [late.transition_id]
        assert second.cause["fields"]["lost"] == [0, 1]


def test_two_workers_on_one_midnight_leave_one_version() -> None:
    with small_company() as small:
        small.opens("2026-02-02")
        for _ in range(2):
            recompute_quarter(
                company_id=small.company.pk, quarter_start=Q1, now=at("2026-04-09"), force=True
            )
        versions = Snapshot.objects.filter(quarter_start=Q1).values_list("version", flat=True)
        assert set(versions) == {1}


def test_a_clock_that_ran_ahead_and_was_set_back_does_not_stall_the_calendar() -> None:
    with small_company() as small:
        small.opens("2026-02-02")
        sweep(small, "2026-03-20")  # a clock six weeks ahead
        row = DirtyQuarter.objects.get(quarter_start=Q1)
        assert row.due_at == at("2026-03-21T00:00")
        # Set back: the row is due now, not when that day comes; then daily again.
        assert behind(now=at("2026-02-03"), company_id=small.company.pk) == [(small.company.pk, Q1)]
        sweep(small, "2026-02-03")
        row.refresh_from_db()
        assert row.due_at == at("2026-02-04T00:00")
        assert behind(now=at("2026-02-03"), company_id=small.company.pk) == []


def test_a_quarter_made_by_a_clock_that_ran_ahead_ends_as_the_others_do() -> None:
    def closed(slug: str, wakes: list[str]) -> list[tuple[object, ...]]:
        with small_company(slug) as small:
            small.opens("2026-02-02")
            for now in wakes:
                sweep(small, now)
            return final_rows()

    straight = closed("straight", ["2026-02-02T13:00", "2026-04-09", "2026-07-09"])
    back = closed(
        "back", ["2026-02-02T13:00", "2026-04-03", "2026-02-20", "2026-04-09", "2026-07-09"]
    )
    assert back == straight


def newest(quarter_start: date = Q1) -> dict[str, tuple[str, object]]:
    """segment -> status and figures as readers see them."""
    rows = Snapshot.objects.filter(quarter_start=quarter_start).order_by("segment", "version")
    return {row.segment: (row.status, row.figures) for row in rows}


def ahead_and_back(slug: str, *wakes: str) -> list[tuple[object, ...]]:
    """A deal that is lost, an amount that changes and a deal that comes new, and these wakes.

    What people do is the same, at the same right time, whatever the worker's clock says.
    """
    with small_company(slug) as small:
        won, lost = small.opens("2026-02-02"), small.opens("2026-02-05")
        work = {
            "2026-02-21": lambda now: small.moves(lost.deal_id, small.lost, now),
            "2026-03-02": lambda now: small.moves(won.deal_id, small.won, now),
            "2026-03-09": lambda now: change_deal(
                by=BY, deal_id=won.deal_id, now=at(now), amount=Decimal(1700)
            ),
            "2026-03-12": lambda now: small.opens(now, amount="4000"),
            "2026-05-04": lambda now: small.moves(lost.deal_id, small.met, "2026-02-23", now=now),
        }
        looked = []
        for wake in wakes:
            if wake in work:
                work[wake](wake)
            sweep(small, wake)
            looked.append((wake, newest()))
        versions = {row[2] for row in final_rows() if row[0] == Q1}
        found = verify_snapshots(company_id=small.company.pk, race=timedelta())
        assert (found.wrong, found.unproved) == ((), ())
        causes = Snapshot.objects.filter(quarter_start=Q1, segment="all", version__gt=1)
        told = [
            (row.cause["reopened"], [fact["what"] for fact in row.cause["facts"]])
            for row in causes.order_by("version")
        ]
        return [looked, sorted(versions), told]


BEFORE = ("2026-02-02T13:00",)
WORK = ("2026-02-21", "2026-03-02", "2026-03-09", "2026-03-12")


def test_a_clock_ahead_past_the_closing_midnight_and_set_back_ends_in_the_same_figures() -> None:
    after = ("2026-04-08", "2026-04-20", "2026-05-04", "2026-07-09")
    right = ("2026-02-20", "2026-02-20T12:01")  # the second look finds what was closed too early
    straight = ahead_and_back("straight", *BEFORE, *right, *WORK, *after)
    back = ahead_and_back("back", *BEFORE, "2026-04-09", *right, *WORK, *after)
    assert straight[1:] == [[1, 2], [(False, ["move"])]]
    # As soon as the clock is right again the quarter runs, with the figures that it has.
    assert {status for status, _figures in back[0][1][1].values()} == {"final"}
    assert {status for status, _figures in back[0][3][1].values()} == {"running"}
    assert back[0][3:] == straight[0][2:]
    # The version that closed too early stays; the closing beside it says what came in between.
    assert back[1] == [1, 2, 3]
    assert back[2] == [
        (True, ["move", "move", "change of amount", "move"]),
        (False, ["move"]),
    ]


def test_a_quarter_that_ran_on_and_closes_late_is_closed_as_it_stood_at_its_midnight() -> None:
    back = ahead_and_back("back", *BEFORE, "2026-04-09", "2026-02-20", *WORK, "2026-05-04")
    straight = ahead_and_back("straight", *BEFORE, *WORK, "2026-05-04")
    assert back[0][-1] == straight[0][-1]
    assert [reopened for reopened, _facts in back[2]] == [True, False]
    assert back[2][1] == straight[2][0]


def test_facts_entered_while_the_clock_was_ahead_are_known_by_what_closed_then() -> None:
    """The whole machine was ahead: what people entered bears those times too."""
    with small_company() as small:
        won, other = small.opens("2026-02-02"), small.opens("2026-02-05")
        sweep(small, "2026-02-05T13:00")
        small.moves(won.deal_id, small.won, "2026-04-09T09:00")
        sweep(small, "2026-04-09T10:00")
        sweep(small, "2026-02-20")
        small.moves(other.deal_id, small.won, "2026-03-03")
        sweep(small, "2026-03-03T13:00")
        sweep(small, "2026-04-09")
        first, second = Snapshot.objects.filter(quarter_start=Q1, segment="all").order_by("version")
        assert (first.figures["won"], second.figures["won"]) == (0, 1)
        assert [fact["deal_id"] for fact in second.cause["facts"]] == [other.deal_id]
        found = verify_snapshots(company_id=small.company.pk, race=timedelta())
        assert (found.wrong, found.unproved) == ((), ())


def test_a_clock_that_lags_opens_what_is_closed_and_leaves_no_trace_when_right_again() -> None:
    with small_company() as small:
        small.opens("2026-02-02")
        for now in ("2026-02-02T13:00", "2026-04-09"):
            sweep(small, now)
        closed = final_rows()
        recompute_all(company_id=small.company.pk, now=at("2026-02-20"))
        assert {status for status, _figures in newest().values()} == {"running"}
        assert final_rows() == closed
        sweep(small, "2026-04-10")
        assert final_rows() == closed
        assert {status for status, _figures in newest().values()} == {"final"}
        assert not Snapshot.objects.filter(quarter_start=Q1).exclude(status="final").exists()


def test_what_closed_too_early_is_not_signed_while_it_runs_on() -> None:
    with small_company() as small:
        small.opens("2026-02-02")
        for now in ("2026-02-02T13:00", "2026-04-09"):
            sweep(small, now)
        recompute_all(company_id=small.company.pk, now=at("2026-02-20"))
        manager = Actor(make_user("manager@small.example").pk, "Manager", Role.MANAGER)
        with pytest.raises(DomainError, match="not final yet"), transaction.atomic():
            sign_quarter(
                by=manager, now=at("2026-02-20"), pipeline_id=small.pipeline_id, quarter_start=Q1
            )


def test_a_lease_of_a_clock_that_was_set_back_is_void_within_a_minute_of_its_length() -> None:
    now = at("2026-02-02")
    assert leased(name="sweep", seconds=8, now=now + timedelta(minutes=30))
    assert leased(name="sweep", seconds=8, now=now)  # half an hour back: not waited for
    assert not leased(name="sweep", seconds=8, now=now + timedelta(seconds=7))
    assert not leased(name="sweep", seconds=8, now=now - timedelta(seconds=30))  # another machine
    assert leased(name="sweep", seconds=8, now=now + timedelta(seconds=8))
    assert Lease.objects.get(name="sweep").expires_at == now + timedelta(seconds=16)
