"""The tray: what waits and why, filed, dismissed and put back; and the page of the address."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.html import escape

from accounts.models import AuditEntry, Company
from accounts.roles import Role
from accounts.tenancy.context import company_context
from pipeline.models import Activity, Contact, EmailMessage, Note, Rep
from pipeline.models.mail import Waiting
from pipeline.selectors.mail_tray import why_waiting
from tests.personas import CANARY, NOW, Workspace, World, client_of
from tests.pipeline.pages.deal_pages import said, undo

TRAY = "/w/alpha/mail/"
SETTINGS = "/w/alpha/settings/mail/"
HX = {"HX-Request": "true", "HX-Current-URL": f"http://testserver{TRAY}"}


def add_mail(workspace: Workspace, number: int = 1, **values: Any) -> int:
    given = {
        "message_id": f"<{number}@x>",
        "sender": "mia@acme.example",
        "recipients": ["ada@alpha.example"],
        "subject": f"Question {number}",
        "body": "When can you start?",
        "sent_at": NOW - timedelta(hours=2),
        "received_at": NOW - timedelta(minutes=number),
        "why_waiting": Waiting.SEVERAL_DEALS,
        **values,
    }
    with company_context(workspace.company.pk):
        return int(EmailMessage.objects.create(**given).pk)


def mail(workspace: Workspace, mail_id: int) -> EmailMessage:
    with company_context(workspace.company.pk):
        found: EmailMessage = EmailMessage.objects.select_related("activity").get(pk=mail_id)
        return found


def page(response: HttpResponse) -> str:
    return response.content.decode()


@pytest.fixture
def rep(world: World) -> Client:
    return client_of(world.a.user(Role.REP))


def test_what_waits_is_shown_with_its_reason_newest_first(world: World, rep: Client) -> None:
    add_mail(world.a, 2)
    add_mail(world.a, 1, attachments=[{"name": "Größe.pdf", "type": "x", "size": 1}])
    add_mail(world.a, 3, state=EmailMessage.State.DISMISSED)
    add_mail(world.b, 4, subject=f"{CANARY} question")
    body = page(rep.get(TRAY))
    assert body.index("Question 1") < body.index("Question 2")
    assert "The customer has several open deals." in body
    assert "mia@acme.example" in body
    assert "Größe.pdf" in body
    assert "Question 3" not in body
    assert CANARY not in body


@pytest.mark.parametrize("code", list(Waiting))
def test_every_reason_is_a_sentence(world: World, rep: Client, code: Waiting) -> None:
    add_mail(world.a, why_waiting=code)
    sentence = why_waiting(code)
    assert sentence.endswith(".")
    assert f"{escape(sentence)}</span>" in page(rep.get(TRAY))


def test_markup_is_text_and_nothing_can_be_clicked(world: World, rep: Client) -> None:
    hostile = '<script>alert(1)</script><a href="https://evil.example">x</a> https://evil.example'
    found = add_mail(
        world.a,
        subject=hostile,
        body=hostile,
        sender="<b>@x",
        recipients=[hostile],
        attachments=[{"name": hostile, "type": "x", "size": 1}],
    )
    for url in (TRAY, f"{TRAY}{found}/"):
        for headers in ({}, HX):
            body = page(rep.get(url, headers=headers))
            assert "alert(1)" in body
            assert "<script>alert" not in body
            assert 'href="https://evil' not in body
            assert "<b>@x" not in body


def test_a_message_is_filed_and_put_back(world: World, rep: Client) -> None:
    found = add_mail(world.a)
    deal_id = world.a.deals["open"]
    response = rep.post(f"{TRAY}{found}/", {"deal_id": deal_id}, headers=HX)
    assert said(response) == "Filed under open"
    assert response["HX-Retarget"] == "#mail-tray"
    assert "Question 1" not in page(response)
    kept = mail(world.a, found)
    assert (kept.state, kept.activity.deal_id, kept.activity.happened_at) == (
        "matched",
        deal_id,
        kept.sent_at,
    )
    timeline = page(rep.get(f"/w/alpha/deals/{deal_id}/"))
    assert "When can you start?" in timeline
    # Again, and by somebody else under another deal.
    again = rep.post(f"{TRAY}{found}/", {"deal_id": deal_id}, headers=HX)
    assert again.status_code == 200
    other = rep.post(f"{TRAY}{found}/", {"deal_id": world.a.deals["new"]}, headers=HX)
    assert other.status_code == 409
    assert "filed this e-mail meanwhile" in said(other)
    with company_context(world.a.company.pk):
        assert Activity.objects.count() == 1
    back = rep.post(undo(response), headers=HX)
    assert "Question 1" in page(back)
    assert mail(world.a, found).why_waiting == Waiting.PUT_BACK
    with company_context(world.a.company.pk):
        assert Activity.objects.count() == 0
        actions = AuditEntry.objects.filter(object_type="email").values_list("action", flat=True)
        assert sorted(actions) == ["mail.assigned", "mail.put_back"]


def test_a_message_that_was_talked_about_stays(world: World, rep: Client) -> None:
    found = add_mail(world.a)
    rep.post(f"{TRAY}{found}/", {"deal_id": world.a.deals["open"]})
    with company_context(world.a.company.pk):
        values = {"deal_id": world.a.deals["open"], "body": "x", "written_at": NOW}
        Note.objects.create(activity=mail(world.a, found).activity, **values)
    response = rep.post(f"{TRAY}{found}/put-back/", headers=HX)
    assert response.status_code == 422
    assert mail(world.a, found).state == "matched"


def test_a_message_is_dismissed_and_put_back(world: World, rep: Client) -> None:
    found = add_mail(world.a)
    response = rep.post(f"{TRAY}{found}/dismiss/", headers=HX)
    assert said(response) == "Dismissed"
    assert mail(world.a, found).state == "dismissed"
    assert rep.post(f"{TRAY}{found}/dismiss/", headers=HX).status_code == 200
    filed = rep.post(f"{TRAY}{found}/", {"deal_id": world.a.deals["open"]}, headers=HX)
    assert filed.status_code == 409
    rep.post(undo(response), headers=HX)
    assert mail(world.a, found).state == "waiting"


def test_without_scripts(world: World, rep: Client) -> None:
    found = add_mail(world.a)
    response = rep.post(f"{TRAY}{found}/", {"deal": "acme"})
    assert response.status_code == 422
    values = re.findall(r'name="meant" value="(\d+:acme)"', page(response))
    assert {int(v.partition(":")[0]) for v in values} == {
        world.a.deals["open"],
        world.a.deals["new"],
    }
    response = rep.post(f"{TRAY}{found}/", {"deal": "acme", "meant": values[0]})
    assert response.status_code == 303
    assert response["Location"] == TRAY
    assert f'action="{TRAY}{found}/put-back/"' in page(rep.get(TRAY))
    second = add_mail(world.a, 2)
    assert rep.post(f"{TRAY}{second}/", {"deal": "open · Acme"}).status_code == 303
    third = add_mail(world.a, 3)
    assert rep.post(f"{TRAY}{third}/dismiss/")["Location"] == TRAY


def test_what_is_typed_comes_after_what_is_ticked(world: World, rep: Client) -> None:
    found = add_mail(world.a)
    ticked = {"deal_id": world.a.deals["open"], "deal": "new · Acme"}
    rep.post(f"{TRAY}{found}/", ticked)
    assert mail(world.a, found).activity.deal_id == world.a.deals["new"]


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"deal": ""},
        {"deal": "nobody's"},
        {"deal": "a\x00b"},
        {"deal_id": "999999999"},
        {"deal_id": "x"},
        {"deal_id": "-1"},
        {"deal_id": "9" * 30},
        {"deal": "x", "meant": "999999999:x"},
        {"deal": "x" * 600},
    ],
)
def test_a_deal_that_is_none_is_refused_with_a_sentence(
    world: World, rep: Client, values: dict[str, str]
) -> None:
    found = add_mail(world.a)
    for headers in ({}, HX):
        response = rep.post(f"{TRAY}{found}/", values, headers=headers)
        assert response.status_code == 422
        assert 'id="id_deal_error"' in page(response)
    assert mail(world.a, found).state == "waiting"


def test_a_deal_of_the_neighbour_is_as_missing(world: World, rep: Client) -> None:
    found, theirs = add_mail(world.a), add_mail(world.b, 9)
    missing = rep.post(f"{TRAY}{found}/", {"deal_id": "999999999"})
    neighbour = rep.post(f"{TRAY}{found}/", {"deal_id": str(world.b.deals["open"])})
    assert neighbour.status_code == missing.status_code == 422
    assert mail(world.a, found).state == "waiting"
    for part in ("", "dismiss/", "put-back/"):
        values = {"deal_id": str(world.a.deals["open"])}
        there = rep.post(f"{TRAY}{theirs}/{part}", values)
        nowhere = rep.post(f"{TRAY}999999999/{part}", values)
        assert there.status_code == nowhere.status_code == 404
        assert there.content == nowhere.content
    assert mail(world.b, theirs).state == "waiting"


def test_deals_of_the_customer_are_suggested_open_ones_first(world: World, rep: Client) -> None:
    with company_context(world.a.company.pk):
        Contact.objects.create(
            customer=world.a.customers["Acme"], name="Mia", email="Mia@ACME.example"
        )
    add_mail(world.a)
    names = re.findall(r'<span dir="auto">([^<]+) · Acme</span>', page(rep.get(TRAY)))
    assert names[:2] == ["new", "open"]
    assert len(names) == 3


def test_readers_do_not_see_mail(world: World) -> None:
    found = add_mail(world.a)
    leader = client_of(world.a.user(Role.LEADER))
    assert leader.get(TRAY).status_code == 403
    assert leader.get(f"{TRAY}{found}/").status_code == 403
    assert leader.post(f"{TRAY}{found}/dismiss/").status_code == 403
    assert mail(world.a, found).state == "waiting"


def test_the_queries_do_not_grow_with_the_tray(world: World, rep: Client) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert rep.get(TRAY).status_code == 200
        return len(captured)

    add_mail(world.a)
    rep.get(TRAY)  # the first request of a client writes its session
    few = count()
    for number in range(2, 200):
        add_mail(world.a, number)
    assert count() == few


def test_it_is_paged(world: World, rep: Client) -> None:
    for number in range(1, 61):
        add_mail(world.a, number)
    first = page(rep.get(TRAY))
    assert "Question 25<" in first
    assert "Question 26<" not in first
    assert "?page=2" in first
    last = page(rep.get(f"{TRAY}?page=3"))
    assert "Question 60<" in last
    assert "Older" not in last
    for odd in ("0", "-1", "x", "99999999999", "²"):
        assert rep.get(f"{TRAY}?page={odd}").status_code == 200


def test_empty_it_says_what_to_do(world: World, rep: Client) -> None:
    assert "Ask a manager" in page(rep.get(TRAY))
    manager = client_of(world.a.user(Role.MANAGER))
    assert f'href="{SETTINGS}"' in page(manager.get(TRAY))
    with company_context(world.a.company.pk):
        Company.objects.filter(pk=world.a.company.pk).update(mail_token="a-token")
    assert "Nothing is waiting" in page(rep.get(TRAY))


# The address -------------------------------------------------------------------------------------


def token(world: World) -> str | None:
    with company_context(world.a.company.pk):
        return Company.objects.get(pk=world.a.company.pk).mail_token


def test_a_manager_makes_the_address_and_another(world: World, settings: Any) -> None:
    settings.MAIL_DOMAIN = "in.example"
    manager = client_of(world.a.user(Role.MANAGER))
    assert "There is none yet" in page(manager.get(SETTINGS))
    assert manager.post(f"{SETTINGS}new/", {"seen": ""}).status_code == 303
    first = token(world)
    assert first is not None
    assert f"{first}@in.example" in page(manager.get(SETTINGS))
    manager.post(f"{SETTINGS}new/", {"seen": ""})  # the same form again
    assert token(world) == first
    manager.post(f"{SETTINGS}new/", {"seen": first})
    assert token(world) not in {first, None}


def test_it_says_whose_mailbox_is_linked(world: World) -> None:
    with company_context(world.a.company.pk):
        Rep.objects.filter(name="Ada").update(mailbox_linked_at=timezone.now())
    body = page(client_of(world.a.user(Role.OWNER)).get(SETTINGS))
    rows = dict(re.findall(r'<th scope="row" dir="auto">(\w+)</th>(.*?)</tr>', body))
    assert "Linked</span>" in rows["Ada"]
    assert "rep@alpha.example" in rows["Ada"]  # the sign-in, as no other address is known
    assert "Not linked" in rows["Ben"]
    assert "never" in rows["Ben"]


def test_a_rep_sees_no_settings_of_mail(world: World, rep: Client) -> None:
    assert rep.get(SETTINGS).status_code == 403
    assert rep.post(f"{SETTINGS}new/", {"seen": ""}).status_code == 403
    assert token(world) is None


# The sidebar and the timeline --------------------------------------------------------------------


def test_the_sidebar_asks_how_many_wait(world: World, rep: Client) -> None:
    count = f"{TRAY}waiting/"
    assert f'hx-get="{count}"' in page(rep.get(TRAY))
    assert page(rep.get(count)).strip() == ""
    for number in (1, 2):
        add_mail(world.a, number)
    add_mail(world.a, 3, state=EmailMessage.State.DISMISSED)
    add_mail(world.b, 4)
    with CaptureQueriesContext(connection) as captured:
        said_so = page(rep.get(count))
    assert said_so.startswith('2<span class="visually-hidden"> wait</span>')
    assert sum("pipeline_emailmessage" in q["sql"] for q in captured) == 1
    leader = client_of(world.a.user(Role.LEADER))
    assert leader.get(count).status_code == 403
    assert count not in page(leader.get("/w/alpha/deals/"))


def filed(world: World, rep: Client) -> tuple[int, str]:
    """A message that was filed under the deal "open", and that deal's page."""
    mail_id = add_mail(
        world.a,
        recipients=["ada@alpha.example", "bo@acme.example"],
        attachments=[{"name": "Offer.pdf", "type": "application/pdf", "size": 9}],
    )
    deal_id = world.a.deals["open"]
    assert rep.post(f"{TRAY}{mail_id}/", {"deal_id": deal_id}, headers=HX).status_code == 200
    return mail_id, f"/w/alpha/deals/{deal_id}/"


