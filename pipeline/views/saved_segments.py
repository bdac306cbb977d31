"""Save a filter under a name; rename, share or remove it. The chips of the board and the list."""

from urllib.parse import parse_qs

from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from accounts.access import company_view
from accounts.actors import Actor
from accounts.errors import DomainError
from pipeline.forms.segments import SegmentForm
from pipeline.selectors.deal_filters import deal_filter, filter_options
from pipeline.services.history import NotFound
from pipeline.services.saved_segments import change_segment, remove_segment, save_segment
from pipeline.views import answers


def _sentences(form: SegmentForm) -> str:
    return " ".join(str(text) for errors in form.errors.values() for text in errors)


def _refuse(request: HttpRequest, sentence: str, status: int = 422) -> HttpResponse:
    back = answers.board_url(request)
    return answers.refuse(request, sentence=sentence, status=status, back=back)


@company_view("segment.save")
@require_POST
def segment_save(request: HttpRequest) -> HttpResponse:
    """Keep the filter of the page that asks. Only what it means is kept, in its fixed form."""
    form = SegmentForm(request.POST)
    if not form.is_valid():
        return _refuse(request, _sentences(form))
    membership = request.membership  # type: ignore[attr-defined]
    options = filter_options(membership_id=membership.pk)
    try:
        told = parse_qs(form.cleaned_data["query"].removeprefix("?"), max_num_fields=50)
    except ValueError:
        return _refuse(request, _("This filter is too long to keep. Choose fewer words."))
    asked, _notices = deal_filter(told, options=options)
    try:
        segment = save_segment(
            by=Actor.member(membership),
            membership=membership,
            name=form.cleaned_data["name"],
            query=asked.query(),
            shared=form.cleaned_data["shared"],
            now=timezone.now(),
        )
    except DomainError as refusal:
        return _refuse(request, refusal.sentence, refusal.status)
    return answers.done(
        request,
        text=_("Filter {name} saved").format(name=segment.name),
        default=answers.board_url(request) + asked.query(),
    )


@company_view("segment.save")
@require_POST
def segment_change(request: HttpRequest, segment_id: int) -> HttpResponse:
    """Rename or share a saved filter, or remove it (`remove`)."""
    by = Actor.member(request.membership)  # type: ignore[attr-defined]
    now = timezone.now()
    board = answers.board_url(request)
    try:
        if request.POST.get("remove"):
            name = remove_segment(by=by, segment_id=segment_id, now=now)
            return answers.done(
                request, text=_("Filter {name} removed").format(name=name), default=board
            )
        form = SegmentForm(request.POST)
        if not form.is_valid():
            return _refuse(request, _sentences(form))
        segment = change_segment(
            by=by,
            segment_id=segment_id,
            name=form.cleaned_data["name"],
            shared=form.cleaned_data["shared"],
            now=now,
        )
    except NotFound as missing:
        raise Http404 from missing
    except DomainError as refusal:
        return _refuse(request, refusal.sentence, refusal.status)
    return answers.done(
        request, text=_("Filter {name} saved").format(name=segment.name), default=board
    )
