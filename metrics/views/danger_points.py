"""The agenda of danger points: the list, the list as a file, and taking one on."""

from io import BytesIO

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import company_view
from accounts.actors import Actor
from accounts.errors import DomainError
from accounts.permissions import allows
from accounts.roles import Role
from metrics.calc.danger_states import STATES
from metrics.forms.danger_points import DangerOpenForm
from metrics.selectors import figures
from metrics.selectors.agenda_question import AgendaQuestion, agenda_question
from metrics.selectors.danger_agenda import Agenda, danger_agenda
from metrics.selectors.danger_opening import Opening, opening
from metrics.selectors.danger_words import possible_owners, state_text
from metrics.selectors.filters import Choice, Question, question_from, segment_text
from metrics.services.danger_points import open_danger_point
from metrics.views.asking import style_of, with_pipeline
from pipeline.exports import Value, write_csv
from pipeline.views import answers
from pipeline.views.deal_asking import query_lists

PERMISSION = "danger.manage"


def may_manage(request: HttpRequest) -> bool:
    """May who asks change danger points?"""
    return allows(Role(request.membership.role), PERMISSION)  # type: ignore[attr-defined]


def point_url(request: HttpRequest, danger_point_id: int, name: str = "danger_point") -> str:
    """The page of a danger point, or one of its forms."""
    slug = request.company.slug  # type: ignore[attr-defined]
    where = {"company_slug": slug, "danger_point_id": danger_point_id}
    return reverse(f"metrics:{name}", kwargs=where)


def list_url(request: HttpRequest, name: str = "danger_list") -> str:
    slug = request.company.slug  # type: ignore[attr-defined]
    return reverse(f"metrics:{name}", kwargs={"company_slug": slug})


def _agenda(request: HttpRequest, asked: AgendaQuestion) -> Agenda:
    company = request.company  # type: ignore[attr-defined]
    return danger_agenda(
        company=company,
        asked=asked,
        user_id=request.user.pk,
        members=frozenset(user_id for user_id, _name in possible_owners()),
        today=company.local_day(company.clock(timezone.now())),
        style=style_of(request),
    )


def _chips(asked: AgendaQuestion) -> tuple[Choice, ...]:
    everything = not asked.state and not asked.mine
    chips = [
        Choice(_("All"), asked.query(state="", mine=False), "", everything),
        Choice(_("Mine"), asked.query(mine=not asked.mine), "mine", asked.mine),
    ]
    chips += [
        Choice(
            state_text(state).word,
            asked.query(state="" if asked.state == state else state),
            state,
            asked.state == state,
        )
        for state in STATES
    ]
    return tuple(chips)


def _context(request: HttpRequest, asked: AgendaQuestion) -> dict[str, object]:
    agenda = _agenda(request, asked)
    here, open_url = list_url(request), list_url(request, "danger_open")
    narrowed = bool(asked.state or asked.mine or asked.segment or asked.owner is not None)
    return {
        "agenda": agenda,
        "asked": asked,
        "narrowed": narrowed,
        "folded": asked.state not in ("resolved", "dismissed"),
        "rows": [(row, point_url(request, row.id)) for row in agenda.rows],
        "ended": [(row, point_url(request, row.id)) for row in agenda.ended],
        "unopened": [
            (
                row,
                open_url
                + Question(
                    quarter=row.quarter,
                    pipeline=row.pipeline,
                    segment=row.segment_name,
                    at=row.at,
                ).query(),
            )
            for row in agenda.unopened
        ],
        "chips": _chips(asked),
        "segment_asked": segment_text(asked.segment) if asked.segment else "",
        "may_manage": may_manage(request),
        "page_url": here,
        "open_url": open_url,
        "csv_url": list_url(request, "danger_export") + asked.query(),
        "funnel_url": list_url(request, "funnel"),
    }


@company_view("danger.view")
@require_safe
def danger_list(request: HttpRequest) -> HttpResponse:
    """The agenda, or with htmx only what changes when a filter does."""
    context = _context(request, agenda_question(query_lists(request.GET)))
    whole = not answers.scripted(request) or request.htmx.history_restore_request  # type: ignore[attr-defined]
    template = "metrics/danger_list.html" if whole else "metrics/danger_list.html#page"
    return render(request, template, context)


@answers.surface("metrics:danger_list", target="#page")
def draw_agenda(request: HttpRequest, asking: answers.Asking) -> str:
    """The agenda after one was taken on from it."""
    context = _context(request, agenda_question(query_lists(asking.query)))
    return render(request, "metrics/danger_list.html#page", context).content.decode()


