"""The timeline of a long deal: its pages, its kinds, and what reading it costs."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.roles import Role
from pipeline.models import Activity, DealChange, Note
from pipeline.services.moves import move_deal
from tests.personas import NOW, World
from tests.pipeline.pages.deal_pages import add_person, client, deal_of, inside, url

pytestmark = pytest.mark.usefixtures("clock_stands")


def entries(world: World, query: str) -> list[Any]:
    response = client(world.a, Role.MANAGER).get(url(world.a.deals["open"]) + query)
    assert response.status_code == 200
    return [e for day in response.context["timeline"].days for e in day.entries]


def fill(world: World, count: int) -> None:
    """Rows of every kind, a minute apart."""
    deal, user = deal_of(world.a, "open"), world.a.user(Role.REP)
    start = NOW - timedelta(days=19)

    def at(n: int) -> datetime:
        return start + timedelta(minutes=n * 5)

    with inside(world.a):
        Note.objects.bulk_create(
            Note(deal=deal, body=f"note {n}", written_at=at(n), author=user) for n in range(count)
        )
        calls = Activity.objects.bulk_create(
            Activity(
                deal=deal,
                kind="email" if n % 2 else "call",
                happened_at=at(n),
                happened_on=at(n).date(),
                recorded_at=at(n),
                recorded_by=user,
            )
            for n in range(count)
        )
        Note.objects.bulk_create(
            Note(deal=deal, activity=c, body="about", written_at=c.happened_at) for c in calls
        )
        DealChange.objects.bulk_create(
            DealChange(
                deal=deal,
                field="rep_id",
                before="",
                after=str(world.a.reps["Ada"].pk),
                changed_at=at(n),
                changed_by=user,
                origin="edit",
            )
            for n in range(count)
        )
        stages = [world.a.stages[s].pk for s in ("Coach", "Held")]
        for n in range(10):
            move_deal(
                by=world.a.actor(Role.REP),
                deal_id=deal.pk,
                to_stage_id=stages[n % 2],
                occurred_at=NOW - timedelta(days=15) + timedelta(minutes=count + n),
                now=NOW,
            )


def test_the_number_of_queries_does_not_grow(world: World) -> None:
    def queries() -> int:
        who = client(world.a)
        with CaptureQueriesContext(connection) as captured:
            assert who.get(url(world.a.deals["open"])).status_code == 200
        return len(captured)

    fill(world, 10)
    add_person(world.a)
    few = queries()
    fill(world, 1000)
    for n in range(30):
        add_person(world.a, f"Person {n}")
    assert queries() == few


def test_pages_hold_everything_once(world: World) -> None:
    fill(world, 20)
    who, here = client(world.a), url(world.a.deals["open"])
    seen: list[str] = []
    number: int | None = 1
    while number is not None:
        found = who.get(here, {"page": number}).context["timeline"]
        seen += [e.anchor for day in found.days for e in day.entries]
        number = found.older
    # 20 notes, 20 calls and mails, 20 edits, 10 moves, and the two moves that were there
    assert len(seen) == len(set(seen)) == 72


@pytest.mark.parametrize(
    ("kind", "count"), [("moves", 12), ("notes", 30), ("talks", 10), ("emails", 10), ("edits", 20)]
)
def test_one_kind_alone(world: World, kind: str, count: int) -> None:
    fill(world, 20)
    assert len(entries(world, f"?kind={kind}")) == count


@pytest.mark.parametrize("query", ["?kind=x", "?page=0", "?page=-1", "?page=x", "?kind=%00"])
def test_what_an_address_does_not_mean_is_everything(world: World, query: str) -> None:
    assert len(entries(world, query)) == 2


def test_past_the_end_there_is_nothing(world: World) -> None:
    assert (
        "nothing further back"
        in client(world.a).get(url(world.a.deals["open"]) + "?page=999999").content.decode()
    )
