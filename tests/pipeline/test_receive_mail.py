"""Mail finds its deal where there is exactly one, else waits and says why; once per message."""

import hashlib
import hmac
import io
import json
import threading
from base64 import b64encode
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.http import HttpResponse
from django.test import Client

from accounts.models import AuditEntry, Company
from accounts.tenancy.context import company_context
from pipeline.importers.mail import parse_mail
from pipeline.models import Activity, Contact, Customer, Deal, EmailMessage, Rep
from pipeline.models.mail import Waiting
from pipeline.selectors.mailboxes import mailbox_linked
from pipeline.services.deals import open_deal
from pipeline.services.mail_address import companies_addressed, new_mail_address
from pipeline.services.receive_mail import Received, receive_mail
from tests.personas import NOW, OPERATOR, Workspace, World, make_workspace
from tests.pipeline.letters import SENT, letter, parsed

TOKEN = "alpha-token-alpha-token"
WEBHOOK = "/mail/inbound/"


def open_one(
    workspace: Workspace,
    name: str = "Team plan",
    customer: str = "Acme",
    rep: str | None = "Ada",
) -> int:
    with company_context(workspace.company.pk), transaction.atomic():
        who, _new = Customer.objects.get_or_create(name=customer)
        return open_deal(
            by=OPERATOR,
            pipeline_id=workspace.pipeline.pk,
            stage_id=workspace.stages["Booked"].pk,
            name=name,
            occurred_at=NOW - timedelta(days=3),
            now=NOW,
            rep_id=workspace.reps[rep].pk if rep else None,
            customer_id=who.pk,
        ).deal_id


def set_up(workspace: Workspace) -> Workspace:
    """Reps with addresses, a contact at Acme, and the company's own address."""
    with company_context(workspace.company.pk), transaction.atomic():
        for name, rep in workspace.reps.items():
            Rep.objects.filter(pk=rep.pk).update(email=f"{name}@Alpha.example")
        Contact.objects.create(
            customer=workspace.customers["Acme"], name="Mia", email="Mia@acme.example"
        )
        Company.objects.filter(pk=workspace.company.pk).update(mail_token=TOKEN)
    workspace.company.mail_token = TOKEN
    return workspace


@pytest.fixture
def firm(alpha: Workspace) -> Workspace:
    return set_up(alpha)


def receive(workspace: Workspace, body: str = "Here is the offer.", **headers: str) -> Received:
    return receive_mail(company=workspace.company, parsed=parsed(body, **headers), now=NOW)


def ada(workspace: Workspace) -> Rep:
    found: Rep = Rep.objects.get(pk=workspace.reps["Ada"].pk)
    return found


def test_to_the_one_open_deal_of_the_customer(firm: Workspace) -> None:
    deal_id = open_one(firm)
    found = receive(firm)
    assert (found.state, found.deal_id, found.why) == ("matched", deal_id, "")
    mail = EmailMessage.objects.get()
    assert (mail.sender, mail.subject, mail.body) == (
        "ada@alpha.example",
        "The offer",
        "Here is the offer.",
    )
    assert (mail.rep_id, mail.sent_at, mail.received_at) == (firm.reps["Ada"].pk, SENT, NOW)
    talk = Activity.objects.get()
    assert (talk.pk, talk.kind, talk.deal_id) == (mail.activity_id, "email", deal_id)
    assert (talk.happened_at, talk.rep_id, talk.recorded_by_id) == (SENT, mail.rep_id, None)
    entry = AuditEntry.objects.get(action="mail.received")
    assert entry.after == {"state": "matched", "why": "", "rep": mail.rep_id, "deal": deal_id}
    assert mailbox_linked(ada(firm), NOW)


def test_an_answer_of_the_customer_is_filed_too(firm: Workspace) -> None:
    deal_id = open_one(firm)
    found = receive(firm, From="MIA@ACME.example", To="Ada <ADA@alpha.example>")
    assert found.deal_id == deal_id
    assert ada(firm).mailbox_linked_at == NOW


