"""What became known late restates a closed quarter, once, and can be traced to who entered it."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.test import Client

from accounts.formats import Style
from accounts.models import Company
from accounts.roles import Role
from accounts.tenancy.context import company_context
from metrics.models import Snapshot
from metrics.selectors.figures import figures_at, figures_of
from metrics.selectors.quarters_fields import field_changes, field_name
from metrics.selectors.quarters_restatements import restatements
from metrics.selectors.quarters_versions import versions_by_quarter
from metrics.services.recompute import recompute_quarter
from metrics.services.sweep import behind
from pipeline.services.deals import change_deal
from tests.metrics.builders import BY, Small, at, small_company
from tests.metrics.quarter_rows import LATER, close_books, lose, slow_deal, sweep
from tests.personas import World, client_of

PAGE = "/w/alpha/quarters/2026-Q1/restatements/"
Q1, Q3 = date(2026, 1, 1), date(2026, 7, 1)
STYLE = Style("en", "EUR")


def catch_up(small: Small, now: str) -> None:
    for company_id, start in behind(now=at(now), company_id=small.company.pk):
        recompute_quarter(company_id=company_id, quarter_start=start, now=at(now))


def told_of_q1(company: Company, pipeline_id: int, segment: str = "all"):  # type: ignore[no-untyped-def]
    found = versions_by_quarter(company=company, pipeline_id=pipeline_id, segment=segment, start=Q1)
    return found[Q1], restatements(
        company=company,
        pipeline_id=pipeline_id,
        start=Q1,
        versions=found[Q1],
        segment=segment,
        stages=("Booked", "Met"),
        style=STYLE,
    )


def test_a_loss_entered_late_restates_its_quarter_once_with_its_cause(world: World) -> None:
    deal = slow_deal(world.a)
    close_books(world.a)
    lose(world.a, deal, "2026-03-20")
    sweep(world.a)
    sweep(world.a)
    client: Client = client_of(world.a.user(Role.LEADER))
    response = client.get(PAGE)
    [row] = response.context["rows"]
    assert row.number == 2
    [fact] = row.cause.facts
    assert (fact.deal, fact.deal_id, fact.what) == ("Slow one", deal, "Moved from Held to Lost")
    assert (fact.happened, fact.by) == ("20 Mar 2026", "Manager")
    assert fact.entered.startswith("21 May 2026, 10:00")
    lost = next(c for c in row.changes if c.name == "Deals lost")
    assert int(lost.after) == int(lost.before) + 1
    assert lost.difference == "+1"
    assert any(c.name == "Held: lost here" and c.difference == "+1" for c in row.changes)
    assert f'href="/w/alpha/deals/{deal}/"' in response.content.decode()


def test_as_reported_stands_beside_as_known_now_for_any_segment(world: World) -> None:
    deal = slow_deal(world.a)
    close_books(world.a)
    lose(world.a, deal, "2026-03-20")
    sweep(world.a)
    client = client_of(world.a.user(Role.REP))
    for segment, difference in (("all", "+1"), ("rep=Ada", "+1"), ("channel=outbound", "0")):
        rows = client.get(PAGE, {"seg": segment}).context["reported"].rows
        if rows:
            lost = next(r for r in rows if r.name == "Deals lost")
            assert lost.difference == difference
        else:
            assert segment == "channel=outbound"
    untouched = client.get(PAGE, {"seg": "channel=outbound"}).context["rows"][0]
    assert untouched.changes == ()
    assert any(one.text == "Inbound" for one in untouched.segments)


def test_a_quarter_that_nothing_changed_says_so(computed: World) -> None:
    client = client_of(computed.a.user(Role.MANAGER))
    assert "Nothing was restated" in client.get(PAGE).content.decode()
    running = client.get("/w/alpha/quarters/2026-Q2/restatements/").content.decode()
    assert "This quarter is not final." in running


@pytest.mark.django_db
def test_a_deal_lost_in_q1_and_reopened_in_q3_changes_nothing_in_q1() -> None:
    with small_company() as small:
        deal = small.opens("2026-02-02")
        small.moves(deal.deal_id, small.lost, "2026-03-02")
        catch_up(small, "2026-04-09")
        before = figures_of(company=small.company, upto=Q1)
        small.moves(deal.deal_id, small.met, "2026-07-20")
        catch_up(small, "2026-07-20T13:00")
        versions, rows = told_of_q1(small.company, small.pipeline_id)
        assert ([v.number for v in versions], rows) == ([1], ())
        assert figures_of(company=small.company, upto=Q1) == before
        [*_earlier, q3] = figures_of(company=small.company, upto=Q3)
        assert (q3.quarter, q3.open_at_end) == ("2026-Q3", 1)


@pytest.mark.django_db
def test_plans_and_deals_of_later_quarters_are_no_cause() -> None:
    with small_company() as small:
        deal = small.opens("2026-02-02")
        small.moves(deal.deal_id, small.won, "2026-03-02")
        catch_up(small, "2026-04-09")
        later = small.opens("2026-04-12")
        change_deal(by=BY, deal_id=later.deal_id, now=at("2026-04-15"), amount=Decimal(7))
        change_deal(by=BY, deal_id=deal.deal_id, now=at("2026-04-16"), next_step="Call")
        change_deal(by=BY, deal_id=deal.deal_id, now=at("2026-04-20"), amount=Decimal(1500))
        catch_up(small, "2026-04-20T13:00")
        _versions, [row] = told_of_q1(small.company, small.pipeline_id)
        assert [f.what for f in row.cause.facts] == ["Amount: from 1,000 to 1,500"]
        assert row.cause.more == ""
        revenue = next(c for c in row.changes if c.name == "Revenue won")
        assert (revenue.before, revenue.after, revenue.difference) == ("€1,000", "€1,500", "+€500")


@pytest.mark.django_db
def test_each_version_can_be_read_and_the_newest_is_the_default() -> None:
    with small_company() as small:
        deal = small.opens("2026-02-02")
        small.moves(deal.deal_id, small.won, "2026-03-02")
        catch_up(small, "2026-04-09")
        for day, amount in ((20, 1500), (21, 1700)):
            change_deal(
                by=BY, deal_id=deal.deal_id, now=at(f"2026-04-{day}"), amount=Decimal(amount)
            )
            catch_up(small, f"2026-04-{day}T13:00")
        company = small.company

        def revenue(version: int | None, segment: str = "all") -> float | None:
            found = figures_at(company=company, segments=[segment], versions={Q1: version})
            return found[Q1, segment].revenue_won

        assert [revenue(n) for n in (1, 2, 3, None)] == [1000.0, 1500.0, 1700.0, 1700.0]
        assert [revenue(n, "rep=Ada Quist") for n in (1, 3)] == [1000.0, 1700.0]
        assert figures_at(company=company, segments=["all"], versions={}) == {}
        assert set(figures_at(company=company, segments=["all"], versions={Q1: 2})) == {(Q1, "all")}


@pytest.mark.django_db
def test_a_segment_that_a_version_left_alone_keeps_its_figures() -> None:
    with small_company() as small:
        deal = small.opens("2026-02-02")
        small.moves(deal.deal_id, small.won, "2026-03-02")
        other = small.opens("2026-02-03", rep_id=None, amount="500")
        small.moves(other.deal_id, small.won, "2026-03-03")
        catch_up(small, "2026-04-09")
        change_deal(by=BY, deal_id=deal.deal_id, now=at("2026-04-20"), amount=Decimal(1500))
        catch_up(small, "2026-04-20T13:00")
        assert not Snapshot.objects.filter(segment="rep=unknown", version=2).exists()
        found = figures_at(company=small.company, segments=["rep=unknown"], versions={Q1: 2})
        assert found[Q1, "rep=unknown"].version == 1
        assert found[Q1, "rep=unknown"].revenue_won == 500.0
        versions, [row] = told_of_q1(small.company, small.pipeline_id, "rep=unknown")
        assert row.changes == ()
        assert versions[-1].fields is None


def test_fields_have_names_and_values_for_people() -> None:
    fields = {
        "stages.2.lost_at": [3, 4],
        "lost": [10, 11],
        "stages.1.value_lost_by_reason.unknown": [None, [1, 1, 500.0]],
        "stages.1.value_lost_by_reason.competitor.3": [None, 900.0],
        "cycle_won_median": [20.0, 20.5],
        "revenue_won": [1000.0, 400.0],
    }
    rows = field_changes(fields, ("Booked", "Met"), STYLE)
    assert [(r.name, r.before, r.after, r.difference) for r in rows] == [
        ("Deals lost", "10", "11", "+1"),
        ("Revenue won", "€1,000", "€400", "\N{MINUS SIGN}€600"),
        ("Cycle of won deals, median", "20 days", "20.5 days", "+0.5"),
        ("Booked: lost because of an unknown reason", "none", "1, €500", ""),
        ("Booked: lost because of a competitor, amount", "none", "€900", ""),
        ("Met: lost here", "3", "4", "+1"),
    ]
    assert field_name("stages.9.won", ("Booked",)) == "stage 9: won"


def test_a_neighbours_restatement_is_not_here(world: World) -> None:
    deal = slow_deal(world.b, "Slow one of the neighbour")
    close_books(world.a)
    close_books(world.b)
    lose(world.b, deal, "2026-03-20")
    sweep(world.b, LATER)
    body = client_of(world.a.user(Role.MANAGER)).get(PAGE).content.decode()
    assert "Nothing was restated" in body
    with company_context(world.b.company.pk):
        assert Snapshot.objects.filter(version=2, computed_at=LATER).exists()
    assert datetime(2026, 5, 21, 10, tzinfo=UTC) == LATER
