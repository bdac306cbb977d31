"""Two companies under random work: facts, cache and marks hold after every step.

Short and the same every time in the suite; CAMPAIGN=2000 (`make campaign`) runs that many
examples of new work, each longer.
"""

import os
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from accounts.errors import DomainError
from accounts.models import AuditEntry
from accounts.roles import Role
from accounts.tenancy.context import company_context
from pipeline import paths
from pipeline.models import Deal, DealChange, DirtyQuarter, StageTransition
from pipeline.services import dirty, moves
from pipeline.services.deals import change_deal, open_deal
from pipeline.services.facts import check_facts
from pipeline.services.history import Recorded, StaleVersion
from pipeline.services.moves import correct_transition, move_deal
from tests.personas import NOW, Workspace, make_workspace
from tests.pipeline.recount import Fact, quarter_views, recount, unpacked

CAMPAIGN = int(os.environ.get("CAMPAIGN", "0"))
SETTINGS = settings(
    max_examples=CAMPAIGN or 8,
    stateful_step_count=40 if CAMPAIGN else 14,
    derandomize=not CAMPAIGN,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)

COMPANY = st.integers(0, 1)
STAGE = st.sampled_from(["Booked", "Held", "Coach", "Won", "Lost"])
ROLE = st.sampled_from([Role.OWNER, Role.MANAGER, Role.REP])
PICK = st.integers(0, 30)
# How long ago, in minutes: mostly days, sometimes near the ends of quarters, rarely the future.
AGO = st.one_of(
    st.integers(-3, 10),
    st.integers(0, 60 * 24 * 400),
    st.integers(0, 400).map(lambda days: days * 60 * 24),
)


