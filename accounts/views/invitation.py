"""An invitation's link: a page that says what it offers, and a button that accepts."""

from allauth.account.utils import perform_login
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.access import public_view
from accounts.errors import DomainError, Missing
from accounts.forms.members import JoinForm
from accounts.models import User
from accounts.selectors.invitations import invited
from accounts.services.invitations import NoLonger, SignInFirst, accept, hash_of


@public_view
@require_http_methods(["GET", "HEAD", "POST"])
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Show the invitation; accept it by POST only, since mail scanners follow links."""
    now = timezone.now()
    offered = invited(token_hash=hash_of(token), now=now)
    if offered is None:
        return _gone(request, NoLonger().sentence)
    user = request.user if request.user.is_authenticated else None
    mine = user is not None and user.email.lower() == offered.email.lower()
    newcomer = user is None and not offered.has_account
    form = JoinForm(request.POST if request.method == "POST" else None, email=offered.email)
    context = {
        "invited": offered,
        "form": form if newcomer else None,
        "mine": mine,
        "other": user is not None and not mine,
        "here": request.path,
        "sign_in": f"{reverse('account_login')}?next={request.path}",
    }
    if request.method != "POST":
        return render(request, "accounts/invitation.html", context)
    if newcomer and not form.is_valid():
        return render(request, "accounts/invitation.html", context, status=422)
    given = form.cleaned_data if newcomer else {"name": "", "password": ""}
    try:
        accepted = accept(token=token, user=_person(user), now=now, **given)
    except Missing as gone:
        return _gone(request, gone.sentence)
    except SignInFirst:
        return redirect(str(context["sign_in"]))
    except DomainError as refusal:
        context["refused"] = refusal.sentence
        return render(request, "accounts/invitation.html", context, status=refusal.status)
    inside = reverse("metrics:velocity", kwargs={"company_slug": accepted.slug})
    if accepted.new:
        response: HttpResponse = perform_login(request, accepted.user, redirect_url=inside)
        return response
    messages.success(request, _("Welcome to {company}").format(company=offered.company))
    return redirect(inside)


def _person(user: object) -> User | None:
    return User.objects.get(pk=user.pk) if user is not None else None  # type: ignore[attr-defined]


def _gone(request: HttpRequest, sentence: str) -> HttpResponse:
    """The same page for a token that was used, withdrawn, too old, or never there."""
    context = {"sentence": sentence}
    return render(request, "accounts/invitation_gone.html", context, status=404)
