"""Many at once: one key has one effect, one editor of a screen wins, nothing is lost."""

import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction

from accounts.models import AuditEntry
from accounts.retries import retry_deadlocks
from accounts.roles import Role
from accounts.tenancy.context import company_context
from pipeline.models import Deal, DealChange, StageTransition
from pipeline.services.deals import change_deal
from pipeline.services.facts import check_facts
from pipeline.services.history import KeyReused, Recorded, StaleVersion
from pipeline.services.moves import correct_transition
from tests.personas import NOW, Workspace
from tests.pipeline.doing import generations, move, start

THREADS = 8


def together(workspace: Workspace, jobs: list[Callable[[], Any]]) -> list[Any]:
    """Run the jobs at the same moment, each on its own connection; results or errors."""
    barrier = threading.Barrier(len(jobs))
    results: list[Any] = [None] * len(jobs)

    def run(index: int) -> None:
        try:
            with company_context(workspace.company.pk):
                connection.ensure_connection()
                barrier.wait(timeout=60)
                results[index] = jobs[index]()
        except Exception as error:
            results[index] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(i,)) for i in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert None not in results, "a thread hangs"
    return results


def kinds(results: list[Any]) -> Counter[str]:
    return Counter(type(r).__name__ for r in results)


@pytest.fixture
def deal(committed_alpha: Workspace) -> Recorded:
    with company_context(committed_alpha.company.pk):
        return start(committed_alpha)


def facts_hold(workspace: Workspace) -> None:
    with company_context(workspace.company.pk):
        assert check_facts() == []
        with transaction.atomic():
            for deal in Deal.objects.all():
                numbers = sorted(deal.transitions.values_list("number", flat=True))
                assert numbers == list(range(1, len(numbers) + 1))


def test_one_key_opens_one_deal(committed_alpha: Workspace) -> None:
    workspace = committed_alpha
    results = together(workspace, [lambda: start(workspace, key="form-1")] * THREADS)
    assert kinds(results) == {"Recorded": THREADS}
    assert len({(r.deal_id, r.transition_id) for r in results}) == 1
    assert sorted(r.repeated for r in results) == [False] + [True] * (THREADS - 1)
    with company_context(workspace.company.pk), transaction.atomic():
        assert Deal.objects.count() == 1
        assert AuditEntry.objects.filter(action="deal.opened").count() == 1
    facts_hold(workspace)


def test_one_key_moves_once(committed_alpha: Workspace, deal: Recorded) -> None:
    workspace = committed_alpha
    results = together(
        workspace, [lambda: move(workspace, deal, "Held", key="form-1", version=1)] * THREADS
    )
    assert kinds(results) == {"Recorded": THREADS}
    assert len({r.transition_id for r in results}) == 1
    assert [r.repeated for r in results].count(False) == 1
    with company_context(workspace.company.pk), transaction.atomic():
        assert StageTransition.objects.count() == 2
    facts_hold(workspace)


def test_one_key_on_two_deals_is_one_move_and_refusals(committed_alpha: Workspace) -> None:
    """The losers are told in words: no unique constraint answers for us."""
    workspace = committed_alpha
    with company_context(workspace.company.pk):
        deals = [start(workspace) for _ in range(THREADS)]
    results = together(
        workspace, [lambda d=d: move(workspace, d, "Held", key="form-1") for d in deals]
    )
    assert kinds(results) == {"Recorded": 1, "KeyReused": THREADS - 1}
    assert isinstance(results[0], Recorded | KeyReused)
    facts_hold(workspace)


def test_eight_editors_of_one_screen(committed_alpha: Workspace, deal: Recorded) -> None:
    workspace = committed_alpha
    stages = ["Held", "Coach", "Won", "Lost"] * 2
    results = together(workspace, [lambda s=s: move(workspace, deal, s, version=1) for s in stages])
    assert kinds(results) == {"Recorded": 1, "StaleVersion": THREADS - 1}
    with company_context(workspace.company.pk), transaction.atomic():
        winner = Deal.objects.select_related("stage").get()
        assert winner.version == 2
        assert StageTransition.objects.count() == 2
    for told in (r for r in results if isinstance(r, StaleVersion)):
        assert f"it is in {winner.stage.name} now" in told.sentence
    facts_hold(workspace)


