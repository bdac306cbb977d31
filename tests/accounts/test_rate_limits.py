"""Guessing is slowed down, and an address that the client made up changes nothing."""

from typing import Any

import pytest
from django.test import Client, override_settings

from accounts.roles import Role
from tests.accounts.signing_in import give_app, sign_in
from tests.personas import World


def tries(email: str, count: int, **headers: Any) -> list[bool]:
    """Was each guess refused for being one too many? From a new browser each time."""
    found = []
    for n in range(count):
        told = {k: v.format(n=n) for k, v in headers.items()}
        answer = sign_in(Client(), email, "not the password", headers=told)
        found.append(answer.status_code == 429 or b"Too many" in answer.content)
    return found


@pytest.mark.parametrize("headers", [{}, {"X-Forwarded-For": "203.0.113.{n}"}])
def test_the_sixth_guess_at_an_account_is_refused(
    quiet_world: World, headers: dict[str, str]
) -> None:
    email = quiet_world.a.user(Role.REP).email
    assert tries(email, 7, **headers) == [False] * 5 + [True] * 2
    assert sign_in(Client(), email).status_code == 200, "the right one too, until it has passed"


@pytest.mark.parametrize("headers", [{}, {"X-Forwarded-For": "203.0.113.{n}"}])
def test_one_address_cannot_try_many_accounts(world: World, headers: dict[str, str]) -> None:
    found = [tries(f"somebody{n}@nowhere.example", 1, **headers)[0] for n in range(12)]
    assert found == [False] * 10 + [True] * 2


def test_behind_a_proxy_only_what_it_wrote_counts(quiet_world: World) -> None:
    """The client's own entries stand to the left of the one that our proxy adds."""
    email = "somebody{n}@nowhere.example"
    with override_settings(ALLAUTH_TRUSTED_PROXY_COUNT=1):
        found = []
        for n in range(12):
            told = {"X-Forwarded-For": f"203.0.113.{n}, 198.51.100.7"}
            answer = sign_in(Client(), email.format(n=n), "guess", headers=told)
            found.append(b"Too many" in answer.content)
        assert found == [False] * 10 + [True] * 2
        told = {"X-Forwarded-For": "198.51.100.8"}
        other = sign_in(Client(), quiet_world.a.user(Role.REP).email, headers=told)
        assert other.status_code == 302, "another client of the same proxy"


def test_who_goes_around_the_proxies_is_answered_all_the_same(quiet_world: World) -> None:
    with override_settings(ALLAUTH_TRUSTED_PROXY_COUNT=2):
        for told in ({}, {"X-Forwarded-For": "203.0.113.9"}):
            email = quiet_world.a.user(Role.REP).email
            assert sign_in(Client(), email, headers=told).status_code == 302


def test_codes_of_a_second_factor_cannot_be_guessed(quiet_world: World) -> None:
    user = quiet_world.a.user(Role.REP)
    give_app(user)
    client = Client()
    sign_in(client, user.email)
    said = [
        b"Too many" in client.post("/account/second-factor/authenticate/", {"code": "1"}).content
        for _ in range(7)
    ]
    assert said == [False] * 5 + [True] * 2


def test_password_resets_are_limited(quiet_world: World) -> None:
    email = quiet_world.a.user(Role.REP).email
    said = [
        Client().post("/account/password/reset/", {"email": email}).status_code for _ in range(7)
    ]
    assert said[:5] == [302] * 5
    assert said[5:] == [429] * 2


def test_a_refusal_is_a_page_of_ours(quiet_world: World) -> None:
    for _ in range(6):
        answer = Client().post("/account/password/reset/", {"email": "a@b.example"})
    assert "Too many tries" in answer.content.decode()
