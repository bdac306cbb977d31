"""A finding is added and changed by its form: as a dialog, as a page, and without scripts."""

import json
from datetime import date
from typing import Any

import pytest
from django.http import HttpResponse
from django.utils.html import escape

from accounts.roles import Role
from metrics.models import Finding, FindingDeal
from pipeline.models import Theme
from pipeline.services.notes import add_note
from tests.metrics.finding_rows import make_finding
from tests.personas import NOW, World
from tests.pipeline.pages.conftest import clock_stands  # noqa: F401  the fixture
from tests.pipeline.pages.deal_pages import HX, client, inside, said

pytestmark = pytest.mark.usefixtures("clock_stands")

LIST = "/w/alpha/findings/"
ADD = f"{LIST}add/"


def page(world: World, path: str = LIST, role: Role = Role.MANAGER, **extra: Any) -> str:
    response = client(world.a, role).get(path, **extra)
    assert response.status_code == 200
    return response.content.decode()


def listed(world: World, query: str = "", role: Role = Role.LEADER) -> list[str]:
    """The statements on the list, in their order."""
    body = page(world, LIST + query, role)
    found = [part.split("</a>")[0].split(">")[-1] for part in body.split('<h3 dir="auto"><a ')[1:]]
    return found


def filled(world: World, **values: Any) -> dict[str, Any]:
    return {
        "key": "k1",
        "source": "call_review",
        "stage": world.a.stages["Held"].pk,
        "statement": "Nobody asks who decides",
        "severity": "medium",
        "learned_on": "2026-05-20",
        "deals": [world.a.deals["lost early"]],
        "save": "1",
        **values,
    }


def send(
    world: World, role: Role = Role.REP, headers: dict[str, str] | None = None, **values: Any
) -> HttpResponse:
    return client(world.a, role).post(ADD, filled(world, **values), headers=headers or {})


# Adding --------------------------------------------------------------------------------------


def test_added_without_scripts(world: World) -> None:
    for _ in range(2):
        response = send(world, theme="Deciding", quote="Who signs?", back=LIST)
        assert (response.status_code, response["Location"]) == (303, LIST)
    with inside(world.a):
        row = Finding.objects.get()
        assert (row.source, row.stage_id, row.learned_on) == (
            "call_review",
            world.a.stages["Held"].pk,
            date(2026, 5, 20),
        )
        assert row.theme.name == "Deciding"
        assert row.author_id == world.a.user(Role.REP).pk
        deals = FindingDeal.objects.values_list("deal_id", flat=True)
        assert list(deals) == [world.a.deals["lost early"]]


def test_added_from_the_list_and_undone(world: World) -> None:
    headers = {**HX, "HX-Current-URL": f"http://testserver{LIST}"}
    response = send(world, headers=headers)
    assert (response.status_code, response["HX-Retarget"], said(response)) == (
        200,
        "#page",
        "Finding added",
    )
    assert "Nobody asks who decides" in response.content.decode()
    undo = json.loads(response["HX-Trigger"])["toast"]["undo"]
    assert client(world.a, Role.REP).post(undo, headers=headers).status_code == 200
    assert listed(world) == []
    assert listed(world, "?withdrawn=1") == ["Nobody asks who decides"]


def test_a_dialog_with_htmx_and_a_page_without(world: World) -> None:
    dialog = page(world, ADD, headers=HX)
    assert "<dialog data-modal" in dialog
    assert "<html" not in dialog
    whole = page(world, ADD)
    assert "<html" in whole
    assert "<dialog data-modal" not in whole.split('id="main"')[1].split("</main>")[0]
    for body in (dialog, whole):
        assert body.count('type="radio" name="source"') == 7
        assert "findings.css" in body


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"statement": " "}, "in one sentence"),
        ({"statement": "a\x00b"}, "cannot be kept"),
        ({"quote": "x" * 4001}, "at most 4000"),
        ({"source": ""}, "how it was learned"),
        ({"source": "dream"}, "how it was learned"),
        ({"stage": ""}, "Choose the stage"),
        ({"stage": "9" * 30}, "cannot have findings"),
        ({"deals": []}, "at least one of your own"),
        ({"deals": ["x"]}, "does not exist"),
        ({"deals": ["9" * 30]}, "does not exist"),
        ({"learned_on": "2026-05-21"}, "future"),
        ({"learned_on": "yesterday"}, "valid date"),
        ({"note": "9" * 30}, "less than or equal"),
    ],
)
def test_what_the_form_refuses(values: dict[str, Any], sentence: str, world: World) -> None:
    for headers in ({}, HX):
        response = send(world, headers=headers, **values)
        assert response.status_code == 422
        assert sentence in response.content.decode()
    with inside(world.a):
        assert not Finding.objects.exists()


