"""How do reps compare when some have closed only a handful of deals.

Definitions: docs/metrics.md, "Fair comparison of reps". Each rep's win rate is drawn towards the
team's as far as its few deals leave room for chance: the mean of a Beta posterior whose prior is
fitted by moments to the reps with enough closed deals.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from metrics.calc.segments import UNKNOWN
from metrics.calc.types import Interval
from metrics.calc.uncertainty import wilson

FEWEST_CLOSED = 5  # to count towards the spread between reps
FEWEST_REPS = 3
_WEAKEST, _STRONGEST, _UNKNOWN_SPREAD = 2.0, 200.0, 10.0


@dataclass(frozen=True, slots=True)
class RepClosings:
    """A rep's closed deals of the period compared."""

    rep: str
    won: int
    closed: int


@dataclass(frozen=True, slots=True)
class RepRate:
    """A rep's win rate: raw with its interval (None without closed deals), and shrunk."""

    rep: str
    won: int
    closed: int
    rate: float | None
    interval: Interval | None
    shrunk: float | None  # None where nobody closed a deal


@dataclass(frozen=True, slots=True)
class Prior:
    """The team's win rate and how many deals of evidence it weighs against a rep's own."""

    mean: float
    weight: float


def prior_of(reps: Iterable[RepClosings]) -> Prior | None:
    """The prior fitted to a company's reps, None where nobody closed a deal.

    Deals without a rep (`unknown`) count in the company's rate, not in the spread between reps.
    """
    everyone = list(reps)
    closed = sum(rep.closed for rep in everyone)
    if not closed:
        return None
    company = Prior(sum(rep.won for rep in everyone) / closed, _UNKNOWN_SPREAD)
    enough = [rep for rep in everyone if rep.closed >= FEWEST_CLOSED and rep.rep != UNKNOWN]
    if len(enough) < FEWEST_REPS:
        return company
    rates = [rep.won / rep.closed for rep in enough]
    mean = sum(rates) / len(rates)
    spread = sum((rate - mean) ** 2 for rate in rates) / (len(rates) - 1)
    chance = sum(mean * (1 - mean) / rep.closed for rep in enough) / len(enough)
    if spread <= chance:
        return company
    weight = mean * (1 - mean) / (spread - chance) - 1
    return Prior(mean, min(max(weight, _WEAKEST), _STRONGEST))


def rep_rates(reps: Iterable[RepClosings]) -> tuple[RepRate, ...]:
    """Every rep's win rate, raw and shrunk, by name.

    The reps are all of the company's, `unknown` included where deals have no rep, so that their
    sum is the company's rate.
    """
    everyone = sorted(reps, key=lambda rep: rep.rep)
    prior = prior_of(everyone)
    return tuple(
        RepRate(
            rep=rep.rep,
            won=rep.won,
            closed=rep.closed,
            rate=rep.won / rep.closed if rep.closed else None,
            interval=wilson(rep.won, rep.closed),
            shrunk=None
            if prior is None
            else (rep.won + prior.mean * prior.weight) / (rep.closed + prior.weight),
        )
        for rep in everyone
    )
