"""Invitations: sent by owners, accepted once, by POST, by the person they are for."""

import re
import threading
from collections import Counter
from datetime import timedelta
from smtplib import SMTPServerDisconnected
from typing import Any

import pytest
from django.core import mail
from django.db import connections, transaction
from django.test import Client
from django.utils import timezone

from accounts.actors import Actor
from accounts.errors import DomainError
from accounts.models import AuditEntry, Invitation, Membership, User
from accounts.roles import Role
from accounts.services.companies import add_member
from accounts.services.invitations import accept, hash_of, invite
from accounts.tenancy.context import company_context
from tests.accounts.signing_in import sign_in, signed_in
from tests.personas import CANARY, NOW, OPERATOR, Workspace, World, client_of

PAGE = "/w/alpha/settings/members/"
NEW = {"name": "Nina New", "password": "four words nobody guesses"}


def ask(world: World, email: str = "nina@new.example", role: str = "rep") -> str:
    """Invite through the page; the path of the link that the letter holds."""
    client = client_of(world.a.user(Role.OWNER))
    answer = client.post(f"{PAGE}invite/", {"email": email, "role": role})
    assert answer.status_code == 302, answer.content
    return link()


def link() -> str:
    found = re.search(r"http://testserver(/invitations/\S+/)", mail.outbox[-1].body)
    assert found
    return found[1]


def member(workspace: Workspace, email: str) -> Membership | None:
    with company_context(workspace.company.pk), transaction.atomic():
        return Membership.objects.filter(user__email=email).first()


def row(workspace: Workspace, **only: Any) -> Invitation:
    with company_context(workspace.company.pk):
        return Invitation.objects.filter(**only).order_by("-id")[0]


def is_gone(path: str, client: Client | None = None) -> bool:
    answer = (client or Client()).get(path)
    assert answer.status_code in {200, 404}
    return answer.status_code == 404


def test_somebody_new_comes_in(quiet_world: World) -> None:
    path = ask(quiet_world)
    letter = mail.outbox[-1]
    assert letter.to == ["nina@new.example"]
    assert "Alpha" in letter.subject
    assert "Owner invites you to the workspace Alpha on Leverpoint, as Rep." in letter.body
    assert letter.alternatives == []

    client = Client()
    page = client.get(path)
    assert "Join Alpha" in page.content.decode()
    assert member(quiet_world.a, "nina@new.example") is None, "a scanner follows links"
    answer = client.post(path, NEW)
    assert answer["Location"] == "/w/alpha/velocity/"
    assert client.get("/w/alpha/velocity/").status_code == 200
    assert client.get("/w/beta/velocity/").status_code == 404
    joined = member(quiet_world.a, "nina@new.example")
    assert joined is not None
    assert (joined.role, joined.user.name) == ("rep", "Nina New")
    assert joined.user.emailaddress_set.get().verified
    with company_context(quiet_world.a.company.pk):
        actions = list(AuditEntry.objects.order_by("id").values_list("action", flat=True))
    assert actions[-3:] == ["invitation.sent", "member.added", "invitation.accepted"]
    assert sign_in(Client(), "nina@new.example", NEW["password"]).status_code == 302


def test_a_link_works_once(quiet_world: World) -> None:
    path = ask(quiet_world)
    Client().post(path, NEW)
    assert is_gone(path)
    again = Client().post(path, {**NEW, "name": "Somebody else"})
    assert again.status_code == 404
    assert User.objects.filter(email="nina@new.example").count() == 1


def test_only_the_hash_is_kept(quiet_world: World) -> None:
    path = ask(quiet_world)
    token = path.split("/")[2]
    assert len(token) >= 43, "256 bits"
    kept = row(quiet_world.a)
    assert kept.token_hash == hash_of(token)
    assert token not in str(vars(kept))
    assert Client().get(f"/invitations/{kept.token_hash}/").status_code == 404


