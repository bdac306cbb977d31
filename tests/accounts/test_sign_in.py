"""People sign in with their e-mail address, and nothing of a page is left when they sign out."""

import re

import pytest
from django.test import Client

from accounts.models import User
from accounts.roles import Role
from accounts.services.companies import add_member
from accounts.tenancy.context import company_context
from tests.personas import NOW, OPERATOR, World, client_of, make_user

PAGE = "/w/alpha/velocity/"


def sign_in(client: Client, email: str, password: str, **more: str):  # type: ignore[no-untyped-def]
    return client.post("/account/login/", {"login": email, "password": password, **more})


def signed_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def test_with_the_right_password(quiet_world: World) -> None:
    client = Client()
    response = sign_in(client, "rep@alpha.example", "rep@alpha.example")
    assert (response.status_code, response["Location"]) == (302, "/")
    assert signed_in(client)
    assert client.get(PAGE).status_code == 200


def test_the_address_is_read_without_its_case(quiet_world: World) -> None:
    client = Client()
    sign_in(client, " Rep@ALPHA.example ", "rep@alpha.example")
    assert signed_in(client)


def test_it_leads_back_to_where_one_was_going(quiet_world: World) -> None:
    client = Client()
    asked = client.get(f"{PAGE}?quarter=2026-Q1")
    page = client.get(asked["Location"])
    assert f'value="{PAGE}?quarter=2026-Q1"' in page.content.decode()
    response = sign_in(
        client, "rep@alpha.example", "rep@alpha.example", next=f"{PAGE}?quarter=2026-Q1"
    )
    assert response["Location"] == f"{PAGE}?quarter=2026-Q1"


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example/",
        "javascript:alert(1)",
        "http:evil.example",
        " //evil.example",
    ],
)
def test_it_never_leads_elsewhere(target: str, quiet_world: World) -> None:
    client = Client()
    response = sign_in(client, "rep@alpha.example", "rep@alpha.example", next=target)
    assert response["Location"] == "/"


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("rep@alpha.example", "wrong"),
        ("nobody@alpha.example", "wrong"),
        ("", ""),
        ("rep@alpha.example\x00", "rep@alpha.example"),
        ("x" * 5000 + "@alpha.example", "y" * 5000),
    ],
)
def test_with_anything_else_nobody_comes_in(email: str, password: str, quiet_world: World) -> None:
    client = Client()
    response = sign_in(client, email, password)
    assert response.status_code == 200
    assert not signed_in(client)


def test_a_wrong_password_and_an_unknown_address_read_alike(quiet_world: World) -> None:
    def page(email: str) -> str:
        body = sign_in(Client(), email, "wrong").content.decode()
        assert "not correct" in body
        return re.sub(r"\b[A-Za-z0-9]{64}\b", "token", body.replace(email, "address"))

    assert page("rep@alpha.example") == page("nobody@alpha.example")


def test_who_was_shut_out_does_not_come_in(quiet_world: World) -> None:
    client = client_of(quiet_world.a.user(Role.REP))
    assert client.get(PAGE).status_code == 200
    User.objects.filter(email="rep@alpha.example").update(is_active=False)
    assert client.get(PAGE).status_code == 302
    other = Client()
    sign_in(other, "rep@alpha.example", "rep@alpha.example")
    assert not signed_in(other)


def test_nobody_signs_up(quiet_world: World) -> None:
    before = User.objects.count()
    values = {"email": "new@example.com", "password1": "a long enough one", "password2": "x"}
    for response in (Client().get("/account/signup/"), Client().post("/account/signup/", values)):
        assert response.status_code == 200
        assert "<form method" not in response.content.decode().partition("</h1>")[2]
    assert User.objects.count() == before


def test_signing_out_ends_it(quiet_world: World) -> None:
    client = client_of(quiet_world.a.user(Role.REP))
    key = client.session.session_key
    page = client.get(PAGE)
    assert "no-store" in page["Cache-Control"]  # the back button shows nothing
    assert client.get("/account/logout/").status_code == 200
    assert signed_in(client)  # a link signs nobody out
    assert client.post("/account/logout/").status_code == 302
    assert not signed_in(client)
    assert client.get(PAGE).status_code == 302
    assert client.session.session_key != key
    stolen = Client()
    stolen.cookies["leverpoint_session"] = key
    assert stolen.get(PAGE).status_code == 302


def test_the_session_cookie_is_not_for_scripts_or_other_sites(quiet_world: World) -> None:
    client = Client()
    response = sign_in(client, "rep@alpha.example", "rep@alpha.example")
    cookie = response.cookies["leverpoint_session"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"


def test_a_form_without_its_token_is_refused_in_words(quiet_world: World) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(quiet_world.a.user(Role.REP))
    response = client.post("/account/logout/")
    assert response.status_code == 403
    assert "Your sign-in changed since this page was opened" in response.content.decode()
    assert signed_in(client)


def test_a_form_of_an_ended_sign_in_leads_to_the_sign_in_page(quiet_world: World) -> None:
    client = Client(enforce_csrf_checks=True)
    response = client.post(PAGE)
    assert response["Location"] == "/account/login/?next=%2Fw%2Falpha%2Fvelocity%2F"
    fragment = client.post(
        PAGE, headers={"HX-Request": "true", "HX-Current-URL": "http://testserver/w/alpha/funnel/"}
    )
    assert fragment.status_code == 200
    assert fragment["HX-Redirect"] == "/account/login/?next=%2Fw%2Falpha%2Ffunnel%2F"


def test_a_removed_member_gets_404_at_once(quiet_world: World) -> None:
    workspace = quiet_world.a
    client = client_of(workspace.user(Role.LEADER))
    assert client.get(PAGE).status_code == 200
    with company_context(workspace.company.pk):
        workspace.members[Role.LEADER].delete()
    assert client.get(PAGE).status_code == 404


def test_a_changed_role_counts_at_once(quiet_world: World) -> None:
    from django.test import override_settings

    workspace = quiet_world.a
    with override_settings(ROOT_URLCONF="tests.accounts.probe_urls"):
        client = client_of(workspace.user(Role.LEADER))
        assert client.get("/w/alpha/managers/").status_code == 403
        add_member(
            company=workspace.company,
            user=workspace.user(Role.LEADER),
            role=Role.MANAGER,
            by=OPERATOR,
            now=NOW,
        )
        assert client.get("/w/alpha/managers/").status_code == 200


def test_a_newcomer_without_a_workspace_is_told(quiet_world: World) -> None:
    response = client_of(make_user("new@example.com")).get("/")
    assert response.status_code == 200
    assert "You do not belong to a workspace yet" in response.content.decode()
