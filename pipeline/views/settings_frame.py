"""What the pages of the pipeline's settings share: their list, their form page, their answers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.errors import DomainError
from accounts.permissions import allows
from pipeline.permissions import SETTINGS_CHANGE, THEME_MANAGE
from pipeline.selectors.settings_catalogues import CATALOGUES
from pipeline.services.history import NotFound
from pipeline.tasks import wake
from pipeline.views import answers


@dataclass(frozen=True, slots=True)
class Section:
    """A page of the settings in the row of them."""

    text: str
    href: str
    current: bool


def url_of(request: HttpRequest, name: str, **more: object) -> str:
    """The address of a page of this company."""
    slug = request.company.slug  # type: ignore[attr-defined]
    return reverse(f"pipeline:{name}", kwargs={"company_slug": slug, **more})


def actor_of(request: HttpRequest) -> Actor:
    return Actor.member(request.membership)  # type: ignore[attr-defined]


def frame(request: HttpRequest) -> dict[str, object]:
    """What every page of the settings prints around its own content."""
    pages = [
        (_("Pipelines"), url_of(request, "settings_pipelines")),
        *(
            (str(c.title), url_of(request, "settings_catalogue", catalogue=c.slug))
            for c in CATALOGUES.values()
        ),
        (_("Exchange rates"), url_of(request, "settings_rates")),
        (_("Mail"), url_of(request, "settings_mail")),
    ]
    role = actor_of(request).role
    slug = request.company.slug  # type: ignore[attr-defined]
    # Findings count under themes, so their page stands in the app above this one.
    themes = answers.address_or_none("metrics:theme_list", company_slug=slug)
    if themes and role is not None and allows(role, THEME_MANAGE):
        pages.insert(-2, (_("Themes"), themes))
    return {
        "settings_url": answers.address_or_none("accounts:settings", company_slug=slug),
        "sections": tuple(Section(text, u, request.path.startswith(u)) for text, u in pages),
        "changes": role is not None and allows(role, SETTINGS_CHANGE),
    }


@dataclass(frozen=True, slots=True)
class FormPage:
    """A form of the settings: what stands around it."""

    title: str
    button: str
    back: str  # where it is left to
    lead: str = ""
    notice: str = ""


def form_page(
    request: HttpRequest, page: FormPage, form: forms.Form, *, status: int = 200
) -> HttpResponse:
    """The page, or with htmx the dialog; after a refusal the form with its values."""
    context: dict[str, object] = {
        "page": page,
        "form": form,
        "url": request.path,
        "back": page.back,
    }
    return answers.form_page(request, "pipeline/settings_form.html", context, status=status)


def refuse_form(
    request: HttpRequest, page: FormPage, form: forms.Form, refusal: DomainError
) -> HttpResponse:
    """The form again with the sentence of a refusal; a row that is gone is a page that is gone."""
    if isinstance(refusal, NotFound):
        raise Http404 from refusal
    form.add_error(None, refusal.sentence)
    return form_page(request, page, form, status=409 if refusal.status == 409 else 422)


def done(request: HttpRequest, *, text: str, back: str, anchor: str = "") -> HttpResponse:
    """It worked: the worker is woken, and the page that asked shows it."""
    wake(request.company.pk)  # type: ignore[attr-defined]
    return answers.done(request, text=text, default=back, anchor=anchor)


def try_button(
    request: HttpRequest, act: Callable[[], Any], *, said: Callable[[Any], str], back: str
) -> HttpResponse:
    """A button without a form: do it and say so, or say why not."""
    try:
        found = act()
    except NotFound as missing:
        raise Http404 from missing
    except DomainError as refusal:
        return answers.refuse(request, sentence=refusal.sentence, status=refusal.status, back=back)
    return done(request, text=said(found), back=back)
