"""The board: what it shows, in how many queries, to whom."""

import gzip
import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.roles import Role
from accounts.tenancy.context import company_context
from pipeline.models import Deal, ExchangeRate, Pipeline, SavedSegment, Stage
from pipeline.selectors.deal_rows import FIELDS, DealRow, rows_by_id
from tests.personas import CANARY, NOW, World, client_of
from tests.pipeline.pages.deals import (
    BOARD,
    HX,
    add_open_deals,
    change,
    client,
    days_ago,
)

pytestmark = pytest.mark.usefixtures("clock_stands")


def body(world: World, query: str = "", role: Role = Role.REP, **headers: str) -> str:
    response = client(world.a, role).get(BOARD + query, headers=headers)
    assert response.status_code == 200
    return response.content.decode()


def column(html: str, stage: Stage) -> str:
    """The markup of one stage's column."""
    found = re.search(rf'<section class="column" id="column-{stage.pk}".*?</section>', html, re.S)
    assert found, stage.name
    return found[0]


def cards(html: str) -> list[str]:
    """The names on the cards, in their order."""
    return re.findall(r"<h3><a href=[^>]*>([^<]*)</a></h3>", html)


def figures(html: str) -> dict[str, str]:
    return dict(re.findall(r'<dt>([^<]*)</dt><dd class="num">([^<]*)</dd>', html))


def test_columns_hold_their_deals_with_sum_and_usual_days(world: World) -> None:
    with company_context(world.a.company.pk):
        Stage.objects.filter(pk=world.a.stages["Held"].pk).update(usual_days=10)
    html = body(world)
    held, booked = (column(html, world.a.stages[name]) for name in ("Held", "Booked"))
    assert cards(held) == ["open"]
    assert cards(booked) == ["new"]
    assert "€5,000 · usual 10 days" in held
    assert "€6,000" in booked
    assert "usual" not in booked.split("</header>")[0]
    assert figures(html)["Open deals"] == "2"
    assert figures(html)["Open value"] == "€11,000"
    assert CANARY not in html


def test_a_card_says_who_what_how_long_and_what_next(world: World) -> None:
    with company_context(world.a.company.pk):
        Stage.objects.filter(pk=world.a.stages["Held"].pk).update(usual_days=10)
    change(world.a, "new", next_step="Call the buyer", next_step_on=days_ago(-2))
    html = body(world)
    open_ = column(html, world.a.stages["Held"])
    assert "Acme · Website" in open_
    assert "18 d, usual 10" in open_  # entered two days after its opening twenty days ago
    assert 'class="tag danger"' in open_
    assert "No next step" in open_
    assert ">BE</span>" in open_  # Ben, who has one name
    new = column(html, world.a.stages["Booked"])
    assert "Call the buyer · 22 May" in new
    assert "No next step" not in new
    assert ">3 d</span>" in new


@pytest.mark.parametrize(("days", "tone"), [(12, ""), (13, "watch"), (17, "watch"), (18, "danger")])
def test_lateness_begins_past_one_and_a_quarter(days: int, tone: str, world: World) -> None:
    with company_context(world.a.company.pk):
        Stage.objects.filter(pk=world.a.stages["Held"].pk).update(usual_days=10)
    change(world.a, "open", stage_entered_on=days_ago(days))
    html = body(world)
    held = column(html, world.a.stages["Held"])
    assert (f'class="tag {tone}"' in held if tone else f">{days} d</span>" in held) is True
    assert figures(html)["Past usual time"] == ("1 of 2" if tone else "0 of 2")
    assert ("open" in cards(body(world, "?late=1"))) is bool(tone)


def test_a_step_past_its_day_is_marked(world: World) -> None:
    change(world.a, "open", next_step="Send the offer", next_step_on=days_ago(3))
    change(world.a, "new", next_step="", next_step_on=days_ago(0))
    html = body(world)
    held = column(html, world.a.stages["Held"])
    assert "Send the offer · was due 17 May" in held
    assert 'class="tag watch"' in held
    assert ">today</span>" in column(html, world.a.stages["Booked"])
    assert set(cards(body(world, "?step=due"))) == {"open", "new"}


