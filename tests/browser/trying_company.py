"""A company that tries something new at the stage where it loses: a clock that can be moved, what
led to the experiment, and the deals that come while it runs, entered day by day.

Before, 20 of the 50 deals that met the coach were won within the 12 days that a win takes (the
classic quarter, losing_company.py). What comes after is ARRIVALS, which a test can count by hand.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from accounts.roles import Role
from accounts.tenancy.context import company_context
from metrics.services.danger_points import open_danger_point
from metrics.services.findings import add_finding
from metrics.tasks import experiment_round, recompute_behind
from pipeline.services.deals import open_deal
from pipeline.services.moves import move_deal
from tests.browser.losing_company import TODAY, make_losing_company
from tests.personas import Workspace

BASELINE = date(2026, 1, 1)
START, LAST = date(2026, 3, 30), date(2026, 6, 28)  # thirteen weeks from a Monday
STATEMENT = "Nobody asks who else signs"
_WEEKS = 13


@dataclass(slots=True)
class Clock:
    """The server's clock: stands where it was put, and goes on from there."""

    at: datetime
    _put: datetime = field(default_factory=lambda: datetime.now(UTC))

    def put(self, at: datetime) -> None:
        self.at, self._put = at, datetime.now(UTC)

    def now(self) -> datetime:
        return self.at + (datetime.now(UTC) - self._put)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of the losing company's day, for the test to move."""
    found = Clock(TODAY)
    monkeypatch.setattr(timezone, "now", found.now)
    return found


@dataclass(frozen=True, slots=True)
class Arrival:
    """A deal that comes while the experiment runs: when it opened, and its moves with their day."""

    name: str
    source: str
    opened: date
    amount: int
    moves: tuple[tuple[str, date], ...]

    def entered(self, stage: str) -> date | None:
        """The day on which it came to a stage."""
        return dict(self.moves).get(stage)


def _arrivals() -> Iterator[Arrival]:
    """Four deals a week from the website and one from calls, which is always lost at Coach.

    Of the four, three are won five days after they met the coach; the last is lost before it met
    the coach, lost at Coach, or won there after twenty days, in turn. All meet the coach on the
    day on which they open, as in the classic quarter: deals of equal age are all of them.
    """
    for week in range(_WEEKS):
        for place in range(4):
            opened = START + timedelta(days=7 * week + place + 1)
            held, coach = ("Held", opened), ("Coach", opened)
            won = (held, coach, ("Won", opened + timedelta(days=5)))
            last = (
                (held, ("Lost", opened + timedelta(days=2))),
                (held, coach, ("Lost", opened + timedelta(days=6))),
                (held, coach, ("Won", opened + timedelta(days=20))),
            )
            moves = won if place < 3 else last[week % 3]
            yield Arrival(f"Spring {week}.{place}", "Website", opened, 880 + 100 * place, moves)
        opened = START + timedelta(days=7 * week + 1)
        moves = (("Coach", opened), ("Lost", opened + timedelta(days=3)))
        yield Arrival(f"Call {week}", "Calls", opened, 1000, moves)


ARRIVALS = tuple(_arrivals())


def make_trying_company() -> Workspace:
    """The losing company, which has taken its stage on and knows one thing about it."""
    workspace = make_losing_company()
    by, coach = workspace.actor(Role.MANAGER), workspace.stages["Coach"].pk
    with company_context(workspace.company.pk):
        add_finding(
            by=by,
            now=TODAY,
            source="lost_interview",
            stage=coach,
            statement=STATEMENT,
            quote="It was never put to our director.",
            theme="Deciding",
            deals=(workspace.deals["adas"],),
        )
        open_danger_point(
            by=by,
            now=TODAY,
            stage_id=coach,
            owner_id=workspace.user(Role.MANAGER).pk,
            due_on=date(2026, 9, 30),
        )
    return workspace


def live_through(workspace: Workspace, clock: Clock, until: datetime, *, days: int = 7) -> None:
    """Let time pass: deals come and move when they do, and every so many days the worker looks
    after the experiments; in the end it does all that it is sent to do."""
    since = clock.now()
    entries = [
        (datetime.combine(day, time(9 + hour), UTC), arrival, stage)
        for arrival in ARRIVALS
        for hour, (stage, day) in enumerate([("Booked", arrival.opened), *arrival.moves])
    ]
    rounds = since.date()
    for at, arrival, stage in sorted(entries, key=lambda entry: entry[0]):
        if not since < at <= until:
            continue
        if at.date() >= rounds + timedelta(days=days):
            rounds = at.date()
            clock.put(datetime.combine(rounds, time(8), UTC))
            experiment_round(workspace.company.pk)
        clock.put(at)
        _enter(workspace, arrival, stage, at)
    clock.put(until)
    work(workspace)


def _enter(workspace: Workspace, arrival: Arrival, stage: str, at: datetime) -> None:
    by = workspace.actor(Role.MANAGER)
    with company_context(workspace.company.pk):
        if stage == "Booked":
            workspace.deals[arrival.name] = open_deal(
                by=by,
                pipeline_id=workspace.pipeline.pk,
                stage_id=workspace.stages[stage].pk,
                name=arrival.name,
                occurred_at=at,
                now=at,
                amount=Decimal(arrival.amount),
                rep_id=workspace.reps["Ada"].pk,
                source_id=workspace.sources[arrival.source].pk,
                customer_id=workspace.customers["Acme"].pk,
            ).deal_id
        else:
            move_deal(
                by=by,
                deal_id=workspace.deals[arrival.name],
                to_stage_id=workspace.stages[stage].pk,
                occurred_at=at,
                now=at,
            )


def work(workspace: Workspace) -> None:
    """What the worker is sent to do after changes and by the clock."""
    recompute_behind(workspace.company.pk)
    experiment_round(workspace.company.pk)