@pytest.mark.parametrize("rounds", [2, 3])
def test_once_per_message(firm: Workspace, rounds: int) -> None:
    open_one(firm)
    found = [receive(firm) for _ in range(rounds)]
    assert [f.repeated for f in found] == [False] + [True] * (rounds - 1)
    assert len({f.email_id for f in found}) == 1
    assert Activity.objects.count() == EmailMessage.objects.count() == 1


def why_of(found: Received) -> str:
    assert (found.state, found.deal_id) == ("waiting", None)
    mail = EmailMessage.objects.get(pk=found.email_id)
    assert mail.why_waiting == found.why
    assert mail.activity is None
    assert Activity.objects.count() == 0
    return found.why


def test_a_stranger_waits(firm: Workspace) -> None:
    open_one(firm)
    assert why_of(receive(firm, From="x@y.example", To="mia@acme.example")) == Waiting.STRANGER
    assert Rep.objects.filter(mailbox_linked_at__isnull=False).count() == 0


def test_a_retired_rep_is_a_stranger(firm: Workspace) -> None:
    open_one(firm)
    Rep.objects.filter(pk=firm.reps["Ada"].pk).update(retired_at=NOW)
    assert why_of(receive(firm)) == Waiting.STRANGER


def test_a_rep_without_an_address_is_known_by_the_sign_in(firm: Workspace) -> None:
    deal_id = open_one(firm)
    Rep.objects.filter(pk=firm.reps["Ada"].pk).update(email="")
    assert receive(firm, From="Rep@alpha.example").deal_id == deal_id


def test_nobody_of_a_customer_waits(firm: Workspace) -> None:
    open_one(firm)
    assert why_of(receive(firm, To="new@elsewhere.example")) == Waiting.NO_CUSTOMER
    assert mailbox_linked(ada(firm), NOW)  # it came out of the rep's mailbox all the same


def test_a_retired_contact_is_nobody(firm: Workspace) -> None:
    open_one(firm)
    Contact.objects.update(retired_at=NOW)
    assert why_of(receive(firm)) == Waiting.NO_CUSTOMER


def test_without_an_open_deal_it_waits(firm: Workspace) -> None:
    assert why_of(receive(firm)) == Waiting.NO_OPEN_DEAL


def test_with_several_open_deals_it_waits(firm: Workspace) -> None:
    open_one(firm)
    open_one(firm, "Another")
    assert why_of(receive(firm)) == Waiting.SEVERAL_DEALS


def test_to_several_customers_it_waits(firm: Workspace) -> None:
    open_one(firm)
    open_one(firm, "Other", "Zeta")
    Contact.objects.create(
        customer=Customer.objects.get(name="Zeta"), name="Zoe", email="zoe@zeta.example"
    )
    to = "mia@acme.example, zoe@zeta.example"
    assert why_of(receive(firm, To=to)) == Waiting.SEVERAL_CUSTOMERS


def test_automatic_mail_waits(firm: Workspace) -> None:
    open_one(firm)
    assert why_of(receive(firm, Auto_Submitted="auto-replied")) == Waiting.AUTOMATIC


def test_forged_mail_waits_and_links_nobody(firm: Workspace) -> None:
    open_one(firm)
    assert why_of(receive(firm, Authentication_Results="x; dmarc=fail")) == Waiting.FORGED
    assert not mailbox_linked(ada(firm), NOW)


def test_of_several_reps_the_deals_own_counts(firm: Workspace) -> None:
    open_one(firm)
    to = "ben@alpha.example, ada@alpha.example"
    found = receive(firm, From="mia@acme.example", To=to)
    assert EmailMessage.objects.get(pk=found.email_id).rep_id == firm.reps["Ada"].pk


