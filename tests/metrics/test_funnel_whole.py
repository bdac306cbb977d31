"""The Funnel page in full: every number leads to its deals, and all surfaces say the same."""

import csv
import io
import re
from datetime import UTC, date, datetime
from decimal import Decimal
from html import unescape

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.actors import Actor
from accounts.models import Company
from accounts.roles import Role
from accounts.tenancy.context import company_context
from metrics.calc.uncertainty import wilson
from metrics.models import DangerPoint, Finding
from metrics.selectors import figures
from metrics.services.recompute import recompute_all
from pipeline import paths
from pipeline.models import Deal, Source
from tests.metrics.builders import at, small_company
from tests.personas import NOW, World, client_of

PAGE = "/w/alpha/funnel/"
LINK = re.compile(r'<a class="behind" href="([^"]*)">([^<]*)</a>')


@pytest.fixture
def manager(classic: World) -> Client:
    return client_of(classic.a.user(Role.MANAGER))


def body(client: Client, **query: str) -> str:
    response = client.get(PAGE, {"q": "2026-Q1", **query})
    assert response.status_code == 200
    return response.content.decode()


def numbers(html: str) -> list[tuple[str, str]]:
    """(address of its deals, number as written) of every number of the page."""
    return [(unescape(href), unescape(text)) for href, text in LINK.findall(html)]


# The classic company --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("unit", "values"),
    [
        ("per100", ["100", "90", "50", "20"]),
        ("deals", ["100", "90", "50", "20"]),
        ("money", ["€10,000", "€40,000", "€30,000", "€20,000"]),
    ],
)
def test_the_classic_company_says_so_in_every_unit(
    manager: Client, unit: str, values: list[str]
) -> None:
    response = manager.get(PAGE, {"q": "2026-Q1", "unit": unit})
    assert [c.value for c in response.context["page"].columns] == values
    for value in values:
        assert f">{value}</a></p>" in response.content.decode()
    file = manager.get(f"{PAGE}chart/funnel.csv", {"q": "2026-Q1", "unit": unit})
    rows = list(csv.DictReader(io.StringIO(file.content.decode("utf-8-sig"))))
    assert [row["cohort_reached"] for row in rows] == ["100", "90", "50", "20"]
    assert [row["cohort_lost"] for row in rows] == ["10", "40", "30", "0"]


@pytest.mark.parametrize(
    "query",
    [{}, {"at": "2"}, {"cohort": "today"}, {"vs": "channel=inbound"}, {"view": "exits"}],
)
def test_every_count_of_the_page_leads_to_that_many_deals(
    manager: Client, query: dict[str, str]
) -> None:
    """In the unit of deals each linked whole number is the length of its list."""
    found = numbers(body(manager, unit="deals", **query))
    assert len(found) > 25
    checked = set()
    for href, text in found:
        digits = re.match(r"([0-9,]+)(?: deals?)?$", text)
        listed = manager.get(href)
        assert listed.status_code == 200
        assert not listed.context["refused"], href
        if digits:
            assert listed.context["page"].total == int(digits[1].replace(",", "")), (href, text)
            checked.add(href)
    assert len(checked) > 12


def test_the_classic_company_says_what_left_each_stage(manager: Client) -> None:
    """10 of 100 lost, 40 of 90, 30 of 50: per 100, as deals, as money, and as a file."""
    for unit, values in (
        ("per100", ["90", "56", "40", "20"]),
        ("deals", ["90", "50", "20", "20"]),
        ("money", ["€10,000", "€40,000", "€30,000", "€20,000"]),
    ):
        query = {"q": "2026-Q1", "view": "exits", "unit": unit}
        response = manager.get(PAGE, query)
        html = response.content.decode()
        assert [c.value for c in response.context["page"].columns] == values
        assert "Not understood" not in html
        assert "Of <strong" in html
        assert "still under way" not in html
        assert '<a href="/w/alpha/funnel/?q=2026-Q1' in html
    file = manager.get(f"{PAGE}chart/funnel.csv", {"q": "2026-Q1", "view": "exits"})
    rows = list(csv.DictReader(io.StringIO(file.content.decode("utf-8-sig"))))
    assert [(r["stage"], r["advanced"], r["lost_at"], r["value_lost"]) for r in rows] == [
        ("Booked", "90", "10", "10000.0"),
        ("Held", "50", "40", "40000.0"),
        ("Coach", "20", "30", "30000.0"),
    ]
    assert [float(r["exit_conversion"]) for r in rows] == [90 / 100, 50 / 90, 20 / 50]
    low, high = wilson(50, 90) or (0, 0)
    assert (float(rows[1]["exit_interval_low"]), float(rows[1]["exit_interval_high"])) == (
        pytest.approx(low),
        pytest.approx(high),
    )


