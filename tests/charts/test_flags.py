"""Flags over a line: their words, as far as they do not lie over each other."""

import re
from collections.abc import Sequence

import pytest

from metrics.charts import Event, Point, Table, line

QUARTERS = 8


def flags(events: Sequence[Event]) -> dict[int, list[str]]:
    """What the flags say, by the width of the drawing."""
    chart = line(
        name="trend",
        title="Velocity",
        reading="",
        points=[Point(f"Q{n}", f"Q{n}", 100.0 + n) for n in range(QUARTERS)],
        tick=str,
        height=200,
        events=events,
        table=Table(head=(), rows=(), raw_head=(), raw=()),
    )
    found = {}
    for _size, drawing in chart.drawings:
        width = int(re.search(r'viewBox="0 0 (\d+)', drawing).group(1))
        found[width] = re.findall(r'class="flag-text"[^>]*>([^<]*)<', drawing)
    return found


def test_one_flag_says_all_that_fits() -> None:
    for words in flags([Event(3, "Adopted: who signs", "1")]).values():
        assert words == ["Adopted: who signs"]


def test_two_flags_are_cut_before_they_become_numbers() -> None:
    """A start and an adoption two quarters later are told apart at every width."""
    told = flags(
        [
            Event(QUARTERS - 3, "Started: who else signs, in the first call", "1"),
            Event(QUARTERS - 1, "Adopted: who else signs, in the first call", "1"),
        ]
    )
    widest = max(told)
    assert all(len(words) == 2 for words in told.values())
    started, adopted = told[widest]
    assert started.startswith("Started: who")
    assert adopted.startswith("Adopted: who")
    assert started.endswith("…")


@pytest.mark.parametrize("many", [4, QUARTERS])
def test_a_crowd_of_flags_is_numbers_where_words_would_touch(many: int) -> None:
    told = flags([Event(n, f"{n + 1} changes in this quarter", str(n + 1)) for n in range(many)])
    narrowest = min(told)
    assert told[narrowest] == [str(n + 1) for n in range(many)]
