"""The usual days of a stage: computed by the figures, shown on the board."""

from collections.abc import Mapping

from pipeline.models import Stage


def write_usual_days(*, days: Mapping[int, int | None]) -> int:
    """Keep the usual days of stages (id -> whole days, None: not known); how many changed.

    A cache like a deal's stage: no fact, no audit entry.
    """
    changed = 0
    for stage in Stage.objects.filter(pk__in=list(days)):
        if stage.usual_days != days[stage.pk]:
            changed += Stage.objects.filter(pk=stage.pk).update(usual_days=days[stage.pk])
    return changed
