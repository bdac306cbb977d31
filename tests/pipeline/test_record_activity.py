"""Calls, meetings, e-mails and the notes about them."""

from datetime import date
from typing import Any

import pytest

from accounts.errors import DomainError
from accounts.roles import Role
from accounts.tenancy.context import company_context
from pipeline.models import Activity, Note
from pipeline.services.history import NotFound
from pipeline.services.notes import add_note, record_activity
from tests.personas import NOW, Workspace, make_workspace
from tests.pipeline.doing import assert_facts_hold, at, last_audit, start


def record(workspace: Workspace, deal_id: int, **more: Any) -> Activity:
    values = {"kind": "call", "happened_at": at("2026-05-10"), "now": NOW, **more}
    return record_activity(by=workspace.actor(Role.REP), deal_id=deal_id, **values)


def note(workspace: Workspace, deal_id: int, body: str, **more: Any) -> Note:
    return add_note(
        by=workspace.actor(Role.REP), deal_id=deal_id, body=body, **{"now": NOW, **more}
    )


def test_a_call_with_a_note(alpha: Workspace) -> None:
    deal = start(alpha)
    done = record(
        alpha, deal.deal_id, subject=" Price ", rep_id=alpha.reps["Ada"].pk, note="Too dear."
    )
    assert (done.kind, done.subject, done.happened_on) == ("call", "Price", date(2026, 5, 10))
    (written,) = Note.objects.all()
    assert (written.body, written.activity_id) == ("Too dear.", done.pk)
    assert (written.rep_id, written.author_id) == (alpha.reps["Ada"].pk, alpha.user(Role.REP).pk)
    assert last_audit().action == "note.added"
    assert_facts_hold()


def test_a_meeting_without_a_note_is_kept_as_a_gap(alpha: Workspace) -> None:
    deal = start(alpha)
    done = record(alpha, deal.deal_id, kind="meeting")
    assert not Note.objects.exists()
    entry = last_audit()
    assert (entry.action, entry.object_id) == ("meeting.recorded", deal.deal_id)
    assert done.recorded_by_id == alpha.user(Role.REP).pk


def test_the_day_is_the_companys(db: None) -> None:
    workspace = make_workspace("apia", timezone="Pacific/Apia")
    with company_context(workspace.company.pk):
        deal = start(workspace)
        assert record(
            workspace, deal.deal_id, happened_at=at("2026-05-10 11:00")
        ).happened_on == date(2026, 5, 11)


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"kind": "dance"}, "Choose call, meeting or e-mail."),
        ({"happened_at": at("2026-05-21")}, "This lies in the future."),
        ({"subject": "\x00"}, "holds a character that cannot be kept"),
        ({"note": "\x00"}, "holds a character that cannot be kept"),
        ({"note": "x" * 20_001}, "A note has at most 20,000 characters."),
        ({"rep_id": 999_999}, "This rep does not exist."),
        ({"deal_id": 999_999}, "This deal does not exist."),
    ],
)
def test_refused_in_words(more: dict[str, Any], sentence: str, alpha: Workspace) -> None:
    deal = start(alpha)
    with pytest.raises(DomainError) as refusal:
        record(alpha, **{"deal_id": deal.deal_id, **more})
    assert sentence in refusal.value.sentence
    assert not Activity.objects.exists()
    assert not Note.objects.exists()


def test_an_empty_note_is_none(alpha: Workspace) -> None:
    deal = start(alpha)
    record(alpha, deal.deal_id, note="   ")
    assert not Note.objects.exists()
    with pytest.raises(DomainError, match="Write something first"):
        note(alpha, deal.deal_id, "  ")


def test_a_note_is_kept_as_it_was_written(alpha: Workspace) -> None:
    deal = start(alpha)
    text = "<script>alert(1)</script> =2+2 & ünïcode 🙂\nsecond line"
    assert Note.objects.get(pk=note(alpha, deal.deal_id, text).pk).body == text


def test_a_note_is_about_an_activity_of_its_own_deal(alpha: Workspace) -> None:
    one, two = start(alpha), start(alpha)
    call = record(alpha, one.deal_id)
    assert note(alpha, one.deal_id, "x", activity_id=call.pk).activity_id == call.pk
    with pytest.raises(DomainError, match="belongs to another deal"):
        note(alpha, two.deal_id, "x", activity_id=call.pk)


def test_what_another_company_has_does_not_exist(alpha: Workspace) -> None:
    beta = make_workspace("beta")
    with company_context(beta.company.pk):
        theirs = start(beta)
    mine = start(alpha)
    for call in (
        lambda: record(alpha, theirs.deal_id),
        lambda: note(alpha, theirs.deal_id, "x"),
        lambda: record(alpha, mine.deal_id, rep_id=beta.reps["Ada"].pk),
        lambda: note(alpha, mine.deal_id, "x", rep_id=beta.reps["Ada"].pk),
    ):
        with pytest.raises(NotFound):
            call()