def test_the_views_lead_to_each_other_and_the_list_leads_back(manager: Client) -> None:
    html = unescape(body(manager, view="exits", unit="deals", at="2"))
    assert 'href="/w/alpha/funnel/?q=2026-Q1&unit=deals&at=2"' in html  # the cohort
    assert '&unit=deals&at=2&view=exits" hx-get' in html
    assert '<input type="hidden" name="view" value="exits">' in html  # of the filter form
    lost = next(href for href, _text in numbers(html) if "figure=lost_at&at=2" in href)
    listed = unescape(manager.get(lost).content.decode())
    assert 'href="/w/alpha/funnel/?q=2026-Q1&unit=deals&at=2&view=exits"' in listed
    assert 'href="/w/alpha/funnel/?q=2026-Q1&unit=deals&at=2&view=exits"' in html
    wrong = body(manager, view="other")
    assert "There is no view of that name; the cohort is shown." in wrong
    fixed = body(manager, view="exits", cohort="today")
    assert "Only the cohort changes after the close" in fixed


def test_stages_are_selected_by_their_heading_and_links_are_not_nested(manager: Client) -> None:
    html = body(manager, at="2")
    assert html.count('class="chooses"') == 3
    assert html.count('aria-current="true">Held</a>') == 1
    depth = 0
    for tag in re.findall(r"<a\b|</a>", html):
        depth += 1 if tag == "<a" else -1
        assert depth in (0, 1)


# As of today, and two segments -------------------------------------------------------------------


@pytest.mark.django_db
def test_the_cohort_of_today_is_named_and_counts_what_ended_since() -> None:
    with small_company() as small:
        for n in range(12):
            deal = small.opens(f"2026-01-{10 + n}")
            if n < 6:
                small.moves(deal.deal_id, small.won, "2026-05-02")
        recompute_all(company_id=small.company.pk, now=at("2026-05-03"))
        user = client_for(small.company)
        here = f"/w/{small.company.slug}/funnel/"
        closed = user.get(here, {"q": "2026-Q1"})
        assert [c.reached for c in closed.context["page"].columns] == [12, 0, 0]
        assert "Unfinished: " in closed.content.decode()
        assert "As it stood at its close" in closed.content.decode()
        today = user.get(here, {"q": "2026-Q1", "cohort": "today"})
        assert [c.reached for c in today.context["page"].columns] == [12, 6, 6]
        assert "The cohort as of today" in today.content.decode()
        assert "cohort=today" in today.context["page"].columns[-1].value_href
        running = user.get(here, {"q": "2026-Q2", "cohort": "today"})
        assert "As of today" not in running.content.decode()


def client_for(company: Company) -> Client:
    from accounts.services.companies import add_member
    from tests.personas import make_user

    user = make_user(f"manager@{company.slug}.example")
    add_member(company=company, user=user, role=Role.MANAGER, by=Actor.product("test"), now=NOW)
    return client_of(user)


def test_two_segments_side_by_side_swap_and_close(manager: Client) -> None:
    response = manager.get(
        PAGE, {"q": "2026-Q1", "seg": "channel=inbound", "vs": "all", "unit": "deals"}
    )
    versus = response.context["page"].versus
    assert (versus.first, versus.second) == ("Inbound", "All deals")
    assert [stage.name for stage in versus.stages] == ["Booked", "Held", "Coach"]
    reached = versus.stages[0].rows[0]
    assert (reached.first.text, reached.difference) == ("100 (100 of 100)", "0.0 pts")
    html = unescape(response.content.decode())
    assert "seg=channel%3Dinbound" not in html.split("Swap")[0].rsplit("href=", 1)[1]
    assert "vs=channel%3Dinbound" in html
    empty = manager.get(PAGE, {"q": "2026-Q1", "vs": "channel=outbound"})
    assert "Outbound has no deal in Q1 2026." in empty.content.decode()
    for wrong in ("channel", "all", "a=b", "channel=inbound&product=x&rep=y"):
        notices = manager.get(PAGE, {"q": "2026-Q1", "vs": wrong}).content.decode()
        assert "compare" in notices


# What the team knows and does --------------------------------------------------------------------


def test_findings_gaps_and_the_danger_point_of_the_selected_stage(
    classic: World, manager: Client
) -> None:
    a = classic.a
    assert "Nothing is known here yet" in body(manager, at="3")
    assert "Open a danger point" in body(manager, at="3")
    with company_context(a.company.pk):
        for n in range(4):
            Finding.objects.create(
                source="call_review", pipeline=a.pipeline, stage=a.stages["Coach"],
                statement=f"Price before reason {n}", severity="high", learned_on=NOW.date(),
                recorded_at=NOW, author=a.user(Role.MANAGER),
            )  # fmt: skip
        point = DangerPoint.objects.create(
            pipeline=a.pipeline, stage=a.stages["Coach"], opened_quarter="2026-Q1", opened_at=NOW,
            owner=a.user(Role.MANAGER), due_on=date(2026, 9, 4), state="working",
        )  # fmt: skip
    html = body(manager, at="3")
    assert html.count("Price before reason") == 3
    assert "Show 1 more finding" in html
    held = a.stages["Coach"].pk
    assert f'<a href="/w/alpha/findings/?stage={held}">4 findings</a>, 0 deals.' in html
    assert "Worked on by" in html
    assert f"/w/alpha/danger-points/{point.pk}/" in html
    assert "Where you have looked" in html
    # Withdrawn, they are gone at once: nothing stale is handed out.
    with company_context(a.company.pk):
        Finding.objects.update(withdrawn_at=NOW)
    assert "Nothing is known here yet" in body(manager, at="3")


