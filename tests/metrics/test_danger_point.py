"""The page of one danger point: its quarters, its log, and the small forms that change it."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.formats import Style
from accounts.models import AuditEntry
from accounts.roles import Role
from accounts.tenancy.context import company_context
from metrics.models import DangerPoint, DangerPointEntry, Finding
from metrics.selectors import danger_point as module
from metrics.selectors.danger_point import DangerPointPage, danger_point_page
from metrics.selectors.figures import all_figures
from metrics.selectors.stage_places import QuarterStages
from metrics.services.recompute import recompute_all
from metrics.views.danger_point import conversion_chart
from pipeline.services.stages import change_stage, order_stage, retire_stage
from tests.metrics.figures import before, figures, stage
from tests.metrics.test_danger_points import HX, LIST, client, put, said, text
from tests.personas import CANARY, NOW, Workspace, World, client_of
from tests.pipeline.pages.conftest import clock_stands  # noqa: F401  a fixture

pytestmark = pytest.mark.usefixtures("clock_stands")

STYLE = Style("en", "EUR")


@pytest.fixture
def held(computed: World) -> str:
    """The address of a danger point at Held, seen in Q1."""
    made = put(computed.a)
    with company_context(computed.a.company.pk):
        DangerPoint.objects.filter(pk=made.pk).update(opened_quarter="2026-Q1")
    return f"{LIST}{made.pk}/"


def on(address: str) -> dict[str, str]:
    return {**HX, "HX-Current-URL": f"http://testserver{address}"}


def state_of(world: World) -> tuple[str, int]:
    with company_context(world.a.company.pk):
        found: tuple[str, int] = DangerPoint.objects.values_list("state", "version").get()
        return found


def page_of(workspace: Workspace, address: str) -> DangerPointPage:
    with company_context(workspace.company.pk):
        found = danger_point_page(
            company=workspace.company, danger_point_id=int(address.split("/")[-2]),
            today=NOW.date(), style=STYLE,
        )  # fmt: skip
    assert found is not None
    return found


def post(asked: Client, address: str, part: str, **values: Any) -> HttpResponse:
    values.setdefault("back", address)
    return asked.post(f"{address}{part}/", values)


def test_all_read_and_managers_change(computed: World, held: str) -> None:
    for role in Role:
        manages = role in (Role.OWNER, Role.MANAGER)
        page = client(computed, role).get(held)
        assert page.status_code == 200
        assert ("Add a remark" in text(page)) is manages
        assert ('method="post" action="/w/alpha/danger-points' in text(page)) is manages
        if not manages:
            for part in ("state", "undo", "owner", "due", "remark"):
                assert post(client(computed, role), held, part, to="working").status_code == 403
    assert state_of(computed) == ("watching", 1)
    theirs = f"{LIST}{put(computed.b).pk}/"
    for address in (theirs, f"{LIST}999999999/"):
        assert client(computed).get(address).status_code == 404
        for part, values in (
            ("state", {"to": "working"}), ("undo", {}), ("owner", {}), ("due", {}),
            ("remark", {"remark": "x"}),
        ):  # fmt: skip
            answer = post(client(computed), address, part, version=1, **values)
            assert answer.status_code == 404, part
            assert CANARY not in text(answer)
    assert client_of(computed.stranger).get(held).status_code == 404


def test_a_state_changes_in_place_and_is_taken_back_from_the_toast(
    computed: World, held: str
) -> None:
    manager = client(computed)
    drawn = manager.post(
        f"{held}state/", {"to": "working", "version": 1, "back": held}, headers=on(held)
    )
    assert said(drawn) == "Working on it"
    assert "Working on it" in text(drawn)
    undo = json.loads(drawn["HX-Trigger"])["toast"]["undo"]
    back = manager.post(undo, headers=on(held))
    assert said(back) == "Taken back: Watching"
    assert state_of(computed) == ("watching", 3)
    late = manager.post(undo, headers=on(held))
    assert late.status_code == 409
    assert "changed again meanwhile" in said(late)
    assert manager.post(f"{held}undo/?version=x").status_code == 303  # told on the page
    assert state_of(computed) == ("watching", 3)


def test_without_scripts_one_comes_back_to_the_page_with_an_undo(
    computed: World, held: str
) -> None:
    manager = client(computed)
    answer = post(manager, held, "state", to="resolved", version=1, reason="It held")
    assert (answer.status_code, answer["Location"]) == (303, held)
    page = text(manager.get(held))
    assert f'action="{held}undo/?version=2"' in page
    assert "It held" in page
    assert "Reopen and work on it" in page
    assert "Save owner" not in page
    assert post(manager, held, "state", to="working", version=2).status_code == 303
    assert state_of(computed) == ("working", 3)


@pytest.mark.parametrize("headers", [{}, HX])
def test_dismissing_needs_a_reason(computed: World, held: str, headers: dict[str, str]) -> None:
    values = {"to": "dismissed", "version": 1, "reason": " "}
    refused = client(computed).post(f"{held}state/", values, headers=headers)
    assert refused.status_code == 422
    assert "Say why it is dismissed" in text(refused)
    assert ("<html" in text(refused)) is not bool(headers)
    assert state_of(computed) == ("watching", 1)
    values["reason"] = "A holiday in the quarter"
    assert client(computed).post(f"{held}state/", values).status_code == 303
    assert "A holiday in the quarter" in text(client(computed, Role.LEADER).get(held))


def test_a_stale_screen_gets_both_values_and_the_new_version(computed: World, held: str) -> None:
    post(client(computed, Role.OWNER), held, "state", to="working", version=1)
    answer = post(
        client(computed), held, "state", to="dismissed", version=1, reason="Nobody sells here"
    )
    assert answer.status_code == 409
    assert "the state is Working on it now, you wrote Dismissed" in text(answer)
    assert "Nobody sells here" in text(answer)  # what was typed stays
    assert 'name="version" value="2"' in text(answer)
    assert state_of(computed) == ("working", 2)


def test_owner_due_day_and_remarks_with_their_log(computed: World, held: str) -> None:
    manager, rep = client(computed), computed.a.user(Role.REP)
    for part, values, sentence in (
        ("owner", {"owner": rep.pk, "version": 1}, f"{rep.name} became the owner"),
        ("due", {"due_on": "2026-06-01", "version": 2}, "Due 1 Jun"),
        ("remark", {"remark": "Two buyers say price"}, "Two buyers say price"),
        ("due", {"due_on": "", "version": 3}, "The due day was removed"),
        ("owner", {"owner": "", "version": 4}, f"{rep.name} is the owner no more"),
    ):
        assert post(manager, held, part, **values).status_code == 303
        assert sentence in text(manager.get(held))
    with company_context(computed.a.company.pk):
        fields = list(DangerPointEntry.objects.order_by("id").values_list("field", flat=True))
        assert fields == ["owner", "due_on", "remark", "due_on", "owner"]
        assert AuditEntry.objects.filter(object_type="danger_point").count() == 5
    for part, values, sentence in (
        ("owner", {"owner": computed.a.user(Role.LEADER).pk, "version": 5}, "who may write"),
        ("due", {"due_on": "2020-01-01", "version": 5}, "A due day lies ahead"),
        ("remark", {"remark": " "}, "A remark needs words"),
        ("state", {"to": "asleep", "version": 5}, "There is no such state"),
        ("state", {"to": "working", "version": ""}, "Reload the page"),
    ):
        answer = post(manager, held, part, **values)
        assert answer.status_code == 422, part
        assert sentence in text(answer), part


def test_the_quarters_are_those_of_the_snapshots(computed: World, held: str) -> None:
    page = page_of(computed.a, held)
    assert [q.label for q in page.quarters] == ["2025-Q4", "2026-Q1", "2026-Q2"]
    found = {
        label: next(s for s in rows["all"].stages if s.name == "Held")
        for label, rows in _all_figures(computed.a).items()
    }
    for row in page.quarters:
        stage = found[row.label]
        assert (row.advanced, row.lost_at) == (stage.advanced, stage.lost_at)
    assert any(row.lost_at for row in page.quarters)
    assert page.opened_index == 1
    assert page.title == "Held → Coach"
    assert page.funnel_query == "?q=2026-Q2&at=2"


def _all_figures(workspace: Workspace) -> Any:
    with company_context(workspace.company.pk):
        return all_figures(company=workspace.company)


def test_a_renamed_and_moved_stage_keeps_its_own_history(computed: World, held: str) -> None:
    told = [(q.label, q.advanced, q.lost_at) for q in page_of(computed.a, held).quarters]
    by, stages = computed.a.actor(Role.MANAGER), computed.a.stages
    with company_context(computed.a.company.pk):
        change_stage(by=by, stage_id=stages["Held"].pk, name="Met", now=NOW)
        change_stage(by=by, stage_id=stages["Coach"].pk, name="Held", now=NOW)
        order_stage(by=by, stage_id=stages["Held"].pk, direction="up", now=NOW)
    recompute_all(company_id=computed.a.company.pk, now=NOW + timedelta(hours=1))
    page = page_of(computed.a, held)
    assert page.title == "Met → Booked"
    assert [(q.label, q.advanced, q.lost_at) for q in page.quarters[:2]] == told[:2]
    now = next(s for s in _all_figures(computed.a)["2026-Q2"]["all"].stages if s.name == "Met")
    assert now.position == 1
    assert (page.quarters[2].advanced, page.quarters[2].lost_at) == (now.advanced, now.lost_at)


def test_a_retired_stage_says_so_and_names_its_replacement(computed: World, held: str) -> None:
    told = page_of(computed.a, held).quarters[1]
    by, stages = computed.a.actor(Role.MANAGER), computed.a.stages
    with company_context(computed.a.company.pk):
        retire_stage(
            by=by, stage_id=stages["Held"].pk, to_stage_id=stages["Coach"].pk,
            now=NOW + timedelta(minutes=1),
        )  # fmt: skip
    recompute_all(company_id=computed.a.company.pk, now=NOW + timedelta(hours=1))
    page = page_of(computed.a, held)
    assert page.retired == "This stage is retired: its deals count as Coach now."
    assert (page.quarters[1].advanced, page.quarters[1].lost_at) == (told.advanced, told.lost_at)
    assert page.quarters[2].exits == "not a stage then"
    assert page.stage_ids == (stages["Held"].pk, stages["Coach"].pk)
    assert page.funnel_query == "?q=2026-Q1&at=2"
    assert "counts as Coach" in text(client(computed).get(LIST))
    assert page.retired in text(client(computed, Role.LEADER).get(held))


@pytest.mark.parametrize(
    ("then", "now", "sentence"),
    [
        ((55, 45), (62, 38), "Lost on leaving: 45.0% when opened (Q2 2026), 38.0% now (Q3 2026)."),
        ((6, 3), (62, 38), "3 of 9 when opened (Q2 2026), 38.0% now (Q3 2026). Too few deals"),
        ((10, 5), (62, 38), "Thin: under 20 deals left the stage."),
        ((0, 0), (62, 38), "No deal left this stage in one of the two quarters"),
    ],
)
def test_what_became_of_it_since_is_one_sentence(
    alpha: Workspace,
    monkeypatch: pytest.MonkeyPatch,
    then: tuple[int, int],
    now: tuple[int, int],
    sentence: str,
) -> None:
    rows = []
    for make, (advanced, lost) in ((before, then), (figures, now)):
        one = stage(1, "Booked", advanced=advanced, lost_at=lost)
        rows.append(make(stages=(one,), danger_order=(1,)))
    ids, names = (alpha.stages["Booked"].pk,), ("Booked",)
    quarters = tuple(
        QuarterStages(NOW.date() + timedelta(days=n), row.quarter, ids, names)
        for n, row in enumerate(rows)
    )
    monkeypatch.setattr(module, "figures_of", lambda **_k: tuple(rows))
    monkeypatch.setattr(module, "stage_lists", lambda **_k: {alpha.pipeline.pk: quarters})
    point = put(alpha, "Booked")
    DangerPoint.objects.filter(pk=point.pk).update(opened_quarter="2026-Q2")
    page = page_of(alpha, f"{LIST}{point.pk}/")
    assert sentence in page.since
    assert page.title == "Booked → Won"
    chart = conversion_chart(page, style=STYLE)
    assert "Opened" in chart.drawings[0][1]
    assert [r.conversion is None for r in page.quarters] == [sum(then) < 10, False]
    DangerPoint.objects.filter(pk=point.pk).update(opened_quarter="2026-Q3")
    assert "nothing to compare with yet" in page_of(alpha, f"{LIST}{point.pk}/").since
    DangerPoint.objects.filter(pk=point.pk).update(opened_quarter="2019-Q1")
    assert "no figures of the quarter" in page_of(alpha, f"{LIST}{point.pk}/").since


def test_a_company_without_figures_has_a_page_too(quiet_world: World) -> None:
    address = f"{LIST}{put(quiet_world.a).pk}/"
    body = text(client(quiet_world).get(address))
    assert "There are no figures yet" in body
    assert "No quarter has 10 exits" in body
    assert "No finding at this stage yet" in body


def test_the_newest_findings_of_the_stage_and_of_no_other(computed: World, held: str) -> None:
    with company_context(computed.a.company.pk):
        for n in range(7):
            Finding.objects.create(
                source="other", pipeline=computed.a.pipeline, stage=computed.a.stages["Held"],
                statement=f"Reason {n}", learned_on=NOW.date() - timedelta(days=n),
                recorded_at=NOW, withdrawn_at=NOW if n == 0 else None,
            )  # fmt: skip
        Finding.objects.create(
            source="other", pipeline=computed.a.pipeline, stage=computed.a.stages["Booked"],
            statement="Elsewhere", learned_on=NOW.date(), recorded_at=NOW,
        )  # fmt: skip
    page = page_of(computed.a, held)
    assert [f.statement for f in page.findings] == [f"Reason {n}" for n in range(1, 6)]
    assert page.findings_more == 1


def test_the_queries_do_not_grow_with_log_and_findings(computed: World, held: str) -> None:
    asked = client(computed, Role.LEADER)
    asked.get(held)  # what only a first visit asks is not counted
    counted = []
    for many in (10, 100):
        with company_context(computed.a.company.pk):
            for n in range(many):
                DangerPointEntry.objects.create(
                    danger_point=DangerPoint.objects.get(), field="remark", remark=f"{n}", at=NOW,
                    by=computed.a.user(Role.MANAGER),
                )  # fmt: skip
                Finding.objects.create(
                    source="other", pipeline=computed.a.pipeline, stage=computed.a.stages["Held"],
                    statement=f"{n}", learned_on=NOW.date(), recorded_at=NOW,
                )  # fmt: skip
        with CaptureQueriesContext(connection) as found:
            assert asked.get(held).status_code == 200
        counted.append(len(found))
    assert counted == [22, 22]
