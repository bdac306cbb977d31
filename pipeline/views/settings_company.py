"""The settings of a company: what a change does is said before it is saved."""

import hashlib
import json
from dataclasses import asdict
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.access import company_view
from accounts.actors import Actor
from accounts.errors import DomainError
from accounts.models import Company
from accounts.selectors.second_factor import factors_of
from accounts.views.reading import user_id_of
from pipeline.forms.company import CompanyForm
from pipeline.models import Deal
from pipeline.services.company_settings import (
    CompanySettings,
    change_company,
    consequences,
    refuse_stale,
)
from pipeline.services.history import StaleVersion
from pipeline.tasks import wake
from pipeline.views.answers import SeeOther


@company_view("company.settings")
@require_http_methods(["GET", "HEAD", "POST"])
def settings_company(request: HttpRequest) -> HttpResponse:
    """Show the settings; save them, once what that does to history has been said."""
    company = request.company  # type: ignore[attr-defined]
    kept = CompanySettings.of(company)
    form = CompanyForm(
        request.POST if request.method == "POST" else None,
        initial={**asdict(kept), "seen": asdict(kept)},
        company=company,
        has_deals=Deal.objects.exists(),
    )
    if request.method != "POST" or not form.is_valid():
        return _page(request, form, status=422 if form.is_bound else 200)
    wanted = CompanySettings(**{k: form.cleaned_data[k] for k in CompanySettings.__slots__})
    seen = _seen(form.cleaned_data["seen"])
    try:
        refuse_stale(kept=kept, seen=seen, wanted=wanted)
    except DomainError as refusal:
        return _stale(request, form, refusal)
    if wanted.require_mfa and not kept.require_mfa and not factors_of(user_id=user_id_of(request)):
        form.add_error(
            "require_mfa", _("Set up your own second factor first, so that you stay in.")
        )
        return _page(request, form, status=422)
    said = consequences(company=company, wanted=wanted)
    if said and form.cleaned_data["agreed"] != _digest(kept, wanted):
        _put(form, agreed=_digest(kept, wanted))
        return _page(request, form, said=said)
    try:
        change_company(
            by=Actor.member(request.membership),  # type: ignore[attr-defined]
            wanted=wanted,
            now=timezone.now(),
            seen=seen,
        )
    except StaleVersion as refusal:
        return _stale(request, form, refusal)
    except DomainError as refusal:
        form.add_error(None, refusal.sentence)
        return _page(request, form, status=refusal.status)
    wake(company.pk)
    messages.success(request, _("Saved"))
    return SeeOther(reverse("pipeline:settings_company", kwargs={"company_slug": company.slug}))


def _seen(told: Any) -> CompanySettings | None:
    """What the form was drawn with; None where it does not say."""
    if not isinstance(told, dict) or set(told) != set(CompanySettings.__slots__):
        return None
    return CompanySettings(**told)


def _put(form: CompanyForm, **values: str) -> None:
    """Other values of hidden fields, for the form as it is shown again."""
    data = form.data.copy()  # type: ignore[attr-defined]
    data.update(values)
    form.data = data


def _stale(request: HttpRequest, form: CompanyForm, refusal: DomainError) -> HttpResponse:
    """Told with both values; sending it again is a decision made in view of both."""
    form.add_error(None, refusal.sentence)
    company = Company.objects.get(pk=request.company.pk)  # type: ignore[attr-defined]
    _put(form, seen=json.dumps(asdict(CompanySettings.of(company))))
    return _page(request, form, status=409)


def _digest(kept: CompanySettings, wanted: CompanySettings) -> str:
    """Names one change, from these values to those: agreeing to it agrees to no other."""
    text = json.dumps([asdict(kept), asdict(wanted)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _page(
    request: HttpRequest, form: CompanyForm, *, said: tuple[str, ...] = (), status: int = 200
) -> HttpResponse:
    context = {"form": form, "said": said, "slug": request.company.slug}  # type: ignore[attr-defined]
    return render(request, "pipeline/settings_company.html", context, status=status)
