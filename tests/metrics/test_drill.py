"""From a number to its deals: as many as the number, as the snapshot saw them."""

import csv
import io
import math
from datetime import date

import numpy as np
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.actors import Actor
from accounts.formats import Style
from accounts.models import Company
from accounts.roles import Role
from accounts.tenancy.context import company_context
from metrics.calc.drill import FIGURES, NoSuchFigureError, amount_of, figure_mask
from metrics.calc.segments import in_segment
from metrics.selectors.cohort_today import cohort_today
from metrics.selectors.drill import deals_of_figure, drill_rows
from metrics.selectors.drill_query import Drill, drill_question
from metrics.selectors.figures import all_figures, default_pipeline, quarters_of, usual_starts
from metrics.selectors.quarter_deals import quarter_deals
from metrics.selectors.reasons import stage_reasons
from metrics.services.recompute import recompute_all, recompute_quarter
from metrics.services.sweep import behind
from pipeline.models import Competitor, LostReason
from pipeline.services.load_company import load_company
from pipeline.services.moves import correct_transition
from tests.golden.company_files import COMPANY
from tests.golden.replay import instant
from tests.golden.test_drill import SHOWN, STAGED, USUAL
from tests.metrics.builders import BY, Small, at, small_company
from tests.personas import CANARY, World, client_of

STYLE = Style("en_GB", "EUR")
PAGE = "/w/alpha/funnel/deals/"


def as_of_now(small: Small, now: str) -> None:
    recompute_all(company_id=small.company.pk, now=at(now))


def deals_of(small: Small, start: date, figure: str, now: str, **asked: object) -> list[int]:
    [quarter] = [q for q in quarters_of(company=small.company) if q.start == start]
    found = deals_of_figure(
        company=small.company,
        quarter=quarter,
        segment="all",
        asked=Drill(figure, **asked),
        now=at(now),
    )
    rows = drill_rows(company=small.company, found=found, style=STYLE)
    assert len(rows) == found.count
    return [row.deal_id for row in rows]


@pytest.mark.django_db
def test_every_number_of_the_golden_company_has_its_deals() -> None:
    """Read from the database as the page reads them, for every quarter and segment."""
    now = instant("2026-09-30T12:00:00Z")
    loaded = load_company(folder=COMPANY, slug="golden", by=Actor.product("test"), now=now)
    recompute_all(company_id=loaded.company_id, now=now)
    with company_context(loaded.company_id):
        company = Company.objects.get(pk=loaded.company_id)
        pipeline_id = default_pipeline(company=company)
        quarters = quarters_of(company=company)
        read = quarter_deals(
            company=company,
            pipeline_id=pipeline_id,
            starts=[q.start for q in quarters],
            segment="all",
            now=now,
        )
        usual = {q.label: usual_starts(company=company, start=q.start) for q in quarters}
        figures = all_figures(company=company)
    works = {one.quarter.label: one.work for one in read}
    labels = {one.quarter.start: one.quarter.label for one in read}
    assert not any(one.behind for one in read)
    masks = {
        (label, name, place): figure_mask(work, name, at=place)
        for label, work in works.items()
        for name, figure in FIGURES.items()
        for place in (range(1, work.history.open_stages + 1) if figure.staged else (None,))
    }
    checked = 0
    for label, segments in figures.items():
        for segment, found in segments.items():
            members = in_segment(works[label].history, segment)
            before = [
                (labels[start], in_segment(works[labels[start]].history, segment))
                for start in usual[label]
            ]
            for name, shown in SHOWN.items():
                count = int((masks[label, name, None] & members).sum())
                assert count == shown(found), (label, segment, name)
            for stage in found.stages:
                for name, shown in STAGED.items():
                    count = int((masks[label, name, stage.position] & members).sum())
                    assert count == shown(stage), (label, segment, name, stage.position)
                lost = np.flatnonzero(masks[label, "lost_at", stage.position] & members)
                amount, without = amount_of(works[label], lost)
                assert without == stage.value_lost_without_amount or amount is None
                assert (amount is None) == (stage.value_lost is None)
                assert math.isclose(amount or 0, stage.value_lost or 0, rel_tol=1e-9, abs_tol=1e-9)
                for name, shown in USUAL.items():
                    count = sum(
                        int((masks[other, name, stage.position] & theirs).sum())
                        for other, theirs in before
                    )
                    assert count == (shown(stage) or 0), (label, segment, name, stage.position)
            won = np.flatnonzero(masks[label, "won", None] & members)
            revenue, _without = amount_of(works[label], won)
            assert (revenue is None) == (found.revenue_won is None)
            assert math.isclose(revenue or 0, found.revenue_won or 0, rel_tol=1e-9, abs_tol=1e-9)
            checked += 1
    assert checked == 1061


