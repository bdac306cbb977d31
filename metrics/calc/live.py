"""How fast is the pipeline now: the deals open today at the pace of the last four quarters.

Definitions: docs/metrics.md, "Velocity", "Live". Computed when read, from the newest snapshots.
"""

from collections.abc import Sequence

from metrics.calc.read import QuarterSnapshots
from metrics.calc.velocity import Factors, VelocityOptions, combine, cycle_days, cycle_deals

_DEFAULTS = VelocityOptions()
_QUARTERS = 4


def live_velocity(
    quarters: Sequence[QuarterSnapshots],
    *,
    segment: str,
    options: VelocityOptions = _DEFAULTS,
) -> Factors:
    """N = deals open now; A, W, C over the deals of the last four quarters that have ended.

    `quarters` are a company's newest snapshots, in any order. The running one gives N: without a
    row in it the segment has no open deals. Fewer ended quarters than four count as they are; a
    segment without a row in one had no deals in it.
    """
    ordered = sorted(quarters, key=lambda quarter: quarter.start)
    running = [quarter for quarter in ordered if _is_running(quarter)]
    ended = [quarter for quarter in ordered if not _is_running(quarter)][-_QUARTERS:]
    now = running[-1].segments.get(segment) if running else None
    last = [
        snapshot.figures
        for quarter in ended
        if (snapshot := quarter.segments.get(segment)) is not None
    ]
    return combine(
        number=float(now.figures.open_at_end) if now else 0.0,
        days=1,  # the days that matter are those of the ended quarters
        won=sum(figures.won for figures in last),
        closed=sum(figures.closed for figures in last),
        revenue=sum(figures.revenue_won or 0.0 for figures in last),
        won_with_amount=sum(figures.won_with_amount for figures in last),
        cycle_days=sum(cycle_days(figures, options.cycle) for figures in last),
        cycle_deals=sum(cycle_deals(figures, options.cycle) for figures in last),
    )


def _is_running(quarter: QuarterSnapshots) -> bool:
    return any(snapshot.status == "running" for snapshot in quarter.segments.values())
