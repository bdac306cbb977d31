"""How sign-in behaves here: by invitation only, with second factors kept unreadable."""

import base64
import hashlib
from io import BytesIO
from smtplib import SMTPException
from typing import Any

import qrcode  # type: ignore[import-untyped]
import structlog
from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from qrcode.image.svg import SvgPathFillImage  # type: ignore[import-untyped]

from accounts.selectors.memberships import asked_of
from accounts.selectors.second_factor import factors_of

log = structlog.get_logger(__name__)


class ClosedSignupAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """People come by invitation, never by signing up themselves."""

    def is_open_for_signup(self, request: Any) -> bool:
        return False

    def get_client_ip(self, request: Any) -> str:
        """The client's address; who goes around the proxies is known by their own."""
        try:
            address: str = super().get_client_ip(request)
        except ImproperlyConfigured:
            address = request.META.get("REMOTE_ADDR", "")
        return address

    def send_notification_mail(self, *args: Any, **kwargs: Any) -> None:
        """Tell of a changed credential. The change stands; a mail that fails does not undo it."""
        try:
            super().send_notification_mail(*args, **kwargs)
        except (OSError, SMTPException) as error:
            log.warning("notification_mail_failed", error=type(error).__name__)


class SecondFactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Secrets of second factors are encrypted with a key made of SECRET_KEY.

    A key that has become a fallback still opens what it closed.
    """

    def encrypt(self, text: str) -> str:
        return _box().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return _box().decrypt(encrypted_text.encode()).decode()

    def build_totp_svg(self, url: str) -> str:
        """The picture for the app, on white: cameras read it in the dark theme too."""
        buffer = BytesIO()
        qrcode.make(url, image_factory=SvgPathFillImage).save(buffer)
        return buffer.getvalue().decode()

    def can_delete_authenticator(self, authenticator: Any) -> bool:
        """The last factor stays as long as a company of this person asks for one."""
        others = factors_of(user_id=authenticator.user_id) - {authenticator.pk}
        return bool(others) or not asked_of(user_id=authenticator.user_id)


def _box() -> MultiFernet:
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    digests = [hashlib.sha256(f"second factor:{key}".encode()).digest() for key in keys]
    return MultiFernet([Fernet(base64.urlsafe_b64encode(digest)) for digest in digests])
