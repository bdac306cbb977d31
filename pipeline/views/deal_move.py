"""Move a deal, and take a move back: the same forms from the board, the deal and the toast."""

from dataclasses import dataclass

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import company_view
from accounts.actors import Actor
from accounts.errors import DomainError
from pipeline.forms.deal_move import DealMoveForm
from pipeline.forms.fields import new_key
from pipeline.forms.withdraw import WithdrawForm
from pipeline.selectors.moves_allowed import (
    MovableDeal,
    StageChoice,
    movable_deal,
    transition_to_correct,
)
from pipeline.services.history import NotFound, Recorded
from pipeline.services.moves import correct_transition
from pipeline.services.record_move import record_move
from pipeline.tasks import wake
from pipeline.views import answers
from pipeline.views.answers import address_or_none
from pipeline.views.consent import must_ask


@dataclass(frozen=True, slots=True)
class MoveMenu:
    """What components/move_menu.html prints for one deal. An empty address is not offered."""

    id: str  # of the popover
    deal_id: int
    version: int
    key: str
    targets: tuple[StageChoice, ...]
    url: str
    win_url: str
    lose_url: str


def move_menu(
    *,
    slug: str,
    deal_id: int,
    version: int,
    targets: tuple[StageChoice, ...],
    is_open: bool = True,
) -> MoveMenu:
    """The move menu of one deal, with a key of its own."""
    where = {"company_slug": slug, "deal_id": deal_id}
    return MoveMenu(
        id=f"move-{deal_id}",
        deal_id=deal_id,
        version=version,
        key=new_key(),
        targets=targets,
        url=reverse("pipeline:deal_move", kwargs=where),
        win_url=address_or_none("pipeline:deal_win", **where) if is_open else "",
        lose_url=address_or_none("pipeline:deal_lose", **where) if is_open else "",
    )


def undo_url(request: HttpRequest, recorded: Recorded) -> str:
    """Where a POST takes a recorded move back, as long as nobody changed the deal since."""
    slug = request.company.slug  # type: ignore[attr-defined]
    where = {"company_slug": slug, "transition_id": recorded.transition_id}
    return f"{reverse('pipeline:transition_withdraw', kwargs=where)}?version={recorded.version}"


@company_view("deal.move")
@require_http_methods(["GET", "HEAD", "POST"])
def deal_move(request: HttpRequest, deal_id: int) -> HttpResponse:
    """Move a deal. GET is the whole form: stage, day, time, note; the menu posts a stage alone."""
    deal = movable_deal(deal_id=deal_id)
    if deal is None:
        raise Http404
    if request.method != "POST":
        back = answers.came_from(request, default=answers.board_url(request))
        return _form_page(request, deal, _form(request, deal), back)
    form = _form(request, deal)
    if not form.is_valid():
        return _refused(request, deal, form, status=422)
    given = form.cleaned_data
    by = Actor.member(request.membership)  # type: ignore[attr-defined]
    day = request.company.local_day(given["happened_at"])  # type: ignore[attr-defined]
    if must_ask(form, by=by, since=day, now=form.now):
        return _refused(request, deal, form, status=422)
    try:
        recorded = record_move(
            by=by,
            deal_id=deal.id,
            to_stage_id=given["stage"],
            occurred_at=given["happened_at"],
            now=form.now,
            note=given["note"],
            key=given["key"],
            version=given["version"],
        )
    except NotFound as missing:
        raise Http404 from missing
    except DomainError as refusal:
        form.add_error(None, refusal.sentence)
        return _refused(request, deal, form, status=refusal.status)
    wake(request.company.pk)  # type: ignore[attr-defined]
    stage = next(s.name for s in deal.stages if s.id == given["stage"])
    return answers.done(
        request,
        text=_("{deal} moved to {stage}").format(deal=deal.name, stage=stage),
        undo=undo_url(request, recorded),
        default=answers.board_url(request),
        deal_id=deal.id,
        stages=frozenset(filter(None, (deal.stage_id, given["stage"]))),
    )


