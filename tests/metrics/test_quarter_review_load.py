"""The review of a company with forty quarters and sixty reps asks no more than a small one's."""

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.roles import Role
from accounts.tenancy.context import company_context
from metrics.models import DangerPoint, Finding, QuarterReview, Snapshot
from pipeline.models import Rep
from tests.personas import NOW, Workspace, World, client_of

PAGE = "/w/alpha/quarters/2026-Q1/review/"
QUARTERS, REPS = 40, 60


def grow(workspace: Workspace) -> None:
    """The first quarter's rows again, ten years back, for every segment and sixty reps."""
    with company_context(workspace.company.pk):
        rows = list(Snapshot.objects.filter(quarter_label="2026-Q1"))
        one = next(row for row in rows if row.segment == "all")
        wanted = {row.segment: row for row in rows}
        wanted |= {f"rep=Rep {n}": one for n in range(REPS)}
        known = set(Snapshot.objects.values_list("quarter_label", flat=True))
        made = []
        for back in range(QUARTERS):
            year, place = divmod(2026 * 4 - back, 4)
            start = date(year, place * 3 + 1, 1)
            following = date(year + (place == 3), (place + 1) % 4 * 3 + 1, 1)
            if f"{year}-Q{place + 1}" in known:
                continue
            made += [
                Snapshot(
                    pipeline_id=row.pipeline_id,
                    quarter_start=start,
                    quarter_end=following,
                    quarter_label=f"{year}-Q{place + 1}",
                    segment=segment,
                    version=1,
                    status="final",
                    as_of=row.as_of,
                    computed_at=row.computed_at,
                    definitions=row.definitions,
                    figures=row.figures,
                    digest=row.digest,
                )
                for segment, row in wanted.items()
            ]
        Snapshot.objects.bulk_create(made)
        Rep.objects.bulk_create([Rep(name=f"Rep {n}") for n in range(REPS)])
        place = {"pipeline": workspace.pipeline, "stage": workspace.stages["Held"]}
        for number in range(12):
            DangerPoint.objects.create(
                pipeline=workspace.pipeline,
                stage=workspace.stages["Held"],
                segment=f"rep=Rep {number}",
                opened_quarter="2026-Q1",
                opened_at=NOW - timedelta(days=80),
            )
            Finding.objects.create(
                **place,
                source="call_review",
                statement=f"Learned {number}",
                learned_on=date(2026, 3, 1),
                recorded_at=NOW,
            )
        QuarterReview.objects.create(
            pipeline=workspace.pipeline,
            quarter_start=date(2026, 1, 1),
            quarter_label="2026-Q1",
            summary="Long.",
            bets=["One", "Two", "Three"],
            changed_at=NOW,
        )


def asked(get: Callable[[], object]) -> int:
    get()  # whatever a process remembers, it remembers now
    with CaptureQueriesContext(connection) as captured:
        get()
    return len(captured)


@pytest.mark.parametrize("kind", ["", "pdf/", "xlsx/"])
def test_queries_do_not_grow_with_quarters_reps_or_danger_points(
    computed: World, kind: str
) -> None:
    client: Client = client_of(computed.a.user(Role.MANAGER))
    small = asked(lambda: client.get(f"{PAGE}{kind}"))
    grow(computed.a)
    response = client.get(f"{PAGE}{kind}")
    assert response.status_code == 200
    if not kind:
        report = response.context["report"]
        assert len(next(s for s in report.sections if s.key == "danger").items) >= 12
        assert "Three" in response.content.decode()
    # Two more for what the small company has none of: findings with links, links of stages.
    assert asked(lambda: client.get(f"{PAGE}{kind}")) <= small + 2
    assert small <= 40
