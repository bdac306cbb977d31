"""The clock that pages ask for can stand at personas.NOW."""

from collections.abc import Iterator

import pytest
import time_machine

from tests.personas import NOW


@pytest.fixture
def clock_stands() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield
