"""Move a deal and take it back, from the menu, the form and the toast, with scripts and without."""

import json
import re
from typing import Any

import pytest
from django.http import HttpResponse

from accounts.roles import Role
from accounts.tenancy.context import company_context
from pipeline.models import Deal, DirtyQuarter, Note, StageTransition
from tests.personas import NOW, World, client_of
from tests.pipeline.pages.deals import BOARD, HX, client, deal, history, on_board

pytestmark = pytest.mark.usefixtures("clock_stands")


def url(world: World, name: str = "open") -> str:
    return f"{BOARD}{world.a.deals[name]}/move/"


def post(
    world: World,
    stage: str = "Coach",
    *,
    name: str = "open",
    role: Role = Role.REP,
    headers: dict[str, str] | None = None,
    **more: Any,
) -> HttpResponse:
    values = {
        "stage": world.a.stages[stage].pk if stage in world.a.stages else stage,
        "key": "form-1",
        "version": deal(world.a, name).version,
        **more,
    }
    return client(world.a, role).post(url(world, name), values, headers=headers or {})


def toast(response: HttpResponse) -> dict[str, str]:
    said: dict[str, str] = json.loads(response["HX-Trigger"])["toast"]
    return said


def test_the_menu_moves_a_deal_without_scripts(world: World) -> None:
    response = post(world, headers={"Referer": f"http://testserver{BOARD}?late=1"})
    assert response.status_code == 303
    assert response["Location"] == f"{BOARD}?late=1#deal-{world.a.deals['open']}"
    assert deal(world.a, "open").stage.name == "Coach"
    page = client(world.a)
    page.post(url(world), {"stage": "1"})  # another browser has no message of this one
    move = history(world.a, "open")[-1]
    assert (move.occurred_at, move.recorded_by_id) == (NOW, world.a.user(Role.REP).pk)


def test_the_message_carries_the_undo_as_a_form(world: World) -> None:
    browser = client(world.a)
    version = deal(world.a, "open").version
    stage = world.a.stages["Coach"].pk
    browser.post(url(world), {"stage": stage, "key": "k", "version": version})
    html = browser.get(BOARD).content.decode()
    move = history(world.a, "open")[-1]
    assert "open moved to Coach" in html
    address = f"/w/alpha/transitions/{move.pk}/withdraw/?version={version + 1}"
    assert f'method="post" action="{address}"' in html
    response = browser.post(address, headers={"Referer": f"http://testserver{BOARD}"})
    assert response.status_code == 303
    assert "Undone. open is in Held" in browser.get(BOARD).content.decode()
    assert deal(world.a, "open").stage.name == "Held"
    assert [t.origin for t in history(world.a, "open")][-2:] == ["move", "withdrawal"]
    assert history(world.a, "open")[-1].reason == "undone"


def test_htmx_gets_the_columns_that_changed_and_a_toast_with_undo(world: World) -> None:
    response = post(world, headers=on_board())
    assert response.status_code == 200
    html = response.content.decode()
    stages = world.a.stages
    assert f'hx-target="#column-{stages["Held"].pk}"' in html
    assert f'hx-target="#column-{stages["Coach"].pk}"' in html
    assert f'hx-target="#column-{stages["Booked"].pk}"' not in html
    assert html.index(f"deal-{world.a.deals['open']}") > html.index(
        f'id="column-{stages["Coach"].pk}"'
    )
    assert (response["HX-Retarget"], response["HX-Reswap"]) == ("#board-head", "outerMorph")
    said = toast(response)
    assert said["text"] == "open moved to Coach"
    undone = client(world.a).post(said["undo"], headers=on_board())
    assert undone.status_code == 200
    assert toast(undone)["text"] == "Undone. open is in Held"
    assert deal(world.a, "open").stage.name == "Held"


def test_from_a_page_that_cannot_draw_itself_htmx_is_sent_back(world: World) -> None:
    headers = {**HX, "HX-Current-URL": "http://testserver/w/alpha/definitions/"}
    response = post(world, headers=headers)
    assert (response.status_code, response["HX-Redirect"]) == (200, "/w/alpha/definitions/")


@pytest.mark.parametrize(
    "back", ["https://elsewhere.example/", "//elsewhere.example/", "/w/beta/deals/", "/account/"]
)
def test_nobody_is_sent_elsewhere(back: str, world: World) -> None:
    response = post(world, back=back)
    assert response["Location"] == f"{BOARD}#deal-{world.a.deals['open']}"


def test_the_form_is_a_page_and_a_dialog(world: World) -> None:
    page = client(world.a).get(url(world)).content.decode()
    assert "<h1>Move open</h1>" in page
    assert "It is in Held now." in page
    assert 'name="day"' in page
    dialog = client(world.a).get(url(world), headers=HX).content.decode()
    assert dialog.lstrip().startswith("<dialog data-modal")
    assert "<html" not in dialog