@pytest.mark.django_db
def test_a_deal_that_came_back_stays_lost_in_the_quarter_that_lost_it() -> None:
    q1, q3 = date(2026, 1, 1), date(2026, 7, 1)
    with small_company() as small:
        deal = small.opens("2026-01-10")
        small.moves(deal.deal_id, small.lost, "2026-02-01")
        other = small.opens("2026-01-12")
        as_of_now(small, "2026-05-01")
        small.moves(deal.deal_id, small.met, "2026-07-02")
        small.moves(deal.deal_id, small.won, "2026-08-02")
        as_of_now(small, "2026-08-03")
        now = "2026-08-03"
        assert deals_of(small, q1, "lost_at", now, at=1) == [deal.deal_id]
        assert deals_of(small, q1, "cohort_lost", now, at=1) == [deal.deal_id]
        assert deals_of(small, q1, "cohort_pending", now, at=1) == [other.deal_id]
        assert deals_of(small, q1, "cohort_won", now) == []
        assert deals_of(small, q1, "cohort_won", now, today=True) == [deal.deal_id]
        assert deals_of(small, q1, "cohort_lost", now, at=1, today=True) == []
        assert deals_of(small, q3, "won", now) == [deal.deal_id]
        assert deals_of(small, q3, "usual_lost_at", now, at=1) == []  # Q1 was the first

        [quarter] = [q for q in quarters_of(company=small.company) if q.start == q1]
        today = cohort_today(company=small.company, quarter=quarter, now=at(now))
        assert today is not None
        assert (today.cohort_won, today.pending, today.path_unknown) == (1, 1, 0)
        assert [s.cohort_reached for s in today.stages] == [2, 1]
        assert [s.cohort_lost for s in today.stages] == [0, 0]


@pytest.mark.django_db
def test_the_cohort_of_today_is_what_a_quarter_computed_today_would_say() -> None:
    now = instant("2026-09-30T12:00:00Z")
    loaded = load_company(folder=COMPANY, slug="golden", by=Actor.product("test"), now=now)
    recompute_all(company_id=loaded.company_id, now=now)
    with company_context(loaded.company_id):
        company = Company.objects.get(pk=loaded.company_id)
        pipeline_id = default_pipeline(company=company)
        assert pipeline_id is not None
        drifted = 0
        for quarter in quarters_of(company=company)[-4:]:
            figures = all_figures(company=company)[quarter.label]
            for segment in ("all", "channel=inbound", "channel=outbound", "channel=unknown"):
                today = cohort_today(company=company, quarter=quarter, segment=segment, now=now)
                assert today is not None
                for stage in today.stages:
                    rest = stage.cohort_lost + stage.cohort_pending
                    beyond = [s.cohort_reached for s in today.stages[stage.position :]]
                    assert stage.cohort_reached == rest + (beyond or [today.cohort_won])[0]
                closed = figures.get(segment)
                if closed is None:
                    continue
                # Who was opened in a quarter does not change; how it ended does.
                assert today.stages[0].cohort_reached == closed.stages[0].cohort_reached
                pending = sum(s.cohort_pending for s in closed.stages)
                assert today.pending <= pending
                drifted += pending - today.pending
        assert drifted > 0


