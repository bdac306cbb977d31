"""Who signed a quarter: the card on its page, signing, and countersigning."""

from dataclasses import dataclass

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.access import company_view
from accounts.actors import Actor
from accounts.errors import DomainError
from accounts.permissions import allows
from accounts.roles import Role
from metrics.forms.sign_offs import CountersignForm, SignForm
from metrics.selectors.quarters_picker import query_of
from metrics.selectors.sign_off_words import SignatureText, signature_texts
from metrics.selectors.sign_offs import SignedOff, sign_offs_of
from metrics.services.sign_offs import countersign, sign_quarter
from metrics.views.asking import style_of
from metrics.views.quarters_asking import OneQuarter, address, one_quarter
from pipeline.views import answers

PERMISSION = "quarter.sign"


@dataclass(frozen=True, slots=True)
class Card:
    """What the card prints: the signatures, and the form that is open to who asks, if one is."""

    signatures: tuple[SignatureText, ...]
    form: forms.Form | None
    countersigns: bool
    name: str  # who signs: what will stand there
    note: str
    url: str
    quarter: str
    quarter_url: str


def _quarter(request: HttpRequest, label: str) -> tuple[OneQuarter, int]:
    """The quarter of the address and the pipeline whose figures are signed."""
    asked = one_quarter(request, label)
    assert asked.pipeline_id is not None  # a quarter has figures of a pipeline
    return asked, asked.pipeline_id


def _card(request: HttpRequest, label: str, form: forms.Form | None = None) -> Card:
    company = request.company  # type: ignore[attr-defined]
    asked, pipeline_id = _quarter(request, label)
    start, newest = asked.quarter.start, asked.versions[-1]
    found = sign_offs_of(company=company, pipeline_id=pipeline_id, quarter_start=start)
    signed = found.get(start, ())
    standing = next((one for one in signed if not one.restated), None)
    may = allows(Role(request.membership.role), PERMISSION)  # type: ignore[attr-defined]
    final = newest.status == "final"
    note, countersigns = "", False
    open_form: forms.Form | None = None
    if not final:
        note = _("A quarter can be signed once it is final.")
    elif standing is None:
        if may:
            open_form = form or SignForm(initial={"seen": newest.number})
        elif not signed:
            note = _("Nobody has signed this quarter.")
    elif may and standing.countersigned_at is None and standing.by_id != request.user.pk:
        countersigns = True
        open_form = form or CountersignForm(initial={"sign_off": standing.id})
    elif standing.countersigned_at is None and standing.by_id == request.user.pk:
        note = _("A second person can countersign it.")
    if form is not None and open_form is None and form.non_field_errors():
        note = " ".join(str(error) for error in form.non_field_errors())
    kept = query_of(asked.kept)
    here = address(request, "quarter", label=label) + kept
    return Card(
        signatures=signature_texts(signed, quarter_url=here, style=style_of(request)),
        form=open_form,
        countersigns=countersigns,
        name=str(request.user),
        note=note,
        url=address(request, "quarter_countersign" if countersigns else "quarter_sign", label=label)
        + kept,
        quarter=asked.name,
        quarter_url=here,
    )


def _drawn(
    request: HttpRequest, label: str, form: forms.Form | None = None, *, status: int = 200
) -> HttpResponse:
    card = _card(request, label, form)
    context = {"card": card, "title": card.quarter}
    part = "#card" if answers.scripted(request) else ""
    return render(request, f"metrics/sign_off.html{part}", context, status=status)


@company_view("quarter.view")
@require_safe
def quarter_sign_off(request: HttpRequest, label: str) -> HttpResponse:
    """The signatures of a quarter: a page, or with htmx the card of the quarter's page."""
    return _drawn(request, label)


@company_view(PERMISSION)
@require_POST
def quarter_sign(request: HttpRequest, label: str) -> HttpResponse:
    """Sign the figures that are on the screen."""
    asked, pipeline_id = _quarter(request, label)
    form = SignForm(request.POST)
    if not form.is_valid():
        return _drawn(request, label, form, status=422)
    try:
        sign_quarter(
            by=Actor.member(request.membership),  # type: ignore[attr-defined]
            now=timezone.now(),
            pipeline_id=pipeline_id,
            quarter_start=asked.quarter.start,
            comment=form.cleaned_data["comment"],
            seen=form.cleaned_data["seen"],
        )
    except DomainError as refusal:
        return _refused(request, label, form, refusal)
    return _done(request, asked, _("Signed"))


@company_view(PERMISSION)
@require_POST
def quarter_countersign(request: HttpRequest, label: str) -> HttpResponse:
    """Stand behind a signature as a second person."""
    asked, pipeline_id = _quarter(request, label)
    company = request.company  # type: ignore[attr-defined]
    form = CountersignForm(request.POST)
    if not form.is_valid():
        return _drawn(request, label, form, status=422)
    start = asked.quarter.start
    of_quarter = sign_offs_of(company=company, pipeline_id=pipeline_id, quarter_start=start)
    try:
        countersign(
            by=Actor.member(request.membership),  # type: ignore[attr-defined]
            now=timezone.now(),
            sign_off_id=_one_of(of_quarter.get(start, ()), form.cleaned_data["sign_off"]),
            comment=form.cleaned_data["comment"],
        )
    except DomainError as refusal:
        return _refused(request, label, form, refusal)
    return _done(request, asked, _("Countersigned"))


def _one_of(signed: tuple[SignedOff, ...], wanted: int) -> int:
    """The signature of this quarter that the form names; 0, which none has, for another's."""
    return wanted if any(one.id == wanted for one in signed) else 0


def _refused(
    request: HttpRequest, label: str, form: forms.Form, refusal: DomainError
) -> HttpResponse:
    """The card as it is now. After a conflict the form is a new one, of what stands there now."""
    if refusal.status == 409:
        fresh = SignForm({"seen": _quarter(request, label)[0].versions[-1].number, **_said(form)})
        fresh.is_valid()
        form = fresh
    form.add_error(None, refusal.sentence)
    return _drawn(request, label, form, status=refusal.status)


def _said(form: forms.Form) -> dict[str, str]:
    return {"comment": form.cleaned_data.get("comment", "")}


def _done(request: HttpRequest, asked: OneQuarter, text: str) -> HttpResponse:
    label = asked.quarter.label
    if answers.scripted(request):
        return answers.toast(_drawn(request, label), text=text)
    messages.success(request, text)
    kept = query_of(asked.kept)
    return answers.SeeOther(f"{address(request, 'quarter', label=label)}{kept}#signed")
