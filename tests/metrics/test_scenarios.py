"""Saved what-ifs: kept, opened, renamed, overwritten, withdrawn and taken back."""

import csv
import io
from typing import Any
from urllib.parse import parse_qs

import pytest
from django.http import HttpResponse
from django.test import Client

from accounts.models import AuditEntry
from accounts.roles import Role
from accounts.tenancy.context import company_context
from metrics.calc.whatif import Changes, WhatIf, what_if
from metrics.models import Scenario, Snapshot
from metrics.selectors.figures import figures_of
from metrics.selectors.scenarios import scenario_of
from metrics.services.scenarios import MOST
from tests.personas import CANARY, NOW, World, client_of

PAGE = "/w/alpha/simulator/"
SCENARIOS = f"{PAGE}scenarios/"
SHOWN = "?q=2026-Q1&p3=44"
ON_PAGE = {"HX-Request": "true", "HX-Current-URL": f"http://testserver{PAGE}{SHOWN}"}


@pytest.fixture
def manager(classic: World) -> Client:
    return client_of(classic.a.user(Role.MANAGER))


def save(
    client: Client, name: str = "Better calls", query: str = SHOWN, **values: str
) -> HttpResponse:
    return client.post(f"{SCENARIOS}add/{query}", {"name": name, "remark": "", **values})


def scenarios(world: World, *, withdrawn: bool = False) -> list[Scenario]:
    with company_context(world.a.company.pk):
        rows = Scenario.objects.order_by("id")
        return list(rows if withdrawn else rows.filter(withdrawn_at=None))


def make(world: World, name: str = "Better calls", **values: Any) -> Scenario:
    given = {
        "pipeline": world.a.pipeline,
        "quarter": "2026-Q1",
        "changes": {"p3": "44"},
        "owner": world.a.user(Role.OWNER),
        "created_at": NOW,
        "changed_at": NOW,
        **values,
    }
    with company_context(world.a.company.pk):
        return Scenario.objects.create(name=name, **given)


def actions(world: World) -> list[str]:
    with company_context(world.a.company.pk):
        rows = AuditEntry.objects.filter(object_type="scenario").order_by("id")
        return [row.action for row in rows]


def test_what_is_shown_is_kept_under_a_name(classic: World, manager: Client) -> None:
    """Filters and levers are kept as they are meant; what is not understood is not."""
    query = "?q=2026-Q1&seg=channel%3Dinbound&p3=44&c=10&n=&foo=1"
    response = save(manager, " Better   calls ", query, remark="Train all")
    assert response.status_code == 303
    assert response["Location"].endswith("#scenarios")
    [kept] = scenarios(classic)
    assert (kept.name, kept.remark, kept.quarter, kept.segment) == (
        "Better calls",
        "Train all",
        "2026-Q1",
        "channel=inbound",
    )
    assert kept.changes == {"p3": "44", "c": "10"}
    assert kept.owner_id == classic.a.members[Role.MANAGER].user_id
    assert kept.pipeline_id == classic.a.pipeline.pk
    assert actions(classic) == ["scenario.saved"]


def test_the_list_says_what_calc_says(classic: World, manager: Client) -> None:
    make(classic, changes={"p3": "44", "c": "10"})
    with company_context(classic.a.company.pk):
        [now] = [f for f in figures_of(company=classic.a.company) if f.quarter == "2026-Q1"]
    expected = what_if(now, Changes(conversions={3: 0.44}, cycle=10.0))
    assert isinstance(expected, WhatIf)
    [row] = manager.get(PAGE).context["scenarios"]
    assert (row.before, row.after, row.money) == (now.velocity, expected.velocity, expected.money)
    assert row.owner == str(classic.a.user(Role.OWNER))
    assert row.changes == ("Sales cycle: 10 days", "Coach → Won: 44.0%")
    assert parse_qs(row.query[1:]) == {"q": ["2026-Q1"], "c": ["10"], "p3": ["44"]}
    opened = manager.get(PAGE + row.query)
    assert opened.context["page"].result.rows[-1].after == expected.velocity
    assert [r.current for r in opened.context["scenarios"]] == [True]
    assert [r.current for r in manager.get(PAGE).context["scenarios"]] == [False]
    said = csv.DictReader(
        io.StringIO(manager.get(f"{PAGE}chart/scenarios.csv").content.decode("utf-8-sig"))
    )
    [exported] = list(said)
    assert float(exported["velocity_what_if"]) == expected.velocity
    assert exported["changes"] == "Sales cycle: 10 days; Coach → Won: 44.0%"


