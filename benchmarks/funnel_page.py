"""Part of benchmarks.funnel: the funnel page beside an empty signed-in page. One JSON line.

python -m benchmarks.funnel_page COMPANY_ID ROUNDS
"""

import json
import os
import statistics
import sys
from datetime import UTC, datetime
from typing import Any

import django

# The page's own work is measured, not the look-up of hashed file names, which is cached.
os.environ.setdefault(
    "STATICFILES_BACKEND", "django.contrib.staticfiles.storage.StaticFilesStorage"
)
os.environ["DEBUG"] = "false"
django.setup()

from django.conf import settings  # noqa: E402
from django.db import connection, transaction  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402

from accounts.actors import Actor  # noqa: E402
from accounts.models import Company, User  # noqa: E402
from accounts.roles import Role  # noqa: E402
from accounts.services.companies import add_member  # noqa: E402
from accounts.tenancy.context import company_context  # noqa: E402
from benchmarks.measuring import Meter, Spent  # noqa: E402
from metrics.models import DangerPoint, Finding, RecordedChange  # noqa: E402
from metrics.selectors import figures  # noqa: E402
from metrics.views import funnel_drawn  # noqa: E402
from pipeline.models import Stage  # noqa: E402

FINDINGS = 60


def learn(company: Company, user: User, now: datetime) -> None:
    """Findings at every stage, a danger point and a change: what the page asks for besides."""
    with company_context(company.pk), transaction.atomic():
        if Finding.objects.exists():
            return
        stages = list(Stage.objects.filter(kind="open").order_by("position"))
        kinds = ("call_review", "customer_interview", "lost_interview", "material_review")
        for n in range(FINDINGS):
            Finding.objects.create(
                source=kinds[n % len(kinds)],
                pipeline_id=stages[0].pipeline_id,
                stage=stages[n % len(stages)],
                statement=f"What was learned, number {n}",
                quote="The number was fine. I could not explain why now." if n % 2 else "",
                severity=("high", "medium", "low")[n % 3],
                learned_on=now.date(),
                recorded_at=now,
                author=user,
            )
        for stage in stages:
            DangerPoint.objects.create(
                pipeline_id=stage.pipeline_id, stage=stage, opened_quarter="", opened_at=now,
                opened_by=user, owner=user,
            )  # fmt: skip
        RecordedChange.objects.create(
            happened_on=datetime(2025, 9, 1, tzinfo=UTC).date(), text="New price list",
            recorded_at=now, recorded_by=user,
        )  # fmt: skip


def forget() -> None:
    """As after a change of the figures: nothing is remembered."""
    figures._remembered.clear()
    funnel_drawn._remembered.clear()
    funnel_drawn._pages.clear()
    funnel_drawn._rows.clear()


def main(company_id: int, rounds: int) -> None:
    now = datetime.now(UTC)
    settings.ALLOWED_HOSTS = ["testserver"]
    with company_context(company_id), transaction.atomic():
        company = Company.objects.get(pk=company_id)
    user = User.objects.create_user(f"manager@{now:%Y%m%d%H%M%S}.example", name="Bench Manager")
    add_member(company=company, user=user, role=Role.MANAGER, by=Actor.product("bench"), now=now)
    learn(company, user, now)
    client = Client()
    client.force_login(user)
    here = f"/w/{company.slug}/funnel/"
    pages = {
        # The same page, signed in, of a quarter that does not exist: frame, filters, nothing else.
        "empty": here + "?q=1999-Q1",
        "funnel": here,
        "two segments": here + "?seg=channel%3Dinbound&vs=channel%3Doutbound",
        "first": here,
    }
    for url in [*pages.values()] * 3:  # warm
        assert client.get(url).status_code == 200, url
    connection.ensure_connection()
    meter = Meter(connection.connection.info.backend_pid)
    spent: dict[str, list[Spent]] = {name: [] for name in pages}
    for _round in range(rounds):  # in turns, so that a slow moment of the machine meets all
        for name, url in pages.items():
            if name == "first":
                continue
            with meter.measured() as measured:
                client.get(url)
            spent[name].append(measured)
    for _round in range(rounds):
        forget()
        with meter.measured() as measured:
            client.get(here)
        spent["first"].append(measured)
    found: dict[str, Any] = {}
    for name, url in pages.items():
        if name == "first":
            forget()
        with CaptureQueriesContext(connection) as captured:
            body = client.get(url).content
        found[name] = {
            "queries": len(captured),
            "cpu": statistics.median(s.cpu for s in spent[name]),
            "wall": statistics.median(s.wall for s in spent[name]),
            "bytes": len(body),
        }
    json.dump(found, sys.stdout)
    print()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
