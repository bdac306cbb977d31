"""Mail from strangers: read as far as it can be, in bounded time, as text and nothing else."""

import random
import re
import time
from datetime import UTC, datetime
from email.message import EmailMessage

import pytest

from pipeline.importers.mail import BODY, BYTES, MailRefused, ParsedMail, parse_mail
from pipeline.importers.mail_markup import text_of

NOW = datetime(2026, 5, 20, 9, 0, tzinfo=UTC)
UNKEPT = re.compile("[\x00\ud800-\udfff]")


def read(data: bytes | str) -> ParsedMail:
    raw = data.encode("utf-8") if isinstance(data, str) else data
    return parse_mail(raw, received_at=NOW)


def letter(body: str = "Hello", **headers: str) -> bytes:
    lines = {
        "From": "Ada Byron <Ada@Alpha.example>",
        "To": "mia@acme.example",
        "Message-ID": "<1@alpha.example>",
        "Date": "Tue, 19 May 2026 10:30:00 +0200",
        "Subject": "The offer",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value)
    return f"{head}\r\n{body}".encode()


def rich() -> bytes:
    """Text and HTML, a picture within the text, two attachments, a letter within the letter."""
    message = EmailMessage()
    message["From"] = "Ada <ada@alpha.example>"
    message["To"] = "Mía Stone <mia@acme.example>, bo@acme.example"
    message["Cc"] = "mabc@in.example"
    message["Subject"] = "Größe 🚀"
    message["Message-ID"] = "<rich@x>"
    message["Date"] = "Tue, 19 May 2026 08:30:00 -0000"
    message.set_content("Plain text with ü.\n")
    message.add_alternative("<p>HTML <b>text</b></p>", subtype="html")
    message.add_attachment(b"%PDF" * 100, maintype="application", subtype="pdf", filename="Ü.pdf")
    message.add_attachment("a;b\n", subtype="csv", filename="../../etc/list.csv")
    inner = EmailMessage()
    inner["Subject"] = "Inner"
    inner.set_content("Not to be read.")
    message.add_attachment(inner)
    return message.as_bytes()


def test_an_ordinary_letter() -> None:
    mail = read(letter("Hello\r\nAda\r\n", Cc="Bo <bo@acme.example>, MIA@acme.example"))
    assert mail.message_id == "<1@alpha.example>"
    assert mail.sent_at == datetime(2026, 5, 19, 8, 30, tzinfo=UTC)
    assert mail.sender == "ada@alpha.example"
    assert mail.recipients == ("mia@acme.example", "bo@acme.example")
    assert (mail.subject, mail.body, mail.attachments) == ("The offer", "Hello\nAda", ())
    assert (mail.automatic, mail.forged, mail.circling) == (False, False, False)


def test_text_is_taken_before_html_and_attachments_are_named() -> None:
    mail = read(rich())
    assert mail.body == "Plain text with ü."
    assert mail.subject == "Größe 🚀"
    assert mail.recipients == ("mia@acme.example", "bo@acme.example", "mabc@in.example")
    named = [(a.name, a.type) for a in mail.attachments]
    assert named[:2] == [("Ü.pdf", "application/pdf"), ("list.csv", "text/csv")]
    assert mail.attachments[0].size == 400
    assert named[2][1] == "message/rfc822"
    assert "Not to be read" not in mail.body


def test_where_it_was_delivered_is_told_apart_from_whom_it_was_for() -> None:
    mail = read(letter(Delivered_To="mtoken@in.example", X_Original_To="<mother@in.example>"))
    assert mail.recipients == ("mia@acme.example",)
    assert mail.delivered_to == ("mia@acme.example", "mtoken@in.example", "mother@in.example")


