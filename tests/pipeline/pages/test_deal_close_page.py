"""Won and lost: real pages that are dialogs too, each one service and one transaction."""

from decimal import Decimal
from typing import Any

import pytest
from django.http import HttpResponse

from accounts.models import AuditEntry
from accounts.roles import Role
from accounts.tenancy.context import company_context
from pipeline.models import Competitor, DealChange, LostReason, Note, Stage
from pipeline.services.deals import change_deal
from tests.personas import World, client_of
from tests.pipeline.pages.deal_pages import (
    HX,
    client,
    deal_of,
    inside,
    moves_of,
    on_page,
    said,
    undo,
    url,
)

pytestmark = pytest.mark.usefixtures("clock_stands")


def send(
    world: World, end: str, *, role: Role = Role.REP, name: str = "open", **data: Any
) -> HttpResponse:
    headers = data.pop("headers", {})
    values = {"version": deal_of(world.a, name).version, "key": "k1", "when": "now", **data}
    return client(world.a, role).post(url(world.a.deals[name], f"{end}/"), values, headers=headers)


def win(world: World, **data: Any) -> HttpResponse:
    return send(world, "win", **{"amount": "4200", "currency": "EUR", **data})


def lose(world: World, **data: Any) -> HttpResponse:
    return send(world, "lose", **{"level": "no_decision", **data})


def test_the_forms_open_as_pages_and_as_dialogs(world: World) -> None:
    rep = client(world.a, Role.REP)
    for end, question in (("win", "What made them buy?"), ("lose", "Why was it lost?")):
        here = url(world.a.deals["open"], f"{end}/")
        whole = rep.get(here).content.decode()
        assert "<html" in whole
        assert question in whole
        dialog = rep.get(here, headers=HX).content.decode()
        assert dialog.strip().startswith("<dialog")
        assert client(world.a, Role.LEADER).get(here).status_code == 403
        assert client(world.a, Role.LEADER).post(here).status_code == 403
        assert client_of(world.stranger).get(here).status_code == 404
        for pk in (world.b.deals["open"], 999_999_999):
            assert rep.get(url(pk, f"{end}/")).status_code == 404
            assert rep.post(url(pk, f"{end}/"), {"version": 1, "key": "x"}).status_code == 404


def test_a_win_keeps_the_amount_the_reason_and_the_note(world: World) -> None:
    response = win(world, won_reason="The coach", note="Signed by Mia", amount="4200.50")
    assert response.status_code == 303
    deal = deal_of(world.a, "open")
    assert (deal.outcome, deal.amount, deal.won_reason) == ("won", Decimal("4200.50"), "The coach")
    assert moves_of(world.a, "open")[-1].to_stage.name == "Won"
    with inside(world.a):
        assert Note.objects.get(deal=deal).body == "Signed by Mia"
        changes = DealChange.objects.filter(deal=deal)
        assert set(changes.values_list("field", "origin")) == {
            ("amount", "won"),
            ("won_reason", "won"),
        }
        actions = AuditEntry.objects.filter(object_type="deal", object_id=deal.pk)
        assert {"deal.moved", "deal.changed"} <= set(actions.values_list("action", flat=True))


def test_one_key_has_one_effect(world: World) -> None:
    version = deal_of(world.a, "open").version
    for _ in range(3):
        assert win(world, version=version, note="once").status_code == 303
    with inside(world.a):
        assert Note.objects.filter(deal_id=world.a.deals["open"]).count() == 1
    assert len(moves_of(world.a, "open")) == 3


def test_htmx_draws_the_page_and_offers_undo(world: World) -> None:
    deal_id = world.a.deals["open"]
    response = win(world, headers=on_page(deal_id))
    assert response.status_code == 200
    assert response["HX-Retarget"] == "#deal"
    assert said(response) == "open is won"
    assert "Won on 20 May" in response.content.decode()
    taken_back = client(world.a, Role.REP).post(undo(response), headers=on_page(deal_id))
    assert "open is in Held" in said(taken_back)
    assert deal_of(world.a, "open").outcome == "open"


def test_each_level_of_a_loss_without_a_detail(world: World) -> None:
    names = ("open", "new", "won late", "lost late")
    levels = ("competitor", "no_decision", "other", "unknown")
    for name, level in zip(names, levels, strict=True):
        if name == "lost late":  # it came back, and is lost again
            with inside(world.a):
                row = moves_of(world.a, name)[-1]
            client(world.a).post(
                f"/w/alpha/transitions/{row.pk}/withdraw/", {"key": "back", "version": 2}
            )
        assert lose(world, name=name, level=level, key=level).status_code == 303, name
        deal = deal_of(world.a, name)
        assert (deal.outcome, deal.lost_reason.level) == ("lost", level)


def test_details_and_competitors_of_the_chosen_level_alone(world: World) -> None:
    with inside(world.a):
        price = LostReason.objects.create(level="other", detail="Price")
        stayed = LostReason.objects.create(level="no_decision", detail="Stayed as they are")
        rival = Competitor.objects.create(name="Rivalis")
    response = lose(
        world,
        level="other",
        reason_other=price.pk,
        reason_no_decision=stayed.pk,
        competitor=rival.pk,
    )
    assert response.status_code == 303
    deal = deal_of(world.a, "open")
    assert (deal.lost_reason_id, deal.competitor_id) == (price.pk, None)
    assert (
        lose(world, name="new", key="k2", level="competitor", competitor=rival.pk).status_code
        == 303
    )
    assert deal_of(world.a, "new").competitor_id == rival.pk
    again = lose(world, name="won late", key="k3", level="other", reason_other=stayed.pk)
    assert again.status_code == 422  # a reason of another level


