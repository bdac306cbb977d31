"""Told once, as each person chose, and nobody who has left."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core import mail
from django.core.mail import EmailMessage
from django.test import Client, override_settings

from accounts.models import Mailing, Notification, NotificationChoice
from accounts.roles import Role
from accounts.selectors.news import KINDS, sentence_of
from accounts.services.members import remove_member
from accounts.services.news_mail import send_news
from accounts.services.notifications import tell, tell_once
from accounts.tenancy.context import company_context
from tests.personas import NOW, Workspace, World, client_of

PAGE = "/w/alpha/notifications/"
MORNING = datetime(2026, 5, 21, 6, 0, tzinfo=UTC)


def tells(workspace: Workspace, kind: str = "quarter_final", key: str = "1", **more: object) -> int:
    values = {"quarter": "2026-Q1", "figures": 3, "title": "Offers", "verdict": "better"}
    defaults = {
        "user_ids": [workspace.user(role).pk for role in Role],
        "values": values,
        "path": "/w/alpha/quarters/2026-Q1/",
        "now": NOW,
    }
    with company_context(workspace.company.pk):
        return tell(company=workspace.company, kind=kind, key=key, **{**defaults, **more})


def told(workspace: Workspace) -> set[tuple[str, str]]:
    with company_context(workspace.company.pk):
        rows = Notification.objects.values_list("user__email", "kind")
        return {(email.split("@")[0], kind) for email, kind in rows}


def chooses(workspace: Workspace, role: Role, kind: str, shown: bool, mailing: Mailing) -> None:
    with company_context(workspace.company.pk):
        NotificationChoice.objects.create(
            membership=workspace.members[role], kind=kind, shown=shown, mailing=mailing
        )


def letters(workspace: Workspace, now: datetime) -> list[str]:
    before = len(mail.outbox)
    sent = send_news(company_id=workspace.company.pk, now=now)
    assert len(mail.outbox) - before == sent
    return sorted(letter.to[0].split("@")[0] for letter in mail.outbox[before:])


def test_the_same_is_told_once(world: World) -> None:
    assert tells(world.a) == 3
    assert tells(world.a) == 0
    assert tells(world.a, key="2") == 3
    assert told(world.a) == {(r, "quarter_final") for r in ("owner", "manager", "leader")}
    assert told(world.b) == set()


def test_who_joins_later_does_not_hear_of_old_news(world: World) -> None:
    a = world.a
    tells(a, user_ids=[a.user(Role.OWNER).pk])
    with company_context(a.company.pk):
        n = tell_once(
            company=a.company,
            kind="quarter_final",
            key="1",
            roles=Role,
            values={},
            path="",
            now=NOW,
        )
    assert n == 0


def test_strangers_and_those_who_left_hear_nothing(world: World) -> None:
    a = world.a
    ids = [a.user(Role.MANAGER).pk, world.b.user(Role.OWNER).pk, world.stranger.pk]
    assert tells(a, user_ids=ids) == 1
    # Told while still there, and gone before the letter: none goes out.
    chooses(a, Role.LEADER, "quarter_final", True, Mailing.AT_ONCE)
    tells(a, key="2", user_ids=[a.user(Role.LEADER).pk])
    with company_context(a.company.pk):
        member = a.members[Role.LEADER]
        remove_member(by=a.actor(Role.OWNER), membership_id=member.pk, now=NOW)
    assert letters(a, NOW) == []
    assert letters(a, NOW + timedelta(days=2)) == ["manager"]  # by digest, as by default


def test_roles_hear_what_is_theirs(world: World) -> None:
    tells(world.a, kind="danger_worse", values={})  # leaders read, and own no danger point
    assert told(world.a) == {(role, "danger_worse") for role in ("owner", "manager", "rep")}


def test_choices_are_followed(world: World) -> None:
    a = world.a
    chooses(a, Role.OWNER, "quarter_final", False, Mailing.OFF)
    chooses(a, Role.MANAGER, "quarter_final", False, Mailing.AT_ONCE)
    chooses(a, Role.LEADER, "quarter_final", True, Mailing.DIGEST)
    tells(a)
    assert letters(a, NOW) == ["manager"]
    assert client_of(a.user(Role.MANAGER)).get(PAGE).context["rows"] == ()
    assert len(client_of(a.user(Role.LEADER)).get(PAGE).context["rows"]) == 1


def test_a_digest_goes_out_once_in_the_morning_with_everything(world: World) -> None:
    a = world.a
    assert a.company.timezone == "UTC"
    tells(a, key="1")
    tells(a, key="2")
    assert letters(a, NOW) == []
    assert letters(a, MORNING) == []  # six o'clock
    assert letters(a, MORNING + timedelta(hours=1)) == ["leader", "manager", "owner"]
    assert "2 pieces of news" in mail.outbox[-1].subject
    tells(a, key="3", now=MORNING + timedelta(hours=2))
    assert letters(a, MORNING + timedelta(hours=3)) == []  # tomorrow's
    # The worker was down over the next two mornings: the digest still goes out, once.
    assert letters(a, MORNING + timedelta(hours=60)) == ["leader", "manager", "owner"]
    assert letters(a, MORNING + timedelta(hours=60)) == []


@pytest.mark.parametrize("taken", [False, True], ids=["before it was taken", "after"])
def test_a_worker_killed_over_a_letter_loses_none_and_brings_no_new_one(
    world: World, monkeypatch: pytest.MonkeyPatch, taken: bool
) -> None:
    a = world.a
    chooses(a, Role.OWNER, "quarter_final", True, Mailing.AT_ONCE)
    tells(a, user_ids=[a.user(Role.OWNER).pk])
    send = EmailMessage.send

    def killed(message: EmailMessage, *_: object, **__: object) -> None:
        if taken:
            send(message)
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(EmailMessage, "send", killed)
        with pytest.raises(SystemExit):
            send_news(company_id=a.company.pk, now=NOW)
    assert letters(a, NOW) == ["owner"]
    assert letters(a, NOW) == []
    assert len(mail.outbox) == 1 + taken
    assert len({message.extra_headers["Message-ID"] for message in mail.outbox}) == 1


@override_settings(PUBLIC_URL="https://sales.example")
def test_letters_speak_the_readers_language_and_lead_to_the_page(world: World) -> None:
    a = world.a
    owner = a.user(Role.OWNER)
    type(owner).objects.filter(pk=owner.pk).update(locale="fr")
    chooses(a, Role.OWNER, "experiment_settled", True, Mailing.AT_ONCE)
    tells(a, kind="experiment_settled", user_ids=[owner.pk])
    assert letters(a, NOW) == ["owner"]
    body = mail.outbox[-1].body
    assert "https://sales.example/w/alpha/quarters/2026-Q1/" in body
    assert "https://sales.example/w/alpha/notifications/choices/" in body


def test_every_kind_makes_a_sentence() -> None:
    values = {
        "quarter": "2026-Q1", "figures": 3, "stage": "Held", "lost": 4, "exits": 9,
        "title": "Offers", "verdict": "better", "system": "hubspot", "deals": 12,
    }  # fmt: skip
    for key in KINDS:
        said = sentence_of(key, values)
        assert "{" not in said
        assert said.endswith((".", "?"))
    assert sentence_of("gone", {}) == "gone"


def test_reading_marks_ones_own_news_and_nobody_elses(world: World) -> None:
    a = world.a
    tells(a)
    tells(a, key="2")
    manager, leader = (client_of(a.user(role)) for role in (Role.MANAGER, Role.LEADER))
    assert manager.get(f"{PAGE}unread/").content.decode().strip().startswith("2")
    theirs = leader.get(PAGE).context["rows"][0].id
    manager.post(f"{PAGE}read/", {"id": theirs})
    assert sum(row.unread for row in leader.get(PAGE).context["rows"]) == 2
    mine = manager.get(PAGE).context["rows"][0]
    assert "Q1 2026 is final" in mine.text
    manager.post(f"{PAGE}read/", {"id": mine.id})
    assert [row.unread for row in manager.get(PAGE).context["rows"]] == [False, True]
    manager.post(f"{PAGE}read/")
    assert manager.get(f"{PAGE}unread/").content.decode().strip() == ""


def test_choices_are_kept_on_their_page(world: World) -> None:
    client = client_of(world.a.user(Role.LEADER))
    page = f"{PAGE}choices/"
    kinds = [row.kind for row in client.get(page).context["rows"]]
    assert "danger_worse" not in kinds  # leaders are not told of it
    client.post(page, {"quarter_final-mail": "at_once", "danger_worse-mail": "at_once"})
    rows = {row.kind: (row.shown, row.mailing) for row in client.get(page).context["rows"]}
    assert rows["quarter_final"] == (False, "at_once")
    client.post(page, {"quarter_final-shown": "on", "quarter_final-mail": "nonsense"})
    rows = {row.kind: (row.shown, row.mailing) for row in client.get(page).context["rows"]}
    assert rows["quarter_final"] == (True, "at_once")
    with company_context(world.a.company.pk):
        assert not NotificationChoice.objects.filter(kind="danger_worse").exists()


def test_nothing_new_says_what_would_come(world: World) -> None:
    body = client_of(world.a.user(Role.REP)).get(PAGE).content.decode()
    assert "Nothing new" in body


def test_older_news_has_a_page(world: World) -> None:
    for number in range(51):
        tells(world.a, key=str(number), user_ids=[world.a.user(Role.OWNER).pk])
    client: Client = client_of(world.a.user(Role.OWNER))
    assert len(client.get(PAGE).context["rows"]) == 50
    assert len(client.get(PAGE, {"page": "2"}).context["rows"]) == 1