@pytest.mark.django_db
def test_a_move_that_is_not_yet_counted_is_said() -> None:
    with small_company() as small:
        deal = small.opens("2026-02-02")
        as_of_now(small, "2026-02-03")
        small.moves(deal.deal_id, small.lost, "2026-02-04")
        quarter = quarters_of(company=small.company)[-1]
        asked = {"company": small.company, "quarter": quarter, "segment": "all"}
        late = deals_of_figure(**asked, asked=Drill("lost"), now=at("2026-02-04T13:00"))
        assert late.behind
        # The page still says 0, and so does the list.
        assert late.count == 0
        for company_id, start in behind(now=at("2026-02-04T13:00"), company_id=small.company.pk):
            recompute_quarter(
                company_id=company_id, quarter_start=start, now=at("2026-02-04T13:00")
            )
        now = deals_of_figure(**asked, asked=Drill("lost"), now=at("2026-02-04T14:00"))
        assert (now.behind, now.count) == (False, 1)


@pytest.mark.django_db
def test_a_running_row_that_did_not_change_is_held_against_the_facts_of_now() -> None:
    """The row keeps its older as_of; the winning was corrected to lie after it, the same day."""
    with small_company() as small:
        deal = small.opens("2026-02-02")
        won = small.moves(deal.deal_id, small.won, "2026-02-04T10:00")
        as_of_now(small, "2026-02-04T11:00")
        correct_transition(
            by=BY,
            transition_id=won.transition_id,
            to_stage_id=small.won,
            occurred_at=at("2026-02-04T12:00"),
            now=at("2026-02-04T13:00"),
        )
        as_of_now(small, "2026-02-04T13:00")
        assert deals_of(small, date(2026, 1, 1), "won", "2026-02-04T14:00") == [deal.deal_id]


@pytest.mark.django_db
def test_a_stage_or_figure_that_does_not_exist_is_refused() -> None:
    with small_company() as small:
        small.opens("2026-02-02")
        as_of_now(small, "2026-02-03")
        with pytest.raises(NoSuchFigureError):
            deals_of(small, date(2026, 1, 1), "lost_at", "2026-02-03", at=9)
    assert drill_question({"figure": ["nonsense"]}).asked is None
    assert drill_question({"figure": ["lost_at"]}).asked is None
    assert drill_question({"figure": ["won"], "level": ["other"]}).asked is None
    assert drill_question({"figure": ["won"], "cohort": ["today"]}).asked is None
    assert drill_question({"figure": ["lost_at"], "at": ["\u0663"]}).asked is None
    again = drill_question({"figure": ["lost_at"], "at": ["2"], "level": ["no_decision"]}).asked
    assert again == Drill("lost_at", at=2, level="no decision")
    assert again.query(quarter="2026-Q1", segment="channel=inbound") == (
        "?q=2026-Q1&seg=channel%3Dinbound&figure=lost_at&at=2&level=no_decision"
    )


@pytest.mark.django_db
def test_reasons_add_up_and_each_has_its_deals() -> None:
    with small_company() as small:
        price = LostReason.objects.create(level="competitor", detail="Cheaper").pk
        slow = LostReason.objects.create(level="no_decision", detail="No budget").pk
        rival = Competitor.objects.create(name="Rival").pk
        told = [
            {"lost_reason_id": price, "competitor_id": rival},
            {"lost_reason_id": price},
            {"lost_reason_id": slow, "competitor_id": rival},
            {},
        ]
        for number, why in enumerate(told):
            deal = small.opens(f"2026-04-{10 + number}", **why)
            small.moves(deal.deal_id, small.lost, "2026-05-02")
        small.opens("2025-12-20")
        as_of_now(small, "2026-05-10")
        quarter = quarters_of(company=small.company)[-1]
        asked = {"company": small.company, "quarter": quarter, "segment": "all"}
        found = stage_reasons(**asked, at=1, now=at("2026-05-10"), style=STYLE)
        assert found is not None
        assert found.total == 4
        assert [(line.name, line.deals) for line in found.levels] == [
            ("Competitor", 2),
            ("No decision", 1),
            ("Unknown", 1),
        ]
        assert [(line.name, line.deals) for line in found.competitors] == [("Rival", 2)]
        assert found.levels[0].amount == "€2,000"
        for line in (*found.levels, *found.competitors, *found.levels[0].details):
            assert sum(detail.deals for detail in line.details) in (0, line.deals)
            query = dict(pair.split("=") for pair in line.query[1:].split("&"))
            drill = drill_question({name: [value] for name, value in query.items()}).asked
            assert drill is not None
            behind_it = deals_of_figure(**asked, asked=drill, now=at("2026-05-10"))
            assert behind_it.count == line.deals, line.query
        assert stage_reasons(**asked, at=7, now=at("2026-05-10"), style=STYLE) is None


