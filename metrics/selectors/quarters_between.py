"""What happened between two quarters, and who sold in one of them and not in the other.

"Between" is from the end of the earlier quarter to the end of the later: what was done in the
earlier one is in its own figures already.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Q
from django.urls import NoReverseMatch, reverse

from accounts import formats
from accounts.formats import Style
from accounts.models import Company
from metrics.calc.calendar import Quarter, local_midnight
from metrics.models import DangerPoint, Experiment, RecordedChange
from metrics.selectors.danger_words import state_text
from metrics.selectors.filters import UNKNOWN, segment_parts, segment_text

# A rep's row of a quarter that has deals in play, in its newest version.
_REPS = """
    SELECT quarter_start, segment FROM (
        SELECT DISTINCT ON (quarter_start, segment) quarter_start, segment,
               (figures ->> 'in_play')::int AS in_play
        FROM metrics_snapshot
        WHERE company_id = %(company)s AND pipeline_id = %(pipeline)s
          AND quarter_start = ANY(%(starts)s) AND segment LIKE 'rep=%%'
        ORDER BY quarter_start, segment, version DESC) AS newest
    WHERE in_play > 0
"""


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happened: when, what, and where it is shown."""

    day: str
    text: str
    url: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Between:
    """What happened, oldest first, by kind."""

    first_day: str
    last_day: str
    opened: tuple[Happening, ...]
    ended: tuple[Happening, ...]
    experiments: tuple[Happening, ...]
    changes: tuple[Happening, ...]
    joined: tuple[str, ...]
    left: tuple[str, ...]


def between(
    *,
    company: Company,
    pipeline_id: int | None,
    earlier: Quarter,
    later: Quarter,
    segment: str,
    style: Style,
) -> Between:
    """Danger points, experiments, recorded changes and reps between two quarters.

    Of a segment, what concerns it or all deals; of `all` everything, each naming its segment.
    Reps are those of all deals, whatever the segment.
    """
    start, end = earlier.end, later.end
    since, until = local_midnight(start, company.zone), local_midnight(end, company.zone)
    mine = Q() if segment == "all" else Q(segment="all") | Q(segment=segment)
    points = DangerPoint.objects.filter(mine, pipeline_id=pipeline_id).select_related("stage")
    opened = points.filter(opened_at__gte=since, opened_at__lt=until).order_by("opened_at", "pk")
    ended = points.filter(closed_at__gte=since, closed_at__lt=until).order_by("closed_at", "pk")
    decided = Experiment.objects.filter(
        mine, pipeline_id=pipeline_id, decided_at__gte=since, decided_at__lt=until
    ).order_by("decided_at", "pk")
    changes = (
        RecordedChange.objects.filter(
            mine,
            Q(pipeline_id=None) | Q(pipeline_id=pipeline_id),
            withdrawn_at=None,
            happened_on__gte=start,
            happened_on__lt=end,
        )
        .select_related("stage")
        .order_by("happened_on", "pk")
    )
    joined, left = _reps(company, pipeline_id, earlier, later)

    def local(instant: datetime) -> str:
        return formats.day(instant.astimezone(company.zone), style)

    return Between(
        first_day=formats.day(start, style),
        last_day=formats.day(end - timedelta(days=1), style),
        opened=tuple(
            Happening(local(p.opened_at), _point(p), _url(company, "danger_point", p.pk))
            for p in opened
        ),
        ended=tuple(
            Happening(
                local(p.closed_at),
                _point(p),
                _url(company, "danger_point", p.pk),
                state_text(p.state).word,
            )
            for p in ended
        ),
        experiments=tuple(
            Happening(
                local(e.decided_at),
                _named(e.title, e.segment),
                _url(company, "experiment", e.pk),
                str(e.get_decision_display()),
            )
            for e in decided
        ),
        changes=tuple(
            Happening(
                formats.day(c.happened_on, style),
                _named(c.text, c.segment),
                _url(company, "change_list"),
                c.stage.name if c.stage else "",
            )
            for c in changes
        ),
        joined=joined,
        left=left,
    )


def _reps(
    company: Company, pipeline_id: int | None, earlier: Quarter, later: Quarter
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(joined, left): reps with deals in play in one of the two quarters and not in the other."""
    found: dict[date, set[str]] = {earlier.start: set(), later.start: set()}
    given = {
        "company": company.pk,
        "pipeline": pipeline_id,
        "starts": [earlier.start, later.start],
    }
    with connection.cursor() as cursor:
        cursor.execute(_REPS, given)
        for start, name in cursor.fetchall():
            parts = segment_parts(name)
            if len(parts) == 1 and parts.get("rep", UNKNOWN) != UNKNOWN:
                found[start].add(parts["rep"])
    before, after = found[earlier.start], found[later.start]
    return _sorted(after - before), _sorted(before - after)


def _sorted(names: set[str]) -> tuple[str, ...]:
    return tuple(sorted(names, key=str.casefold))


def _point(point: DangerPoint) -> str:
    return _named(point.stage.name, point.segment)


def _named(text: str, segment: str) -> str:
    return text if segment == "all" else f"{text} ({segment_text(segment)})"


def _url(company: Company, name: str, pk: int | None = None) -> str:
    """A page's address; "" while it does not exist."""
    argument: dict[str, Any] = {} if pk is None else {f"{name}_id": pk}
    try:
        return reverse(f"metrics:{name}", kwargs={"company_slug": company.slug, **argument})
    except NoReverseMatch:
        return ""


def in_order(one: Quarter, other: Quarter) -> Sequence[Quarter]:
    """The earlier first."""
    return (one, other) if one.start <= other.start else (other, one)
