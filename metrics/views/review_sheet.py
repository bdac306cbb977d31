"""One review: its sheet to write on or to read, and what is done with it."""

from dataclasses import dataclass
from typing import Any

from django.forms import BoundField
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.access import company_view
from accounts.errors import DomainError
from metrics.forms.reviews import BuyerForm, SheetForm
from metrics.models import Review
from metrics.permissions import FINDING_ADD, REVIEW_RECORD
from metrics.selectors.review_page import AnswerRow, ReviewPage, contact_choices, review_page
from metrics.services.reviews import (
    Buyer,
    Given,
    reopen_review,
    restore_review,
    save_answers,
    withdraw_review,
)
from metrics.views.findings import finding_prefix
from metrics.views.reviews import actor_of, here, today_of
from pipeline.selectors.deal_choices import competitor_choices, reason_choices
from pipeline.services.history import NotFound
from pipeline.views import answers
from pipeline.views.deal_asking import deal_prefix, may


@dataclass(frozen=True, slots=True)
class Line:
    """A question on the sheet. `field` None: it is read. `clash`: somebody else wrote another
    answer meanwhile. `href` is where a finding is drawn from the answer."""

    row: AnswerRow
    field: BoundField | None
    href: str
    clash: bool


def _page(request: HttpRequest, review_id: int) -> ReviewPage:
    page = review_page(
        company=request.company,  # type: ignore[attr-defined]
        review_id=review_id,
        style=answers.style_of(request),
        today=today_of(request),
    )
    if page is None:
        raise Http404
    return page


def _sheet(page: ReviewPage, data: Any = None) -> SheetForm:
    people = (
        contact_choices(customer_id=page.deal.customer_id, current=page.contact_id)
        if page.interview
        else ()
    )
    initial: dict[str, Any] = {
        "version": page.version,
        "held_on": page.held_on,
        "contact": page.contact_id,
        **{f"answer_{row.question_id}": row.answer for row in page.answers},
    }
    return SheetForm(
        data, rows=page.answers, interview=page.interview, people=people, initial=initial
    )


def _buyer(page: ReviewPage, data: Any = None) -> BuyerForm | None:
    if not page.asks_reason:
        return None
    level = page.buyer_level
    return BuyerForm(
        data,
        reasons=reason_choices(current=page.buyer_reason_id),
        competitors=competitor_choices(current=page.buyer_competitor_id),
        initial={
            "level": level,
            "competitor": page.buyer_competitor_id,
            f"reason_{level}": page.buyer_reason_id,
            "words": page.buyer_words,
        },
    )


def _finding_urls(request: HttpRequest, page: ReviewPage) -> tuple[str, dict[int, str]]:
    """Where a finding is drawn from the review as a whole, and from each answer."""
    url = answers.address_or_none(
        "metrics:finding_add",
        company_slug=request.company.slug,  # type: ignore[attr-defined]
    )
    if not url or not may(request, FINDING_ADD) or page.withdrawn:
        return "", {}
    told: dict[str, str | int] = {
        "review": page.id,
        "deal": page.deal.id,
        "source": page.kind.value,
    }
    if page.deal.stage_id is not None:
        told["stage"] = page.deal.stage_id
    each = {
        row.answer_id: f"{url}?{urlencode({**told, 'answer': row.answer_id})}"
        for row in page.answers
        if row.answer_id is not None
    }
    return f"{url}?{urlencode(told)}", each


def _context(
    request: HttpRequest,
    page: ReviewPage,
    *,
    sheet: SheetForm | None = None,
    buyer: BuyerForm | None = None,
    clash: bool = False,
) -> dict[str, object]:
    writes = may(request, REVIEW_RECORD)
    whole, each = _finding_urls(request, page)
    edits = writes and page.draft
    if edits and sheet is None:
        sheet, buyer = _sheet(page), _buyer(page)
    fields = {row.question_id: bound for row, bound in sheet.questions} if sheet else {}
    return {
        "page": page,
        "sheet": sheet if edits else None,
        "buyer": buyer if edits else None,
        "clash": clash,
        "rows": [
            Line(
                row=row,
                field=fields.get(row.question_id),
                href=each.get(row.answer_id or 0, ""),
                clash=clash and sheet is not None and sheet.typed(row) != row.answer,
            )
            for row in page.answers
        ],
        "finding_add": whole,
        "finding_url": finding_prefix(request),
        "urls": {
            name: here(request, f"review_{name}", review_id=page.id)
            for name in ("save", "reopen", "withdraw", "restore")
        }
        if writes
        else {},
        "here": here(request, "review", review_id=page.id),
        "list_url": here(request, "review_list"),
        "done_url": f"{here(request, 'review_list')}?view=done",
        "guide_url": f"{here(request, 'guide', kind=page.kind.value)}?version={page.guide}",
        "deal_url": f"{deal_prefix(request.company.slug)}{page.deal.id}/",  # type: ignore[attr-defined]
    }


@company_view("review.view")
@require_safe
def review(request: HttpRequest, review_id: int) -> HttpResponse:
    """The sheet: to write on as a manager while it is a draft, else to read and print."""
    return render(request, "metrics/review.html", _context(request, _page(request, review_id)))


