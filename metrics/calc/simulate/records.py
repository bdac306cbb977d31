"""What a simulation hands over: plain records, ready to be written or loaded."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from metrics.calc.simulate.world import Channel, Rep, Source, Truth


@dataclass(frozen=True, slots=True)
class SimulatedDeal:
    """One deal as the company's records show it (empty where nobody filled it in)."""

    id: int
    name: str
    customer: str
    channel: Channel  # the truth, also where the source is missing
    source: str | None
    product: str | None
    rep: str
    team: str | None
    amount: int | None
    lost_reason: str | None
    competitor: str | None
    won_reason: str | None  # what made them buy
    next_step: str | None  # of an open deal
    next_step_on: date | None  # in the past where nobody did it
    opening: int  # which opening of the simulation it is, also while not yet on record


@dataclass(frozen=True, slots=True)
class SimulatedMove:
    """One recorded row of history; ids rise with `recorded_at`. Instants are UTC."""

    id: int
    deal_id: int
    from_stage: str | None
    to_stage: str | None  # None withdraws the replaced row
    occurred_at: datetime
    recorded_at: datetime
    replaces: int | None
    rep: str


@dataclass(frozen=True, slots=True)
class SimulatedActivity:
    """A call, meeting or e-mail with the customer; `note` is empty where nobody wrote one."""

    deal_id: int
    rep: str
    kind: Literal["call", "meeting", "email"]
    occurred_at: datetime
    subject: str
    note: str | None


@dataclass(frozen=True, slots=True)
class SimulatedNote:
    deal_id: int
    rep: str
    written_at: datetime
    text: str


@dataclass(frozen=True, slots=True)
class Simulation:
    """A company's records until an instant, and the truth behind them."""

    seed: int
    as_of: datetime
    timezone: str
    currency: str
    reps: tuple[Rep, ...]
    sources: tuple[Source, ...]
    products: tuple[str, ...]
    deals: tuple[SimulatedDeal, ...]
    moves: tuple[SimulatedMove, ...]
    activities: tuple[SimulatedActivity, ...]
    notes: tuple[SimulatedNote, ...]
    truth: Truth
