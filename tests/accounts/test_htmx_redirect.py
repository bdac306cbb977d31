"""A fragment of an ended sign-in leads the whole page to the sign-in, and nowhere else."""

from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from accounts.roles import Role
from tests.personas import World, client_of

PAGE = "/w/alpha/velocity/"


def redirected(current: str | None, **headers: str) -> str:
    extra = {"HX-Current-URL": current} if current is not None else {}
    response = Client().get(PAGE, headers={"HX-Request": "true", **extra, **headers})
    assert response.status_code == 200
    assert response.content == b""
    target = urlsplit(response["HX-Redirect"])
    assert (target.scheme, target.netloc, target.path) == ("", "", "/account/login/")
    (wanted,) = parse_qs(target.query)["next"]
    return wanted


@pytest.mark.parametrize(
    ("current", "wanted"),
    [
        ("http://testserver/w/alpha/funnel/", "/w/alpha/funnel/"),
        ("http://testserver/w/alpha/funnel/?quarter=2026-Q1&x=a%20b", None),
        ("/w/alpha/funnel/", "/w/alpha/funnel/"),
        ("https://evil.example/x", "/"),
        ("http://evil.example/w/alpha/", "/"),
        ("http://testserver@evil.example/", "/"),
        ("http://testserver.evil.example/", "/"),
        ("//evil.example/", "/"),
        ("http://testserver//evil.example/", "/"),
        ("http://testserver/\\evil.example/", "/"),
        ("javascript:alert(1)", "/"),
        ("", "/"),
        (None, "/"),
    ],
)
def test_where_to_come_back_to(current: str | None, wanted: str | None, db: None) -> None:
    expected = "/w/alpha/funnel/?quarter=2026-Q1&x=a%20b" if wanted is None else wanted
    assert redirected(current) == expected


def test_without_htmx_it_is_an_ordinary_redirect(db: None) -> None:
    response = Client().get(PAGE)
    assert response.status_code == 302
    assert "HX-Redirect" not in response


def test_other_redirects_are_left_alone(quiet_world: World) -> None:
    client = client_of(quiet_world.a.user(Role.REP))
    response = client.get("/", headers={"HX-Request": "true"})
    assert response.status_code == 302
    assert response["Location"] == PAGE


def test_answers_vary_by_who_asks_and_how(quiet_world: World) -> None:
    for response in (
        Client().get(PAGE),
        Client().get(PAGE, headers={"HX-Request": "true"}),
        client_of(quiet_world.a.user(Role.REP)).get(PAGE),
    ):
        vary = {v.strip() for v in response["Vary"].split(",")}
        assert {"Cookie", "HX-Request"} <= vary


def test_a_fragment_and_its_page_are_two_answers(quiet_world: World) -> None:
    client = client_of(quiet_world.a.user(Role.REP))
    whole = client.get(PAGE).content.decode()
    fragment = client.get(PAGE, headers={"HX-Request": "true"}).content.decode()
    assert "<html" in whole
    assert "<html" not in fragment