@answers.surface("metrics:review", target="#drawn")
def draw_review(request: HttpRequest, asking: answers.Asking) -> str:
    """What a finding changes that was drawn from here; what is being typed stays."""
    context = _context(request, _page(request, asking.match.kwargs["review_id"]))
    return render_to_string("metrics/review.html#changed", context, request)


@company_view("review.record")
@require_POST
def review_save(request: HttpRequest, review_id: int) -> HttpResponse:
    """Keep what stands on the sheet; with `finish` the review is done, with `withdraw` out."""
    page = _page(request, review_id)
    sheet, buyer = _sheet(page, request.POST), _buyer(page, request.POST)
    finish = "finish" in request.POST
    status, clash = 422, False
    if sheet.is_valid() and (buyer is None or buyer.is_valid()):
        given = sheet.cleaned_data
        try:
            kept = save_answers(
                by=actor_of(request),
                now=timezone.now(),
                review_id=review_id,
                given=Given(
                    answers=sheet.answers(),
                    held_on=given["held_on"],
                    contact_id=given.get("contact"),
                    buyer=_said(buyer),
                ),
                version=given["version"],
                finish=finish,
            )
        except NotFound as missing:
            raise Http404 from missing
        except DomainError as refusal:
            sheet.add_error(None, refusal.sentence)
            status, clash = refusal.status, refusal.status == 409
        else:
            if "withdraw" in request.POST:
                return _withdraw(request, review_id, version=kept.version, done=False)
            said = _("Review finished") if kept.state == Review.State.DONE else _("Draft saved")
            return answers.done(
                request, text=said, default=here(request, "review", review_id=review_id)
            )
    if not page.draft:
        # What was typed must not be lost: it is shown below the sheet that is closed by now.
        return _closed(request, page, sheet, status=status)
    # Sending it again is a decision made in view of both.
    sheet.data = sheet.data.copy()  # type: ignore[attr-defined]
    sheet.data["version"] = str(page.version)  # type: ignore[index]
    context = _context(request, page, sheet=sheet, buyer=buyer, clash=clash)
    return render(request, "metrics/review.html", context, status=status)


def _closed(
    request: HttpRequest, page: ReviewPage, sheet: SheetForm, *, status: int
) -> HttpResponse:
    context = _context(request, page)
    typed = [(row, sheet.typed(row)) for row in page.answers]
    context["typed"] = [(row, text) for row, text in typed if text and text != row.answer]
    context["refusals"] = sheet.non_field_errors()
    return render(request, "metrics/review.html", context, status=status)


def _said(buyer: BuyerForm | None) -> Buyer | None:
    """What the buyer said, as the service takes it."""
    if buyer is None:
        return None
    loss = buyer.loss()
    return Buyer(
        level=loss["level"],
        reason_id=loss["reason_id"],
        competitor_id=loss["competitor_id"],
        words=buyer.cleaned_data["words"],
    )


def _version(request: HttpRequest) -> int:
    text = request.POST.get("version") or request.GET.get("version", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else -1


@company_view("review.record")
@require_POST
def review_reopen(request: HttpRequest, review_id: int) -> HttpResponse:
    """Write on a closed sheet again."""
    back = here(request, "review", review_id=review_id)
    try:
        reopen_review(
            by=actor_of(request),
            now=timezone.now(),
            review_id=review_id,
            version=_version(request),
        )
    except NotFound as missing:
        raise Http404 from missing
    except DomainError as refusal:
        return answers.refuse(request, sentence=refusal.sentence, status=refusal.status, back=back)
    return answers.done(request, text=_("Review reopened"), default=back)


@company_view("review.record")
@require_POST
def review_withdraw(request: HttpRequest, review_id: int) -> HttpResponse:
    """Take a review out; it can be put back as it was."""
    done = _page(request, review_id).done
    return _withdraw(request, review_id, version=_version(request), done=done)


def _withdraw(request: HttpRequest, review_id: int, *, version: int, done: bool) -> HttpResponse:
    back = here(request, "review", review_id=review_id)
    try:
        withdraw_review(
            by=actor_of(request),
            now=timezone.now(),
            review_id=review_id,
            version=version,
        )
    except DomainError as refusal:
        return answers.refuse(request, sentence=refusal.sentence, status=refusal.status, back=back)
    undo = here(request, "review_restore", review_id=review_id)
    return answers.done(
        request,
        text=_("Review withdrawn"),
        default=back,
        undo=f"{undo}?done=1" if done else undo,
    )


@company_view("review.record")
@require_POST
def review_restore(request: HttpRequest, review_id: int) -> HttpResponse:
    """Put a withdrawn review back."""
    back = here(request, "review", review_id=review_id)
    try:
        restore_review(
            by=actor_of(request),
            now=timezone.now(),
            review_id=review_id,
            done="done" in request.GET,
        )
    except NotFound as missing:
        raise Http404 from missing
    return answers.done(request, text=_("Review put back"), default=back)
