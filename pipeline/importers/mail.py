"""One e-mail message: bytes in, plain text out. Nothing of it is ever run or shown as markup.

Mail comes from strangers. The standard library's parser reads it (policy.default), held back by
limits: header values are cut before anything looks into them, parts and their depth are counted
while they are read, and every header is decoded by hand, since the library's own reading of
structured headers raises on some that are broken and is slow on some that are long.
"""

import codecs
import re
from binascii import Error as BinasciiError
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import EmailMessage, Message
from email.parser import BytesParser
from email.policy import EmailPolicy
from email.utils import getaddresses, parsedate_to_datetime
from hashlib import sha256
from typing import Any

from pipeline.importers.mail_markup import text_of

BYTES = 10 * 1024 * 1024
LINES = 400_000  # the parser reads line by line: ten megabytes of base64 have 140,000
PARTS = 200
DEPTH = 20
BODY = 100_000  # characters
HEADER = 16_000  # characters of a header's value that are looked at
PEOPLE = 100
NAMED = 50  # attachments that are named
_HOPS = 30  # a message that passed more servers than this goes in circles

# Not letters: NUL and halves of characters, which no database keeps, and other controls.
_UNKEPT = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
# In a line of its own these turn the order of letters round: "gpj.exe" reads as "exe.jpg".
_TURNING = re.compile("[\u202a-\u202e\u2066-\u2069\u200e\u200f]")
_ADDRESS = re.compile(r"[^@\s<>()\[\]\",;:\\]{1,64}@[^@\s<>()\[\]\",;:\\]{1,190}")
# Codecs that make something other than text, or take time beyond measure.
_NO_CHARSET = {"idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape"}
_AUTOMATIC = {"bulk", "junk", "auto_reply", "auto-reply"}


class MailRefused(ValueError):
    """This is not read. The sentence says why."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """What was attached: its name, declared type and size in bytes.

    `content` is as it came, and goes nowhere unless the company stores attachments; empty for a
    message within the message.
    """

    name: str
    type: str
    size: int
    content: bytes = field(default=b"", repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class ParsedMail:
    """A message as text.

    `sender`, `recipients` (To and Cc) and `delivered_to` (every address that a server or a
    writer says it went to, for finding the company) are bare addresses in small letters.
    `sent_at` is what its Date says, in UTC, or the time it was received where it says none.
    """

    message_id: str
    sent_at: datetime
    sender: str
    recipients: tuple[str, ...]
    delivered_to: tuple[str, ...]
    subject: str
    body: str
    attachments: tuple[Attachment, ...]
    automatic: bool = False  # an out-of-office reply, a notice, a bulk mailing
    forged: bool = False  # the sender's own domain says that it did not send this
    circling: bool = False


class _Careful(EmailPolicy):
    """policy.default, but a header is its text, cut to a length: nothing else looks into it."""

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        name, _, first = sourcelines[0].partition(":")
        value = " ".join(line.strip() for line in (first, *sourcelines[1:]))
        return name[:200], value[:HEADER].strip()

    def header_fetch_parse(self, name: str, value: str) -> Any:
        return value


class _Part(EmailMessage):
    """A part that knows how deep it lies and refuses to be one too many."""

    def __init__(self, policy: Any = None) -> None:
        super().__init__(policy)
        self.below = 0
        self.counted = [1]

    def attach(self, payload: Any) -> None:
        payload.below = self.below + 1
        payload.counted = self.counted
        self.counted[0] += 1
        if self.counted[0] > PARTS or payload.below > DEPTH:
            raise MailRefused(f"This message has more than {PARTS} parts.")
        super().attach(payload)


_POLICY = _Careful(message_factory=_Part)


def parse_mail(data: bytes, *, received_at: datetime) -> ParsedMail:
    """Read a message (RFC 5322) from its bytes; MailRefused where it goes beyond the limits.

    Broken encodings, headers and boundaries are read as far as they can be.
    """
    if len(data) > BYTES:
        raise MailRefused("This message is larger than 10 MB.")
    if data.count(b"\n") + data.count(b"\r") > 2 * LINES:
        raise MailRefused(f"This message has more than {LINES:,} lines.")
    message = BytesParser(policy=_POLICY).parsebytes(data)
    body, attachments = _content(message)
    to = _addresses(message, "to", "cc")
    sender = next(iter(_addresses(message, "from")), "")
    also = _addresses(message, "delivered-to", "x-original-to", "envelope-to", "x-envelope-to")
    return ParsedMail(
        message_id=_message_id(message, data),
        sent_at=_date(message) or received_at,
        sender=sender,
        recipients=to,
        delivered_to=tuple(dict.fromkeys((*to, *also))),
        subject=_line(_words(_header(message, "subject")), 500),
        body=body,
        attachments=attachments,
        automatic=_automatic(message),
        forged=_forged(message),
        circling=len(_headers(message, "received")) > _HOPS,
    )


def _headers(message: Message, name: str) -> list[str]:
    return [str(value) for value in message.get_all(name, [])]


def _header(message: Message, name: str) -> str:
    return next(iter(_headers(message, name)), "")


def _message_id(message: Message, data: bytes) -> str:
    told = _line(_header(message, "message-id"), HEADER)
    if told and len(told) <= 250:
        return told
    return f"sha256:{sha256(told.encode() or data).hexdigest()}"


def _date(message: Message) -> datetime | None:
    try:
        told = parsedate_to_datetime(_header(message, "date")[:200])
        if told.tzinfo is None:
            told = told.replace(tzinfo=UTC)  # "-0000": UTC, from nobody knows where
        told = told.astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError, AttributeError):
        return None
    return told if 1980 <= told.year <= 9000 else None


def _addresses(message: Message, *names: str) -> tuple[str, ...]:
    """The bare addresses of these headers, each once, in order."""
    found: dict[str, None] = {}
    for name in names:
        for value in _headers(message, name)[:PEOPLE]:
            for address in _read_addresses(value):
                found[address] = None
    return tuple(found)[:PEOPLE]


def _read_addresses(value: str) -> list[str]:
    text = _UNKEPT.sub("", value)
    try:
        told = [address for _, address in getaddresses([text])]
    except (RecursionError, ValueError, IndexError, TypeError):
        told = _ADDRESS.findall(text)  # comments within comments within comments
    return [a.lower() for a in told if _ADDRESS.fullmatch(a) and len(a) <= 254]


def _automatic(message: Message) -> bool:
    told = _header(message, "auto-submitted").partition(";")[0].strip().lower()
    return (
        (told not in {"", "no"})
        or _header(message, "precedence").lower() in _AUTOMATIC
        or bool(_header(message, "x-autoreply") or _header(message, "x-autorespond"))
        or _header(message, "return-path") == "<>"
    )


def _forged(message: Message) -> bool:
    """Only ever makes a message wait, so that it does not matter who wrote this header."""
    results = _header(message, "authentication-results").lower()
    return re.search(r"\bdmarc\s*=\s*fail\b", results) is not None


def _words(value: str) -> str:
    """A header's text with its encoded words (=?utf-8?...?=) decoded."""
    try:
        parts = decode_header(value)
    except (HeaderParseError, BinasciiError, ValueError, IndexError):
        return _eight_bit(value)
    texts = []
    for part, charset in parts:
        if isinstance(part, bytes):
            texts.append(_decode(part, charset))
        else:
            texts.append(_eight_bit(part))
    return "".join(texts)


