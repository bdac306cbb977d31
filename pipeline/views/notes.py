"""What was said: notes, calls and meetings, and the whole of a long text."""

from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import company_view
from accounts.actors import Actor
from accounts.errors import DomainError
from pipeline.forms.notes import ActivityForm, NoteForm
from pipeline.models import Activity
from pipeline.selectors.deal_choices import EditableDeal, editable_deal
from pipeline.selectors.whole_texts import WholeText, whole_email, whole_note
from pipeline.services.history import NotFound
from pipeline.services.notes import add_note, record_activity
from pipeline.views import answers
from pipeline.views.deal import deal_url


def _found(deal_id: int) -> EditableDeal:
    deal = editable_deal(deal_id=deal_id)
    if deal is None:
        raise Http404
    return deal


def _own_rep(request: HttpRequest) -> int | None:
    """The rep that the signed-in member is, if any."""
    reps = request.membership.reps.values_list("pk", flat=True)  # type: ignore[attr-defined]
    found: int | None = reps.first()
    return found


@company_view("deal.change")
@require_http_methods(["GET", "HEAD", "POST"])
def note_add(request: HttpRequest, deal_id: int) -> HttpResponse:
    """Add a note to a deal, or to a call that has none yet (`?activity=`)."""
    deal = _found(deal_id)
    if request.method != "POST":
        form = NoteForm(initial={"activity": request.GET.get("activity", "")})
        return _page(request, deal, form, "pipeline/note_add.html")
    form = NoteForm(request.POST)
    if not form.is_valid():
        return _page(request, deal, form, "pipeline/note_add.html", status=422)
    try:
        add_note(
            by=Actor.member(request.membership),  # type: ignore[attr-defined]
            deal_id=deal.id,
            body=form.cleaned_data["body"],
            now=timezone.now(),
            activity_id=form.cleaned_data["activity"],
            rep_id=_own_rep(request),
            key=form.cleaned_data["key"],
        )
    except NotFound as missing:
        raise Http404 from missing
    except DomainError as refusal:
        form.add_error(None, refusal.sentence)
        return _page(request, deal, form, "pipeline/note_add.html", status=422)
    return answers.done(
        request, text=_("Note added"), default=deal_url(request, deal.id), anchor="timeline"
    )


@company_view("deal.change")
@require_http_methods(["GET", "HEAD", "POST"])
def activity_add(request: HttpRequest, deal_id: int) -> HttpResponse:
    """Log a call, a meeting or an e-mail, now or when it was, with its note."""
    deal = _found(deal_id)
    kind = request.GET.get("kind", "")
    form = ActivityForm(
        request.POST if request.method == "POST" else None,
        now=timezone.now(),
        zone=request.company.zone,  # type: ignore[attr-defined]
        initial={"kind": kind if kind in Activity.Kind.values else Activity.Kind.CALL},
    )
    if request.method != "POST":
        return _page(request, deal, form, "pipeline/activity_add.html")
    if not form.is_valid():
        return _page(request, deal, form, "pipeline/activity_add.html", status=422)
    given = form.cleaned_data
    try:
        record_activity(
            by=Actor.member(request.membership),  # type: ignore[attr-defined]
            deal_id=deal.id,
            kind=given["kind"],
            happened_at=given["happened_at"],
            now=form.now,
            subject=given["subject"],
            rep_id=_own_rep(request),
            note=given["note"],
            key=given["key"],
        )
    except NotFound as missing:
        raise Http404 from missing
    except DomainError as refusal:
        form.add_error(None, refusal.sentence)
        return _page(request, deal, form, "pipeline/activity_add.html", status=422)
    said = {"call": _("Call logged"), "meeting": _("Meeting logged"), "email": _("E-mail logged")}
    return answers.done(
        request,
        text=said[given["kind"]],
        default=deal_url(request, deal.id),
        anchor="timeline",
    )


def _page(
    request: HttpRequest,
    deal: EditableDeal,
    form: NoteForm | ActivityForm,
    template: str,
    status: int = 200,
) -> HttpResponse:
    page = deal_url(request, deal.id)
    context: dict[str, object] = {
        "deal": deal,
        "form": form,
        "back": answers.came_from(request, default=page),
        "url": request.path,
    }
    return answers.form_page(request, template, context, status=status)


@company_view("deal.view")
@require_safe
def note(request: HttpRequest, note_id: int) -> HttpResponse:
    """The whole of a long note."""
    return _whole(request, whole_note(note_id=note_id))


@company_view("deal.view")
@require_safe
def email(request: HttpRequest, email_id: int) -> HttpResponse:
    """The whole text of an e-mail that stands in a deal's timeline."""
    return _whole(request, whole_email(email_id=email_id))


def _whole(request: HttpRequest, text: WholeText | None) -> HttpResponse:
    if text is None:
        raise Http404
    context: dict[str, object] = {
        "text": text,
        "day": text.at.astimezone(request.company.zone),  # type: ignore[attr-defined]
        "style": answers.style_of(request),
        "back": deal_url(request, text.deal_id),
    }
    return answers.form_page(request, "pipeline/note.html", context)
