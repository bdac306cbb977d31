"""The state of the simulator as a query string, and back: `n=55&c=80&p2=60`.

`n` number of deals, `a` average deal size, `c` cycle in days, `p1`, `p2` .. a stage's conversion
in per cent. What is not named stays as it was. Both ways are exact: any changes give a query
that reads as the same changes.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from urllib.parse import urlencode

from django.utils.translation import gettext as _

from accounts import formats
from accounts.formats import Style
from metrics.calc.types import SegmentFigures
from metrics.calc.whatif import Changes

MOST_STAGES = 60
FACTORS = ("n", "a", "c")
NAMES = (*FACTORS, *(f"p{position}" for position in range(1, MOST_STAGES + 1)))
_HUNDRED = Decimal(100)
_BOUNDS = {
    "n": (Decimal(0), Decimal(10) ** 9),
    "a": (Decimal(0), Decimal(10) ** 12),
    "c": (Decimal("0.01"), Decimal(10) ** 5),
}
_NUMBER = re.compile(r"\+?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})?", re.ASCII | re.IGNORECASE)
_LENGTH = 60


@dataclass(frozen=True, slots=True)
class State:
    """What an address says about the levers.

    `typed` are the values as they were sent, by parameter; `errors` a sentence for each that is
    no answer, which `changes` leaves out. `beyond` are stages that the pipeline does not have.
    `redundant`: the address also names what does not differ from today.
    """

    changes: Changes
    typed: Mapping[str, str]
    errors: Mapping[str, str]
    beyond: tuple[str, ...] = ()
    redundant: bool = False

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """The changes as parameters, in their fixed order: what an address and a scenario keep."""
        return pairs_of(self.changes)


def pairs_of(changes: Changes) -> tuple[tuple[str, str], ...]:
    """Changes as (parameter, value) pairs: plain digits, points, per cent for conversions."""
    plain = zip(FACTORS, (changes.number, changes.deal_size, changes.cycle), strict=True)
    pairs = [(name, written(value)) for name, value in plain if value is not None]
    pairs += [
        (f"p{position}", percent_written(share))
        for position, share in sorted(changes.conversions.items())
    ]
    return tuple(pairs)


def joined(query: str, state: State) -> str:
    """The query string of a question with the changes behind it."""
    changes = urlencode(state.pairs)
    if not changes:
        return query
    return query + changes if query == "?" else f"{query}&{changes}"


def written(value: float) -> str:
    """A number for an address or a number field: no grouping, no trailing zeros, exact."""
    return _text(Decimal(repr(value)))


def percent_written(share: float) -> str:
    """A share as per cent, exactly: 0.455 is 45.5."""
    return _text(Decimal(repr(share)) * _HUNDRED)


def _text(value: Decimal) -> str:
    if not value:
        return "0"
    value = value.normalize()
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int)
    return f"{value:f}" if -20 < exponent < 20 else str(value)


def field_text(value: float, decimals: int) -> str:
    """Today's value as its number field shows it: rounded, but never rounded to zero."""
    rounded = round(value, decimals)
    return written(value if value and not rounded else rounded)


def todays_texts(now: SegmentFigures) -> dict[str, str]:
    """What the number fields show while nothing is changed, by parameter.

    A field that still shows this is no change, though the figure itself has more digits.
    """
    number, size, cycle = now.number_of_deals, now.avg_deal_size, now.cycle_mean
    found: dict[str, str] = {}
    if number is not None:
        found["n"] = field_text(number, 1 if number < 100 else 0)
    if size is not None:
        found["a"] = field_text(size, 0 if size >= 100 else 2)
    if cycle is not None:
        found["c"] = field_text(cycle, 1)
    for stage in now.stages:
        if stage.exit_conversion is not None:
            found[f"p{stage.position}"] = field_text(stage.exit_conversion * 100, 1)
    return found


def state_from(
    query: Mapping[str, Sequence[str]], *, now: SegmentFigures | None, style: Style
) -> State:
    """Read the levers' parameters of a query string, given as name -> values.

    `now` is the quarter to compare with: a field that shows what it showed before is no change.
    """
    typed = {name: query[name][-1].strip() for name in NAMES if query.get(name)}
    today = todays_texts(now) if now is not None else {}
    stages = len(now.stages) if now is not None else MOST_STAGES
    values: dict[str, float] = {}
    errors: dict[str, str] = {}
    beyond: list[str] = []
    redundant = False
    for name, text in typed.items():
        if name[0] == "p" and int(name[1:]) > stages:
            beyond.append(name)
            continue
        if not text:
            redundant = True
            continue
        if len(text) > _LENGTH or not _NUMBER.fullmatch(text):
            errors[name] = _("{text} is no number. Write one, such as {example}.").format(
                text=text[:_LENGTH], example=today.get(name, "10")
            )
            continue
        value = Decimal(text)
        if sentence := _out_of_bounds(name, value, style):
            errors[name] = sentence
        elif name in today and value == Decimal(today[name]):
            redundant = True
        else:
            values[name] = float(value / _HUNDRED if name[0] == "p" else value)
    changes = Changes(
        conversions={int(name[1:]): value for name, value in values.items() if name[0] == "p"},
        number=values.get("n"),
        deal_size=values.get("a"),
        cycle=values.get("c"),
    )
    return State(changes, typed, errors, tuple(beyond), redundant)


def _out_of_bounds(name: str, value: Decimal, style: Style) -> str:
    if name[0] == "p":
        if value <= _HUNDRED:
            return ""
        return _("A conversion lies between 0 and {all}.").format(all=formats.percent(1.0, style))
    low, high = _BOUNDS[name]
    if low <= value <= high:
        return ""
    sentences = {
        "n": _("The number of deals lies between 0 and {most}."),
        "a": _("The average deal lies between 0 and {most}."),
        "c": _("The cycle lies between 0.01 and {most} days."),
    }
    return sentences[name].format(most=formats.number(float(high), style))
