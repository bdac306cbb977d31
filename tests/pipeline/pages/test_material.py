"""Enablement material: its list, its page, and sending it in a deal."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import AuditEntry
from accounts.roles import Role
from pipeline.models import Material, MaterialUse, Theme, TrackedLink
from tests.personas import CANARY, NOW, World, client_of
from tests.pipeline.pages.deal_pages import HX, client, inside, said
from tests.pipeline.pages.materials import LIST, add, form, page, send

pytestmark = pytest.mark.usefixtures("clock_stands")


def test_who_may_what(world: World) -> None:
    material = add(world.a)
    mine, other = world.a.deals["lost early"], world.a.deals["open"]  # Ada's is the rep's own
    reading = [LIST, f"{LIST}{material.pk}/", f"/w/alpha/deals/{mine}/material/"]
    managing = [f"{LIST}add/", f"{LIST}{material.pk}/edit/"]
    for role in Role:
        browser = client(world.a, role)
        manages = role in (Role.OWNER, Role.MANAGER)
        for address in reading:
            assert browser.get(address).status_code == 200, (role, address)
        for address in managing:
            assert browser.get(address).status_code == (200 if manages else 403), (role, address)
            assert browser.post(address, {}).status_code == (422 if manages else 403)
        for part in ("retire/", "restore/"):
            status = browser.post(f"{LIST}{material.pk}/{part}").status_code
            assert status == (303 if manages else 403)
        sending = browser.get(f"/w/alpha/deals/{mine}/material/send/").status_code
        assert sending == (403 if role == Role.LEADER else 200)
        sending = browser.get(f"/w/alpha/deals/{other}/material/send/").status_code
        assert sending == (200 if manages else 403)
    for address in reading + managing:
        assert client_of(world.stranger).get(address).status_code == 404
        assert client_of(None).get(address).status_code == 302


def test_a_leader_and_a_rep_see_no_buttons_that_refuse(world: World) -> None:
    material = add(world.a)
    use = send(world.a, material, tracked=True)
    for role in (Role.LEADER, Role.REP):
        browser = client(world.a, role)
        for address in (LIST, f"{LIST}{material.pk}/"):
            text = page(browser, address)
            assert "Add material" not in text
            assert "/edit/" not in text
        section = page(browser, f"/w/alpha/deals/{use.deal_id}/material/", **HX)
        assert "material/send/" not in section
        assert "revoke/" not in section
    section = page(client(world.a), f"/w/alpha/deals/{use.deal_id}/material/", **HX)
    assert "material/send/" in section
    assert "revoke/" in section


def test_foreign_rows_do_not_exist(world: World) -> None:
    theirs = add(world.b, f"{CANARY} deck")
    use = send(world.b, theirs, tracked=True)
    owner = client(world.a, Role.OWNER)
    for address in (
        f"{LIST}{theirs.pk}/",
        f"{LIST}{theirs.pk}/edit/",
        f"/w/alpha/deals/{use.deal_id}/material/",
        f"/w/alpha/deals/{use.deal_id}/material/send/",
    ):
        assert owner.get(address).status_code == 404, address
    for address in (
        f"{LIST}{theirs.pk}/retire/",
        f"{LIST}{theirs.pk}/restore/",
        f"{LIST}links/{use.link_id}/revoke/",
    ):
        assert owner.post(address).status_code == 404, address
    with inside(world.b):
        assert TrackedLink.objects.get().revoked_at is None
    foreign = {
        "material": theirs.pk,
        "how": "link",
        "sent_on": "2026-05-20",
        "key": "k1",
    }
    sent = owner.post(f"/w/alpha/deals/{world.a.deals['open']}/material/send/", foreign)
    assert sent.status_code == 422
    stage = world.b.stages["Held"].pk
    assert owner.post(f"{LIST}add/", form(stage=stage)).status_code == 422
    told = page(owner, f"{LIST}?stage={stage}&theme=999999&owner=999999")
    assert "There is no stage" in told
    assert CANARY not in told


def test_material_is_added_once(world: World) -> None:
    manager = client(world.a)
    held = world.a.stages["Held"].pk
    values = form(stage=held, theme="Price", owner=world.a.user(Role.MANAGER).pk, edition="v3")
    for _ in range(2):
        assert manager.post(f"{LIST}add/", values).status_code == 303
    with inside(world.a):
        material = Material.objects.get()
        assert (material.stage_id, material.edition, material.version) == (held, "v3", 1)
        assert material.theme is not None
        assert material.theme.name == "Price"
        assert AuditEntry.objects.filter(action="material.added").count() == 1
    other = manager.post(f"{LIST}add/", form(title="CASE of acme", edition="v9"))
    assert other.status_code == 422
    assert "There is material called Case of Acme already" in other.content.decode()
    drawn = manager.post(
        f"{LIST}add/",
        form(title="Deck"),
        headers={**HX, "HX-Current-URL": f"http://testserver{LIST}"},
    )
    assert said(drawn) == "Deck added"
    assert "Deck" in drawn.content.decode()


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"title": " "}, "Material needs a title"),
        ({"title": "x" * 201}, "at most 200"),
        ({"kind": "song"}, "Choose what kind"),
        ({"address": "javascript:alert(1)"}, "must begin with https://"),
        ({"address": "https://me@evil.example/"}, "must not hold a user name"),
        ({"address": "stories.example"}, "must begin with https://"),
        ({"stage": "999999"}, "Choose a stage that is in use"),
        ({"owner": "999999"}, "Choose a member"),
        ({"review_by": "someday"}, "valid date"),
        ({"theme": "\x00"}, "cannot be kept"),
    ],
)
def test_what_is_wrong_is_said(world: World, values: dict[str, str], sentence: str) -> None:
    response = client(world.a).post(f"{LIST}add/", form(**values))
    assert response.status_code == 422
    assert sentence in response.content.decode()
    with inside(world.a):
        assert not Material.objects.exists()
        assert not Theme.objects.exists()


def test_a_change_with_history_and_a_stale_screen(world: World) -> None:
    material = add(world.a, kind="case")
    manager = client(world.a)
    edit = f"{LIST}{material.pk}/edit/"
    changed = form(edition="v4", version=1)
    assert manager.post(edit, changed).status_code == 303
    assert manager.post(edit, form(edition="v4", version=2)).status_code == 303  # writes nothing
    stale = manager.post(edit, form(edition="v5", version=1))
    assert stale.status_code == 409
    assert "was changed while you were looking" in stale.content.decode()
    assert 'value="2"' in stale.content.decode()  # saving again is a decision
    with inside(world.a):
        kept = Material.objects.get()
        assert (kept.edition, kept.version) == ("v4", 2)
        assert AuditEntry.objects.filter(action="material.changed").count() == 1
    assert "Edition: from empty to v4" in page(manager, f"{LIST}{material.pk}/")


def test_the_list_filters_by_its_address(world: World) -> None:
    held = world.a.stages["Held"].pk
    late = NOW.date() - timedelta(days=1)
    add(world.a, "Old deck", kind="deck", stage_id=held, review_by=late, theme="Price")
    owner = world.a.user(Role.MANAGER).pk
    add(world.a, "New video", kind="video", owner_id=owner, review_by=NOW.date())
    with inside(world.a):
        price = Theme.objects.get().pk
    browser = client(world.a, Role.LEADER)
    cases = {
        "": {"Old deck", "New video"},
        f"?stage={held}": {"Old deck"},
        "?stage=none": {"New video"},
        f"?theme={price}": {"Old deck"},
        "?theme=none": {"New video"},
        "?kind=video": {"New video"},
        f"?owner={owner}": {"New video"},
        "?owner=none": {"Old deck"},
        "?due=1": {"Old deck"},
        "?text=old": {"Old deck"},
        "?retired=1": set(),
    }
    for query, expected in cases.items():
        text = page(browser, LIST + query)
        assert {t for t in ("Old deck", "New video") if f"<bdi>{t}</bdi>" in text} == expected, (
            query
        )
    assert page(browser, LIST).count("(overdue)") == 1
    assert "No material matches" in page(browser, f"{LIST}?kind=other")
    told = page(browser, f"{LIST}?colour=red&kind=song")
    assert "left out: colour" in told
    assert "There is no kind “song”" in told
    assert browser.get(f"{LIST}?stage=&kind=video")["Location"] == f"{LIST}?kind=video"


def test_the_columns_count_deals_openings_and_readers(world: World) -> None:
    material = add(world.a)
    for deal in ("open", "open", "new"):
        use = send(world.a, material, deal, tracked=True)
    with inside(world.a):
        for reader in ("a", "a", "b"):
            MaterialUse.objects.create(
                material=material,
                deal_id=use.deal_id,
                link_id=use.link_id,
                kind="opened",
                reader=reader,
                happened_at=NOW,
                happened_on=NOW.date(),
                recorded_at=NOW,
            )
    row = page(client(world.a), LIST).split("<tbody>")[1]
    cells = [part.split("</td>")[0] for part in row.split('<td class="n">')[1:]]
    assert cells == ["2", "1", "2"]


def test_empty_pages_say_what_to_do(world: World) -> None:
    assert "Add the article, deck or template" in page(client(world.a), LIST)
    deal = world.a.deals["lost early"]
    text = page(client(world.a, Role.REP), f"/w/alpha/deals/{deal}/material/send/")
    assert "A manager adds the articles" in text
    material = add(world.a)
    assert "No deal had it yet" in page(client(world.a), f"{LIST}{material.pk}/")


def test_a_merged_theme_shows_what_it_went_into(world: World) -> None:
    from pipeline.services.themes import merge_theme

    material = add(world.a, theme="Too dear")
    with inside(world.a):
        by = world.a.actor(Role.MANAGER)
        price = Theme.objects.create(name="Price")
        merge_theme(by=by, theme_id=material.theme_id or 0, into_id=price.pk, now=NOW)
    assert "<bdi>Price</bdi>" in page(client(world.a), LIST)
    assert "Case of Acme" in page(client(world.a), f"{LIST}?theme={price.pk}")
    edit = f"{LIST}{material.pk}/edit/"
    assert 'value="Price"' in page(client(world.a), edit)
    saved = client(world.a).post(edit, form(kind="article", theme="Price", version=1))
    assert saved.status_code == 303
    with inside(world.a):
        assert Material.objects.get().version == 1  # nothing was changed


def queries(browser: Client, address: str, headers: dict[str, str]) -> int:
    with CaptureQueriesContext(connection) as found:
        assert browser.get(address, headers=headers).status_code == 200
    return len(found)


def test_the_same_queries_for_many(world: World) -> None:
    browser = client(world.a)
    first = add(world.a)
    send(world.a, first, tracked=True)
    where: dict[str, dict[str, str]] = {
        LIST: {},
        f"{LIST}{first.pk}/": {},
        f"/w/alpha/deals/{world.a.deals['open']}/material/": HX,
        f"/w/alpha/deals/{world.a.deals['open']}/material/send/": HX,
    }
    queries(browser, LIST, {})  # what is looked up once
    few = [queries(browser, address, headers) for address, headers in where.items()]
    for n in range(9):
        more = add(world.a, f"Case {n}", theme=f"Worry {n}", stage_id=world.a.stages["Held"].pk)
        send(world.a, more, tracked=True)
        send(world.a, more, "new")
        send(world.a, first, ("won early", "lost early", "won late")[n % 3], tracked=True)
    many = [queries(browser, address, headers) for address, headers in where.items()]
    assert many == few
    assert many == [17, 19, 13, 12]