def test_html_becomes_text() -> None:
    page = (
        "<html><head><title>T</title><style>p{color:red}</style></head><body>"
        "<script>alert(1)</script><p>Dear&nbsp;Mia,</p><p>3 &lt; 4<br>yes</p>"
        "<ul><li>One</li><li>Two</li></ul><img src=x onerror=alert(1)>"
        "<a href='javascript:alert(1)'>the offer</a><!-- hidden --></body></html>"
    )
    mail = read(letter(page, Content_Type="text/html; charset=utf-8"))
    assert mail.body == "Dear Mia,\n\n3 < 4\nyes\n\n- One\n- Two\n\nthe offer"


@pytest.mark.parametrize(
    "markup",
    [
        "<scr<script>x</script>ipt>alert(1)</script>",
        "<img src='a>b' onerror=x>text",
        "<<b>b</b>>",
        "<svg><script>alert(1)</script></svg>",
        "<script>alert(1)",
        "<!-- <b>never closed",
        '<a href="',
        "<p\n\nclass=x\n>text</p\n>",
        "<math><mi//xlink:href='data:x,<script>alert(4)</script>'>",
    ],
)
def test_no_markup_is_left(markup: str) -> None:
    left = text_of(markup)
    assert re.search(r"<[a-zA-Z/!?]", left) is None
    assert "alert" not in left or "script" not in left


@pytest.mark.parametrize(
    "markup",
    [
        "<" * 500_000,
        "<!--" * 100_000,
        "<a " * 100_000,
        '<a "' * 100_000 + "'" * 100_000,
        "<script>" * 50_000,
        "<![CDATA[" * 50_000,
        "&" * 300_000,
        "</script " * 50_000,
    ],
)
def test_hostile_markup_is_read_in_time(markup: str) -> None:
    began = time.perf_counter()
    text_of(markup)
    assert time.perf_counter() - began < 5


@pytest.mark.parametrize(
    ("declared", "data", "expected"),
    [
        ("us-ascii", "für".encode(), "für"),  # declared wrongly: it is UTF-8
        ("utf-8", "für".encode("cp1252"), "für"),
        ("iso-8859-15", "5 €".encode("iso-8859-15"), "5 €"),
        ("no-such-charset", "für".encode(), "für"),
        ("zip", "für".encode(), "für"),
        ("punycode", "für".encode(), "für"),
        ("unicode_escape", b"\\x00", "\\x00"),
        ("iso-2022-jp", "日本".encode("iso-2022-jp"), "日本"),
        ("utf-8", "שלום 🙂".encode(), "שלום 🙂"),
    ],
)
def test_charsets(declared: str, data: bytes, expected: str) -> None:
    raw = letter("", Content_Type=f"text/plain; charset={declared}") + data
    assert read(raw).body == expected


def test_broken_encodings_survive() -> None:
    head = letter("", Content_Type="text/plain", Content_Transfer_Encoding="base64")
    assert read(head + b"SGVsbG8=!!!").body.startswith("Hello")
    assert read(head + b"\xff\xfe not base64").body != ""
    torn = letter(
        "--b\r\nContent-Type: text/plain\r\n\r\nHi", Content_Type="multipart/mixed; boundary=b"
    )
    assert read(torn).body == "Hi"
    none = letter("Hi", Content_Type="multipart/mixed")
    assert "Hi" in read(none).body


def test_nothing_that_cannot_be_kept_is_left() -> None:
    mail = read(
        letter(
            "a\x00b\x1bc", Subject="a\x00b =?utf-16-le?B?ANgA?= \u202egpj.exe", Message_ID="<\x00>"
        )
    )
    assert mail.body == "abc"
    assert "\u202e" not in mail.subject
    for text in (mail.subject, mail.body, mail.sender, mail.message_id):
        assert UNKEPT.search(text) is None


def test_without_a_date_it_was_sent_when_it_was_received() -> None:
    for date in ("", "yesterday", "Tue, 99 May 2026 10:30:00 +0200", "1 Jan 1800 00:00:00 +0000"):
        assert read(letter(Date=date)).sent_at == NOW
    assert read(letter(Date="Tue, 19 May 2026 10:30:00")).sent_at.tzinfo is UTC


