"""The pages of the quarters, asked as a browser asks: all of them, and one as it was."""

import csv
import io
import re
from datetime import UTC, date, datetime, timedelta
from html import unescape

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.roles import Role
from accounts.services.companies import add_member
from accounts.tenancy.context import company_context
from metrics.models import SignOff, Snapshot
from metrics.services.recompute import recompute_all
from tests.metrics.builders import BY, at, small_company
from tests.metrics.quarter_rows import LATER, close_books, lose, slow_deal, sweep
from tests.personas import CANARY, World, client_of, make_user

PAGE = "/w/alpha/quarters/"
Q1 = f"{PAGE}2026-Q1/"


@pytest.fixture
def manager(computed: World) -> Client:
    return client_of(computed.a.user(Role.MANAGER))


@pytest.fixture
def restated(world: World) -> World:
    """Company A, of which Q1 2026 was restated by a loss that was entered late."""
    deal = slow_deal(world.a)
    close_books(world.a)
    lose(world.a, deal, "2026-03-20")
    sweep(world.a)
    return world


def test_every_quarter_is_a_row_the_newest_first(manager: Client) -> None:
    response = manager.get(PAGE)
    assert response.status_code == 200
    page = response.context["page"]
    assert [row.label for row in page.rows] == ["2026-Q2", "2026-Q1", "2025-Q4"]
    assert [b.text for b in page.rows[0].badges] == ["Running"]
    assert [b.text for b in page.rows[1].badges] == ["Final", "Imported"]
    body = response.content.decode()
    assert CANARY not in body
    assert "no cost of acquisition here" in body


def test_the_cells_are_the_figures_of_the_velocity_page(manager: Client) -> None:
    row = next(r for r in manager.get(PAGE).context["page"].rows if r.label == "2026-Q2")
    velocity = manager.get("/w/alpha/velocity/", {"q": "2026-Q2"}).context["page"]
    cells = row.lines[0].cells
    assert cells[0] == velocity.hero.value
    assert [cells[1], cells[2], cells[3], cells[4]] == [cell.value for cell in velocity.levers]


def test_two_segments_stand_side_by_side(manager: Client) -> None:
    response = manager.get(PAGE, {"seg": "channel=inbound", "vs": "channel=outbound"})
    page = response.context["page"]
    assert page.segments == ("Inbound", "Outbound")
    assert [line.segment for line in page.rows[0].lines] == ["Inbound", "Outbound"]
    assert all(len(one.beside) == len(one.values) == 3 for one in page.multiples)
    assert '<i class="c4"></i>Outbound' in response.content.decode()


def test_there_is_a_small_multiple_for_every_figure_and_stage(manager: Client) -> None:
    page = manager.get(PAGE).context["page"]
    assert [one.title for one in page.multiples] == [
        "Velocity a day",
        "Number of deals",
        "Win rate",
        "Average deal",
        "Cycle in days",
        "Went on from Booked",
        "Went on from Held",
        "Went on from Coach",
    ]
    assert page.running == (False, False, True)


def test_the_file_has_numbers_with_all_their_digits(manager: Client) -> None:
    response = manager.get(f"{PAGE}quarters.csv")
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(response.content.decode("utf-8-sig"))))
    assert [r["quarter"] for r in rows] == ["2026-Q2", "2026-Q1", "2025-Q4"]
    shown = manager.get("/w/alpha/velocity/", {"q": "2026-Q2"}).context["page"].trend[-1]
    assert float(rows[0]["velocity"]) == shown.velocity
    assert rows[0]["first_day"] == "2026-04-01"
    assert rows[0]["status"] == "running"
    assert int(rows[0]["won"]) + int(rows[0]["lost"]) == int(rows[0]["closed"])
    assert "2 Held: conversion" in rows[0]


def test_a_company_without_deals_has_an_empty_state(quiet_world: World) -> None:
    client = client_of(quiet_world.a.user(Role.OWNER))
    assert "No quarter yet" in client.get(PAGE).content.decode()
    assert "It takes two quarters" in client.get(f"{PAGE}compare/").content.decode()
    assert client.get(f"{PAGE}quarters.csv").status_code == 200


def test_a_segment_without_deals_gets_a_sentence(manager: Client) -> None:
    body = manager.get(PAGE, {"seg": "product=Nothing"}).content.decode()
    assert "Nothing has no deal in any quarter." in body


@pytest.mark.parametrize("label", ["2031-Q1", "FY2026-Q1", "nothing"])
@pytest.mark.parametrize("page", ["", "restatements/"])
def test_a_quarter_that_nobody_has_is_missing(manager: Client, label: str, page: str) -> None:
    response = manager.get(f"{PAGE}{label}/{page}")
    assert response.status_code == 404
    assert "There is no quarter called" in response.content.decode()


@pytest.mark.parametrize("role", list(Role))
def test_every_role_reads_the_quarters(computed: World, role: Role) -> None:
    client = client_of(computed.a.user(role))
    for page in (PAGE, Q1, f"{Q1}restatements/", f"{PAGE}compare/", f"{PAGE}quarters.csv"):
        assert client.get(page).status_code == 200


def test_a_filter_swaps_a_fragment_of_the_same_page(manager: Client) -> None:
    for page in (PAGE, Q1, f"{Q1}restatements/", f"{PAGE}compare/"):
        body = manager.get(page, headers={"HX-Request": "true"}).content.decode()
        assert "<html" not in body
        assert body.strip().startswith('<div class="stack" id="page">')


