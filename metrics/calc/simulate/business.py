"""The simulation itself: who asks, who sells, and what comes of it."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from metrics.calc.simulate import paperwork, talk, world
from metrics.calc.simulate.fates import Chances, Fate, Opening, draw_fate
from metrics.calc.simulate.names import customer_names
from metrics.calc.simulate.records import Simulation
from metrics.calc.simulate.world import Channel, Truth

TIMEZONE = "Europe/Amsterdam"
CURRENCY = "EUR"
CUSTOMERS = 1_000


def simulate(*, seed: int, as_of: datetime, untidy: world.Untidy | None = None) -> Simulation:
    """Ten quarters of a coaching business, the tenth being the one that holds `as_of`.

    `as_of` is an aware instant; nothing recorded after it is handed over. The same seed gives
    the same records until the same instant, and within one quarter a later `as_of` only adds
    to (and closes) what an earlier one showed. `untidy` sets how badly records are kept.
    """
    if as_of.tzinfo is None:
        raise ValueError("as_of needs a time zone")
    untidy = untidy or world.Untidy()
    zone = ZoneInfo(TIMEZONE)
    starts = quarter_starts(as_of.astimezone(zone).date())
    # Separate streams: more words in a note must not change who buys.
    rng, fate_rng, paper_rng, talk_rng = (
        np.random.Generator(np.random.PCG64(stream))
        for stream in np.random.SeedSequence(seed).spawn(4)
    )
    customers = customer_names(rng, CUSTOMERS)
    openings = _openings(rng, starts)
    chances = Chances(openings, world.Worsening())
    fates = [draw_fate(fate_rng, opening, chances, starts, untidy) for opening in openings]
    deals, moves = paperwork.records(
        paper_rng,
        openings=openings,
        fates=fates,
        customers=customers,
        untidy=untidy,
        zone=zone,
        as_of=as_of.astimezone(UTC),
    )
    activities, notes = talk.conversation(
        talk_rng,
        openings=openings,
        fates=fates,
        deals=deals,
        untidy=untidy,
        zone=zone,
        as_of=as_of.astimezone(UTC),
    )
    return Simulation(
        seed=seed,
        as_of=as_of.astimezone(UTC),
        timezone=TIMEZONE,
        currency=CURRENCY,
        reps=world.REPS,
        sources=world.SOURCES,
        products=tuple(product.name for product in world.PRODUCTS),
        deals=deals,
        moves=moves,
        activities=activities,
        notes=notes,
        truth=_truth(openings, fates, starts),
    )


def quarter_starts(today: date) -> tuple[date, ...]:
    """The first days of ten calendar quarters, the last of which holds `today`, and its end."""
    running = today.year * 4 + (today.month - 1) // 3
    return tuple(
        date(index // 4, index % 4 * 3 + 1, 1)
        for index in range(running - world.QUARTERS + 1, running + 2)
    )


def _openings(rng: np.random.Generator, starts: tuple[date, ...]) -> list[Opening]:
    """All deals of the ten quarters at their opening, in order of time."""
    first = starts[0]
    days = [first + timedelta(days=n) for n in range((starts[-1] - first).days)]
    weights: dict[Channel, np.ndarray] = {}
    for channel, truth in world.CHANNELS.items():
        weights[channel] = np.array(
            [
                _share(truth, n / len(days))
                * world.GROWTH_PER_QUARTER ** (n / 91.3)
                * world.SEASON[day.month - 1]
                * truth.weekday_weights[day.weekday()]
                / (sum(truth.weekday_weights) / 7)
                for n, day in enumerate(days)
            ]
        )
    until = int(len(days) * 9.5 / world.QUARTERS)
    expected = sum(float(weight[:until].sum()) for weight in weights.values())
    scale = world.DEALS_IN_NINE_AND_A_HALF_QUARTERS / expected
    # Few customers ask often, most once or twice.
    popularity = 1.0 / (np.arange(CUSTOMERS) + 30.0) ** 0.6
    customers = np.cumsum(popularity / popularity.sum())
    customers /= customers[-1]
    openings: list[Opening] = []
    for n, day in enumerate(days):
        quarter = next(q for q in range(world.QUARTERS) if day < starts[q + 1])
        for channel in world.CHANNELS:
            for _ in range(int(rng.poisson(scale * weights[channel][n]))):
                openings.append(_opening(rng, day, quarter, channel, customers, n / 91.3))
    return sorted(openings, key=lambda opening: opening.opened_at)


def _share(truth: world.ChannelTruth, progress: float) -> float:
    return truth.share[0] + (truth.share[1] - truth.share[0]) * progress


def _opening(
    rng: np.random.Generator,
    day: date,
    quarter: int,
    channel: Channel,
    customers: np.ndarray,
    elapsed: float,
) -> Opening:
    sources = [source for source in world.SOURCES if source.channel == channel]
    source = sources[rng.choice(len(sources), p=[source.share for source in sources])]
    product = int(rng.choice(len(world.PRODUCTS), p=[p.share for p in world.PRODUCTS]))
    teams = list(world.TEAM_WEIGHTS)
    team = teams[rng.choice(len(teams), p=list(world.TEAM_WEIGHTS.values()))]
    reps = [r for r in world.REPS if r.team == team and r.joined <= elapsed < r.left]
    rep_weights = np.array([rep.weight for rep in reps])
    rep = reps[rng.choice(len(reps), p=rep_weights / rep_weights.sum())]
    median = world.PRODUCTS[product].amount[channel]
    amount = median * float(np.exp(world.AMOUNT_LOG_SD * rng.standard_normal()))
    # A booking page takes bookings from seven to ten in the evening; people work till six.
    minutes = rng.integers(7 * 60, 22 * 60) if channel == "inbound" else rng.integers(510, 1060)
    return Opening(
        opened_at=datetime.combine(day, time()) + timedelta(minutes=int(minutes)),
        quarter=quarter,
        channel=channel,
        source=source,
        product=product,
        rep=rep,
        customer=int(np.searchsorted(customers, rng.random(), side="right")),
        amount=max(world.AMOUNT_STEP, round(amount / world.AMOUNT_STEP) * world.AMOUNT_STEP),
        effect=rep.skill + source.log_odds,
    )


def _truth(openings: list[Opening], fates: list[Fate], starts: tuple[date, ...]) -> Truth:
    chances: dict[tuple[Channel, int, int], list[float]] = {}
    for opening, fate in zip(openings, fates, strict=True):
        for leaving in fate.leavings:
            key = (opening.channel, leaving.position, leaving.entered_quarter)
            chances.setdefault(key, []).append(leaving.chance)
    worsening = world.Worsening()
    return Truth(
        quarter_starts=starts,
        worse_stage=worsening.position,
        worse_since=starts[world.QUARTERS - len(worsening.chance_factors)],
        worsening=worsening,
        channels=world.CHANNELS,
        rep_skill={rep.name: rep.skill for rep in world.REPS},
        mean_amount={
            channel: sum(
                product.share * product.amount[channel] * float(np.exp(world.AMOUNT_LOG_SD**2 / 2))
                for product in world.PRODUCTS
            )
            for channel in world.CHANNELS
        },
        mean_chance={key: float(np.mean(values)) for key, values in sorted(chances.items())},
        exits={key: len(values) for key, values in sorted(chances.items())},
        opened=tuple(
            sum(1 for opening in openings if opening.quarter == quarter)
            for quarter in range(world.QUARTERS)
        ),
    )
