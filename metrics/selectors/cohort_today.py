"""The deals opened in a quarter as they stand today, beside how they stood at its close.

A snapshot does not drift as the cohort's pending deals end; this does. Definitions:
docs/metrics.md, "Funnel" and "Snapshots".
"""

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from accounts.models import Company
from metrics.calc.calendar import Quarter
from metrics.calc.drill import deals_behind
from metrics.calc.segments import ALL
from metrics.selectors.figures import default_pipeline
from metrics.selectors.quarter_deals import quarter_deals


@dataclass(frozen=True, slots=True)
class CohortStage:
    """One open stage, by the names of `StageFigures`: counts of the quarter's own deals."""

    position: int
    name: str
    cohort_reached: int
    cohort_lost: int
    cohort_pending: int


@dataclass(frozen=True, slots=True)
class CohortToday:
    """The cohort of a quarter and segment, as of `as_of` (in the company's zone).

    `stages` are those of the quarter's snapshot. `path_unknown`: opened in the quarter, but left
    out for want of a path.
    """

    quarter: str
    segment: str
    as_of: datetime
    cohort_won: int
    stages: tuple[CohortStage, ...]
    path_unknown: int

    @property
    def pending(self) -> int:
        """How many are still under way: above 0, the cohort is unfinished."""
        return sum(stage.cohort_pending for stage in self.stages)


def cohort_today(
    *,
    company: Company,
    quarter: Quarter,
    segment: str = ALL,
    pipeline_id: int | None = None,
    now: datetime,
) -> CohortToday | None:
    """The cohort as of now; None where the quarter has no figures.

    Read from the deals themselves, since nothing of it is stored. ValueError for what is no
    segment's name; a segment without deals has a cohort of none.
    """
    pipeline_id = pipeline_id or default_pipeline(company=company)
    if pipeline_id is None:
        return None
    found = quarter_deals(
        company=company,
        pipeline_id=pipeline_id,
        starts=[quarter.start],
        segment=segment,
        now=now,
        today=True,
    )
    if not found:
        return None
    [deals] = found

    def count(figure: str, at: int | None = None) -> int:
        return int(np.size(deals_behind(deals.work, figure, segment=segment, at=at)))

    return CohortToday(
        quarter=deals.quarter.label,
        segment=segment,
        as_of=deals.as_of,
        cohort_won=count("cohort_won"),
        stages=tuple(
            CohortStage(
                position=at,
                name=name,
                cohort_reached=count("cohort_reached", at),
                cohort_lost=count("cohort_lost", at),
                cohort_pending=count("cohort_pending", at),
            )
            for at, name in enumerate(deals.stages, start=1)
        ),
        path_unknown=count("cohort_path_unknown"),
    )
