"""Several people at random work over two years of quarters, while the worker counts in between.

At the end, and three times on the way of a long run, the facts are clean, every newest snapshot
equals a full recount by the slow reference, and recomputing everything writes nothing; at the end
every version that was ever stored is what was known at its time. Short runs in the suite;
STEPS=5000 SEED=1 (`make random-quarters`) is one run of that many steps, and tells what came of it.
"""

import os
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, Phase, seed, settings, stateful
from hypothesis import strategies as st
from hypothesis.internal.conjecture import engine
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from accounts.actors import Actor
from accounts.errors import DomainError
from accounts.roles import Role
from accounts.services.companies import add_member
from accounts.tenancy.context import company_context
from metrics.models import Snapshot
from metrics.services.recompute import recompute_all, recompute_quarter
from metrics.services.sweep import behind
from metrics.services.verifying import verify_snapshots
from pipeline.models import Deal, LossLevel, Product, Stage, StageTransition
from pipeline.services.closing import lose_deal, win_deal
from pipeline.services.correcting import correct_move
from pipeline.services.deals import change_deal, open_deal
from pipeline.services.facts import check_facts
from pipeline.services.moves import move_deal
from tests.calc import reference
from tests.golden.agreement import differences
from tests.metrics.as_recorded import as_recorded
from tests.personas import OPERATOR, make_user, make_workspace

STEPS = int(os.environ.get("STEPS", "0"))
SEED = int(os.environ.get("SEED", "1"))
SHORT = 40
LONGEST = 5400.0  # seconds: a long run that hangs ends

BEGINS = datetime(2024, 2, 1, 9, tzinfo=UTC)
SPAN = timedelta(days=730)  # whatever the steps: a short run strides through the same quarters
NO_RACE = timedelta(0)

