"""How many days do deals usually spend in a stage?"""

from datetime import datetime

import numpy as np

from accounts.models import Company
from metrics.calc.calendar import Quarter, moment, previous_quarter, quarter_of
from metrics.calc.figures import quarter_table
from metrics.calc.history import Rates
from metrics.calc.segments import ALL
from metrics.readers import read_history, stages_of
from pipeline.models import Pipeline
from pipeline.services.usual_days import write_usual_days

_QUARTERS = 4
_FEWEST = 10  # exits; under that nothing is usual yet


def refresh_usual_days(*, company: Company, now: datetime) -> int:
    """Bring the stages' usual days up to date: the median over the exits of four ended quarters.

    The same median as a quarter's days_median (docs/metrics.md, Funnel and danger points), over
    four quarters as one. In the caller's transaction; returns how many stages changed.
    """
    clock = company.clock(now)
    running = quarter_of(company.local_day(clock), company.fiscal_year_start_month)
    first = running
    for _ in range(_QUARTERS):
        first = previous_quarter(first, company.fiscal_year_start_month)
    window = Quarter(first.start, running.start, "usual")
    days: dict[int, int | None] = {}
    for pipeline_id in Pipeline.objects.values_list("id", flat=True):
        stages = stages_of(pipeline_id=pipeline_id)
        history = read_history(
            company=company,
            pipeline_id=pipeline_id,
            stages=stages,
            start=window.start,
            end=window.end,
        )
        table = quarter_table(history, window, moment(clock, company.zone), Rates.none())
        row = table.segments.index(ALL) if ALL in table.segments else None
        for place, stage_id in enumerate(stages.ids):
            usual = None
            if row is not None and table.stage_days_count[row, place] >= _FEWEST:
                usual = int(np.rint(table.stage_days[row, place, 0]))
            days[stage_id] = usual
    return write_usual_days(days=days)
