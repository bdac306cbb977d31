"""The people at a customer, added and changed from the deal that they matter to."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import company_view
from accounts.actors import Actor
from accounts.errors import DomainError
from pipeline.forms.contacts import ContactForm, answer_of
from pipeline.selectors.contacts import ContactPage, contact_page, new_contact_page
from pipeline.services.contacts import Person, add_contact, change_contact, retire_contact
from pipeline.services.history import NotFound
from pipeline.views import answers


@company_view("deal.change")
@require_http_methods(["GET", "HEAD", "POST"])
def contact_add(request: HttpRequest, customer_id: int) -> HttpResponse:
    """Add a person to a customer."""
    page = new_contact_page(customer_id=customer_id)
    if page is None:
        raise Http404
    if request.method != "POST":
        return _page(request, page, ContactForm(initial={"decides": ""}))
    form = ContactForm(request.POST)
    if not form.is_valid():
        return _page(request, page, form, status=422)
    try:
        added = add_contact(
            by=Actor.member(request.membership),  # type: ignore[attr-defined]
            customer_id=customer_id,
            person=Person(**form.person()),
            now=timezone.now(),
        )
    except NotFound as missing:
        raise Http404 from missing
    except DomainError as refusal:
        form.add_error(None, refusal.sentence)
        return _page(request, page, form, status=422)
    return answers.done(
        request,
        text=_("{person} added").format(person=added.name),
        default=answers.board_url(request),
        anchor="contacts",
    )


@company_view("deal.change")
@require_http_methods(["GET", "HEAD", "POST"])
def contact_edit(request: HttpRequest, customer_id: int, contact_id: int) -> HttpResponse:
    """Change what is known about a person; a stale screen is told with both values."""
    page = contact_page(customer_id=customer_id, contact_id=contact_id)
    if page is None:
        raise Http404
    if request.method != "POST":
        return _page(request, page, ContactForm(initial=_initial(page)))
    form = ContactForm(request.POST)
    if not form.is_valid():
        return _page(request, page, form, status=422)
    try:
        changed = change_contact(
            by=Actor.member(request.membership),  # type: ignore[attr-defined]
            contact_id=contact_id,
            person=Person(**form.person()),
            now=timezone.now(),
            seen=_seen(form.cleaned_data["seen"]),
        )
    except NotFound as missing:
        raise Http404 from missing
    except DomainError as refusal:
        form.add_error(None, refusal.sentence)
        return _page(request, page, form, status=409 if refusal.status == 409 else 422)
    return answers.done(
        request,
        text=_("{person} saved").format(person=changed.name),
        default=answers.board_url(request),
        anchor="contacts",
    )


@company_view("deal.change")
@require_POST
def contact_retire(request: HttpRequest, customer_id: int, contact_id: int) -> HttpResponse:
    """The person has left: no longer shown, kept in what was said."""
    if contact_page(customer_id=customer_id, contact_id=contact_id) is None:
        raise Http404
    retired = retire_contact(
        by=Actor.member(request.membership),  # type: ignore[attr-defined]
        contact_id=contact_id,
        now=timezone.now(),
    )
    return answers.done(
        request,
        text=_("{person} is no contact any more").format(person=retired.name),
        default=answers.board_url(request),
        anchor="contacts",
    )


def _initial(page: ContactPage) -> dict[str, Any]:
    return {
        "name": page.name,
        "title": page.title,
        "email": page.email,
        "phone": page.phone,
        "decides": answer_of(page.decides),
        "do_not_track": page.do_not_track,
        "seen": page.seen(),
    }


def _seen(told: Any) -> Person | None:
    """What the screen showed; a form that does not say so overwrites knowingly."""
    fields = {"name": str, "title": str, "email": str, "phone": str}
    if not isinstance(told, dict) or set(told) - {"do_not_track"} != {*fields, "decides"}:
        return None
    if not isinstance(told.get("do_not_track", False), bool):
        return None
    if any(not isinstance(told[name], kind) for name, kind in fields.items()):
        return None
    return Person(**told) if told["decides"] in (True, False, None) else None


def _page(
    request: HttpRequest, page: ContactPage, form: ContactForm, status: int = 200
) -> HttpResponse:
    if form.is_bound:
        # After a refusal the form has seen what it now shows beside the typed values.
        form.data = form.data.copy()  # type: ignore[attr-defined]
        form.data["seen"] = page.seen_text()  # type: ignore[index]
    slug = request.company.slug  # type: ignore[attr-defined]
    where = {"company_slug": slug, "customer_id": page.customer_id, "contact_id": page.id}
    context: dict[str, object] = {
        "page": page,
        "form": form,
        "back": answers.came_from(request, default=answers.board_url(request)),
        "url": request.path,
        "retire_url": reverse("pipeline:contact_retire", kwargs=where) if page.id else "",
    }
    return answers.form_page(request, "pipeline/contact_edit.html", context, status=status)
