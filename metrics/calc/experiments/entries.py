"""Do quick deals come first: the second opinion on a later stage's conversion, before and after.

A deal belongs to such a conversion from the day on which it reaches the stage. The window before is
over and has its slow deals too; after the start the quick ones come in first. Where quick deals do
better, the test looks better for a while although nothing changed. So a verdict also asks for the
comparison of deals that had equally long since their opening: they reached the stage within W days,
and W + D days have passed since they opened, on both sides alike. That is decided by the day of
opening alone, so its always-valid interval holds as any other does.
"""

from dataclasses import dataclass, replace

import numpy as np

from metrics.calc.experiments.measures import Observations
from metrics.calc.experiments.sequences import conversions_differ
from metrics.calc.history import Float, Int32

USUAL = 90  # per cent of the baseline's deals reach the stage within W days


@dataclass(frozen=True, slots=True)
class EntriesCheck:
    """What deals say that had equally long since their opening.

    `days` is W + D. `early` deals of the test count in its conversion though they opened less than
    that ago; `sign` is 1 where the others alone tell the test to be higher, -1 lower, else 0.
    """

    days: int
    early: int
    sign: int


def check_entries(
    baseline: Observations, test: Observations, opened_on: Int32, *, follow_up: int, last_day: int
) -> EntriesCheck | None:
    """Whether deals followed equally long from their opening tell the sides apart.

    `opened_on` [n] is of all deals. None without a deal of the baseline that counts.
    """
    if not baseline.size:
        return None
    taken = baseline.started_on - opened_on[baseline.deal]
    days = int(np.ceil(np.percentile(taken, USUAL) - 1e-9)) + follow_up
    early = int((opened_on[test.deal] + days > last_day).sum())
    before, after = (
        equally_opened(side, opened_on, days=days, follow_up=follow_up, last_day=last_day)
        for side in (baseline, test)
    )
    if not min(before.size, after.size):
        return EntriesCheck(days, early, 0)

    def one(x: float) -> Float:
        return np.array([x], np.float64)

    told = conversions_differ(
        one(after.value.sum()), one(after.size), one(before.value.sum()), one(before.size)
    )
    return EntriesCheck(days, early, int(told[0]))


def equally_opened(
    side: Observations, opened_on: Int32, *, days: int, follow_up: int, last_day: int
) -> Observations:
    """Those of a side that reached the stage in time for `days` since opening to say how it went.

    They mature `days` after their opening, however soon they reached the stage.
    """
    final = opened_on[side.deal].astype(np.int64) + days
    kept = np.flatnonzero((final <= last_day) & (side.started_on + follow_up <= final))
    kept = kept[np.argsort(final[kept], kind="stable")]
    return replace(
        side,
        deal=side.deal[kept],
        started_on=side.started_on[kept],
        matured_on=final[kept].astype(np.int32),
        value=side.value[kept],
        mature=len(kept),
    )
