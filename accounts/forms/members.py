"""Inviting, changing roles, coming in."""

from typing import Any

from django import forms
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.roles import Role

ROLES = [
    (Role.REP.value, _("Rep: records own deals, moves and notes")),
    (Role.MANAGER.value, _("Manager: corrects facts, sets up pipelines")),
    (Role.LEADER.value, _("Leader: reads")),
    (Role.OWNER.value, _("Owner: everything, also members and the workspace")),
]


class InviteForm(forms.Form):
    email = forms.EmailField(label=_("E-mail"), max_length=254)
    role = forms.TypedChoiceField(label=_("Role"), choices=ROLES, coerce=Role)


class RoleForm(forms.Form):
    role = forms.TypedChoiceField(
        label=_("Role"),
        choices=[(role.value, role.label) for role in Role],
        coerce=Role,
        error_messages={"required": _("Choose a role."), "invalid_choice": _("Choose a role.")},
    )


class JoinForm(forms.Form):
    """Name and password of somebody new. The address is the invitation's."""

    name = forms.CharField(
        label=_("Your name"), max_length=200, widget=forms.TextInput(attrs={"autocomplete": "name"})
    )
    password = forms.CharField(
        label=_("Password"),
        max_length=200,
        strip=False,
        help_text=_("At least 12 characters. A few words that only you combine do well."),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def __init__(self, *args: Any, email: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.email = email

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if given.get("password"):
            user = User(email=self.email, name=given.get("name", ""))
            try:
                validate_password(given["password"], user)
            except ValidationError as error:
                self.add_error("password", error)
        return given
