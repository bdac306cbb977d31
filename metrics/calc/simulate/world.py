"""What is true in the simulated company: the parameters that estimators have to find again.

A B2B coaching business, ten quarters long. Everything here is an input of the simulation,
so a test can compare what the arithmetic finds with what was put in.
"""

from dataclasses import dataclass
from datetime import date
from typing import Literal

Channel = Literal["inbound", "outbound"]
Level = Literal["competitor", "no decision", "other"]

STAGES: tuple[tuple[str, int | None, str], ...] = (
    ("Call booked", 1, "open"),
    ("Discovery held", 2, "open"),
    ("Coach met", 3, "open"),
    ("Customer", None, "won"),
    ("Lost", None, "lost"),
)
EXIT_CRITERIA = {
    "Call booked": "The call took place and the buyer described the problem",
    "Discovery held": "Goals, budget holder and decision date are known",
    "Coach met": "The sponsor accepted the coach and the price",
}
OPEN_STAGES = 3
QUARTERS = 10


@dataclass(frozen=True, slots=True)
class ChannelTruth:
    """How deals of one channel behave. Days are medians of lognormal waiting times."""

    share: tuple[float, float]  # of all deals, in the first and in the last quarter
    chances: tuple[float, float, float]  # of getting past stage 1, 2, 3
    days: tuple[float, float, float]  # in stage 1, 2, 3 before moving on
    weekday_weights: tuple[float, ...]  # Monday to Sunday, how often deals open


INBOUND = ChannelTruth(
    share=(0.56, 0.64),
    chances=(0.93, 0.66, 0.49),
    days=(2.5, 5.5, 10.0),
    weekday_weights=(1.15, 1.15, 1.1, 1.05, 0.9, 0.25, 0.35),
)
OUTBOUND = ChannelTruth(
    share=(0.44, 0.36),
    chances=(0.86, 0.47, 0.35),
    days=(4.5, 11.0, 20.0),
    weekday_weights=(1.0, 1.2, 1.2, 1.1, 0.8, 0.0, 0.0),
)
CHANNELS: dict[Channel, ChannelTruth] = {"inbound": INBOUND, "outbound": OUTBOUND}

DAYS_LOG_SD = 0.5
LOST_TAKES_LONGER = 1.35  # a deal that will be lost lingers before it is closed
LEFT_OPEN = 0.006  # chance, at each stage, that nobody ever closes the deal


@dataclass(frozen=True, slots=True)
class Worsening:
    """The stage that got worse two quarters ago, and keeps getting worse."""

    position: int = 3
    chance_factors: tuple[float, ...] = (0.70, 0.62, 0.54)  # quarters 8, 9 and 10
    days_factor: float = 1.25
    reason: Level = "competitor"  # what the lost deals say more often since then
    reason_factor: float = 2.2


@dataclass(frozen=True, slots=True)
class Product:
    name: str
    share: float
    amount: dict[Channel, float]  # median
    days_factor: float


PRODUCTS = (
    Product("Coaching", 0.50, {"inbound": 4_600.0, "outbound": 9_200.0}, 1.0),
    Product("Course", 0.34, {"inbound": 2_300.0, "outbound": 4_100.0}, 0.85),
    Product("Summit", 0.16, {"inbound": 7_800.0, "outbound": 14_500.0}, 1.2),
)
AMOUNT_LOG_SD = 0.38
AMOUNT_STEP = 50


@dataclass(frozen=True, slots=True)
class Source:
    name: str
    channel: Channel
    share: float  # of its channel
    log_odds: float  # added to the chance of getting past stages 2 and 3


SOURCES = (
    Source("booking page", "inbound", 0.46, 0.0),
    Source("referral", "inbound", 0.22, 0.45),
    Source("webinar", "inbound", 0.20, -0.25),
    Source("newsletter", "inbound", 0.12, -0.1),
    Source("ABM list", "outbound", 0.38, 0.05),
    Source("cold e-mail", "outbound", 0.27, -0.35),
    Source("conference", "outbound", 0.21, 0.3),
    Source("website visitor", "outbound", 0.14, 0.0),
)


