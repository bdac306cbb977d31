"""News by mail: at once, or in one letter a day. None is lost, and none is new a second time.

A row is marked as mailed in the transaction that hands its letter over, so whoever is killed
before the end has marked nothing, and the next round sends. If the server had taken the letter
by then, it takes a second copy of the same Message-ID, which mailboxes keep once. A letter that
the server refuses for good is not tried again; the news itself stands in the product.

News that something is enclosed with goes after all else, a letter each: where the enclosure cannot
be made, that letter alone waits.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from email.utils import parseaddr
from hashlib import sha256
from smtplib import SMTPException, SMTPRecipientsRefused, SMTPResponseException

import structlog
from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import Company, Mailing, Membership, Notification
from accounts.roles import Role
from accounts.selectors.news import ENCLOSED, KINDS, sentence_of, workspace_of
from accounts.telemetry import note_failure
from accounts.tenancy.context import company_context

DIGEST_AT = time(7, 0)  # on the company's clocks
_STALE = timedelta(days=7)  # a letter "at once" that is older than this helps nobody
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Enclosed:
    """What a letter holds besides its news: lines to read in it, and a file."""

    lines: tuple[str, ...]
    name: str
    content: bytes
    media_type: str


# Makes what is enclosed with a piece of news, in the active language; None where its subject is
# gone, so that there is nothing to write about.
Enclose = Callable[[Company, Notification], Enclosed | None]


@dataclass(frozen=True, slots=True)
class _Letter:
    to: str
    subject: str
    body: str
    message_id: str  # the same whenever the same news is sent again
    enclosed: Enclosed | None


class _NotMade(Exception):
    """What belongs into a letter could not be made: it waits, and a person has to look."""


def send_news(*, company_id: int, now: datetime, enclose: Enclose | None = None) -> int:
    """Send what waits in one company; how many letters were handed over.

    Safe to run twice and side by side. When the mail server cannot be reached, nothing is marked
    and the next round sends it; other companies' rounds are not held up by that. Without
    `enclose`, news that something is enclosed with waits.
    """
    with company_context(company_id):
        with transaction.atomic():
            company = Company.objects.get(pk=company_id)
            waiting = _waiting(company, now, enclose)
        if not waiting:
            return 0
        connection = get_connection()
        try:
            connection.open()
        except (OSError, SMTPException) as error:
            log.warning("news_mail_unreachable", reason=type(error).__name__)
            return 0
        try:
            sent = 0
            for user_id in waiting:
                try:
                    while (
                        handed := _send_next(company, user_id, now, connection, enclose)
                    ) is not None:
                        sent += handed
                except _NotMade:
                    log.exception("news_letter_not_made", user_id=user_id)
                    note_failure(company_id=company_id, name="news", what="letter not made", at=now)
            return sent
        except (OSError, SMTPException) as error:
            log.warning("news_mail_broke_off", reason=type(error).__name__)
            return sent
        finally:
            connection.close()


def digest_due(company: Company, now: datetime) -> datetime:
    """The latest moment at which a digest fell due: this morning, or yesterday's before it."""
    here = now.astimezone(company.zone)
    today = datetime.combine(here.date(), DIGEST_AT, tzinfo=company.zone)
    if here >= today:
        return today
    return datetime.combine(here.date() - timedelta(days=1), DIGEST_AT, tzinfo=company.zone)


def _waiting(company: Company, now: datetime, enclose: Enclose | None) -> list[int]:
    rows = Notification.objects.filter(mailed_at__isnull=True).exclude(mailing=Mailing.OFF)
    if enclose is None:
        rows = rows.exclude(kind__in=ENCLOSED)
    at_once = rows.filter(mailing=Mailing.AT_ONCE)
    digest = rows.filter(mailing=Mailing.DIGEST, created_at__lt=digest_due(company, now))
    found = (at_once | digest).values_list("user_id", flat=True)
    return sorted(set(found))


def _send_next(
    company: Company,
    user_id: int,
    now: datetime,
    connection: BaseEmailBackend,
    enclose: Enclose | None,
) -> bool | None:
    """Settle the next letter to one person: was it handed over? None when nothing waits.

    Raises what the server raised if another try may help, and _NotMade; then nothing is marked.
    """
    with transaction.atomic():
        # Who mails this person holds the membership; who left has none.
        member = (
            Membership.objects.select_for_update(of=("self",), no_key=True)
            .select_related("user")
            .filter(user_id=user_id)
            .first()
        )
        mine = Notification.objects.filter(user_id=user_id, mailed_at__isnull=True)
        if member is None or not member.user.is_active:
            # Nothing waits for who has left, not even for the day they come back.
            mine.exclude(mailing=Mailing.OFF).update(mailing=Mailing.OFF)
            return None
        rows, digest = _next_rows(company, user_id, now, enclose)
        if not rows:
            return None
        role = Role(member.role)
        heard = [row for row in rows if _may_hear(role, row) and (digest or _fresh(row, now))]
        handed = False
        if heard:
            with translation.override(member.user.locale or company.locale):
                letter = _letter(company, member, heard, digest=digest, enclose=enclose)
                handed = letter is not None and _hand_over(letter, connection)
        Notification.objects.filter(pk__in=[row.pk for row in rows]).update(mailed_at=now)
        return handed