class TwoCompanies(RuleBasedStateMachine):
    """Every rule works in one company and looks at both."""

    @initialize()
    def begin(self) -> None:
        self.atomic = transaction.atomic()
        self.atomic.__enter__()
        self.now = NOW
        self.workspaces = [
            make_workspace("one", timezone="Asia/Kathmandu"),
            make_workspace("two", timezone="America/Santiago", settle_days=20),
        ]
        self.keys = 0
        self.done: list[Any] = []  # (company, key, function to repeat it, what it gave)

    def teardown(self) -> None:
        if hasattr(self, "atomic"):
            transaction.set_rollback(True)
            self.atomic.__exit__(None, None, None)

    # What is looked at ---------------------------------------------------------------------------

    def facts(self, workspace: Workspace) -> dict[int, list[Fact]]:
        found: dict[int, list[Fact]] = {d: [] for d in Deal.objects.values_list("id", flat=True)}
        for deal_id, *row in StageTransition.objects.order_by("id").values_list(
            "deal_id", "id", "to_stage_id", "occurred_at", "occurred_on", "replaces_id"
        ):
            found[deal_id].append(Fact(*row))
        return found

    def seen_by_quarters(self, workspace: Workspace) -> dict[Any, Any]:
        """(deal, quarter) -> what the quarter sees of the deal."""
        company = workspace.company
        amounts = dict(Deal.objects.values_list("id", "amount"))
        return {
            (deal_id, start): view
            for deal_id, facts in self.facts(workspace).items()
            for start, view in quarter_views(
                facts,
                amounts[deal_id],
                zone=company.timezone,
                settle_days=company.settle_days,
                now=self.now,
            ).items()
        }

    def everything(self, workspace: Workspace) -> tuple[Any, ...]:
        with company_context(workspace.company.pk):
            return (
                list(Deal.objects.order_by("id").values_list()),
                list(StageTransition.objects.order_by("id").values_list()),
                list(DealChange.objects.order_by("id").values_list()),
                list(AuditEntry.objects.order_by("id").values_list()),
                self.marks(workspace),
            )

    def marks(self, workspace: Workspace) -> dict[Any, int]:
        rows = DirtyQuarter.objects.filter(company=workspace.company)
        return dict(rows.values_list("quarter_start", "gen"))

    # What every step is held against -------------------------------------------------------------

    def work(self, index: int, action: Any) -> Any:
        """Do it in one company; None when it was refused, which must leave no trace."""
        workspace, other = self.workspaces[index], self.workspaces[1 - index]
        neighbour = self.everything(other)
        before = self.everything(workspace)
        with company_context(workspace.company.pk):
            seen = self.seen_by_quarters(workspace)
            try:
                result = action(workspace)
            except DomainError as error:
                result, sentence = None, error.sentence
            else:
                sentence = "."
            assert sentence.endswith(".")
            after = self.everything(workspace)
            if result is None:
                assert after == before
            for old, new in zip(before[1:4], after[1:4], strict=True):
                assert new[: len(old)] == old, "history was changed or shrank"
            now_seen = self.seen_by_quarters(workspace)
            changed = {
                start
                for deal_id, start in {*seen, *now_seen}
                if seen.get((deal_id, start)) != now_seen.get((deal_id, start))
            }
            raised = {s for s, gen in after[4].items() if gen != before[4].get(s)}
            assert changed <= raised, f"not marked: {sorted(changed - raised)}"
        assert self.everything(other) == neighbour
        return result

    @invariant()
    def the_cache_is_a_recount(self) -> None:
        if not hasattr(self, "workspaces"):
            return
        for workspace in self.workspaces:
            kinds = {s.pk: s.kind for s in workspace.stages.values()}
            with company_context(workspace.company.pk):
                assert check_facts() == []
                facts = self.facts(workspace)
                for deal in Deal.objects.all():
                    said = recount(facts[deal.pk], kinds)
                    assert deal.stage_id == said.stage
                    assert deal.outcome == said.outcome
                    assert (deal.opened_on, deal.closed_on) == (said.opened_on, said.closed_on)
                    assert deal.stage_entered_on == said.entered_on
                    assert unpacked(bytes(deal.path)) == said.path
                    numbers = list(deal.transitions.order_by("id").values_list("number", flat=True))
                    assert numbers == list(range(1, len(numbers) + 1))
                assert not StageTransition.objects.filter(occurred_at__gt=self.now).exists()

    # The rules ------------------------------------------------------------------------------------

    def ago(self, minutes: int) -> datetime:
        return self.now - timedelta(minutes=minutes)

    def key(self) -> str:
        self.keys += 1
        return f"key-{self.keys}"

    def once(self, index: int, action: Any) -> None:
        key = self.key()
        result = self.work(index, lambda w: action(w, key))
        if result is not None:
            self.done.append((index, key, action, result))

    @rule(c=COMPANY, stage=STAGE, ago=AGO, role=ROLE, amount=st.integers(0, 5))
    def open(self, c: int, stage: str, ago: int, role: Role, amount: int) -> None:
        when = self.ago(ago)

        def action(w: Workspace, key: str) -> Recorded:
            return open_deal(
                by=w.actor(role),
                pipeline_id=w.pipeline.pk,
                stage_id=w.stages[stage].pk,
                name="deal",
                occurred_at=when,
                now=self.now,
                key=key,
                amount=Decimal(amount) if amount else None,
            )

        self.once(c, action)

    @rule(c=COMPANY, pick=PICK, stage=STAGE, ago=AGO, role=ROLE)
    def move(self, c: int, pick: int, stage: str, ago: int, role: Role) -> None:
        deal_id = self.pick(Deal, c, pick)
        when = self.ago(ago)
        if deal_id is None:
            return
        self.once(
            c,
            lambda w, key: move_deal(
                by=w.actor(role),
                deal_id=deal_id,
                to_stage_id=w.stages[stage].pk,
                occurred_at=when,
                now=self.now,
                key=key,
            ),
        )

    @rule(
        c=COMPANY,
        pick=PICK,
        stage=st.none() | STAGE,
        ago=st.none() | AGO,
        role=ROLE,
        withdraw=st.booleans(),
    )
    def correct(
        self, c: int, pick: int, stage: str | None, ago: int | None, role: Role, withdraw: bool
    ) -> None:
        wrong = self.pick(StageTransition, c, pick)
        when = None if ago is None else self.ago(ago)
        if wrong is None:
            return
        self.once(
            c,
            lambda w, key: correct_transition(
                by=w.actor(role),
                transition_id=wrong,
                to_stage_id=w.stages[stage].pk if stage else None,
                occurred_at=when,
                withdraw=withdraw,
                now=self.now,
                key=key,
            ),
        )

    @rule(c=COMPANY, pick=PICK, amount=st.none() | st.integers(0, 5))
    def change(self, c: int, pick: int, amount: int | None) -> None:
        deal_id = self.pick(Deal, c, pick)
        if deal_id is not None:
            value = None if amount is None else Decimal(amount)
            self.work(
                c,
                lambda w: change_deal(
                    by=w.actor(Role.REP), deal_id=deal_id, now=self.now, amount=value
                ),
            )

    @precondition(lambda self: getattr(self, "done", None))
    @rule(pick=PICK)
    def send_again(self, pick: int) -> None:
        """The same form once more: the same answer, and no trace."""
        index, key, action, result = self.done[pick % len(self.done)]
        before = self.everything(self.workspaces[index])
        again = self.work(index, lambda w: action(w, key))
        assert again.repeated
        assert again.transition_id == result.transition_id
        assert self.everything(self.workspaces[index]) == before

    @rule(c=COMPANY, pick=PICK, stage=STAGE)
    def move_from_a_stale_screen(self, c: int, pick: int, stage: str) -> None:
        deal_id = self.pick(Deal, c, pick)
        if deal_id is None:
            return

        def action(w: Workspace) -> Recorded:
            version = Deal.objects.get(pk=deal_id).version - 1
            with pytest.raises(StaleVersion):
                move_deal(
                    by=w.actor(Role.REP),
                    deal_id=deal_id,
                    to_stage_id=w.stages[stage].pk,
                    occurred_at=self.now,
                    now=self.now,
                    version=version,
                )
            raise DomainError("Refused, as it should be.")

        assert self.work(c, action) is None

    @rule(c=COMPANY, pick=PICK, stage=STAGE)
    def reach_for_the_neighbour(self, c: int, pick: int, stage: str) -> None:
        theirs = self.pick(Deal, 1 - c, pick)
        if theirs is not None:
            result = self.work(
                c,
                lambda w: move_deal(
                    by=w.actor(Role.OWNER),
                    deal_id=theirs,
                    to_stage_id=w.stages[stage].pk,
                    occurred_at=self.now,
                    now=self.now,
                ),
            )
            assert result is None

    @rule(days=st.integers(1, 30))
    def time_passes(self, days: int) -> None:
        self.now += timedelta(days=days)

    def pick(self, model: Any, index: int, number: int) -> int | None:
        with company_context(self.workspaces[index].company.pk):
            ids = list(model.objects.order_by("id").values_list("id", flat=True))
        return ids[number % len(ids)] if ids else None


