"""One's own page: name, shortcuts, and the choice of theme and language."""

import pytest

from accounts.roles import Role
from tests.personas import World, client_of


def test_name_and_shortcuts_are_saved(quiet_world: World) -> None:
    user = quiet_world.a.user(Role.REP)
    client = client_of(user)
    assert "data-shortcuts" not in client.get("/w/alpha/velocity/").content.decode()
    answer = client.post("/account/", {"name": "Ada L."}, follow=True)
    assert "Saved" in answer.content.decode()
    user.refresh_from_db()
    assert (user.name, user.shortcuts) == ("Ada L.", False)
    assert 'data-shortcuts="off"' in client.get("/w/alpha/velocity/").content.decode()
    client.post("/account/", {"name": "Ada L.", "shortcuts": "on"})
    user.refresh_from_db()
    assert user.shortcuts


@pytest.mark.parametrize("name", ["", " ", "x" * 201, "a\x00b"])
def test_a_name_that_cannot_be_is_refused(quiet_world: World, name: str) -> None:
    user = quiet_world.a.user(Role.REP)
    before = user.name
    answer = client_of(user).post("/account/", {"name": name})
    assert answer.status_code == 422
    user.refresh_from_db()
    assert user.name == before


@pytest.mark.parametrize(
    ("asked", "goes_to"),
    [
        ("/w/alpha/velocity/?a=1", "/w/alpha/velocity/?a=1"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("javascript:alert(1)", "/"),
    ],
)
def test_the_choice_of_a_theme_goes_back_to_where_it_was(
    quiet_world: World, asked: str, goes_to: str
) -> None:
    user = quiet_world.a.user(Role.REP)
    client = client_of(user)
    answer = client.post("/appearance/", {"theme": "dark", "locale": "fr", "next": asked})
    assert (answer.status_code, answer["Location"]) == (302, goes_to)
    user.refresh_from_db()
    assert (user.theme, user.locale) == ("dark", "fr")
    client.post("/appearance/", {"theme": "pink", "locale": "xx"})
    user.refresh_from_db()
    assert (user.theme, user.locale) == ("dark", "fr")


def test_the_chosen_language_follows_its_reader_into_every_browser(quiet_world: World) -> None:
    user = quiet_world.a.user(Role.REP)
    here, elsewhere = client_of(user), client_of(user)
    here.post("/appearance/", {"locale": "fr"})
    assert '<html lang="fr"' in here.get("/account/").content.decode()
    # No cookie there, and a browser that asks for English.
    page = elsewhere.get("/account/", headers={"Accept-Language": "en"})
    assert '<html lang="fr"' in page.content.decode()
    assert page["Content-Language"] == "fr"
    here.post("/appearance/", {"locale": "en"})
    assert '<html lang="en"' in elsewhere.get("/account/").content.decode()


def test_without_a_choice_the_browser_decides(quiet_world: World) -> None:
    client = client_of(quiet_world.a.user(Role.REP))
    for language in ("fr", "en"):
        page = client.get("/account/", headers={"Accept-Language": language})
        assert f'<html lang="{language}"' in page.content.decode()
