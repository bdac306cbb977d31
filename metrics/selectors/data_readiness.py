"""How far the data behind a quarter can be trusted: what was recorded, of how much.

Each check counts what there is (k) of what there should be (n). None of them says that a figure
is wrong; they say what it leaves out. Source: the quarter's stored figures, and the facts.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Exists, OuterRef, Q
from django.utils.translation import gettext as _

from accounts import formats
from accounts.formats import Style
from accounts.models import Company
from metrics.calc.calendar import Quarter
from metrics.calc.types import SegmentFigures
from metrics.selectors.stage_places import QuarterStages, all_stages, heir_of
from pipeline import paths
from pipeline.models import Activity, Deal, Note, Rep
from pipeline.selectors.mailboxes import LINKED_FOR

_MOST = 20_000  # closed deals whose way is read


@dataclass(frozen=True, slots=True)
class Check:
    """One check: `k` of `n` are as they should be. `why` says what the rest costs.

    n is 0 where there is nothing that could be right or wrong.
    """

    key: str
    name: str
    k: int
    n: int
    text: str
    why: str

    @property
    def share(self) -> float | None:
        return self.k / self.n if self.n else None


def data_readiness(
    *,
    company: Company,
    pipeline_id: int,
    quarter: Quarter,
    stages: QuarterStages | None,
    now: SegmentFigures,
    unknown_channel: SegmentFigures | None,
    at: datetime,
    style: Style,
) -> tuple[Check, ...]:
    """The checks of a quarter, of all its deals; mailboxes as they are `at` this instant.

    `unknown_channel` are the figures of the deals whose channel nobody knows, None without any.
    Five queries at most.
    """
    lost = sum(stage.lost_at for stage in now.stages)
    unexplained = sum(
        stage.value_lost_by_reason.get("unknown", (0, None))[0] for stage in now.stages
    )
    without_channel = unknown_channel.in_play if unknown_channel else 0
    counted = (
        (
            "path",
            _("Deals with their path through the stages"),
            (now.in_play - now.path_unknown, now.in_play),
            _("Without its path a deal is left out of funnel and danger points."),
        ),
        (
            "steps",
            _("Closed deals moved stage by stage"),
            _stage_by_stage(pipeline_id, quarter, stages),
            _("A stage that was jumped over has no days of its own."),
        ),
        (
            "amount",
            _("Won deals with an amount"),
            (now.won_with_amount, now.won),
            _("Without an amount a won deal is missing from the average deal."),
        ),
        (
            "reason",
            _("Lost deals with a reason"),
            (lost - unexplained, lost),
            _("Without a reason nobody can say what the loss teaches."),
        ),
        (
            "channel",
            _("Deals with a known channel"),
            (now.in_play - without_channel, now.in_play),
            _("Without a channel a deal is neither inbound nor outbound."),
        ),
        (
            "notes",
            _("Meetings with a note"),
            _noted(pipeline_id, quarter),
            _("Without a note a meeting leaves nothing to learn from."),
        ),
        (
            "mailboxes",
            _("Reps whose mailbox is linked now"),
            _linked(at),
            _("Without it, what was agreed by mail is not on the deal."),
        ),
    )
    return tuple(
        Check(key, name, k, n, formats.rate_of(k, n, style) if n else _("none to check"), why)
        for key, name, (k, n), why in counted
    )


def _stage_by_stage(
    pipeline_id: int, quarter: Quarter, stages: QuarterStages | None
) -> tuple[int, int]:
    """Of the deals closed in the quarter whose path is known: how many stood in every stage up to
    their furthest. A winning has passed all of them."""
    if stages is None or not stages.ids:
        return 0, 0
    known = all_stages()
    places = {stage_id: place for place, stage_id in enumerate(stages.ids, start=1) if stage_id}
    for stage_id in known:
        places.setdefault(stage_id, places.get(heir_of(stage_id, known), 0))
    deals = (
        Deal.objects.filter(
            pipeline_id=pipeline_id,
            path_known=True,
            closed_on__gte=quarter.start,
            closed_on__lt=quarter.end,
        )
        .order_by("-closed_on", "-pk")
        .values_list("path", "outcome")[:_MOST]
    )
    whole = n = 0
    for path, outcome in deals:
        seen = {places.get(stage_id, 0) for _at, _on, stage_id in paths.unpack(bytes(path))} - {0}
        furthest = len(stages.ids) if outcome == "won" else max(seen, default=0)
        n += 1
        whole += len(seen) == furthest
    return whole, n


def _noted(pipeline_id: int, quarter: Quarter) -> tuple[int, int]:
    notes = Note.objects.filter(activity_id=OuterRef("pk"))
    found = Activity.objects.filter(
        kind=Activity.Kind.MEETING,
        deal__pipeline_id=pipeline_id,
        happened_on__gte=quarter.start,
        happened_on__lt=quarter.end,
    ).aggregate(n=Count("pk"), k=Count("pk", filter=Exists(notes)))
    return found["k"], found["n"]


def _linked(at: datetime) -> tuple[int, int]:
    """The rule of `mailbox_linked`, counted."""
    since = at - LINKED_FOR
    found = Rep.objects.filter(retired_at=None).aggregate(
        n=Count("pk"), k=Count("pk", filter=Q(mailbox_linked_at__gte=since))
    )
    return found["k"], found["n"]
