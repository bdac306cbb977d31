"""Work in the background: short bodies, ids as arguments, safe to run twice."""

from datetime import date

from celery import shared_task
from django.core.cache import cache
from django.db import transaction
from django.utils import timezone
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from accounts.services.looked_at import ask_ahead
from accounts.services.news_mail import send_news
from accounts.telemetry import note_behind
from metrics.reports.review_letter import ReviewLetters
from metrics.services.experiment_mail import send_check_ins
from metrics.services.experiment_results import (
    follow_up_running,
    recheck_decided,
    recompute_running,
)
from metrics.services.news import tell_news, tell_quarters
from metrics.services.recompute import recompute_quarter as recompute
from metrics.services.sweep import behind, companies, leased

_WAITING = 60  # seconds: a message that no worker took by then is void
_PREPARING = 5.0  # seconds for the pages of one company: figures must not wait for them long


@shared_task(name="metrics.recompute_quarter")
def recompute_quarter(company_id: int, quarter_start: str) -> None:
    """Bring one quarter of one company up to date."""
    start = date.fromisoformat(quarter_start)
    if recompute(company_id=company_id, quarter_start=start, now=timezone.now()):
        prepare_soon(company_id)


@shared_task(name="metrics.recompute_behind")
def recompute_behind(company_id: int) -> None:
    """Bring all quarters of one company up to date that are behind: sent after a change."""
    now = timezone.now()
    for _, quarter_start in behind(now=now, company_id=company_id):
        recompute(company_id=company_id, quarter_start=quarter_start, now=now)
    recompute_running(company_id=company_id, now=now)
    prepare_soon(company_id)


def prepare_soon(company_id: int) -> None:
    """After the commit, let the pages of this company be made that people look at.

    One message for as many changes as come before the worker takes it. One that cannot be sent
    costs the next reader the time of making a page.
    """

    def send() -> None:
        try:
            if cache.add(_due(company_id), True, _WAITING):
                prepare_pages.apply_async((company_id,), retry=False, expires=_WAITING)
        except (OperationalError, RedisError):
            return

    transaction.on_commit(send)


@shared_task(name="metrics.prepare_pages")
def prepare_pages(company_id: int) -> None:
    """Make the kept pages anew that people look at, before they ask for them."""
    cache.delete(_due(company_id))  # first: a change from now on is another message
    ask_ahead(company_id=company_id, seconds=_PREPARING)


def _due(company_id: int) -> str:
    return f"{company_id}:pages_due"


@shared_task(name="metrics.sweep")
def sweep() -> None:
    """Send again for every quarter that is behind: a message can be lost, a row cannot."""
    now = timezone.now()
    if leased(name="sweep", seconds=8, now=now):
        found = behind(now=now)
        note_behind((f"{company_id}:{start}" for company_id, start in found), at=now)
        for company_id, quarter_start in found:
            recompute_quarter.delay(company_id, quarter_start.isoformat())


@shared_task(name="metrics.experiment_round")
def experiment_round(company_id: int) -> None:
    """Bring one company's experiments up to date, and send the reminders that are due."""
    now = timezone.now()
    recompute_running(company_id=company_id, now=now)
    follow_up_running(company_id=company_id, now=now)
    recheck_decided(company_id=company_id, now=now)
    send_check_ins(company_id=company_id, now=now)
    tell_news(company_id=company_id, now=now)


@shared_task(name="metrics.experiments")
def experiments() -> None:
    """Days pass without any change of facts: deals mature, reminders fall due."""
    if leased(name="experiments", seconds=500, now=timezone.now()):
        for company_id in companies():
            experiment_round.delay(company_id)
            prepare_soon(company_id)  # a new day changes pages, and what is kept grows old


@shared_task(name="metrics.news_round")
def news_round(company_id: int) -> None:
    """Tell one company what became final or was restated, and mail what waits to be mailed."""
    now = timezone.now()
    try:
        tell_quarters(company_id=company_id, now=now)
    finally:  # what was told before goes out, even where there is something that cannot be told
        send_news(company_id=company_id, now=now, enclose=ReviewLetters())


@shared_task(name="metrics.news")
def news() -> None:
    """A round each minute, company by company: one that fails is counted, and silences no other."""
    if leased(name="news", seconds=50, now=timezone.now()):
        for company_id in companies():
            news_round.apply_async((company_id,), expires=60)
