"""The only writer of audit entries."""

from datetime import datetime
from typing import Any

import structlog

from accounts.models import AuditEntry, User


def record_audit(
    *,
    by: User | None,
    at: datetime,
    action: str,
    object_type: str,
    object_id: int | None,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    label: str = "",
) -> AuditEntry:
    """Say who did what, in the caller's transaction. `by=None` is the product itself."""
    request_id = structlog.contextvars.get_contextvars().get("request_id", "")
    return AuditEntry.objects.create(
        at=at,
        actor=by,
        actor_label=label or (by.email if by else "Leverpoint"),
        action=action,
        object_type=object_type,
        object_id=object_id,
        before=before or {},
        after=after or {},
        request_id=str(request_id or "")[:64],
    )
