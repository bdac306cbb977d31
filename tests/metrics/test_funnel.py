"""The Funnel page and its charts, asked as a browser asks."""

import csv
import io
from itertools import pairwise

import pytest
from django.test import Client

from accounts.roles import Role
from tests.personas import CANARY, World, client_of

PAGE = "/w/alpha/funnel/"


@pytest.fixture
def rep(computed: World) -> Client:
    return client_of(computed.a.user(Role.REP))


def test_the_stages_of_the_pipeline_and_won(rep: Client) -> None:
    response = rep.get(PAGE)
    assert response.status_code == 200
    names = [c.name for c in response.context["page"].columns]
    assert names == ["Booked", "Held", "Coach", "Won"]
    assert CANARY not in response.content.decode()


def test_counts_stand_in_for_rates_under_ten_deals(rep: Client) -> None:
    page = rep.get(PAGE).context["page"]
    assert page.unit == "deals"
    assert "counts are shown" in page.notices[0].text


@pytest.mark.parametrize("unit", ["deals", "money"])
def test_units_are_links(rep: Client, unit: str) -> None:
    response = rep.get(PAGE, {"unit": unit})
    assert response.context["page"].unit == unit
    assert f"unit={unit}" in response.content.decode()


def test_a_stage_is_selected_by_its_position(rep: Client) -> None:
    response = rep.get(PAGE, {"at": "2"}, headers={"HX-Request": "true"})
    assert response.context["page"].stage.name == "Held"
    body = response.content.decode()
    assert "<html" not in body
    assert body.count('class="col') == 4
    assert 'at=2" hx-get' in body.replace("&amp;", "&")


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"at": "99"}, "no stage of that number"),
        ({"at": "x"}, "no stage of that number"),
        ({"unit": "miles"}, "no unit of that name"),
        ({"q": "2031-Q1"}, "There is no quarter called 2031-Q1"),
        ({"colour": "red"}, "left out: colour"),
    ],
)
def test_what_is_asked_wrongly_gets_a_sentence(
    rep: Client, query: dict[str, str], said: str
) -> None:
    response = rep.get(PAGE, query)
    assert response.status_code == 200
    assert said in response.content.decode()


def test_the_page_says_how_it_judges(rep: Client) -> None:
    body = rep.get(PAGE).content.decode()
    assert "How we judge" in body
    assert "/w/alpha/definitions/#verdict" in body


def test_the_funnel_as_csv_adds_up(rep: Client) -> None:
    response = rep.get(f"{PAGE}chart/funnel.csv")
    rows = list(csv.DictReader(io.StringIO(response.content.decode("utf-8-sig"))))
    assert [r["stage"] for r in rows] == ["Booked", "Held", "Coach", "Won"]
    for here, following in pairwise(rows):
        left = int(here["cohort_reached"]) - int(here["cohort_lost"]) - int(here["cohort_pending"])
        assert left == int(following["cohort_reached"])


def test_the_definitions_page(rep: Client) -> None:
    body = rep.get("/w/alpha/definitions/").content.decode()
    assert 'id="win-rate"' in body
    assert "<h1>What every number means</h1>" in body