# The pages


@pytest.fixture
def manager(computed: World) -> Client:
    return client_of(computed.a.user(Role.MANAGER))


def test_the_list_says_what_it_lists_and_leads_to_the_deals(manager: Client, computed) -> None:
    response = manager.get(PAGE, {"q": "2026-Q2", "figure": "lost_at", "at": "1"})
    assert response.status_code == 200
    page = response.context["page"]
    assert page.words.title == "Lost at Booked in Q2 2026: 1 deal"
    [row] = page.rows
    assert (row.name, row.stage, row.outcome, row.amount) == (
        "lost late",
        "Booked",
        "lost",
        "€4,000",
    )
    body = response.content.decode()
    assert (
        reverse(
            "pipeline:deal",
            kwargs={"company_slug": "alpha", "deal_id": computed.a.deals["lost late"]},
        )
        in body
    )
    assert "definitions/#exit-conversion" in body
    assert "/w/alpha/funnel/?q=2026-Q2&amp;at=1" in body
    assert CANARY not in body


def test_segments_and_the_number_on_the_page_agree(manager: Client, computed: World) -> None:
    for query in ({}, {"seg": "channel=inbound"}, {"seg": "rep=Ada"}, {"seg": "rep=Nobody"}):
        of = {**query, "q": "2026-Q2"}
        funnel = manager.get("/w/alpha/funnel/", of).context["page"]
        for column in funnel.columns if funnel else ():
            if column.position is None:
                asked = {"figure": "cohort_won"}
            else:
                asked = {"figure": "cohort_reached", "at": str(column.position)}
            page = manager.get(PAGE, {**of, **asked}).context["page"]
            assert page.total == column.reached, (query, asked)
        if funnel is None:
            assert manager.get(PAGE, {**of, "figure": "in_play"}).context["page"].total == 0


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({}, "no figure of that name"),
        ({"figure": "magic"}, "no figure of that name"),
        ({"figure": "lost_at"}, "belongs to a stage"),
        ({"figure": "lost_at", "at": "9"}, "no stage of that number"),
        ({"figure": "lost_at", "at": "x"}, "by its number"),
        ({"figure": "lost_at", "at": "1", "level": "magic"}, "no such kind of reason"),
        ({"figure": "won", "reason": "1"}, "Only lost deals"),
        ({"figure": "won", "cohort": "today"}, "Only the deals opened in a quarter"),
        ({"figure": "won", "q": "2031-Q1"}, "no quarter called 2031-Q1"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["", "deals.csv"])
def test_what_is_not_understood_is_said(manager: Client, query: dict, said: str, name: str) -> None:
    response = manager.get(PAGE + name, query)
    assert response.status_code == 200
    assert said in response.content.decode()


def test_a_reason_of_another_company_lists_nothing(manager: Client, computed: World) -> None:
    with company_context(computed.b.company.pk):
        theirs = LostReason.objects.create(level="other", detail=f"{CANARY} reason").pk
    query = {"q": "2026-Q2", "figure": "lost_at", "at": "1", "reason": str(theirs)}
    response = manager.get(PAGE, query)
    assert response.context["page"].total == 0
    assert CANARY not in response.content.decode()


def test_the_file_has_the_same_deals(manager: Client) -> None:
    response = manager.get(PAGE + "deals.csv", {"q": "2026-Q2", "figure": "in_play"})
    text = b"".join(response.streaming_content).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    page = manager.get(PAGE, {"q": "2026-Q2", "figure": "in_play"}).context["page"]
    assert [row["Deal"] for row in rows] == [row.name for row in page.rows]
    assert len(rows) == page.total == 4
    assert {row["Quarter"] for row in rows} == {"2026-Q2"}
    assert float(rows[0]["Amount in EUR"]) == 6000.0
    assert "2026-Q2-in_play.csv" in response["Content-Disposition"]


