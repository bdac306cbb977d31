"""The Velocity page and its charts, asked as a browser asks."""

import csv
import io
from xml.etree import ElementTree

import pytest
from django.test import Client

from accounts.roles import Role
from tests.personas import CANARY, World, client_of

PAGE = "/w/alpha/velocity/"


@pytest.fixture
def manager(computed: World) -> Client:
    return client_of(computed.a.user(Role.MANAGER))


def test_the_newest_quarter_is_shown_first(manager: Client) -> None:
    response = manager.get(PAGE)
    assert response.status_code == 200
    body = response.content.decode()
    assert "<h1>Sales velocity</h1>" in body
    assert "Q2 2026" in response.context["filters"].quarter
    assert response.context["page"].hero.status == "Running"
    assert CANARY not in body


def test_an_older_quarter_by_its_name(manager: Client) -> None:
    response = manager.get(PAGE, {"q": "2026-Q1"})
    assert response.context["page"].hero.title == "Velocity, Q1 2026"
    assert "Q1 2026" in response.context["filters"].quarter


def test_a_segment_by_its_name_or_its_parts(manager: Client) -> None:
    whole = manager.get(PAGE, {"seg": "channel=inbound"})
    parts = manager.get(PAGE, {"channel": "inbound", "product": ""})
    assert whole.context["page"] == parts.context["page"]
    assert whole.context["page"] != manager.get(PAGE).context["page"]
    assert whole.context["filters"].segment == "Inbound"


def test_a_filter_swaps_a_fragment_of_the_same_page(manager: Client) -> None:
    whole = manager.get(PAGE, {"q": "2026-Q1"}).content.decode()
    fragment = manager.get(PAGE, {"q": "2026-Q1"}, headers={"HX-Request": "true"})
    assert "HX-Request" in fragment["Vary"]
    body = fragment.content.decode()
    assert "<html" not in body
    assert body.strip().startswith('<div class="stack" id="page">')
    assert "<html" in whole
    assert 'id="page"' in whole


def test_a_history_restore_gets_the_whole_page(manager: Client) -> None:
    headers = {"HX-Request": "true", "HX-History-Restore-Request": "true"}
    assert "<html" in manager.get(PAGE, headers=headers).content.decode()


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"q": "2031-Q1"}, "There is no quarter called 2031-Q1"),
        ({"q": "<script>"}, "There is no quarter called &lt;script&gt;"),
        ({"seg": "product=Nothing"}, "Nothing has no deal in Q2 2026."),
        ({"seg": "channel=carrier pigeon"}, "carrier pigeon has no deal in Q2 2026."),
        ({"utm_source": "mail"}, "Not understood in the address, so left out: utm_source."),
        ({"channel": "inbound", "rep": "Ada", "team": "x"}, "at most two filters"),
    ],
)
def test_what_is_asked_wrongly_gets_a_sentence(
    manager: Client, query: dict[str, str], said: str
) -> None:
    response = manager.get(PAGE, query)
    assert response.status_code == 200
    assert said in response.content.decode()


def test_a_company_without_deals_has_an_empty_state(quiet_world: World) -> None:
    client = client_of(quiet_world.a.user(Role.OWNER))
    for page in (PAGE, "/w/alpha/funnel/"):
        response = client.get(page)
        assert response.status_code == 200
        assert "No quarter yet" in response.content.decode()


def test_names_of_figures_lead_to_their_definitions(manager: Client) -> None:
    body = manager.get(PAGE).content.decode()
    for anchor in ("velocity", "win-rate", "average-deal-size", "cycle", "levers", "danger-points"):
        assert f'href="/w/alpha/definitions/#{anchor}"' in body


def test_the_trend_as_csv(manager: Client) -> None:
    response = manager.get(f"{PAGE}chart/trend.csv", {"q": "2026-Q2"})
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert 'filename="alpha-2026-Q2-trend.csv"' in response["Content-Disposition"]
    rows = list(csv.DictReader(io.StringIO(response.content.decode("utf-8-sig"))))
    assert [r["quarter"] for r in rows][-1] == "2026-Q2"
    page = manager.get(PAGE, {"q": "2026-Q2"}).context["page"]
    shown = page.trend[-1].velocity
    assert rows[-1]["velocity_per_day"] == ("" if shown is None else repr(shown))


def test_the_trend_as_svg(manager: Client) -> None:
    response = manager.get(f"{PAGE}chart/trend.svg")
    assert response["Content-Type"] == "image/svg+xml; charset=utf-8"
    ElementTree.fromstring(response.content)


@pytest.mark.parametrize("name", ["nothing", "reasons", "levers"])
def test_a_chart_that_this_question_does_not_have_is_missing(manager: Client, name: str) -> None:
    """`levers` too: the quarter before is the first on record, so there are none."""
    assert manager.get(f"{PAGE}chart/{name}.csv", {"q": "2026-Q1"}).status_code == 404


def test_every_link_of_the_page_leads_somewhere(manager: Client) -> None:
    import re
    from html import unescape

    body = manager.get(PAGE).content.decode()
    links = {unescape(link).partition("#")[0] for link in re.findall(r'href="(/w/[^"]+)"', body)}
    assert len(links) > 8
    for link in links:
        assert manager.get(link).status_code == 200, link


def test_only_reading_is_offered(manager: Client) -> None:
    assert manager.post(PAGE).status_code == 405
