"""A quarter that closes late: what stood at its own midnight, whenever somebody got to it."""

from dataclasses import dataclass
from datetime import datetime, tzinfo

from django.db import connection

from accounts.models import Company
from metrics.calc.calendar import Quarter, moment
from metrics.calc.figures import QuarterTable, quarter_table
from metrics.readers import StageList
from metrics.services.causes import facts_since
from metrics.services.recount import Facts, known_history, known_rates, read_facts

# Loaded rows bring the time at which another installation recorded them.
_RECORDED = """
    SELECT EXISTS (
        SELECT FROM pipeline_stagetransition t
        JOIN pipeline_deal d ON d.company_id = t.company_id AND d.id = t.deal_id
        WHERE t.company_id = %s AND t.recorded_at < %s AND t.origin <> 'load'
          AND d.pipeline_id = %s
    )
"""


def was_recorded_before(*, company: Company, pipeline_id: int, instant: datetime) -> bool:
    """Had a move of this pipeline been entered here by then? Loaded history was not."""
    with connection.cursor() as cursor:
        cursor.execute(_RECORDED, [company.pk, instant, pipeline_id])
        return bool(cursor.fetchone()[0])


@dataclass(slots=True)
class Closings:
    """Reads all facts of a pipeline once, and only if a quarter of it closes after late entries."""

    company: Company
    pipeline_id: int
    _facts: Facts | None = None

    def table_at(
        self, *, quarter: Quarter, as_of: datetime, stages: StageList, zone: tzinfo | None
    ) -> QuarterTable | None:
        """The figures as they were known at `as_of`, where something was entered after it.

        None where the facts of today give the same: nothing was entered since then that counts
        before it, or the pipeline was not kept here yet and its history came later as a whole.
        """
        company = self.company
        if (
            not was_recorded_before(company=company, pipeline_id=self.pipeline_id, instant=as_of)
            or not facts_since(company=company, since=as_of, as_of=as_of).count
        ):
            return None
        if self._facts is None:
            self._facts = read_facts(company=company, pipeline_id=self.pipeline_id)
        known = known_history(self._facts, cut=as_of, stages=stages, zone=zone)
        at = moment(as_of, zone or company.zone)
        return quarter_table(known, quarter, at, known_rates(self._facts, cut=as_of))