def test_used_withdrawn_old_and_invented_read_alike(quiet_world: World) -> None:
    used, old = ask(quiet_world), ask(quiet_world, "old@new.example")
    withdrawn = ask(quiet_world, "gone@new.example")
    Client().post(used, NEW)
    with company_context(quiet_world.a.company.pk):
        Invitation.objects.filter(email="old@new.example").update(
            expires_at=timezone.now() - timedelta(seconds=1)
        )
    one = row(quiet_world.a, email="gone@new.example")
    url = f"/w/alpha/settings/invitations/{one.pk}/withdraw/"
    client_of(quiet_world.a.user(Role.OWNER)).post(url)
    strip = re.compile(r'"X-CSRFToken": "\w+"|value="\w{64}"')
    bodies = set()
    for path in (used, old, withdrawn, "/invitations/invented/"):
        for answer in (Client().get(path), Client().post(path, NEW)):
            assert answer.status_code == 404
            bodies.add(strip.sub("", answer.content.decode()))
    assert len(bodies) == 1


def test_seven_days(quiet_world: World) -> None:
    ask(quiet_world)
    kept = row(quiet_world.a)
    assert kept.expires_at - kept.created_at == timedelta(days=7)


def test_who_has_an_account_signs_in_first(quiet_world: World) -> None:
    path = ask(quiet_world, "Stranger@Nowhere.example", "manager")
    client = Client()
    assert "account already" in client.get(path).content.decode()
    refused = client.post(path, NEW)
    assert refused["Location"] == f"/account/login/?next={path}"
    assert member(quiet_world.a, "stranger@nowhere.example") is None
    assert sign_in(client, "stranger@nowhere.example").status_code == 302
    assert client.post(path)["Location"] == "/w/alpha/velocity/"
    joined = member(quiet_world.a, "stranger@nowhere.example")
    assert joined is not None
    assert joined.role == "manager"


def test_somebody_else_cannot_use_it(quiet_world: World) -> None:
    path = ask(quiet_world, "nina@new.example", "owner")
    client = client_of(quiet_world.stranger)
    assert "another address" in client.get(path).content.decode()
    answer = client.post(path, NEW)
    assert answer.status_code == 422
    assert member(quiet_world.a, quiet_world.stranger.email) is None
    assert not is_gone(path), "and it still waits for its person"


def test_the_inviters_right_is_checked_again(quiet_world: World) -> None:
    a = quiet_world.a
    path = ask(quiet_world)
    add_member(company=a.company, user=a.user(Role.MANAGER), role=Role.OWNER, by=OPERATOR, now=NOW)
    for lost in ("demoted", "removed"):
        with company_context(a.company.pk):
            mine = Membership.objects.filter(user=a.user(Role.OWNER))
            mine.update(role="manager") if lost == "demoted" else mine.delete()
        answer = Client().post(path, NEW)
        assert answer.status_code == 422, lost
        assert "may no longer invite" in answer.content.decode()
        assert not User.objects.filter(email="nina@new.example").exists()


def test_nobody_invites_above_their_own_role(quiet_world: World) -> None:
    a = quiet_world.a
    manager = Actor(a.user(Role.OWNER).pk, "owner", Role.MANAGER)
    with company_context(a.company.pk), pytest.raises(DomainError, match="above"):
        invite(by=manager, email="x@y.example", role=Role.OWNER, now=NOW)


def test_sending_again_replaces_the_link(quiet_world: World) -> None:
    first = ask(quiet_world)
    one = row(quiet_world.a)
    owner = client_of(quiet_world.a.user(Role.OWNER))
    owner.post(f"/w/alpha/settings/invitations/{one.pk}/send-again/")
    second = link()
    assert is_gone(first)
    assert not is_gone(second)
    third = ask(quiet_world)  # inviting the same address anew
    assert is_gone(second)
    assert not is_gone(third)


def test_a_member_is_not_invited(quiet_world: World) -> None:
    owner = client_of(quiet_world.a.user(Role.OWNER))
    data = {"email": "REP@alpha.example", "role": "owner"}
    answer = owner.post(f"{PAGE}invite/", data)
    assert answer.status_code == 422
    assert "is a member already" in answer.content.decode()
    assert mail.outbox == []


