"""The simulator, asked as a browser asks: the classic company by hand, the page against calc."""

import csv
import io
import re
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlencode

import pytest
from django.http import HttpResponse
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.formats import Style
from accounts.roles import Role
from accounts.tenancy.context import company_context
from metrics.calc.types import SegmentFigures
from metrics.calc.whatif import Changes, WhatIf, what_if
from metrics.calc.whatif_ranking import levers_of, more_deals, ranking
from metrics.models import Scenario
from metrics.selectors.figures import figures_of
from metrics.selectors.what_if_page import WhatIfPage, what_if_page
from metrics.selectors.what_if_query import pairs_of, state_from
from metrics.selectors.wording import Reading
from metrics.services.recompute import recompute_all
from pipeline.models import Deal
from tests.metrics.figures import STAGES, figures, stage
from tests.personas import CANARY, NOW, Workspace, World, client_of

PAGE = "/w/alpha/simulator/"
STYLE = Style("en", "EUR")
HX = {"HX-Request": "true"}
FROM_FORM = {**HX, "HX-Source": "form#simulator"}
V = 2500 / 3
QUERIES = 16  # session, user, member, question and figures, scenarios with figures, frame


@pytest.fixture
def manager(classic: World) -> Client:
    return client_of(classic.a.user(Role.MANAGER))


def asked(client: Client, **query: str) -> HttpResponse:
    return client.get(PAGE, {"q": "2026-Q1", **query})


def plain(html: str) -> str:
    """The page's words without its markup."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def quarter(world: World) -> SegmentFigures:
    with company_context(world.a.company.pk):
        history = figures_of(company=world.a.company)
        return next(f for f in history if f.quarter == "2026-Q1")


# The classic company ------------------------------------------------------------------------


def test_the_classic_company_says_exactly_its_velocity(classic: World, manager: Client) -> None:
    now = quarter(classic)
    assert (now.number_of_deals, now.avg_deal_size, now.win_rate, now.cycle_mean) == (
        50, 1000, 0.2, 12,
    )  # fmt: skip
    assert now.velocity == pytest.approx(V)
    assert [(s.advanced, s.lost_at) for s in now.stages] == [(90, 10), (50, 40), (20, 30)]
    said = plain(asked(manager).content.decode())
    assert "Velocity in Q1 2026 is €833 per day ." in said
    assert "today 90.0%" in said
    assert "today 55.6%" in said
    assert "today 40.0%" in said


def test_two_more_deals_at_each_stage_by_hand(manager: Client) -> None:
    """p'/p = (advanced + 2) / advanced, and V rises by that share of 833.33:

    past Booked 2 of 90: 18.52; past Held 2 of 50: 33.33; past Coach 2 of 20: 83.33, a tenth, as
    two more won deals are of twenty.
    """
    response = asked(manager)
    said = plain(response.content.decode())
    assert "Two more deals past Booked in the quarter are worth €19 a day ." in said
    assert "Two more deals past Held in the quarter are worth €33 a day ." in said
    assert "Two more deals past Coach in the quarter are worth €83 a day ." in said
    assert "One more deal past Coach in the quarter is worth €42 a day ." in said


def test_a_stage_that_keeps_more(manager: Client) -> None:
    """22 of 50 past Coach are 44 %: V' = 833.33 x 1.1 = 916.67, and 2,000 more of 20,000."""
    response = asked(manager, p3="44")
    page = response.context["page"]
    total = page.result.rows[-1]
    assert total.after == pytest.approx(V * 1.1)
    assert page.result.money == pytest.approx(2000)
    said = plain(response.content.decode())
    assert "Velocity would be €917 per day instead of €833 in Q1 2026 , a change of +10.0%" in said
    assert "+€83 a day" in said
    assert "+€2,000 for the quarter, of €20,000 won" in said
    assert "It assumes that the rest stays as it is." in said