def test_a_name_that_a_spreadsheet_would_run_is_text(computed: World, manager: Client) -> None:
    with company_context(computed.a.company.pk):
        with connection.cursor() as cursor:
            cursor.execute("UPDATE pipeline_deal SET name = '=1+1' WHERE name = 'new'")
    response = manager.get(PAGE + "deals.csv", {"q": "2026-Q2", "figure": "in_play"})
    assert ",'=1+1," in b"".join(response.streaming_content).decode("utf-8-sig")


def test_the_cohort_as_of_today_is_named_so(manager: Client) -> None:
    query = {"q": "2026-Q1", "figure": "cohort_reached", "at": "1", "cohort": "today"}
    response = manager.get(PAGE, query)
    assert "as they stand today" in response.content.decode()
    assert "cohort=today" in response.context["back_url"]


def test_the_reasons_of_a_stage_as_a_part_and_as_a_page(manager: Client) -> None:
    where = "/w/alpha/funnel/reasons/"
    part = manager.get(where, {"q": "2026-Q2", "at": "1"}, headers={"HX-Request": "true"})
    assert "<html" not in part.content.decode()
    assert "Lost at Booked in Q2 2026: 1 deal" in part.content.decode()
    page = manager.get(where, {"q": "2026-Q2", "at": "1"})
    assert "<html" in page.content.decode()
    assert page.context["reasons"].total == 1
    for query in ({}, {"at": "9"}, {"q": "2031-Q1", "at": "1"}, {"at": "1", "seg": "rep= "}):
        assert manager.get(where, query).status_code == 200


def test_leadership_reads_the_list_and_a_stranger_does_not(computed: World) -> None:
    query = {"figure": "won"}
    assert client_of(computed.a.user(Role.LEADER)).get(PAGE, query).status_code == 200
    assert client_of(computed.stranger).get(PAGE, query).status_code == 404
    assert client_of(computed.b.user(Role.OWNER)).get(PAGE, query).status_code == 404


def test_a_page_asks_as_many_questions_for_four_deals_as_for_one(manager: Client) -> None:
    def asked(**query: str) -> tuple[int, int]:
        manager.get(PAGE, {"q": "2026-Q2", **query})  # the session and the like are warm
        with CaptureQueriesContext(connection) as queries:
            page = manager.get(PAGE, {"q": "2026-Q2", **query}).context["page"]
        return page.total, len(queries)

    (four, many), (one, few) = asked(figure="in_play"), asked(figure="lost_at", at="1")
    assert (four, one) == (4, 1)
    assert many == few == 27


def _many(small: Small, deals: int) -> None:
    for number in range(deals):
        small.opens(f"2026-02-{1 + number % 20:02}", amount=str(100 + number))


@pytest.mark.django_db
def test_a_hundred_to_a_page_in_the_same_number_of_queries() -> None:
    with small_company() as small:
        _many(small, 3)
        as_of_now(small, "2026-03-01")

        def asked(page: int) -> tuple[int, list[str]]:
            quarter = quarters_of(company=small.company)[-1]
            with CaptureQueriesContext(
                connection,
            ) as queries:
                found = deals_of_figure(
                    company=small.company,
                    quarter=quarter,
                    segment="channel=inbound",
                    asked=Drill("opened"),
                    now=at("2026-03-01"),
                )
                rows = drill_rows(company=small.company, found=found, style=STYLE, page=page)
            return len(queries), [row.amount for row in rows]

        few, _rows = asked(1)
        _many(small, 120)
        as_of_now(small, "2026-03-01")
        many, first = asked(1)
        _second, last = asked(2)
        assert many == few == 16
        assert (len(first), len(last)) == (100, 23)
        assert first[0] == "€219"  # the largest amount first
        assert last[-1] == "€100"
