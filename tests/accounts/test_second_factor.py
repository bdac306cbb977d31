"""Apps, recovery codes, and companies that ask their members for a second factor."""

import pytest
from allauth.mfa.models import Authenticator
from django.test import Client, override_settings

from accounts.models import Company
from accounts.roles import Role
from accounts.tenancy.context import company_context
from tests.accounts.signing_in import (
    code_of,
    factors,
    give_app,
    prove,
    set_up_app,
    sign_in,
    signed_in,
)
from tests.guards.url_tree import address, pages
from tests.personas import NOW, OPERATOR, World, client_of

NEEDED = "/account/second-factor/needed/"


def require(company: Company) -> None:
    with company_context(company.pk):
        Company.objects.filter(pk=company.pk).update(require_mfa=True)


def test_an_app_is_set_up_and_asked_for(quiet_world: World) -> None:
    user = quiet_world.a.user(Role.REP)
    client = signed_in(user)
    secret = set_up_app(client, user.email)
    assert factors(user) == {"totp", "recovery_codes"}
    codes = client.get("/account/second-factor/recovery-codes/").context["unused_codes"]
    assert len(codes) == 10

    for given, right in [("000000", False), (code_of(secret), True), (codes[0], True)]:
        fresh = Client()
        assert sign_in(fresh, user.email)["Location"].startswith("/account/second-factor/authent")
        assert fresh.get("/w/alpha/velocity/").status_code == 302, "not in yet"
        answer = fresh.post("/account/second-factor/authenticate/", {"code": given})
        assert (answer.status_code == 302) is right
        assert (fresh.get("/w/alpha/velocity/").status_code == 200) is right
    for used in (codes[0], code_of(secret)):
        again = Client()
        sign_in(again, user.email)
        answer = again.post("/account/second-factor/authenticate/", {"code": used})
        assert answer.status_code == 200, "a code works once"


def test_the_secret_is_not_kept_in_clear(quiet_world: World) -> None:
    user = quiet_world.a.user(Role.REP)
    secret = give_app(user)
    kept = str(Authenticator.objects.get(user=user, type="totp").data)
    assert secret not in kept
    with override_settings(
        SECRET_KEY="the next key", SECRET_KEY_FALLBACKS=["a key for tests, worth nothing"]
    ):
        client = Client()
        sign_in(client, user.email)
        right = client.post("/account/second-factor/authenticate/", {"code": code_of(secret)})
        assert right.status_code == 302, "a fallback still opens what it closed"


def company_addresses(world: World) -> list[str]:
    found = [address(p, slug="alpha", rows_of=world.a) for p in pages() if p.of_a_company]
    assert len(found) >= 20
    return found


def test_every_page_of_a_company_waits_for_the_second_factor(world: World) -> None:
    require(world.a.company)
    for role in Role:
        client = client_of(world.a.user(role))
        for url in company_addresses(world):
            for method in ("get", "post"):
                answer = getattr(client, method)(url)
                assert answer.status_code == 302, (role, method, url)
                assert answer["Location"].startswith(f"{NEEDED}?next=%2Fw%2Falpha%2F"), url
            answer = client.get(url, headers={"HX-Request": "true"})
            assert answer.status_code == 200
            assert answer["HX-Redirect"].startswith(NEEDED)
            assert answer.content == b""


def test_with_a_factor_the_company_opens(quiet_world: World) -> None:
    require(quiet_world.a.company)
    user = quiet_world.a.user(Role.REP)
    client = signed_in(user)
    needed = client.get(f"{NEEDED}?next=/w/alpha/velocity/")
    assert "Alpha" in needed.content.decode()
    set_up_app(client, user.email)
    assert client.get(f"{NEEDED}?next=/w/alpha/velocity/")["Location"] == "/w/alpha/velocity/"
    assert client.get(f"{NEEDED}?next=https://evil.example/")["Location"] == "/"
    assert client.get("/w/alpha/velocity/").status_code == 200


def test_recovery_codes_alone_are_no_second_factor(quiet_world: World) -> None:
    require(quiet_world.a.company)
    user = quiet_world.a.user(Role.REP)
    give_app(user)
    Authenticator.objects.filter(user=user, type="totp").delete()
    assert client_of(user).get("/w/alpha/velocity/").status_code == 302


def test_other_companies_are_unaffected(quiet_world: World) -> None:
    from accounts.services.companies import add_member

    require(quiet_world.a.company)
    user = quiet_world.a.user(Role.REP)
    add_member(company=quiet_world.b.company, user=user, role=Role.REP, by=OPERATOR, now=NOW)
    client = client_of(user)
    assert client.get("/w/beta/velocity/").status_code == 200
    assert client.get("/w/alpha/velocity/").status_code == 302
    assert client_of(quiet_world.stranger).get("/w/alpha/velocity/").status_code == 404


def test_the_last_factor_stays_while_a_company_asks_for_it(quiet_world: World) -> None:
    user = quiet_world.a.user(Role.REP)
    secret = give_app(user)
    require(quiet_world.a.company)
    client = Client()
    sign_in(client, user.email)
    client.post("/account/second-factor/authenticate/", {"code": code_of(secret)})
    prove(client, user.email)
    answer = client.post("/account/second-factor/totp/deactivate/")
    assert answer.status_code == 200
    assert "totp" in factors(user)
    with company_context(quiet_world.a.company.pk):
        Company.objects.update(require_mfa=False)
    assert client.post("/account/second-factor/totp/deactivate/").status_code == 302
    assert factors(user) == set()


@pytest.mark.parametrize("page", ["totp/activate/", "webauthn/add/", "recovery-codes/generate/"])
def test_changing_a_factor_asks_who_it_is(quiet_world: World, page: str) -> None:
    client = signed_in(quiet_world.a.user(Role.REP))
    answer = client.get(f"/account/second-factor/{page}")
    assert answer["Location"].startswith("/account/reauthenticate/")