def test_nothing_is_lost_without_versions(committed_alpha: Workspace) -> None:
    """Eight writers, three deals, late and new entries mixed: every entry is in the history."""
    workspace = committed_alpha
    with company_context(workspace.company.pk):
        deals = [start(workspace, when="2026-04-15") for _ in range(3)]

    def entries(seed: int) -> int:
        for turn in range(6):
            minute = f"{seed:02}:{turn:02}"
            name = ["Held", "Coach", "Booked"][(seed + turn) % 3]
            move(workspace, deals[(seed + turn) % 3], name, when=f"2026-05-10 {minute}", **IMPORTED)
        return seed

    results = together(workspace, [lambda s=s: entries(s) for s in range(THREADS)])
    assert sorted(results) == list(range(THREADS))
    with company_context(workspace.company.pk), transaction.atomic():
        assert StageTransition.objects.count() == 3 + THREADS * 6
        assert sum(d.version for d in Deal.objects.all()) == 3 + THREADS * 6
        assert sum(generations(workspace).values()) == 3 + THREADS * 6
    facts_hold(workspace)


IMPORTED = {"imported": True}  # "already in that stage" is no matter here


def test_concurrent_corrections_of_one_row(committed_alpha: Workspace, deal: Recorded) -> None:
    workspace = committed_alpha
    with company_context(workspace.company.pk):
        wrong = move(workspace, deal, "Lost")

    def correct(name: str) -> Recorded:
        return correct_transition(
            by=workspace.actor(Role.MANAGER),
            transition_id=wrong.transition_id,
            to_stage_id=workspace.stages[name].pk,
            now=NOW,
        )

    names = ["Held", "Coach", "Won", "Booked"] * 2
    results = together(workspace, [lambda n=n: correct(n) for n in names])
    assert kinds(results) == {"Recorded": THREADS}
    newest = max(range(THREADS), key=lambda i: results[i].transition_id)
    with company_context(workspace.company.pk), transaction.atomic():
        row = Deal.objects.select_related("stage").get()
        assert row.stage.name == names[newest]
        assert row.version == 2 + THREADS
    facts_hold(workspace)


def test_eight_editors_of_one_amount(committed_alpha: Workspace, deal: Recorded) -> None:
    from decimal import Decimal

    workspace = committed_alpha
    results = together(
        workspace,
        [
            lambda n=n: change_deal(
                by=workspace.actor(Role.REP),
                deal_id=deal.deal_id,
                now=NOW,
                version=1,
                amount=Decimal(n + 1),
            )
            for n in range(THREADS)
        ],
    )
    assert kinds(results) == {"int": 1, "StaleVersion": THREADS - 1}
    with company_context(workspace.company.pk), transaction.atomic():
        assert DealChange.objects.count() == 1


def test_a_deadlock_is_run_again(committed_alpha: Workspace) -> None:
    workspace = committed_alpha
    with company_context(workspace.company.pk):
        one, two = start(workspace).deal_id, start(workspace).deal_id
    both_hold_one = threading.Barrier(2)
    runs: Counter[int] = Counter()

    @retry_deadlocks
    def lock(first: int, second: int) -> str:
        runs[first] += 1
        with transaction.atomic():
            Deal.objects.select_for_update().get(pk=first)
            if runs[first] == 1:
                both_hold_one.wait(timeout=30)
            Deal.objects.select_for_update().get(pk=second)
        return "done"

    results = together(workspace, [lambda: lock(one, two), lambda: lock(two, one)])
    assert results == ["done", "done"]
    assert sum(runs.values()) == 3  # one of the two was broken off once


def test_inside_a_callers_transaction_a_deadlock_goes_on(db: None) -> None:
    tried = []

    @retry_deadlocks
    def fails() -> None:
        tried.append(1)
        error = OperationalError("deadlock detected")
        error.__cause__ = _Deadlock()
        raise error

    with pytest.raises(OperationalError), transaction.atomic():
        fails()
    assert len(tried) == 1


class _Deadlock(Exception):
    sqlstate = "40P01"