def test_an_address_of_two_reps_is_nobodys_in_particular(firm: Workspace) -> None:
    open_one(firm)
    Rep.objects.update(email="sales@alpha.example")
    Deal.objects.update(rep=None)
    found = receive(firm, From="sales@alpha.example")
    assert found.state == "matched"
    assert EmailMessage.objects.get(pk=found.email_id).rep_id is None


@pytest.mark.parametrize(
    ("ahead", "trusted"),
    [
        (-timedelta(days=400), True),
        (timedelta(minutes=4), True),
        (timedelta(minutes=6), False),
        (timedelta(days=9000), False),
    ],
)
def test_a_date_ahead_is_not_believed(firm: Workspace, ahead: timedelta, trusted: bool) -> None:
    open_one(firm)
    told = NOW + ahead
    receive(firm, Date=told.strftime("%d %b %Y %H:%M:%S +0000"))
    assert EmailMessage.objects.get().sent_at == (told if trusted else NOW)
    assert Activity.objects.get().happened_at == EmailMessage.objects.get().sent_at


def test_a_mailbox_is_linked_for_fourteen_days(firm: Workspace) -> None:
    rep = ada(firm)
    assert not mailbox_linked(rep, NOW)
    rep.mailbox_linked_at = NOW
    assert mailbox_linked(rep, NOW)
    assert mailbox_linked(rep, NOW + timedelta(days=14))
    assert not mailbox_linked(rep, NOW + timedelta(days=14, seconds=1))


def test_later_mail_does_not_make_the_link_older(firm: Workspace) -> None:
    later = NOW + timedelta(days=2)
    Rep.objects.filter(pk=firm.reps["Ada"].pk).update(mailbox_linked_at=later)
    receive(firm)
    assert ada(firm).mailbox_linked_at == later


def test_texts_of_any_kind_are_kept(firm: Workspace) -> None:
    receive(firm, "<script>alert(1)</script> \u202eשלום 🙂 \x00" + "x" * 200_000)
    body = EmailMessage.objects.get().body
    assert body.startswith("<script>alert(1)</script>")
    assert len(body) == 100_000


def test_attachments_are_named(firm: Workspace) -> None:
    message = (
        b"Content-Type: multipart/mixed; boundary=b\r\nFrom: ada@alpha.example\r\n\r\n"
        b"--b\r\n\r\nHi\r\n--b\r\nContent-Type: application/pdf; name=offer.pdf\r\n\r\nPDF\r\n--b--"
    )
    receive_mail(company=firm.company, parsed=parse_mail(message, received_at=NOW), now=NOW)
    assert EmailMessage.objects.get().attachments == [
        {"name": "offer.pdf", "type": "application/pdf", "size": 3}
    ]