def test_a_rep_is_told_about_others_deals(world: World) -> None:
    response = send(world, deals=[world.a.deals["won early"]])
    assert response.status_code == 403
    assert "on your own deals" in response.content.decode()


def test_prefilled_from_a_deals_note(world: World) -> None:
    with inside(world.a):
        note = add_note(
            by=world.a.actor(Role.REP),
            deal_id=world.a.deals["lost early"],
            body="They <b>never</b> met finance",
            now=NOW,
        )
    body = page(world, f"{ADD}?note={note.pk}", Role.REP)
    assert escape("They <b>never</b> met finance") in body
    deal = world.a.deals["lost early"]
    assert f'name="deals" value="{deal}" checked' in body
    assert f'<option value="{world.a.stages["Held"].pk}" selected>' in body, "where it was lost"
    assert 'value="win_loss_note" checked' in body
    assert f'name="note" value="{note.pk}"' in body
    assert send(world, note=note.pk).status_code == 303
    with inside(world.a):
        finding = Finding.objects.get()
    one = page(world, f"{LIST}{finding.pk}/")
    assert f"/w/alpha/notes/{note.pk}/" in one


def test_an_address_that_names_nothing_fills_nothing_in(world: World) -> None:
    for query in ("?deal=x&note=0&stage=-1&source=dream&theme=9", "?deal=" + "9" * 40, "?a=%00"):
        body = page(world, ADD + query)
        assert "checked" not in body.replace('value="medium" checked', "")


def test_deals_are_found_without_scripts(world: World) -> None:
    """The button finds deals and saves nothing; what was typed and ticked stays."""
    values = filled(world, find="early", statement="Half", stage="")
    values.pop("save")
    for extra in ({"look": "1"}, {}):  # its button, and Enter in its field
        response = client(world.a).post(ADD, {**values, **extra})
        body = response.content.decode()
        assert response.status_code == 200
        assert 'value="Half"' in body
        assert f'value="{world.a.deals["lost early"]}" checked' in body
        assert f'name="deals" value="{world.a.deals["won early"]}">' in body
        assert 'role="alert"' not in body
        assert "Choose the stage" not in body
    with inside(world.a):
        assert not Finding.objects.exists()


def test_a_rep_finds_own_deals(world: World) -> None:
    path = f"{LIST}deals/?find=early"
    assert "won early" in page(world, path, headers=HX)
    body = page(world, path, Role.REP, headers=HX)
    assert "lost early" in body
    assert "won early" not in body
    assert client(world.a).get(path).status_code == 302
    assert "No deal is called so" in page(world, f"{LIST}deals/?find=zzz", headers=HX)


# Changing ------------------------------------------------------------------------------------


def test_edited_with_its_history_shown(world: World) -> None:
    finding = make_finding(world.a, deals=["lost early"], theme="Price")
    edit = f"{LIST}{finding.pk}/edit/"
    body = page(world, edit)
    assert 'value="Price"' in body
    values = filled(
        world,
        version=1,
        statement="Finance joins too late",
        theme="Price",
        severity="high",
        deals=[world.a.deals["lost late"]],
    )
    assert client(world.a).post(edit, values).status_code == 303
    one = page(world, f"{LIST}{finding.pk}/")
    assert "Statement: from “Nobody asks who decides” to “Finance joins too late”" in one
    assert "Severity: from Medium to High" in one
    assert "Tied to a deal: lost late. Untied from a deal: lost early" in one
    stale = client(world.a).post(edit, {**values, "statement": "Other"})
    assert stale.status_code == 409
    assert "now says: Finance joins too late" in stale.content.decode()
    assert 'name="version" value="2"' in stale.content.decode()


def test_a_retired_theme_stays_on_edit(world: World) -> None:
    finding = make_finding(world.a, deals=["lost early"], theme="Price")
    with inside(world.a):
        Theme.objects.update(retired_at=NOW)
    values = filled(world, version=1, theme="Price", quote="New")
    assert client(world.a).post(f"{LIST}{finding.pk}/edit/", values).status_code == 303
    with inside(world.a):
        assert Finding.objects.get().theme_id == finding.theme_id


def test_withdrawn_is_said(world: World) -> None:
    finding = make_finding(world.a)
    one = f"{LIST}{finding.pk}/"
    assert client(world.a).post(f"{one}withdraw/").status_code == 303
    body = page(world, one)
    assert "This finding was withdrawn" in body
    assert f"{one}put-back/" in body
    assert client(world.a).post(f"{one}put-back/").status_code == 303
    assert "This finding was withdrawn" not in page(world, one)
