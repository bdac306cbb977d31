"""Members of a company and its invitations."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import company_view
from accounts.actors import Actor
from accounts.errors import DomainError, Missing
from accounts.forms.members import InviteForm, RoleForm
from accounts.permissions import allows
from accounts.roles import Role
from accounts.selectors.invitations import waiting_invitations
from accounts.selectors.members import member, members
from accounts.services.invitation_mail import send_invitation
from accounts.services.invitations import Sent, invite, resend, revoke
from accounts.services.members import change_role, remove_member
from accounts.views.reading import user_id_of


@company_view("member.view")
@require_safe
def member_list(request: HttpRequest) -> HttpResponse:
    """Who belongs to the company, and who is invited."""
    return _page(request, InviteForm(initial={"role": Role.REP.value}))


@company_view("member.manage")
@require_http_methods(["POST"])
def member_invite(request: HttpRequest) -> HttpResponse:
    """Invite an address with a role."""
    form = InviteForm(request.POST)
    if not form.is_valid():
        return _page(request, form, status=422)
    try:
        with transaction.atomic():  # a letter that cannot be sent invites nobody
            sent = invite(by=_actor(request), now=timezone.now(), **form.cleaned_data)
            _send(request, sent)
    except DomainError as refusal:
        form.add_error(None, refusal.sentence)
        return _page(request, form, status=422)
    return _done(request, _("Invitation sent to {email}").format(email=sent.invitation.email))


@company_view("member.manage")
@require_POST
def invitation_resend(request: HttpRequest, invitation_id: int) -> HttpResponse:
    """Send an invitation again, with a new link for seven days."""

    def act() -> str:
        sent = resend(by=_actor(request), invitation_id=invitation_id, now=timezone.now())
        _send(request, sent)
        return _("Invitation sent again to {email}").format(email=sent.invitation.email)

    return _act(request, act)


@company_view("member.manage")
@require_POST
def invitation_revoke(request: HttpRequest, invitation_id: int) -> HttpResponse:
    """Withdraw an invitation."""

    def act() -> str:
        gone = revoke(by=_actor(request), invitation_id=invitation_id, now=timezone.now())
        return _("Invitation of {email} withdrawn").format(email=gone.email)

    return _act(request, act)


@company_view("member.manage")
@require_POST
def member_role(request: HttpRequest, membership_id: int) -> HttpResponse:
    """Give a member another role."""
    found = member(membership_id=membership_id, user_id=user_id_of(request))
    if found is None:
        raise Http404
    form = RoleForm(request.POST)
    if not form.is_valid():
        return _page(request, InviteForm(), refused=_("Choose a role."), status=422)

    def act() -> str:
        role = form.cleaned_data["role"]
        change_role(by=_actor(request), membership_id=membership_id, role=role, now=timezone.now())
        return _("{name} is {role} now").format(name=found.name or found.email, role=role.label)

    return _act(request, act)


@company_view("member.manage")
@require_http_methods(["GET", "HEAD", "POST"])
def member_remove(request: HttpRequest, membership_id: int) -> HttpResponse:
    """Say what the end of a membership means, then end it (`sure`)."""
    found = member(membership_id=membership_id, user_id=user_id_of(request))
    if found is None:
        raise Http404
    if not request.POST.get("sure"):
        status = 422 if request.method == "POST" else 200
        return render(request, "accounts/member_remove.html", {"member": found}, status=status)

    def act() -> str:
        name = remove_member(by=_actor(request), membership_id=membership_id, now=timezone.now())
        return _("{name} no longer belongs to this workspace").format(name=name)

    return _act(request, act, leaves=found.you)


def _actor(request: HttpRequest) -> Actor:
    return Actor.member(request.membership)  # type: ignore[attr-defined]


def _url(request: HttpRequest) -> str:
    slug = request.company.slug  # type: ignore[attr-defined]
    return reverse("accounts:member_list", kwargs={"company_slug": slug})


def _done(request: HttpRequest, text: str) -> HttpResponse:
    messages.success(request, text)
    return HttpResponseRedirect(_url(request))


def _act(request: HttpRequest, act: Callable[[], str], *, leaves: bool = False) -> HttpResponse:
    """Do it and say so on the list; a refusal is said there too, and changes nothing."""
    try:
        with transaction.atomic():
            text = act()
    except Missing as missing:
        raise Http404 from missing
    except DomainError as refusal:
        return _page(request, InviteForm(), refused=refusal.sentence, status=refusal.status)
    if leaves:
        messages.success(request, text)
        return redirect("accounts:company_list")
    return _done(request, text)


def _send(request: HttpRequest, sent: Sent) -> None:
    company = request.company  # type: ignore[attr-defined]
    path = reverse("accounts:invitation", kwargs={"token": sent.token})
    send_invitation(
        sent=sent,
        company=company.name,
        inviter=str(request.user),
        address=request.build_absolute_uri(path),
    )


def _page(
    request: HttpRequest, form: InviteForm, *, refused: str = "", status: int = 200
) -> HttpResponse:
    role = Role(request.membership.role)  # type: ignore[attr-defined]
    context: dict[str, Any] = {
        "members": members(user_id=user_id_of(request)),
        "invitations": waiting_invitations(now=timezone.now()),
        "roles": list(Role),
        "form": form,
        "refused": refused,
        "manages": allows(role, "member.manage"),
        "slug": request.company.slug,  # type: ignore[attr-defined]
    }
    return render(request, "accounts/member_list.html", context, status=status)
