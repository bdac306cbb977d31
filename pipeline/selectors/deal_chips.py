"""The row of chips over the board and the list: ready questions, each with its count."""

from dataclasses import dataclass, replace
from typing import Any

from django.db.models import Count, Q
from django.utils.translation import gettext as _

from accounts import formats
from accounts.formats import Style
from pipeline.models import SavedSegment
from pipeline.selectors.board import Totals
from pipeline.selectors.deal_filters import (
    ME,
    NONE,
    Context,
    DealFilter,
    Options,
    condition_of,
    filter_name,
    filter_of,
    late_condition,
    no_step_condition,
    valued,
)

MOST_SEGMENTS = 40  # shown as chips; the rest is reached through their addresses


@dataclass(frozen=True, slots=True)
class Chip:
    """A question with a name. `id` is its saved segment, if it is one that may be changed."""

    text: str
    query: str
    count: str = ""
    current: bool = False
    id: int | None = None
    shared: bool = False
    mine: bool = False


def saved_segments(*, membership_id: int) -> tuple[SavedSegment, ...]:
    """A member's own segments and those that are shared, own ones first."""
    rows = SavedSegment.objects.filter(Q(shared=True) | Q(membership_id=membership_id))
    found = sorted(
        rows[:500], key=lambda s: (s.membership_id != membership_id, s.name.casefold(), s.pk)
    )
    return tuple(found[:MOST_SEGMENTS])


def deal_chips(
    *,
    context: Context,
    options: Options,
    asked: DealFilter,
    pipeline_id: int,
    segments: tuple[SavedSegment, ...],
    membership_id: int,
    manages: bool,
    style: Style,
    known: Totals | None = None,
) -> tuple[Chip, ...]:
    """The chips: all open, own, late, without a next step, then the saved ones.

    Counts are of open deals, in at most one query; a segment of closed deals has none, nor have
    the chips that leave nothing to do. known: the totals of all open deals, if the page has
    added them up anyway.
    """
    here = DealFilter(pipeline=asked.pipeline)
    ready: list[tuple[str, DealFilter, Q | None]] = [(_("All open"), here, None)]
    if options.me is not None:
        ready.append((_("Mine"), replace(here, rep=ME), None))
    late = late_condition(context=context)
    ready.append((_("Past usual time"), replace(here, late=True), late))
    ready.append((_("No next step"), replace(here, step=NONE), no_step_condition()))
    saved = [(s, filter_of(s.query, options=options)) for s in segments]
    counted: dict[str, Any] = {
        f"ready_{n}": Count("pk", filter=condition)
        for n, (_text, _asked, condition) in enumerate(ready)
        if condition is not None and known is None
    }
    for segment, meant in saved:
        if meant.state == "open":
            # Conditions of lateness are those of the pipeline that is shown.
            narrow = condition_of(meant, context=context)
            counted[f"saved_{segment.pk}"] = Count("pk", filter=narrow)
    found: dict[str, int] = {}
    if counted:
        counts = valued(context=context).filter(pipeline_id=pipeline_id, outcome="open")
        found = counts.aggregate(**counted)
    if known is not None:
        last = len(ready) - 1
        found |= {f"ready_{last - 1}": known.late, f"ready_{last}": known.stepless}
    chips = [
        Chip(text, meant.query(), _number(found.get(f"ready_{n}"), style), meant == asked)
        for n, (text, meant, _condition) in enumerate(ready)
    ]
    for segment, meant in saved:
        mine = segment.membership_id == membership_id
        same_pipeline = meant.pipeline in (None, pipeline_id)
        count = found.get(f"saved_{segment.pk}") if same_pipeline else None
        chips.append(
            Chip(
                segment.name,
                meant.query(),
                _number(count, style),
                meant == asked,
                segment.pk if mine or manages else None,
                segment.shared,
                mine,
            )
        )
    return tuple(chips)


def _number(count: int | None, style: Style) -> str:
    return "" if count is None else formats.number(count, style) or ""


@dataclass(frozen=True, slots=True)
class Asked:
    """One part of the filter that is on, with the address without it."""

    text: str
    query: str


def asked_parts(*, asked: DealFilter, options: Options, style: Style) -> tuple[Asked, ...]:
    """What the filter says, part by part, for people; each can be taken off."""
    parts: list[tuple[str, dict[str, Any]]] = []
    for name in ("rep", "team", "product", "source"):
        value = getattr(asked, name)
        if value == NONE:
            parts.append((_("No {name}").format(name=filter_name(name)), {name: ""}))
        elif value:
            parts.append((options.text_of(name, value), {name: ""}))
    channels = {"inbound": _("Inbound"), "outbound": _("Outbound"), NONE: _("No channel")}
    if asked.channel:
        parts.append((channels[asked.channel], {"channel": ""}))
    if asked.least is not None:
        text = formats.money(float(asked.least), style)
        parts.append((_("From {amount}").format(amount=text), {"least": None}))
    if asked.most is not None:
        text = formats.money(float(asked.most), style)
        parts.append((_("Up to {amount}").format(amount=text), {"most": None}))
    if asked.text:
        parts.append((f"“{asked.text}”", {"text": ""}))
    if asked.late:
        parts.append((_("Past usual time"), {"late": False}))
    if asked.step:
        steps = {NONE: _("No next step"), "due": _("Next step due")}
        parts.append((steps[asked.step], {"step": ""}))
    if asked.since is not None:
        text = formats.day(asked.since, style)
        parts.append((_("Closed since {day}").format(day=text), {"since": None}))
    return tuple(Asked(text, asked.query(**change)) for text, change in parts)