def _eight_bit(value: str) -> str:
    """Bytes that a server put into a header as they were: UTF-8 nowadays."""
    if not any("\udc80" <= letter <= "\udcff" for letter in value):
        return value
    return _decode(value.encode("utf-8", "surrogateescape"), None)


def _decode(data: bytes, charset: str | None) -> str:
    """Text of bytes, whatever they say of themselves: told charset, UTF-8, then Western."""
    for name in (charset, "utf-8"):
        try:
            if name and codecs.lookup(name).name.replace("-", "_") not in _NO_CHARSET:
                return data.decode(name)
        except (LookupError, ValueError, TypeError):
            continue
    return data.decode("cp1252", "replace")


def _clean(text: str) -> str:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").replace("\x0c", "\n")
    return _UNKEPT.sub("", lines)


def _line(text: str, length: int) -> str:
    """One line of text, its letters in their order."""
    return _TURNING.sub("", " ".join(_clean(text).split()))[:length].strip()


def _leaves(message: Message) -> Iterator[Message]:
    """The parts that hold something; a message within the message is one of them."""
    waiting = [message]
    while waiting:
        part = waiting.pop()
        payload: Any = part.get_payload() if part.is_multipart() else None
        if part.get_content_maintype() == "multipart" and payload is not None:
            waiting.extend(p for p in reversed(payload) if isinstance(p, Message))
        else:
            yield part


def _content(message: Message) -> tuple[str, tuple[Attachment, ...]]:
    plain: list[str] = []
    marked: list[str] = []
    attached: list[Attachment] = []
    for part in _leaves(message):
        kind = _line(part.get_content_type(), 100)
        name = _file_name(part)
        aside = part.get_content_disposition() == "attachment" or bool(name)
        if kind == "text/plain" and not aside:
            plain.append(_text(part))
        elif kind == "text/html" and not aside:
            marked.append(_text(part))
        elif kind.startswith("multipart/"):
            plain.append(_text(part))  # its boundary is missing: what stands there is shown
        else:
            size, content = _whole(part)
            attached.append(Attachment(name or kind, kind, size, content))
    body = _joined(plain) or _joined(text_of(markup) for markup in marked)
    return body, tuple(attached[:NAMED])


def _joined(texts: Any) -> str:
    whole = "\n\n".join(text for text in map(str.strip, map(_clean, texts)) if text)
    return whole if len(whole) <= BODY else f"{whole[: BODY - 3]}\n[…"[:BODY]


def _file_name(part: Message) -> str:
    try:
        told = part.get_filename("") or ""
    except (LookupError, ValueError, TypeError, AttributeError):
        return "?"
    name = _line(_words(told[:2_000]), 1_000)
    return re.split(r"[/\\]", name)[-1][:200].strip() or ("?" if told else "")


def _bytes(part: Message) -> bytes:
    try:
        data = part.get_payload(decode=True)
    except (ValueError, LookupError, TypeError, AttributeError):
        data = None
    return data if isinstance(data, bytes) else b""


def _whole(part: Message) -> tuple[int, bytes]:
    """Bytes of a part, decoded, and themselves; of a message within the message how many bytes
    its parts hold, and nothing."""
    if part.is_multipart():
        inner = (p for p in part.walk() if not p.is_multipart())
        return sum(len(_bytes(p)) for p in inner), b""
    content = _bytes(part)
    return len(content), content


def _text(part: Message) -> str:
    try:
        charset = part.get_content_charset()
    except (LookupError, ValueError, TypeError, AttributeError):
        charset = None
    # A letter takes at most a few bytes; markup is longer than its text.
    return _decode(_bytes(part)[: 20 * BODY], charset)
