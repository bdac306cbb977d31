"""News by mail: at once, or in one letter a day. None is lost, and none is new a second time.

A row is marked as mailed in the transaction that hands its letter over, so whoever is killed
before the end has marked nothing, and the next round sends. If the server had taken the letter
by then, it takes a second copy of the same Message-ID, which mailboxes keep once. A letter that
the server refuses for good is not tried again; the news itself stands in the product.
"""

from collections.abc import Sequence
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
from accounts.selectors.news import KINDS, sentence_of
from accounts.tenancy.context import company_context

DIGEST_AT = time(7, 0)  # on the company's clocks
_STALE = timedelta(days=7)  # a letter "at once" that is older than this helps nobody
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Letter:
    to: str
    subject: str
    body: str
    message_id: str  # the same whenever the same news is sent again


def send_news(*, company_id: int, now: datetime) -> int:
    """Send what waits in one company; how many letters were handed over.

    Safe to run twice and side by side. When the mail server cannot be reached, nothing is marked
    and the next round sends it; other companies' rounds are not held up by that.
    """
    with company_context(company_id):
        with transaction.atomic():
            company = Company.objects.get(pk=company_id)
            waiting = _waiting(company, now)
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
                while (handed := _send_next(company, user_id, now, connection)) is not None:
                    sent += handed
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


def _waiting(company: Company, now: datetime) -> list[int]:
    rows = Notification.objects.filter(mailed_at__isnull=True).exclude(mailing=Mailing.OFF)
    at_once = rows.filter(mailing=Mailing.AT_ONCE)
    digest = rows.filter(mailing=Mailing.DIGEST, created_at__lt=digest_due(company, now))
    found = (at_once | digest).values_list("user_id", flat=True)
    return sorted(set(found))


def _send_next(
    company: Company, user_id: int, now: datetime, connection: BaseEmailBackend
) -> bool | None:
    """Settle the next letter to one person: was it handed over? None when nothing waits.

    Raises what the server raised if another try may help; then nothing is marked.
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
        rows, digest = _next_rows(company, user_id, now)
        if not rows:
            return None
        role = Role(member.role)
        heard = [row for row in rows if _may_hear(role, row) and (digest or _fresh(row, now))]
        handed = False
        if heard:
            with translation.override(member.user.locale or company.locale):
                handed = _hand_over(_letter(company, member, heard, digest=digest), connection)
        Notification.objects.filter(pk__in=[row.pk for row in rows]).update(mailed_at=now)
        return handed


def _next_rows(company: Company, user_id: int, now: datetime) -> tuple[list[Notification], bool]:
    """The oldest piece of news to be told at once, else those of a digest that is due."""
    mine = Notification.objects.filter(user_id=user_id, mailed_at__isnull=True).order_by("pk")
    at_once = list(mine.filter(mailing=Mailing.AT_ONCE)[:1])
    if at_once:
        return at_once, False
    due = digest_due(company, now)
    had_one = Notification.objects.filter(
        user_id=user_id, mailing=Mailing.DIGEST, mailed_at__gte=due
    )
    if had_one.exists():
        return [], True
    return list(mine.filter(mailing=Mailing.DIGEST, created_at__lt=due)), True


def _fresh(row: Notification, now: datetime) -> bool:
    return now - row.created_at < _STALE


def _may_hear(role: Role, row: Notification) -> bool:
    """Is the kind still there, and is this role still told of it?"""
    kind = KINDS.get(row.kind)
    return kind is not None and role in kind.roles


def _letter(
    company: Company, member: Membership, rows: Sequence[Notification], *, digest: bool
) -> _Letter:
    news = [
        {
            "title": str(KINDS[row.kind].title),
            "sentence": sentence_of(row.kind, row.values),
            "address": _address(row.path) if row.path else "",
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
        member.user.email, " ".join(subject.split())[:200], body, _message_id(company, rows)
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
    try:
        return bool(message.send())
    except (SMTPRecipientsRefused, SMTPResponseException) as error:
        if isinstance(error, SMTPResponseException) and error.smtp_code < 500:
            raise  # "try again later"
        log.warning("news_letter_refused", reason=type(error).__name__)
        return False