@pytest.mark.django_db(transaction=True)
def test_sent_eight_times_at_once_it_arrives_once(committed_alpha: Workspace) -> None:
    set_up(committed_alpha)
    open_one(committed_alpha)
    found: list[Received] = []

    def deliver() -> None:
        try:
            found.append(receive(committed_alpha))
        finally:
            connection.close()

    threads = [threading.Thread(target=deliver) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(f.repeated for f in found) == [False] + [True] * 7
    with company_context(committed_alpha.company.pk), transaction.atomic():
        assert Activity.objects.count() == EmailMessage.objects.count() == 1


# Addresses ---------------------------------------------------------------------------------------


def test_an_address_is_of_one_company_until_it_gets_another(world: World) -> None:
    company = world.a.company
    with company_context(company.pk):
        first = new_mail_address(by=OPERATOR, company=company, now=NOW)
        assert companies_addressed([f"{first}@in.example"]) == (company.pk,)
        assert companies_addressed([f"{first.upper()}+x@Other.example"]) == (company.pk,)
        second = new_mail_address(by=OPERATOR, company=company, now=NOW)
        assert companies_addressed([f"{first}@in.example"]) == ()
        assert companies_addressed([f"{second}@in.example"]) == (company.pk,)
        actions = AuditEntry.objects.filter(action__startswith="mail.").values_list(
            "action", "after"
        )
        assert sorted(actions) == [("mail.address_made", {}), ("mail.address_replaced", {})]
    assert len(second) <= 40
    assert companies_addressed(["", "@", "x@y", "%@in.example", f"{'a' * 64}@x"]) == ()


# The command -------------------------------------------------------------------------------------


def run(data: bytes, *arguments: str) -> str:
    out = io.StringIO()
    call_command("receive_mail", *arguments, stdin=io.BytesIO(data), stdout=out)
    return out.getvalue()


def test_the_command_finds_the_company_by_its_address(firm: Workspace) -> None:
    deal_id = open_one(firm)
    assert f"deal {deal_id}" in run(letter())
    assert "arrived before" in run(letter())
    to = letter(Cc="", Message_ID="<2@x>", Delivered_To=f"{TOKEN}@in.example")
    assert f"deal {deal_id}" in run(to)
    bare = letter(Cc="", Message_ID="<3@x>")
    assert f"deal {deal_id}" in run(bare, "--slug", "alpha")
    assert f"deal {deal_id}" in run(letter(Cc="", Message_ID="<4@x>"), "--to", f"{TOKEN}@in.x")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "Nothing came in"),
        (letter(Cc="nobody-nobody-nobody-nobody@in.example"), "no address"),
        (b"x" * (11 * 1024 * 1024), "10 MB"),
        (b"Received: from x\r\n" * 40 + letter(), "circles"),
    ],
)
def test_the_command_refuses(firm: Workspace, data: bytes, said: str) -> None:
    with pytest.raises(CommandError, match=said):
        run(data)
    assert EmailMessage.objects.count() == 0


# The webhook -------------------------------------------------------------------------------------


@pytest.fixture
def provider(settings: Any) -> Iterator[None]:
    settings.MAIL_PROVIDER = "postmark"
    settings.ANYMAIL = {"WEBHOOK_SECRET": "user:secret"}
    cache.clear()
    yield
    cache.clear()


def post(data: bytes | dict[str, Any], secret: str = "user:secret", to: str = "") -> HttpResponse:
    body = data if isinstance(data, dict) else {"RawEmail": data.decode(), "Headers": []}
    if to:
        body["OriginalRecipient"] = to
    proof = {"Authorization": f"Basic {b64encode(secret.encode()).decode()}"} if secret else {}
    client = Client(enforce_csrf_checks=True)
    return client.post(WEBHOOK, json.dumps(body), content_type="application/json", headers=proof)


def test_the_provider_delivers(firm: Workspace, provider: None) -> None:
    deal_id = open_one(firm)
    assert post(letter()).status_code == 200
    assert post(letter()).status_code == 200  # it tries again: nothing more happens
    assert post(letter(Cc="", Message_ID="<2@x>"), to=f"{TOKEN}@in.example").status_code == 200
    assert {a.deal_id for a in Activity.objects.all()} == {deal_id}
    assert EmailMessage.objects.count() == 2


def test_read_by_the_provider_it_is_the_same(firm: Workspace, provider: None) -> None:
    deal_id = open_one(firm)
    body = {
        "FromFull": {"Email": "ada@alpha.example", "Name": "Ada"},
        "ToFull": [{"Email": "mia@acme.example", "Name": "Mía"}],
        "CcFull": [{"Email": f"{TOKEN}@in.example", "Name": ""}],
        "Subject": "Größe",
        "Date": "Tue, 19 May 2026 10:30:00 +0200",
        "TextBody": "Grüße",
        "HtmlBody": "<b>Grüße</b>",
        "Headers": [{"Name": "Message-ID", "Value": "<9@x>"}],
        "Attachments": [{"Name": "a.pdf", "ContentType": "application/pdf", "Content": "UERG"}],
    }
    assert post(body).status_code == 200
    mail = EmailMessage.objects.get()
    assert (mail.body, mail.subject, mail.message_id) == ("Grüße", "Größe", "<9@x>")
    assert mail.activity.deal_id == deal_id
    assert [a["name"] for a in mail.attachments] == ["a.pdf"]