def test_leadership_reads_and_is_offered_nothing_to_change(classic: World) -> None:
    leader = client_of(classic.a.user(Role.LEADER))
    html = body(leader, at="3")
    for word in ("Add finding", "Open a danger point", "Record a change"):
        assert word not in html
    # What a manager sees is not remembered for a leader, nor the other way round.
    assert "Record a change" in body(client_of(classic.a.user(Role.MANAGER)), at="3")
    assert "Record a change" not in body(leader, at="3")


def test_a_changed_figure_shows_at_once(classic: World, manager: Client) -> None:
    assert ">100</a></p>" in body(manager, unit="deals")
    with company_context(classic.a.company.pk):
        lost = Deal.objects.filter(name="Classic 0").get()
        lost.path, lost.opened_on = b"", None
        lost.save(update_fields=["path", "opened_on"])
    recompute_all(company_id=classic.a.company.pk, now=NOW)
    assert ">99</a></p>" in body(manager, unit="deals")


# Queries -----------------------------------------------------------------------------------------


def _fill(small: object, count: int) -> None:
    """So many deals opened in the first quarter; half of them lost, half got past the stage."""
    opened = datetime(2026, 1, 5, 9, tzinfo=UTC)
    closed = datetime(2026, 2, 9, 9, tzinfo=UTC)
    template = Deal.objects.order_by("pk").first()
    assert template is not None
    outbound, _made = Source.objects.get_or_create(name="Cold calls", channel="outbound")
    rows = []
    for n in range(count):
        last = small.lost if n % 2 else small.won  # type: ignore[attr-defined]
        rows.append(
            Deal(
                pipeline_id=template.pipeline_id, name=f"Filled {n}",
                customer_id=template.customer_id, rep_id=template.rep_id,
                source_id=outbound.pk if n % 3 else template.source_id,
                amount=Decimal(100), currency="EUR",
                stage_id=last, outcome="lost" if n % 2 else "won", opened_on=opened.date(),
                closed_on=closed.date(), stage_entered_on=closed.date(),
                path=paths.pack([
                    paths.Row(1, small.booked, opened, opened.date()),  # type: ignore[attr-defined]
                    paths.Row(2, last, closed, closed.date()),
                ]),
            )
        )  # fmt: skip
    Deal.objects.bulk_create(rows)


# Each form of the page: how many queries its first reader asks, and the next one.
PINNED = {
    "": (24, 15),
    "?q=2026-Q1": (24, 15),
    "?q=2026-Q1&view=exits": (24, 15),
    "?q=2026-Q1&unit=money&at=1": (24, 15),
    "?q=2026-Q1&seg=channel%3Dinbound": (24, 15),
    "?q=2026-Q1&seg=channel%3Dinbound&vs=channel%3Doutbound": (24, 15),
    # Read from the deals themselves, each time.
    "?q=2026-Q1&cohort=today": (37, 36),
    "?q=2026-Q1&seg=channel%3Dinbound&vs=channel%3Doutbound&cohort=today": (51, 50),
    "reasons/?q=2026-Q1&at=1": (31, 31),
    "reasons/?q=2026-Q1&seg=channel%3Dinbound&at=1": (31, 31),
    "deals/?q=2026-Q1&figure=lost_at&at=1": (27, 27),
    "chart/conversion.csv?q=2026-Q1": (20, 19),
}


@pytest.mark.django_db
def test_ten_deals_and_a_thousand_ask_the_same_questions() -> None:
    with small_company() as small:
        small.opens("2026-01-02")
        user = client_for(small.company)
        here = f"/w/{small.company.slug}/funnel/"
        user.get(here)  # the session and the like are warm
        asked: list[dict[str, tuple[int, int]]] = []
        for count in (10, 990):
            _fill(small, count)
            recompute_all(company_id=small.company.pk, now=at("2026-05-03"))
            page = user.get(here, {"q": "2026-Q1"}).context["page"]
            assert page.columns[0].reached == {10: 11, 990: 1001}[count]
            cache.clear()
            figures._remembered.clear()
            asked.append({})
            for query in PINNED:
                with CaptureQueriesContext(connection) as first:
                    assert user.get(here + query).status_code == 200, query
                with CaptureQueriesContext(connection) as again:
                    user.get(here + query)
                asked[-1][query] = len(first), len(again)
                figures._remembered.clear()
        assert asked[0] == asked[1]
        assert asked[0] == PINNED
