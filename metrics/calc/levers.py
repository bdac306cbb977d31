"""Why did velocity move: the part of each lever, and how much of the win rate is only mix.

Definitions: docs/metrics.md, "Why velocity moved: four levers". LMDI-I (Ang 2005): the parts add
up to the whole change, whatever the order of the levers.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from metrics.calc.types import Levers
from metrics.calc.velocity import Factors


@dataclass(frozen=True, slots=True)
class Closings:
    """A channel's deals closed in one quarter, and how many of them were won."""

    won: int
    closed: int


def logarithmic_mean(one: float, other: float) -> float:
    """(one - other) / ln(one / other), or `one` where both are equal. Both above 0."""
    ratio = one / other
    if ratio == 1:
        return one
    # log1p keeps the digits of two values that differ by little, log those of a far smaller one.
    near = 0.5 < ratio < 2
    return (one - other) / (math.log1p((one - other) / other) if near else math.log(ratio))


def levers(before: Factors, after: Factors) -> Levers | None:
    """How much of the change of V each lever explains, None where either V is empty."""
    old, new = _positive(before), _positive(after)
    if old is None or new is None:
        return None
    mean = logarithmic_mean(new[4], old[4])
    number, amount, win_rate, cycle = (
        mean * math.log(x1 / x0) for x0, x1 in zip(old[:4], new[:4], strict=True)
    )
    return Levers(number, amount, win_rate, -cycle)


def mix_and_rate(
    before: Mapping[str, Closings], after: Mapping[str, Closings]
) -> tuple[float, float] | None:
    """W1 - W0 of `all`, split by channel into (change of mix, change of the channels' rates).

    A channel without closed deals in one of the quarters takes the other quarter's win rate.
    None where one of the quarters has no closed deals at all.
    """
    closed0 = sum(channel.closed for channel in before.values())
    closed1 = sum(channel.closed for channel in after.values())
    if not closed0 or not closed1:
        return None
    mix = rate = 0.0
    nothing = Closings(0, 0)
    for channel in sorted({*before, *after}):
        old, new = before.get(channel, nothing), after.get(channel, nothing)
        if not old.closed and not new.closed:
            continue
        w0 = old.won / old.closed if old.closed else new.won / new.closed
        w1 = new.won / new.closed if new.closed else w0
        g0, g1 = old.closed / closed0, new.closed / closed1
        mix += (g1 - g0) * (w0 + w1) / 2
        rate += (w1 - w0) * (g0 + g1) / 2
    return mix, rate


def _positive(found: Factors) -> tuple[float, float, float, float, float] | None:
    values = (found.number, found.deal_size, found.win_rate, found.cycle, found.velocity)
    kept = tuple(value for value in values if value is not None and value > 0)
    if found.velocity is None or len(kept) < len(values):
        return None
    return kept[0], kept[1], kept[2], kept[3], kept[4]