def test_the_ranking_by_hand(manager: Client) -> None:
    """A day of 12: 833.33 / 11 = 75.76. A point of 40 %: 20.83; of 55.6 %: 15; of 90 %: 9.26."""
    rows = asked(manager).context["page"].ranking
    assert [(r.rank, r.name, r.worth) for r in rows] == [
        ("1", "Sales cycle", "€76 a day"),
        ("2", "Coach → Won", "€21 a day"),
        ("3", "Held → Coach", "€15 a day"),
        ("4", "Booked → Held", "€9 a day"),
        ("5", "Open deals", "€8 a day"),
        ("5", "Average deal", "€8 a day"),
    ]


def test_a_win_rate_above_all_is_capped_and_said(manager: Client) -> None:
    """W x (1 / 0.9) x (1 / 0.5556) x (1 / 0.4) = 1: all at 100 % is just everything won."""
    page = asked(manager, p1="100", p2="100", p3="100").context["page"]
    assert page.result.rows[1].after == pytest.approx(1)
    assert page.result.text == "€4,167"


def page_of(now: SegmentFigures, *history: SegmentFigures, **query: str) -> WhatIfPage:
    state = state_from({name: [value] for name, value in query.items()}, now=now, style=STYLE)
    return what_if_page(now=now, history=[*history, now], state=state, reading=Reading(STYLE))


def test_a_win_rate_above_one_is_cut_and_said() -> None:
    """The exits of a quarter need not be its closings: 0.8 x 1 / 0.4 would be twice all."""
    page = page_of(figures(win_rate=0.8), p3="100")
    assert page.result.rows[1].after == 1
    assert page.result.capped.startswith("The win rate is capped")
    assert page_of(figures(win_rate=0.8), p3="45").result.capped == ""


@pytest.mark.parametrize(
    "changes",
    [
        Changes(),
        Changes(number=60.0),
        Changes(deal_size=1250.5, cycle=9.5),
        Changes(conversions={1: 0.95, 3: 0.333}),
        Changes(conversions={2: 0.0}),
        Changes(conversions={1: 0.5, 2: 0.9}, number=40.0, deal_size=900.0, cycle=20.0),
    ],
)
def test_the_page_says_what_calc_says(changes: Changes, classic: World, manager: Client) -> None:
    now = quarter(classic)
    expected = what_if(now, changes)
    assert isinstance(expected, WhatIf)
    page = asked(manager, **dict(pairs_of(changes))).context["page"]
    rows = {row.key: row for row in page.result.rows}
    assert rows["velocity_per_day"].after == expected.velocity
    assert rows["win_rate"].after == expected.win_rate
    assert page.result.money == expected.money
    for position in changes.conversions:
        part = None if expected.stage_parts is None else expected.stage_parts[position]
        assert rows[f"conversion_{position}"].part == part
    if expected.parts is None:
        assert "parts cannot be told" in page.result.no_parts
    elif changes.cycle is not None:
        assert rows["cycle_days"].part == expected.parts.cycle
    steps = ranking(now, levers_of(now, ()))
    assert [r.per_day for r in page.ranking] == [s.per_day for s in steps]
    assert len(page.more) == len(now.stages)
    assert not isinstance(more_deals(now, 1, 2), str)


# The address --------------------------------------------------------------------------------


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(st.integers(1, 60), st.floats(0, 1), max_size=6),
    st.none() | st.floats(0, 1e9),
    st.none() | st.floats(0, 1e12),
    st.none() | st.floats(0.01, 1e5),
)
def test_any_changes_come_back_from_their_address(
    conversions: dict[int, float], number: float | None, size: float | None, cycle: float | None
) -> None:
    changes = Changes(conversions, number, size, cycle)
    state = state_from(parse_qs(urlencode(pairs_of(changes))), now=None, style=STYLE)
    assert state.changes == changes
    assert state.errors == {}
    assert state.pairs == pairs_of(changes)


