"""The deal page: how far it came, what is known, what happened."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from accounts.roles import Role
from pipeline.models import Deal, EmailMessage, Stage
from pipeline.services.deals import change_deal
from pipeline.services.moves import correct_transition, move_deal
from pipeline.services.notes import add_note, record_activity
from tests.personas import CANARY, NOW, World, client_of
from tests.pipeline.pages.deal_pages import (
    HX,
    add_person,
    client,
    inside,
    moves_of,
    url,
)

pytestmark = pytest.mark.usefixtures("clock_stands")


def page(world: World, name: str = "open", role: Role = Role.MANAGER, query: str = "") -> Any:
    response = client(world.a, role).get(url(world.a.deals[name]) + query)
    assert response.status_code == 200
    return response


def entries(response: Any) -> list[Any]:
    return [e for day in response.context["timeline"].days for e in day.entries]


def titles(response: Any) -> list[str]:
    return [e.title for e in entries(response)]


@pytest.mark.parametrize("role", list(Role))
def test_every_member_reads_it(world: World, role: Role) -> None:
    body = page(world, role=role).content.decode()
    assert "<h1" in body
    assert "What happened" in body
    assert CANARY not in body


def test_a_leader_is_offered_nothing_to_do(world: World) -> None:
    body = page(world, role=Role.LEADER).content.decode()
    for word in ("Correct…", "Add note", "Log a call", "/win/", "/lose/", "/edit/", "/move/"):
        assert word not in body
    assert "/edit/" in page(world, role=Role.REP).content.decode()


def test_strangers_and_other_companies_deals(world: World) -> None:
    theirs, missing = world.b.deals["open"], 999_999_999
    owner = client(world.a, Role.OWNER)
    answers = [owner.get(url(pk)) for pk in (theirs, missing)]
    assert {a.status_code for a in answers} == {404}
    assert answers[0].content == answers[1].content
    assert client_of(world.stranger).get(url(world.a.deals["open"])).status_code == 404


def test_htmx_gets_what_changes(world: World) -> None:
    who, here = client(world.a), url(world.a.deals["open"])
    whole = who.get(here, headers=HX).content.decode()
    assert "<html" not in whole
    assert 'id="deal"' in whole
    part = who.get(here, headers={**HX, "HX-Target": "section#timeline"}).content.decode()
    assert 'id="timeline"' in part
    assert 'id="deal"' not in part


# How far it came -------------------------------------------------------------------------------


def steps(response: Any) -> list[tuple[str, str]]:
    return [(s.name, s.state) for s in response.context["deal"].steps]


def test_the_path_of_an_open_deal(world: World) -> None:
    found = page(world, "open")
    assert steps(found) == [
        ("Booked", "done"),
        ("Held", "now"),
        ("Coach", "todo"),
        ("Won or lost", "todo"),
    ]
    assert found.context["deal"].steps[0].note == "2 days"
    assert found.context["deal"].age == "18 days in this stage"


def test_days_in_the_stage_against_the_usual_ones(world: World) -> None:
    with inside(world.a):
        Stage.objects.filter(pk=world.a.stages["Held"].pk).update(
            usual_days=10, exit_criterion="They named a date"
        )
    found = page(world, "open")
    assert found.context["deal"].age == "18 days in this stage, usual 10"
    assert found.context["deal"].age_tone == "danger"
    assert "They named a date" in found.content.decode()


def test_the_path_of_a_won_and_of_a_lost_deal(world: World) -> None:
    assert [s for _n, s in steps(page(world, "won late"))] == ["done", "done", "done", "won"]
    lost = page(world, "lost late")
    assert [s for _n, s in steps(lost)] == ["done", "todo", "todo", "lost"]
    assert "that it was lost on" in lost.context["deal"].reopening


def move(world: World, name: str, stage: str, when: datetime, **more: Any) -> int:
    with inside(world.a):
        return move_deal(
            by=world.a.actor(more.pop("role", Role.MANAGER)),
            deal_id=world.a.deals[name],
            to_stage_id=world.a.stages[stage].pk,
            occurred_at=when,
            now=more.pop("now", NOW),
            **more,
        ).transition_id


def test_a_stage_jumped_over_and_one_fallen_back_from(world: World) -> None:
    move(world, "new", "Coach", NOW - timedelta(days=2))
    assert [s for _n, s in steps(page(world, "new"))] == ["done", "jumped", "now", "todo"]
    move(world, "new", "Held", NOW - timedelta(days=1))
    assert [s for _n, s in steps(page(world, "new"))] == ["done", "now", "back", "todo"]


def test_a_deal_without_its_path_says_so(world: World) -> None:
    with inside(world.a):
        Deal.objects.filter(pk=world.a.deals["won late"]).update(path_known=False)
    found = page(world, "won late")
    assert "imported without its path" in found.content.decode()
    with inside(world.a):
        by = world.a.actor(Role.MANAGER)
        for row in moves_of(world.a, "won late")[1:3]:
            correct_transition(by=by, transition_id=row.pk, now=NOW, withdraw=True)
    assert [s for _n, s in steps(page(world, "won late"))] == ["done", "unknown", "unknown", "won"]


def test_a_deal_whose_every_move_was_withdrawn(world: World) -> None:
    only = moves_of(world.a, "new")[0]
    with inside(world.a):
        by = world.a.actor(Role.MANAGER)
        correct_transition(by=by, transition_id=only.pk, now=NOW, withdraw=True)
    body = page(world, "new").content.decode()
    assert "No move of this deal holds" in body
    assert "Move…" in body


# Facts, next step, contacts ----------------------------------------------------------------------


def test_the_facts(world: World) -> None:
    facts = {f.label: (f.value, f.note) for f in page(world).context["deal"].facts}
    assert facts["Amount"] == ("€5,000", "")
    assert facts["Rep"] == ("Ben", "Team North")
    assert facts["Source"] == ("Website", "Inbound")
    assert facts["Product"] == ("No product", "")


@pytest.mark.parametrize(
    ("days", "due", "tone"),
    [(-2, "was due 18 May", "watch"), (0, "due today", "accent"), (3, "due 23 May", "")],
)
def test_the_next_step_and_its_day(world: World, days: int, due: str, tone: str) -> None:
    with inside(world.a):
        Deal.objects.filter(pk=world.a.deals["open"]).update(
            next_step="Call them", next_step_on=NOW.date() + timedelta(days=days)
        )
    found = page(world).context["deal"]
    assert (found.next_step, found.next_due, found.next_tone) == ("Call them", due, tone)


def test_who_decides(world: World) -> None:
    assert "Nobody is known there yet" in page(world).content.decode()
    add_person(world.a, "Bo", decides=False)
    add_person(world.a, "Cy", decides=None)
    found = page(world)
    assert "Nobody who decides is known" in found.content.decode()
    assert [p.decides for p in found.context["deal"].contacts] == [
        "Not asked whether they decide",
        "Does not decide",
    ]
    add_person(world.a, "Al", decides=True)
    found = page(world)
    assert "Nobody who decides" not in found.content.decode()
    assert found.context["deal"].contacts[0].name == "Al"


# What happened -----------------------------------------------------------------------------------


def test_moves_newest_first_under_their_days(world: World) -> None:
    found = page(world, "won late")
    assert titles(found) == ["Won, from Coach", "Held → Coach", "Booked → Held", "Opened in Booked"]
    assert [d.text for d in found.context["timeline"].days] == [
        "16 Apr",
        "14 Apr",
        "12 Apr",
        "10 Apr",
    ]


def test_a_correction_strikes_the_old_row_and_says_why(world: World) -> None:
    held = moves_of(world.a, "open")[1]
    with inside(world.a):
        correct_transition(
            by=world.a.actor(Role.MANAGER),
            transition_id=held.pk,
            to_stage_id=world.a.stages["Coach"].pk,
            now=NOW,
            reason="wrong button",
        )
    found = entries(page(world))
    corrected = next(e for e in found if e.tag == "Corrected")
    struck = next(e for e in found if e.struck)
    assert corrected.title == "Booked → Coach"
    assert corrected.lines[0].startswith("Instead of Held, 2 May")
    assert "by Manager on 20 May: wrong button" in struck.replaced
    assert struck.replaced.startswith("Corrected to Coach, 2 May")
    assert struck.correct_id == 0
    assert corrected.correct_id != 0


def test_a_withdrawal_is_an_entry_of_the_day_on_which_it_was_said(world: World) -> None:
    held = moves_of(world.a, "open")[1]
    with inside(world.a):
        correct_transition(
            by=world.a.actor(Role.MANAGER),
            transition_id=held.pk,
            now=NOW,
            withdraw=True,
            reason="not yet",
        )
    found = page(world)
    first = found.context["timeline"].days[0]
    assert first.text == "Today, 20 May"
    assert first.entries[0].title == "Withdrew the move to Held of 2 May"
    struck = next(e for e in entries(found) if e.struck)
    assert struck.replaced == "Withdrawn by Manager on 20 May: not yet"


def test_managers_see_what_was_entered_later(world: World) -> None:
    move(world, "new", "Held", NOW - timedelta(days=2), role=Role.REP)
    late = entries(page(world, "new"))[0]
    assert late.who == "Rep"
    assert late.recorded == "entered 2 days later, on 20 May"
    assert entries(page(world, "new", Role.REP))[0].recorded == ""
    move(world, "new", "Coach", NOW - timedelta(hours=3))
    assert entries(page(world, "new"))[0].recorded == "entered at 9:00\N{NO-BREAK SPACE}AM"


def test_reps_may_correct_their_own_moves_of_open_quarters(world: World) -> None:
    move(world, "new", "Held", NOW - timedelta(days=1), role=Role.REP)
    own, managers = entries(page(world, "new", Role.REP))
    assert (bool(own.correct_id), bool(managers.correct_id)) == (True, False)
    assert all(e.correct_id for e in entries(page(world, "new")))
    assert not any(e.correct_id for e in entries(page(world, "new", Role.LEADER)))


def test_calls_carry_their_notes_and_mails_their_text(world: World) -> None:
    by, deal_id = world.a.actor(Role.REP), world.a.deals["open"]
    with inside(world.a):
        record_activity(
            by=by,
            deal_id=deal_id,
            kind="call",
            happened_at=NOW,
            now=NOW,
            subject="Price",
            note="Too dear",
        )
        mail = record_activity(
            by=by,
            deal_id=deal_id,
            kind="email",
            happened_at=NOW - timedelta(hours=1),
            now=NOW,
        )
        EmailMessage.objects.create(
            message_id="<1@x>",
            state="matched",
            activity=mail,
            sender="mia@acme.example",
            recipients=["ada@alpha.example"],
            subject="Our offer",
            body="x" * 1500,
            attachments=[{"name": "offer.pdf"}],
            sent_at=NOW,
            received_at=NOW,
        )
    call, letter, *_moves = entries(page(world))
    assert (call.title, call.texts[0].body, call.note_for) == ("Call: Price", "Too dear", 0)
    assert letter.title == "E-mail: Our offer"
    assert letter.lines == (
        "From mia@acme.example to ada@alpha.example",
        "Attached: offer.pdf",
    )
    assert (len(letter.texts[0].body), letter.texts[0].cut) == (1000, True)
    whole = client(world.a).get(f"/w/alpha/emails/{letter.texts[0].email_id}/")
    assert "x" * 1500 in whole.content.decode()


def test_edits_name_what_they_point_to(world: World) -> None:
    with inside(world.a):
        change_deal(
            by=world.a.actor(Role.REP),
            deal_id=world.a.deals["open"],
            now=NOW,
            rep_id=world.a.reps["Ada"].pk,
            amount=None,
            next_step="Call",
            next_step_on=NOW.date(),
        )
    edit = entries(page(world))[0]
    assert edit.title == "Edited"
    assert edit.who == "Rep"
    assert set(edit.lines) == {
        "Rep: from Ben to Ada",
        "Amount: from 5,000 to empty",
        "Next step: Call",
        "Next step due: 20 May",
    }


NOTES = [
    '<script>alert(1)</script>"><img src=x onerror=y>',
    "שלום עולם, مرحبا",
    "👩‍👩‍👧‍👦 and a zero-width\u200bjoiner",
    "line one\nline two",
]


@pytest.mark.parametrize("text", NOTES)
def test_text_is_text(world: World, text: str) -> None:
    with inside(world.a):
        add_note(by=world.a.actor(Role.REP), deal_id=world.a.deals["open"], body=text, now=NOW)
    found = page(world)
    assert entries(found)[0].texts[0].body == text
    assert "<script>alert" not in found.content.decode()
    assert "<img" not in found.content.decode()


def test_a_long_note_is_cut_and_read_whole_elsewhere(world: World) -> None:
    with inside(world.a):
        note = add_note(
            by=world.a.actor(Role.REP), deal_id=world.a.deals["open"], body="y" * 20_000, now=NOW
        )
    text = entries(page(world))[0].texts[0]
    assert (len(text.body), text.cut) == (1000, True)
    whole = client(world.a, Role.LEADER).get(f"/w/alpha/notes/{note.pk}/")
    assert "y" * 20_000 in whole.content.decode()
    assert client(world.b, Role.OWNER).get(f"/w/beta/notes/{note.pk}/").status_code == 404
