"""What there is to tell people about figures: derived from stored rows, again and again.

Nothing is sent at the moment when something happens. Each round looks at the rows and tells what
nobody was told yet, so that a worker killed in between, two workers or a lost message change
nothing: the same rows give the same news, once.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import Any

from django.db import connection, transaction
from django.db.models import OuterRef, Subquery
from django.urls import reverse

from accounts.models import Company, Membership, Notification
from accounts.roles import MANAGERS, OVERSEERS
from accounts.services.notifications import tell, tell_once
from accounts.tenancy.context import company_context
from metrics.calc.danger_states import OPEN
from metrics.calc.segments import ALL
from metrics.calc.types import StageFigures
from metrics.models import DangerPoint, Experiment, ExperimentResult, SignOff
from metrics.selectors.danger import stage_steps
from metrics.selectors.figures import figures_by_segment
from metrics.selectors.filters import Question, segment_parts
from pipeline.models import ImportBatch, Material, Pipeline

_RECENT = timedelta(days=14)  # what is older is no news, such as after loading a company
# A quarter that closes after its midnight bears that midnight, however late a worker got to it.
# Loaded history is marked as imported and is no news at any age.
_CLOSED_SINCE = timedelta(days=200)
_KEY_LENGTH = 160  # of the column
_VERSIONS = """
    SELECT pipeline_id, quarter_start, quarter_label, version, min(computed_at),
           count(*) FILTER (WHERE cause -> 'fields' IS NOT NULL),
           coalesce(sum((SELECT count(*) FROM jsonb_object_keys(cause -> 'fields')))
                    FILTER (WHERE segment = 'all' AND cause -> 'fields' IS NOT NULL), 0)
    FROM metrics_snapshot
    WHERE company_id = %s AND status = 'final' AND NOT imported AND computed_at > %s
    GROUP BY pipeline_id, quarter_start, quarter_label, version
    -- That a pipeline without a deal has nothing to report is no news.
    HAVING version > 1
        OR bool_or(segment = 'all' AND CAST(figures ->> 'in_play' AS integer) > 0)
    ORDER BY quarter_start, version
"""


def tell_news(*, company_id: int, now: datetime) -> int:
    """Tell what the rows of a company give; how many people were told something new."""
    with company_context(company_id), transaction.atomic():
        company = Company.objects.get(pk=company_id)
        return (
            _quarters(company, now)
            + _danger(company, now)
            + _experiments(company, now)
            + _material(company, now)
            + _imports(company, now)
        )


def tell_quarters(*, company_id: int, now: datetime) -> int:
    """Only what became final or was restated: cheap, for every round."""
    with company_context(company_id), transaction.atomic():
        return _quarters(Company.objects.get(pk=company_id), now)


def _page(company: Company, name: str, **more: object) -> str:
    return reverse(f"metrics:{name}", kwargs={"company_slug": company.slug, **more})


def _quarters(company: Company, now: datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_VERSIONS, [company.pk, now - _CLOSED_SINCE])
        found = cursor.fetchall()
    told = 0
    names = dict(Pipeline.objects.values_list("pk", "name"))
    for pipeline_id, start, label, version, at, segments, fields in found:
        values, query = {"quarter": label}, ""
        if len(names) > 1:  # else everybody knows which one is meant
            values["pipeline"] = names[pipeline_id]
            query = f"?pipeline={pipeline_id}"
        of = {"company": company, "key": f"{pipeline_id}:{label}:{version}", "now": now}
        if version == 1:
            for kind in ("quarter_final", "quarter_review"):
                told += tell_once(
                    kind=kind,
                    roles=OVERSEERS,
                    values=values,
                    path=_page(company, "quarter_review", label=label) + query,
                    **of,
                )
        else:
            told += _restated(
                of, values, query, int(fields or segments), _signers(pipeline_id, start, at)
            )
    return told


def _restated(
    of: Mapping[str, Any],
    values: Mapping[str, str],
    query: str,
    figures: int,
    signers: Collection[int],
) -> int:
    """Who signed hears of it as that, everybody else as a restatement: nobody twice."""
    company, label = of["company"], values["quarter"]
    about = Notification.objects.filter(key=of["key"])
    known = about.filter(kind__in=["quarter_restated", "signature_restated"]).exists()
    told = tell(
        kind="signature_restated",
        user_ids=signers,
        values=values,
        path=_page(company, "quarter", label=label) + query,
        **of,
    )
    if known:  # even if only those who had signed were there to be told
        return told
    own = about.filter(kind="signature_restated").values_list("user_id", flat=True)
    return told + tell_once(
        kind="quarter_restated",
        roles=OVERSEERS,
        values={**values, "figures": figures},
        path=_page(company, "quarter_restatements", label=label) + query,
        but_not=set(own),
        **of,
    )


def _signers(pipeline_id: int, start: date, before: datetime) -> list[int]:
    """Who had signed or countersigned a quarter before it was restated."""
    signed = SignOff.objects.filter(
        pipeline_id=pipeline_id, quarter_start=start, at__lt=before, by__isnull=False
    )
    return list(signed.values_list("by_id", flat=True))


def _owner_or_managers(owner_id: int | None) -> Iterable[int]:
    """Whose it is, or the managers where it is nobody's who is still here."""
    members = Membership.objects.filter(user__is_active=True)
    if owner_id is not None and members.filter(user_id=owner_id).exists():
        return [owner_id]
    return _managers()


def _managers() -> list[int]:
    found = Membership.objects.filter(
        user__is_active=True, role__in=[role.value for role in MANAGERS]
    )
    return list(found.values_list("user_id", flat=True))


