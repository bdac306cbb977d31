"""Change the chosen deals of the list together, and take that back."""

from urllib.parse import parse_qs

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from accounts.access import company_view
from accounts.actors import Actor
from accounts.errors import DomainError
from pipeline.forms.bulk import REP, BulkForm
from pipeline.selectors.deal_list import matching
from pipeline.services.bulk_edit import (
    MOST_DEALS,
    BulkDone,
    bulk_edit,
    bulk_rewriting,
    undo_bulk_edit,
)
from pipeline.tasks import wake
from pipeline.views import answers
from pipeline.views.deal_asking import deal_question
from pipeline.views.settings_consent import warning


def _list_url(request: HttpRequest) -> str:
    slug = request.company.slug  # type: ignore[attr-defined]
    return reverse("pipeline:deal_list", kwargs={"company_slug": slug})


def _refuse(request: HttpRequest, sentence: str, status: int = 422) -> HttpResponse:
    response = answers.refuse(request, sentence=sentence, status=status, back=_list_url(request))
    if not answers.scripted(request):
        return response
    # The question may stand open over the list: the sentence is about the list.
    return answers.toast(response, text=sentence, closes_dialog=True)


@company_view("deal.change")
@require_POST
def deal_bulk(request: HttpRequest) -> HttpResponse:
    """Give the chosen deals to another rep, or set their next step and its day.

    What would restate closed quarters is shown first, with a question.
    """
    question = deal_question(request, {})
    reps = [(o.value, o.text) for o in question.options.rows["rep"] if not o.retired]
    form = BulkForm(request.POST, reps=reps)
    if not form.is_valid():
        return _refuse(request, " ".join(str(e) for es in form.errors.values() for e in es))
    given = form.cleaned_data
    try:
        ids = _chosen(request, form)
        if not ids:
            return _refuse(request, _("Choose at least one deal first."))
        changes = (
            {"rep_id": int(given["rep"])}
            if given["action"] == REP
            else {"next_step": given["next_step"], "next_step_on": given["next_step_on"]}
        )
        now = timezone.now()
        plan = bulk_rewriting(deal_ids=ids, now=now, **changes)
        if plan.quarters and not given["restate"]:
            return _ask(request, form, chosen=len(ids), restates=warning(plan))
        done = bulk_edit(
            by=Actor.member(request.membership),  # type: ignore[attr-defined]
            deal_ids=ids,
            key=given["key"],
            now=now,
            **changes,
        )
    except DomainError as refusal:
        return _refuse(request, refusal.sentence, refusal.status)
    wake(request.company.pk)  # type: ignore[attr-defined]
    return answers.done(
        request,
        text=_said(done),
        undo=_undo_url(request, done) if done.changed else "",
        default=_list_url(request),
    )


def _ask(request: HttpRequest, form: BulkForm, *, chosen: int, restates: str) -> HttpResponse:
    """What was sent, to be sent again with consent: a page, or a dialog over the list."""
    left_out = {"csrfmiddlewaretoken", "back", "restate"}
    context: dict[str, object] = {
        "form": form,
        "restates": restates,
        "lead": ngettext("{n} deal goes to {rep}.", "{n} deals go to {rep}.", chosen).format(
            n=f"{chosen:,}",
            rep=dict(form.fields["rep"].choices)[form.cleaned_data["rep"]],  # type: ignore[attr-defined]
        ),
        "sent": [
            (name, value)
            for name, values in request.POST.lists()
            if name not in left_out
            for value in values
        ],
        "url": request.path,
        "back": answers.came_from(request, default=_list_url(request)),
    }
    part = "#dialog" if answers.scripted(request) else ""
    response = render(request, f"pipeline/deal_bulk.html{part}", context, status=422)
    if part:
        response["HX-Retarget"] = "#dialog-host"
        response["HX-Reswap"] = "innerHTML"
    return response


class _Changed(DomainError):
    """What matches is not what the page showed."""

    status = 409


def _chosen(request: HttpRequest, form: BulkForm) -> list[int]:
    """The ids of the chosen deals; of all that match, when `every` was ticked."""
    if not form.cleaned_data["every"]:
        told = request.POST.getlist("deal")[: MOST_DEALS + 1]
        return [int(t) for t in told if t.isascii() and t.isdecimal() and len(t) < 19]
    told_query = form.cleaned_data["query"].removeprefix("?")
    try:
        asked = parse_qs(told_query, max_num_fields=50)
    except ValueError:
        asked = {}
    question = deal_question(request, asked)
    if question.pipeline_id is None or question.notices:
        raise _Changed(_("This filter means something else now. Reload the page."))
    found = matching(
        context=question.context, pipeline_id=question.pipeline_id, asked=question.asked
    )
    ids = list(found.order_by("pk").values_list("pk", flat=True)[: MOST_DEALS + 1])
    count = form.cleaned_data["count"]
    if count is None or (len(ids) != count and len(ids) <= MOST_DEALS):
        raise _Changed(
            _(
                "{now} deals match now, {then} did when you looked. Nothing was changed; look at"
                " the list and decide again."
            ).format(now=len(ids), then=count or 0)
        )
    return ids


def _said(done: BulkDone) -> str:
    said = ngettext("{n} deal changed", "{n} deals changed", done.changed).format(n=done.changed)
    if done.left:
        rest = ngettext(
            "{n} was like that already", "{n} were like that already", done.left
        ).format(n=done.left)
        said = f"{said}, {rest}"
    return said


def _undo_url(request: HttpRequest, done: BulkDone) -> str:
    slug = request.company.slug  # type: ignore[attr-defined]
    address = reverse("pipeline:deal_bulk_undo", kwargs={"company_slug": slug})
    return f"{address}?bulk={done.key}"


@company_view("deal.change")
@require_POST
def deal_bulk_undo(request: HttpRequest) -> HttpResponse:
    """Put back what one bulk change did, where nobody has changed it since."""
    try:
        done = undo_bulk_edit(
            by=Actor.member(request.membership),  # type: ignore[attr-defined]
            key=request.GET.get("bulk", ""),
            now=timezone.now(),
        )
    except DomainError as refusal:
        return _refuse(request, refusal.sentence, refusal.status)
    wake(request.company.pk)  # type: ignore[attr-defined]
    said = ngettext("Undone for {n} deal", "Undone for {n} deals", done.changed)
    text = said.format(n=done.changed)
    if done.left:
        kept = ngettext(
            "{n} was changed since and stays", "{n} were changed since and stay", done.left
        )
        text = f"{text}, {kept.format(n=done.left)}"
    return answers.done(request, text=text, default=_list_url(request))
