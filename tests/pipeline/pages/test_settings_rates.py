"""The page of exchange rates: the grid, the box to paste into, and the deals that wait."""

from decimal import Decimal

import pytest
from django.test import Client

from accounts.roles import Role
from accounts.tenancy.context import company_context
from pipeline.models import ExchangeRate
from tests.personas import World, client_of
from tests.pipeline.doing import move, start

HX = {"HX-Request": "true"}
PAGE = "/w/alpha/settings/rates/"


@pytest.fixture
def manager(world: World) -> Client:
    return client_of(world.a.user(Role.MANAGER))


@pytest.fixture
def dollars(world: World) -> int:
    """A deal in dollars, won in February 2026, in a quarter that is final today."""
    with company_context(world.a.company.pk):
        deal = start(world.a, when="2026-01-10", amount=Decimal(1000), currency="USD")
        move(world.a, deal, "Won", when="2026-02-20")
    return int(deal.deal_id)


def kept(world: World) -> dict[str, Decimal]:
    with company_context(world.a.company.pk):
        rows = ExchangeRate.objects.values_list("currency", "month", "rate")
        return {f"{currency} {month:%Y-%m}": rate for currency, month, rate in rows}


def test_missing_rates_stand_at_the_top_with_their_deals(
    manager: Client, world: World, dollars: int
) -> None:
    body = manager.get(PAGE).content.decode()
    assert "Missing rates" in body
    assert "USD, February 2026" in body
    deals = manager.get(f"{PAGE}USD/2026-02/").content.decode()
    assert f"/w/alpha/deals/{dollars}/" in deals
    assert "No deal needs this rate" in manager.get(f"{PAGE}CHF/2026-02/").content.decode()
    for wrong in ("EUR/2026-02", "USD/2026-13"):
        assert manager.get(f"{PAGE}{wrong}/").status_code == 404


def test_a_company_of_one_currency_is_told_so(manager: Client) -> None:
    assert "All deals are in EUR" in manager.get(PAGE).content.decode()
    assert "rate-USD-2026-01" in manager.get(f"{PAGE}?currency=usd&year=2026").content.decode()
    for odd in ("?currency=<b>&year=x", "?year=99999", "?year=0000&currency=EUR"):
        assert manager.get(PAGE + odd).status_code == 200


def test_the_grid_asks_before_it_rewrites_history(
    manager: Client, world: World, dollars: int
) -> None:
    values = {"year": "2026", "rate-USD-2026-02": "0,9", "was-rate-USD-2026-02": ""}
    asked = manager.post(f"{PAGE}save/", values)
    body = asked.content.decode()
    assert asked.status_code == 422
    assert "up to 1 deal in 1 closed quarter, Q1 2026" in body
    assert 'value="0,9"' in body  # what was typed stays
    assert kept(world) == {}
    done = manager.post(f"{PAGE}save/", {**values, "restate": "1"})
    assert done.status_code == 303
    assert kept(world) == {"USD 2026-02": Decimal("0.9")}


def test_an_unchanged_cell_is_no_change_and_a_stale_one_is_told(
    manager: Client, world: World
) -> None:
    cell = {"rate-USD-2031-01": "0.9", "was-rate-USD-2031-01": ""}
    assert manager.post(f"{PAGE}save/", cell).status_code == 303
    stale = manager.post(f"{PAGE}save/", {**cell, "rate-USD-2031-01": "0.8"})
    assert stale.status_code == 409
    assert "is 0.9 now, you wrote 0.8" in stale.content.decode()
    same = {"rate-USD-2031-01": "0.7", "was-rate-USD-2031-01": "0.7"}
    assert manager.post(f"{PAGE}save/", same).status_code == 303
    assert kept(world) == {"USD 2031-01": Decimal("0.9")}


@pytest.mark.parametrize("bad", ["0", "-1", "=1+1", "a\x00", "1e5", "<b>"])
def test_what_is_no_rate_is_said_and_kept_in_the_form(
    manager: Client, world: World, bad: str
) -> None:
    answer = manager.post(
        f"{PAGE}save/", {"year": "2026", "currency": "USD", "rate-USD-2026-01": bad}
    )
    assert answer.status_code == 422
    assert "is no rate" in answer.content.decode()
    assert 'aria-invalid="true"' in answer.content.decode()
    assert kept(world) == {}


def test_lines_are_pasted_all_or_none(manager: Client, world: World) -> None:
    where = f"{PAGE}paste/"
    assert manager.get(where, headers=HX).content.decode().lstrip().startswith("<dialog")
    wrong = manager.post(where, {"lines": "2031-01 USD 0.9\nnonsense"})
    assert wrong.status_code == 422
    assert "Line 2: nonsense is not understood" in wrong.content.decode()
    assert kept(world) == {}
    own = manager.post(where, {"lines": "2031-01 EUR 1"})
    assert own.status_code == 422
    done = manager.post(where, {"lines": "2031-01 USD 0.9\n2031-02\tUSD\t0,91"})
    assert done.status_code == 303
    assert kept(world) == {"USD 2031-01": Decimal("0.9"), "USD 2031-02": Decimal("0.91")}


def test_pasting_asks_before_it_rewrites_history(
    manager: Client, world: World, dollars: int
) -> None:
    lines = {"lines": "2026-02 USD 0.9"}
    asked = manager.post(f"{PAGE}paste/", lines, headers=HX)
    assert asked.status_code == 422
    assert "Q1 2026" in asked.content.decode()
    assert manager.post(f"{PAGE}paste/", {**lines, "restate": "1"}).status_code == 303
    assert kept(world) == {"USD 2026-02": Decimal("0.9")}


def test_a_rep_and_a_stranger(world: World) -> None:
    assert client_of(world.a.user(Role.REP)).post(f"{PAGE}save/").status_code == 403
    assert client_of(world.b.user(Role.OWNER)).get(PAGE).status_code == 404
