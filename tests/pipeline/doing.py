"""Short words for what the tests of the pipeline do again and again, and what they look at."""

from datetime import UTC, date, datetime
from typing import Any

from django.db import connection

from accounts.models import AuditEntry
from accounts.roles import Role
from pipeline.models import Deal, DirtyQuarter, Stage, StageTransition
from pipeline.services.deals import open_deal
from pipeline.services.facts import check_facts
from pipeline.services.history import Recorded
from pipeline.services.moves import move_deal
from tests.personas import NOW, Workspace


def at(text: str) -> datetime:
    """An instant in UTC: at("2026-05-01 10:00"), or at noon of a day."""
    moment = datetime.fromisoformat(text)
    if len(text) == 10:
        moment = moment.replace(hour=12)
    return moment.replace(tzinfo=UTC)


def start(
    workspace: Workspace,
    *,
    when: str = "2026-05-01",
    stage: str = "Booked",
    role: Role = Role.MANAGER,
    **more: Any,
) -> Recorded:
    """Open a deal."""
    values = {"name": "Coaching for Acme", "now": NOW, **more}
    return open_deal(
        by=workspace.actor(role),
        pipeline_id=workspace.pipeline.pk,
        stage_id=workspace.stages[stage].pk,
        occurred_at=at(when),
        **values,
    )


def move(
    workspace: Workspace,
    deal: Recorded | int,
    stage: str,
    *,
    when: str = "2026-05-10",
    role: Role = Role.MANAGER,
    **more: Any,
) -> Recorded:
    """Move a deal to a stage."""
    return move_deal(
        by=workspace.actor(role),
        deal_id=deal if isinstance(deal, int) else deal.deal_id,
        to_stage_id=workspace.stages[stage].pk,
        occurred_at=at(when),
        **{"now": NOW, **more},
    )


def stage_name(deal_id: int) -> str | None:
    stage: Stage | None = Deal.objects.select_related("stage").get(pk=deal_id).stage
    return stage.name if stage else None


def history_size() -> int:
    return StageTransition.objects.count()


def last_audit() -> AuditEntry:
    entry: AuditEntry = AuditEntry.objects.order_by("-id")[0]
    return entry


def clear_marks() -> None:
    DirtyQuarter.objects.all().delete()


def marked(workspace: Workspace) -> list[date]:
    """The first days of the quarters that were marked since clear_marks()."""
    rows = DirtyQuarter.objects.filter(company=workspace.company).order_by("quarter_start")
    return list(rows.values_list("quarter_start", flat=True))


def generations(workspace: Workspace) -> dict[date, int]:
    rows = DirtyQuarter.objects.filter(company=workspace.company)
    return dict(rows.values_list("quarter_start", "gen"))


def assert_facts_hold() -> None:
    """Every deal's cache is what its history says, and every deferred constraint holds."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
    assert check_facts() == []


Q1_25, Q2_25, Q3_25, Q4_25 = (date(2025, m, 1) for m in (1, 4, 7, 10))
Q1, Q2, Q3 = (date(2026, m, 1) for m in (1, 4, 7))