@dataclass(frozen=True, slots=True)
class Rep:
    """A seller. `joined` and `left` are quarters of the ten (fractions are part quarters)."""

    name: str
    team: str | None
    skill: float  # log odds, added to the chances of stages 2 and 3
    weight: float  # share of the team's deals
    email: str | None = None
    has_login: bool = False
    joined: float = 0.0
    left: float = QUARTERS + 1.0


REPS = (
    Rep("Ida Kvarning", "Nordics", 0.40, 1.1, "ida.kvarning@example.com", True),
    Rep("Jonas Hedfeldt", "Nordics", -0.10, 1.0, "jonas.hedfeldt@example.com", True),
    Rep("Sanne Brockhuis", "Benelux", 0.15, 1.2, "sanne.brockhuis@example.com", True),
    Rep("Milo Verhaast", "Benelux", -0.35, 0.9, None, False),
    Rep("Thea Lindqvale", "Benelux", 0.30, 0.8, "thea.lindqvale@example.com", True, joined=4.5),
    Rep("Ruben Achterhof", "Benelux", -0.20, 0.9, None, False, left=6.4),
    Rep("Karla Weigandt", "DACH", 0.05, 1.2, "karla.weigandt@example.com", True),
    Rep("Emil Straubach", "DACH", -0.05, 1.0, None, False),
    Rep("Nora Pfeilstett", "DACH", 0.10, 0.6, "nora.pfeilstett@example.com", False, joined=8.6),
    Rep("Pia Ormeling", None, 0.20, 0.5, "pia.ormeling@example.com", False),
)
TEAM_WEIGHTS: dict[str | None, float] = {"Nordics": 0.27, "Benelux": 0.36, "DACH": 0.30, None: 0.07}

# Mild seasons by month, January first; summer and Christmas are quiet.
SEASON = (1.08, 1.04, 1.06, 1.0, 0.98, 0.97, 0.84, 0.86, 1.12, 1.1, 1.06, 0.82)
GROWTH_PER_QUARTER = 1.035
DEALS_IN_NINE_AND_A_HALF_QUARTERS = 3_000
COMPETITORS = ("Velorin Academy", "Tandrill", "Oskeby Partners")


@dataclass(frozen=True, slots=True)
class Untidy:
    """How untidy the records are: shares of deals, moves or meetings."""

    jump: float = 0.04  # the discovery call was never recorded
    step_back: float = 0.025
    revived: float = 0.02  # of lost deals
    late_entry: float = 0.07  # of moves, recorded days afterwards
    corrected: float = 0.02  # of moves
    withdrawn: float = 0.004  # of moves: a slip, taken back
    no_source: float = 0.025
    no_product: float = 0.03
    no_amount: dict[str, float] | None = None  # by outcome, see AMOUNT_MISSING
    no_reason: float = 0.08  # of lost deals
    meeting_without_note: float = 0.28


AMOUNT_MISSING = {"won": 0.015, "open": 0.08, "lost": 0.10}


@dataclass(frozen=True, slots=True)
class Truth:
    """The parameters behind one simulation, with the means that its own draw gave them.

    `mean_chance[channel, position, quarter]` is the mean probability, over the deals of that
    channel that came to that stage in that quarter (0 to 9) and did leave it, of getting past
    it; `exits[...]` their number. Skills and sources shift single deals around that mean.
    """

    quarter_starts: tuple[date, ...]  # eleven: the last one ends the tenth quarter
    worse_stage: int
    worse_since: date
    worsening: Worsening
    channels: dict[Channel, ChannelTruth]
    rep_skill: dict[str, float]
    mean_amount: dict[Channel, float]
    mean_chance: dict[tuple[Channel, int, int], float]
    exits: dict[tuple[Channel, int, int], int]
    opened: tuple[int, ...]  # deals opened per quarter, all ten, also after the cut
