"""Filters with a name: saved, shared, renamed, removed."""

from typing import Any

import pytest
from django.http import HttpResponse

from accounts.models import AuditEntry
from accounts.roles import Role
from accounts.tenancy.context import company_context
from pipeline.models import SavedSegment
from tests.personas import CANARY, NOW, World
from tests.pipeline.pages.deals import BOARD, client, on_board

SAVE = f"{BOARD}segments/"


def save(world: World, role: Role = Role.REP, **values: Any) -> HttpResponse:
    given = {"name": "Big ones", "query": "?min=5000&text=acme&unknown=1", **values}
    return client(world.a, role).post(SAVE, given)


def segments(world: World) -> list[SavedSegment]:
    with company_context(world.a.company.pk):
        return list(SavedSegment.objects.order_by("id"))


def make(world: World, role: Role = Role.REP, **values: Any) -> SavedSegment:
    given = {"name": "Late", "query": "late=1", "shared": False, "created_at": NOW, **values}
    with company_context(world.a.company.pk):
        return SavedSegment.objects.create(membership=world.a.members[role], **given)


def test_only_what_the_filter_means_is_kept(quiet_world: World) -> None:
    response = save(quiet_world)
    assert response.status_code == 303
    assert response["Location"] == f"{BOARD}?min=5000&text=acme"
    [segment] = segments(quiet_world)
    assert (segment.name, segment.query, segment.shared) == (
        "Big ones",
        "min=5000&text=acme",
        False,
    )
    assert segment.membership_id == quiet_world.a.members[Role.REP].pk
    with company_context(quiet_world.a.company.pk):
        assert AuditEntry.objects.latest("id").action == "segment.saved"


def test_the_board_offers_to_save_and_to_change(quiet_world: World) -> None:
    browser = client(quiet_world.a)
    assert "Save filter" not in browser.get(BOARD).content.decode()
    assert "Save filter" in browser.get(f"{BOARD}?min=5000").content.decode()
    segment = make(quiet_world, query="min=5000")
    html = browser.get(f"{BOARD}?min=5000").content.decode()
    assert "Save filter" not in html
    assert f'action="{SAVE}{segment.pk}/"' in html


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"name": ""}, "Give the filter a name."),
        ({"name": "   "}, "Give the filter a name."),
        ({"name": "x" * 81}, "at most 80 characters"),
        ({"name": "a\0b"}, "Null characters"),
        ({"query": "?" + "a=1&" * 60}, "too long to keep"),
    ],
)
def test_a_refusal_is_said(values: dict[str, str], sentence: str, quiet_world: World) -> None:
    browser = client(quiet_world.a)
    browser.post(SAVE, {"name": "n", "query": "late=1", **values})
    assert sentence in browser.get(BOARD).content.decode()
    assert segments(quiet_world) == []
    scripted = browser.post(SAVE, {"name": "n", "query": "x", **values}, headers=on_board())
    assert scripted.status_code == 422


def test_a_name_is_ones_own_once(quiet_world: World) -> None:
    save(quiet_world)
    browser = client(quiet_world.a)
    browser.post(SAVE, {"name": " Big ones ", "query": "late=1"})
    assert "You have a filter of this name." in browser.get(BOARD).content.decode()
    assert save(quiet_world, Role.MANAGER).status_code == 303
    assert len(segments(quiet_world)) == 2


def test_renamed_shared_and_removed(quiet_world: World) -> None:
    segment = make(quiet_world)
    browser = client(quiet_world.a)
    address = f"{SAVE}{segment.pk}/"
    assert browser.post(address, {"name": "Slow", "shared": "on"}).status_code == 303
    [changed] = segments(quiet_world)
    assert (changed.name, changed.shared, changed.query) == ("Slow", True, "late=1")
    assert browser.post(address, {"remove": "1"}).status_code == 303
    assert segments(quiet_world) == []
    assert browser.post(address, {"remove": "1"}).status_code == 404
    with company_context(quiet_world.a.company.pk):
        actions = AuditEntry.objects.filter(object_type="segment").order_by("id")
        assert [a.action for a in actions] == ["segment.changed", "segment.removed"]


@pytest.mark.parametrize(
    ("owner", "shared", "role", "status"),
    [
        (Role.REP, False, Role.REP, 303),
        (Role.REP, False, Role.MANAGER, 404),
        (Role.REP, True, Role.MANAGER, 303),
        (Role.MANAGER, True, Role.REP, 403),
        (Role.MANAGER, False, Role.REP, 404),
        (Role.REP, True, Role.LEADER, 403),
    ],
)
def test_who_may_change_what(
    owner: Role, shared: bool, role: Role, status: int, quiet_world: World
) -> None:
    segment = make(quiet_world, owner, shared=shared)
    response = client(quiet_world.a, role).post(
        f"{SAVE}{segment.pk}/", {"name": "Mine now", "shared": "on"}, headers=on_board()
    )
    assert response.status_code == (200 if status == 303 else status)
    [kept] = segments(quiet_world)
    assert (kept.name == "Mine now") is (status == 303)


def test_a_reader_saves_nothing(quiet_world: World) -> None:
    assert save(quiet_world, Role.LEADER).status_code == 403
    assert segments(quiet_world) == []


def test_a_neighbours_segment_is_as_missing(quiet_world: World) -> None:
    world = quiet_world
    with company_context(world.b.company.pk):
        theirs = SavedSegment.objects.create(
            name=f"{CANARY} late",
            query="late=1",
            shared=True,
            membership=world.b.members[Role.OWNER],
            created_at=NOW,
        )
    answers = [
        client(world.a, Role.OWNER).post(f"{SAVE}{pk}/", {"remove": "1"})
        for pk in (theirs.pk, 999_999_999)
    ]
    assert [a.status_code for a in answers] == [404, 404]
    assert answers[0].content == answers[1].content
    assert CANARY not in client(world.a).get(BOARD).content.decode()
