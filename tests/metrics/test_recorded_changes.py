"""What the team changed and when: recorded, edited, withdrawn with undo, marked on the charts."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from accounts.formats import Style
from accounts.models import AuditEntry
from accounts.roles import Role
from accounts.tenancy.context import company_context
from metrics.calc.calendar import Quarter
from metrics.charts.line import Event, Point, line
from metrics.charts.svg import Table
from metrics.models import DangerPoint, Experiment, RecordedChange
from metrics.selectors.marks import Mark, flags, mark_lines, marks_of
from tests.personas import CANARY, NOW, World, client_of

LIST = "/w/alpha/changes/"
ADD = f"{LIST}add/"
STYLE = Style("en", "EUR")
Q1 = Quarter(date(2026, 1, 1), date(2026, 4, 1), "2026-Q1")
Q2 = Quarter(date(2026, 4, 1), date(2026, 7, 1), "2026-Q2")


@pytest.fixture
def manager(classic: World) -> Client:
    return client_of(classic.a.user(Role.MANAGER))


def record(client: Client, **values: str) -> HttpResponse:
    given = {"happened_on": "2026-02-01", "text": "New price list", "stage": "", "segment": "all"}
    return client.post(ADD, {**given, **values})


def changes(world: World, *, withdrawn: bool = False) -> list[RecordedChange]:
    with company_context(world.a.company.pk):
        rows = RecordedChange.objects.order_by("id")
        return list(rows if withdrawn else rows.filter(withdrawn_at=None))


def test_a_change_is_recorded_once_listed_and_marked_on_both_charts(
    classic: World, manager: Client
) -> None:
    assert "No change recorded yet" in manager.get(LIST).content.decode()
    for _twice in range(2):
        assert record(manager).status_code in (302, 303)
    [change] = changes(classic)
    assert (change.text, change.happened_on) == ("New price list", date(2026, 2, 1))
    with company_context(classic.a.company.pk):
        assert AuditEntry.objects.filter(action="recorded_change.recorded").count() == 1
    assert "New price list" in manager.get(LIST).content.decode()
    for page in ("/w/alpha/funnel/", "/w/alpha/velocity/"):
        html = manager.get(page, {"q": "2026-Q1"}).content.decode()
        assert html.count("New price list") >= 1, page
        assert 'class="marks"' in html
    svg = manager.get("/w/alpha/funnel/chart/conversion.svg", {"q": "2026-Q1", "at": "2"})
    assert "New price list" in svg.content.decode()


def test_a_change_is_marked_on_the_quarters_and_on_the_danger_point(
    classic: World, manager: Client
) -> None:
    """On the small charts by its number with the words below; on a stage's own chart in words."""
    record(manager)
    html = manager.get("/w/alpha/quarters/").content.decode()
    words = html.partition('class="marks"')[2].partition("</section>")[0]
    assert words.count("New price list") == 1
    assert html.count('class="flag-text"') == html.count("<figure") > 3
    a = classic.a
    with company_context(a.company.pk):
        point = DangerPoint.objects.create(
            pipeline=a.pipeline, stage=a.stages["Held"], opened_quarter="2026-Q1", opened_at=NOW,
            state="watching",
        )  # fmt: skip
    html = manager.get(f"/w/alpha/danger-points/{point.pk}/").content.decode()
    assert "Opened; New price list" in html
    assert 'class="marks"' in html
    [change] = changes(classic)
    manager.post(f"{LIST}{change.pk}/withdraw/", {"version": "1"})
    again = manager.get(f"/w/alpha/danger-points/{point.pk}/").content.decode()
    # The page's own toast tells of the withdrawal; the chart and the words below it do not.
    assert "New price list</text>" not in again
    assert "; New price list" not in again
    assert ">Opened</text>" in again


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"text": " "}, "Say what changed."),
        ({"text": "x" * 201}, "at most 200 characters"),
        ({"happened_on": "2999-01-01"}, "lies in the future"),
        ({"happened_on": "1066-10-14"}, "too far back"),
        ({"stage": "999999"}, "no such stage"),
        ({"segment": "moon=full"}, "There are no such deals"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    classic: World, manager: Client, values: dict[str, str], said: str
) -> None:
    response = record(manager, **values)
    assert response.status_code in (400, 409, 422)
    assert said in response.content.decode()
    assert not changes(classic)


def test_a_change_is_edited_and_a_stale_version_is_told(classic: World, manager: Client) -> None:
    record(manager)
    [change] = changes(classic)
    held = str(classic.a.stages["Held"].pk)
    given = {"happened_on": "2026-02-03", "text": "New guide", "stage": held, "segment": "all"}
    edit = f"{LIST}{change.pk}/edit/"
    assert manager.post(edit, {**given, "version": "1"}).status_code in (302, 303)
    [changed] = changes(classic)
    assert (changed.text, changed.version) == ("New guide", 2)
    assert changed.pipeline_id == classic.a.pipeline.pk
    stale = manager.post(edit, {**given, "text": "Another", "version": "1"})
    assert stale.status_code == 409
    assert "text is New guide now, you wrote Another" in stale.content.decode()


def test_withdrawn_with_undo(classic: World, manager: Client) -> None:
    record(manager)
    [change] = changes(classic)
    withdraw = f"{LIST}{change.pk}/withdraw/"
    scripted = {"HX-Request": "true"}
    assert manager.post(withdraw, {"version": "9"}, headers=scripted).status_code == 409
    assert len(changes(classic)) == 1
    answer = manager.post(withdraw, {"version": "1"}, headers=scripted)
    assert f"{LIST}{change.pk}/put-back/" in answer["HX-Trigger"]
    assert not changes(classic)
    manager.post(f"{LIST}{change.pk}/put-back/")
    assert len(changes(classic)) == 1