def test_a_restated_quarter_changes_the_result(classic: World, manager: Client) -> None:
    make(classic)
    [before] = manager.get(PAGE).context["scenarios"]
    with company_context(classic.a.company.pk):
        old = Snapshot.objects.get(segment="all", quarter_label="2026-Q1", version=1)
        figures = {**old.figures, "revenue_won": 40_000.0}
        values = {f.attname: getattr(old, f.attname) for f in Snapshot._meta.concrete_fields}
        values |= {"id": None, "version": 2, "figures": figures}
        Snapshot.objects.create(**values)
    [after] = manager.get(PAGE).context["scenarios"]
    assert after.after == pytest.approx(2 * before.after)
    assert after.money == pytest.approx(2 * before.money)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"quarter": "2020-Q1"}, "there is no deal of this segment in the quarter"),
        ({"segment": "product=Gone"}, "there is no deal of this segment in the quarter"),
        ({"changes": {"p7": "50"}}, "has no such stage"),
    ],
)
def test_a_scenario_that_comes_to_nothing_says_why(
    values: dict[str, Any],
    said: str,
    classic: World,
    manager: Client,
) -> None:
    make(classic, **values)
    [row] = manager.get(PAGE).context["scenarios"]
    assert said in row.reason
    assert (row.after, row.per_day, row.money, row.result) == (None, None, None, "")


@pytest.mark.parametrize(
    ("name", "query", "said"),
    [
        ("", SHOWN, "Give the scenario a name."),
        ("   ", SHOWN, "Give the scenario a name."),
        ("x" * 121, SHOWN, "at most 120 characters"),
        ("a\0b", SHOWN, "Null characters"),
        ("Fine", "?q=2026-Q1", "Nothing is changed yet."),
        ("Fine", "?q=2026-Q1&p3=40", "Nothing is changed yet."),
        ("Fine", "?q=2026-Q1&p3=400", "Correct its values first."),
        ("Fine", "?q=2020-Q1&p3=44", "Correct its values first."),
    ],
)
@pytest.mark.parametrize("headers", [{}, ON_PAGE], ids=["page", "dialog"])
def test_a_refusal_keeps_what_was_typed(
    name: str,
    query: str,
    said: str,
    headers: dict[str, str],
    classic: World,
    manager: Client,
) -> None:
    address = f"{SCENARIOS}add/{query}"
    response = manager.post(address, {"name": name, "remark": "Because"}, headers=headers)
    assert response.status_code == 422
    body = response.content.decode()
    assert said in body
    assert "Because" in body
    assert ("<html" in body) is (headers == {})
    assert scenarios(classic) == []


def test_the_same_form_sent_twice_keeps_one(classic: World, manager: Client) -> None:
    assert [save(manager).status_code, save(manager).status_code] == [303, 303]
    assert len(scenarios(classic)) == 1
    other = save(manager, query="?q=2026-Q1&p3=45")
    assert other.status_code == 422
    assert "There is a scenario of this name." in other.content.decode()
    assert actions(classic) == ["scenario.saved"]


def test_there_is_an_end_to_it(classic: World, manager: Client) -> None:
    for number in range(MOST):
        make(classic, f"Plan {number}")
    assert "Withdraw one first." in save(manager).content.decode()
    assert len(scenarios(classic)) == MOST


def test_in_the_dialog_the_page_is_drawn_anew(classic: World, manager: Client) -> None:
    dialog = manager.get(f"{SCENARIOS}add/{SHOWN}", headers=ON_PAGE).content.decode()
    assert dialog.strip().startswith("<dialog")
    assert "Coach → Won: 44.0%" in dialog
    response = manager.post(f"{SCENARIOS}add/{SHOWN}", {"name": "Calls"}, headers=ON_PAGE)
    assert response.status_code == 200
    assert response["HX-Retarget"] == "#page"
    assert "dialog-close" in response["HX-Trigger"]
    body = response.content.decode()
    assert body.strip().startswith('<div class="stack" id="page">')
    [kept] = scenarios(classic)
    assert f'<tr id="scenario-{kept.pk}" aria-current="true">' in body
    assert "€917" in body


def test_renamed(classic: World, manager: Client) -> None:
    kept = make(classic)
    make(classic, "Taken")
    address = f"{SCENARIOS}{kept.pk}/"
    assert 'value="Better calls"' in manager.get(address).content.decode()
    told = {"name": "Best calls", "remark": "Soon", "version": "1"}
    assert manager.post(address, told).status_code == 303
    assert scenarios(classic)[0].name == "Best calls"
    assert scenarios(classic)[0].version == 2
    assert manager.post(address, {**told, "version": "2"}).status_code == 303  # nothing changes
    assert scenarios(classic)[0].version == 2
    taken = manager.post(address, {**told, "name": "Taken", "version": "2"})
    assert taken.status_code == 422
    stale = manager.post(address, {**told, "name": "Mine"})
    assert stale.status_code == 409
    assert "name is Best calls now, you wrote Mine" in stale.content.decode()
    assert scenarios(classic)[0].name == "Best calls"
    assert actions(classic) == ["scenario.renamed"]