def _next_rows(
    company: Company, user_id: int, now: datetime, enclose: Enclose | None
) -> tuple[list[Notification], bool]:
    """The oldest piece of news to be told at once, else those of a digest that is due.

    What something is enclosed with comes last, one at a time.
    """
    mine = Notification.objects.filter(user_id=user_id, mailed_at__isnull=True).order_by("pk")
    at_once = mine.filter(mailing=Mailing.AT_ONCE)
    if first := list(at_once.exclude(kind__in=ENCLOSED)[:1]):
        return first, False
    due = digest_due(company, now)
    had_one = Notification.objects.filter(
        user_id=user_id, mailing=Mailing.DIGEST, mailed_at__gte=due
    )
    digest = mine.filter(mailing=Mailing.DIGEST, created_at__lt=due)
    if not had_one.exists() and (rows := list(digest)):
        return rows, True
    return list(at_once.filter(kind__in=ENCLOSED)[: 1 if enclose else 0]), False


def _fresh(row: Notification, now: datetime) -> bool:
    """What is enclosed with a letter, such as a review, is worth reading later too."""
    return row.kind in ENCLOSED or now - row.created_at < _STALE


def _may_hear(role: Role, row: Notification) -> bool:
    """Is the kind still there, and is this role still told of it?"""
    kind = KINDS.get(row.kind)
    return kind is not None and role in kind.roles


def _letter(
    company: Company,
    member: Membership,
    rows: Sequence[Notification],
    *,
    digest: bool,
    enclose: Enclose | None,
) -> _Letter | None:
    """The letter with this news; None where it would have nothing to enclose."""
    enclosed = None
    if rows[0].kind in ENCLOSED and enclose is not None:  # such a row comes alone
        try:
            enclosed = enclose(company, rows[0])
        except Exception as error:
            raise _NotMade(rows[0].kind) from error
        if enclosed is None:
            return None
    home = workspace_of(company.slug)
    news = [
        {
            "title": str(KINDS[row.kind].title),
            "sentence": sentence_of(row.kind, row.values),
            "lines": enclosed.lines if enclosed else (),
            "address": _address(home + row.path) if row.path else "",
        }
        for row in rows
    ]
    if digest:
        subject = ngettext(
            "{company}: {n} piece of news", "{company}: {n} pieces of news", len(rows)
        ).format(company=company.name, n=len(rows))
    else:
        subject = _("{company}: {news}").format(company=company.name, news=news[0]["sentence"])
    choices = reverse("accounts:notification_choices", kwargs={"company_slug": company.slug})
    context = {
        "name": member.user.name or member.user.email,
        "company": company.name,
        "news": news,
        "digest": digest,
        "choices": _address(choices),
    }
    body = render_to_string("accounts/mail/news.txt", context)
    return _Letter(
        to=member.user.email,
        subject=" ".join(subject.split())[:200],
        body=body,
        message_id=_message_id(company, rows),
        enclosed=enclosed,
    )


def _message_id(company: Company, rows: Sequence[Notification]) -> str:
    told = [f"{row.pk}:{row.user_id}:{row.created_at.isoformat()}" for row in rows]
    digest = sha256("|".join([str(company.pk), *told]).encode()).hexdigest()[:32]
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2] or "localhost"
    return f"<news-{digest}@{domain}>"


def _address(path: str) -> str:
    """The whole address of a page; empty where no public address is set."""
    return f"{settings.PUBLIC_URL.rstrip('/')}{path}" if settings.PUBLIC_URL else ""


def _hand_over(letter: _Letter, connection: BaseEmailBackend) -> bool:
    message = EmailMessage(
        letter.subject,
        letter.body,
        to=[letter.to],
        headers={"Message-ID": letter.message_id},
        connection=connection,
    )
    if letter.enclosed is not None:
        one = letter.enclosed
        message.attach(one.name, one.content, one.media_type)
    try:
        return bool(message.send())
    except (SMTPRecipientsRefused, SMTPResponseException) as error:
        if isinstance(error, SMTPResponseException) and error.smtp_code < 500:
            raise  # "try again later"
        log.warning("news_letter_refused", reason=type(error).__name__)
        return False
