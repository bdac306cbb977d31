"""The golden company through the services, one transition at a time, gives the same figures."""

import io
import json
from datetime import datetime, timedelta

import pytest
from django.core.management import call_command
from django.db import transaction

from accounts.models import Company
from metrics.models import Snapshot
from metrics.services.recompute import recompute_all, recompute_quarter
from metrics.services.sweep import behind
from metrics.services.verifying import verify_snapshots
from pipeline.models import StageTransition
from pipeline.services.facts import check_facts
from tests.golden.agreement import differences
from tests.golden.company_files import COMPANY
from tests.golden.replay import company_of, instant, replay

EVERY = 80


def dump(slug: str) -> dict:
    out = io.StringIO()
    call_command("dump_snapshots", slug=slug, stdout=out)
    return json.loads(out.getvalue())


def last_recorded() -> datetime:
    with transaction.atomic():
        return StageTransition.objects.latest("recorded_at").recorded_at


def without_open_amounts(figures: dict) -> dict:
    return {
        quarter: {
            segment: {k: v for k, v in of.items() if k != "amount_open_at_end"}
            for segment, of in segments.items()
        }
        for quarter, segments in figures.items()
    }


@pytest.mark.django_db(transaction=True)
def test_replaying_every_transition_through_the_services_gives_the_expected_figures() -> None:
    expected = json.loads((COMPANY / "expected.json").read_text())
    as_of = instant(json.loads((COMPANY / "company.json").read_text())["as_of"])

    with company_of(COMPANY, slug="golden-replay") as (company, stages):

        def between(number: int, now: datetime) -> None:
            if number % EVERY == 0:
                for company_id, quarter_start in behind(now=now, company_id=company.pk):
                    recompute_quarter(company_id=company_id, quarter_start=quarter_start, now=now)

        count = replay(COMPANY, stages=stages, between=between)
        assert count == 1622
        assert check_facts() == []
        with transaction.atomic():
            Company.objects.filter(pk=company.pk).update(as_of=as_of)
            restated = Snapshot.objects.filter(version__gt=1)
            # Late entries and corrections of closed quarters were told, not hidden.
            assert restated.count() > 50
            assert all(row.cause["fields"] for row in restated)
            assert all(row.cause["facts"] for row in restated)
        # The last facts were recorded after the instant as of which they are read.
        end = last_recorded() + timedelta(hours=1)
        recompute_all(company_id=company.pk, now=end)
        assert recompute_all(company_id=company.pk, now=end)[0].written == 0

        # Every version that was ever stored, also the superseded ones, is what the facts recorded
        # by then give: read again row by row and cut anew, with the arithmetic that is held
        # against expected.json below.
        verified = verify_snapshots(company_id=company.pk)
        assert (verified.wrong, verified.unproved) == ((), ())
        assert verified.versions > 10

        actual = dump("golden-replay")
        found = differences(without_open_amounts(expected), without_open_amounts(actual))
        assert found == [], "\n".join(found[:40])
