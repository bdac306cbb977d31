"""Which row of a catalogue a merged one went into: what says its old name means the new one."""

from accounts.models import AuditEntry
from pipeline.selectors.settings_catalogues import Catalogue


def heirs(*, catalogue: Catalogue) -> dict[int, int]:
    """Merged row -> the row that stands for it now, by id, at the end of a chain of merges.

    The audit trail says so. A row that was brought back into use after its merge stands for
    itself again.
    """
    retired = catalogue.model.objects.exclude(retired_at=None).values_list("pk", flat=True)
    told = AuditEntry.objects.filter(
        object_type=catalogue.noun,
        object_id__in=retired,
        action__in=(f"{catalogue.noun}.merged", f"{catalogue.noun}.restored"),
    )
    into: dict[int, int] = {}
    for pk, action, after in told.order_by("id").values_list("object_id", "action", "after"):
        if action.endswith(".merged"):
            into[pk] = int(after["into_id"])
        else:
            into.pop(pk, None)
    return {pk: end for pk in into if (end := _end(pk, into)) is not None}


def _end(pk: int, into: dict[int, int]) -> int | None:
    """Where a chain of merges ends; None where it comes back to itself."""
    seen = {pk}
    while pk in into:
        pk = into[pk]
        if pk in seen:
            return None
        seen.add(pk)
    return pk
