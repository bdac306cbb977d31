"""Findings for tests: one call makes one, with defaults."""

from typing import Any

from accounts.roles import Role
from accounts.tenancy.context import company_context
from metrics.models import Finding
from metrics.services.findings import add_finding
from tests.personas import NOW, Workspace


def make_finding(workspace: Workspace, *, role: Role = Role.MANAGER, **values: Any) -> Finding:
    """A finding at "Held", as a manager; `stage` and `deals` by their names in the workspace."""
    stage = values.pop("stage", "Held")
    deals = [workspace.deals[name] for name in values.pop("deals", ())]
    given: dict[str, Any] = {
        "source": "call_review",
        "statement": "Nobody asks who decides",
        "now": NOW,
        **values,
    }
    with company_context(workspace.company.pk):
        return add_finding(
            by=workspace.actor(role),
            stage=workspace.stages[stage].pk if isinstance(stage, str) else stage,
            deals=deals,
            **given,
        )
