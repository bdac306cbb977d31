"""When were the figures computed last, what waits, and does the background work live?

For the owners of one company: its own quarters and tasks, and signs of life of the installation.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import redis
from django.db import connection
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import formats
from accounts.formats import Style
from accounts.models import Company, Notification
from accounts.models.notification import Mailing
from accounts.selectors.telemetry import behind_since, failures_of
from metrics.models import Lease
from metrics.selectors.quarters_causes import moment_text
from pipeline.models import DirtyQuarter

BEHIND_LATE = timedelta(minutes=5)
SWEEP_LATE = timedelta(seconds=60)  # it runs every ten seconds
_COMPUTED = """
    SELECT DISTINCT ON (s.quarter_start, p.position, p.id)
           p.name, s.quarter_label, s.status, s.version, s.computed_at,
           (SELECT count(*) FROM metrics_snapshot n WHERE n.company_id = s.company_id
              AND n.pipeline_id = s.pipeline_id AND n.quarter_start = s.quarter_start)
    FROM metrics_snapshot s
    JOIN pipeline_pipeline p ON p.company_id = s.company_id AND p.id = s.pipeline_id
    WHERE s.company_id = %s AND s.segment = 'all'
    ORDER BY s.quarter_start DESC, p.position, p.id, s.version DESC
    LIMIT 24
