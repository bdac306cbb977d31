"""The book of experiments: the list, all that was decided side by side, and both as a file."""

import math
from datetime import date
from decimal import Decimal
from io import BytesIO

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.access import company_view
from accounts.permissions import allows
from accounts.roles import Role
from metrics.calc.experiment_states import STATES
from metrics.calc.experiments.result import Reading
from metrics.permissions import EXPERIMENT_MANAGE
from metrics.selectors.experiment_book import Book, experiment_book
from metrics.selectors.experiment_comparison import Comparison, experiment_comparison
from metrics.selectors.experiment_question import BookQuestion, book_question
from metrics.selectors.experiment_rows import ExperimentRow
from metrics.selectors.experiment_words import state_text
from metrics.selectors.filters import Choice
from metrics.views.asking import style_of
from metrics.views.experiment_forest import forests
from pipeline.exports import Value, write_csv
from pipeline.views import answers
from pipeline.views.deal_asking import query_lists


def may_manage(request: HttpRequest) -> bool:
    """May who asks draft, start and decide?"""
    return allows(Role(request.membership.role), EXPERIMENT_MANAGE)  # type: ignore[attr-defined]


def address(request: HttpRequest, name: str, **more: object) -> str:
    """A page of this company; "" where there is none of that name."""
    slug = request.company.slug  # type: ignore[attr-defined]
    return answers.address_or_none(f"metrics:{name}", company_slug=slug, **more)


def experiment_url(request: HttpRequest, experiment_id: int) -> str:
    """The page of an experiment."""
    return address(request, "experiment", experiment_id=experiment_id)


def today_of(request: HttpRequest) -> date:
    """The company's local day."""
    company = request.company  # type: ignore[attr-defined]
    today: date = company.local_day(company.clock(timezone.now()))
    return today


def _book(request: HttpRequest, asked: BookQuestion) -> Book:
    return experiment_book(
        company=request.company,  # type: ignore[attr-defined]
        asked=asked,
        user_id=request.user.pk,
        today=today_of(request),
        style=style_of(request),
    )


