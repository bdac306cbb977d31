"""Two voices: the rep's and the buyer's reason side by side, agreement, and whom we asked."""

import csv
import io
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.roles import Role
from metrics.models import Review
from metrics.services.recompute import recompute_all
from metrics.services.reviews import (
    Buyer,
    Given,
    save_answers,
    start_review,
    withdraw_review,
)
from pipeline.models import Competitor, Deal, LostReason
from pipeline.services.closing import lose_deal
from pipeline.services.deals import open_deal
from pipeline.services.moves import move_deal
from tests.personas import CANARY, NOW, Workspace, World
from tests.pipeline.pages.conftest import clock_stands  # noqa: F401  the fixture
from tests.pipeline.pages.deal_pages import HX, client, inside

pytestmark = pytest.mark.usefixtures("clock_stands")

PAGE = "/w/alpha/voices/"


def lose(
    workspace: Workspace,
    name: str,
    level: str,
    *,
    at: str = "Held",
    days_ago: int = 30,
    source: str = "Website",
    detail: str = "",
    rival: str = "",
    rep: str = "Ada",
) -> int:
    """A deal that was lost at a stage, with the rep's reason."""
    by, when = workspace.actor(Role.MANAGER), NOW - timedelta(days=days_ago)
    with inside(workspace):
        recorded = open_deal(
            by=by,
            pipeline_id=workspace.pipeline.pk,
            stage_id=workspace.stages["Booked"].pk,
            name=name,
            occurred_at=when - timedelta(days=5),
            now=NOW,
            amount=Decimal(1000),
            rep_id=workspace.reps[rep].pk,
            source_id=workspace.sources[source].pk,
            customer_id=workspace.customers["Acme"].pk,
        )
        if at != "Booked":
            stage = workspace.stages[at].pk
            earlier = when - timedelta(days=2)
            move_deal(
                by=by, deal_id=recorded.deal_id, to_stage_id=stage, occurred_at=earlier, now=NOW
            )
        lose_deal(
            by=by,
            deal_id=recorded.deal_id,
            occurred_at=when,
            now=NOW,
            level=level,
            new_reason=detail,
            new_competitor=rival,
        )
    return recorded.deal_id


def ask_buyer(
    workspace: Workspace,
    deal_id: int,
    level: str,
    *,
    words: str = "",
    rival: str = "",
    held_on: date | None = None,
    finish: bool = True,
    **buyer: Any,
) -> Review:
    """An interview with a lost prospect in which the buyer gives a reason."""
    by = workspace.actor(Role.MANAGER)
    with inside(workspace):
        if rival:
            buyer["competitor_id"] = Competitor.objects.get_or_create(name=rival)[0].pk
        review = start_review(
            by=by, now=NOW, kind="lost_interview", deal_id=deal_id, held_on=held_on
        )
        question = review.guide.questions.first()
        return save_answers(
            by=by,
            now=NOW,
            review_id=review.pk,
            given=Given({question.pk: "We talked."}, buyer=Buyer(level, words=words, **buyer)),
            version=review.version,
            finish=finish,
        )


def compute(world: World) -> None:
    recompute_all(company_id=world.a.company.pk, now=NOW)


def page(world: World, query: str = "", role: Role = Role.MANAGER, **extra: Any) -> str:
    response = client(world.a, role).get(PAGE + query, **extra)
    assert response.status_code == 200
    return response.content.decode()


def rows_of(world: World, path: str) -> list[dict[str, str]]:
    response = client(world.a).get(PAGE + path)
    assert response.status_code == 200
    assert response["Content-Type"].startswith("text/csv")
    return list(csv.DictReader(io.StringIO(response.content.decode("utf-8-sig"))))


def text_of(body: str) -> str:
    """The text between the tags, in one line."""
    out = []
    for part in body.split("<")[1:]:
        out.append(part.partition(">")[2])
    return " ".join(" ".join(out).split())


def test_overseers_read_it_and_reps_do_not(world: World) -> None:
    for role in Role:
        for path in ("", "deals.csv", "coverage.csv"):
            expected = 403 if role == Role.REP else 200
            assert client(world.a, role).get(PAGE + path).status_code == expected
    assert "Two voices" not in client(world.a, Role.REP).get("/w/alpha/velocity/").content.decode()


def test_before_any_interview_it_says_where_to_start(world: World) -> None:
    body = page(world)
    assert "No lost prospect interviewed yet" in body
    compute(world)
    body = page(world)
    assert "No lost prospect interviewed yet" in body
    assert '/w/alpha/reviews/?kind=lost_interview"' in body
    assert "deals.csv" not in body


