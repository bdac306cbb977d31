"""Where the mail provider posts incoming messages. django-anymail checks that it is the one.

anymail hands a message over by a signal, the one way it has: `on_message` is its only receiver
and calls the service, nothing else.
"""

from typing import Any

import structlog
from allauth.core import ratelimit
from anymail.exceptions import AnymailWebhookValidationFailure
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.module_loading import import_string
from django.views.decorators.csrf import csrf_exempt

from accounts.access import public_view
from pipeline.importers.mail import BYTES
from pipeline.services.deliver_mail import TooMuchMail, deliver_mail

log = structlog.get_logger(__name__)

_POST = BYTES * 3 // 2  # bytes: a message in base64, with what the provider adds
_VIEWS = {
    "mailersend": "anymail.webhooks.mailersend.MailerSendInboundWebhookView",
    "mailgun": "anymail.webhooks.mailgun.MailgunInboundWebhookView",
    "mailjet": "anymail.webhooks.mailjet.MailjetInboundWebhookView",
    "postal": "anymail.webhooks.postal.PostalInboundWebhookView",
    "postmark": "anymail.webhooks.postmark.PostmarkInboundWebhookView",
    "sendgrid": "anymail.webhooks.sendgrid.SendGridInboundWebhookView",
    "sparkpost": "anymail.webhooks.sparkpost.SparkPostInboundWebhookView",
}


class _NotReadable(ValueError):
    """What the provider sent is no message."""


def _inbound(request: HttpRequest) -> HttpResponse:
    """Take one post of the provider: 200 once it is kept, or is for nobody."""
    if not settings.MAIL_PROVIDER:
        raise Http404
    if request.method not in {"POST", "HEAD"}:
        return HttpResponse(status=405, headers={"Allow": "POST, HEAD"})
    if not ratelimit.consume(request, action="mail_refused", dry_run=True):
        return HttpResponse(status=429)
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdecimal() or int(length) > _POST:
        return HttpResponse(status=413)
    # Larger than any form may be: read here, where its length is known, not by Django's limit.
    request._body = request.read(_POST)
    view = import_string(_VIEWS[settings.MAIL_PROVIDER]).as_view()
    try:
        response: HttpResponse = view(request)
    except AnymailWebhookValidationFailure:
        ratelimit.consume(request, action="mail_refused")
        log.warning("mail_webhook_refused")
        return HttpResponse(status=403)
    except TooMuchMail:
        return HttpResponse(status=429, headers={"Retry-After": "60"})
    except (_NotReadable, ValueError, LookupError, TypeError, AttributeError) as error:
        # Signed, and yet not what it should be: the same again would be no better.
        log.warning("mail_webhook_unreadable", error=type(error).__name__, exc_info=True)
        return HttpResponse(status=400)
    return response


# No browser and no session: the provider proves itself by its secret, not by a form's token.
mail_inbound = public_view(csrf_exempt(_inbound))


def on_message(sender: Any, event: Any, esp_name: str, **more: Any) -> None:
    """anymail has checked and read a post: hand the message on."""
    message = event.message
    if message is None:
        return
    envelope = [message.envelope_recipient] if message.envelope_recipient else []
    envelope += [str(address) for address in message.get_all("bcc", [])]
    deliver_mail(
        data=_bytes_of(message),
        now=timezone.now(),
        also_to=envelope,
        allowed=_within_limits,
    )


def _bytes_of(message: Any) -> bytes:
    try:
        data: bytes = message.as_bytes()
    except Exception as error:  # the library raises whatever a broken header makes it raise
        raise _NotReadable from error
    return data


def _within_limits(company_id: int) -> bool:
    """May this company get one more message in this minute?"""
    request = HttpRequest()
    request.method = "POST"
    return bool(ratelimit.consume(request, action="mail_received", key=str(company_id)))
