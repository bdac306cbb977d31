"""The deal size on an experiment's page: means of both sides, and a change of the typical deal."""

import pytest

from tests.metrics.experiments import reading
from tests.metrics.test_experiment_page import (
    asked,
    figures,
    made,
    mean,
    page_of,
    stored,
    text,
    url_of,
)
from tests.personas import World
from tests.pipeline.pages.conftest import clock_stands  # noqa: F401  a fixture

pytestmark = pytest.mark.usefixtures("clock_stands")


def test_a_deal_size_whose_mean_and_typical_deal_part_says_so(quiet_world: World) -> None:
    """One very large deal lifts a mean; the effect is that of the logarithms."""
    sized = {"measure": "deal_size", "stage": None, "method": "mixture_t"}
    cases = (
        (mean(30, 5200), mean(25, 4900), 1.12, "lower and the typical deal larger"),
        (mean(30, 4900), mean(25, 5200), 0.94, "higher and the typical deal smaller"),
        (mean(30, 4900), mean(25, 5200), 1.05, ""),
    )
    for before, after, effect, said in cases:
        one = made(quiet_world.a, measure="deal_size", stage=None)
        told = reading(before, after, effect=effect, interval=(0.8, 1.3), **sized)
        stored(quiet_world.a, one, figures(primary=told, guardrails=(told,)))
        page = page_of(quiet_world.a, one)
        assert page.card is not None
        assert said in page.card.apart
        assert bool(said) == bool(page.card.apart)
        assert page.guardrails[0].reason == page.card.apart
        assert "geometric means" in page.card.unit
        assert page.card.apart in text(asked(quiet_world).get(url_of(quiet_world.a, one)))
