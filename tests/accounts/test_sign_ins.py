"""Sign-ins: seen, ended by oneself, by a changed credential, and by the clock."""

import re
import time

import pytest
from django.contrib.auth import SESSION_KEY
from django.core import mail
from django.test import Client

from accounts.models import User
from accounts.roles import Role
from tests.accounts.signing_in import AGENT, prove, set_up_app, sign_in, signed_in
from tests.personas import World

PAGE = "/account/sign-ins/"


def inside(client: Client) -> bool:
    return client.get("/w/alpha/velocity/").status_code == 200


def test_the_list_says_where_and_ends_one(quiet_world: World) -> None:
    user = quiet_world.a.user(Role.REP)
    here, there, third = (signed_in(user) for _ in range(3))
    page = here.get(PAGE).content.decode()
    assert page.count("Chrome (Linux)") >= 3
    assert "127.0.0.1" in page
    ids = re.findall(r'name="sign_in" value="(\d+)"', page)
    assert len(ids) == 2
    newest = here.post(PAGE, {"sign_in": ids[0]}, follow=True)
    assert "1 other sign-in ended" in newest.content.decode()
    assert (inside(here), inside(there), inside(third)) == (True, True, False)


def test_all_others_end(quiet_world: World) -> None:
    user = quiet_world.a.user(Role.REP)
    here, there = signed_in(user), signed_in(user)
    neighbour = signed_in(quiet_world.a.user(Role.OWNER))
    here.post(PAGE)
    assert (inside(here), inside(there), inside(neighbour)) == (True, False, True)


def test_nobody_ends_the_sign_in_of_somebody_else(quiet_world: World) -> None:
    from allauth.usersessions.models import UserSession

    other = quiet_world.a.user(Role.OWNER)
    theirs = signed_in(other)
    row = UserSession.objects.get(user=other)
    mine = signed_in(quiet_world.a.user(Role.REP))
    for wanted in (str(row.pk), "9" * 40, "²", "-1", "x\x00"):
        mine.post(PAGE, {"sign_in": wanted})
    assert inside(theirs)


def test_a_session_lasts_twelve_hours_however_busy(
    quiet_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = signed_in(quiet_world.a.user(Role.REP))
    real = time.time
    monkeypatch.setattr("accounts.middleware.time.time", lambda: real() + 12 * 3600 - 60)
    assert inside(client)
    monkeypatch.setattr("accounts.middleware.time.time", lambda: real() + 12 * 3600 + 60)
    answer = client.get("/w/alpha/velocity/")
    assert answer["Location"].startswith("/account/login/")
    monkeypatch.undo()
    assert not inside(client), "signed out for good"


def test_the_session_gets_a_new_id_at_sign_in(quiet_world: World) -> None:
    client = Client()
    client.get("/account/login/")
    before = client.session.session_key
    sign_in(client, quiet_world.a.user(Role.REP).email)
    assert client.session.session_key != before


NEW = "a long new password 7"


def test_a_changed_password_ends_every_sign_in(quiet_world: World) -> None:
    user = quiet_world.a.user(Role.REP)
    here, there = signed_in(user), signed_in(user)
    prove(here, user.email)
    answer = here.post(
        "/account/password/change/",
        {"oldpassword": user.email, "password1": NEW, "password2": NEW},
    )
    assert answer.status_code == 302, answer.content
    assert (inside(here), inside(there)) == (False, False)
    assert mail.outbox[0].to == [user.email]
    assert sign_in(Client(), user.email, NEW).status_code == 302
    assert sign_in(Client(), user.email).status_code == 200


def test_a_reset_password_ends_every_sign_in(quiet_world: World) -> None:
    user = quiet_world.a.user(Role.REP)
    thief = signed_in(user)
    person = Client()
    person.post("/account/password/reset/", {"email": user.email})
    link = re.search(r"/account/password/reset/key/\S+", mail.outbox[0].body)
    assert link
    page = person.get(link[0], follow=True)
    url = page.redirect_chain[-1][0]
    assert person.post(url, {"password1": NEW, "password2": NEW}).status_code == 302
    assert not inside(thief)
    assert person.get(link[0], follow=True).context.get("token_fail"), "single use"
    sign_in(person, user.email, NEW)
    assert "1 other" not in person.get(PAGE).content.decode()


def test_a_reset_tells_nobody_who_has_an_account(quiet_world: World) -> None:
    said = []
    for email in (quiet_world.a.user(Role.REP).email, "nobody@nowhere.example"):
        answer = Client().post("/account/password/reset/", {"email": email}, follow=True)
        said.append(re.sub(r"X-CSRFToken\W+\w+", "", answer.content.decode()))
        assert answer.redirect_chain == [("/account/password/reset/done/", 302)]
    assert said[0] == said[1]


def test_a_new_address_counts_when_it_is_confirmed_from_there(quiet_world: World) -> None:
    user = quiet_world.a.user(Role.REP)
    here, there = signed_in(user), signed_in(user)
    old, change = user.email, {"email": "new@alpha.example", "action_add": "1"}
    asked = here.post("/account/email/", change)
    assert asked["Location"].startswith("/account/reauthenticate/")
    assert mail.outbox == []
    prove(here, user.email)
    here.post("/account/email/", change)
    user.refresh_from_db()
    assert user.email == old, "not before it is confirmed"
    assert [m.to for m in mail.outbox] == [["new@alpha.example"]]
    link = re.search(r"/account/confirm-email/\S+/", mail.outbox[0].body)
    assert link
    there_still = inside(there)
    here.get(link[0])
    user.refresh_from_db()
    assert user.email == old, "a mail scanner that follows the link confirms nothing"
    here.post(link[0])
    user.refresh_from_db()
    assert user.email == "new@alpha.example"
    assert (there_still, inside(here), inside(there)) == (True, True, False)
    assert mail.outbox[-1].to == [old], "the old address is told"
    assert sign_in(Client(), "new@alpha.example", old).status_code == 302
    assert sign_in(Client(), old, old).status_code == 200


def test_an_address_of_somebody_else_cannot_be_taken(quiet_world: World) -> None:
    user, other = quiet_world.a.user(Role.REP), quiet_world.a.user(Role.OWNER)
    client = signed_in(user)
    prove(client, user.email)
    client.post("/account/email/", {"email": other.email.upper(), "action_add": "1"})
    for message in mail.outbox:
        link = re.search(r"/account/confirm-email/\S+/", message.body)
        if link:  # even its owner cannot give it away by following the link
            client.post(link[0])
    assert User.objects.get(pk=user.pk).email == user.email
    assert User.objects.get(pk=other.pk).email == other.email


def test_a_new_factor_ends_the_other_sign_ins(committed_world: World) -> None:
    user = committed_world.a.user(Role.REP)
    here, there = signed_in(user), signed_in(user)
    set_up_app(here, user.email)
    assert (inside(here), inside(there)) == (True, False)
    assert [m.to for m in mail.outbox] == [[user.email]], "the person is told"


def test_the_signed_out_are_told_nothing(quiet_world: World) -> None:
    client = Client(headers={"User-Agent": AGENT})
    assert SESSION_KEY not in client.session
    for url in (PAGE, "/account/", "/account/second-factor/needed/"):
        assert client.get(url)["Location"].startswith("/account/login/")