def test_a_manager_may_add_and_a_rep_may_not(world: World) -> None:
    values = {"level": "competitor", "new_competitor": "Newcomer", "new_reason": "Cheaper"}
    assert (
        "Or add a reason"
        not in client(world.a, Role.REP).get(url(world.a.deals["open"], "lose/")).content.decode()
    )
    assert lose(world, role=Role.MANAGER, **values).status_code == 303
    deal = deal_of(world.a, "open")
    assert (deal.lost_reason.detail, deal.lost_reason.level) == ("Cheaper", "competitor")
    assert deal.competitor.name == "Newcomer"
    assert lose(world, name="new", key="k2", **values).status_code == 303  # the fields are none
    assert deal_of(world.a, "new").competitor is None
    with inside(world.a):
        assert not LostReason.objects.filter(detail="cheaper").exists()
    twice = lose(
        world, name="won late", key="k3", role=Role.MANAGER, level="other", new_reason="CHEAPER"
    )
    assert "as a reason of another kind" in twice.content.decode()


def test_what_is_wrong_is_said_and_kept(world: World) -> None:
    cases: list[tuple[HttpResponse, int, str]] = [
        (lose(world, level=""), 422, "Say why it was lost"),
        (lose(world, level="weather"), 422, "valid choice"),
        (lose(world, reason_no_decision=999_999), 422, "valid choice"),
        (win(world, amount="-1"), 422, "greater than or equal to 0"),
        (win(world, amount="1e30"), 422, "digits"),
        (win(world, currency="XXX"), 422, "valid choice"),
        (win(world, won_reason="a\x00b"), 422, "Null characters"),
        (win(world, note="x" * 20_001), 422, "20,000 characters"),
        (win(world, when="day", day="2026-05-21"), 422, "future"),
        (win(world, when="day", day="2020-01-01", note="kept"), 422, "was opened on"),
        (win(world, version=1, note="kept"), 409, "changed while you were looking"),
        (win(world, key="x" * 81), 422, 'role="alert"'),
    ]
    for response, status, sentence in cases:
        assert response.status_code == status, sentence
        assert sentence in response.content.decode()
        if response.wsgi_request.POST.get("note") == "kept":  # type: ignore[attr-defined]
            assert "kept</textarea>" in response.content.decode()
    assert deal_of(world.a, "open").outcome == "open"


def test_nothing_is_left_of_a_half(world: World) -> None:
    """The move and what was learned are one: a refusal of the second undoes the first."""
    with inside(world.a):
        retired = LostReason.objects.create(level="other", detail="Old")
    before = len(moves_of(world.a, "open"))
    from pipeline.services.closing import lose_deal

    with inside(world.a):
        LostReason.objects.filter(pk=retired.pk).update(retired_at="2026-01-01T00:00Z")
    with company_context(world.a.company.pk), pytest.raises(Exception, match="not used any more"):
        from django.utils import timezone

        lose_deal(
            by=world.a.actor(Role.REP),
            deal_id=world.a.deals["open"],
            occurred_at=timezone.now(),
            now=timezone.now(),
            level="other",
            reason_id=retired.pk,
        )
    assert len(moves_of(world.a, "open")) == before


def test_a_stale_screen_is_told_and_may_decide_again(world: World) -> None:
    version = deal_of(world.a, "open").version
    with inside(world.a):
        change_deal(
            by=world.a.actor(Role.MANAGER),
            deal_id=world.a.deals["open"],
            now=moves_of(world.a, "open")[0].recorded_at,
            amount=Decimal(1),
        )
    told = win(world, version=version, headers=on_page(world.a.deals["open"]))
    assert told.status_code == 409
    assert f'name="version" value="{version + 1}"' in told.content.decode()
    assert win(world, version=version + 1).status_code == 303


def test_a_closed_quarter_is_restated_by_a_manager_who_was_told(world: World) -> None:
    values: dict[str, Any] = {"name": "lost early", "when": "day", "day": "2026-03-20"}
    assert "Ask a manager" in win(world, **values).content.decode()
    asked = win(world, role=Role.MANAGER, **values)
    assert asked.status_code == 422
    assert "This restates Q1 2026" in asked.content.decode()
    assert deal_of(world.a, "lost early").outcome == "lost"
    assert win(world, role=Role.MANAGER, restate="1", **values).status_code == 303
    assert deal_of(world.a, "lost early").outcome == "won"


def test_pipelines_with_no_or_several_ends(world: World) -> None:
    with inside(world.a):
        Stage.objects.create(pipeline=world.a.pipeline, name="Won twice", kind="won")
    assert "Ends as" in client(world.a).get(url(world.a.deals["open"], "win/")).content.decode()
    assert win(world).status_code == 422
    chosen = world.a.stages["Won"].pk
    assert win(world, stage=chosen).status_code == 303
    with inside(world.a):
        Stage.objects.filter(kind="lost").update(retired_at="2026-01-01T00:00Z")
    assert "has no stage for lost deals" in lose(world, name="new", key="k2").content.decode()