"""


@dataclass(frozen=True, slots=True)
class State:
    """One line of the state of things. `tone`: healthy, watch or danger."""

    name: str
    text: str
    tone: str
    icon: str
    help: str = ""


@dataclass(frozen=True, slots=True)
class ComputedRow:
    """A quarter of a pipeline, and when its newest figures were computed."""

    pipeline: str
    quarter: str
    status: str
    at: str
    rows: str


@dataclass(frozen=True, slots=True)
class FailureRow:
    """A task of this company that failed."""

    at: str
    what: str


@dataclass(frozen=True, slots=True)
class Operations:
    """Everything that the page prints."""

    states: tuple[State, ...]
    computed: tuple[ComputedRow, ...]
    failures: tuple[FailureRow, ...]
    waiting: bool  # something moves: the page asks again by itself
    at: str


def operations(*, company: Company, now: datetime, style: Style) -> Operations:
    """The state of the background work: four queries and one question to Redis."""
    rows = list(DirtyQuarter.objects.filter(company_id=company.pk).order_by("quarter_start"))
    behind = [r for r in rows if r.gen > r.done_gen or (r.due_at is not None and r.due_at <= now)]
    due = min((r.due_at for r in rows if r.due_at is not None and r.due_at > now), default=None)
    failed = failures_of(company.pk)
    states = [_sweep(now, style), _behind(len(behind), _oldest(company, behind, now), style)]
    if due is not None:
        text = _("Next by the calendar: {moment}").format(
            moment=moment_text(due.astimezone(company.zone), style)
        )
        states.append(State(_("Calendar"), text, "healthy", "calendar-check"))
    elif company.as_of is not None:
        text = _("This company's history stands still: no calendar moves it on.")
        states.append(State(_("Calendar"), text, "healthy", "calendar-check"))
    states.append(_mails(style))
    states.append(_failures(failed is None, len(failed or ()), style))
    return Operations(
        states=tuple(states),
        computed=_computed(company, style),
        failures=tuple(
            FailureRow(
                moment_text(one.at.astimezone(company.zone), style), f"{one.task}: {one.what}"
            )
            for one in failed or ()
        ),
        waiting=bool(behind),
        at=moment_text(now.astimezone(company.zone), style),
    )


def _sweep(now: datetime, style: Style) -> State:
    name = _("Background work")
    ran = Lease.objects.filter(name="sweep").values_list("last_run_at", flat=True).first()
    if ran is None:
        return State(
            name,
            _("It has never run."),
            "danger",
            "circle-alert",
            _("Start the worker and the beat: without them no figure is brought up to date."),
        )
    seconds = max(0, round((now - ran).total_seconds()))
    if now - ran > SWEEP_LATE:
        return State(
            name,
            _("Last seen {time} ago.").format(time=_duration(seconds, style)),
            "danger",
            "circle-alert",
            _("Worker or beat is down. Changes are kept and will be computed when both are back."),
        )
    said = _("Runs. Last seen {time} ago.").format(time=_duration(seconds, style))
    return State(name, said, "healthy", "check")


def _duration(seconds: int, style: Style) -> str:
    if seconds < 120:
        return ngettext("{n} second", "{n} seconds", seconds).format(
            n=formats.number(seconds, style)
        )
    if seconds < 7200:
        minutes = seconds // 60
        return ngettext("{n} minute", "{n} minutes", minutes).format(
            n=formats.number(minutes, style)
        )
    hours = seconds // 3600
    return ngettext("{n} hour", "{n} hours", hours).format(n=formats.number(hours, style))


def _oldest(company: Company, behind: Sequence[DirtyQuarter], now: datetime) -> timedelta | None:
    """How long the sweep has known of the one that waits longest; None: not known."""
    try:
        since = behind_since()
    except redis.RedisError:
        since = {}
    known = [
        datetime.fromtimestamp(since[key], UTC)
        for key in (f"{company.pk}:{row.quarter_start}" for row in behind)
        if key in since
    ] + [row.due_at for row in behind if row.due_at is not None and row.due_at <= now]
    return max(now - min(known), timedelta(0)) if known else None


def _mails(style: Style) -> State:
    name = _("Mail")
    waiting = Notification.objects.filter(mailed_at__isnull=True).exclude(mailing=Mailing.OFF)
    digest = waiting.filter(mailing=Mailing.DIGEST).count()
    at_once = waiting.exclude(mailing=Mailing.DIGEST).count()
    if not digest and not at_once:
        return State(name, _("Nothing waits to be mailed."), "healthy", "check")
    if not at_once:
        said = ngettext(
            "{n} message waits for its daily digest.",
            "{n} messages wait for their daily digest.",
            digest,
        ).format(n=formats.number(digest, style))
        return State(name, said, "healthy", "check")
    said = ngettext("{n} mail waits to be sent.", "{n} mails wait to be sent.", at_once).format(
        n=formats.number(at_once, style)
    )
    help_text = _("A minute is usual. If they stay, check the mail server's address and account.")
    return State(name, said, "watch", "hourglass", help_text)


def _behind(n: int, oldest: timedelta | None, style: Style) -> State:
    name = _("Quarters")
    if not n:
        return State(name, _("All figures are up to date."), "healthy", "check")
    said = ngettext(
        "{n} quarter waits to be computed.", "{n} quarters wait to be computed.", n
    ).format(n=formats.number(n, style))
    if oldest is not None and oldest > BEHIND_LATE:
        waited = _duration(round(oldest.total_seconds()), style)
        return State(
            name,
            said,
            "danger",
            "circle-alert",
            _(
                "The first has waited {time}. If background work runs, see below what failed;"
                " the sweep tries again every ten seconds."
            ).format(time=waited),
        )
    return State(
        name, said, "watch", "hourglass", _("A few seconds are usual after a change or an import.")
    )


def _failures(unknown: bool, n: int, style: Style) -> State:
    name = _("Failures")
    if unknown:
        return State(
            name,
            _("Redis does not answer, so nothing is known of failures."),
            "danger",
            "circle-alert",
            _("Figures are still brought up to date once it is back. Nothing is lost."),
        )
    if not n:
        return State(name, _("None in the last thirty days."), "healthy", "check")
    said = ngettext(
        "{n} task failed in the last thirty days.",
        "{n} tasks failed in the last thirty days.",
        n,
    ).format(n=formats.number(n, style))
    return State(
        name, said, "watch", "triangle-alert", _("The work was tried again by the next sweep.")
    )


def _computed(company: Company, style: Style) -> tuple[ComputedRow, ...]:
    words = {"final": _("Final"), "settling": _("Settling"), "running": _("Running")}
    with connection.cursor() as cursor:
        cursor.execute(_COMPUTED, [company.pk])
        found = cursor.fetchall()
    return tuple(
        ComputedRow(
            pipeline=pipeline,
            quarter=formats.quarter(label),
            status=words[status],
            at=moment_text(at.astimezone(company.zone), style),
            rows=formats.number(rows, style) or "",
        )
        for pipeline, label, status, _version, at, rows in found
    )