def test_overwritten_with_what_is_shown(classic: World, manager: Client) -> None:
    kept = make(classic)
    address = f"{SCENARIOS}{kept.pk}/overwrite/?q=2026-Q1&c=9"
    shown = manager.get(f"{PAGE}?q=2026-Q1&c=9").content.decode()
    assert f'action="{address.replace("&", "&amp;")}"' in shown
    assert manager.post(address, {"version": "1"}).status_code == 303
    [changed] = scenarios(classic)
    assert (changed.name, changed.changes, changed.version) == ("Better calls", {"c": "9"}, 2)
    stale = manager.post(
        f"{SCENARIOS}{kept.pk}/overwrite/{SHOWN}", {"version": "1"}, headers=ON_PAGE
    )
    assert stale.status_code == 409
    assert scenarios(classic)[0].changes == {"c": "9"}
    again = manager.post(address, {"version": "1"})  # the same again is nothing, however old
    assert again.status_code == 303
    assert manager.post(f"{SCENARIOS}{kept.pk}/overwrite/", {"version": "2"}).status_code == 303
    assert scenarios(classic)[0].changes == {"c": "9"}  # nothing is changed: refused with a message
    assert actions(classic) == ["scenario.overwritten"]


def test_withdrawn_and_taken_back(classic: World, manager: Client) -> None:
    kept = make(classic)
    address = f"{SCENARIOS}{kept.pk}/"
    assert manager.post(f"{address}withdraw/", {}, headers=ON_PAGE).status_code == 409
    response = manager.post(f"{address}withdraw/", {"version": "1"}, headers=ON_PAGE)
    assert f"{address}restore/" in response["HX-Trigger"]
    assert scenarios(classic) == []
    assert manager.get(address).status_code == 404
    assert manager.post(f"{address}withdraw/", {"version": "2"}).status_code == 404
    assert manager.post(f"{address}restore/", headers=ON_PAGE).status_code == 200
    assert [s.pk for s in scenarios(classic)] == [kept.pk]
    assert actions(classic) == ["scenario.withdrawn", "scenario.restored"]


def test_a_name_given_away_meanwhile_does_not_come_back(classic: World, manager: Client) -> None:
    kept = make(classic, withdrawn_at=NOW)
    make(classic)
    response = manager.post(f"{SCENARIOS}{kept.pk}/restore/", headers=ON_PAGE)
    assert response.status_code == 422
    assert len(scenarios(classic)) == 1


@pytest.mark.parametrize("role", [Role.REP, Role.LEADER])
def test_who_reads_changes_nothing(role: Role, classic: World) -> None:
    kept = make(classic)
    client = client_of(classic.a.user(role))
    body = client.get(f"{PAGE}{SHOWN}").content.decode()
    assert "Better calls" in body
    assert "Withdraw" not in body
    answers = [
        save(client).status_code,
        client.get(f"{SCENARIOS}{kept.pk}/").status_code,
        *(
            client.post(f"{SCENARIOS}{kept.pk}/{action}/", {"version": "1"}).status_code
            for action in ("overwrite", "withdraw", "restore")
        ),
    ]
    assert set(answers) == {403}
    assert [s.version for s in scenarios(classic)] == [1]


def test_a_neighbours_scenario_is_as_missing(classic: World, manager: Client) -> None:
    with company_context(classic.b.company.pk):
        theirs = Scenario.objects.create(
            name=f"{CANARY} plan",
            pipeline=classic.b.pipeline,
            quarter="2026-Q1",
            changes={"p3": "44"},
            created_at=NOW,
            changed_at=NOW,
        )
    for action in ("", "overwrite/", "withdraw/", "restore/"):
        answers = [
            manager.post(f"{SCENARIOS}{pk}/{action}{SHOWN}", {"name": "x", "version": "1"})
            for pk in (theirs.pk, 999_999_999)
        ]
        assert [a.status_code for a in answers] == [404, 404], action
        assert answers[0].content == answers[1].content
    assert CANARY not in manager.get(PAGE).content.decode()
    assert CANARY not in manager.get(f"{PAGE}chart/result.csv{SHOWN}").content.decode()
    with company_context(classic.a.company.pk):
        assert scenario_of(scenario_id=theirs.pk) is None
    with company_context(classic.b.company.pk):
        assert Scenario.objects.get(pk=theirs.pk).version == 1