def test_a_field_that_shows_today_is_no_change() -> None:
    now = figures()
    today = {"n": ["52.3"], "a": ["12417"], "c": ["88.0"], "p3": ["40"]}
    state = state_from(today, now=now, style=STYLE)
    assert state.changes == Changes()
    assert state.redundant
    assert state_from({"p3": ["40.1"]}, now=now, style=STYLE).changes.conversions == {
        3: pytest.approx(0.401)
    }


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"p1": "abc"}, "abc is no number. Write one, such as 90."),
        ({"p1": "-5"}, "-5 is no number"),
        ({"p1": "101"}, "A conversion lies between 0 and 100%."),
        ({"p1": "nan"}, "nan is no number"),
        ({"c": "0"}, "The cycle lies between 0.01 and 100,000 days."),
        ({"c": "1e9"}, "The cycle lies between 0.01 and 100,000 days."),
        ({"n": "1e10"}, "The number of deals lies between 0 and 1,000,000,000."),
        ({"a": "9" * 50}, "The average deal lies between 0 and 1,000,000,000,000."),
        ({"a": "<script>"}, "<script> is no number"),
        ({"n": "٣"}, "٣ is no number"),
    ],
)
@pytest.mark.parametrize("headers", [{}, FROM_FORM], ids=["page", "fragment"])
def test_nonsense_is_refused_and_kept(
    query: dict[str, str], said: str, headers: dict[str, str], manager: Client
) -> None:
    response = manager.get(PAGE, {"q": "2026-Q1", "p3": "44", **query}, headers=headers)
    assert response.status_code == 422
    body = response.content.decode()
    assert said in plain(body)
    assert "<script> is" not in body
    [(name, value)] = query.items()
    fields = {
        f.name: f for f in (*response.context["page"].factors, *response.context["page"].stages)
    }
    assert fields[name].value == value
    assert fields["p3"].value == "44"
    assert "HX-Replace-Url" not in response
    assert response.context["page"].result.rows[-1].after == pytest.approx(V * 1.1)


def test_what_is_not_understood_is_told(manager: Client) -> None:
    said = plain(asked(manager, utm="x", p9="50").content.decode())
    assert "Not understood in the address, so left out: utm." in said
    assert "This pipeline has 3 stages, so left out: p9." in said


def test_a_form_without_scripts_is_led_to_its_changes(manager: Client) -> None:
    """It names every lever; those that show today are no change."""
    body = asked(manager).content.decode()
    form = re.search(r'<form[^>]*id="simulator".*?</form>', body, re.DOTALL)
    assert form is not None
    named = [
        (name, value)
        for tag in re.findall(r"<input[^>]*>", form[0])
        for name in re.findall(r'\bname="(\w+)"', tag)
        for value in re.findall(r'\bvalue="([^"]*)"', tag)
    ]
    sent = {**dict(named), "p3": "44"}
    assert set(sent) == {"q", "n", "a", "c", "p1", "p2", "p3"}
    assert '<button class="btn primary">' in form[0]
    response = manager.get(PAGE, sent)
    assert response.status_code == 302
    assert response["Location"] == f"{PAGE}?q=2026-Q1&p3=44"
    assert manager.get(response["Location"]).status_code == 200
    nothing = manager.get(PAGE, {**sent, "p3": "40", "n": ""})
    assert nothing["Location"] == f"{PAGE}?q=2026-Q1"


def test_a_lever_that_moves_swaps_the_page_and_its_address(manager: Client) -> None:
    sent = {"q": "2026-Q1", "n": "50", "p3": "44"}
    response = manager.get(PAGE, sent, headers=FROM_FORM)
    assert response.content.decode().strip().startswith('<div class="stack" id="page">')
    assert response["HX-Replace-Url"] == f"{PAGE}?q=2026-Q1&p3=44"
    filtered = manager.get(PAGE, sent, headers={**HX, "HX-Source": "a"})
    assert "HX-Replace-Url" not in filtered
    restored = manager.get(PAGE, sent, headers={**HX, "HX-History-Restore-Request": "true"})
    assert "<html" in restored.content.decode()