def test_rows_by_id_are_those_of_the_list_and_nobody_elses(world: World) -> None:
    with company_context(world.b.company.pk):
        theirs = list(Deal.objects.values_list("pk", flat=True))
    with company_context(world.a.company.pk):
        add_open_deals(world.a, 3)
        listed = {row[0]: DealRow._make(row) for row in Deal.objects.values_list(*FIELDS)}
        assert len(listed) > 3
        assert rows_by_id([*listed, *theirs]) == listed
    assert theirs


def test_order_is_time_in_the_stage_or_the_next_step(world: World) -> None:
    older = add_open_deals(world.a, 1, stage_entered_on=days_ago(50))
    html = body(world)
    assert cards(column(html, world.a.stages["Booked"])) == [older[0].name, "new"]
    assert "longest in its stage stands first" in html
    change(world.a, "new", next_step="Call", next_step_on=days_ago(1))
    html = body(world, "?order=step")
    assert cards(column(html, world.a.stages["Booked"])) == ["new", older[0].name]
    assert "due first stands first" in html


def test_fifty_cards_and_then_more(world: World) -> None:
    add_open_deals(world.a, 69)  # and "new": seventy in all
    stage = world.a.stages["Booked"]
    html = column(body(world), stage)
    assert len(cards(html)) == 50
    assert "Show 20 more" in html
    assert '<span class="num">70</span>' in html
    link = f"?more={stage.pk}-100#column-{stage.pk}"
    assert f'href="{BOARD}{link}"' in html
    more = column(body(world, f"?more={stage.pk}-100"), stage)
    assert len(cards(more)) == 70
    assert "data-more" not in more
    fragment = client(world.a).get(f"{BOARD}column/{stage.pk}/?more={stage.pk}-100", headers=HX)
    assert fragment.status_code == 200
    assert len(cards(fragment.content.decode())) == 70
    assert b"<html" not in fragment.content
    plain = client(world.a).get(f"{BOARD}column/{stage.pk}/?more={stage.pk}-100")
    assert (plain.status_code, plain["Location"]) == (302, f"{BOARD}?more={stage.pk}-100")


@pytest.mark.parametrize(
    "more", ["x", "1-", "-5", "9" * 30 + "-100", "1-99999999999999999", "²-100"]
)
def test_nonsense_asks_for_no_more(more: str, world: World) -> None:
    assert len(cards(body(world, f"?more={more}"))) == 2


def test_a_neighbours_column_is_as_missing(world: World) -> None:
    answers = [
        client(world.a).get(f"{BOARD}column/{pk}/", headers=HX)
        for pk in (world.b.stages["Booked"].pk, 999_999_999)
    ]
    assert [a.status_code for a in answers] == [404, 404]
    assert answers[0].content == answers[1].content


def test_as_many_queries_for_a_thousand_deals_as_for_one_hundred(world: World) -> None:
    counts, sizes = [], []
    browser = client(world.a)
    for stage in ("Booked", "Held", "Coach"):
        add_open_deals(world.a, 35, stage=stage)
    for _round in range(2):
        browser.get(BOARD)
        with CaptureQueriesContext(connection) as captured:
            response = browser.get(BOARD)
        counts.append(len(captured))
        sizes.append(len(gzip.compress(response.content, 6)))
        for stage in ("Booked", "Held", "Coach"):
            add_open_deals(world.a, 300, stage=stage)
    assert counts == [19, 19]
    assert sizes[1] < 120_000


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("?rep={Ben}", {"open"}),
        ("?rep=me", {"new"}),
        ("?rep=none", set()),
        ("?team={team}", {"open", "new"}),
        ("?source={Calls}", set()),
        ("?source={Website}", {"open", "new"}),
        ("?channel=inbound", {"open", "new"}),
        ("?channel=outbound", set()),
        ("?channel=none", set()),
        ("?product=none", {"open", "new"}),
        ("?min=5500", {"new"}),
        ("?max=5500", {"open"}),
        ("?min=9000&max=5500", {"new"}),  # turned round: from 5,500 to 9,000
        ("?text=NE", {"new"}),
        ("?text=acme", {"open", "new"}),
        ("?text=100%25", set()),
        ("?step=none", {"open", "new"}),
    ],
)
def test_filters_stand_in_the_address(query: str, names: set[str], world: World) -> None:
    ids = {
        "Ben": world.a.reps["Ben"].pk,
        "team": world.a.reps["Ben"].team_id,
        "Calls": world.a.sources["Calls"].pk,
        "Website": world.a.sources["Website"].pk,
    }
    html = body(world, query.format(**ids))
    assert set(cards(html)) == names
    if not names:
        assert "No open deal matches these filters." in html


