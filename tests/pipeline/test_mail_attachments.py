"""Attachments are named; stored only where a company allows it, and handed over as downloads."""

from base64 import b64encode
from typing import Any

import pytest
from django.http import HttpResponse

from accounts.models import AuditEntry
from accounts.roles import Role
from accounts.tenancy.context import company_context
from pipeline.importers.mail import Attachment, parse_mail
from pipeline.models import Contact, Customer, EmailMessage, MailSettings, StoredAttachment
from pipeline.services import mail_attachments
from pipeline.services.mail_attachments import set_attachments_kept, storable
from pipeline.services.mail_tray import put_back_mail
from pipeline.services.receive_mail import Received, receive_mail
from tests.personas import CANARY, NOW, OPERATOR, Workspace, World, client_of
from tests.pipeline.test_receive_mail import open_one, set_up

SETTINGS = "/w/alpha/settings/mail/"
HTML = b"<script>alert(document.cookie)</script>"


def message(*files: tuple[str, str, bytes], number: int = 1, **headers: str) -> bytes:
    """From Ada to Mia, with these files: the header of each part, its type, what is in it."""
    lines = {
        "From": "ada@alpha.example",
        "To": "mia@lone.example",
        "Message-ID": f"<{number}@x>",
        "Content-Type": "multipart/mixed; boundary=b",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    parts = ["--b\r\n\r\nHi"]
    for disposition, kind, data in files:
        parts.append(
            f"--b\r\nContent-Type: {kind}\r\nContent-Disposition: attachment; {disposition}\r\n"
            f"Content-Transfer-Encoding: base64\r\n\r\n{b64encode(data).decode()}"
        )
    return "\r\n".join([head, *parts, "--b--"]).encode()


def receive(workspace: Workspace, *files: tuple[str, str, bytes], **headers: Any) -> Received:
    parsed = parse_mail(message(*files, **headers), received_at=NOW)
    return receive_mail(company=workspace.company, parsed=parsed, now=NOW)


def allow(workspace: Workspace, keep: bool = True) -> None:
    with company_context(workspace.company.pk):
        set_attachments_kept(by=OPERATOR, keep=keep, now=NOW)


def stored(workspace: Workspace) -> dict[int, bytes]:
    """What is stored, by its place in the message."""
    with company_context(workspace.company.pk):
        rows = StoredAttachment.objects.order_by("id")
        return {number: bytes(data) for number, data in rows.values_list("number", "content")}


def address(workspace: Workspace) -> str:
    with company_context(workspace.company.pk):
        [pk] = StoredAttachment.objects.values_list("pk", flat=True)
        return f"/w/{workspace.company.slug}/attachments/{pk}/"


def download(world: World, url: str, role: Role = Role.REP) -> HttpResponse:
    return client_of(world.a.user(role)).get(url)


def prepare(workspace: Workspace) -> None:
    """Reps with addresses, and a customer with one contact and one open deal."""
    set_up(workspace)
    open_one(workspace, customer="Lone")
    with company_context(workspace.company.pk):
        Contact.objects.create(
            customer=Customer.objects.get(name="Lone"), name="Mia", email="mia@lone.example"
        )


@pytest.fixture
def firm(world: World) -> World:
    """Company A, attachments allowed."""
    prepare(world.a)
    allow(world.a)
    return world


PDF = ("filename=offer.pdf", "application/pdf", b"%PDF-1.7 offer")


def test_off_by_default_they_are_only_named(world: World) -> None:
    prepare(world.a)
    assert receive(world.a, PDF).state == "matched"
    assert stored(world.a) == {}
    with company_context(world.a.company.pk):
        assert EmailMessage.objects.get().attachments == [
            {"name": "offer.pdf", "type": "application/pdf", "size": 14}
        ]


def test_allowed_they_are_stored_as_they_came(firm: World) -> None:
    receive(firm.a, PDF, ("filename=page.html", "text/html", HTML), PDF)
    assert stored(firm.a) == {0: PDF[2], 2: PDF[2]}
    allow(firm.a, keep=False)
    receive(firm.a, PDF, number=2)
    assert len(stored(firm.a)) == 2  # nothing more, and nothing less


@pytest.mark.parametrize(
    ("name", "size", "kept"),
    [
        ("offer.pdf", 1, True),
        ("OFFER.PDF", 5 * 1024 * 1024, True),
        ("offer.pdf", 5 * 1024 * 1024 + 1, False),
        ("offer.pdf", 0, False),
        ("offer.pdf.exe", 1, False),
        ("offer.pdf.", 1, False),
        ("pdf", 1, False),
        ("page.html", 1, False),
        ("picture.svg", 1, False),
        ("macro.docm", 1, False),
        ("macro.xls", 1, False),
        ("all.zip", 1, False),
        ("script.js", 1, False),
    ],
)
def test_what_may_be_stored(name: str, size: int, kept: bool) -> None:
    """By the end of its name: the type is the sender's word."""
    assert storable(Attachment(name, "application/pdf", size, b"x" * size)) is kept
    assert storable(Attachment(name, "text/html", size, b"x" * size)) is kept


def test_only_of_a_reps_own_mail(firm: World) -> None:
    receive(firm.a, PDF, From="x@y.example", To="mia@lone.example")
    receive(firm.a, PDF, number=2, Authentication_Results="x; dmarc=fail")
    receive(firm.a, PDF, number=3, Auto_Submitted="auto-replied")
    assert stored(firm.a) == {}


def test_a_company_that_is_full_names_them_only(
    firm: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail_attachments, "ROOM", 20)
    receive(firm.a, PDF, PDF)
    receive(firm.a, PDF, number=2)
    assert stored(firm.a) == {0: PDF[2]}
    allow(firm.b)
    with company_context(firm.b.company.pk):
        assert StoredAttachment.objects.count() == 0


def test_it_is_a_download_and_nothing_else(firm: World) -> None:
    receive(firm.a, ("filename=offer.pdf", "text/html", HTML))
    for role in Role:
        response = download(firm, address(firm.a), role)
        assert (response.status_code, response.content) == (200, HTML)
        assert response["Content-Type"] == "application/octet-stream"
        assert response["Content-Disposition"] == 'attachment; filename="offer.pdf"'
        assert response["X-Content-Type-Options"] == "nosniff"
        assert "no-store" in response["Cache-Control"]


@pytest.mark.parametrize(
    ("told", "handed"),
    [
        ('filename="../../etc/passwd.pdf"', 'attachment; filename="passwd.pdf"'),
        (r'filename="C:\\Windows\\evil.pdf"', 'attachment; filename="evil.pdf"'),
        (
            "filename*=UTF-8''a%22%3B%0D%0ASet-Cookie%3A%20x%3D1.pdf",
            'attachment; filename="a\\"; Set-Cookie: x=1.pdf"',
        ),
        (
            "filename*=UTF-8''Gr%C3%B6%C3%9Fe.pdf",
            "attachment; filename*=utf-8''Gr%C3%B6%C3%9Fe.pdf",
        ),
        (
            "filename*=UTF-8''%E2%80%AEfdp.exe.pdf",  # turned round it would read "fdp.exe.pdf"
            'attachment; filename="fdp.exe.pdf"',
        ),
    ],
)
def test_a_hostile_name_is_only_a_name(firm: World, told: str, handed: str) -> None:
    receive(firm.a, (told, "application/pdf", b"x"))
    response = download(firm, address(firm.a))
    assert response["Content-Disposition"] == handed
    assert "Set-Cookie" not in response.headers


def test_the_timeline_links_what_is_stored(firm: World) -> None:
    hostile = ("filename*=UTF-8''%3Cimg%20src%3Dx%3E.pdf", "application/pdf", b"x")
    found = receive(firm.a, hostile, ("filename=all.zip", "application/zip", b"PK"))
    body = download(firm, f"/w/alpha/deals/{found.deal_id}/").content.decode()
    assert f'<a href="{address(firm.a)}"><bdi>&lt;img src=x&gt;.pdf</bdi></a>' in body
    assert "<bdi>all.zip</bdi>" in body
    assert "<img src=x>" not in body


def test_of_mail_that_waits_nothing_is_handed_over(firm: World) -> None:
    found = receive(firm.a, PDF)
    with company_context(firm.a.company.pk):
        put_back_mail(by=OPERATOR, email_id=found.email_id, now=NOW)
    assert download(firm, address(firm.a)).status_code == 404


def test_no_other_company_gets_it(firm: World) -> None:
    """The neighbour's is missing in the same way as one that never was."""
    receive(firm.a, PDF)
    own = address(firm.a)
    neighbour = client_of(firm.b.user(Role.OWNER))
    asked = [
        neighbour.get(own),
        neighbour.get(own.replace("/alpha/", f"/{firm.b.company.slug}/")),
        neighbour.get(f"/w/{firm.b.company.slug}/attachments/999999999/"),
        client_of(firm.stranger).get(own),
        client_of(firm.removed).get(own),
    ]
    assert [response.status_code for response in asked] == [404] * 5
    assert asked[1].content == asked[2].content
    assert PDF[2] not in b"".join(response.content for response in asked)


# The setting -------------------------------------------------------------------------------------


def test_a_manager_allows_it_and_takes_that_back(world: World) -> None:
    manager = client_of(world.a.user(Role.MANAGER))
    assert "Store attachments from now on" in manager.get(SETTINGS).content.decode()
    for keep, says in (("1", "Only name them from now on"), ("0", "Store attachments")):
        for _twice in range(2):
            sent = manager.post(f"{SETTINGS}attachments/", {"keep": keep})
            assert (sent.status_code, sent["Location"]) == (303, SETTINGS)
        page = manager.get(SETTINGS).content.decode()
        assert says in page
        assert CANARY not in page
    with company_context(world.a.company.pk):
        assert MailSettings.objects.get().keep_attachments is False
        actions = AuditEntry.objects.filter(action__startswith="mail.attachments")
        assert [(e.action, e.actor_id) for e in actions.order_by("id")] == [
            ("mail.attachments_kept", world.a.user(Role.MANAGER).pk),
            ("mail.attachments_named", world.a.user(Role.MANAGER).pk),
        ]
    with company_context(world.b.company.pk):
        assert MailSettings.objects.count() == 0


@pytest.mark.parametrize("role", [Role.REP, Role.LEADER])
def test_who_does_not_manage_cannot(world: World, role: Role) -> None:
    sent = client_of(world.a.user(role)).post(f"{SETTINGS}attachments/", {"keep": "1"})
    assert sent.status_code == 403
    with company_context(world.a.company.pk):
        assert MailSettings.objects.count() == 0
