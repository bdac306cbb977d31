"""Catalogue pages: by whom, in words, with the question before history is rewritten."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from accounts.roles import Role
from accounts.tenancy.context import company_context
from pipeline.models import Deal, Product, Rep, Source
from pipeline.selectors.settings_catalogues import CATALOGUES
from tests.personas import World, client_of

HX = {"HX-Request": "true"}
BASE = "/w/alpha/settings"


@pytest.fixture
def manager(world: World) -> Client:
    return client_of(world.a.user(Role.MANAGER))


@pytest.fixture
def ask(manager: Client) -> Callable[..., Any]:
    """Post a form to an address of company A; plain unless `htmx`."""

    def send(path: str, *, htmx: bool = False, **values: Any) -> Any:
        return manager.post(f"{BASE}/{path}", values, headers=HX if htmx else {})

    return send


@pytest.mark.parametrize("slug", CATALOGUES)
def test_every_catalogue_has_its_page(manager: Client, slug: str) -> None:
    body = manager.get(f"{BASE}/{slug}/").content.decode()
    assert str(CATALOGUES[slug].title) in body
    assert f'href="{BASE}/{slug}/" aria-current="true"' in body
    form = manager.get(f"{BASE}/{slug}/add/").content.decode()
    assert "<html" in form
    assert "csrfmiddlewaretoken" in form
    dialog = manager.get(f"{BASE}/{slug}/add/", headers=HX).content.decode()
    assert dialog.lstrip().startswith("<dialog")


def test_an_entry_is_added_without_scripts_and_with(ask: Any, world: World) -> None:
    plain = ask("products/add/", name="Coaching")
    assert plain.status_code == 303
    assert plain["Location"].startswith(f"{BASE}/products/#entry-")
    scripted = ask("products/add/", htmx=True, name="Training")
    assert scripted.status_code == 200
    assert scripted["HX-Redirect"].startswith(f"{BASE}/products/")
    with company_context(world.a.company.pk):
        assert set(Product.objects.values_list("name", flat=True)) == {"Coaching", "Training"}


def test_a_refused_name_keeps_what_was_typed(ask: Any) -> None:
    ask("products/add/", name="Coaching")
    again = ask("products/add/", name="coaching")
    assert again.status_code == 422
    assert "Coaching" in again.content.decode() or "coaching is here already" in str(again.content)
    assert 'value="coaching"' in again.content.decode()
    fragment = ask("products/add/", htmx=True, name="")
    assert fragment.status_code == 422
    assert "<html" not in fragment.content.decode()
    assert ask("products/add/", name="a\x00b").status_code == 422
    assert ask("sources/add/", name="Fair", channel="sideways").status_code == 422


def test_markup_in_a_name_is_text(ask: Any, manager: Client) -> None:
    ask("products/add/", name="<script>alert(1)</script>")
    body = manager.get(f"{BASE}/products/").content.decode()
    assert "<script>alert" not in body
    assert "&lt;script&gt;alert(1)" in body


def test_a_change_of_channel_asks_first_and_names_the_quarters(ask: Any, world: World) -> None:
    """Company A has deals of this source that opened in 2025 and closed by the first quarter."""
    source = world.a.sources["Website"]
    where = f"sources/{source.pk}/"
    asked = ask(where, name="Website", channel="outbound")
    body = asked.content.decode()
    assert asked.status_code == 422
    assert "This rewrites history: up to" in body
    assert "Q4 2025" in body
    assert 'name="restate" value="1"' in body

    def channel() -> str:
        with company_context(world.a.company.pk):
            return str(Source.objects.get(pk=source.pk).channel)

    assert channel() == "inbound"
    done = ask(where, name="Website", channel="outbound", restate="1")
    assert done.status_code == 303
    assert channel() == "outbound"


def test_what_rewrites_nothing_is_not_asked(ask: Any, world: World) -> None:
    rep = world.a.reps["Ben"]
    done = ask(
        f"reps/{rep.pk}/", name="Ben", email="ben@alpha.example", team_id=rep.team_id,
        membership_id="",
    )  # fmt: skip
    assert done.status_code == 303


def test_a_stale_form_is_told_and_nothing_overwritten(ask: Any, world: World) -> None:
    product = _product(world, "Coaching")
    ask(f"products/{product}/", name="Training")
    stale = ask(f"products/{product}/", name="Teaching", seen='{"name": "Coaching"}')
    assert stale.status_code == 409
    assert "name is Training now, you wrote Teaching" in stale.content.decode()


def _product(world: World, name: str) -> int:
    with company_context(world.a.company.pk):
        return int(Product.objects.create(name=name).pk)


def test_merge_asks_where_history_changes_and_moves_the_deals(ask: Any, world: World) -> None:
    website, calls = world.a.sources["Website"], world.a.sources["Calls"]
    where = f"sources/{website.pk}/merge/"
    assert ask(where).status_code == 422  # none chosen
    assert ask(where, into=world.b.sources["Calls"].pk).status_code == 422  # a neighbour's
    assert ask(where, into=website.pk).status_code == 422
    asked = ask(where, into=calls.pk)
    assert asked.status_code == 422
    assert "Merge and restate" in asked.content.decode()
    assert ask(where, into=calls.pk, restate="1").status_code == 303
    with company_context(world.a.company.pk):
        assert not Deal.objects.filter(source=website).exists()


def test_retire_and_bring_back_by_buttons(ask: Any, manager: Client, world: World) -> None:
    rep = world.a.reps["Ben"].pk
    assert ask(f"reps/{rep}/retire/").status_code == 303
    assert "Bring back" in manager.get(f"{BASE}/reps/").content.decode()
    assert ask(f"reps/{rep}/restore/").status_code == 303
    with company_context(world.a.company.pk):
        assert Rep.objects.get(pk=rep).retired_at is None
    assert manager.get(f"{BASE}/reps/{rep}/retire/").status_code == 405


def test_the_open_deals_of_a_leaving_rep_go_to_another(ask: Any, world: World) -> None:
    ada, ben = world.a.reps["Ada"].pk, world.a.reps["Ben"].pk
    done = ask(f"reps/{ben}/hand-over/", into=ada, restate="1")
    assert done.status_code == 303
    with company_context(world.a.company.pk):
        assert not Deal.objects.filter(rep_id=ben, outcome="open").exists()
        assert Deal.objects.filter(rep_id=ben).exists()
    assert ask(f"reps/{ben}/hand-over/", into=world.b.reps["Ada"].pk).status_code == 422


@pytest.mark.parametrize("role", [Role.REP, Role.LEADER])
def test_other_roles_have_no_settings(world: World, role: Role) -> None:
    client = client_of(world.a.user(role))
    for path in ("products/", "products/add/", "pipelines/", "rates/"):
        assert client.get(f"{BASE}/{path}").status_code == 403
    assert client.post(f"{BASE}/products/add/", {"name": "X"}).status_code == 403


def test_a_stranger_and_a_neighbours_row_find_nothing(world: World, manager: Client) -> None:
    assert client_of(world.stranger).get(f"{BASE}/products/").status_code == 404
    theirs = world.b.sources["Website"].pk
    for path in ("", "merge/", "retire/", "restore/"):
        for row in (theirs, 999_999_999, 10**30):
            address = f"{BASE}/sources/{row}/{path}"
            assert manager.post(address, {"name": "X", "into": 1}).status_code == 404, address
    assert manager.get(f"{BASE}/customers/").status_code == 404


def test_a_link_in_the_body_to_a_neighbours_row_is_refused(ask: Any, world: World) -> None:
    ben = world.a.reps["Ben"]
    values = {"name": "Ben", "email": "", "team_id": "", "membership_id": ""}
    theirs = {
        "team_id": world.b.reps["Ada"].team_id,
        "membership_id": world.b.members[Role.OWNER].pk,
    }
    for field, value in theirs.items():
        assert ask(f"reps/{ben.pk}/", restate="1", **{**values, field: value}).status_code == 422
