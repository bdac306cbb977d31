"""Material in a deal: sent by hand or with a tracked link, opened, revoked."""

from datetime import date
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from accounts.models import AuditEntry
from accounts.roles import Role
from pipeline.models import Material, MaterialUse, TrackedLink
from pipeline.services.material import retire_material
from tests.personas import NOW, World
from tests.pipeline.pages.deal_pages import HX, add_person, client, inside, on_page, said, undo
from tests.pipeline.pages.materials import ADDRESS, LIST, add, page, send

pytestmark = pytest.mark.usefixtures("clock_stands")


def sending(
    world: World, role: Role = Role.REP, deal: str = "lost early", **more: Any
) -> HttpResponse:
    headers = more.pop("headers", {})
    values = {"how": "link", "sent_on": "2026-05-20", "key": "one", **more}
    found: HttpResponse = client(world.a, role).post(
        f"/w/alpha/deals/{world.a.deals[deal]}/material/send/", values, headers=headers
    )
    return found


def test_a_rep_sends_in_own_deals_once(world: World) -> None:
    material = add(world.a, edition="v3")
    person = add_person(world.a)
    told = {"material": material.pk, "contact": person.pk}
    for _ in range(2):
        response = sending(world, headers=on_page(world.a.deals["lost early"]), **told)
        assert said(response) == "Recorded. Copy the link into your message."
    with inside(world.a):
        use = MaterialUse.objects.select_related("link").get()
        assert (use.kind, use.contact_id, use.edition) == ("sent", person.pk, "v3")
        assert use.recorded_by_id == world.a.user(Role.REP).pk
        assert use.happened_on == NOW.date()
        assert use.link is not None
        assert AuditEntry.objects.filter(action="material.sent").count() == 1
    assert sending(world, key="two", how="hand", **told).status_code == 303
    with inside(world.a):
        assert MaterialUse.objects.count() == 2
        assert TrackedLink.objects.count() == 1
    assert sending(world, deal="open", key="three", **told).status_code == 403
    assert sending(world, Role.LEADER, key="four", **told).status_code == 403
    reused = sending(world, deal="open", role=Role.MANAGER, **told)
    assert reused.status_code == 422
    assert "sent before with other values" in reused.content.decode()


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"material": ""}, "Choose what you send"),
        ({"sent_on": "2026-05-21"}, "This lies in the future"),
        ({"sent_on": "1960-01-01"}, "too long ago"),
        ({"sent_on": ""}, "required"),
        ({"contact": "999999"}, "Choose a contact of this customer"),
        ({"how": "pigeon"}, "valid choice"),
        ({"key": ""}, "cannot be recognised"),
    ],
)
def test_what_cannot_be_sent_is_said(world: World, values: dict[str, str], sentence: str) -> None:
    material = add(world.a)
    response = sending(world, **{"material": material.pk, **values})
    assert response.status_code == 422
    assert sentence in response.content.decode()
    with inside(world.a):
        assert not MaterialUse.objects.exists()


def test_a_file_goes_without_a_link(world: World) -> None:
    deck = add(world.a, "Deck", address="")
    refused = sending(world, material=deck.pk)
    assert refused.status_code == 422
    assert "has no address to lead to" in refused.content.decode()
    assert sending(world, material=deck.pk, how="hand", sent_on="2026-05-18").status_code == 303
    with inside(world.a):
        use = MaterialUse.objects.get()
        assert (use.happened_on, use.happened_at.hour, use.link_id) == (date(2026, 5, 18), 12, None)


def test_the_deal_shows_what_was_sent_opened_and_revoked(world: World) -> None:
    material = add(world.a)
    mia = add_person(world.a)
    where = f"/w/alpha/deals/{world.a.deals['lost early']}/"
    rep = client(world.a, Role.REP)
    assert f'hx-get="{where}material/"' in page(rep, where)
    assert "Nothing was sent in this deal yet" in page(rep, f"{where}material/", **HX)
    sending(world, material=material.pk, contact=mia.pk)
    section = page(rep, f"{where}material/", **HX)
    assert "Sent to Mia Stone by Rep, 20 May" in section
    assert "Not opened yet" in section
    address = section.split("<code>")[1].split("</code>")[0]
    assert f'data-copy-link="{address}"' in section
    for agent in ("Mozilla/5.0 Firefox", "Mozilla/5.0 Safari"):
        buyer = Client(headers={"User-Agent": agent})
        assert buyer.get(address.removeprefix("http://testserver"))["Location"] == ADDRESS
    section = page(rep, f"{where}material/", **HX)
    assert "Opened by 2 readers, last on 20 May" in section
    assert "Opened by 2 readers, last on 20 May" in page(rep, f"{LIST}{material.pk}/")
    with inside(world.a):
        link = TrackedLink.objects.get()
    whole = f"{where}material/"
    response = rep.post(
        f"{LIST}links/{link.pk}/revoke/",
        headers={**HX, "HX-Current-URL": f"http://testserver{whole}"},
    )
    assert said(response) == "The link leads nowhere from now on"
    assert "revoked 20 May" in response.content.decode()
    assert address not in response.content.decode()
    assert Client().get(address.removeprefix("http://testserver")).status_code == 404
    assert client(world.a, Role.LEADER).post(f"{LIST}links/{link.pk}/revoke/").status_code == 403
    with inside(world.a):
        assert AuditEntry.objects.filter(action="tracked_link.revoked").count() == 1
    # A new sending makes a new link, since the old one is dead.
    sending(world, material=material.pk, contact=mia.pk, key="again")
    with inside(world.a):
        assert TrackedLink.objects.filter(revoked_at=None).count() == 1


def test_a_rep_revokes_own_links_only(world: World) -> None:
    use = send(world.a, add(world.a), "open", tracked=True)
    response = client(world.a, Role.REP).post(f"{LIST}links/{use.link_id}/revoke/")
    assert response.status_code == 403
    with inside(world.a):
        assert TrackedLink.objects.get().revoked_at is None


def test_retired_material_cannot_be_chosen(world: World) -> None:
    kept, gone = add(world.a, "Kept"), add(world.a, "Gone")
    with inside(world.a):
        retire_material(by=world.a.actor(Role.MANAGER), material_id=gone.pk, now=NOW)
    text = page(client(world.a), f"/w/alpha/deals/{world.a.deals['open']}/material/send/")
    assert f'value="{kept.pk}"' in text
    assert f'value="{gone.pk}"' not in text


def test_retired_with_undo(world: World) -> None:
    material = add(world.a)
    use = send(world.a, material, tracked=True)
    manager = client(world.a)
    where = f"{LIST}{material.pk}/"
    response = manager.post(
        f"{where}retire/", headers={**HX, "HX-Current-URL": f"http://testserver{where}"}
    )
    assert said(response) == "Case of Acme retired"
    assert "It can no longer be sent" in response.content.decode()
    assert "Case of Acme" not in page(manager, LIST)
    assert "Case of Acme" in page(manager, f"{LIST}?retired=1")
    refused = sending(world, Role.MANAGER, material=material.pk)
    assert refused.status_code == 422
    # What was sent with a link still leads there.
    section = page(manager, f"/w/alpha/deals/{use.deal_id}/material/", **HX)
    link = section.split("<code>")[1].split("</code>")[0].removeprefix("http://testserver")
    assert Client().get(link)["Location"] == ADDRESS
    assert manager.post(undo(response)).status_code == 303
    with inside(world.a):
        assert Material.objects.get().retired_at is None