@pytest.mark.parametrize("secret", ["", "user:wrong", "user", "other:secret"])
def test_who_is_not_the_provider_is_refused(firm: Workspace, provider: None, secret: str) -> None:
    assert post(letter(), secret=secret).status_code == 403
    assert EmailMessage.objects.count() == 0


def test_a_forged_signature_is_refused(firm: Workspace, provider: None, settings: Any) -> None:
    settings.MAIL_PROVIDER = "mailgun"
    settings.ANYMAIL = {"MAILGUN_WEBHOOK_SIGNING_KEY": "key"}
    fields = {"token": "t", "timestamp": "1", "signature": "0" * 64, "recipient": TOKEN}
    fields["body-mime"] = letter().decode()
    assert Client(enforce_csrf_checks=True).post(WEBHOOK, fields).status_code == 403
    fields["signature"] = hmac.new(b"key", b"1t", hashlib.sha256).hexdigest()
    assert Client(enforce_csrf_checks=True).post(WEBHOOK, fields).status_code == 200
    assert EmailMessage.objects.count() == 1


def test_guessing_is_slowed_down(firm: Workspace, provider: None) -> None:
    answers = [post(letter(), secret="user:wrong").status_code for _ in range(32)]
    assert answers[:30] == [403] * 30
    assert answers[30:] == [429, 429]


def test_a_flood_is_put_off(firm: Workspace, provider: None, settings: Any) -> None:
    settings.ACCOUNT_RATE_LIMITS = {**settings.ACCOUNT_RATE_LIMITS, "mail_received": "2/m/key"}
    answers = [post(letter(Message_ID=f"<{n}@x>")) for n in range(3)]
    assert [a.status_code for a in answers] == [200, 200, 429]
    assert answers[2]["Retry-After"] == "60"
    assert EmailMessage.objects.count() == 2


def test_nobodys_mail_looks_delivered_and_is_not_kept(firm: Workspace, provider: None) -> None:
    assert post(letter(Cc="nobody-nobody-nobody-nobody@in.example")).status_code == 200
    assert EmailMessage.objects.count() == 0


def test_too_large_broken_or_unasked_for(firm: Workspace, provider: None, settings: Any) -> None:
    assert post({"RawEmail": "x" * 16_000_000}).status_code == 413
    assert post(letter("x" * 4_000_000, Message_ID="<large@x>")).status_code == 200
    for broken in ({"Headers": 5}, {"FromFull": 3}, {"RawEmail": None}):
        assert post(broken).status_code in {200, 400}, broken
    proof = {"Authorization": f"Basic {b64encode(b'user:secret').decode()}"}
    for raw in (b"", b"{", b"\xff\xfe", b"[]"):
        sent = Client().post(WEBHOOK, raw, content_type="application/json", headers=proof)
        assert sent.status_code == 400
    assert Client().get(WEBHOOK).status_code == 405
    settings.MAIL_PROVIDER = ""
    assert post(letter()).status_code == 404
    assert EmailMessage.objects.count() == 1


def test_mail_stays_in_its_company(world: World) -> None:
    """The neighbour's reps, contacts and deals are not looked at."""
    set_up(world.a)
    other = make_workspace("gamma")
    deal_id = open_one(other)
    with company_context(other.company.pk):
        Contact.objects.create(customer=other.customers["Acme"], name="M", email="m@q.example")
        Rep.objects.filter(pk=other.reps["Ada"].pk).update(email="ada@gamma.example")
    with company_context(world.a.company.pk):
        found = receive(world.a, From="ada@gamma.example", To="m@q.example")
        assert found.why == Waiting.STRANGER
    with company_context(other.company.pk):
        assert EmailMessage.objects.count() == 0
        assert Activity.objects.filter(deal_id=deal_id).count() == 0
