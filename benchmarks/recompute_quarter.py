"""Part: the running quarter after one move, through the real services.

    python -m benchmarks.recompute_quarter COMPANY_ID [MOVES]

Medians over several moves, each of another open deal: of the recomputation as the worker does it
(read, compute, compare with what is stored, write what differs) and of reading and computing
alone.
"""

import statistics
import sys
from datetime import UTC, datetime, timedelta

import django


def main(company_id: int, moves: int = 7) -> None:
    django.setup()
    from django.db import connection, transaction

    from accounts.actors import Actor
    from accounts.models import Company
    from accounts.tenancy.context import company_context
    from benchmarks.company import AS_OF
    from benchmarks.measuring import Meter, Spent, say
    from metrics.calc.calendar import as_of_for, moment, quarter_of
    from metrics.calc.figures import quarter_table
    from metrics.readers import read_history, read_rates, stages_of
    from metrics.services.recompute import recompute_quarter
    from pipeline.models import Deal, Stage
    from pipeline.services.moves import move_deal

    now = datetime.now(UTC)
    with company_context(company_id), transaction.atomic():
        company = Company.objects.get(pk=company_id)
        quarter = quarter_of(company.local_day(AS_OF), company.fiscal_year_start_month)
        open_deals = Deal.objects.filter(outcome=Deal.Outcome.OPEN).order_by("-id")
        deals = list(open_deals.values_list("id", "pipeline_id", "stage_id")[: moves + 1])
        stages = list(
            Stage.objects.filter(pipeline_id=deals[0][1], kind=Stage.Kind.OPEN)
            .order_by("position")
            .values_list("id", flat=True)
        )
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        meter = Meter(cursor.fetchone()[0])
    whole: list[Spent] = []
    counted: list[Spent] = []
    written = []
    for number, (deal_id, pipeline_id, stage_id) in enumerate(deals):
        target = stages[(stages.index(stage_id) + 1) % len(stages)]
        with company_context(company_id), transaction.atomic():
            move_deal(
                by=Actor.product("bench"),
                deal_id=deal_id,
                to_stage_id=target,
                occurred_at=AS_OF - timedelta(minutes=1),
                now=now,
            )
        with meter.measured() as spent:
            done = recompute_quarter(company_id=company_id, quarter_start=quarter.start, now=now)
        assert done is not None
        with company_context(company_id), transaction.atomic(), meter.measured() as arithmetic:
            stage_list = stages_of(pipeline_id=pipeline_id)
            history = read_history(
                company=company,
                pipeline_id=pipeline_id,
                stages=stage_list,
                start=quarter.start,
                end=quarter.end,
            )
            as_of = as_of_for(quarter, company.settle_days, company.zone, AS_OF)
            quarter_table(
                history, quarter, moment(as_of, company.zone), read_rates(company=company)
            )
        if number:  # the first pays for imports and cold caches
            whole.append(spent)
            counted.append(arithmetic)
            written.append(done.written)
    say(
        "quarter after a move",
        deals_in_play=history.size,
        moves=moves,
        rows_written=round(statistics.median(written)),
        **_median(whole).as_json(),
        read_and_compute=_median(counted).as_json(),
        **meter.peaks(),
    )


def _median(spent: list) -> object:
    from benchmarks.measuring import Spent

    parts = ("wall", "client", "server")
    return Spent(*(statistics.median(getattr(one, part) for one in spent) for part in parts))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