def test_without_an_id_its_bytes_are_one() -> None:
    first, again = read(letter(Message_ID="")), read(letter(Message_ID=""))
    other = read(letter("Other", Message_ID=""))
    assert first.message_id == again.message_id
    assert first.message_id.startswith("sha256:")
    assert other.message_id != first.message_id
    long = read(letter(Message_ID=f"<{'x' * 5000}@y>"))
    assert len(long.message_id) <= 250


def test_too_much_is_refused() -> None:
    with pytest.raises(MailRefused, match="10 MB"):
        read(b"x" * (BYTES + 1))
    part = "--b\r\nContent-Type: text/plain\r\n\r\nHi\r\n"
    with pytest.raises(MailRefused, match="parts"):
        read(letter(part * 300, Content_Type="multipart/mixed; boundary=b"))
    nested = "".join(
        f'Content-Type: multipart/mixed; boundary="{n}"\r\n\r\n--{n}\r\n' for n in range(60)
    )
    with pytest.raises(MailRefused, match="parts"):
        read(nested)
    with pytest.raises(MailRefused, match="lines"):
        read(b"\n" * 900_000)
    assert len(read(letter("é" * 300_000)).body) == BODY


def test_hostile_headers_are_read_in_time() -> None:
    began = time.perf_counter()
    read(letter(To="(" * 100_000))
    read(letter(To="a@b.c," * 100_000))
    read(letter(Content_Type=";" * 1_000_000))
    read(letter(Content_Type="text/plain" + "; a*1*=x" * 10_000))
    read(letter(Subject="=?utf-8?q?" * 50_000))
    read(letter(From='"' * 100_000))
    assert time.perf_counter() - began < 10


def test_automatic_forged_and_circling_mail_is_told_apart() -> None:
    assert read(letter(Auto_Submitted="auto-replied")).automatic
    assert not read(letter(Auto_Submitted="no")).automatic
    assert read(letter(Precedence="bulk")).automatic
    assert read(letter(Authentication_Results="mx.x; spf=pass; dmarc=fail")).forged
    assert not read(letter(Authentication_Results="mx.x; dmarc=pass")).forged
    assert read(b"Received: from a\r\n" * 40 + letter()).circling


def test_an_address_in_the_name_is_not_the_sender() -> None:
    mail = read(letter(From='"ada@alpha.example" <mallory@evil.example>'))
    assert mail.sender == "mallory@evil.example"


def test_anything_is_read_or_refused() -> None:
    """Bytes changed at random: only MailRefused leaves, and what is read can be kept."""
    dice = random.Random(20260520)
    seeds = [rich(), letter(), letter("<p>x</p>", Content_Type="text/html")]
    salt = [
        b"\x00",
        b"\xff",
        b"=?",
        b"?=",
        b"--",
        b"\r\n",
        b"(",
        b'"',
        b"<",
        b";",
        b"boundary=",
        b"\xed\xa0\x80",
    ]
    for _ in range(600):
        data = bytearray(dice.choice(seeds))
        for _ in range(dice.randint(1, 12)):
            at = dice.randrange(len(data))
            match dice.randrange(4):
                case 0:
                    data[at] = dice.randrange(256)
                case 1:
                    del data[at : at + dice.randrange(40)]
                case 2:
                    data[at:at] = dice.choice(salt) * dice.randint(1, 5)
                case 3:
                    data[at:at] = data[dice.randrange(len(data)) :][: dice.randrange(60)]
            data = data or bytearray(b"x")
        try:
            mail = read(bytes(data))
        except MailRefused:
            continue
        texts = [mail.message_id, mail.sender, mail.subject, mail.body, *mail.recipients]
        texts += [text for a in mail.attachments for text in (a.name, a.type)]
        assert not any(UNKEPT.search(text) for text in texts)
        assert len(mail.message_id) <= 250
        assert len(mail.sender) <= 320
        assert len(mail.subject) <= 500
        assert len(mail.body) <= BODY
        assert mail.sent_at.tzinfo is not None
