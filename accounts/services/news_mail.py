"""News by mail: at once, or in one letter a day. At most once each, whatever dies meanwhile.

A row is marked as mailed, and that is committed, before its letter is handed over: who is killed
between the two has sent nothing, and nobody sends it twice. The news itself stands in the
product. A mail server that cannot be reached is found out before anything is marked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from smtplib import SMTPException

import structlog
from django.conf import settings
from django.core.mail import get_connection, send_mail
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
                for letter in _claim(company, user_id, now):
                    sent += _hand_over(letter, connection)
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


def _claim(company: Company, user_id: int, now: datetime) -> list[_Letter]:
    """The letters to one person, their rows marked and committed."""
    with transaction.atomic():
        # Who mails this person holds the membership; who left has none.
        member = (
            Membership.objects.select_for_update(of=("self",))
            .select_related("user")
            .filter(user_id=user_id)
            .first()
        )
        mine = Notification.objects.select_for_update().filter(
            user_id=user_id, mailed_at__isnull=True
        )
        if member is None or not member.user.is_active:
            # Nothing waits for who has left, not even for the day they come back.
            mine.exclude(mailing=Mailing.OFF).update(mailing=Mailing.OFF)
            return []
        due = digest_due(company, now)
        at_once = list(mine.filter(mailing=Mailing.AT_ONCE).order_by("pk"))
        daily = []
        had_one = Notification.objects.filter(
            user_id=user_id, mailing=Mailing.DIGEST, mailed_at__gte=due
        )
        if not had_one.exists():
            daily = list(mine.filter(mailing=Mailing.DIGEST, created_at__lt=due).order_by("pk"))
        ids = [row.pk for row in (*at_once, *daily)]
        Notification.objects.filter(pk__in=ids).update(mailed_at=now)
        role = Role(member.role)
        with translation.override(member.user.locale or company.locale):
            letters = [
                _letter(company, member, [row], digest=False)
                for row in at_once
                if _may_hear(role, row) and now - row.created_at < _STALE
            ]
            heard = [row for row in daily if _may_hear(role, row)]
            if heard:
                letters.append(_letter(company, member, heard, digest=True))
        return letters


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
    return _Letter(member.user.email, " ".join(subject.split())[:200], body)


def _address(path: str) -> str:
    """The whole address of a page; empty where no public address is set."""
    return f"{settings.PUBLIC_URL.rstrip('/')}{path}" if settings.PUBLIC_URL else ""


def _hand_over(letter: _Letter, connection: BaseEmailBackend) -> bool:
    try:
        return bool(
            send_mail(letter.subject, letter.body, None, [letter.to], connection=connection)
        )
    except (OSError, SMTPException) as error:
        # It may have arrived all the same: said in the log, never sent again.
        log.warning("news_letter_refused", reason=type(error).__name__)
        return False
