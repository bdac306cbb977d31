"""Cost of a customer: by hand, shared spend in proportion to deals in play."""

from datetime import date

import pytest

from metrics.calc.acquisition import ChannelDeals, Spend, acquisition_cost
from metrics.calc.calendar import quarter_of

Q = quarter_of(date(2026, 5, 1), 1)
SPEND = [
    Spend(date(2026, 4, 1), "marketing", "inbound", 3000.0),
    Spend(date(2026, 6, 1), "sales", "outbound", 1000.0),
    Spend(date(2026, 6, 1), "sales", None, 6000.0),
    Spend(date(2026, 3, 1), "sales", None, 777.0),  # the quarter before
    Spend(date(2026, 7, 1), "sales", None, 888.0),  # the quarter after
]
ALL = ChannelDeals(10, 60, 2000.0)
CHANNELS = {
    "inbound": ChannelDeals(8, 30, 2500.0),
    "outbound": ChannelDeals(2, 20, None),
    "unknown": ChannelDeals(0, 10, None),
}


def test_by_hand():
    found = acquisition_cost(SPEND, spent_in=Q, everything=ALL, channels=CHANNELS)
    assert (found.total.spend, found.total.cost) == (10_000, 1000)
    assert found.total.of_deal_size == 0.5
    assert found.total.by_category == {"marketing": 3000, "sales": 7000}
    inbound = found.channels["inbound"]
    assert (inbound.own, inbound.shared, inbound.cost) == (3000, 3000, 750)
    assert inbound.of_deal_size == pytest.approx(0.3)
    assert found.channels["outbound"].cost == pytest.approx(1500)
    assert found.channels["outbound"].of_deal_size is None
    unknown = found.channels["unknown"]
    assert (unknown.spend, unknown.cost, unknown.empty) == (1000, None, "no_won")


def test_the_channels_add_up_to_all():
    found = acquisition_cost(SPEND, spent_in=Q, everything=ALL, channels=CHANNELS)
    assert sum(cost.spend for cost in found.channels.values()) == pytest.approx(found.total.spend)


def test_the_quarter_before():
    before = quarter_of(date(2026, 3, 1), 1)
    found = acquisition_cost(SPEND, spent_in=before, everything=ALL, channels=CHANNELS)
    assert found.total.spend == 777


def test_nothing_entered_is_not_free():
    found = acquisition_cost([], spent_in=Q, everything=ALL, channels=CHANNELS)
    assert (found.total.cost, found.total.empty) == (None, "no_spend")
    assert found.channels["inbound"].empty == "no_spend"


def test_without_deals_in_play_shared_spend_cannot_be_split():
    nothing = ChannelDeals(0, 0, None)
    found = acquisition_cost(SPEND, spent_in=Q, everything=nothing, channels={})
    assert found.total.spend == 10_000
    assert found.total.empty == "no_won"
    assert found.channels["inbound"].shared is None
    assert found.channels["inbound"].spend == 3000
