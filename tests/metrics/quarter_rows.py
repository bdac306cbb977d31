"""A company with a final quarter that is restated through the services, for the tests of pages."""

from datetime import UTC, datetime

from accounts.roles import Role
from accounts.tenancy.context import company_context
from metrics.services.recompute import recompute_all, recompute_quarter
from metrics.services.sweep import behind
from pipeline.services.deals import open_deal
from pipeline.services.moves import move_deal
from tests.personas import NOW, OPERATOR, Workspace

LATER = datetime(2026, 5, 21, 10, 0, tzinfo=UTC)


def slow_deal(workspace: Workspace, name: str = "Slow one") -> int:
    """A deal that was opened in Q1 2026 and is still open; entered with the rest of the world."""
    with company_context(workspace.company.pk):
        return open_deal(
            by=OPERATOR,
            pipeline_id=workspace.pipeline.pk,
            stage_id=workspace.stages["Held"].pk,
            name=name,
            occurred_at=datetime(2026, 2, 10, 9, tzinfo=UTC),
            now=NOW,
            rep_id=workspace.reps["Ada"].pk,
            source_id=workspace.sources["Website"].pk,
        ).deal_id


def close_books(workspace: Workspace, now: datetime = NOW) -> None:
    """Compute every quarter: Q1 2026 is final from then on."""
    recompute_all(company_id=workspace.company.pk, now=now)


def lose(workspace: Workspace, deal_id: int, when: str, now: datetime = LATER) -> None:
    """A loss that happened at noon of `when` and is entered `now`, by the manager."""
    with company_context(workspace.company.pk):
        move_deal(
            by=workspace.actor(Role.MANAGER),
            deal_id=deal_id,
            to_stage_id=workspace.stages["Lost"].pk,
            occurred_at=datetime.fromisoformat(when).replace(hour=12, tzinfo=UTC),
            now=now,
        )


def sweep(workspace: Workspace, now: datetime = LATER) -> None:
    """Recompute what is behind, as the worker does."""
    for company_id, start in behind(now=now, company_id=workspace.company.pk):
        recompute_quarter(company_id=company_id, quarter_start=start, now=now)