OPEN = ["Booked", "Held", "Coach"]
# What is done, as often as it stands here.
WORK = [
    "wait",  # the first is what the simplest run does at every step
    "sweep",
    *["open", "move"] * 4,
    *["backdate", "win", "lose", "correct", "reopen"] * 2,
    *["withdraw", "change", "hand_over"],
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Drawn:
    """What a step was given; each kind of work takes of it what it needs."""

    by: Actor
    pick: int  # which deal, transition, rep ...
    stage: str  # an open one
    end: str  # any
    ago: timedelta
    amount: Decimal | None


class Quarters(RuleBasedStateMachine):
    """One company. One rule, since of several rules Hypothesis turns some off for a whole run."""

    steps = SHORT
    looks = 1  # in a run: everything is counted again
    accepted: Counter[str] = Counter()  # over all runs
    refused: Counter[str] = Counter()
    compared = 0  # rows, each against the reference
    ended: list[dict[str, int]] = []  # what each run left behind
    begun = 0.0

    @initialize()
    def begin(self) -> None:
        self.atomic = transaction.atomic()
        self.atomic.__enter__()
        with connection.cursor() as cursor:
            # All is one transaction: the slow reference leaves it idle longer than a page may.
            cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        self.now, self.step = BEGINS, 0
        # Its clocks change at midnight, so that some days have none.
        here = make_workspace("quarters", timezone="America/Santiago", now=BEGINS)
        self.here, self.company_id = here, here.company.pk
        other = make_user("second.rep@quarters.example")
        second = add_member(
            company=here.company, user=other, role=Role.REP, by=OPERATOR, now=BEGINS
        )
        self.people = [
            *(here.actor(role) for role in (Role.OWNER, Role.MANAGER, Role.REP)),
            Actor.member(second),
        ]
        with company_context(self.company_id):
            self.products = [None, Product.objects.create(name="Basic").pk]
        self.reps = [None, *(rep.pk for rep in here.reps.values())]
        self.sources = [None, *(source.pk for source in here.sources.values())]

    def teardown(self) -> None:
        if hasattr(self, "atomic"):
            transaction.set_rollback(True)
            self.atomic.__exit__(None, None, None)

    @rule(
        what=st.sampled_from(WORK),
        who=st.integers(0, 3),
        pick=st.integers(0, 2**16),
        stage=st.sampled_from(OPEN),
        end=st.sampled_from([*OPEN, "Won", "Lost"]),
        # Mostly days; sometimes to the minute, which meets the ends of quarters.
        ago=st.integers(0, 120).map(lambda days: days * 24 * 60) | st.integers(0, 120 * 24 * 60),
        amount=st.integers(0, 40),
    )
    def work(
        self, what: str, who: int, pick: int, stage: str, end: str, ago: int, amount: int
    ) -> None:
        drawn = Drawn(
            by=self.people[who],
            pick=pick,
            stage=stage,
            end=end,
            ago=timedelta(minutes=ago),
            amount=Decimal(amount * 250) if amount else None,
        )
        self.now += SPAN / self.steps
        self.step += 1
        if self.begun and time.monotonic() - self.begun > LONGEST:
            raise AssertionError(f"only {self.step} of {self.steps} steps in {LONGEST:.0f} s")
        with company_context(self.company_id):
            try:
                done = getattr(self, what)(drawn)
            except DomainError:
                self.refused[what] += 1
            else:
                self.accepted[what] += done is not False

    @invariant()
    def all_is_counted(self) -> None:
        """After the last step, and at times before it."""
        if getattr(self, "step", 0) and self.step % (self.steps // self.looks) == 0:
            with company_context(self.company_id):
                self.sweep()
                self.look(last=self.step == self.steps)
                if self.begun:
                    spent = time.monotonic() - self.begun
                    count = Deal.objects.count()
                    print(f"{self.step} steps, {count} deals: all as recounted after {spent:.0f} s")

    # What people do ------------------------------------------------------------------------------

    def one_of(self, pick: int, outcomes: list[str]) -> int | None:
        """A deal with such an outcome, if there is one."""
        found = Deal.objects.filter(outcome__in=outcomes).order_by("id")
        ids = list(found.values_list("id", flat=True))
        return ids[pick % len(ids)] if ids else None

    def moved(self, deal_id: int | None, d: Drawn, stage: str, when: datetime) -> Any:
        return deal_id is not None and move_deal(
            by=d.by,
            deal_id=deal_id,
            to_stage_id=self.here.stages[stage].pk,
            occurred_at=when,
            now=self.now,
        )

    def open(self, d: Drawn) -> Any:
        return open_deal(
            by=d.by,
            pipeline_id=self.here.pipeline.pk,
            stage_id=self.here.stages[d.stage].pk,
            name=f"Deal {self.step}",
            occurred_at=self.now - d.ago / 10,
            now=self.now,
            amount=d.amount,
            rep_id=self.reps[d.pick % 3],
            source_id=self.sources[d.pick // 3 % 3],
            product_id=self.products[d.pick // 9 % 2],
        )

    def move(self, d: Drawn) -> Any:
        return self.moved(self.one_of(d.pick, ["open"]), d, d.stage, self.now)

    def backdate(self, d: Drawn) -> Any:
        return self.moved(self.one_of(d.pick, ["open"]), d, d.end, self.now - d.ago)

    def reopen(self, d: Drawn) -> Any:
        return self.moved(self.one_of(d.pick, ["won", "lost"]), d, d.stage, self.now)

    def win(self, d: Drawn) -> Any:
        deal_id = self.one_of(d.pick, ["open"])
        return deal_id is not None and win_deal(
            by=d.by,
            deal_id=deal_id,
            occurred_at=self.now - d.ago / 20,
            now=self.now,
            amount=d.amount,
            currency=self.here.company.currency,
            won_reason="Quick help",
        )

    def lose(self, d: Drawn) -> Any:
        deal_id = self.one_of(d.pick, ["open"])
        return deal_id is not None and lose_deal(
            by=d.by,
            deal_id=deal_id,
            occurred_at=self.now - d.ago / 20,
            now=self.now,
            level=LossLevel.values[d.pick % 4],
        )

    def correct(self, d: Drawn) -> Any:
        """Another stage, another time, or both; of any row, corrections among them."""
        row = self.transition(d)
        if row is None:
            return False
        other_stage, other_time = d.pick % 3 != 0, d.pick % 3 != 1
        return correct_move(
            by=d.by,
            transition_id=row.pk,
            now=self.now,
            to_stage_id=self.here.stages[d.end].pk if other_stage else None,
            occurred_at=row.occurred_at - d.ago / 6 if other_time else None,
            reason="Wrong deal",
            loss={"level": LossLevel.COMPETITOR} if d.end == "Lost" and other_stage else None,
        )

    def withdraw(self, d: Drawn) -> Any:
        row = self.transition(d)
        return row is not None and correct_move(
            by=d.by, transition_id=row.pk, now=self.now, withdraw=True, reason="Never happened"
        )

    def transition(self, d: Drawn) -> StageTransition | None:
        ids = list(StageTransition.objects.order_by("id").values_list("id", flat=True))
        return StageTransition.objects.get(pk=ids[d.pick % len(ids)]) if ids else None

    def change(self, d: Drawn) -> Any:
        deal_id = self.one_of(d.pick, ["open", "won", "lost"])
        return deal_id is not None and change_deal(
            by=d.by, deal_id=deal_id, now=self.now, amount=d.amount
        )

    def hand_over(self, d: Drawn) -> Any:
        deal_id = self.one_of(d.pick, ["open", "won", "lost"])
        return deal_id is not None and change_deal(
            by=d.by,
            deal_id=deal_id,
            now=self.now,
            rep_id=self.reps[d.pick % 3],
            source_id=self.sources[d.pick // 3 % 3],
        )

    def wait(self, _drawn: Drawn) -> None:
        """Nobody does anything for a while."""

    def sweep(self, _drawn: Drawn | None = None) -> None:
        """The worker's turn: whatever is behind, until nothing is."""
        for _round in range(3):
            found = behind(now=self.now, company_id=self.company_id)
            for company_id, start in found:
                recompute_quarter(company_id=company_id, quarter_start=start, now=self.now)
        assert behind(now=self.now, company_id=self.company_id) == []

    # What is looked at ---------------------------------------------------------------------------

    def look(self, *, last: bool) -> None:
        assert check_facts() == []
        self.newest_are_a_recount()
        verified = verify_snapshots(company_id=self.company_id, recount=last, race=NO_RACE)
        assert (verified.wrong, verified.unproved) == ((), ())
        unsaid = Snapshot.objects.filter(version__gt=1, cause__facts=[])
        assert list(unsaid.values_list("quarter_label", "version")) == []
        # Last, since it would mend what is wrong.
        again = recompute_all(company_id=self.company_id, now=self.now)
        assert [r.quarter.label for r in again if r.written or r.removed] == []
        if last:
            self.ended.append(
                {
                    "deals": Deal.objects.count(),
                    "transitions": StageTransition.objects.count(),
                    "quarters": len(again),
                    "final versions": verified.versions,
                    "final rows": verified.rows,
                }
            )

    def newest_are_a_recount(self) -> None:
        """The newest row of each segment and quarter is what the slow reference counts."""
        pipeline_id = self.here.pipeline.pk
        company = as_recorded(company=self.here.company, pipeline_id=pipeline_id)
        names = [s.name for s in self.here.stages.values() if s.kind == Stage.Kind.OPEN]
        stored: dict[Any, dict[str, Snapshot]] = {}
        first: dict[Any, dict[str, Any]] = {}
        for row in Snapshot.objects.order_by("quarter_start", "version"):
            stored.setdefault(row.quarter_start, {})[row.segment] = row
            if row.version == 1:
                first.setdefault(row.quarter_start, {})[row.segment] = row.figures
        for start, rows in stored.items():
            # A running quarter's rows are as of their computing; those of a final one share it.
            one = max(rows.values(), key=lambda row: row.as_of)
            expected = reference.stored(company, start, one.quarter_end, one.as_of.astimezone(UTC))
            gone = {name: row.figures for name, row in rows.items() if name not in expected}
            assert [name for name, figures in gone.items() if figures["in_play"]] == [], start
            for segment, figures in expected.items():
                place = f"{one.quarter_label}/{segment}"
                assert segment in rows, place
                for stage, name in zip(figures["stages"], names, strict=True):  # type: ignore[call-overload]
                    stage["name"] = name
                kept = first.get(start, {}).get(segment) if rows[segment].version > 1 else None
                if kept is not None:
                    for field in ("amount_open_at_end", "open_with_amount"):
                        figures[field] = kept[field]
                assert differences(figures, rows[segment].figures, place) == []
                type(self).compared += 1


def run(machine: type[Quarters], *, runs: int, **how: Any) -> None:
    """Runs of a machine, after the simplest one that Hypothesis makes first."""
    wanted = settings(
        max_examples=runs + 1,
        stateful_step_count=machine.steps + 1,  # the first step makes the company
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        **how,
    )
    # Never a few steps only, which Hypothesis likes to try.
    run_state_machine_as_test(machine, settings=wanted, _min_steps=machine.steps)
    assert len(machine.ended) == runs + 1, "a run ended before its last step"
    assert set(machine.accepted) == set(WORK)


@pytest.mark.django_db
def test_snapshots_are_a_recount_after_random_work(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if STEPS:
        with capsys.disabled():
            print(one_long_run(monkeypatch))
    else:
        run(Quarters, runs=2, derandomize=True)


def one_long_run(monkeypatch: pytest.MonkeyPatch) -> str:
    """One run of STEPS steps and what came of it. The first fault ends it: nothing is shrunk."""
    begun = time.monotonic()
    # Hypothesis ends a run that has drawn 8 kB: a few hundred steps.
    for module in (engine, stateful):
        monkeypatch.setattr(module, "BUFFER_SIZE", 8 * 1024 + 64 * STEPS)

    @seed(SEED)
    class Long(Quarters):
        steps, looks = STEPS, 4
        accepted: Counter[str] = Counter()
        refused: Counter[str] = Counter()
        ended: list[dict[str, int]] = []

    Long.begun = begun
    run(Long, runs=1, phases=[Phase.generate])
    Long.accepted["wait"] -= STEPS  # the simplest run, of an empty company
    left = ", ".join(f"{count} {what}" for what, count in Long.ended[-1].items())
    work = ", ".join(
        f"{what} {Long.accepted[what]} (refused {Long.refused[what]})" for what in sorted(set(WORK))
    )
    return (
        f"\n{STEPS} steps, seed {SEED}: {left}; {Long.compared} rows counted again;\n{work};"
        f" {time.monotonic() - begun:.0f} s, CPU {time.process_time():.0f} s"
    )