def test_both_reasons_stand_side_by_side(world: World) -> None:
    price = lose(world.a, "Northern course", "other", detail="Price")
    compute(world)
    ask_buyer(
        world.a, price, "competitor", rival="Rivalry Ltd", words="They started two weeks sooner."
    )
    said = text_of(page(world))
    assert "Northern course They differ" in said
    assert "The rep says Other: Price" in said
    assert "The buyer says Competitor (Rivalry Ltd) They started two weeks sooner." in said
    assert "In 0 of 1 deal the buyer gives the same kind of reason as the rep." in said
    assert "Too few for a rate" in said
    assert CANARY not in said
    [row] = rows_of(world, "deals.csv")
    assert row["Deal number"] == str(price)
    assert (row["The rep's kind of reason"], row["The rep's reason"]) == ("Other", "Price")
    assert row["The buyer's kind of reason"] == "Competitor"
    assert row["Competitor named by the buyer"] == "Rivalry Ltd"
    assert row["Compared"] == "They differ"
    assert (row["Lost at"], row["Quarter"]) == ("Held", "2026-Q2")


def test_nothing_overwrites_the_reason_of_the_rep(world: World) -> None:
    deal_id = lose(world.a, "Kept", "other", detail="Price")
    compute(world)
    with inside(world.a):
        before = Deal.objects.filter(pk=deal_id).values().get()
        history = list(Deal.objects.get(pk=deal_id).changes.values_list("id", flat=True))
        reason_id = LostReason.objects.get(detail="Price").pk
    review = ask_buyer(world.a, deal_id, "no_decision", words="Nobody decided.")
    page(world)
    rows_of(world, "deals.csv")
    with inside(world.a):
        withdraw_review(
            by=world.a.actor(Role.MANAGER), now=NOW, review_id=review.pk, version=review.version
        )
        assert Deal.objects.filter(pk=deal_id).values().get() == before
        assert before["lost_reason_id"] == reason_id
        assert list(Deal.objects.get(pk=deal_id).changes.values_list("id", flat=True)) == history


def test_drafts_and_withdrawn_interviews_do_not_speak(world: World) -> None:
    deal_id = lose(world.a, "Quiet", "other")
    compute(world)
    ask_buyer(world.a, deal_id, "other", finish=False)
    gone = ask_buyer(world.a, deal_id, "other")
    with inside(world.a):
        withdraw_review(
            by=world.a.actor(Role.MANAGER), now=NOW, review_id=gone.pk, version=gone.version
        )
    assert "No lost prospect interviewed yet" in page(world)


def test_of_several_interviews_the_newest_with_a_reason_counts(world: World) -> None:
    deal_id = lose(world.a, "Asked thrice", "other")
    compute(world)
    ask_buyer(world.a, deal_id, "competitor", held_on=date(2026, 5, 1))
    ask_buyer(world.a, deal_id, "other", held_on=date(2026, 5, 10))
    ask_buyer(world.a, deal_id, "", held_on=date(2026, 5, 15))
    [row] = rows_of(world, "deals.csv")
    assert (row["Asked on"], row["Compared"]) == ("2026-05-10", "Same kind")


def test_agreement_per_reason_and_rep_with_its_interval(world: World) -> None:
    for n in range(10):
        deal_id = lose(world.a, f"Competitor {n}", "competitor")
        ask_buyer(world.a, deal_id, "competitor" if n < 6 else "no_decision")
    ask_buyer(world.a, lose(world.a, "Silent buyer", "competitor"), "unknown")
    ask_buyer(world.a, lose(world.a, "Of Ben", "other", rep="Ben"), "other")
    compute(world)
    said = text_of(page(world))
    assert "In 7 of 11 deals the buyer gives the same kind of reason as the rep." in said
    assert "64% (95% 35 to 85%)" in said
    # Rows of the cross table: competitor, no decision, other, unknown.
    assert "Competitor 6 4 – 1 60% 6 of 10, 95% 31 to 83% 1 not compared" in said
    assert "Other – – 1 – 1 of 1" in said
    assert "Ada 60% 6 of 10, 95% 31 to 83% 1 not compared" in said
    assert "Ben 1 of 1" in said