def test_readers_read_and_only_managers_record(classic: World) -> None:
    record(client_of(classic.a.user(Role.MANAGER)))
    for role in (Role.REP, Role.LEADER):
        client = client_of(classic.a.user(role))
        html = client.get(LIST).content.decode()
        assert "New price list" in html
        assert "Withdraw" not in html
        assert record(client).status_code in (403, 404)
    assert client_of(classic.stranger).get(LIST).status_code == 404
    assert CANARY not in client_of(classic.a.user(Role.REP)).get(LIST).content.decode()


# Marks -------------------------------------------------------------------------------------------


def marks(world: World, **asked: Any) -> list[tuple[str, str]]:
    a = world.a
    with company_context(a.company.pk):
        found = marks_of(
            company=a.company, pipeline_id=a.pipeline.pk, segment=asked.pop("segment", "all"),
            **asked,
        )  # fmt: skip
    return [(mark.text, mark.kind) for mark in found]


def test_a_mark_concerns_its_stage_and_segment(classic: World) -> None:
    a = classic.a
    with company_context(a.company.pk):
        for text, stage, segment in (
            ("everywhere", None, "all"),
            ("held", a.stages["Held"], "all"),
            ("inbound", None, "channel=inbound"),
        ):
            RecordedChange.objects.create(
                happened_on=date(2026, 2, 1), text=text, stage=stage, segment=segment,
                recorded_at=NOW,
            )  # fmt: skip
        RecordedChange.objects.create(
            happened_on=date(2026, 2, 1), text="gone", recorded_at=NOW, withdrawn_at=NOW
        )
    held, coach = a.stages["Held"].pk, a.stages["Coach"].pk
    everything = {("everywhere", "change"), ("held", "change"), ("inbound (Inbound)", "change")}
    assert set(marks(classic)) == everything
    assert set(marks(classic, stage_id=coach)) == everything - {("held", "change")}
    assert set(marks(classic, stage_id=held, segment="channel=outbound")) == {
        ("everywhere", "change"),
        ("held", "change"),
    }
    assert ("inbound", "change") in marks(classic, segment="channel=inbound")
    assert ("held", "change") in marks(classic, stage_id=coach, retired={held})


def test_experiments_are_marked_at_their_start_and_at_their_end(classic: World) -> None:
    """One that was stopped has moved the line while it ran, so both its days are marked."""
    a = classic.a
    common = {
        "pipeline": a.pipeline, "measure": "conversion", "stage": a.stages["Held"],
        "created_at": NOW, "started_at": NOW - timedelta(days=60),
    }  # fmt: skip
    decided = {"decided_at": NOW, "decided_by": a.user(Role.OWNER)}
    with company_context(a.company.pk):
        Experiment.objects.create(title="Call guide", state="running", **common)
        Experiment.objects.create(
            title="Price sheet", state="decided", decision="adopt", **decided, **common
        )
        Experiment.objects.create(
            title="Dropped",
            state="decided",
            decision="stop",
            stopped_at=NOW - timedelta(days=9),
            **decided,
            **common,
        )
        Experiment.objects.create(
            title="Broken off", state="stopped", stopped_at=NOW - timedelta(days=2), **common
        )
        Experiment.objects.create(
            title="Gone on", state="running", decision="extend", **decided, **common
        )
        Experiment.objects.create(title="Plan", state="draft", **{**common, "started_at": None})
    assert sorted(marks(classic)) == [
        ("Adopted: Price sheet", "adopted"),
        ("Started: Broken off", "started"),
        ("Started: Call guide", "started"),
        ("Started: Dropped", "started"),
        ("Started: Gone on", "started"),
        ("Started: Price sheet", "started"),
        ("Stopped: Broken off", "stopped"),
        ("Stopped: Dropped", "stopped"),
    ]
    with company_context(a.company.pk):
        found = marks_of(company=a.company, pipeline_id=a.pipeline.pk, segment="all")
    ended = {mark.text: mark.day for mark in found if mark.kind == "stopped"}
    assert ended == {
        "Stopped: Dropped": (NOW - timedelta(days=9)).date(),
        "Stopped: Broken off": (NOW - timedelta(days=2)).date(),
    }


def test_marks_of_one_quarter_share_a_flag_and_are_listed_with_their_days() -> None:
    found = [
        Mark(date(2026, 1, 1), "first day", "", "change"),
        Mark(date(2026, 3, 31), "last day", "", "change"),
        Mark(date(2026, 4, 1), "next quarter", "/there", "started"),
        Mark(date(2026, 7, 1), "after it all", "", "change"),
    ]
    flagged = flags(found, [Q1, Q2], STYLE)
    assert [(flag.index, flag.text) for flag in flagged] == [(0, "2 changes"), (1, "next quarter")]
    lines = mark_lines(found, [Q1, Q2], STYLE)
    assert [one.text for one in lines] == ["next quarter", "last day", "first day"]
    assert lines[0].day == "Apr 1, 2026" or lines[0].day == "1 Apr 2026"
    assert flags(found, [], STYLE) == ()


def test_flags_that_would_touch_are_short() -> None:
    def drawn(*events: Event) -> str:
        chart = line(
            name="x", title="X", reading="", tick=str, events=events,
            points=[Point(str(n), "", float(n)) for n in range(8)], table=Table((), (), (), ()),
        )  # fmt: skip
        return "".join(svg for _size, svg in chart.drawings)

    alone = drawn(Event(3, "New price list", "1"))
    assert alone.count(">New price list<") == 3
    near = drawn(Event(3, "New price list", "1"), Event(4, "New call guide", "1"))
    assert "New price list" not in near
