"""Which arm a rep or a deal is in: drawn from a shown seed, said before the outcome is known.

Reps get their arms at the start, stratified by the channel that most of their deals come through;
deals when they are opened in the segment, stratified by their channel. Rows are only ever added.
Deals that had ended before anybody could be told their arm get none: they are counted as
unassigned.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import Q

from accounts.actors import Actor
from accounts.models import Company
from accounts.services.audit import record_audit
from metrics.calc.calendar import day_number
from metrics.calc.experiments import assignment as calc
from metrics.calc.experiments.measures import in_segment
from metrics.calc.experiments.result import Arms
from metrics.calc.history import History
from metrics.calc.segments import UNKNOWN, parse_segment
from metrics.models import Assignment, Experiment
from pipeline.models import Deal, DealChange, Team

BY = Actor.product("experiments")
_NO_TEAM = "none"  # arms by rep were stratified by team once
_ACTIVE = timedelta(days=182)  # who had no deal of the segment for so long has none to be drawn for
_FIELDS = {
    "channel": "source__channel",
    "source": "source__name",
    "product": "product__name",
    "rep": "rep__name",
    "team": "rep__team__name",
}
_STORED: Mapping[calc.Arm, str] = {
    "test": Assignment.Arm.TEST,
    "baseline": Assignment.Arm.CONTROL,
}
_READ: Mapping[str, calc.Arm] = {
    Assignment.Arm.TEST: "test",
    Assignment.Arm.CONTROL: "baseline",
}


def assign_reps(*, experiment: Experiment, now: datetime, by: Actor = BY) -> int:
    """Give every active rep with deals in the segment an arm, once; how many got one now.

    In the caller's transaction, which holds the experiment. A second call, and a rep who came
    after the first, get nothing.
    """
    if experiment.design != Experiment.Design.ARMS_BY_REP or experiment.seed is None:
        return 0
    if Assignment.objects.filter(experiment=experiment, rep__isnull=False).exists():
        return 0
    units = _reps_of(experiment)
    seed = str(experiment.seed)
    arms = calc.assign_all(seed, units)
    numbers: dict[str, int] = {}
    rows = []
    for unit in units:
        numbers[unit.stratum] = numbers.get(unit.stratum, 0) + 1
        rows.append(
            Assignment(
                experiment=experiment,
                rep_id=unit.id,
                arm=_STORED[arms[unit.id]],
                stratum=unit.stratum,
                number=numbers[unit.stratum],
                assigned_at=now,
            )
        )
    return _write(experiment, rows, now=now, by=by)


def assign_deals(*, experiment: Experiment, history: History, now: datetime, by: Actor = BY) -> int:
    """Give the deals that opened in the segment since the start an arm; how many got one now.

    In the caller's transaction, which holds the experiment, so that two workers do not count the
    same place in a block. `history` has at least the deals that are open now.
    """
    starts = experiment.starts_on
    if experiment.design != Experiment.Design.ARMS_BY_DEAL or experiment.seed is None:
        return 0
    if starts is None or experiment.state != Experiment.State.RUNNING:
        return 0
    opened = history.entered_on[history.visit_start[:-1]]
    since = in_segment(history, experiment.segment) & (opened >= day_number(starts))
    inside = history.deal_id[since].tolist()
    taken = set(_of_deals(experiment))
    found = Deal.objects.filter(
        pipeline_id=experiment.pipeline_id,
        opened_on__gte=starts,
        outcome=Deal.Outcome.OPEN,
        pk__in=[deal for deal in inside if deal not in taken],
    )
    if experiment.ends_on is not None:
        found = found.filter(opened_on__lt=experiment.ends_on)
    # By id: the order in which they were entered here.
    fresh = found.order_by("pk").values_list("pk", "source__channel")
    return _draw_deals(
        experiment, [(deal, channel, now) for deal, channel in fresh], now=now, by=by
    )


def assign_as_opened(
    *, experiment: Experiment, opened: Sequence[tuple[int, str | None, datetime]], now: datetime
) -> int:
    """Give deals of a history that is loaded whole the arms they would have got when they opened.

    `opened` has the id, the channel and the instant of opening of every deal since the start, in
    that order, also of those that closed since: to leave them out would compare the slow ones.
    How many got one. In the caller's transaction, which holds the experiment.
    """
    taken = set(_of_deals(experiment))
    fresh = [row for row in opened if row[0] not in taken]
    return _draw_deals(experiment, fresh, now=now, by=BY)


def _draw_deals(
    experiment: Experiment,
    fresh: Sequence[tuple[int, str | None, datetime]],
    *,
    now: datetime,
    by: Actor,
) -> int:
    numbers = _places(experiment)
    rows = []
    for deal, channel, at in fresh:
        stratum = channel or UNKNOWN
        already = numbers.get(stratum, 0)
        numbers[stratum] = already + 1
        rows.append(
            Assignment(
                experiment=experiment,
                deal_id=deal,
                arm=_STORED[calc.assign_next(str(experiment.seed), stratum, already)],
                stratum=stratum,
                number=already + 1,
                assigned_at=at,
            )
        )
    return _write(experiment, rows, now=now, by=by)


def arms_of(*, company: Company, experiment: Experiment, upto: datetime | None) -> Arms | None:
    """The arms as the arithmetic takes them; None for a before/after.

    A deal of an experiment by rep is in the arm of the rep that it had when it opened. `upto`
    leaves out what was said or changed later; None leaves out nothing.
    """
    if experiment.design == Experiment.Design.BEFORE_AFTER:
        return None
    said = Assignment.objects.filter(experiment=experiment)
    if upto is not None:
        said = said.filter(assigned_at__lte=upto)
    rows = list(said.order_by("pk").values_list("deal_id", "rep_id", "arm", "stratum"))
    by_rep = experiment.design == Experiment.Design.ARMS_BY_REP
    if by_rep:
        of_rep = {rep: _READ[arm] for _, rep, arm, _ in rows if rep is not None}
        reps = _reps_of_deals(company, experiment, upto, wanted=None)
        first = {deal: hands[0] for deal, hands in reps.items() if hands}
        strata = _team_names(stratum for _, rep, _, stratum in rows if rep is not None)
        return Arms(
            of_deal={deal: of_rep[rep] for deal, rep in first.items() if rep in of_rep},
            units=tuple(
                calc.Unit(rep, strata.get(stratum, stratum))
                for _, rep, _, stratum in rows
                if rep is not None
            ),
            of_unit=of_rep,
            baseline_units=sum(arm == "baseline" for arm in of_rep.values()),
            test_units=sum(arm == "test" for arm in of_rep.values()),
            reps_of_deals=reps,
            of_rep=of_rep,
        )
    of_deal = {deal: _READ[arm] for deal, _, arm, _ in rows if deal is not None}
    return Arms(
        of_deal=of_deal,
        units=tuple(calc.Unit(deal, stratum) for deal, _, _, stratum in rows if deal is not None),
        of_unit=of_deal,
        reps_of_deals=_reps_of_deals(company, experiment, upto, wanted=list(of_deal)),
    )


def _write(experiment: Experiment, rows: Sequence[Assignment], *, now: datetime, by: Actor) -> int:
    if not rows:
        return 0
    Assignment.objects.bulk_create(rows, batch_size=1000)
    test = sum(row.arm == Assignment.Arm.TEST for row in rows)
    record_audit(
        by=by,
        at=now,
        action="experiment.assigned",
        object_type="experiment",
        object_id=experiment.pk,
        after={
            "units": "reps" if rows[0].rep_id is not None else "deals",
            "test": test,
            "control": len(rows) - test,
            "seed": experiment.seed,
        },
    )
    return len(rows)


def _reps_of(experiment: Experiment) -> list[calc.Unit]:
    """Active reps who have a deal of the segment, open or of the half year before, by id.

    Stratum: the channel of most of those deals, the first by name where two have as many.
    """
    since = (experiment.starts_on or date.min + _ACTIVE) - _ACTIVE
    here = Q(outcome=Deal.Outcome.OPEN) | Q(opened_on__gte=since)
    for dimension, text in parse_segment(experiment.segment):
        field = _FIELDS[dimension]
        named = Q(**{field: text})
        here &= named | Q(**{f"{field}__isnull": True}) if text == UNKNOWN else named
    found = Deal.objects.filter(
        here, pipeline_id=experiment.pipeline_id, rep__isnull=False, rep__retired_at__isnull=True
    )
    channels: dict[int, Counter[str]] = {}
    for rep, channel in found.values_list("rep_id", "source__channel"):
        channels.setdefault(rep, Counter())[channel or UNKNOWN] += 1
    return [
        calc.Unit(rep, min(counts, key=lambda name: (-counts[name], name)))
        for rep, counts in sorted(channels.items())
    ]


def _team_names(strata: Iterable[str]) -> dict[str, str]:
    """The names of strata that were teams, which are stored by id."""
    ids = {int(text) for text in strata if text.isdigit()}
    names = Team.objects.filter(pk__in=ids).values_list("pk", "name") if ids else ()
    return {**{str(pk): name for pk, name in names}, _NO_TEAM: UNKNOWN}


def _of_deals(experiment: Experiment) -> list[int]:
    return list(
        Assignment.objects.filter(experiment=experiment, deal__isnull=False).values_list(
            "deal_id", flat=True
        )
    )


def _places(experiment: Experiment) -> dict[str, int]:
    """The last place taken in each stratum."""
    rows = Assignment.objects.filter(experiment=experiment, deal__isnull=False).values_list(
        "stratum", "number"
    )
    taken: dict[str, int] = {}
    for stratum, number in rows:
        taken[stratum] = max(taken.get(stratum, 0), number)
    return taken


@dataclass(slots=True)
class _Hands:
    first: int | None
    later: list[int]


def _reps_of_deals(
    company: Company,
    experiment: Experiment,
    upto: datetime | None,
    wanted: list[int] | None,
) -> dict[int, tuple[int, ...]]:
    """Every rep that a deal had, in order: of the deals opened since the start, or of `wanted`.

    Where two reps were merged into one, nobody handed anything over.
    """
    deals = Deal.objects.filter(company=company, pipeline_id=experiment.pipeline_id)
    if wanted is not None:
        deals = deals.filter(pk__in=wanted)
    else:
        deals = deals.filter(opened_on__gte=experiment.starts_on)
    present = dict(deals.values_list("pk", "rep_id"))
    changes = DealChange.objects.filter(company=company, deal_id__in=list(present), field="rep_id")
    if upto is not None:
        changes = changes.filter(changed_at__lte=upto)
    hands: dict[int, _Hands] = {}
    for deal, before, after, origin in changes.order_by("pk").values_list(
        "deal_id", "before", "after", "origin"
    ):
        row = hands.setdefault(deal, _Hands(_id(before), []))
        reached = _id(after)
        if origin != "merge" and reached is not None:
            row.later.append(reached)
    out: dict[int, tuple[int, ...]] = {}
    for deal, rep in present.items():
        changed = hands.get(deal)
        first = rep if changed is None else changed.first
        reps = [first, *(changed.later if changed else [])]
        out[deal] = tuple(one for one in reps if one is not None)
    return out


def _id(text: str) -> int | None:
    return int(text) if text.isdigit() else None