def test_what_a_form_sent_empty_leaves_the_address(world: World) -> None:
    response = client(world.a).get(f"{BOARD}?text=&rep=me&min=&max=")
    assert (response.status_code, response["Location"]) == (302, f"{BOARD}?rep=me")
    response = client(world.a).get(f"{BOARD}list/?text=&sort=name")
    assert (response.status_code, response["Location"]) == (302, f"{BOARD}list/?sort=name")


def test_what_is_not_understood_is_dropped_with_a_notice(world: World) -> None:
    theirs = world.b.reps["Ada"].pk
    html = body(world, f"?rep={theirs}&colour=red&min=much&channel=sideways&since=never")
    assert set(cards(html)) == {"open", "new"}
    assert "left out: colour" in html
    for value in (str(theirs), "much", "sideways", "never"):
        assert f"“{value}”" in html
    assert CANARY not in html
    assert body(world, "?text=%00%ED%A0%80<script>").count("<script>") == 0


def test_closed_deals_are_counted_at_the_side_and_are_in_the_list(world: World) -> None:
    html = body(world, "?text=late&state=won&late=1")
    assert "The board shows open deals." in html
    folded = re.findall(r'<a class="column fold" href="([^"]*)".*?<span class="num">(\d+)', html)
    assert [count for _href, count in folded] == ["1", "1"]
    listed = client(world.a).get(folded[0][0].replace("&amp;", "&")).content.decode()
    assert "won late" in listed
    assert "won early" not in listed


def test_other_currencies_are_converted_at_the_rate_of_the_month(world: World) -> None:
    change(world.a, "new", currency="USD", amount=Decimal(1000))
    change(world.a, "open", currency="JPY", amount=Decimal(7777))
    with company_context(world.a.company.pk):
        ExchangeRate.objects.create(currency="USD", month=NOW.date().replace(day=1), rate="0.5")
        ExchangeRate.objects.create(
            currency="JPY", month=NOW.date().replace(day=1, month=4), rate="0.01"
        )
    html = body(world)
    assert figures(html)["Open value"] == "€500"
    held = column(html, world.a.stages["Held"])
    assert "1 left out: no exchange rate" in held
    assert "No amounts yet" in held
    assert "$1,000" in html or "US$1,000" in html


def test_deals_without_an_amount_are_said_beside_the_sum(world: World) -> None:
    change(world.a, "new", amount=None)
    html = body(world)
    booked = column(html, world.a.stages["Booked"])
    assert "No amount</span>" in booked
    assert "1 without an amount" in booked
    assert figures(html)["Open value"] == "€5,000"


def test_several_pipelines_are_switched_between(world: World) -> None:
    with company_context(world.a.company.pk):
        other = Pipeline.objects.create(name="Renewals", position=2)
        Stage.objects.create(pipeline=other, name="Due", kind="open", position=1)
    html = body(world)
    assert f'href="{BOARD}?pipeline={other.pk}"' in html
    assert set(cards(html)) == {"open", "new"}
    html = body(world, f"?pipeline={other.pk}")
    assert cards(html) == []
    assert ">Due <" in html
    assert "€0" in html
    theirs = body(world, f"?pipeline={world.b.pipeline.pk}")
    assert set(cards(theirs)) == {"open", "new"}
    assert "There is no pipeline" in theirs


