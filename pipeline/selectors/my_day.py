"""A rep's day: what waits to be settled, in the order of the money at stake.

Seven queries at most, whatever the number of deals and meetings.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Count, Exists, F, OuterRef, Q, Sum
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import formats
from accounts.formats import Style
from accounts.models import Company
from pipeline.models import Activity, Deal, Note, Rep, Stage
from pipeline.selectors.deal_filters import (
    Context,
    due_condition,
    late_condition,
    no_step_condition,
    valued,
)
from pipeline.selectors.deal_rows import FIELDS, Age, DealRow, Step, Writer
from pipeline.selectors.moves_allowed import StageChoice

SHOWN = 50


@dataclass(frozen=True, slots=True)
class Talk:
    """A meeting without a note."""

    id: int
    deal_id: int
    deal_name: str
    about: str  # "Acme · €4,200"
    when: str  # "yesterday, 14:00"
    subject: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """A deal that waits for something. `age` and `step` carry a tone where they say why."""

    id: int
    version: int
    name: str
    about: str
    amount: str
    stage: str
    age: Age | None
    step: Step | None
    next_step: str
    next_step_on: str  # ISO, for the field
    targets: tuple[StageChoice, ...]


@dataclass(frozen=True, slots=True)
class Day:
    """Everything that the page prints. `notes` say what the order and the counts leave open."""

    rep_id: int
    rep: str
    talks: tuple[Talk, ...]
    deals: tuple[Waiting, ...]
    talks_more: int
    deals_more: int
    summary: str
    notes: tuple[str, ...]
    done: str  # said where nothing waits
    done_notes: tuple[str, ...]


def day_reps() -> tuple[tuple[int, str], ...]:
    """The reps whose day can be looked at: those in use."""
    return tuple(
        Rep.objects.filter(retired_at=None).order_by("name", "id").values_list("id", "name")
    )


def my_day(*, rep_id: int, company: Company, now: datetime, style: Style, mine: bool) -> Day | None:
    """The day of a rep, as of `now`; None where there is no such rep.

    Money is in the company's currency at this month's rates; deals without an amount, or in a
    currency without a rate, stand last.
    """
    rep = Rep.objects.filter(pk=rep_id).first()
    if rep is None:
        return None
    today = company.local_day(now)
    stages = tuple(Stage.objects.all())
    context = Context(company, today, stages)
    writer = Writer(style=style, today=today, usual={s.pk: s.usual_days for s in stages})
    counts = _counts(context, rep_id)
    talks, talk_total = _talks(company, rep_id, today, context, writer)
    deals = _deals(context, rep_id, writer)
    return Day(
        rep_id=rep_id,
        rep=rep.name,
        talks=talks,
        deals=deals,
        talks_more=talk_total - len(talks),
        deals_more=counts["waiting"] - len(deals),
        summary=_summary(counts, style),
        notes=_order_notes(counts, style),
        done="" if talks or deals else _done(counts, rep.name, style, mine=mine),
        done_notes=_unjudged(counts, style),
    )


def _condition(context: Context) -> Q:
    return (
        late_condition(context=context) | due_condition(today=context.today) | no_step_condition()
    )


def _open(context: Context, rep_id: int) -> Any:
    return valued(context=context).filter(outcome=Deal.Outcome.OPEN, rep_id=rep_id)


def _counts(context: Context, rep_id: int) -> Mapping[str, Any]:
    waits = _condition(context)
    known = [s.pk for s in context.stages if s.usual_days is not None]
    found: Mapping[str, Any] = (
        _open(context, rep_id)
        .order_by()
        .aggregate(
            open=Count("pk"),
            waiting=Count("pk", filter=waits),
            at_stake=Sum("worth", filter=waits),
            unknown=Count("pk", filter=waits & Q(worth=None)),
            late=Count("pk", filter=late_condition(context=context)),
            due=Count("pk", filter=due_condition(today=context.today)),
            stepless=Count("pk", filter=no_step_condition()),
            unjudged=Count("pk", filter=~Q(stage_id__in=known)),
        )
    )
    return found


def _deals(context: Context, rep_id: int, writer: Writer) -> tuple[Waiting, ...]:
    rows = (
        _open(context, rep_id)
        .filter(_condition(context))
        .order_by(F("worth").desc(nulls_last=True), F("next_step_on").asc(nulls_last=True), "pk")
        .values_list(*FIELDS, "pipeline_id")[:SHOWN]
    )
    choices = _choices(context)
    names = {s.pk: s.name for s in context.stages}
    found = []
    for *values, pipeline_id in rows:
        row = DealRow(*values)
        found.append(
            Waiting(
                id=row.id,
                version=row.version,
                name=row.name,
                about=row.customer or "",
                amount=writer.amount(row),
                stage=names.get(row.stage_id or 0, ""),
                age=writer.age(row),
                step=writer.step(row),
                next_step=row.next_step,
                next_step_on=row.next_step_on.isoformat() if row.next_step_on else "",
                targets=tuple(c for c in choices.get(pipeline_id, ()) if c.id != row.stage_id),
            )
        )
    return tuple(found)


def _choices(context: Context) -> dict[int, tuple[StageChoice, ...]]:
    """The stages that deals may be moved to, by pipeline."""
    by_pipeline: dict[int, list[StageChoice]] = {}
    in_use = [s for s in context.stages if s.kind == Stage.Kind.OPEN and s.retired_at is None]
    for stage in sorted(in_use, key=lambda s: s.position or 0):
        own = by_pipeline.setdefault(stage.pipeline_id, [])
        own.append(StageChoice(stage.pk, stage.name, str(len(own) + 1) if len(own) < 9 else ""))
    return {pipeline_id: tuple(own) for pipeline_id, own in by_pipeline.items()}


def _talks(
    company: Company, rep_id: int, today: date, context: Context, writer: Writer
) -> tuple[tuple[Talk, ...], int]:
    written = Note.objects.filter(activity_id=OuterRef("pk"))
    talks = Activity.objects.filter(
        ~Exists(written),
        kind=Activity.Kind.MEETING,
        rep_id=rep_id,
        happened_on__gte=today - timedelta(days=1),
        happened_on__lte=today,
    )
    rows = list(
        talks.order_by("-happened_at", "-id").values_list(
            "id", "deal_id", "happened_at", "happened_on", "subject"
        )[: 4 * SHOWN]
    )
    if not rows:
        return (), 0
    ids = {deal_id for _pk, deal_id, *_rest in rows}
    deals = {
        row[0]: (DealRow(*row[:-1]), row[-1])
        for row in valued(context=context).filter(pk__in=ids).values_list(*FIELDS, "worth")
    }

    def stake(row: Any) -> tuple[bool, Decimal, datetime]:
        worth = deals[row[1]][1]
        return (worth is None, -(worth or Decimal(0)), row[2])

    rows.sort(key=stake)
    found = []
    for pk, deal_id, happened_at, happened_on, subject in rows[:SHOWN]:
        deal = deals[deal_id][0]
        word = _("today") if happened_on == today else _("yesterday")
        clock = happened_at.astimezone(company.zone)
        found.append(
            Talk(
                id=pk,
                deal_id=deal_id,
                deal_name=deal.name,
                about=" · ".join(p for p in (deal.customer, writer.amount(deal)) if p),
                when=f"{word}, {clock:%H:%M}",
                subject=subject,
            )
        )
    return tuple(found), len(rows)


def _summary(counts: Mapping[str, Any], style: Style) -> str:
    if not counts["waiting"]:
        return ""
    deals = ngettext("{n} deal waits for you", "{n} deals wait for you", counts["waiting"])
    said = deals.format(n=formats.number(counts["waiting"], style))
    if counts["at_stake"] is None:
        return said
    worth = formats.money(float(counts["at_stake"]), style)
    return _("{deals}, {worth} at stake").format(deals=said, worth=worth)


def _order_notes(counts: Mapping[str, Any], style: Style) -> tuple[str, ...]:
    if not counts["waiting"]:
        return ()
    notes = [_("The largest amount stands first.")]
    if counts["unknown"]:
        said = ngettext(
            "{n} deal whose worth is not known (no amount, or no exchange rate) stands last.",
            "{n} deals whose worth is not known (no amount, or no exchange rate) stand last.",
            counts["unknown"],
        )
        notes.append(said.format(n=formats.number(counts["unknown"], style)))
    return (*notes, *_unjudged(counts, style))


def _unjudged(counts: Mapping[str, Any], style: Style) -> tuple[str, ...]:
    """Deals whose age nobody can judge yet are said, not passed off as fine."""
    if not counts["unjudged"]:
        return ()
    said = ngettext(
        "{n} deal stands in a stage whose usual time is not known yet, so its age is not judged.",
        "{n} deals stand in stages whose usual time is not known yet, so their age is not judged.",
        counts["unjudged"],
    )
    return (said.format(n=formats.number(counts["unjudged"], style)),)


def _done(counts: Mapping[str, Any], rep: str, style: Style, *, mine: bool) -> str:
    if not counts["open"]:
        return (
            _("You have no open deals.") if mine else _("{rep} has no open deals.").format(rep=rep)
        )
    if counts["open"] == 1:
        return _("The one open deal has a next step that lies ahead.")
    return _("All {n} open deals have a next step that lies ahead.").format(
        n=formats.number(counts["open"], style)
    )
