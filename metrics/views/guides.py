"""The questions of a kind of review: to read, to print blank, and to change."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import company_view
from accounts.errors import DomainError
from metrics.forms.guides import GuideForm, QuestionForm, fresh_lines, in_order, sent_lines
from metrics.permissions import GUIDE_MANAGE
from metrics.selectors.guides import GuidePage, guide_page
from metrics.selectors.review_words import INTERVIEWS, KINDS, kind_word
from metrics.services.guides import Wording, change_guide
from metrics.views.reviews import actor_of, here
from pipeline.services.history import StaleVersion
from pipeline.views import answers
from pipeline.views.deal_asking import may


def _guide(request: HttpRequest, kind: str, *, number: int | None = None) -> GuidePage:
    found = guide_page(
        company=request.company,  # type: ignore[attr-defined]
        kind=kind,
        style=answers.style_of(request),
        number=number,
    )
    if found is None:
        raise Http404
    return found


def _asked_version(request: HttpRequest) -> int | None:
    text = request.GET.get("version", "")
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 9):
        raise Http404
    return int(text)


def _common(request: HttpRequest, kind: str) -> dict[str, object]:
    return {
        "list_url": here(request, "review_list"),
        "url": here(request, "guide", kind=kind),
        "edit_url": here(request, "guide_edit", kind=kind) if may(request, GUIDE_MANAGE) else "",
        "blank_url": here(request, "guide_blank", kind=kind),
        "kinds": [(kind_word(one), here(request, "guide", kind=one), one == kind) for one in KINDS],
    }


@company_view("review.view")
@require_safe
def guide(request: HttpRequest, kind: str) -> HttpResponse:
    """The questions in use, or those of the version that the address names, with their history."""
    page = _guide(request, kind, number=_asked_version(request))
    return render(request, "metrics/guide.html", {"page": page, **_common(request, kind)})


@company_view("review.view")
@require_safe
def guide_blank(request: HttpRequest, kind: str) -> HttpResponse:
    """A sheet of the questions with room to write by hand."""
    page = _guide(request, kind)
    context = {"page": page, "interview": kind in INTERVIEWS, **_common(request, kind)}
    return render(request, "metrics/guide_blank.html", context)


@company_view("guide.manage")
@require_http_methods(["GET", "HEAD", "POST"])
def guide_edit(request: HttpRequest, kind: str) -> HttpResponse:
    """Reword, move, add and remove questions; what is saved is the next version."""
    page = _guide(request, kind)
    if request.method != "POST":
        return _form(request, page, fresh_lines(page.questions), number=page.newest)
    head = GuideForm(request.POST)
    if not head.is_valid():
        return answers.refuse(
            request,
            sentence=_("This form cannot be recognised. Reload the page."),
            status=422,
            back=here(request, "guide_edit", kind=kind),
        )
    lines = sent_lines(request.POST, head.cleaned_data["lines"])
    number = head.cleaned_data["number"]
    faulty = [form for form in lines if not form.is_valid()]  # each says what is wrong with it
    if faulty:
        return _form(request, page, lines, number=number, status=422)
    try:
        changed = change_guide(
            by=actor_of(request),
            now=timezone.now(),
            kind=kind,
            questions=[
                Wording(given["text"], given["hint"], given["key"]) for given in in_order(lines)
            ],
            number=number,
        )
    except StaleVersion as stale:
        # Saving again puts these questions in the place of the newer ones: shown beside them.
        now = _guide(request, kind)
        return _form(
            request, now, lines, number=now.newest, refused=stale.sentence, clash=True, status=409
        )
    except DomainError as refusal:
        return _form(
            request, page, lines, number=number, refused=refusal.sentence, status=refusal.status
        )
    same = changed.number == page.newest
    said = (
        _("Nothing was changed")
        if same
        else _("Version {number} is in use now").format(number=changed.number)
    )
    return answers.done(request, text=said, default=here(request, "guide", kind=kind))


def _form(
    request: HttpRequest,
    page: GuidePage,
    lines: list[QuestionForm],
    *,
    number: int,
    refused: str = "",
    clash: bool = False,
    status: int = 200,
) -> HttpResponse:
    context = {
        "page": page,
        "lines": lines,
        "number": number,
        "refused": refused,
        "clash": clash,
        **_common(request, page.kind.value),
    }
    return render(request, "metrics/guide_edit.html", context, status=status)
