"""The person's own page, their sign-ins, and the way to a second factor."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import public_view
from accounts.forms.profile import ProfileForm
from accounts.selectors.memberships import asked_of
from accounts.selectors.second_factor import factors_of
from accounts.selectors.sign_ins import sign_ins_of
from accounts.services.profile import change_profile
from accounts.services.sign_ins import sign_out_one, sign_out_others
from accounts.views.reading import user_id_of


@public_view
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def profile(request: HttpRequest) -> HttpResponse:
    """Name and shortcuts, and the way to address, password, second factor and sign-ins."""
    user = request.user
    form = ProfileForm(
        request.POST if request.method == "POST" else None,
        initial={"name": user.name, "shortcuts": user.shortcuts},  # type: ignore[union-attr]
    )
    if request.method == "POST" and form.is_valid():
        change_profile(user_id=user_id_of(request), **form.cleaned_data)
        messages.success(request, _("Saved"))
        return redirect("accounts:profile")
    context = {"form": form, "has_factor": bool(factors_of(user_id=user_id_of(request)))}
    status = 422 if form.is_bound else 200
    return render(request, "accounts/profile.html", context, status=status)


@public_view
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def sign_ins(request: HttpRequest) -> HttpResponse:
    """Where the person is signed in; one of them, or all others, can be ended."""
    user_id, key = user_id_of(request), request.session.session_key or ""
    if request.method == "POST":
        one = request.POST.get("sign_in", "")
        if one.isascii() and one.isdigit() and len(one) < 19:
            ended = int(sign_out_one(user_id=user_id, sign_in_id=int(one)))
        else:
            ended = sign_out_others(user_id=user_id, keep=key)
        said = ngettext("{n} other sign-in ended", "{n} other sign-ins ended", ended)
        messages.success(request, said.format(n=ended))
        return redirect("accounts:sign_ins")
    found = sign_ins_of(user_id=user_id, current_key=key, now=timezone.now())
    return render(request, "accounts/sign_ins.html", {"sign_ins": found})


@public_view
@require_safe
@login_required
def second_factor(request: HttpRequest) -> HttpResponse:
    """Where a company's page leads whoever has no second factor although it asks for one."""
    target = request.GET.get("next", "/")
    if not url_has_allowed_host_and_scheme(target, allowed_hosts={request.get_host()}):
        target = "/"
    if factors_of(user_id=user_id_of(request)):
        return redirect(target)
    context = {"companies": asked_of(user_id=user_id_of(request))}
    return render(request, "accounts/second_factor.html", context)
