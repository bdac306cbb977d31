"""The same round again and again: one move sent eight times, and eight editors of one screen.

Three rounds in the suite; ROUNDS=1000 (`make together`) runs that many, all seeded, and
prints what came of them.
"""

import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection, transaction

from accounts.errors import DomainError
from accounts.models import AuditEntry
from accounts.tenancy.context import company_context
from pipeline.models import Deal, StageTransition
from pipeline.services.facts import check_facts
from pipeline.services.history import Recorded, StaleVersion
from tests.personas import Workspace
from tests.pipeline.doing import move, start

ROUNDS = int(os.environ.get("ROUNDS", "3"))
SEED = int(os.environ.get("SEED", "1"))
SENDERS = 8
LONGEST = 3600.0  # seconds: a campaign that hangs ends


class Crowd:
    """Eight people, each with a connection that is kept from round to round."""

    def __init__(self, workspace: Workspace, pool: ThreadPoolExecutor) -> None:
        self.workspace, self.pool = workspace, pool

    def at_once(self, jobs: list[Callable[[], Any]]) -> list[Any]:
        """Do all jobs at the same moment: what each gave, or the error that it was refused by."""
        barrier = threading.Barrier(len(jobs))

        def do(job: Callable[[], Any]) -> Any:
            with company_context(self.workspace.company.pk):
                connection.ensure_connection()
                barrier.wait(timeout=60)
                try:
                    return job()
                except DomainError as refusal:
                    return refusal

        return [f.result(timeout=120) for f in [self.pool.submit(do, job) for job in jobs]]


@contextmanager
def crowd(workspace: Workspace) -> Iterator[Crowd]:
    with ThreadPoolExecutor(SENDERS) as pool:
        try:
            yield Crowd(workspace, pool)
        finally:
            everybody = threading.Barrier(SENDERS)

            def leave() -> None:
                everybody.wait(timeout=60)
                connection.close()

            for done in [pool.submit(leave) for _ in range(SENDERS)]:
                done.result(timeout=60)


def state_of(workspace: Workspace, deal_id: int) -> tuple[str, int, int, int]:
    """(stage, version, rows of its history, audited moves) of a deal."""
    with company_context(workspace.company.pk), transaction.atomic():
        deal = Deal.objects.select_related("stage").get(pk=deal_id)
        return (
            deal.stage.name,
            deal.version,
            StageTransition.objects.filter(deal_id=deal_id).count(),
            AuditEntry.objects.filter(
                action="deal.moved", object_type="deal", object_id=deal_id
            ).count(),
        )


def kinds(results: list[Any]) -> Counter[str]:
    return Counter(type(r).__name__ for r in results)


def one_move_sent_eight_times(here: Crowd, rng: random.Random, number: int) -> Counter[str]:
    """One key: one is recorded, seven are told that it is, and it is the same one."""
    workspace = here.workspace
    with company_context(workspace.company.pk):
        deal = start(workspace)
    stage = rng.choice(["Held", "Coach", "Won", "Lost"])
    versioned: dict[str, Any] = {"version": 1} if rng.random() < 0.5 else {}
    sent = [lambda: move(workspace, deal, stage, key=f"round-{number}", **versioned)] * SENDERS
    results = here.at_once(sent)
    assert kinds(results) == {"Recorded": SENDERS}, (number, results)
    assert len({(r.transition_id, r.version) for r in results}) == 1, (number, results)
    effects = [r.repeated for r in results].count(False)
    assert effects == 1, (number, results)
    assert state_of(workspace, deal.deal_id) == (stage, 2, 2, 1), number
    return Counter(effects=effects, repeats=SENDERS - effects)


def eight_editors_of_one_screen(here: Crowd, rng: random.Random, number: int) -> Counter[str]:
    """One version, eight keys: one is accepted, seven are told what holds now."""
    workspace = here.workspace
    with company_context(workspace.company.pk):
        deal = start(workspace)
    stages = rng.choices(["Held", "Coach", "Won", "Lost"], k=SENDERS)
    sent = [
        lambda s=s, n=n: move(workspace, deal, s, key=f"edit-{number}-{n}", version=1)
        for n, s in enumerate(stages)
    ]
    results = here.at_once(sent)
    assert kinds(results) == {"Recorded": 1, "StaleVersion": SENDERS - 1}, (number, results)
    accepted = next(n for n, r in enumerate(results) if isinstance(r, Recorded))
    # Nothing of the seven is there, and nothing of the one was written over.
    assert state_of(workspace, deal.deal_id) == (stages[accepted], 2, 2, 1), number
    told = [r for r in results if isinstance(r, StaleVersion)]
    assert all(f"it is in {stages[accepted]} now" in r.sentence for r in told), (number, told)
    return Counter(accepted=1, told=len(told))


ROUND = {
    "one move sent 8 times with one key": one_move_sent_eight_times,
    "8 editors of one screen": eight_editors_of_one_screen,
}


@pytest.mark.parametrize("kind", ROUND)
def test_rounds(kind: str, committed_alpha: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    begun = time.monotonic()
    rng = random.Random(SEED)
    totals: Counter[str] = Counter()
    done = 0
    with crowd(committed_alpha) as here:
        for number in range(ROUNDS):
            if time.monotonic() - begun > LONGEST:
                break
            totals += ROUND[kind](here, rng, number)
            done += 1
    with company_context(committed_alpha.company.pk):
        assert check_facts() == []
    seconds = time.monotonic() - begun
    counted = ", ".join(f"{count} {what}" for what, count in totals.items())
    with capsys.disabled():
        print(f"\n{kind}: {done} rounds, seed {SEED}: {counted}; {seconds:.1f} s")
    assert done == ROUNDS, f"only {done} of {ROUNDS} rounds in {LONGEST:.0f} s"