def test_a_day_a_time_and_a_note_come_along(world: World) -> None:
    response = post(world, day="2026-05-12", at="16:30", note="Met their director.")
    assert response.status_code == 303
    move = history(world.a, "open")[-1]
    assert move.occurred_at.isoformat() == "2026-05-12T16:30:00+00:00"
    with company_context(world.a.company.pk):
        assert [n.body for n in Note.objects.all()] == ["Met their director."]
        assert DirtyQuarter.objects.filter(company=world.a.company).exists()


def test_a_day_alone_is_noon_of_the_company(world: World) -> None:
    with company_context(world.a.company.pk):
        world.a.company.timezone = "America/New_York"
        world.a.company.save()
    post(world, day="2026-05-12", note="")
    assert history(world.a, "open")[-1].occurred_at.isoformat() == "2026-05-12T16:00:00+00:00"


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"day": "2026-05-21"}, "This lies in the future."),
        ({"day": "2026-02-01"}, "after this move"),
        ({"day": "31.5.2026"}, "Enter a valid date."),
        ({"day": "2026-05-12", "at": "25:00"}, "Enter a valid time."),
        ({"note": "x" * 20_001}, "at most 20,000 characters"),
        ({"note": "a\0b"}, "cannot be kept"),
        ({"stage": ""}, "Choose the stage"),
        ({"stage": "Held"}, "The deal is in Held already."),
        ({"stage": "Won"}, "Winning and losing have their own"),
        ({"stage": "99999999999999999999"}, "no open stage"),
        ({"stage": "'; DROP"}, "no open stage"),
        ({"key": "k" * 81}, "cannot be recognised"),
        ({"version": "-1"}, "cannot be recognised"),
        ({"version": ""}, "cannot be recognised"),
    ],
)
def test_a_refusal_keeps_the_values_and_records_nothing(
    values: dict[str, str], sentence: str, world: World
) -> None:
    before = len(history(world.a, "open"))
    given = {"note": "keep me", **values}
    for headers in ({}, on_board()):
        response = post(world, headers=headers, **given)
        html = response.content.decode()
        assert response.status_code == 422, html[:200]
        assert sentence in html
        if "note" not in values:
            assert "keep me" in html
        assert ("<html" in html) is (not headers)
    assert len(history(world.a, "open")) == before
    with company_context(world.a.company.pk):
        assert Note.objects.count() == 0


def test_the_menu_is_told_in_a_toast(world: World) -> None:
    response = post(world, "Held", headers=on_board())
    assert response.status_code == 422
    assert response["Content-Type"].startswith("text/plain")
    assert response["HX-Reswap"] == "none"
    assert toast(response)["text"] == "The deal is in Held already."


def test_a_stale_screen_is_told_both_values_and_overwrites_nothing(world: World) -> None:
    seen = deal(world.a, "open").version
    assert post(world, "Coach", key="first").status_code == 303
    for headers in (on_board(), {}):
        response = post(world, "Booked", key="second", version=seen, headers=headers)
        html = response.content.decode()
        assert response.status_code == 409
        said = toast(response)["text"] if headers else html
        assert "it is in Coach now. You chose Booked." in said
        if headers:  # the board shows what is true now
            assert f'hx-target="#column-{world.a.stages["Coach"].pk}"' in html
        else:  # the form can be sent again, in view of both
            assert f'name="version" value="{seen + 1}"' in html
            assert re.search(rf'value="{world.a.stages["Booked"].pk}"[^>]* checked', html)
    assert deal(world.a, "open").stage.name == "Coach"


def test_the_same_form_twice_has_one_effect(world: World) -> None:
    version = deal(world.a, "open").version
    first = post(world, note="once", version=version)
    again = post(world, note="once", version=version)
    assert (first.status_code, again.status_code) == (303, 303)
    with company_context(world.a.company.pk):
        assert StageTransition.objects.filter(idempotency_key="form-1").count() == 1
        assert Note.objects.count() == 1
    assert deal(world.a, "open").version == version + 1
    other = post(world, "Booked", version=version, note="")
    assert other.status_code == 422
    assert "sent before with other values" in other.content.decode()


def test_a_closed_deal_is_reopened_by_moving_it(world: World) -> None:
    page = client(world.a).get(url(world, "lost late")).content.decode()
    assert "Mark won" not in page
    assert post(world, "Held", name="lost late").status_code == 303
    with company_context(world.a.company.pk):
        row = Deal.objects.get(pk=world.a.deals["lost late"])
        assert (row.outcome, row.closed_on) == ("open", None)