def test_filters_by_quarter_and_segment(world: World) -> None:
    old = lose(world.a, "In the first quarter", "other", days_ago=80)
    new = lose(world.a, "In this quarter", "other", source="Calls")
    compute(world)
    for deal_id in (old, new):
        ask_buyer(world.a, deal_id, "other")

    def listed(query: str) -> set[str]:
        return {row["Deal"] for row in rows_of(world, f"deals.csv{query}")}

    assert listed("") == {"In the first quarter", "In this quarter"}
    assert listed("?q=2026-Q1") == {"In the first quarter"}
    assert listed("?seg=channel%3Doutbound") == {"In this quarter"}
    assert listed("?q=2026-Q1&channel=outbound") == set()
    body = page(world, "?q=2026-Q1&channel=outbound")
    assert "No interview about these deals" in body
    assert "1 more interview is about a deal of another quarter" in page(world, "?q=2026-Q1")
    body = page(world, "?q=2019-Q1")
    assert "There is no quarter called 2019-Q1." in body
    assert "In this quarter" in body


def test_whom_we_asked_is_compared_with_whom_we_lost(world: World) -> None:
    asked = [lose(world.a, f"Inbound {n}", "other", at="Booked") for n in range(12)]
    for n in range(12):
        lose(world.a, f"Outbound {n}", "other", at="Coach", source="Calls", rep="Ben")
    compute(world)
    for deal_id in asked[:4]:
        ask_buyer(world.a, deal_id, "other")
    said = text_of(page(world, "?q=2026-Q2"))
    assert "4 of 25 lost deals have an interview." in said
    assert "Under 10 only counts are shown" in said
    assert "No interview about a deal lost at Coach, though 48% are lost there." in said
    for row in rows_of(world, "coverage.csv?q=2026-Q2"):
        assert (row["p-value"], row["Share of the interviews"], row["Answer"]) == (
            "",
            "",
            "too_few",
        )
    for deal_id in asked[4:]:
        ask_buyer(world.a, deal_id, "other")
    said = text_of(page(world, "?q=2026-Q2"))
    assert "Clearly not like the lost deals (exact test, p &lt; 0.01)" in said
    rows = rows_of(world, "coverage.csv?q=2026-Q2")
    by_channel = {row["Group"]: row for row in rows if row["Compared"] == "channel"}
    assert by_channel["Outbound"]["Stands out"] == "nobody asked"
    assert by_channel["Inbound"]["Deals with an interview"] == "12"
    assert sum(int(row["Lost deals"]) for row in by_channel.values()) == 25
    # All have one amount or another: two bands, of which the test says something as well.
    assert {row["Compared"] for row in rows} == {"channel", "size", "stage", "rep"}


def test_with_htmx_only_the_page_part_comes(world: World) -> None:
    compute(world)
    body = page(world, headers=HX)
    assert body.lstrip().startswith("<div")
    assert "<html" not in body


def test_more_rows_need_no_more_queries(world: World) -> None:
    first = [lose(world.a, f"One {n}", "other") for n in range(2)]
    compute(world)
    for deal_id in first:
        ask_buyer(world.a, deal_id, "other")
    reader = client(world.a)
    reader.get(PAGE)

    def queries() -> int:
        with CaptureQueriesContext(connection) as found:
            assert reader.get(PAGE).status_code == 200
        return len(found)

    before = queries()
    more = [lose(world.a, f"More {n}", "competitor") for n in range(8)]
    compute(world)
    for deal_id in more:
        ask_buyer(world.a, deal_id, "competitor", rival=f"Rival {deal_id}")
    assert queries() == before
    assert before == 28


# On the page of the deal -----------------------------------------------------------------------


def test_a_lost_deal_shows_the_buyers_reason_beside_the_reps(world: World) -> None:
    """The newest interview in which the buyer gave a reason; the rep's own stays what it was."""
    deal = lose(world.a, "Two", "competitor", rival="Rival")
    alone = lose(world.a, "Alone", "other")
    at = f"/w/alpha/deals/{deal}/findings/"
    reader = client(world.a, Role.REP)

    def told(address: str = at) -> str:
        answer = reader.get(address, headers=HX)
        assert answer.status_code == 200
        return str(answer.content.decode())

    assert "in two voices" not in told()
    ask_buyer(world.a, deal, "no_decision", words="Nobody signed.", held_on=date(2026, 5, 4))
    ask_buyer(world.a, deal, "", held_on=date(2026, 5, 18))
    html = told()
    assert "in two voices" in html
    assert "Competitor (Rival)" in html
    assert "No decision" in html
    assert "Nobody signed." in html
    assert "They differ" in html
    assert "4 May 2026" in html
    assert "in two voices" not in told(f"/w/alpha/deals/{alone}/findings/")
    with inside(world.a):
        assert Deal.objects.get(pk=deal).lost_reason.level == "competitor"
        review = Review.objects.get(deal_id=deal, buyer_level="no_decision")
    assert f"/w/alpha/reviews/{review.pk}/" in html