def test_a_company_without_a_pipeline_is_told_so(quiet_world: World) -> None:
    with company_context(quiet_world.a.company.pk):
        Stage.objects.all().delete()
        Pipeline.objects.all().delete()
    assert "No pipeline yet" in body(quiet_world)
    assert client(quiet_world.a).get(f"{BOARD}list/").status_code == 200
    assert client(quiet_world.a).get(f"{BOARD}list/deals.csv").status_code == 404


def test_a_reader_sees_the_board_without_anything_to_move(world: World) -> None:
    html = body(world, role=Role.LEADER)
    assert set(cards(html)) == {"open", "new"}
    assert "/move/" not in html
    assert "data-fixed" in html
    assert "Save filter" not in body(world, "?min=10", role=Role.LEADER)


def test_htmx_gets_the_fragment_and_a_page_is_whole(world: World) -> None:
    whole, fragment = body(world), body(world, **{"HX-Request": "true"})
    assert whole.count("<h1>") == 1
    assert "<html" not in fragment
    assert fragment.lstrip().startswith('<div class="stack" id="page">')


def test_texts_of_deals_are_texts(world: World) -> None:
    name = "<script>alert(1)</script> {id} {{ card.name }} %(deal)s \"' مرحبا 🎉"
    change(world.a, "new", name=name, next_step="{0} <b>&")
    with company_context(world.a.company.pk):
        Stage.objects.filter(pk=world.a.stages["Coach"].pk).update(name="{Coach} <i>")
    html = body(world)
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt; {id} {{ card.name }}" in html
    assert "مرحبا 🎉" in html
    assert "{0} &lt;b&gt;&amp;" in html
    assert "{Coach} &lt;i&gt;" in html


def test_saved_segments_are_chips_with_counts(world: World) -> None:
    with company_context(world.a.company.pk):
        for name, query, role, shared in (
            ("Big ones", "min=5500", Role.REP, False),
            ("Theirs, shared", "text=acme", Role.MANAGER, True),
            ("Theirs, own", "late=1", Role.MANAGER, False),
            ("Of nobody any more", f"rep={world.b.reps['Ada'].pk}", Role.REP, False),
        ):
            SavedSegment.objects.create(
                name=name,
                query=query,
                membership=world.a.members[role],
                shared=shared,
                created_at=NOW,
            )
    html = body(world)
    chips = dict(
        re.findall(
            r'<a class="chip"[^>]*><span class="cut">([^<]*)</span>'
            r'(?:<strong class="num">(\d+)</strong>)?',
            html,
        )
    )
    assert chips["Big ones"] == "1"
    assert chips["Theirs, shared"] == "2"
    assert "Theirs, own" not in chips
    assert "Of nobody any more" in chips
    assert chips["No next step"] == "2"
    assert "Mine" in chips
    current = re.search(r'<a class="chip"[^>]*aria-current="true"[^>]*>.*?</span>', html)
    assert current
    assert "All open" in current[0]


def test_days_are_those_of_the_company(world: World) -> None:
    """A deal entered its stage yesterday where the company is, though not yet in UTC."""
    with company_context(world.a.company.pk):
        world.a.company.timezone = "Pacific/Kiritimati"
        world.a.company.save()
    change(world.a, "new", stage_entered_on=(NOW + timedelta(hours=14)).date() - timedelta(days=1))
    assert ">1 d</span>" in column(body(world), world.a.stages["Booked"])


def test_who_is_no_member_gets_404(world: World) -> None:
    for user in (world.stranger, world.removed, world.b.user(Role.OWNER)):
        assert client_of(user).get(BOARD).status_code == 404
