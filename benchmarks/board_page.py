"""The board of many open deals, beside an empty page and its own bytes. One JSON line.

Run by benchmarks.board on a database of its own: makes three companies with no, a few and many
deals open in four stages, signs a member of each in, and asks for pages as a browser would,
without a network between.
"""

import gzip
import json
import os
import random
import statistics
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import django
import psycopg

# The page's own work is measured, not the look-up of hashed file names, which is cached.
os.environ.setdefault(
    "STATICFILES_BACKEND", "django.contrib.staticfiles.storage.StaticFilesStorage"
)
os.environ["DEBUG"] = "false"
django.setup()

from django.conf import settings  # noqa: E402
from django.db import connection, transaction  # noqa: E402
from django.http import HttpRequest, HttpResponse  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402
from django.urls import path  # noqa: E402

from accounts import formats  # noqa: E402
from accounts.access import company_view  # noqa: E402
from accounts.actors import Actor  # noqa: E402
from accounts.models import Company, User  # noqa: E402
from accounts.roles import Role  # noqa: E402
from accounts.services.companies import add_member, create_company  # noqa: E402
from accounts.tenancy.context import company_context  # noqa: E402
from benchmarks.measuring import Meter, Spent  # noqa: E402
from config import urls  # noqa: E402
from pipeline import paths  # noqa: E402
from pipeline.models import Customer, Deal, Pipeline, Rep, Source, Stage  # noqa: E402
from pipeline.views import card_press  # noqa: E402

FEW = 100
_BY = Actor.product("bench")
_STAGES = ("Qualified", "Discovery", "Proposal", "Contract")


def make_company(slug: str, deals: int, now: datetime) -> tuple[Company, User]:
    """A company whose deals are open, in all stages, some late, some without a next step."""
    dice = random.Random(deals)
    company = create_company(slug=slug, name=slug.title(), by=_BY, now=now, currency="EUR")
    user = User.objects.create_user(f"rep@{slug}.example", name="Rep Rover")
    membership = add_member(company=company, user=user, role=Role.REP, by=_BY, now=now)
    with company_context(company.pk), transaction.atomic():
        pipeline = Pipeline.objects.create(name="Sales")
        stages = [
            Stage.objects.create(
                pipeline=pipeline, name=name, kind="open", position=n, usual_days=7 * n
            )
            for n, name in enumerate(_STAGES, 1)
        ]
        for kind in ("won", "lost"):
            Stage.objects.create(pipeline=pipeline, name=kind.title(), kind=kind)
        reps = [
            Rep.objects.create(name=f"Rep {n}", membership=None if n else membership)
            for n in range(12)
        ]
        sources = [
            Source.objects.create(name=f"Source {n}", channel="inbound" if n % 2 else "outbound")
            for n in range(6)
        ]
        customers = Customer.objects.bulk_create(
            Customer(name=f"Customer number {n}") for n in range(max(10, deals // 3))
        )
        Deal.objects.bulk_create(
            [_deal(n, dice, pipeline, stages, reps, sources, customers, now) for n in range(deals)],
            batch_size=2000,
        )
    return company, user


def _deal(n, dice, pipeline, stages, reps, sources, customers, now):  # type: ignore[no-untyped-def]
    age = dice.randrange(0, 60)
    entered = now - timedelta(days=age)
    stage = dice.choice(stages)
    step = dice.random() < 0.7
    return Deal(
        pipeline=pipeline,
        name=f"Deal {n} {dice.choice(['rollout', 'pilot', 'renewal', 'seats'])}",
        customer=dice.choice(customers),
        rep=dice.choice(reps),
        source=dice.choice(sources),
        amount=Decimal(dice.randrange(1000, 90000)) if dice.random() < 0.9 else None,
        currency="EUR",
        next_step="Call the buyer" if step else "",
        next_step_on=entered.date() + timedelta(days=dice.randrange(80)) if step else None,
        stage=stage,
        outcome="open",
        opened_on=entered.date(),
        stage_entered_on=entered.date(),
        path=paths.pack([paths.Row(n + 1, stage.pk, entered, entered.date())]),
    )


_READY: dict[str, bytes] = {}  # the body of a page by its name: nothing is left to do but send


@company_view("deal.view")
def ready(request: HttpRequest, name: str) -> HttpResponse:
    """Bytes that stand ready, through the whole stack that a page passes."""
    return HttpResponse(_READY[name])


urlpatterns = [path("w/<slug:company_slug>/ready/<str:name>/", ready), *urls.urlpatterns]


def timed(pages: dict[str, tuple[Client, str]], rounds: int) -> dict[str, dict[str, float]]:
    """Median seconds of each page: wall, and CPU of this process and of the database server.

    In turns, so that a slow moment of the machine meets all.
    """
    spent: dict[str, list[Spent]] = {name: [] for name in pages}
    for client, url in [*pages.values()] * 3:  # warm
        assert client.get(url).status_code == 200, url
    connection.ensure_connection()
    meter = Meter(connection.connection.info.backend_pid)
    for _round in range(rounds):
        for name, (client, url) in pages.items():
            if name == "new":
                forget()
            with meter.measured() as measured:
                client.get(url)
            spent[name].append(measured)
    return {
        name: {
            "wall": statistics.median(s.wall for s in some),
            "cpu": statistics.median(s.cpu for s in some),
        }
        for name, some in spent.items()
    }


def forget() -> None:
    """As in a process that never wrote one of these cards."""
    card_press._pressed.clear()
    card_press._escaped.cache_clear()
    formats._whole_money.cache_clear()
    formats._digits.cache_clear()


def queries(client: Client, url: str) -> int:
    client.get(url)
    with CaptureQueriesContext(connection) as captured:
        client.get(url)
    return len(captured)


def main(many: int, rounds: int) -> None:
    now = datetime.now(UTC)
    settings.ALLOWED_HOSTS = ["testserver"]
    settings.ROOT_URLCONF = __name__
    companies: dict[str, dict[str, float]] = {}
    pages: dict[str, tuple[Client, str]] = {}
    for name, deals in (("none", 0), ("few", FEW), ("many", many)):
        slug = f"{name}-{now:%Y%m%d%H%M%S}"  # a database may be kept for the next run
        _company, user = make_company(slug, deals, now)
        client = Client()
        client.force_login(user)
        board = f"/w/{slug}/deals/"
        pages[name] = (client, board)
        _READY[name] = client.get(board).content
        pages[f"{name} ready"] = (client, f"/w/{slug}/ready/{name}/")
        companies[name] = {
            "deals": deals,
            "bytes": len(_READY[name]),
            "gzip_bytes": len(gzip.compress(_READY[name], 6)),
        }
    with psycopg.connect(os.environ["DATABASE_OWNER_URL"], autocommit=True) as owner:
        owner.execute("ANALYZE")  # as autovacuum does, a minute later
    seconds = timed(pages, rounds)
    # With all of its cards to be written; in turns of its own, since all others' are forgotten too.
    again = timed({"none": pages["none"], "new": pages["many"]}, rounds)
    for name, found in companies.items():
        ready_made = {f"ready_{what}": value for what, value in seconds[f"{name} ready"].items()}
        found |= {"queries": queries(*pages[name]), **seconds[name], **ready_made}
    companies["new"] = (
        companies["many"]
        | again["new"]
        | {f"none_{what}": value for what, value in again["none"].items()}
    )
    json.dump(companies, sys.stdout)
    print()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
