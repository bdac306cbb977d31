"""Exchange rates: a grid to type in, a box to paste into, and what is missing."""

import re
from datetime import date, datetime
from decimal import Decimal

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import company_view
from accounts.errors import DomainError
from accounts.models import Company
from pipeline.forms.settings import PasteForm, RatesForm
from pipeline.importers.rate_lines import month_of, rate_of, read_rates
from pipeline.selectors.settings_rates import deals_needing, rates_page
from pipeline.services.rates import RateChange, rates_rewrite, set_rates
from pipeline.views import answers
from pipeline.views.settings_consent import must_ask
from pipeline.views.settings_frame import FormPage, actor_of, done, form_page, frame, url_of

_FIELD = re.compile(r"rate-([A-Z]{3})-(\d{4}-\d{2})")
_MOST_CELLS = 600


@company_view("settings.view")
@require_safe
def settings_rates(request: HttpRequest) -> HttpResponse:
    """The rates of a year (`year`), with a column more for `currency`."""
    return _page(request, RatesForm(), {})


@company_view("settings.change")
@require_POST
def settings_rates_save(request: HttpRequest) -> HttpResponse:
    """What was typed into the grid; asks first where that restates closed quarters."""
    form = RatesForm(request.POST)
    typed = _typed(request)
    if not form.is_valid() or len(typed) > _MOST_CELLS:
        form.add_error(None, _("This form cannot be recognised. Reload the page."))
        return _page(request, form, {}, status=422)
    changes = []
    errors = {}
    for name, text in typed.items():
        read = _change(name, text, request.POST.get(f"was-{name}", ""))
        if isinstance(read, str):
            errors[name] = read
        elif read is not None:
            changes.append(read)
    if errors:
        form.add_error(None, " ".join(sorted(set(errors.values()))))
        return _page(request, form, typed, errors=errors, status=422)
    now = timezone.now()
    try:
        if must_ask(form, rates_rewrite(changes=changes, now=now)):
            return _page(request, form, typed, status=422)
        changed = set_rates(by=actor_of(request), changes=changes, now=now)
    except DomainError as refusal:
        form.add_error(None, refusal.sentence)
        return _page(request, form, typed, status=409 if refusal.status == 409 else 422)
    return _done(request, changed)


@company_view("settings.change")
@require_http_methods(["GET", "HEAD", "POST"])
def settings_rates_paste(request: HttpRequest) -> HttpResponse:
    """Rates of several lines at once: all of them, or none and why."""
    page = FormPage(_("Paste rates"), _("Set these rates"), url_of(request, "settings_rates"))
    form = PasteForm(request.POST if request.method == "POST" else None)
    if request.method != "POST":
        return form_page(request, page, form)
    if not form.is_valid():
        return form_page(request, page, form, status=422)
    read = read_rates(form.cleaned_data["lines"])
    for problem in read.problems[:10]:
        form.add_error("lines", problem)
    if read.problems:
        return form_page(request, page, form, status=422)
    changes = [RateChange(rate.currency, rate.month, rate.rate) for rate in read.rates]
    now = timezone.now()
    try:
        if must_ask(form, rates_rewrite(changes=changes, now=now)):
            return form_page(request, page, form, status=422)
        changed = set_rates(by=actor_of(request), changes=changes, now=now)
    except DomainError as refusal:
        form.add_error(None, refusal.sentence)
        return form_page(request, page, form, status=422)
    return _done(request, changed)


@company_view("settings.view")
@require_safe
def settings_rate_deals(request: HttpRequest, currency: str, month: str) -> HttpResponse:
    """The deals that are converted at one rate."""
    company = request.company  # type: ignore[attr-defined]
    first = month_of(month)
    if first is None or currency == company.currency:
        raise Http404
    found = deals_needing(
        company=company,
        currency=currency,
        month=first,
        today=_today(request, timezone.now()),
        style=answers.style_of(request),
    )
    context = {
        **frame(request),
        "found": found,
        "currency": currency,
        "rest": found.total - len(found.rows),
        "slug": company.slug,
        "back": f"{url_of(request, 'settings_rates')}?year={first.year}",
    }
    return render(request, "pipeline/settings_rate_deals.html", context)


def _today(request: HttpRequest, now: datetime) -> date:
    company: Company = request.company  # type: ignore[attr-defined]
    return company.local_day(company.clock(now))


def _typed(request: HttpRequest) -> dict[str, str]:
    return {
        name: text.strip()[:40]
        for name, text in request.POST.items()
        if isinstance(text, str) and _FIELD.fullmatch(name)
    }


def _change(name: str, text: str, was: str) -> RateChange | str | None:
    """What a field of the grid changes: a rate, nothing, or a sentence why it cannot be read."""
    if text == was:
        return None
    found = _FIELD.fullmatch(name)
    month = month_of(found[2]) if found else None
    if found is None or month is None:
        return _("This form cannot be recognised. Reload the page.")
    rate: Decimal | None = rate_of(text) if text else None
    if text and rate is None:
        return _("{text} is no rate. Write a number above zero, such as 0.92.").format(text=text)
    return RateChange(found[1], month, rate, seen=rate_of(was) if was else None)


def _done(request: HttpRequest, changed: int) -> HttpResponse:
    said = ngettext("{n} rate changed", "{n} rates changed", changed).format(n=changed)
    return done(request, text=said, back=url_of(request, "settings_rates"))


def _page(
    request: HttpRequest,
    form: RatesForm,
    typed: dict[str, str],
    *,
    errors: dict[str, str] | None = None,
    status: int = 200,
) -> HttpResponse:
    company = request.company  # type: ignore[attr-defined]
    asked = request.POST if request.method == "POST" else request.GET
    year, also = asked.get("year", ""), asked.get("currency", "").strip().upper()
    page = rates_page(
        company=company,
        today=_today(request, timezone.now()),
        year=int(year) if re.fullmatch(r"\d{4}", year) else None,
        also=also if re.fullmatch(r"[A-Z]{3}", also) else "",
        style=answers.style_of(request),
    )
    wrong = errors or {}
    rows = [
        (row.text, [(c, typed.get(c.name, c.value), c.name in wrong) for c in row.cells])
        for row in page.rows
    ]
    context: dict[str, object] = {
        **frame(request),
        "page": page,
        "rows": rows,
        "form": form,
        "currency": company.currency,
        "also": also,
        "slug": company.slug,
        "url": url_of(request, "settings_rates_save"),
        "back": url_of(request, "settings_rates"),
    }
    return render(request, "pipeline/settings_rates.html", context, status=status)
