"""The agenda and the form that takes a danger point on, asked as a browser asks."""

import csv
import io
import json
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Company
from accounts.roles import Role
from accounts.tenancy.context import company_context
from metrics.models import DangerPoint, Finding
from metrics.services.recompute import recompute_all
from pipeline.services.stages import retire_stage
from tests.personas import CANARY, NOW, Workspace, World, client_of
from tests.pipeline.pages.conftest import clock_stands  # noqa: F401  a fixture

pytestmark = pytest.mark.usefixtures("clock_stands")

LIST = "/w/alpha/danger-points/"
OPEN = f"{LIST}open/"
HX = {"HX-Request": "true"}
FROM_LIST = {**HX, "HX-Current-URL": f"http://testserver{LIST}"}


def client(world: World, role: Role = Role.MANAGER) -> Client:
    return client_of(world.a.user(role))


def put(workspace: Workspace, stage: str = "Held", **values: Any) -> DangerPoint:
    with company_context(workspace.company.pk):
        return DangerPoint.objects.create(
            pipeline=workspace.pipeline,
            stage=workspace.stages[stage],
            opened_quarter="2026-Q2",
            opened_at=NOW,
            **values,
        )


def points(world: World) -> list[tuple[str, str, int | None]]:
    with company_context(world.a.company.pk):
        found = DangerPoint.objects.order_by("id")
        return list(found.values_list("stage__name", "segment", "owner_id"))


def said(response: HttpResponse) -> str:
    return str(json.loads(response["HX-Trigger"])["toast"]["text"])


def text(response: HttpResponse) -> str:
    return response.content.decode()


def test_all_read_and_managers_open(computed: World) -> None:
    put(computed.a)
    put(computed.b, segment=f"source={CANARY} Website")
    for role in Role:
        manages = role in (Role.OWNER, Role.MANAGER)
        asked = client(computed, role)
        page = asked.get(LIST)
        assert page.status_code == 200
        assert ("Take on a danger point" in text(page)) is manages
        assert "1 danger point is worked on" in text(page)
        assert CANARY not in text(page)
        assert asked.get(f"{LIST}agenda.csv").status_code == 200
        for headers in ({}, HX):
            status = 200 if manages else 403
            assert asked.get(OPEN, headers=headers).status_code == status
        if not manages:
            stage = computed.a.stages["Coach"].pk
            assert asked.post(OPEN, {"stage": stage, "segment": "all"}).status_code == 403
    assert len(points(computed)) == 1
    for person in (computed.stranger, computed.removed, computed.b.user(Role.OWNER)):
        assert client_of(person).get(LIST).status_code == 404


def test_the_form_comes_filled_from_the_funnel_and_is_sent_once(computed: World) -> None:
    manager, rep = client(computed), computed.a.user(Role.REP)
    address = f"{OPEN}?q=2026-Q2&seg=channel%3Dinbound&at=2"
    form = manager.get(address, headers=HX).context["form"]
    held = computed.a.stages["Held"].pk
    assert form.initial == {"stage": held, "segment": "channel=inbound", "quarter": "2026-Q2"}
    assert computed.a.user(Role.LEADER).pk not in dict(form.fields["owner"].choices)
    values = {"stage": held, "segment": "channel=inbound", "quarter": "2026-Q2", "owner": rep.pk}
    sent = manager.post(address, {**values, "due_on": "2026-06-01", "remark": "Ask the buyers"})
    assert sent.status_code == 303
    page = manager.get(sent["Location"])
    assert page.context["page"].stage == "Held"
    assert "Ask the buyers" in text(page)
    again = manager.post(address, values)
    assert again["Location"] == sent["Location"]
    assert manager.get(address)["Location"] == sent["Location"]
    assert manager.get(address, headers=HX)["HX-Redirect"] == sent["Location"]
    assert "on the agenda already" in text(manager.get(sent["Location"]))
    assert points(computed) == [("Held", "channel=inbound", rep.pk)]


def test_taken_on_from_the_agenda_one_stays_there(computed: World) -> None:
    values = {"stage": computed.a.stages["Coach"].pk, "segment": "all"}
    drawn = client(computed).post(OPEN, values, headers=FROM_LIST)
    assert drawn.status_code == 200
    assert said(drawn) == "On the agenda now"
    assert drawn["HX-Retarget"] == "#page"
    assert "1 danger point is worked on" in text(drawn)


def test_what_is_wrong_is_said_and_the_values_stay(computed: World) -> None:
    held, leader = computed.a.stages["Held"].pk, computed.a.user(Role.LEADER).pk
    good = {"stage": held, "segment": "all", "remark": "kept as typed"}
    for values, sentence in (
        ({"stage": ""}, "Choose the stage where deals are lost"),
        ({"stage": computed.a.stages["Won"].pk}, "valid choice"),
        ({"stage": computed.b.stages["Held"].pk}, "valid choice"),
        ({"segment": "weather=rain"}, "valid choice"),
        ({"owner": leader}, "a member who may write"),
        ({"owner": computed.b.user(Role.REP).pk}, "a member who may write"),
        ({"due_on": "2026-05-19"}, "A due day lies ahead"),
        ({"due_on": "soon"}, "valid date"),
        ({"remark": "x" * 1001}, "at most 1,000 characters"),
        ({"remark": "a\x00b"}, "cannot be kept"),
    ):
        response = client(computed).post(OPEN, {**good, **values})
        assert response.status_code == 422, values
        assert sentence in text(response), values
        assert "remark" in values or "kept as typed" in text(response)
    assert points(computed) == []


