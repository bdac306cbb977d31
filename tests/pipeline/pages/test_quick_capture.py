"""Quick capture: told once, about the right deal, and taken back where it was a slip."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import AuditEntry
from accounts.roles import Role
from accounts.tenancy.context import company_context
from pipeline.models import Activity, Deal, Note
from pipeline.selectors.deals_typed import deals_typed
from pipeline.services.notes import add_note
from tests.personas import CANARY, World, client_of

URL = "/w/alpha/quick/"
HX = {"HX-Request": "true", "HX-Current-URL": "http://testserver/w/alpha/definitions/"}


def sent(deal: str, **more: Any) -> dict[str, Any]:
    return {
        "kind": "call",
        "deal": deal,
        "note": "They said yes.",
        "when": "now",
        "key": "k",
        **more,
    }


def talks(world: World) -> list[Activity]:
    with company_context(world.a.company.pk):
        return list(Activity.objects.order_by("id"))


@pytest.fixture
def rep(world: World) -> Client:
    return client_of(world.a.user(Role.REP))


def open_meant(world: World) -> str:
    return f"{world.a.deals['open']}:open · Acme"


def test_a_chosen_deal_gets_the_call_and_its_note(world: World, rep: Client) -> None:
    response = rep.post(URL, sent("open · Acme", meant=open_meant(world)), headers=HX)
    assert response.status_code == 200
    [talk] = talks(world)
    assert (talk.kind, talk.deal_id, talk.rep_id) == (
        "call",
        world.a.deals["open"],
        world.a.reps["Ada"].pk,
    )
    with company_context(world.a.company.pk):
        assert Note.objects.get(activity=talk).body == "They said yes."
    said = json.loads(response["HX-Trigger"])
    assert said["toast"]["undo"] == f"/w/alpha/activities/{talk.pk}/take-back/"
    assert response["HX-Reswap"] == "none"  # the page stays as it is


def test_without_scripts_the_matches_are_shown_and_chosen(world: World, rep: Client) -> None:
    response = rep.post(URL, sent("acme"))
    assert response.status_code == 422
    values = re.findall(r'name="meant" value="(\d+:acme)"', response.content.decode())
    assert {int(v.partition(":")[0]) for v in values} == {
        world.a.deals["open"],
        world.a.deals["new"],
    }
    assert talks(world) == []
    assert "They said yes." in response.content.decode()
    response = rep.post(URL, sent("acme", meant=values[0], back="/w/alpha/deals/"))
    assert response.status_code == 303
    assert response["Location"] == "/w/alpha/deals/"
    assert len(talks(world)) == 1


def test_one_key_logs_once(world: World, rep: Client) -> None:
    for _ in range(3):
        assert rep.post(URL, sent("x", meant=f"{world.a.deals['open']}:x")).status_code == 303
    assert len(talks(world)) == 1


@pytest.mark.parametrize(
    ("when", "days"), [({"when": "today"}, 0), ({"when": "yesterday"}, 1), ({"when": "day"}, 3)]
)
def test_it_may_have_been_earlier(
    world: World, rep: Client, when: dict[str, str], days: int
) -> None:
    day = world.a.company.local_day(timezone.now()) - timedelta(days=days)
    more = when | ({"day": day.isoformat()} if when["when"] == "day" else {})
    rep.post(URL, sent("open · Acme", meant=open_meant(world), **more))
    assert talks(world)[0].happened_on == day


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"deal": ""}, "Say which deal"),
        ({"deal": "nothing like it"}, "No open deal is called so"),
        ({"deal": "x\x00"}, "cannot be kept"),
        ({"kind": "fax"}, "valid choice"),
        ({"kind": ""}, "Choose call, meeting or e-mail."),
        ({"note": "x" * 20_001}, "at most 20,000"),
        ({"note": "x\x00"}, "cannot be kept"),
        ({"when": "day"}, "Choose the day"),
        ({"deal": "x", "meant": "999999999:x"}, "does not exist"),
        ({"deal": "x", "meant": "9" * 30 + ":x"}, "No open deal"),
    ],
)
def test_bad_input_is_refused_with_a_sentence(
    world: World, rep: Client, bad: dict[str, str], said: str
) -> None:
    values = {**sent("open · Acme", meant=open_meant(world)), **bad}
    response = rep.post(URL, values, headers=HX)
    assert response.status_code == 422
    assert said in response.content.decode()
    assert talks(world) == []


def test_the_deal_page_fills_in_its_deal(world: World, rep: Client) -> None:
    here = f"http://testserver/w/alpha/deals/{world.a.deals['open']}/"
    body = rep.get(URL, headers={**HX, "HX-Current-URL": here}).content.decode()
    assert f'value="{open_meant(world)}"' in body
    theirs = f"http://testserver/w/alpha/deals/{world.b.deals['open']}/"
    body = rep.get(URL, headers={**HX, "HX-Current-URL": theirs}).content.decode()
    assert CANARY not in body


def test_own_deals_come_first(world: World, rep: Client) -> None:
    with company_context(world.a.company.pk):
        ada = world.a.reps["Ada"].pk
        owners = dict(Deal.objects.values_list("id", "rep_id"))
        found = [owners[m.id] for m in deals_typed(text="ac", rep_id=ada)]
        assert len(found) == 2
        assert found[0] == ada
        own = deals_typed(text="", rep_id=ada)
        assert own
        assert {owners[m.id] for m in own} == {ada}
        assert deals_typed(text="", rep_id=None) == ()
        assert {m.id for m in deals_typed(text="ACMÉ new", rep_id=None)} == {world.a.deals["new"]}
        assert deals_typed(text="%", rep_id=ada) == ()
    body = rep.get("/w/alpha/quick/deals/?deal=acme", headers=HX).content.decode()
    assert body.count('role="option"') == 2


def test_the_neighbours_deal_is_as_missing(world: World, rep: Client) -> None:
    theirs = rep.post(URL, sent("x", meant=f"{world.b.deals['open']}:x"))
    missing = rep.post(URL, sent("x", meant="999999999:x"))
    assert theirs.status_code == missing.status_code == 422
    assert CANARY not in theirs.content.decode()
    assert talks(world) == []


def test_taking_back_removes_it_and_keeps_what_was_said(world: World, rep: Client) -> None:
    rep.post(URL, sent("x", meant=f"{world.a.deals['open']}:x"))
    url = f"/w/alpha/activities/{talks(world)[0].pk}/take-back/"
    assert rep.get(url).status_code == 405
    assert client_of(world.a.user(Role.MANAGER)).post(url, headers=HX).status_code == 403
    assert rep.post(url, headers=HX).status_code == 200
    assert talks(world) == []
    with company_context(world.a.company.pk):
        assert not Note.objects.exists()
        entry = AuditEntry.objects.get(action="call.taken_back")
    assert entry.before["notes"] == ["They said yes."]
    assert rep.post(url).status_code == 404


def test_what_is_old_or_has_anothers_note_stays(world: World, rep: Client) -> None:
    rep.post(URL, sent("x", meant=f"{world.a.deals['open']}:x"))
    [talk] = talks(world)
    url = f"/w/alpha/activities/{talk.pk}/take-back/"
    with company_context(world.a.company.pk):
        note = add_note(
            by=world.a.actor(Role.MANAGER),
            deal_id=talk.deal_id,
            activity_id=talk.pk,
            body="Mine",
            now=timezone.now(),
        )
    assert rep.post(url, headers=HX).status_code == 422
    with company_context(world.a.company.pk):
        note.delete()
        Activity.objects.update(recorded_at=timezone.now() - timedelta(hours=1))
    response = rep.post(url, headers=HX)
    assert response.status_code == 422
    assert "too long ago" in response.content.decode()
    assert len(talks(world)) == 1


def test_roles(world: World) -> None:
    leader = client_of(world.a.user(Role.LEADER))
    assert leader.get(URL).status_code == 403
    assert leader.post(URL, sent("x")).status_code == 403
    assert client_of(world.stranger).get(URL).status_code == 404
    body = leader.get("/w/alpha/deals/").content.decode()
    assert 'data-key="n"' not in body
    assert 'data-key="/"' in body


def test_shortcuts_can_be_switched_off(world: World) -> None:
    user = world.a.user(Role.REP)
    assert 'data-shortcuts="off"' not in client_of(user).get("/w/alpha/deals/").content.decode()
    user.shortcuts = False
    user.save()
    assert 'data-shortcuts="off"' in client_of(user).get("/w/alpha/deals/").content.decode()
