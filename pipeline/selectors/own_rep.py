"""Whose sign-in is which rep, and what every form of the sales floor offers by default."""

from pipeline.models import Pipeline, Rep


def own_rep(*, membership_id: int) -> int | None:
    """The rep that the member is; None where no rep is linked to the sign-in."""
    found: int | None = (
        Rep.objects.filter(membership_id=membership_id).values_list("pk", flat=True).first()
    )
    return found


def pipeline_choices() -> tuple[tuple[int, str], ...]:
    """The pipelines in use, in their order."""
    rows = Pipeline.objects.filter(retired_at=None).order_by("position", "name", "id")
    return tuple(rows.values_list("id", "name"))
