"""People at the doors: sign in through the pages, with an app on the phone."""

import time
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal import auth as totp
from django.http import HttpResponse
from django.test import Client

from accounts.models import User

AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36"


def sign_in(client: Client, email: str, password: str | None = None, **headers: Any) -> Any:
    """Post the sign-in form; in these tests the password is the address."""
    answer: HttpResponse = client.post(
        "/account/login/",
        {"login": email, "password": password or email},
        headers={"User-Agent": AGENT, **headers.pop("headers", {})},
        **headers,
    )
    return answer


def signed_in(user: User) -> Client:
    """A browser of somebody who came in through the page, and whose password is known."""
    client = Client()
    answer = sign_in(client, user.email)
    assert answer.status_code == 302, answer.content
    return client


def prove(client: Client, password: str) -> None:
    """Say once more who one is, as is asked before a credential changes."""
    answer = client.post("/account/reauthenticate/", {"password": password})
    assert answer.status_code == 302, answer.content


def code_of(secret: str) -> str:
    """What an app shows now; if it is about to change, what it shows next."""
    if time.time() % 30 > 28.5:
        time.sleep(1.6)
    return totp.format_hotp_value(totp.hotp_value(secret, int(time.time()) // 30))


def give_app(user: User) -> str:
    """An authenticator app that is set up already; its secret."""
    secret = totp.generate_totp_secret()
    totp.TOTP.activate(user, secret)
    RecoveryCodes.activate(user)
    return secret


def factors(user: User) -> set[str]:
    return set(Authenticator.objects.filter(user=user).values_list("type", flat=True))


def set_up_app(client: Client, password: str) -> str:
    """Through the pages, as a person does; the secret."""
    first = client.get("/account/second-factor/totp/activate/")
    assert first["Location"].startswith("/account/reauthenticate/")
    prove(client, password)
    page = client.get("/account/second-factor/totp/activate/")
    assert page.status_code == 200
    secret: str = page.context["form"].secret
    assert f'<code class="num">{secret}</code>' in page.content.decode()
    answer = client.post("/account/second-factor/totp/activate/", {"code": code_of(secret)})
    assert answer["Location"] == "/account/second-factor/recovery-codes/", answer.content
    return secret
