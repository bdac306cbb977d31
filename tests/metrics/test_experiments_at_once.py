"""Several workers compute one experiment at the same moment: one row, each deal in one arm."""

import threading
from datetime import date, timedelta

import pytest
from django.db import connection, transaction

from accounts.roles import Role
from accounts.tenancy.context import company_context
from metrics import tasks
from metrics.models import Assignment, Experiment, ExperimentEntry, ExperimentResult, RecordedChange
from metrics.services.experiment_results import recheck_decided, recompute_running
from pipeline.services.deals import open_deal
from tests.personas import NOW, Workspace

WORKERS = 4
START = date(2026, 5, 4)


@pytest.mark.django_db(transaction=True)
def test_four_workers_write_one_row(
    committed_alpha: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks.timezone, "now", lambda: NOW)
    company = committed_alpha.company
    with company_context(company.pk):
        for number in range(12):
            open_deal(
                by=committed_alpha.actor(Role.MANAGER),
                pipeline_id=committed_alpha.pipeline.pk,
                stage_id=committed_alpha.stages["Booked"].pk,
                name=f"Deal {number}",
                occurred_at=NOW - timedelta(days=number),
                now=NOW,
                source_id=committed_alpha.sources["Website"].pk,
            )
        with transaction.atomic():
            Experiment.objects.create(
                title="At once",
                pipeline=committed_alpha.pipeline,
                measure="win_rate",
                smallest_effect=0.1,
                design="arms_by_deal",
                starts_on=START,
                follow_up_days=5,
                seed=5,
                state="running",
                created_at=NOW,
                started_at=NOW,
            )
            RecordedChange.objects.create(happened_on=START, text="New prices", recorded_at=NOW)
    barrier = threading.Barrier(WORKERS)
    wrote: list[int] = []

    def work() -> None:
        try:
            barrier.wait(timeout=30)
            wrote.append(recompute_running(company_id=company.pk, now=NOW))
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(wrote) == [0, 0, 0, 1]
    # Outside of any transaction, as the worker calls it.
    tasks.experiment_round(company.pk)
    assert recheck_decided(company_id=company.pk, now=NOW.replace(hour=3)) == 0
    with company_context(company.pk), transaction.atomic():
        assert ExperimentResult.objects.count() == 1
        assert ExperimentEntry.objects.count() == 1
        rows = Assignment.objects.order_by("number").values_list("number", "deal_id")
        assert [number for number, _ in rows] == list(range(1, 13))
        assert len({deal for _, deal in rows}) == 12
