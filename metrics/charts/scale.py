"""Scales and ticks: from values to coordinates, with round numbers on the axis."""

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scale:
    """A straight scale from [low, high] to [start, end] in pixels."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)


def nice_step(span: float, count: int) -> float:
    """The round step (1, 2, 2.5 or 5 times a power of ten) that gives about `count` ticks."""
    raw = span / max(1, count)
    power = 10.0 ** math.floor(math.log10(raw))
    for factor in (1.0, 2.0, 2.5, 5.0, 10.0):
        if factor * power >= raw * 0.999999:
            return factor * power
    return 10.0 * power


def ticks(values: Iterable[float], *, count: int = 4, from_zero: bool = False) -> tuple[float, ...]:
    """Round ticks that enclose the values. No values, or all the same, still give an axis."""
    finite = [v for v in values if math.isfinite(v)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
    if from_zero:
        low, high = min(0.0, low), max(0.0, high)
    if high - low <= abs(high) * 1e-9:
        low, high = (low - abs(low) * 0.1, high + abs(high) * 0.1) if high else (0.0, 1.0)
        if from_zero:
            low, high = min(0.0, low), max(0.0, high)
    step = nice_step(high - low, count)
    first = math.floor(low / step + 1e-9)
    last = math.ceil(high / step - 1e-9)
    return tuple(i * step for i in range(first, last + 1))