@company_view("danger.view")
@require_safe
def danger_export(request: HttpRequest) -> HttpResponse:
    """The agenda as CSV: the same rows in the same order, the ended ones last."""
    agenda = _agenda(request, agenda_question(query_lists(request.GET)))
    headings = (
        "rank", "pipeline", "stage", "segment", "state", "owner", "due_on", "overdue",
        "opened_quarter", "quarter", "advanced", "lost_at", "conversion", "chance_worse", "verdict",
        "worth_of_one_more", "expected_loss", "findings",
    )  # fmt: skip
    rows: list[tuple[Value, ...]] = [
        (
            row.rank, row.pipeline_name, row.stage, row.segment_name, row.state.value, row.owner,
            row.due_on, row.due is not None and row.due.overdue, row.opened_quarter, row.quarter,
            row.advanced, row.lost_at, _exact(row.conversion), _exact(row.chance_worse),
            row.verdict, _exact(row.worth), _exact(row.expected_loss), row.findings_count,
        )
        for row in (*agenda.rows, *agenda.ended)
    ]  # fmt: skip
    file = BytesIO()
    write_csv(file, headings=headings, rows=rows)
    response = HttpResponse(file.getvalue(), content_type="text/csv; charset=utf-8")
    name = f"{request.company.slug}-danger-points.csv"  # type: ignore[attr-defined]
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _exact(value: float | None) -> str | None:
    return None if value is None else repr(value)


@company_view(PERMISSION)
@require_http_methods(["GET", "HEAD", "POST"])
def danger_open(request: HttpRequest) -> HttpResponse:
    """Take a danger point on; one that is worked on already is shown instead."""
    company = request.company  # type: ignore[attr-defined]
    question, _pipeline = with_pipeline(
        question_from(_asked(request), accepts=("pipeline", "at")),
        figures.pipelines_of(company=company),
    )
    found = opening(company=company, question=question)
    if request.method != "POST" and found.standing_id is not None:
        return _go(request, found.standing_id, existed=True)
    form = DangerOpenForm(
        request.POST if request.method == "POST" else None,
        stages=found.stages,
        segments=found.segments,
        owners=possible_owners(),
        initial={
            "stage": found.stage_id,
            "segment": found.segment,
            "quarter": found.quarter,
        },
    )
    if request.method != "POST":
        return _open_page(request, form, found)
    if not form.is_valid():
        return _open_page(request, form, found, status=422)
    given = form.cleaned_data
    try:
        opened = open_danger_point(
            by=Actor.member(request.membership),  # type: ignore[attr-defined]
            now=timezone.now(),
            stage_id=given["stage"],
            segment=given["segment"],
            quarter=given["quarter"],
            owner_id=given["owner"],
            due_on=given["due_on"],
            remark=given["remark"],
        )
    except DomainError as refusal:
        form.add_error(None, refusal.sentence)
        return _open_page(request, form, found, status=422)
    back = answers.came_from(request, default="")
    if not opened.existed and answers.scripted(request) and _is_agenda(request, back):
        return answers.done(
            request,
            text=_("On the agenda now"),
            default=list_url(request),
            link=(point_url(request, opened.danger_point_id), _("Open it")),
        )
    return _go(request, opened.danger_point_id, existed=opened.existed)


def _asked(request: HttpRequest) -> dict[str, list[str]]:
    """What the address asks; `back` is where the form was asked for from."""
    return {k: list(v) for k, v in query_lists(request.GET).items() if k != "back"}


def _is_agenda(request: HttpRequest, url: str) -> bool:
    return url.partition("?")[0] == list_url(request)


def _go(request: HttpRequest, danger_point_id: int, *, existed: bool) -> HttpResponse:
    said = _("This stage is on the agenda already") if existed else _("On the agenda now")
    messages.success(request, said)
    url = point_url(request, danger_point_id)
    if answers.scripted(request):
        response = HttpResponse(status=200)
        response["HX-Redirect"] = url
        return response
    return answers.SeeOther(url) if request.method == "POST" else redirect(url)


def _open_page(
    request: HttpRequest, form: DangerOpenForm, found: Opening, *, status: int = 200
) -> HttpResponse:
    context: dict[str, object] = {
        "form": form,
        "found": found,
        "back": answers.came_from(request, default=list_url(request)),
        "url": request.get_full_path(),
    }
    return answers.form_page(request, "metrics/danger_open.html", context, status=status)
