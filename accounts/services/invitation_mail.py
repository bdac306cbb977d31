"""The letter with an invitation's link."""

from smtplib import SMTPException

from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from accounts.errors import DomainError
from accounts.services.invitations import Sent


def send_invitation(*, sent: Sent, company: str, inviter: str, address: str) -> None:
    """Send the link. A refused letter refuses the invitation: the caller's transaction ends."""
    context = {
        "company": _one_line(company),
        "inviter": _one_line(inviter),
        "role": sent.invitation.get_role_display(),
        "email": sent.invitation.email,
        "address": address,
        "until": sent.invitation.expires_at,
    }
    subject = _("{inviter} invites you to {company} on Leverpoint").format(
        inviter=context["inviter"], company=context["company"]
    )
    body = render_to_string("accounts/mail/invitation.txt", context)
    try:
        send_mail(_one_line(subject), body, None, [sent.invitation.email])
    except (OSError, SMTPException) as error:
        raise DomainError(
            _(
                "The e-mail to {email} could not be sent, so nothing was changed."
                " Try again, or look at the mail settings."
            ).format(email=sent.invitation.email)
        ) from error


def _one_line(text: str) -> str:
    """A line break in a name would be a header of its own."""
    return " ".join(text.split())