def test_one_quarter_shows_what_was_stored_and_what_it_rests_on(manager: Client) -> None:
    response = manager.get(Q1)
    page, standing = response.context["page"], response.context["standing"]
    assert page.velocity or page.reason
    assert [s.name for s in page.stages] == ["Booked", "Held", "Coach"]
    assert {"Time zone", "Number of deals", "Stages"} <= {term.name for term in standing.terms}
    assert [v.name for v in standing.versions] == ["As first reported"]
    assert standing.signed is None
    body = response.content.decode()
    for link in ("/w/alpha/velocity/?q=2026-Q1", "/w/alpha/funnel/?q=2026-Q1"):
        assert link in body
    assert 'href="/w/alpha/quarters/2025-Q4/"' in body
    assert 'href="/w/alpha/quarters/2026-Q2/"' in body


def test_each_version_opens_as_it_was(restated: World) -> None:
    client = client_of(restated.a.user(Role.LEADER))
    now, first = client.get(Q1).context, client.get(Q1, {"v": "1"}).context
    lost = {
        name: int(next(f.figure for f in context["page"].bridge if f.term == "Lost")[1:] or 0)
        for name, context in (("now", now), ("first", first))
    }
    assert lost["now"] == lost["first"] + 1
    assert now["standing"].older == ""
    assert "restated since" in first["standing"].older
    assert [v.name for v in now["standing"].versions] == ["Restatement 1", "As first reported"]
    assert now["standing"].versions[0].who == "Manager"
    again = client.get(Q1, {"v": "7"})
    assert again.context["notice"].startswith("This quarter has no such version")
    assert again.context["page"] == now["page"]


def test_a_restated_quarter_says_so_and_leads_to_what_changed(restated: World) -> None:
    response = client_of(restated.a.user(Role.MANAGER)).get(PAGE)
    row = next(r for r in response.context["page"].rows if r.label == "2026-Q1")
    badge = next(b for b in row.badges if b.leads_to == "restatements")
    assert re.fullmatch(r"Restated 21 May( 2026)?: [0-9]+ figures", badge.text)
    assert 'href="/w/alpha/quarters/2026-Q1/restatements/"' in response.content.decode()
    outbound = client_of(restated.a.user(Role.MANAGER)).get(PAGE, {"seg": "channel=outbound"})
    row = next(r for r in outbound.context["page"].rows if r.label == "2026-Q1")
    assert any("not these deals" in badge.text for badge in row.badges)


def test_a_signature_shows_and_says_when_it_is_older_than_the_figures(restated: World) -> None:
    manager, leader = restated.a.user(Role.MANAGER), restated.a.user(Role.OWNER)
    with company_context(restated.a.company.pk):
        signed = SignOff.objects.create(
            pipeline=restated.a.pipeline,
            quarter_start=date(2026, 1, 1),
            quarter_label="2026-Q1",
            kind="signed",
            versions={"all": 1},
            digest="0" * 64,
            comment="Checked with finance",
            at=LATER - timedelta(hours=1),
            by=manager,
            by_label=manager.name,
        )
        SignOff.objects.create(
            pipeline=restated.a.pipeline,
            quarter_start=date(2026, 1, 1),
            quarter_label="2026-Q1",
            kind="countersigned",
            countersigns=signed,
            versions={"all": 1},
            digest="0" * 64,
            at=LATER,
            by=leader,
            by_label=leader.name,
        )
    client = client_of(manager)
    body = client.get(Q1).content.decode()
    assert "Signed by Manager on 21 May 2026" in body
    assert "Countersigned by Owner on 21 May 2026" in body
    assert "Checked with finance" in body
    assert "It was restated after it was signed." in body
    row = next(r for r in client.get(PAGE).context["page"].rows if r.label == "2026-Q1")
    assert row.badges[-1].text == "Signed by Manager, restated since"


def test_every_link_of_the_pages_leads_somewhere(restated: World) -> None:
    client = client_of(restated.a.user(Role.MANAGER))
    seen = set()
    for page in (PAGE, Q1, f"{Q1}restatements/", f"{PAGE}compare/?a=2026-Q1&b=2026-Q2"):
        body = client.get(page).content.decode().split("<main", 1)[1]
        for href in re.findall(r'href="([^"#]+)"', body):
            link = unescape(href)
            if link.startswith("/w/") and link not in seen:
                seen.add(link)
                assert client.get(link).status_code == 200, link
    assert len(seen) > 20


@pytest.mark.django_db
def test_forty_quarters_ask_no_more_than_four() -> None:
    asked = []
    for slug, quarters in (("four", 4), ("forty", 40)):
        with small_company(slug) as small:
            first = datetime(2026, 5, 1, tzinfo=UTC) - timedelta(days=91 * quarters)
            for place in range(quarters):
                day = (first + timedelta(days=91 * place + 40)).date()
                deal = small.opens(day.isoformat(), now="2026-05-01")
                later = (day + timedelta(days=20)).isoformat()
                small.moves(deal.deal_id, small.won if place % 2 else small.lost, later,
                            now="2026-05-01")  # fmt: skip
            recompute_all(company_id=small.company.pk, now=at("2026-05-01T13:00"))
            user = make_user(f"reader@{slug}.example")
            add_member(
                company=small.company, user=user, role=Role.LEADER, by=BY, now=at("2026-05-01")
            )
            count = Snapshot.objects.filter(segment="all").count()
        assert count >= quarters
        client = client_of(user)
        counts = []
        for page in ("", "quarters.csv", "compare/", "2026-Q1/", "2026-Q1/restatements/"):
            client.get(f"/w/{slug}/quarters/{page}")
            with CaptureQueriesContext(connection) as queries:
                assert client.get(f"/w/{slug}/quarters/{page}").status_code == 200
            counts.append(len(queries))
        asked.append(counts)
    assert asked[0] == asked[1]
    assert max(asked[0]) <= 30
