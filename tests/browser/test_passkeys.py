"""A passkey in a real browser, under the strict policy: added, and used to sign in both ways."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.browser.conftest import Visitor
from tests.personas import World, committed_world  # noqa: F401  fixture

EMAIL = "rep@alpha.example"


@pytest.fixture
def visitor(live_server: Any, committed_world: World, browser: Browser) -> Iterator[Visitor]:  # noqa: F811
    """A window whose machine has an authenticator; browsers know none on a bare address."""
    url = str(live_server.url).replace("127.0.0.1", "localhost")
    window = Visitor(browser, url, None)
    session = window.context.new_cdp_session(window.page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    yield window
    window.context.close()


def type_password(visitor: Visitor) -> None:
    visitor.page.locator("[name=password]").fill(EMAIL)
    visitor.page.locator("[name=password]").press("Enter")


def test_a_passkey_is_added_and_signs_in(visitor: Visitor) -> None:
    page = visitor.page
    page.goto("/account/login/?next=/account/second-factor/webauthn/add/")
    page.locator("[name=login]").fill(EMAIL)
    type_password(visitor)
    page.get_by_role("heading", name="Is it you?").wait_for()
    type_password(visitor)
    page.get_by_label("Passwordless").check()
    page.get_by_role("button", name="Add").click()
    page.get_by_role("heading", name="Recovery codes").wait_for()
    assert visitor.axe() == []

    visitor.context.clear_cookies()  # without the password
    page.goto("/account/login/")
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_url("**/w/alpha/**")

    visitor.context.clear_cookies()  # as the second factor
    page.goto("/account/login/")
    page.locator("[name=login]").fill(EMAIL)
    type_password(visitor)
    page.get_by_role("heading", name="Second factor").wait_for()
    assert visitor.axe() == []
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url("**/w/alpha/**")
    assert visitor.problems() == []


def test_pages_of_the_account_can_be_used_by_everybody(visitor: Visitor) -> None:
    page = visitor.page
    page.goto("/account/login/?next=/account/")
    page.locator("[name=login]").fill(EMAIL)
    type_password(visitor)
    page.get_by_role("heading", name="Your account").wait_for()
    for url in ("/account/", "/account/second-factor/", "/account/sign-ins/", "/account/email/"):
        for width in (1280, 360):
            page.set_viewport_size({"width": width, "height": 800})
            page.goto(url)
            assert visitor.overflow() <= 0, (url, width)
        assert visitor.axe() == [], url
    assert visitor.problems() == []
