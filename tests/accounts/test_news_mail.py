"""Letters with news: what happens to them when the mail server or another worker is in the way."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from smtplib import SMTPDataError, SMTPRecipientsRefused, SMTPServerDisconnected

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.db import connection, transaction

from accounts.models import Mailing, Notification, NotificationChoice
from accounts.roles import Role
from accounts.services.news_mail import send_news
from accounts.services.notifications import tell
from accounts.tenancy.context import company_context
from tests.personas import NOW, Workspace, World


def told_at_once(workspace: Workspace, key: str = "1") -> None:
    with company_context(workspace.company.pk), transaction.atomic():
        NotificationChoice.objects.get_or_create(
            membership=workspace.members[Role.OWNER],
            kind="quarter_final",
            defaults={"mailing": Mailing.AT_ONCE},
        )
        tell(
            company=workspace.company,
            kind="quarter_final",
            key=key,
            user_ids=[workspace.user(Role.OWNER).pk],
            values={"quarter": "2026-Q1"},
            path="/w/alpha/quarters/2026-Q1/",
            now=NOW,
        )


def marked(workspace: Workspace) -> list[bool]:
    with company_context(workspace.company.pk), transaction.atomic():
        rows = Notification.objects.order_by("pk").values_list("mailed_at", flat=True)
        return [at is not None for at in rows]


@pytest.mark.django_db
def test_a_server_that_cannot_be_reached_marks_nothing_and_the_next_round_sends(
    quiet_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    a = quiet_world.a
    told_at_once(a)

    def down(_: EmailBackend) -> None:
        raise ConnectionRefusedError

    with monkeypatch.context() as patch:
        patch.setattr(EmailBackend, "open", down)
        assert send_news(company_id=a.company.pk, now=NOW) == 0
    assert marked(a) == [False]
    assert send_news(company_id=a.company.pk, now=NOW + timedelta(minutes=1)) == 1
    assert marked(a) == [True]


@pytest.mark.django_db
def test_a_letter_that_is_refused_is_not_tried_again_and_stops_no_other(
    quiet_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    a = quiet_world.a
    told_at_once(a, "1")
    told_at_once(a, "2")
    sends = EmailBackend.send_messages
    tried: list[int] = []

    def refuses_the_first(self: EmailBackend, messages: object) -> int:
        tried.append(1)
        if len(tried) == 1:
            raise SMTPRecipientsRefused({})
        return int(sends(self, messages))

    monkeypatch.setattr(EmailBackend, "send_messages", refuses_the_first)
    assert send_news(company_id=a.company.pk, now=NOW) == 1
    assert marked(a) == [True, True]
    assert send_news(company_id=a.company.pk, now=NOW) == 0
    assert len(tried) == 2


@pytest.mark.django_db
@pytest.mark.parametrize("trouble", [SMTPServerDisconnected(), SMTPDataError(451, b"Later")])
def test_a_server_that_breaks_off_or_says_later_is_asked_again(
    quiet_world: World, monkeypatch: pytest.MonkeyPatch, trouble: Exception
) -> None:
    a = quiet_world.a
    told_at_once(a, "1")
    told_at_once(a, "2")

    def breaks_off(self: EmailBackend, messages: object) -> int:
        raise trouble

    with monkeypatch.context() as patch:
        patch.setattr(EmailBackend, "send_messages", breaks_off)
        assert send_news(company_id=a.company.pk, now=NOW) == 0
    assert marked(a) == [False, False]
    assert send_news(company_id=a.company.pk, now=NOW) == 2
    first, second = mail.outbox[-2:]
    assert first.extra_headers["Message-ID"] != second.extra_headers["Message-ID"]


@pytest.mark.django_db(transaction=True)
def test_four_workers_at_once_send_one_letter(committed_world: World) -> None:
    a = committed_world.a
    told_at_once(a)

    def round_of_one(_: int) -> int:
        try:
            return send_news(company_id=a.company.pk, now=NOW)
        finally:
            connection.close()

    before = len(mail.outbox)
    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(round_of_one, range(4))) == 1
    assert len(mail.outbox) - before == 1
