"""What the company wrote down of it: late, sometimes wrong, corrected, with gaps."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from metrics.calc.simulate import words, world
from metrics.calc.simulate.fates import Fate, Opening, Step, next_working_time
from metrics.calc.simulate.records import SimulatedDeal, SimulatedMove

_STAGE_NAMES = {number: name for number, (name, _, _) in enumerate(world.STAGES, start=1)}
_REASONS: dict[int, tuple[tuple[str, float], ...]] = {
    1: (("no show", 0.45), ("no decision", 0.3), ("not a fit", 0.25)),
    2: (("no decision", 0.34), ("timing", 0.26), ("budget", 0.2), ("not a fit", 0.2)),
    3: (("price", 0.3), ("no decision", 0.32), ("competitor", 0.23), ("timing", 0.15)),
}
_WHAT = {
    "Coaching": ("coaching for team leads", "executive coaching", "coaching, six months",
                 "onboarding coaching", "coaching for new managers"),
    "Course": ("sales course", "feedback course", "course seats", "presentation course"),
    "Summit": ("leadership summit", "kick-off summit", "summit days"),
}  # fmt: skip


@dataclass(slots=True)
class _Draft:
    """A row before ids are given: `key` and `replaces` are numbers within the drafts."""

    key: int
    deal: int
    from_stage: int | None
    to_stage: int | None
    occurred_at: datetime  # local, naive
    recorded_at: datetime
    replaces: int | None
    rep: str


def records(
    rng: np.random.Generator,
    *,
    openings: list[Opening],
    fates: list[Fate],
    customers: list[str],
    untidy: world.Untidy,
    zone: ZoneInfo,
    as_of: datetime,
) -> tuple[tuple[SimulatedDeal, ...], tuple[SimulatedMove, ...]]:
    """Deals and moves as recorded until `as_of`; ids rise with the time of recording."""
    drafts: list[_Draft] = []
    for deal, (opening, fate) in enumerate(zip(openings, fates, strict=True)):
        _write_down(rng, drafts, deal, opening, fate, untidy)
    local_now = as_of.astimezone(zone).replace(tzinfo=None)
    known = sorted(
        (draft for draft in drafts if draft.recorded_at < local_now),
        key=lambda draft: (draft.recorded_at, draft.key),
    )
    ids = {draft.key: number for number, draft in enumerate(known, start=1)}
    deal_ids: dict[int, int] = {}
    for draft in known:
        deal_ids.setdefault(draft.deal, len(deal_ids) + 1)
    moves = tuple(
        SimulatedMove(
            id=ids[draft.key],
            deal_id=deal_ids[draft.deal],
            from_stage=_STAGE_NAMES[draft.from_stage] if draft.from_stage else None,
            to_stage=_STAGE_NAMES[draft.to_stage] if draft.to_stage else None,
            occurred_at=_utc(draft.occurred_at, zone),
            recorded_at=_utc(draft.recorded_at, zone),
            replaces=ids[draft.replaces] if draft.replaces is not None else None,
            rep=draft.rep,
        )
        for draft in known
    )
    replaced = {draft.replaces for draft in known}
    latest: dict[int, int] = {}
    for draft in sorted(known, key=lambda draft: (draft.occurred_at, draft.key)):
        if draft.to_stage is not None and draft.key not in replaced:
            latest[draft.deal] = draft.to_stage
    deals: list[SimulatedDeal] = []
    for index, (opening, fate) in enumerate(zip(openings, fates, strict=True)):
        # Draw for every deal, so that the ones after it do not depend on `as_of`.
        shown = _deal(rng, opening, fate, customers, untidy, latest.get(index), local_now.date())
        if index in deal_ids:
            deals.append(replace(shown, id=deal_ids[index], opening=index))
    return tuple(sorted(deals, key=lambda deal: deal.id)), moves


def _utc(local: datetime, zone: ZoneInfo) -> datetime:
    return local.replace(tzinfo=zone, microsecond=0).astimezone(UTC)


def _write_down(
    rng: np.random.Generator,
    drafts: list[_Draft],
    deal: int,
    opening: Opening,
    fate: Fate,
    untidy: world.Untidy,
) -> None:
    steps = _untidy_steps(rng, fate, untidy)
    before: Step | None = None
    for step in steps:
        late, slip = rng.random() < untidy.late_entry, rng.random()
        delay = rng.integers(1, 18) if late else 0
        minutes = int(rng.integers(2, 280))
        if before is None and opening.channel == "inbound":
            late, minutes = False, 1  # the booking page writes its own row
        recorded = step.at + timedelta(minutes=minutes)
        if late:
            recorded = next_working_time(step.at + timedelta(days=int(delay)), rng)
        row = _Draft(
            key=len(drafts),
            deal=deal,
            from_stage=before.stage if before else None,
            to_stage=step.stage,
            occurred_at=step.at,
            recorded_at=recorded,
            replaces=None,
            rep=opening.rep.name,
        )
        drafts.append(row)
        if before is not None and slip < untidy.corrected:
            # The time was typed wrongly at first: too early, but never before the last move.
            wrong = step.at - (step.at - before.at) * float(rng.uniform(0.1, 0.8))
            row.occurred_at = wrong
            drafts.append(
                replace(
                    row,
                    key=len(drafts),
                    occurred_at=step.at,
                    recorded_at=recorded + timedelta(days=int(rng.integers(1, 12)), minutes=7),
                    replaces=row.key,
                )
            )
        elif before is not None and slip > 1 - untidy.withdrawn and step.stage <= 3:
            # Clicked on the wrong column, and taken back within the hour.
            slipped = replace(
                row,
                key=len(drafts),
                from_stage=step.stage,
                to_stage=4,
                occurred_at=recorded + timedelta(minutes=1),
                recorded_at=recorded + timedelta(minutes=1),
            )
            back = replace(
                slipped,
                key=len(drafts) + 1,
                to_stage=None,
                recorded_at=recorded + timedelta(minutes=int(rng.integers(3, 55))),
                replaces=slipped.key,
            )
            drafts += [slipped, back]
        before = step


def _untidy_steps(rng: np.random.Generator, fate: Fate, untidy: world.Untidy) -> list[Step]:
    """The steps somebody meant to record: a jump over a stage, a step back and again forward."""
    jump, back = rng.random() < untidy.jump, rng.random() < untidy.step_back
    share = float(rng.uniform(0.3, 0.7))
    steps = list(fate.steps)
    if jump and len(steps) > 2 and steps[1].stage == 2 and steps[2].stage == 3:
        del steps[1]
    if back:
        for index in range(1, len(steps) - 1):
            here, later = steps[index], steps[index + 1]
            if here.stage == 3 and later.stage > 3 and (later.at - here.at).days > 6:
                turn = next_working_time(here.at + (later.at - here.at) * share * 0.5, rng)
                again = next_working_time(turn + (later.at - here.at) * 0.25, rng)
                if here.at < turn < again < later.at:
                    steps[index + 1 : index + 1] = [Step(2, turn), Step(3, again)]
                break
    return steps


def _deal(
    rng: np.random.Generator,
    opening: Opening,
    fate: Fate,
    customers: list[str],
    untidy: world.Untidy,
    stage: int | None,
    today: date,
) -> SimulatedDeal:
    draws = rng.random(6)
    outcome = {4: "won", 5: "lost"}.get(stage or 1, "open")
    product = world.PRODUCTS[opening.product].name
    has_source = draws[0] >= untidy.no_source
    has_amount = draws[1] >= (untidy.no_amount or world.AMOUNT_MISSING)[outcome]
    reason, competitor = _why_lost(fate, float(draws[2]), float(draws[3]), untidy)
    next_step, due = _next_step(stage, float(draws[4]), float(draws[5]), today)
    what = _WHAT[product][int(rng.integers(len(_WHAT[product])))]
    return SimulatedDeal(
        id=0,
        name=f"{customers[opening.customer]}: {what}",
        customer=customers[opening.customer],
        channel=opening.channel,
        source=opening.source.name if has_source else None,
        product=product if rng.random() >= untidy.no_product else None,
        rep=opening.rep.name,
        team=opening.rep.team,
        amount=opening.amount if has_amount else None,
        lost_reason=reason if outcome == "lost" else None,
        competitor=competitor if outcome == "lost" else None,
        won_reason=_pick(words.WON_REASONS, draws[4]) if stage == 4 and draws[5] < 0.7 else None,
        next_step=next_step,
        next_step_on=due,
        opening=-1,
    )


def _why_lost(
    fate: Fate, luck: float, which: float, untidy: world.Untidy
) -> tuple[str | None, str | None]:
    losses = [leaving for leaving in fate.leavings if not leaving.advanced]
    if not losses or luck < untidy.no_reason:
        return None, None
    last, worsening = losses[-1], world.Worsening()
    weights = dict(_REASONS[last.position])
    since = world.QUARTERS - len(worsening.chance_factors)
    if last.position == worsening.position and last.entered_quarter >= since:
        weights[worsening.reason] *= worsening.reason_factor
    mark = (luck - untidy.no_reason) / (1 - untidy.no_reason) * sum(weights.values())
    for text, weight in weights.items():
        reason, mark = text, mark - weight
        if mark < 0:
            break
    if reason != "competitor":
        return reason, None
    return reason, world.COMPETITORS[min(int(which * 4), 2)] if which < 0.9 else None


def _next_step(
    stage: int | None, which: float, has: float, today: date
) -> tuple[str | None, date | None]:
    """Most open deals have a next step; some of them are overdue, as in real life."""
    if stage not in words.NEXT_STEPS or has < 0.25:
        return None, None
    due = today + timedelta(days=int((has - 0.42) * 30))
    while due.weekday() >= 5:
        due += timedelta(days=1)
    return _pick(words.NEXT_STEPS[stage], which), due


def _pick(texts: tuple[str, ...], luck: float) -> str:
    return texts[int(luck * len(texts))]