def test_filters_and_links_take_the_changes_along(manager: Client) -> None:
    body = unescape(asked(manager, p3="44").content.decode())
    assert 'href="/w/alpha/simulator/?q=2026-Q1&seg=channel%3Dinbound&p3=44"' in body
    assert f'href="{PAGE}?q=2026-Q1"' in body  # Reset
    assert 'href="/w/alpha/simulator/chart/result.csv?q=2026-Q1&p3=44"' in body
    assert 'href="/w/alpha/funnel/?q=2026-Q1"' in body
    assert '<input type="hidden" name="p3" value="44">' in body  # the picker's form


def test_every_link_of_the_page_leads_somewhere(manager: Client) -> None:
    body = asked(manager, p3="44").content.decode()
    links = {unescape(link).partition("#")[0] for link in re.findall(r'href="(/w/[^"]+)"', body)}
    assert len(links) > 10
    for link in links:
        assert manager.get(link).status_code == 200, link


# Where there is nothing to tell -------------------------------------------------------------


def test_a_company_without_deals_has_an_empty_state(quiet_world: World) -> None:
    client = client_of(quiet_world.a.user(Role.MANAGER))
    body = client.get(PAGE).content.decode()
    assert "No quarter yet" in body
    assert "None yet." in body
    assert client.get(f"{PAGE}chart/result.csv").status_code == 404


def test_a_quarter_without_velocity_says_why(classic: World, manager: Client) -> None:
    """Q2 runs, and nothing has happened in it."""
    response = manager.get(PAGE, {"q": "2026-Q2"})
    page = response.context["page"]
    if page is None:
        assert "has no deal in Q2 2026" in plain(response.content.decode())
        return
    assert page.empty


def test_no_velocity_is_no_zero(world: World) -> None:
    recompute_all(company_id=world.a.company.pk, now=NOW)
    with company_context(world.a.company.pk):
        Deal.objects.update(amount=None)
    recompute_all(company_id=world.a.company.pk, now=NOW)
    response = client_of(world.a.user(Role.REP)).get(PAGE)
    said = plain(response.content.decode())
    assert response.context["page"].empty == "No won deal has an amount."
    assert "There is no what-if for Q2 2026" in said
    assert "Not computable: there is no velocity to start from." in said
    assert "€0" not in said


def test_a_stage_without_a_conversion_cannot_be_changed() -> None:
    none = stage(1, "Booked", advanced=0, lost_at=0, exit_conversion=None)
    lost = stage(2, "Held", advanced=0, lost_at=5, exit_conversion=0.0)
    now = figures(stages=(none, lost, STAGES[2]), danger_order=(3, 2, 1))
    page = page_of(now)
    assert page.stages[0].reason.startswith("No deal left this stage")
    assert page.stages[1].reason.startswith("No deal got past this stage")
    assert page.stages[2].reason == ""
    assert [row.reason for row in page.more][:2] == [
        "Not computable: no deal got past it in the quarter."
    ] * 2
    assert [row.sentences for row in page.more][:2] == [(), ()]
    assert [(row.rank, row.per_day) for row in page.ranking][-2:] == [("", None)] * 2
    changed = page_of(now, p1="50")
    assert "had no deal that got past it" in changed.result.reason
    assert changed.result.rows == ()
    assert "There is no what-if for" in changed.lede


def test_the_usual_range_is_marked_and_named() -> None:
    """Today 52.3 of a slider to 200, usual 40 to 60 in two quarters; no usual with none before."""
    history = [
        figures("2026-Q1", number_of_deals=40.0, first=False),
        figures("2026-Q2", number_of_deals=60.0),
    ]
    number = page_of(figures(), *history).factors[0]
    assert number.usual == "usual 40 to 60 (2 quarters)"
    assert (number.least, number.most, number.step) == ("0", "200", "2")
    assert (number.low, number.width, number.today_at) == ("20.00", "10.00", "26.15")
    alone = page_of(figures()).factors[0]
    assert (alone.usual, alone.low) == ("no usual yet", "")
    assert alone.today_at


