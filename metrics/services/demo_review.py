"""The demo's review of its last closed quarter: a summary and three bets, as a manager writes them.

Its texts name no figures: those are the quarter's own.
"""

from datetime import datetime

from accounts.actors import Actor
from metrics.models import Snapshot
from metrics.services.quarter_reviews import write_review

_SUMMARY = (
    "We invite more people than ever and win a smaller part of them. The way to the coach works;"
    " what comes after it does not.\n"
    "Everybody whom we asked named the same thing: nobody knew when it would begin. That is ours"
    " to mend."
)
_BETS = (
    "Two dates within three weeks stand in every offer.",
    "Outbound calls ask who else decides before the coach is booked.",
    "One page for finance goes out with every offer.",
)


def add_review(*, by: Actor, now: datetime) -> None:
    """Write the review of the newest final quarter; nothing where no quarter is final yet."""
    newest = (
        Snapshot.objects.filter(status=Snapshot.Status.FINAL)
        .order_by("-quarter_start")
        .values_list("pipeline_id", "quarter_start")
        .first()
    )
    if newest is None:
        return
    pipeline_id, start = newest
    write_review(
        by=by,
        now=now,
        pipeline_id=pipeline_id,
        quarter_start=start,
        summary=_SUMMARY,
        bets=_BETS,
        version=0,
    )
