"""A wrong move corrected or withdrawn from the page, with a reason; the history keeps both."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.http import HttpResponse

from accounts.roles import Role
from pipeline.models import StageTransition
from pipeline.services.moves import move_deal
from tests.personas import NOW, World, client_of
from tests.pipeline.pages.deal_pages import (
    HX,
    client,
    deal_of,
    inside,
    moves_of,
    on_page,
    said,
    url,
)

pytestmark = pytest.mark.usefixtures("clock_stands")


def correct_url(pk: int) -> str:
    return f"/w/alpha/transitions/{pk}/correct/"


def own_move(world: World, stage: str = "Held") -> StageTransition:
    """A move that the rep recorded, of deal "new"."""
    with inside(world.a):
        move_deal(
            by=world.a.actor(Role.REP),
            deal_id=world.a.deals["new"],
            to_stage_id=world.a.stages[stage].pk,
            occurred_at=datetime(2026, 5, 19, 10, 20, 30, tzinfo=UTC),
            now=NOW,
        )
    return moves_of(world.a, "new")[-1]


def correct(
    world: World, move: StageTransition, *, role: Role = Role.MANAGER, **data: Any
) -> HttpResponse:
    headers = data.pop("headers", {})
    name = next(n for n, pk in world.a.deals.items() if pk == move.deal_id)
    values = {
        "version": deal_of(world.a, name).version,
        "key": "k1",
        "what": "change",
        "stage": move.to_stage_id or "",
        "day": move.occurred_on.isoformat(),
        "at": f"{move.occurred_at:%H:%M}",
        "reason": "wrong button",
        **data,
    }
    return client(world.a, role).post(correct_url(move.pk), values, headers=headers)


def test_who_may(world: World) -> None:
    own, managers = own_move(world), moves_of(world.a, "open")[-1]
    for role, first, second in (
        (Role.OWNER, 200, 200),
        (Role.MANAGER, 200, 200),
        (Role.REP, 200, 403),
        (Role.LEADER, 403, 403),
    ):
        who = client(world.a, role)
        assert who.get(correct_url(own.pk)).status_code == first
        assert who.get(correct_url(managers.pk)).status_code == second
    assert correct(world, managers, role=Role.REP).status_code == 403
    assert client_of(world.stranger).get(correct_url(own.pk)).status_code == 404
    with inside(world.b):
        theirs = StageTransition.objects.order_by("id")[0].pk
    for pk in (theirs, 999_999_999):
        for method in ("get", "post"):
            assert getattr(client(world.a), method)(correct_url(pk)).status_code == 404


def test_another_stage_and_the_same_instant_to_the_second(world: World) -> None:
    own = own_move(world)
    response = correct(world, own, role=Role.REP, stage=world.a.stages["Coach"].pk)
    assert response.status_code == 303
    last = moves_of(world.a, "new")[-1]
    assert (last.replaces_id, last.to_stage.name, last.reason) == (own.pk, "Coach", "wrong button")
    assert last.occurred_at == own.occurred_at
    assert deal_of(world.a, "new").stage.name == "Coach"


def test_another_time(world: World) -> None:
    own = own_move(world)
    page = client(world.a).get(correct_url(own.pk)).content.decode()
    assert 'value="2026-05-19"' in page
    assert 'value="10:20"' in page
    assert correct(world, own, day="2026-05-18", at="09:15").status_code == 303
    assert moves_of(world.a, "new")[-1].occurred_at == datetime(2026, 5, 18, 9, 15, tzinfo=UTC)


def test_it_never_happened(world: World) -> None:
    own = own_move(world)
    response = correct(
        world, own, what="withdraw", day="x", at="", headers=on_page(world.a.deals["new"])
    )
    assert response.status_code == 422  # the day is no day
    response = correct(world, own, what="withdraw", headers=on_page(world.a.deals["new"]))
    assert response.status_code == 200
    assert said(response).startswith("Withdrawn")
    assert "<s>Booked → Held</s>" in response.content.decode()
    assert deal_of(world.a, "new").stage.name == "Booked"
    withdrawal = moves_of(world.a, "new")[-1]
    form = client(world.a).get(correct_url(withdrawal.pk), headers=HX).content.decode()
    assert "It did happen" in form
    back = correct(world, withdrawal, key="k2", stage=world.a.stages["Held"].pk)
    assert back.status_code == 303
    assert deal_of(world.a, "new").stage.name == "Held"


def test_what_is_wrong_is_said(world: World) -> None:
    own = own_move(world)
    cases: list[tuple[dict[str, Any], int, str]] = [
        ({"reason": " "}, 422, "Say why"),
        ({"reason": "x" * 301}, 422, "at most 300"),
        ({"reason": "\x00"}, 422, "Null characters"),
        ({"what": ""}, 422, "Say what is wrong"),
        ({"stage": world.b.stages["Held"].pk}, 422, "valid choice"),
        ({"stage": ""}, 422, "really moved to"),
        ({"day": ""}, 422, "Choose the day"),
        ({"day": "2027-01-01"}, 422, "future"),
        ({"version": 1}, 409, "changed while you were looking"),
        ({"what": "withdraw", "version": 1}, 409, "changed while you were looking"),
    ]
    for values, status, sentence in cases:
        response = correct(world, own, **values)
        assert response.status_code == status, values
        assert sentence in response.content.decode(), values
    assert len(moves_of(world.a, "new")) == 2


def test_one_key_has_one_effect_and_a_replaced_row_is_told(world: World) -> None:
    own = own_move(world)
    version = deal_of(world.a, "new").version
    coach = world.a.stages["Coach"].pk
    for _ in range(3):
        assert correct(world, own, stage=coach, version=version).status_code == 303
    assert len(moves_of(world.a, "new")) == 3
    late = correct(world, own, key="k2")
    assert late.status_code == 409
    assert "was corrected meanwhile" in late.content.decode()


def test_a_closed_quarter_is_a_managers_who_is_told_before(world: World) -> None:
    own = own_move(world)
    refused = correct(world, own, role=Role.REP, day="2026-03-20")
    assert refused.status_code == 422
    assert "Ask a manager" in refused.content.decode()
    early = moves_of(world.a, "lost early")[0]
    asked = correct(world, early, what="withdraw")
    assert asked.status_code == 422
    body = asked.content.decode()
    assert "restates" in body
    assert 'name="restate"' in body
    assert correct(world, early, what="withdraw", restate="1").status_code == 303
    assert "deal" in client(world.a).get(url(world.a.deals["lost early"])).context


def test_a_move_that_was_really_a_loss_asks_why(world: World) -> None:
    own = own_move(world)
    lost = world.a.stages["Lost"].pk
    asked = correct(world, own, role=Role.REP, stage=lost)
    assert asked.status_code == 422
    assert "Say why it was lost" in asked.content.decode()
    assert f'<option value="{lost}" selected data-ends="lost">' in asked.content.decode()
    done = correct(world, own, role=Role.REP, stage=lost, level="no_decision")
    assert done.status_code == 303
    row = deal_of(world.a, "new")
    assert (row.outcome, row.lost_reason.level) == ("lost", "no_decision")
    correction = moves_of(world.a, "new")[-1]
    page = client(world.a).get(correct_url(correction.pk)).content.decode()
    assert 'value="no_decision" id="id_level_1" checked' in page
    undone = correct(world, correction, what="withdraw", key="k2")
    assert undone.status_code == 303
    assert deal_of(world.a, "new").lost_reason is None
    timeline = client(world.a).get(url(world.a.deals["new"])).content.decode()
    assert "Taken back with the move" in timeline
    assert "Why it was lost: from No decision to empty" in timeline


def test_the_day_of_a_loss_is_corrected_without_asking_why_again(world: World) -> None:
    lost = moves_of(world.a, "lost late")[-1]
    assert correct(world, lost, day="2026-05-02").status_code == 303
