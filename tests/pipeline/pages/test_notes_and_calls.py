"""A note added, a call logged: once each, also when it was yesterday."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.http import HttpResponse
from django.utils.html import escape

from accounts.roles import Role
from pipeline.models import Activity, Note
from pipeline.services.notes import record_activity
from tests.personas import NOW, World, client_of
from tests.pipeline.pages.deal_pages import HX, client, inside, on_page, said, url

pytestmark = pytest.mark.usefixtures("clock_stands")


def send(world: World, part: str, role: Role = Role.REP, **data: Any) -> HttpResponse:
    headers = data.pop("headers", {})
    values = {"key": "k1", **data}
    return client(world.a, role).post(url(world.a.deals["open"], part), values, headers=headers)


def test_who_may(world: World) -> None:
    for part in ("notes/", "activities/"):
        here = url(world.a.deals["open"], part)
        for role in Role:
            status = 403 if role == Role.LEADER else 200
            assert client(world.a, role).get(here).status_code == status
            assert client(world.a, role).get(here, headers=HX).status_code == status
        assert client(world.a, Role.LEADER).post(here).status_code == 403
        assert client_of(world.stranger).get(here).status_code == 404
        for pk in (world.b.deals["open"], 999_999_999):
            assert client(world.a).post(url(pk, part), {"key": "x"}).status_code == 404


def test_a_note_is_added_once(world: World) -> None:
    for _ in range(3):
        assert send(world, "notes/", body="They like it").status_code == 303
    drawn = send(world, "notes/", body="Second", key="k2", headers=on_page(world.a.deals["open"]))
    assert (drawn.status_code, drawn["HX-Retarget"], said(drawn)) == (200, "#deal", "Note added")
    with inside(world.a):
        notes = list(Note.objects.order_by("id").values_list("body", "rep_id", "author_id"))
    me = (world.a.reps["Ada"].pk, world.a.user(Role.REP).pk)
    assert notes == [("They like it", *me), ("Second", *me)]


def test_a_key_of_another_deal_is_refused(world: World) -> None:
    send(world, "notes/", body="one")
    other = client(world.a).post(url(world.a.deals["new"], "notes/"), {"key": "k1", "body": "two"})
    assert other.status_code == 422
    assert "sent before with other values" in other.content.decode()


def test_notes_that_cannot_be_kept(world: World) -> None:
    for body, sentence in (
        ("", "Write something first"),
        (" \n ", "Write something first"),
        ("x" * 20_001, "at most 20,000 characters"),
        ("a\x00b", "cannot be kept"),
    ):
        response = send(world, "notes/", body=body)
        assert response.status_code == 422
        assert sentence in response.content.decode()
    assert send(world, "notes/", body="x", activity="1" * 30).status_code == 422
    assert "another deal" in send(world, "notes/", body="x", activity="1").content.decode()


LONG = {
    "one word": "x" * 100_000,
    "lines": "They like it.\n" * 7_500,
    "four bytes a letter": "🙂" * 100_000,
    "markup": "<script>alert(1)</script>" * 4_000,
}


@pytest.mark.parametrize("headers", [{}, HX], ids=["no scripts", "htmx"])
@pytest.mark.parametrize("part", ["notes/", "activities/"])
@pytest.mark.parametrize("body", LONG.values(), ids=LONG)
def test_a_hundred_kilobytes_are_refused_in_a_sentence(
    world: World, body: str, part: str, headers: dict[str, str]
) -> None:
    """What was written stands in the form, as text, to be split."""
    values = {"body": body, "note": body, "kind": "call", "when": "now", "headers": headers}
    response = send(world, part, **values)
    html = response.content.decode()
    assert response.status_code == 422
    assert "at most 20,000 characters. Split it into two." in html
    assert escape(body.strip()) in html
    assert "<script>alert" not in html
    with inside(world.a):
        assert not Note.objects.exists()
        assert not Activity.objects.exists()


@pytest.mark.parametrize("multipart", [False, True])
@pytest.mark.parametrize("headers", [{}, HX], ids=["no scripts", "htmx"])
def test_more_than_a_form_may_hold_is_refused_in_a_sentence(
    world: World, headers: dict[str, str], multipart: bool
) -> None:
    """Django reads no body of more than 2.5 MB: no view sees it, and nothing is raised."""
    sent: dict[str, str] = {"key": "k1", "body": "x" * 2_700_000}
    address = url(world.a.deals["open"], "notes/")
    rep = client(world.a, Role.REP)
    rep.get(address)  # the token's cookie
    rep.handler.enforce_csrf_checks = True  # as browsers are met: the token is looked for in it
    if multipart:
        response = rep.post(address, sent, headers=headers)
    else:
        form = "application/x-www-form-urlencoded"
        response = rep.post(address, urlencode(sent), content_type=form, headers=headers)
    said_so = response.content.decode()
    assert response.status_code == 413
    assert "It is too large: a form takes at most 2.5 MB." in said_so
    assert "Traceback" not in said_so
    assert ("<html" in said_so) is not bool(headers)  # with scripts the sentence alone, a toast
    with inside(world.a):
        assert not Note.objects.exists()


def test_a_call_yesterday_with_its_note(world: World) -> None:
    for _ in range(2):
        values = {"kind": "call", "when": "yesterday", "at": "09:30", "subject": "Price"}
        assert send(world, "activities/", note="Too dear", **values).status_code == 303
    with inside(world.a):
        call = Activity.objects.get()
        assert call.happened_at == datetime(2026, 5, 19, 9, 30, tzinfo=UTC)
        assert (call.subject, call.rep_id) == ("Price", world.a.reps["Ada"].pk)
        assert [n.body for n in call.notes.all()] == ["Too dear"]


def test_a_call_without_a_note_gets_one_later(world: World) -> None:
    with inside(world.a):
        call = record_activity(
            by=world.a.actor(Role.REP),
            deal_id=world.a.deals["open"],
            kind="meeting",
            happened_at=NOW - timedelta(days=1),
            now=NOW,
        )
    page = client(world.a, Role.REP).get(url(world.a.deals["open"])).content.decode()
    assert f"activity={call.pk}" in page
    assert send(world, "notes/", body="Went well", activity=call.pk).status_code == 303
    page = client(world.a, Role.REP).get(url(world.a.deals["open"])).content.decode()
    assert f"activity={call.pk}" not in page


def test_what_is_wrong_is_said(world: World) -> None:
    for values, sentence in (
        ({"kind": ""}, "Choose call, meeting or e-mail"),
        ({"kind": "fax"}, "valid choice"),
        ({"kind": "call", "when": "day", "day": "2026-05-21"}, "future"),
        ({"kind": "call", "subject": "x" * 251}, "at most 250"),
    ):
        response = send(world, "activities/", **values)
        assert response.status_code == 422
        assert sentence in response.content.decode()
    with inside(world.a):
        assert not Activity.objects.exists()