def test_a_little_is_not_written_as_nothing() -> None:
    """Two euros a day: a per cent more is two cents."""
    tiny = figures(
        velocity=2.0, number_of_deals=1.0, avg_deal_size=20.0, cycle_mean=5.0, win_rate=0.5
    )
    worth = {row.name: row.worth for row in page_of(tiny).ranking}
    assert worth["Open deals"] == "less than €1 a day"


# Exports ------------------------------------------------------------------------------------


def rows_of(response: HttpResponse) -> list[dict[str, str]]:
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(response.content.decode("utf-8-sig"))))


def test_the_result_as_csv(classic: World, manager: Client) -> None:
    query = {"q": "2026-Q1", "p3": "44", "c": "10"}
    rows = {r["lever"]: r for r in rows_of(manager.get(f"{PAGE}chart/result.csv", query))}
    expected = what_if(quarter(classic), Changes(conversions={3: 0.44}, cycle=10.0))
    assert isinstance(expected, WhatIf)
    assert float(rows["velocity_per_day"]["what_if"]) == expected.velocity
    assert float(rows["conversion_3"]["part_per_day"]) == expected.stage_parts[3]
    assert float(rows["cycle_days"]["part_per_day"]) == expected.parts.cycle
    assert rows["number_of_deals"]["part_per_day"] == ""
    assert float(rows["money_for_quarter"]["what_if"]) == expected.money


def test_the_waterfall_stands_only_where_there_are_parts(manager: Client) -> None:
    assert manager.get(f"{PAGE}chart/result.svg", {"q": "2026-Q1", "c": "10"}).status_code == 200
    assert manager.get(f"{PAGE}chart/result.svg", {"q": "2026-Q1"}).status_code == 404
    assert manager.get(f"{PAGE}chart/result.svg", {"q": "2026-Q1", "p1": "0"}).status_code == 404


def test_the_ranking_as_csv(manager: Client) -> None:
    rows = rows_of(manager.get(f"{PAGE}chart/ranking.csv", {"q": "2026-Q1"}))
    assert [r["rank"] for r in rows] == ["1", "2", "3", "4", "5", "5"]
    assert float(rows[0]["worth_per_day"]) == pytest.approx(V / 11)


# Who sees it, and what it costs -------------------------------------------------------------


@pytest.mark.parametrize("role", list(Role))
def test_every_role_reads_and_only_managers_save(role: Role, classic: World) -> None:
    client = client_of(classic.a.user(role))
    body = asked(client, p3="44").content.decode()
    saves = role in (Role.OWNER, Role.MANAGER)
    assert ("Save as scenario" in body) is saves
    assert client.get(f"{PAGE}scenarios/add/?q=2026-Q1&p3=44").status_code == (
        200 if saves else 403
    )
    assert CANARY not in body


def test_strangers_find_nothing(classic: World) -> None:
    for user in (classic.stranger, classic.removed, classic.b.user(Role.OWNER)):
        assert client_of(user).get(PAGE).status_code == 404
    assert client_of(None).get(PAGE).status_code == 302


def make_scenarios(workspace: Workspace, count: int) -> None:
    values: dict[str, Any] = {
        "pipeline": workspace.pipeline,
        "quarter": "2026-Q1",
        "changes": {"p3": "44"},
        "owner": workspace.user(Role.OWNER),
        "created_at": NOW,
        "changed_at": NOW,
    }
    segments = ("all", "channel=inbound", "rep=Ada")
    with company_context(workspace.company.pk):
        Scenario.objects.bulk_create(
            Scenario(company=workspace.company, name=f"Plan {n}", segment=segments[n % 3], **values)
            for n in range(count)
        )


@pytest.mark.parametrize("count", [10, 100])
def test_queries_do_not_grow_with_scenarios(
    count: int, classic: World, manager: Client, django_assert_num_queries: Any
) -> None:
    make_scenarios(classic.a, count)
    asked(manager)
    with django_assert_num_queries(QUERIES):
        response = asked(manager, p3="44")
    assert len(response.context["scenarios"]) == count
    assert {row.reason for row in response.context["scenarios"]} == {""}