def test_a_final_quarter_is_a_managers(world: World) -> None:
    refused = post(world, "Held", name="lost early", day="2026-03-20", note="")
    assert refused.status_code == 422
    assert "Ask a manager" in refused.content.decode()
    values = {"name": "lost early", "day": "2026-03-20", "note": "", "role": Role.MANAGER}
    asked = post(world, "Held", **values)
    assert asked.status_code == 422
    assert "This restates Q1 2026" in asked.content.decode()
    assert post(world, "Held", restate="1", **values).status_code == 303


@pytest.mark.parametrize(
    ("role", "status"),
    [(Role.OWNER, 303), (Role.MANAGER, 303), (Role.REP, 303), (Role.LEADER, 403)],
)
def test_who_may_move(role: Role, status: int, world: World) -> None:
    assert post(world, role=role).status_code == status
    assert client(world.a, role).get(url(world)).status_code == (200 if status == 303 else 403)
    assert deal(world.a, "open").stage.name == ("Coach" if status == 303 else "Held")


def test_a_neighbours_rows_are_as_missing(world: World) -> None:
    theirs, missing = world.b.deals["open"], 999_999_999
    for method in ("get", "post"):
        answers = [
            getattr(client(world.a, Role.OWNER), method)(
                f"{BOARD}{pk}/move/",
                {"stage": world.a.stages["Coach"].pk, "key": "k", "version": 1},
            )
            for pk in (theirs, missing)
        ]
        assert [a.status_code for a in answers] == [404, 404]
        assert answers[0].content == answers[1].content
    their_stage = post(world, str(world.b.stages["Coach"].pk))
    no_stage = post(world, str(missing))
    assert (their_stage.status_code, no_stage.status_code) == (422, 422)
    assert "Zanzibar" not in their_stage.content.decode()
    with company_context(world.b.company.pk):
        their_move = StageTransition.objects.filter(deal_id=theirs).latest("number").pk
        before = StageTransition.objects.count()
    answers = [
        client(world.a, Role.OWNER).post(f"/w/alpha/transitions/{pk}/withdraw/")
        for pk in (their_move, missing)
    ]
    assert [a.status_code for a in answers] == [404, 404]
    assert answers[0].content == answers[1].content
    with company_context(world.b.company.pk):
        assert StageTransition.objects.count() == before


def test_a_rep_takes_back_own_moves_only(world: World) -> None:
    theirs = history(world.a, "open")[-1]  # recorded by the manager
    address = f"/w/alpha/transitions/{theirs.pk}/withdraw/"
    refused = client(world.a).post(address)
    assert refused.status_code == 403
    assert "Somebody else recorded this move." in refused.content.decode()
    plain = client(world.a).post(address, headers=on_board())
    assert (plain.status_code, plain.content.decode()[:13]) == (403, "Somebody else")
    assert client(world.a, Role.LEADER).post(address).status_code == 403
    assert deal(world.a, "open").stage.name == "Held"
    assert client(world.a, Role.MANAGER).post(address).status_code == 303
    assert deal(world.a, "open").stage.name == "Booked"


def test_an_undo_of_a_deal_that_others_moved_since_is_refused(world: World) -> None:
    said = toast(post(world, headers=on_board()))
    assert post(world, "Booked", key="later", role=Role.MANAGER).status_code == 303
    response = client(world.a).post(said["undo"], headers=on_board())
    assert response.status_code == 409
    assert "it is in Booked now" in toast(response)["text"]
    assert deal(world.a, "open").stage.name == "Booked"


def test_an_undo_twice_has_one_effect(world: World) -> None:
    said = toast(post(world, headers=on_board()))
    answers = [client(world.a).post(said["undo"], headers=on_board()) for _ in range(2)]
    assert [a.status_code for a in answers] == [200, 200]
    assert [t.origin for t in history(world.a, "open")][-2:] == ["move", "withdrawal"]


def test_withdrawing_is_by_post_only(world: World) -> None:
    move = history(world.a, "open")[-1]
    assert client(world.a).get(f"/w/alpha/transitions/{move.pk}/withdraw/").status_code == 405
    long = client(world.a, Role.MANAGER).post(
        f"/w/alpha/transitions/{move.pk}/withdraw/", {"reason": "x" * 301}, headers=HX
    )
    assert long.status_code == 422


def test_the_worker_is_woken(world: World, django_capture_on_commit_callbacks: Any) -> None:
    with django_capture_on_commit_callbacks() as callbacks:
        post(world)
    assert len(callbacks) == 1


def test_who_is_no_member_gets_404(world: World) -> None:
    for user in (world.stranger, world.removed, world.b.user(Role.OWNER)):
        assert client_of(user).post(url(world), {"stage": 1}).status_code == 404
