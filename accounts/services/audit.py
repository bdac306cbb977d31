"""The only writer of audit entries."""

from datetime import datetime
from typing import Any

import structlog

from accounts.actors import Actor
from accounts.models import AuditEntry


def record_audit(
    *,
    by: Actor,
    at: datetime,
    action: str,
    object_type: str,
    object_id: int | None,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> AuditEntry:
    """Say who did what, in the caller's transaction."""
    request_id = structlog.contextvars.get_contextvars().get("request_id", "")
    entry: AuditEntry = AuditEntry.objects.create(
        at=at,
        actor_id=by.user_id,
        actor_label=by.label,
        action=action,
        object_type=object_type,
        object_id=object_id,
        before=before or {},
        after=after or {},
        request_id=str(request_id or "")[:64],
    )
    return entry