def test_a_timeline_names_recipients_and_attachments(world: World, rep: Client) -> None:
    _mail_id, deal = filed(world, rep)
    html = page(rep.get(deal))
    assert "From mia@acme.example to ada@alpha.example, bo@acme.example" in html
    assert "Attached: Offer.pdf" in html


def test_a_filed_message_goes_back_to_the_tray_from_its_timeline(world: World, rep: Client) -> None:
    mail_id, deal = filed(world, rep)
    back = f"{TRAY}{mail_id}/put-back/"
    assert f'action="{back}"' in page(rep.get(deal))
    assert back not in page(client_of(world.a.user(Role.LEADER)).get(deal))
    there = {"HX-Request": "true", "HX-Current-URL": f"http://testserver{deal}"}
    answer = rep.post(back, headers=there)
    assert said(answer) == "It waits in the tray again"
    assert answer["HX-Retarget"] == "#deal"
    assert "Question 1" not in page(answer)
    assert mail(world.a, mail_id).state == EmailMessage.State.WAITING


def test_what_has_a_note_offers_no_way_back(world: World, rep: Client) -> None:
    mail_id, deal = filed(world, rep)
    with company_context(world.a.company.pk):
        kept = EmailMessage.objects.get(pk=mail_id)
        Note.objects.create(
            deal_id=world.a.deals["open"],
            activity_id=kept.activity_id,
            body="About it",
            written_at=NOW,
        )
    assert f"{TRAY}{mail_id}/put-back/" not in page(rep.get(deal))
