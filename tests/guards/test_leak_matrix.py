"""Every address x every persona: what the policy says, and to strangers nothing at all.

The addresses come from the URL tree (url_tree.py), the expected answers from the policy table.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest
from django.db import connection, reset_queries
from django.http import HttpResponse
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext

from accounts.permissions import allows
from accounts.roles import Role
from metrics.services.recompute import recompute_all
from tests.guards import url_tree
from tests.guards.url_tree import Page, address, names_rows, pages
from tests.personas import CANARY, NOW, World, client_of

ROLES = list(Role)
STRANGERS = ["owner of the neighbour", "removed member", "stranger"]
HX = {"HX-Request": "true"}
# Pages whose role may open them and that still ask whose the row is, and what they ask. The rows
# of this test were recorded by the manager.
ASKS_WHOSE = {
    "pipeline:transition_correct": "a rep corrects what the rep recorded",
    "pipeline:material_send": "a rep sends material in own deals",
}
# Rows that reading may write: a session holds the token of a form.
WRITTEN_BY_READING = {'"django_session"'}
SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
# Pages that say less than the others do.
STRICTER = {"tracked_link": {"Referrer-Policy": "no-referrer"}}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a stranger could tell two answers apart by."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...]


def answer(response: HttpResponse) -> Answer:
    # Every answer has a random id of its own: it tells two answers apart, never two addresses.
    told = sorted(item for item in response.items() if item[0] != "X-Request-ID")
    return Answer(response.status_code, response.content, tuple(told))


@pytest.fixture
def computed(world: World) -> World:
    """Two companies with figures on their pages."""
    for workspace in (world.a, world.b):
        recompute_all(company_id=workspace.company.pk, now=NOW)
    return world


def members(world: World) -> dict[str, Client]:
    return {role.value: client_of(world.a.user(role)) for role in ROLES}


def strangers(world: World) -> dict[str, Client]:
    users = [world.b.user(Role.OWNER), world.removed, world.stranger]
    return {name: client_of(user) for name, user in zip(STRANGERS, users, strict=True)}


def company_pages() -> list[Page]:
    found = [p for p in pages() if p.of_a_company]
    assert len(found) >= 5
    return found


def header_problems(name: str, response: HttpResponse) -> list[str]:
    said = [
        f"{name}: {header} is {response.get(header)!r}"
        for header, value in (SECURITY_HEADERS | STRICTER.get(name, {})).items()
        if response.get(header) != value
    ]
    policy = response.get("Content-Security-Policy", "")
    if "default-src 'none'" not in policy or "unsafe" in policy:
        said.append(f"{name}: the content security policy is {policy!r}")
    return said


def writes(captured: CaptureQueriesContext) -> list[str]:
    """Statements that change rows, of what was captured."""
    found = []
    for query in captured.captured_queries:
        words = query["sql"].split(None, 3)
        if words[0].upper() in {"INSERT", "UPDATE", "DELETE"}:
            table = words[1] if words[0].upper() == "UPDATE" else words[2]
            if table not in WRITTEN_BY_READING:
                found.append(query["sql"][:120])
    return found


def member_problems(found: list[Page], world: World) -> list[str]:
    """Each role gets the page or a refusal, as the policy says; reading writes nothing."""
    said = []
    for role, client in members(world).items():
        for page in found:
            # One role asks for fragments too: the mark stands before both alike.
            for headers in ({}, HX) if role == Role.OWNER else ({},):
                name = f"{role} {page.name}{' htmx' if headers else ''}"
                url = address(page, slug="alpha", rows_of=world.a)
                reset_queries()  # the log holds 9,000, and there are many pages
                with CaptureQueriesContext(connection) as captured:
                    response = client.get(url, headers=headers)
                permission = page.permission
                allowed = permission is not None and allows(Role(role), permission)
                expected = {200, 302, 405} if allowed else {403}
                if response.status_code == 403 and page.name in ASKS_WHOSE:
                    continue
                if response.status_code not in expected:
                    said.append(f"{name}: {response.status_code} instead of {expected}")
                if CANARY.encode() in response.content:
                    said.append(f"{name}: shows the neighbour")
                if "no-store" not in response.get("Cache-Control", ""):
                    said.append(f"{name}: may be kept by a shared machine")
                if not {"Cookie", "HX-Request"} <= set(response.get("Vary", "").split(", ")):
                    said.append(f"{name}: varies by {response.get('Vary')!r}")
                said += [f"{name}: GET writes {sql}" for sql in writes(captured)]
                said += header_problems(name, response)
    return said


def stranger_problems(found: list[Page], world: World) -> list[str]:
    """To a stranger a company that exists is like one that does not, by GET and by POST."""
    said = []
    ways: list[tuple[str, dict[str, str]]] = [("get", {}), ("post", {}), ("get", HX), ("post", HX)]
    for number, (who, client) in enumerate(strangers(world).items()):
        for method, headers in ways if number == 0 else ways[:2]:
            missing = answer(getattr(client, method)("/w/nowhere/velocity/", headers=headers))
            for page in found:
                name = f"{who} {method} {page.name}{' htmx' if headers else ''}"
                here = address(page, slug="alpha", rows_of=world.a)
                reset_queries()  # the log holds 9,000, and there are many pages
                with CaptureQueriesContext(connection) as captured:
                    response = getattr(client, method)(here, headers=headers)
                if response.status_code != 404:
                    said.append(f"{name}: {response.status_code} instead of 404")
                if answer(response) != missing:
                    said.append(f"{name}: unlike a company that does not exist")
                said += [f"{name}: writes {sql}" for sql in writes(captured)]
                said += header_problems(name, response)
    return said


def row_problems(found: list[Page], world: World) -> list[str]:
    """A neighbour's row is like one that does not exist, by GET and by POST.

    What names rows in bodies and queries is asked for in test_named_rows.py.
    """
    said = []
    client = client_of(world.a.user(Role.OWNER))
    for page in filter(names_rows, found):
        for method in ("get", "post"):
            ask = getattr(client, method)
            theirs = ask(address(page, slug="alpha", rows_of=world.b))
            missing = ask(address(page, slug="alpha", rows_of=None))
            if theirs.status_code != missing.status_code or theirs.content != missing.content:
                said.append(f"{page.name}: {method}: the neighbour's row is unlike a missing one")
            if CANARY.encode() in theirs.content:
                said.append(f"{page.name}: {method}: shows the neighbour's row")
    return said


def test_members_get_what_the_policy_says(computed: World) -> None:
    assert member_problems(company_pages(), computed) == []


def test_pages_that_ask_whose_a_row_is_do_ask(world: World) -> None:
    found = {p.name: p for p in company_pages()}
    client = client_of(world.a.user(Role.REP))
    for name in ASKS_WHOSE:
        url = address(found[name], slug="alpha", rows_of=world.a)
        assert client.get(url).status_code == 403, f"{name} no longer asks"


def test_pages_show_figures_in_this_test(computed: World) -> None:
    """Empty pages would leak nothing for the wrong reason."""
    client = client_of(computed.a.user(Role.OWNER))
    body = client.get("/w/alpha/velocity/").content.decode()
    assert "Velocity" in body
    assert "Alpha" in body


def test_strangers_get_404_as_for_a_company_that_does_not_exist(computed: World) -> None:
    assert stranger_problems(company_pages(), computed) == []


def test_rows_of_the_neighbour_are_as_missing(computed: World) -> None:
    said = row_problems(company_pages(), computed)
    assert said == [], "\n".join(said)


def test_roles_without_the_right_cannot_post(world: World) -> None:
    said = []
    for role, client in members(world).items():
        for page in company_pages():
            allowed = page.permission is not None and allows(Role(role), page.permission)
            if allowed and role != Role.OWNER:
                continue  # an empty form says the same to each of them
            response = client.post(address(page, slug="alpha", rows_of=world.a))
            if response.status_code >= 500 or (not allowed and response.status_code != 403):
                said.append(f"{role} {page.name}: {response.status_code}")
    assert said == []


def test_the_signed_out_are_sent_to_sign_in_wherever_they_go(world: World) -> None:
    client = client_of(None)
    for page in company_pages():
        answers = []
        for slug in ("alpha", "nowhere"):
            url = address(page, slug=slug, rows_of=world.a) + "?quarter=2026-Q1"
            for method in ("get", "post"):
                response = getattr(client, method)(url)
                assert response.status_code == 302, (page, method)
                assert response["Location"] == f"/account/login/?next={quote(url, safe='')}"
                assert header_problems(page.name, response) == []
            response = client.get(
                url, headers={**HX, "HX-Current-URL": f"http://testserver/w/{slug}/velocity/"}
            )
            assert response.status_code == 200, page
            assert response.content == b""
            wanted = quote(f"/w/{slug}/velocity/", safe="")
            assert response["HX-Redirect"] == f"/account/login/?next={wanted}"
            assert "Location" not in response
            answers.append(answer(response))
        existing, missing = answers
        assert (existing.status, existing.body) == (missing.status, missing.body)
        assert [n for n, _ in existing.headers] == [n for n, _ in missing.headers]


def test_an_address_that_no_page_has_tells_nothing_of_companies(world: World) -> None:
    for client in (client_of(None), *strangers(world).values()):
        answers = {answer(client.get(f"/w/{slug}/no/such/page/")) for slug in ("alpha", "nowhere")}
        assert {a.status for a in answers} == {404}
        assert len(answers) == 1


OTHER_PAGES = [p for p in pages() if not p.of_a_company]


@pytest.mark.parametrize("page", OTHER_PAGES, ids=lambda p: p.name)
def test_pages_outside_a_company_show_nobodys_rows(page: Page, quiet_world: World) -> None:
    world = quiet_world
    url = address(page, slug="", rows_of=None)
    for user in (None, world.stranger, world.a.user(Role.REP)):
        client = client_of(user)
        with CaptureQueriesContext(connection) as captured:
            response = client.get(url)
        assert response.status_code in {200, 302, 404, 405, 503}, (user, response.status_code)
        assert CANARY.encode() not in response.content
        assert header_problems(page.name, response) == []
        assert writes(captured) == []
        if user is not None:
            assert "no-store" in response["Cache-Control"]


# The guard against itself: planted_urls.py breaks one rule per address. --------------------------


@pytest.fixture
def planted(world: World) -> Iterator[dict[str, Page]]:
    with override_settings(ROOT_URLCONF="tests.guards.planted_urls"):
        found = {p.name: p for p in pages("tests.guards.planted_urls")}
        yield {n: p for n, p in found.items() if n.startswith("planted:")}


def test_the_matrix_sees_planted_faults(
    planted: dict[str, Page], world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(url_tree.ARGUMENTS, "deal_id", lambda w: w.deals["open"])
    unmarked = planted["planted:unmarked"]
    assert "rep planted:unmarked: 200 instead of {403}" in member_problems([unmarked], world)
    writing = planted["planted:writes_on_get"]
    assert any("GET writes INSERT" in text for text in member_problems([writing], world))
    leaking = planted["planted:into_the_neighbour"]
    said = row_problems([leaking], world)
    assert "planted:into_the_neighbour: get: shows the neighbour's row" in said
    assert "planted:into_the_neighbour: post: shows the neighbour's row" in said


def test_without_any_filter_the_database_alone_shows_no_neighbour(
    planted: dict[str, Page], world: World
) -> None:
    """Walls 1 and 2 are down in this view; wall 4 is what is left."""
    page = planted["planted:without_filter"]
    assert member_problems([page], world) == []
    assert stranger_problems([page], world) == []
    names: dict[str, Any] = (
        client_of(world.a.user(Role.REP)).get(address(page, slug="alpha", rows_of=None)).json()
    )
    assert sorted(names["names"]) == sorted(world.a.deals)
