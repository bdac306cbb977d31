"""Messages as they arrive, for the tests of mail."""

from datetime import UTC, datetime

from pipeline.importers.mail import ParsedMail, parse_mail
from tests.personas import NOW

SENT = datetime(2026, 5, 19, 8, 30, tzinfo=UTC)


def letter(body: str = "Here is the offer.", **headers: str) -> bytes:
    """From Ada to Mia, with the company in copy, unless told otherwise; "" leaves a header out."""
    lines = {
        "From": "Ada <ada@alpha.example>",
        "To": "Mia Stone <mia@acme.example>",
        "Cc": "alpha-token-alpha-token@in.example",
        "Message-ID": "<1@alpha.example>",
        "Date": "Tue, 19 May 2026 10:30:00 +0200",
        "Subject": "The offer",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value)
    return f"{head}\r\n{body}".encode()


def parsed(body: str = "Here is the offer.", **headers: str) -> ParsedMail:
    return parse_mail(letter(body, **headers), received_at=NOW)