@pytest.mark.django_db
def test_random_work_in_two_companies() -> None:
    run_state_machine_as_test(TwoCompanies, settings=SETTINGS)


# The machine against itself: a fault is planted, and a few steps by hand must show it. ---------


@pytest.fixture
def machine(db: None) -> Iterator[TwoCompanies]:
    made = TwoCompanies()
    made.begin()
    made.open(0, "Booked", 60 * 24 * 200, Role.OWNER, 1)
    made.move(0, 0, "Held", 60 * 24 * 20, Role.OWNER)
    made.the_cache_is_a_recount()
    yield made
    made.teardown()


def test_the_machine_sees_a_forgotten_mark(
    machine: TwoCompanies, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moves, "mark_dirty", lambda **_: None)
    with pytest.raises(AssertionError, match="not marked"):
        machine.move(0, 0, "Coach", 60 * 24 * 10, Role.OWNER)


def test_the_machine_sees_a_mark_that_begins_too_late(
    machine: TwoCompanies, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The quarter that still settles is forgotten, as a simpler rule would."""
    monkeypatch.setattr(
        moves, "mark_dirty", lambda **k: dirty.mark_dirty(**{**k, "since": date(2026, 5, 1)})
    )
    with pytest.raises(AssertionError, match="not marked"):
        machine.move(0, 0, "Coach", 60 * 24 * 45, Role.OWNER)  # in April


def test_the_machine_sees_a_wrong_correction(
    machine: TwoCompanies, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two corrections of one row the first would hold."""
    monkeypatch.setattr(paths, "max", lambda new, old: old or new, raising=False)
    machine.correct(0, 1, "Coach", None, Role.OWNER, withdraw=False)
    with pytest.raises(AssertionError):
        machine.correct(0, 1, "Lost", None, Role.OWNER, withdraw=False)
        machine.the_cache_is_a_recount()


def test_the_machine_sees_a_changed_history(machine: TwoCompanies) -> None:
    def rewrite(w: Workspace) -> int:
        # Grants forbid this to the history; the list of deals' changes stands for it here.
        machine.forged = True
        return 1

    machine.forged = False
    real = machine.everything

    def everything(workspace: Workspace) -> tuple[Any, ...]:
        found = real(workspace)
        return (found[0], found[1][1:], *found[2:]) if machine.forged else found

    machine.everything = everything  # type: ignore[method-assign]
    with pytest.raises(AssertionError, match="history was changed or shrank"):
        machine.work(0, rewrite)
