"""Stored attachments: which ones a message has, and the one that somebody downloads."""

from dataclasses import dataclass
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef
from django.db.models.functions import JSONObject

from pipeline.models import StoredAttachment


@dataclass(frozen=True, slots=True)
class Download:
    """A file to hand over: how it is called, and what is in it."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Attached:
    """An attachment as a timeline names it; `id` 0 where it is not stored."""

    name: str
    id: int = 0


def stored_numbers() -> Any:
    """An expression over messages: the numbers and ids of what is stored of each."""
    stored = StoredAttachment.objects.filter(email=OuterRef("pk")).order_by("number")
    return ArraySubquery(stored.values(found=JSONObject(number="number", id="pk")))


def attached(mail: Any) -> tuple[Attached, ...]:
    """The attachments of a message that was read with `stored_numbers` as `stored_ids`."""
    ids = {found["number"]: found["id"] for found in mail.stored_ids}
    return tuple(
        Attached(str(a.get("name", "")) or "?", ids.get(n, 0))
        for n, a in enumerate(mail.attachments)
        if isinstance(a, dict)
    )


def attachment_to_download(*, attachment_id: int) -> Download | None:
    """A stored attachment of mail that stands in a deal's timeline; None for any other."""
    rows = StoredAttachment.objects.select_related("email").filter(email__activity__isnull=False)
    found = rows.filter(pk=attachment_id).first()
    if found is None:
        return None
    name = str(found.email.attachments[found.number].get("name", ""))
    return Download(name or "attachment", bytes(found.content))