def _danger(company: Company, now: datetime) -> int:
    """A stage in danger in the newest quarter: to managers, and to who owns its danger point.

    Of all deals every stage is told, of a segment those that a danger point is open for.
    """
    pipelines = Pipeline.objects.order_by("position", "id").values_list("id", "name", "retired_at")
    named = {pk: name for pk, name, _retired in pipelines}
    first = next(iter(named), None)
    return sum(
        _danger_of(
            company,
            pipeline_id=pk,
            asked=None if pk == first else pk,
            name=named[pk] if len(named) > 1 else "",
            now=now,
        )
        for pk, _name, retired in pipelines
        if retired is None
    )


def _danger_of(
    company: Company, *, pipeline_id: int, asked: int | None, name: str, now: datetime
) -> int:
    """The stages in danger of one pipeline; `asked` and `name` are how it is told from others."""
    points = DangerPoint.objects.filter(pipeline_id=pipeline_id, state__in=OPEN)
    owners = {
        (segment, stage): owner_id
        for segment, stage, owner_id in points.values_list("segment", "stage__name", "owner_id")
    }
    told = 0
    segments = {ALL, *(segment for segment, _stage in owners)}
    history = figures_by_segment(company=company, segments=segments, pipeline_id=pipeline_id)
    newest = history[ALL][-1] if history[ALL] else None
    if newest is None or now - newest.as_of > _RECENT:
        return 0
    for segment in sorted(segments):
        figures = history[segment][-1] if history[segment] else None
        if figures is None or figures.quarter != newest.quarter:
            continue
        for stage, following in stage_steps(figures):
            watched = (segment, stage.name) in owners
            if stage.verdict == "danger" and (segment == ALL or watched):
                owner_id = owners.get((segment, stage.name))
                told += tell(
                    company=company,
                    kind="danger_worse",
                    key=_danger_key(pipeline_id, newest.quarter, stage.name, segment),
                    user_ids=[*_managers(), *([owner_id] if owner_id else [])],
                    values=_danger_values(stage, following, newest.quarter, segment, name),
                    path=_page(company, "funnel")
                    + Question(
                        quarter=newest.quarter, pipeline=asked, segment=segment, at=stage.position
                    ).query(),
                    now=now,
                )
    return told


def _danger_key(pipeline_id: int, quarter: str, stage: str, segment: str) -> str:
    """One per stage, quarter and segment; long names are told apart by their fingerprint."""
    parts = [stage] if segment == ALL else [stage, segment]
    key = ":".join([str(pipeline_id), quarter, *parts])
    if len(key) <= _KEY_LENGTH or segment == ALL:
        return key[:_KEY_LENGTH]
    return f"{pipeline_id}:{quarter}:{sha256(key.encode()).hexdigest()}"


def _danger_values(
    stage: StageFigures, following: str, quarter: str, segment: str, pipeline: str
) -> dict[str, object]:
    values: dict[str, object] = {
        "stage": f"{stage.name} \N{RIGHTWARDS ARROW} {following}",
        "quarter": quarter,
        "lost": stage.lost_at,
        "exits": stage.lost_at + stage.advanced,
    }
    if segment != ALL:
        values["segment"] = segment_parts(segment)
    if pipeline:
        values["pipeline"] = pipeline
    return values


def _experiments(company: Company, now: datetime) -> int:
    """Settled by the always-valid interval, or at the planned end: to the owner."""
    today = company.local_day(company.clock(now))
    newest = (
        ExperimentResult.objects.filter(
            experiment_id=OuterRef("pk"), kind=ExperimentResult.Kind.RUNNING
        )
        .order_by("-day")
        .values("figures__primary__verdict")[:1]
    )
    running = Experiment.objects.filter(state=Experiment.State.RUNNING).annotate(
        verdict=Subquery(newest)
    )
    told = 0
    for one in running.order_by("pk"):
        common = {
            "company": company,
            "user_ids": _owner_or_managers(one.owner_id),
            "path": _page(company, "experiment", experiment_id=one.pk),
            "now": now,
        }
        if one.verdict in ("better", "worse"):
            told += tell(
                kind="experiment_settled",
                key=f"{one.pk}:{one.verdict}",
                values={"title": one.title, "verdict": one.verdict},
                **common,
            )
        if one.ends_on is not None and today >= one.ends_on:
            told += tell(
                kind="experiment_due",
                key=f"{one.pk}:{one.ends_on.isoformat()}",
                values={"title": one.title},
                **common,
            )
    return told


def _material(company: Company, now: datetime) -> int:
    """Past its review-by day: to its owner."""
    today = company.local_day(company.clock(now))
    due = Material.objects.filter(
        retired_at=None, review_by__lte=today, review_by__gt=today - timedelta(days=60)
    )
    return sum(
        tell(
            company=company,
            kind="review_due",
            key=f"{one.pk}:{one.review_by}",
            user_ids=_owner_or_managers(one.owner_id),
            values={"title": one.title},
            path=reverse(
                "pipeline:material", kwargs={"company_slug": company.slug, "material_id": one.pk}
            ),
            now=now,
        )
        for one in due.order_by("pk")
    )


def _imports(company: Company, now: datetime) -> int:
    """An import that came in: to who did it, else to the managers."""
    recent = ImportBatch.objects.filter(imported_at__gt=now - _RECENT).order_by("pk")
    return sum(
        tell(
            company=company,
            kind="import_done",
            key=str(one.pk),
            user_ids=_owner_or_managers(one.imported_by_id),
            values={"system": one.system, "deals": int(one.report.get("deals", 0))},
            path=reverse("pipeline:deal_list", kwargs={"company_slug": company.slug}),
            now=now,
        )
        for one in recent
    )
