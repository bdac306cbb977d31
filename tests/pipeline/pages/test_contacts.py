"""The people at a customer: added, changed, gone; never twice, never overwritten unseen."""

import json
from typing import Any

import pytest
from django.http import HttpResponse

from accounts.models import AuditEntry
from accounts.roles import Role
from pipeline.models import Contact
from tests.personas import CANARY, World, client_of
from tests.pipeline.pages.deal_pages import HX, add_person, client, inside, on_page, said

pytestmark = pytest.mark.usefixtures("clock_stands")


def where(world: World, part: str) -> str:
    return f"/w/alpha/customers/{world.a.customers['Acme'].pk}/contacts/{part}"


def add(world: World, **data: Any) -> HttpResponse:
    headers = data.pop("headers", {})
    values = {"name": "Mia Stone", "email": "Mia@Acme.example", "decides": "yes", **data}
    return client(world.a, Role.REP).post(where(world, "add/"), values, headers=headers)


def people(world: World) -> list[tuple[str, str, bool | None]]:
    with inside(world.a):
        rows = Contact.objects.filter(retired_at=None).order_by("id")
        return list(rows.values_list("name", "email", "decides"))


def test_who_may(world: World) -> None:
    person = add_person(world.a)
    for part in ("add/", f"{person.pk}/"):
        for role in Role:
            status = 403 if role == Role.LEADER else 200
            assert client(world.a, role).get(where(world, part)).status_code == status
            assert client(world.a, role).get(where(world, part), headers=HX).status_code == status
        assert client_of(world.stranger).get(where(world, part)).status_code == 404
    theirs = add_person(world.b, f"{CANARY} Zoe")
    customer = world.b.customers["Acme"].pk
    for address in (
        f"/w/alpha/customers/{customer}/contacts/add/",
        f"/w/alpha/customers/{customer}/contacts/{theirs.pk}/",
        f"/w/alpha/customers/{customer}/contacts/{theirs.pk}/retire/",
        where(world, f"{theirs.pk}/"),
        where(world, f"{theirs.pk}/retire/"),
        where(world, "999999999/"),
    ):
        response = client(world.a).post(address, {"name": "x"})
        assert response.status_code == 404, address
        assert CANARY not in response.content.decode()


def test_a_person_is_added_once(world: World) -> None:
    for _ in range(2):
        assert add(world).status_code == 303
    assert people(world) == [("Mia Stone", "mia@acme.example", True)]
    again = add(world, name="Mia S.")
    assert again.status_code == 422
    assert "Mia Stone is a contact of this customer already" in again.content.decode()
    drawn = add(world, name="Bo", email="", decides="", headers=on_page(world.a.deals["open"]))
    assert said(drawn) == "Bo added"
    assert "Not asked whether they decide" in drawn.content.decode()
    with inside(world.a):
        assert AuditEntry.objects.filter(action="contact.added").count() == 2


def test_a_change_and_a_stale_screen(world: World) -> None:
    person = add_person(world.a, email="mia@acme.example")
    seen = {"name": "Mia Stone", "title": "", "email": "mia@acme.example", "phone": ""}
    seen_text = json.dumps({**seen, "decides": None})
    values = {**seen, "decides": "no", "title": "Head of finance"}

    def change(**more: Any) -> HttpResponse:
        return client(world.a, Role.REP).post(
            where(world, f"{person.pk}/"), {**values, "seen": seen_text, **more}
        )

    assert change().status_code == 303
    told = change(decides="yes")
    assert told.status_code == 409
    assert "the role in the decision is does not decide now, you wrote decides" in (
        told.content.decode()
    )
    assert people(world)[0][2] is False
    for broken in ("null", "{}", '{"name": 3}', "[1]"):
        assert change(seen=broken).status_code == 303
    assert change(seen="{").status_code == 422


def test_what_is_wrong_is_said(world: World) -> None:
    for values, sentence in (
        ({"name": ""}, "A contact needs a name"),
        ({"name": "x" * 201}, "at most 200"),
        ({"email": "mia"}, "valid email"),
        ({"decides": "maybe"}, "valid choice"),
        ({"phone": "\x00"}, "Null characters"),
    ):
        response = add(world, **values)
        assert response.status_code == 422
        assert sentence in response.content.decode()
    assert people(world) == []


def test_they_have_left(world: World) -> None:
    person = add_person(world.a)
    rep = client(world.a, Role.REP)
    for status in (303, 404):
        assert rep.post(where(world, f"{person.pk}/retire/")).status_code == status
    assert people(world) == []
    assert client(world.a, Role.LEADER).post(where(world, "1/retire/")).status_code == 403
