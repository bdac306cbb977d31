"""Which addresses a material may have, since tracked links lead there and nowhere else."""

from urllib.parse import SplitResult, urlsplit

from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.utils.translation import gettext as _

from accounts.errors import DomainError
from pipeline import rules
from pipeline.services.refusals import refuse

LENGTH = 1000
_well_formed = URLValidator(schemes=["http", "https"])


def kept_address(text: str) -> str:
    """An address as it is kept: http or https, a host, no name or password in it.

    Empty stays empty. The host of another alphabet is kept as it travels (punycode). Raises
    DomainError with what is wrong: a browser reads a backslash, a line break or a user's name
    otherwise than people do, so what could lead elsewhere than it says is refused.
    """
    refuse(rules.unkeepable(text))
    text = text.strip(" ")
    if not text:
        return ""
    if len(text) > LENGTH:
        raise DomainError(
            _("The address has more than {most} characters. Choose a shorter one.").format(
                most=LENGTH
            )
        )
    if any(not letter.isprintable() or letter.isspace() or letter == "\\" for letter in text):
        raise _not_readable()
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise _not_readable() from error
    if parts.scheme not in ("http", "https"):
        raise DomainError(_("The address must begin with https:// or http://."))
    if "@" in parts.netloc:
        raise DomainError(_("The address must not hold a user name or a password."))
    kept = _travelling(parts, port)
    if len(kept) > LENGTH:
        raise _not_readable()
    try:
        _well_formed(kept)
    except ValidationError as error:
        raise _not_readable() from error
    return kept


def _travelling(parts: SplitResult, port: int | None) -> str:
    """The address with its host in ASCII letters."""
    host = parts.hostname or ""
    if not host.isascii():
        try:
            host = host.encode("idna").decode("ascii")
        except UnicodeError as error:
            raise _not_readable() from error
    if ":" in host:
        host = f"[{host}]"
    netloc = host if port is None else f"{host}:{port}"
    return parts._replace(netloc=netloc).geturl()


def _not_readable() -> DomainError:
    return DomainError(
        _("This is not an address that a browser opens. Copy it from the browser's address line.")
    )