def test_a_retired_stage_leads_to_its_replacement(computed: World) -> None:
    with company_context(computed.a.company.pk):
        retire_stage(
            by=computed.a.actor(Role.MANAGER), stage_id=computed.a.stages["Held"].pk,
            to_stage_id=computed.a.stages["Coach"].pk, now=NOW,
        )  # fmt: skip
    response = client(computed).get(f"{OPEN}?q=2026-Q1&at=2")
    assert response.context["form"].initial["stage"] == computed.a.stages["Coach"].pk
    assert "Held is retired; its deals count as Coach" in text(response)
    assert "no stage of that number" in text(client(computed).get(f"{OPEN}?at=9"))


def test_empty_states_say_what_to_do(quiet_world: World) -> None:
    for role, sentence in ((Role.MANAGER, "Import your deals"), (Role.LEADER, "first deals")):
        page = client(quiet_world, role).get(LIST)
        assert page.status_code == 200
        assert "No figures yet" in text(page)
        assert sentence in text(page)
        assert "agenda.csv" not in text(page)
    with company_context(quiet_world.a.company.pk):
        for stage in quiet_world.a.stages.values():
            stage.delete()
    assert "no open stage yet" in text(client(quiet_world).get(OPEN))


def test_nothing_on_the_agenda_and_nothing_found(computed: World) -> None:
    assert "Nothing is worked on" in text(client(computed).get(LIST))
    put(computed.a)
    for query in ("?mine=1", "?state=working", "?state=resolved"):
        assert "No danger point matches" in text(client(computed).get(LIST + query))


def test_a_filter_changes_the_page_alone_and_a_wrong_one_is_said(computed: World) -> None:
    put(computed.a)
    drawn = client(computed).get(f"{LIST}?state=watching", headers=HX)
    assert "<html" not in text(drawn)
    assert 'id="page"' in text(drawn)
    assert "There is no such state" in text(client(computed).get(f"{LIST}?state=asleep"))


def test_the_file_has_the_rows_of_the_page_and_runs_nothing(computed: World) -> None:
    with company_context(computed.a.company.pk):
        stage = computed.a.stages["Coach"]
        stage.name = "=1+1"
        stage.save(update_fields=["name"])
    put(computed.a, due_on=NOW.date().replace(day=1))
    put(computed.a, "Coach", state="dismissed", closed_at=NOW)
    asked = client(computed, Role.LEADER)
    response = asked.get(f"{LIST}agenda.csv")
    assert response["Content-Disposition"] == 'attachment; filename="alpha-danger-points.csv"'
    rows = list(csv.DictReader(io.StringIO(response.content.decode("utf-8-sig"))))
    page = asked.get(LIST).context["agenda"]
    assert [r["stage"] for r in rows] == ["Held", "'=1+1"]
    assert [r["state"] for r in rows] == ["watching", "dismissed"]
    assert [r["overdue"] for r in rows] == ["yes", "no"]
    for row, shown in zip(rows, (*page.rows, *page.ended), strict=True):
        assert row["lost_at"] == ("" if shown.lost_at is None else str(shown.lost_at))
        exact = shown.expected_loss
        assert row["expected_loss"] == ("" if exact is None else repr(exact))
    filtered = asked.get(f"{LIST}agenda.csv?state=dismissed")
    assert len(filtered.content.decode().splitlines()) == 2


def queries(asked: Client, address: str) -> int:
    with CaptureQueriesContext(connection) as found:
        assert asked.get(address).status_code == 200
    return len(found)


def test_the_queries_do_not_grow_with_the_agenda(computed: World) -> None:
    asked = client(computed, Role.LEADER)
    rep = computed.a.user(Role.REP)
    asked.get(LIST)  # what only a first visit asks is not counted
    counted = []
    for many in (10, 100):
        with company_context(computed.a.company.pk):
            Finding.objects.all().delete()
            DangerPoint.objects.all().delete()
        for n in range(many):
            put(computed.a, ("Booked", "Held", "Coach")[n % 3], segment=f"source=S{n}", owner=rep)
            with company_context(computed.a.company.pk):
                Finding.objects.create(
                    source="other", pipeline=computed.a.pipeline,
                    stage=computed.a.stages["Held"], statement="x",
                    learned_on=NOW.date(), recorded_at=NOW,
                )  # fmt: skip
        counted.append([queries(asked, LIST), queries(asked, f"{LIST}agenda.csv")])
    assert counted == [[18, 14], [18, 14]]


def test_an_imported_company_counts_its_due_days_from_where_it_stands(computed: World) -> None:
    with company_context(computed.a.company.pk):
        moved = Company.objects.filter(pk=computed.a.company.pk).update(as_of=NOW.replace(month=4))
    assert moved == 1
    recompute_all(company_id=computed.a.company.pk, now=NOW)
    put(computed.a, due_on=NOW.date().replace(day=1))
    assert "Overdue" not in text(client(computed).get(LIST))
