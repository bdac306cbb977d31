"""Calls, meetings, e-mails and notes about a deal, in words that a seller would write."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from metrics.calc.simulate import words, world
from metrics.calc.simulate.fates import Fate, Opening, next_working_time
from metrics.calc.simulate.names import contact_name
from metrics.calc.simulate.records import SimulatedActivity, SimulatedDeal, SimulatedNote
from metrics.calc.simulate.words import Kind


def conversation(
    rng: np.random.Generator,
    *,
    openings: list[Opening],
    fates: list[Fate],
    deals: tuple[SimulatedDeal, ...],
    untidy: world.Untidy,
    zone: ZoneInfo,
    as_of: datetime,
) -> tuple[tuple[SimulatedActivity, ...], tuple[SimulatedNote, ...]]:
    """What was said about each deal until `as_of`, in order of time."""
    local_now = as_of.astimezone(zone).replace(tzinfo=None)
    shown = {deal.opening: deal for deal in deals}
    activities: list[SimulatedActivity] = []
    notes: list[SimulatedNote] = []
    for index, (opening, fate) in enumerate(zip(openings, fates, strict=True)):
        who = contact_name(rng)
        deal = shown.get(index)
        for start, end, stage in _stays(fate, local_now):
            for kind, at in _plan(rng, start, end, stage):
                subject = _one(rng, words.SUBJECTS[kind, stage]).format(who=who)
                quiet = rng.random()
                text = _meeting_note(rng, stage, who)
                silent = untidy.meeting_without_note if kind == "meeting" else 0.6
                if deal is not None and at < local_now:
                    activities.append(
                        SimulatedActivity(
                            deal_id=deal.id,
                            rep=opening.rep.name,
                            kind=kind,
                            occurred_at=_utc(at, zone),
                            subject=subject,
                            note=text if kind != "email" and quiet >= silent else None,
                        )
                    )
        ending, luck = fate.steps[-1], rng.random()
        last_words = _ending_note(rng, ending.stage, deal, opening, who)
        written = ending.at + timedelta(minutes=int(rng.integers(5, 300)))
        if deal is not None and last_words and luck < 0.6 and written < local_now:
            rep = opening.rep.name
            notes.append(SimulatedNote(deal.id, rep, _utc(written, zone), last_words))
    return (
        tuple(sorted(activities, key=lambda row: (row.occurred_at, row.deal_id))),
        tuple(sorted(notes, key=lambda row: (row.written_at, row.deal_id))),
    )


def _stays(fate: Fate, now: datetime) -> list[tuple[datetime, datetime, int]]:
    stays = []
    for here, later in zip(fate.steps, (*fate.steps[1:], None), strict=True):
        if here.stage <= world.OPEN_STAGES:
            end = later.at if later else min(now, here.at + timedelta(days=21))
            stays.append((here.at, max(end, here.at), here.stage))
    return stays


def _plan(
    rng: np.random.Generator, start: datetime, end: datetime, stage: int
) -> list[tuple[Kind, datetime]]:
    """One or two touches in a stage: the meeting that the stage stands for, then a chase."""
    days = max((end - start).total_seconds() / 86_400, 0.05)
    plan: list[tuple[Kind, datetime]] = []
    first: Kind = "email" if stage == 1 else "meeting"
    plan.append((first, start + timedelta(minutes=int(rng.integers(5, 40)))))
    second: Kind = "call" if rng.random() < 0.55 else "email"
    share = float(rng.uniform(0.3, 0.9))
    if rng.random() < min(0.85, days / 12 + 0.15):
        at = next_working_time(start + timedelta(days=days * share), rng)
        if at < end:
            plan.append((second, at))
    return plan


def _meeting_note(rng: np.random.Generator, stage: int, who: str) -> str:
    opening = _one(rng, words.CONNECTORS)
    need, sign, after = _one(rng, words.NEEDS), _one(rng, words.SIGNS), _one(rng, words.AFTER_COACH)
    todo = _one(rng, words.PROMISES).format(who=who, day=_one(rng, words.WEEKDAYS))
    middle = (
        f"{_sentence(after)} {_sentence(sign)}"
        if stage == 3
        else f"They have {need}. {_sentence(sign)}"
    )
    return f"{opening}{middle} {todo}".format(who=who).strip()


def _ending_note(
    rng: np.random.Generator,
    stage: int,
    deal: SimulatedDeal | None,
    opening: Opening,
    who: str,
) -> str | None:
    pick = float(rng.random())
    if stage == 4:
        texts: tuple[str, ...] = words.WON_NOTES
    elif stage == 5 and deal is not None and deal.lost_reason in words.LOST_NOTES:
        texts = words.LOST_NOTES[deal.lost_reason]
    else:
        return None
    rival = deal.competitor if deal is not None and deal.competitor else "somebody else"
    first_name = opening.rep.name.split()[0]
    text = texts[int(pick * len(texts))].format(who=who, rival=rival, rep=first_name)
    return text[0].upper() + text[1:]


def _sentence(text: str) -> str:
    """The clause as a sentence; a leading slot ({who}) is a name and needs no capital."""
    return text[0].upper() + text[1:] + "."


def _one(rng: np.random.Generator, texts: tuple[str, ...]) -> str:
    return texts[int(rng.integers(len(texts)))]


def _utc(local: datetime, zone: ZoneInfo) -> datetime:
    return local.replace(tzinfo=zone, microsecond=0).astimezone(UTC)
