"""My day: what waits, by the money at stake, each settled where it stands."""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.formats import Style
from accounts.roles import Role
from accounts.tenancy.context import company_context
from pipeline.models import Activity, Customer, Deal, ExchangeRate, Stage
from pipeline.selectors.my_day import Day, my_day
from pipeline.services.deals import open_deal
from pipeline.services.notes import record_activity
from tests.personas import CANARY, Workspace, World, client_of

URL = "/w/alpha/my-day/"
HX = {"HX-Request": "true", "HX-Current-URL": f"http://testserver{URL}"}
AHEAD = timedelta(days=9)


def opened(workspace: Workspace, name: str, *, days: int = 0, **more: Any) -> int:
    now = timezone.now()
    with company_context(workspace.company.pk):
        return open_deal(
            by=workspace.actor(Role.MANAGER),
            pipeline_id=workspace.pipeline.pk,
            stage_id=workspace.stages["Booked"].pk,
            name=name,
            occurred_at=now - timedelta(days=days),
            now=now,
            rep_id=workspace.reps["Ada"].pk,
            **more,
        ).deal_id


def met(workspace: Workspace, deal_id: int, *, days: int = 0, note: str = "", **more: Any) -> int:
    now = timezone.now()
    values = {"kind": "meeting", "rep_id": workspace.reps["Ada"].pk, **more}
    with company_context(workspace.company.pk):
        return record_activity(
            by=workspace.actor(Role.REP),
            deal_id=deal_id,
            happened_at=now - timedelta(days=days),
            now=now,
            note=note,
            **values,
        ).pk


def day(workspace: Workspace, rep: str = "Ada") -> Day:
    company = workspace.company
    with company_context(company.pk):
        found = my_day(
            rep_id=workspace.reps[rep].pk,
            company=company,
            now=timezone.now(),
            style=Style("en", company.currency),
            mine=True,
        )
    assert found is not None
    return found


def plan(workspace: Workspace) -> dict[str, Any]:
    return {
        "next_step": "Call",
        "next_step_on": workspace.company.local_day(timezone.now() + AHEAD),
    }


@pytest.fixture
def a(quiet_world: World) -> Workspace:
    return quiet_world.a


@pytest.fixture
def rep(a: Workspace) -> Client:
    return client_of(a.user(Role.REP))


def test_deals_stand_in_the_order_of_money_unknown_last(a: Workspace) -> None:
    today = a.company.local_day(timezone.now())
    with company_context(a.company.pk):
        ExchangeRate.objects.create(currency="CHF", month=today.replace(day=1), rate=Decimal("2"))
    opened(a, "no amount")
    opened(a, "small", amount=Decimal(100))
    opened(a, "francs", amount=Decimal(900), currency="CHF")
    opened(a, "no rate", amount=Decimal(10**6), currency="JPY")
    opened(a, "large", amount=Decimal(1500))
    opened(a, "planned", amount=Decimal(99999), **plan(a))
    found = day(a)
    assert [d.name for d in found.deals] == ["francs", "large", "small", "no amount", "no rate"]
    assert found.summary == "5 deals wait for you, €3,400 at stake"
    assert any("2 deals whose worth is not known" in note for note in found.notes)


def test_why_a_deal_waits(a: Workspace) -> None:
    with company_context(a.company.pk):
        Stage.objects.filter(pk=a.stages["Booked"].pk).update(usual_days=10)
    today = a.company.local_day(timezone.now())
    opened(a, "late", days=13, **plan(a))
    opened(a, "in time", days=12, **plan(a))
    opened(a, "due today", next_step="Call", next_step_on=today)
    opened(a, "overdue", next_step="Call", next_step_on=today - timedelta(days=1))
    opened(a, "no step")
    opened(a, "no day", next_step="Call")
    assert {d.name for d in day(a).deals} == {"late", "due today", "overdue", "no step"}
    tones = {d.name: (d.age and d.age.tone, d.step and d.step.tone) for d in day(a).deals}
    assert tones["late"] == ("watch", "")
    assert tones["no step"] == ("", "watch")
    assert tones["overdue"] == ("", "late")


def test_meetings_of_today_and_yesterday_without_a_note(a: Workspace) -> None:
    small = opened(a, "small", amount=Decimal(10), **plan(a))
    large = opened(a, "large", amount=Decimal(1000), **plan(a))
    met(a, small)
    met(a, large, days=1, subject="Kick-off")
    met(a, large, days=2)
    met(a, large, note="All said.")
    met(a, large, kind="call")
    met(a, large, rep_id=a.reps["Ben"].pk)
    found = day(a)
    assert [t.deal_name for t in found.talks] == ["large", "small"]
    assert found.talks[0].when.startswith("yesterday, ")
    assert found.talks[0].subject == "Kick-off"
    assert found.done == ""