def _chips(asked: BookQuestion) -> tuple[Choice, ...]:
    chips = [
        Choice(_("All"), asked.query(state="", mine=False), "", not asked.state and not asked.mine),
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


def _linked(
    request: HttpRequest, rows: tuple[ExperimentRow, ...]
) -> list[tuple[ExperimentRow, str]]:
    return [(row, experiment_url(request, row.id)) for row in rows]


def _context(request: HttpRequest, asked: BookQuestion) -> dict[str, object]:
    book = _book(request, asked)
    return {
        "book": book,
        "asked": asked,
        "sections": [
            (key, title, note, _linked(request, rows))
            for key, title, note, rows in (
                ("running", _("Running bets"), "", book.running),
                (
                    "stopped",
                    _("Stopped, to be decided"),
                    _("Called off before their end. What is left is to decide."),
                    book.stopped,
                ),
                (
                    "draft",
                    _("Drafts"),
                    _("Not started: the question may still change."),
                    book.drafts,
                ),
            )
            if rows
        ],
        "decided": _linked(request, book.decided),
        "learned": [(one, _linked(request, one.rows)) for one in book.learned],
        "chips": _chips(asked),
        "may_manage": may_manage(request),
        "page_url": address(request, "experiment_list"),
        "new_url": address(request, "experiment_new"),
        "compare_url": address(request, "experiment_compare"),
        "csv_url": address(request, "experiment_export") + asked.query(),
        "agenda_url": address(request, "danger_list"),
        "findings_url": address(request, "finding_list"),
    }


@company_view("experiment.view")
@require_safe
def experiment_list(request: HttpRequest) -> HttpResponse:
    """The book, or with htmx only what changes when a filter does."""
    context = _context(request, book_question(query_lists(request.GET)))
    whole = not answers.scripted(request) or request.htmx.history_restore_request  # type: ignore[attr-defined]
    part = "" if whole else "#page"
    return render(request, f"metrics/experiment_list.html{part}", context)


@answers.surface("metrics:experiment_list", target="#page")
def draw_book(request: HttpRequest, asking: answers.Asking) -> str:
    """The book after something was done from it."""
    context = _context(request, book_question(query_lists(asking.query)))
    return render(request, "metrics/experiment_list.html#page", context).content.decode()


@company_view("experiment.view")
@require_safe
def experiment_compare(request: HttpRequest) -> HttpResponse:
    """All decided experiments: their effects on one axis per measure, and what was hoped for."""
    asked = book_question(query_lists(request.GET))
    style = style_of(request)
    comparison: Comparison = experiment_comparison(
        company=request.company,  # type: ignore[attr-defined]
        asked=asked,
        user_id=request.user.pk,
        today=today_of(request),
        style=style,
    )
    charts = forests(comparison, style=style)
    context: dict[str, object] = {
        "comparison": comparison,
        "asked": asked,
        "families": [
            (group, charts.get(group.kind), _linked(request, group.without))
            for group in comparison.groups
        ],
        "compared": [(one, experiment_url(request, one.row.id)) for one in comparison.compared],
        "list_url": address(request, "experiment_list"),
        "page_url": address(request, "experiment_compare"),
        "csv_url": address(request, "experiment_export") + asked.query(state="decided"),
        "definitions_url": address(request, "definitions"),
    }
    return render(request, "metrics/experiment_compare.html", context)


@company_view("experiment.view")
@require_safe
def experiment_export(request: HttpRequest) -> HttpResponse:
    """The book as CSV: the same rows in the same order, figures in full."""
    book = _book(request, book_question(query_lists(request.GET)))
    headings = (
        "id", "title", "state", "decision", "lever", "stage", "segment", "design", "owner",
        "starts_on", "last_day", "decided_on", "direction", "smallest_effect", "baseline_value",
        "baseline_n", "test_value", "test_n", "effect", "interval_low", "interval_high",
        "always_valid_low", "always_valid_high", "chance_better", "verdict", "words",
        "guardrails_worse", "reason", "follow_up_on", "follow_up_effect", "follow_up_verdict",
    )  # fmt: skip
    file = BytesIO()
    write_csv(file, headings=headings, rows=[_line(row) for row in book.rows])
    response = HttpResponse(file.getvalue(), content_type="text/csv; charset=utf-8")
    name = f"{request.company.slug}-experiments.csv"  # type: ignore[attr-defined]
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _line(row: ExperimentRow) -> tuple[Value, ...]:
    reading, later = row.reading, row.lasted_reading
    return (
        row.id, row.title, row.state.value, row.decision.value, row.measure, row.stage_id,
        row.segment_name, row.design, row.owner, row.starts_on, _last(row.ends_on),
        row.decided_on, *_figures(reading, row), row.harmed, row.reason, row.follow_up_on,
        _exact(later.effect if later else None), later.verdict if later else None,
    )  # fmt: skip


def _figures(reading: Reading | None, row: ExperimentRow) -> tuple[Value, ...]:
    if reading is None:
        return (None, _exact(row.smallest), *[None] * 12)
    low, high = reading.interval or (None, None)
    always_low, always_high = reading.always_valid or (None, None)
    return (
        reading.direction, _exact(row.smallest), _exact(reading.baseline.value),
        reading.baseline.n, _exact(reading.test.value), reading.test.n, _exact(reading.effect),
        _exact(low), _exact(high), _exact(always_low), _exact(always_high),
        _exact(reading.chance_better), reading.verdict, reading.words,
    )  # fmt: skip


def _exact(value: float | None) -> Value:
    """Every digit; an interval's end without a bound is a word."""
    if value is None:
        return None
    return Decimal(repr(value)) if math.isfinite(value) else "unbounded"


def _last(end: date | None) -> date | None:
    return None if end is None else date.fromordinal(end.toordinal() - 1)
