"""The golden company through the services, one transition at a time, gives the same figures."""

import io
import json
from datetime import UTC, datetime, timedelta
from itertools import groupby

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
from tests.calc import reference
from tests.golden.agreement import differences
from tests.golden.company_files import COMPANY
from tests.golden.known import known_at
from tests.golden.replay import company_of, instant, replay, rows

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


def recounted_by_hand() -> int:
    """Count every stored version again from the files, by the slow reference; how many there are.

    The reference shares no code with the product. What is known is what was recorded until the
    version was computed.
    """
    settings = json.loads((COMPANY / "company.json").read_text())
    names = [row["stage"] for row in rows(COMPANY, "stages.csv") if row["kind"] == "open"]
    with transaction.atomic():
        finals = Snapshot.objects.filter(status=Snapshot.Status.FINAL)
        stored = list(finals.order_by("quarter_start", "version", "segment"))
    count = 0
    for (start, end, as_of), of_quarter in groupby(
        stored, key=lambda row: (row.quarter_start, row.quarter_end, row.as_of)
    ):
        state: dict[str, dict] = {}
        first: dict[str, dict] = {}
        for (number, at), of_version in groupby(
            of_quarter, key=lambda row: (row.version, row.computed_at)
        ):
            state |= {row.segment: row.figures for row in of_version}
            first = first or dict(state)
            company = known_at(COMPANY, at, settings["timezone"], settings["currency"])
            expected = reference.stored(company, start, end, as_of.astimezone(UTC))
            place = f"{start} version {number}"
            # A segment that lost its last deal is stored as nothing, and is not counted.
            gone = [name for name in state if name not in expected]
            assert [name for name in gone if state[name]["in_play"]] == [], place
            for segment, figures in expected.items():
                for stage, name in zip(figures["stages"], names, strict=True):
                    stage["name"] = name
                if segment in first:
                    for kept in ("amount_open_at_end", "open_with_amount"):
                        figures[kept] = first[segment][kept]
            found = differences(expected, {name: state[name] for name in state.keys() & expected})
            assert found == [], f"{place}\n" + "\n".join(found[:20])
            count += 1
    return count


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
        assert recounted_by_hand() == verified.versions

        actual = dump("golden-replay")
        found = differences(without_open_amounts(expected), without_open_amounts(actual))
        assert found == [], "\n".join(found[:40])
