"""Part: every quarter and segment of a company from PostgreSQL, through the product's own code.

    python -m benchmarks.recompute_ours COMPANY_ID arrays [RESULT]   read and compute
    python -m benchmarks.recompute_ours COMPANY_ID stored            and write the snapshots

`arrays` ends with the figures as columns in memory, as DuckDB's side does; RESULT keeps them.
"""

import pickle
import sys
from pathlib import Path

import django


def main(company_id: int, until: str, result: str = "") -> None:
    django.setup()
    from django.db import connection, transaction

    from accounts.models import Company
    from accounts.tenancy.context import company_context
    from benchmarks.company import AS_OF
    from benchmarks.measuring import Meter, say
    from metrics.calc.calendar import as_of_for, moment
    from metrics.calc.figures import quarter_tables
    from metrics.readers import read_history, read_rates, stages_of
    from metrics.services.recompute import all_quarters, recompute_all
    from pipeline.models import Pipeline

    with company_context(company_id), transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET statement_timeout = 0")
            cursor.execute("SELECT pg_backend_pid()")
            meter = Meter(cursor.fetchone()[0])
        rows, segments, reading = 0, set(), None
        if until == "arrays":
            tables = []
            with meter.measured() as spent:
                company = Company.objects.get(pk=company_id)
                quarters = all_quarters(company=company, now=AS_OF)
                as_ofs = [as_of_for(q, company.settle_days, company.zone, AS_OF) for q in quarters]
                with meter.measured() as reading:
                    pipeline_id = Pipeline.objects.values_list("id", flat=True)[0]
                    history = read_history(
                        company=company,
                        pipeline_id=pipeline_id,
                        stages=stages_of(pipeline_id=pipeline_id),
                    )
                moments = [moment(as_of, company.zone) for as_of in as_ofs]
                pairs = list(zip(quarters, moments, strict=True))
                for table in quarter_tables(history, pairs, read_rates(company=company)):
                    rows += len(table.segments)
                    segments |= set(table.segments)
                    if result:
                        tables.append(table)
            if result:
                Path(result).write_bytes(pickle.dumps(tables))
        else:
            with meter.measured() as spent:
                rows = sum(q.written for q in recompute_all(company_id=company_id, now=AS_OF))
    more = {} if reading is None else {"read": reading.as_json(), "segments": len(segments)}
    say(f"ours, {until}", rows=rows, **spent.as_json(), **more, **meter.peaks())


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