def _form(request: HttpRequest, deal: MovableDeal) -> DealMoveForm:
    return DealMoveForm(
        request.POST if request.method == "POST" else None,
        stages=deal.stages,
        now=timezone.now(),
        zone=request.company.zone,  # type: ignore[attr-defined]
        after=deal.last_at,
        initial={"version": deal.version},
    )


def _form_page(
    request: HttpRequest, deal: MovableDeal, form: DealMoveForm, back: str, status: int = 200
) -> HttpResponse:
    slug = request.company.slug  # type: ignore[attr-defined]
    where = {"company_slug": slug, "deal_id": deal.id}
    context: dict[str, object] = {
        "deal": deal,
        "form": form,
        "back": back,
        "url": reverse("pipeline:deal_move", kwargs=where),
        "win_url": address_or_none("pipeline:deal_win", **where) if deal.is_open else "",
        "lose_url": address_or_none("pipeline:deal_lose", **where) if deal.is_open else "",
    }
    return answers.form_page(request, "pipeline/deal_move.html", context, status=status)


def _refused(
    request: HttpRequest, deal: MovableDeal, form: DealMoveForm, *, status: int
) -> HttpResponse:
    """Say why: in a toast to the menu or the drag, in the form to whoever filled it in.

    After a conflict the form takes the deal's new version, so that sending it again is a
    decision made in view of both values.
    """
    asked_by_menu = answers.scripted(request) and "note" not in request.POST
    if asked_by_menu:
        sentences = [str(text) for errors in form.errors.values() for text in errors]
        return answers.refuse(
            request,
            sentence=" ".join(sentences),
            status=status,
            back=answers.board_url(request),
        )
    back = answers.came_from(request, default=answers.board_url(request))
    form.data = form.data.copy()  # type: ignore[attr-defined]
    form.data["version"] = str(deal.version)  # type: ignore[index]
    return _form_page(request, deal, form, back, status)


@company_view("deal.correct")
@require_POST
def transition_withdraw(request: HttpRequest, transition_id: int) -> HttpResponse:
    """Take a move back: it never happened. The row and its withdrawal stay in the history."""
    by = Actor.member(request.membership)  # type: ignore[attr-defined]
    move = transition_to_correct(transition_id=transition_id, by=by)
    if move is None:
        raise Http404
    form = WithdrawForm(
        {
            "reason": request.POST.get("reason") or "undone",
            "version": request.POST.get("version") or request.GET.get("version"),
            "key": request.POST.get("key") or f"withdraw-{transition_id}",
        }
    )
    back = answers.board_url(request)
    if not form.is_valid():
        sentences = [str(text) for errors in form.errors.values() for text in errors]
        return answers.refuse(request, sentence=" ".join(sentences), status=422, back=back)
    given = form.cleaned_data
    before = movable_deal(deal_id=move.deal_id)
    try:
        correct_transition(
            by=by,
            transition_id=move.pk,
            now=timezone.now(),
            withdraw=True,
            reason=given["reason"],
            key=given["key"],
            version=given["version"],
        )
    except DomainError as refusal:
        return answers.refuse(request, sentence=refusal.sentence, status=refusal.status, back=back)
    wake(request.company.pk)  # type: ignore[attr-defined]
    now_in = movable_deal(deal_id=move.deal_id)
    name = now_in.name if now_in else ""
    stage = now_in.stage_name if now_in else ""
    said = (
        _("Undone. {deal} is in {stage}").format(deal=name, stage=stage)
        if stage
        else _("Undone. {deal} has no stage any more").format(deal=name)
    )
    touched = {d.stage_id for d in (before, now_in) if d and d.stage_id}
    return answers.done(
        request,
        text=said,
        default=back,
        deal_id=move.deal_id,
        stages=frozenset(touched),
    )