def test_who_became_a_member_meanwhile_keeps_the_role(quiet_world: World) -> None:
    path = ask(quiet_world, quiet_world.stranger.email, "leader")
    add_member(
        company=quiet_world.a.company,
        user=quiet_world.stranger,
        role=Role.MANAGER,
        by=OPERATOR,
        now=NOW,
    )
    signed_in(quiet_world.stranger).post(path)
    joined = member(quiet_world.a, quiet_world.stranger.email)
    assert joined is not None
    assert joined.role == "manager"


@pytest.mark.parametrize(
    "data",
    [
        {"email": "", "role": "rep"},
        {"email": "no address", "role": "rep"},
        {"email": "x@y.example\x00", "role": "rep"},
        {"email": "x@y.example\nBcc: all@y.example", "role": "rep"},
        {"email": "x" * 300 + "@y.example", "role": "rep"},
        {"email": "x@y.example", "role": "king"},
        {"email": "x@y.example"},
    ],
)
def test_what_is_no_invitation_is_refused(quiet_world: World, data: dict[str, str]) -> None:
    owner = client_of(quiet_world.a.user(Role.OWNER))
    assert owner.post(f"{PAGE}invite/", data).status_code == 422
    assert mail.outbox == []


@pytest.mark.parametrize(
    "given",
    [
        {"name": "", "password": NEW["password"]},
        {"name": "N", "password": ""},
        {"name": "N", "password": "short"},
        {"name": "N", "password": "nina@new.example"},
        {"name": "N\x00", "password": NEW["password"]},
    ],
)
def test_a_bad_name_or_password_is_refused_and_nothing_used(
    quiet_world: World, given: dict[str, str]
) -> None:
    path = ask(quiet_world)
    assert Client().post(path, given).status_code == 422
    assert not User.objects.filter(email="nina@new.example").exists()
    assert not is_gone(path)


def test_a_letter_that_cannot_be_sent_invites_nobody(
    quiet_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any, **kwargs: Any) -> None:
        raise SMTPServerDisconnected

    monkeypatch.setattr("accounts.services.invitation_mail.send_mail", broken)
    owner = client_of(quiet_world.a.user(Role.OWNER))
    answer = owner.post(f"{PAGE}invite/", {"email": "x@y.example", "role": "rep"})
    assert answer.status_code == 422
    assert "could not be sent" in answer.content.decode()
    with company_context(quiet_world.a.company.pk):
        assert not Invitation.objects.exists()


def test_a_name_with_a_line_break_makes_no_header(quiet_world: World) -> None:
    User.objects.filter(pk=quiet_world.a.user(Role.OWNER).pk).update(name="A\r\nBcc: x@y.example")
    ask(quiet_world)
    letter = mail.outbox[-1]
    assert letter.bcc == []
    assert "\n" not in letter.subject


def test_an_invitation_of_the_neighbour_is_as_missing(quiet_world: World) -> None:
    with company_context(quiet_world.b.company.pk):
        sent = invite(
            by=quiet_world.b.actor(Role.OWNER), email="x@y.example", role=Role.REP, now=NOW
        )
    owner = client_of(quiet_world.a.user(Role.OWNER))
    for what in ("send-again", "withdraw"):
        theirs = owner.post(f"/w/alpha/settings/invitations/{sent.invitation.pk}/{what}/")
        missing = owner.post(f"/w/alpha/settings/invitations/999999999/{what}/")
        assert theirs.status_code == missing.status_code == 404
        assert theirs.content == missing.content
    assert CANARY not in owner.get(PAGE).content.decode()


def test_two_requests_at_once_make_one_member(committed_world: World) -> None:
    a = committed_world.a
    with company_context(a.company.pk):
        now = timezone.now()
        sent = invite(by=a.actor(Role.OWNER), email="nina@new.example", role=Role.REP, now=now)
    found: Counter[str] = Counter()
    together = threading.Barrier(4)

    def come_in() -> None:
        together.wait()
        try:
            accept(token=sent.token, user=None, now=now, **NEW)
            found["in"] += 1
        except DomainError:
            found["refused"] += 1
        finally:
            connections["default"].close()

    threads = [threading.Thread(target=come_in) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {"in": 1, "refused": 3}