@pytest.mark.parametrize("headers", [{}, HX], ids=["plain", "htmx"])
def test_a_note_settles_a_meeting_in_place(
    a: Workspace, rep: Client, headers: dict[str, str]
) -> None:
    deal_id = opened(a, "open", **plan(a))
    talk = met(a, deal_id)
    body = rep.get(URL).content.decode()
    form = body[body.index(f'id="talk-{talk}"') :]
    [action] = re.findall(r'method="post" action="([^"]+)"', form)[:1]
    key = re.findall(r'name="key" value="([^"]+)"', form)[0]
    values = {"body": "Learned a lot.", "activity": talk, "key": key, "back": URL}
    response = rep.post(action, values, headers=headers)
    if headers:
        assert response["HX-Retarget"] == "#my-day"
        assert "Nothing is waiting" in response.content.decode()
    else:
        assert response.status_code == 303
        assert response["Location"].startswith(URL)
    assert day(a).talks == ()


def test_a_next_step_settles_a_deal_and_a_stale_one_is_told(a: Workspace, rep: Client) -> None:
    deal_id = opened(a, "open")
    body = rep.get(URL).content.decode()
    part = body[body.index(f'id="deal-{deal_id}"') :]
    [action] = re.findall(r'action="([^"]+/edit/next_step/)"', part)
    version = int(re.findall(r'name="version" value="(\d+)"', part)[0])
    step = {"next_step": "Call", "next_step_on": "2999-01-01", "back": URL}
    stale = rep.post(action, {**step, "version": version - 1}, headers=HX)
    assert stale.status_code == 409
    assert 'hx-target="#my-day"' in stale.content.decode()  # cancelling draws the day
    response = rep.post(action, {**step, "version": version}, headers=HX)
    assert response["HX-Retarget"] == "#my-day"
    assert day(a).deals == ()


def test_a_move_is_made_from_the_day(a: Workspace, rep: Client) -> None:
    deal_id = opened(a, "open")
    body = rep.get(URL).content.decode()
    assert f'id="move-{deal_id}"' in body
    values = {"stage": a.stages["Held"].pk, "version": day(a).deals[0].version, "key": "m"}
    response = rep.post(f"/w/alpha/deals/{deal_id}/move/", values, headers=HX)
    assert response["HX-Retarget"] == "#my-day"
    assert "Held" in response.content.decode()


def test_a_day_on_which_nothing_waits_says_what_was_judged(a: Workspace, rep: Client) -> None:
    assert "You have no open deals." in rep.get(URL).content.decode()
    opened(a, "one", **plan(a))
    opened(a, "two", **plan(a))
    body = rep.get(URL).content.decode()
    assert "Nothing is waiting" in body
    assert "All 2 open deals have a next step that lies ahead." in body
    assert "2 deals stand in stages whose usual time is not known yet" in body


def test_who_may_look_at_whose_day(world: World) -> None:
    a = world.a
    ben = f"{URL}?rep={a.reps['Ben'].pk}"
    manager, rep = client_of(a.user(Role.MANAGER)), client_of(a.user(Role.REP))
    assert "The day of Ben" in manager.get(ben).content.decode()
    assert "Your sign-in is no rep" in manager.get(URL).content.decode()
    assert rep.get(f"{URL}?rep={a.reps['Ada'].pk}").status_code == 200
    refused = [rep.get(f"{URL}?rep={n}") for n in (a.reps["Ben"].pk, world.b.reps["Ada"].pk, 10**8)]
    assert {r.status_code for r in refused} == {403}
    leader = client_of(a.user(Role.LEADER))
    assert "not linked to a rep" in leader.get(URL).content.decode()
    theirs = manager.get(f"{URL}?rep={world.b.reps['Ada'].pk}")
    missing = manager.get(f"{URL}?rep={10**8}")
    assert theirs.status_code == missing.status_code == 404
    assert theirs.content == missing.content
    assert manager.get(f"{URL}?rep=x").status_code == 404
    assert manager.get(f"{URL}?rep={'9' * 40}").status_code == 404
    assert client_of(world.stranger).get(URL).status_code == 404
    assert CANARY not in manager.get(ben).content.decode()


def test_the_number_of_queries_does_not_grow(a: Workspace, rep: Client) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert rep.get(URL).status_code == 200
        return len(captured)

    for n in range(2):
        met(a, opened(a, f"deal {n}", amount=Decimal(n)))
    queries()  # the first request of a client starts its session
    few = queries()
    with company_context(a.company.pk):
        customer = Customer.objects.create(name="Many")
    for n in range(40):
        met(a, opened(a, f"more {n}", customer_id=customer.pk))
    assert queries() == few
    with company_context(a.company.pk):
        assert Activity.objects.count() == Deal.objects.count() == 42
