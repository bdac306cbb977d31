"""Two companies with figures, for the tests of pages."""

import pytest

from metrics.services.recompute import recompute_all
from tests.metrics.classic_quarter import classic  # noqa: F401  a fixture
from tests.personas import (  # noqa: F401  fixtures
    NOW,
    World,
    alpha,
    committed_alpha,
    quiet_world,
    world,
)


@pytest.fixture
def computed(world: World) -> World:  # noqa: F811
    """Company A in Q2 2026, which runs, after Q1, which is final and the first."""
    recompute_all(company_id=world.a.company.pk, now=NOW)
    recompute_all(company_id=world.b.company.pk, now=NOW)
    return world
