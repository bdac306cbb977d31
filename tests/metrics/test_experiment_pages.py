"""The book of experiments in pages: list, filters, file, the form, and the small acts."""

import csv
import io
import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.roles import Role
from accounts.tenancy.context import company_context
from metrics.models import Experiment, ExperimentEntry, ExperimentReason
from metrics.services.experiment_results import recompute_experiment
from tests.guards import url_tree
from tests.metrics.experiment_rows import BASE, TODAY, better, decided, of_cycle, put, result, worse
from tests.metrics.experiments import sample_figures, without_effect
from tests.personas import CANARY, NOW, Workspace, World, client_of
from tests.pipeline.pages.conftest import clock_stands  # noqa: F401  a fixture

pytestmark = pytest.mark.usefixtures("clock_stands")

HX = {"HX-Request": "true"}


@pytest.fixture
def a(quiet_world: World) -> Workspace:
    """Company A without deals; the neighbour has an experiment of its own."""
    put(quiet_world.b)
    return quiet_world.a


def client(workspace: Workspace, role: Role = Role.MANAGER) -> Client:
    return client_of(workspace.user(role))


def text(response: HttpResponse) -> str:
    return response.content.decode()


def fresh(workspace: Workspace, of: Experiment) -> Experiment:
    with company_context(workspace.company.pk):
        return Experiment.objects.get(pk=of.pk)


def whole(workspace: Workspace, **changes: Any) -> dict[str, Any]:
    """What the form sends for an experiment that may start today."""
    values: dict[str, Any] = {
        "title": "One page",
        "if_we": "send one page",
        "then": "more is won",
        "because": "it can be defended",
        "target": f"conversion:{workspace.stages['Held'].pk}",
        "direction": "",
        "segment": "all",
        "smallest": "6",
        "design": "before_after",
        "baseline_start": (TODAY - timedelta(days=91)).isoformat(),
        "baseline_last": (TODAY - timedelta(days=1)).isoformat(),
        "starts_on": TODAY.isoformat(),
        "last_day": (TODAY + timedelta(days=90)).isoformat(),
        "follow_up_days": "30",
        "decision_rule": "Adopt if it leaves out nothing",
        "guardrail_1": "deal_size",
        "owner": str(workspace.user(Role.MANAGER).pk),
        "key": "form-1",
    }
    return {**values, **changes}


def test_an_empty_book_says_what_to_do(a: Workspace) -> None:
    page = text(client(a).get(BASE))
    assert "No experiment yet" in page
    assert f'href="{BASE}new/"' in page
    assert "Compare" not in page
    leader = text(client(a, Role.LEADER).get(BASE))
    assert f'href="{BASE}new/"' not in leader
    assert "A manager drafts" in leader
    assert CANARY not in page


def test_the_list_says_state_effect_certainty_and_owner(a: Workspace) -> None:
    running = put(a, title="Runs")
    result(a, running, sample_figures(), days_ago=1)
    result(a, running, better())  # the newest day counts
    put(a, title="Is over", ends_on=TODAY)
    put(a, title="Called off", state="stopped", stopped_at=NOW)
    put(a, title="Sketch", state="draft", started_at=None)
    kept = decided(a, better(), title="Kept")
    result(a, kept, worse(), kind="follow_up")
    decided(a, without_effect(), decision="stop", title="Dropped")
    for role in Role:
        page = text(client(a, role).get(BASE))
        for part in (
            "2 bets run now. 2 wait for a decision.",
            "Day 46 of 91",
            "Ended 19 May, to be decided",
            "Stopped 20 May, to be decided",
            "+12.0 pts",
            "95% +1.0 to +23.0 pts",
            "Better with a chance of 94 in 100",
            "Worth having from +6.0 pts",
            "€212 per day if it holds",
            "Conversion out of Held",
            "Nothing computed yet",
            "Decided 17 May",
            "Did it last?",
            "2 experiments decided: 1 clearly better, 0 clearly worse, 1 without evidence."
            " Adopted: 1.",
            a.user(Role.MANAGER).name,
        ):
            assert part in page, part
        assert CANARY not in page


def test_filters_stand_in_the_address(a: Workspace) -> None:
    put(a, title="Held bet", owner=a.user(Role.OWNER), segment="channel=inbound")
    put(a, title="Cycle draft", measure="cycle", stage=None, state="draft")
    shown = {
        "": {"Held bet", "Cycle draft"},
        "?state=draft": {"Cycle draft"},
        "?lever=conversion": {"Held bet"},
        "?mine=1": {"Cycle draft"},
        f"?owner={a.user(Role.OWNER).pk}": {"Held bet"},
        "?seg=channel%3Dinbound": {"Held bet"},
        "?seg=all": {"Cycle draft"},
        "?state=decided": set(),
    }
    asked = client(a)
    for query, titles in shown.items():
        page = text(asked.get(BASE + query))
        found = {title for title in ("Held bet", "Cycle draft") if f">{title}<" in page}
        assert found == titles, query
    page = text(asked.get(f"{BASE}?state=asleep&lever=luck&owner=x&seg=weather%3Drain&z=1"))
    for sentence in ("no such state", "no such lever", "no such owner", "no such segment", "z"):
        assert sentence in page
    assert "No experiment matches" in text(asked.get(f"{BASE}?state=decided"))
    fragment = text(asked.get(BASE, headers=HX))
    assert fragment.lstrip().startswith('<div class="stack" id="page">')


def test_the_file_has_every_figure_in_full(a: Workspace) -> None:
    running = put(a, title="=Runs", segment="channel=inbound")
    result(a, running, better())
    put(a, title="Sketch", state="draft", smallest_effect=None, started_at=None)
    decided(a, of_cycle(), measure="cycle", stage=None, rising=False, smallest_effect=4.0)
    body = client(a, Role.LEADER).get(f"{BASE}experiments.csv").content.decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(body)))
    assert [row["state"] for row in rows] == ["running", "draft", "decided"]
    first, sketch, last = rows
    assert (first["effect"], first["always_valid_low"], first["verdict"]) == (
        "0.12", "0.01", "better"
    )  # fmt: skip
    assert first["title"] == "'=Runs"  # no formula in a spreadsheet
    assert (sketch["effect"], sketch["baseline_n"], sketch["smallest_effect"]) == ("", "", "")
    assert (last["smallest_effect"], last["always_valid_high"]) == ("-4.0", "unbounded")
    narrowed = client(a).get(f"{BASE}experiments.csv?state=draft").content.decode()
    assert "Sketch" in narrowed
    assert "Runs" not in narrowed


@pytest.mark.parametrize("page", ["", "compare/", "experiments.csv"])
def test_a_hundred_experiments_ask_no_more_than_ten(a: Workspace, page: str) -> None:
    asked = client(a, Role.LEADER)
    counts = []
    for many in (5, 45):
        for number in range(many):
            result(a, put(a, title=f"Runs {number} {many}"), sample_figures())
            done = decided(a, better(), title=f"Done {number} {many}")
            result(a, done, better(), kind="follow_up")
        asked.get(BASE + page)  # what is read once
        with CaptureQueriesContext(connection) as found:
            assert asked.get(BASE + page).status_code == 200
        counts.append(len(found))
    assert counts[0] == counts[1]


def test_a_form_makes_a_draft_that_can_start(a: Workspace) -> None:
    asked = client(a)
    page = text(asked.get(f"{BASE}new/"))
    for part in ("If we", "Then", "Because", "Conversion out of Held", "Third guardrail"):
        assert part in page
    sent = asked.post(f"{BASE}new/", whole(a))
    with company_context(a.company.pk):
        made = Experiment.objects.get()
    assert sent.status_code == 303
    assert f"/{made.pk}/" in sent["Location"]
    assert (made.measure, made.stage_id, made.smallest_effect) == (
        "conversion", a.stages["Held"].pk, 0.06
    )  # fmt: skip
    assert (made.baseline_end, made.ends_on) == (TODAY, TODAY + timedelta(days=91))
    assert made.guardrails == [{"measure": "deal_size", "stage": None}]
    assert made.rising
    asked.post(f"{BASE}new/", whole(a))  # the same form once more
    with company_context(a.company.pk):
        assert Experiment.objects.count() == 1
    assert "It cannot start yet" not in text(asked.get(f"{BASE}{made.pk}/start/"))
    started = asked.post(f"{BASE}{made.pk}/start/", {"version": 1})
    assert started.status_code == 303
    assert fresh(a, made).state == "running"


def test_a_cycle_should_fall_and_a_deal_size_is_in_per_cent(a: Workspace) -> None:
    asked = client(a)
    asked.post(f"{BASE}new/", whole(a, target="cycle", smallest="4", key="c"))
    asked.post(f"{BASE}new/", whole(a, target="number", smallest="10", key="n", guardrail_1=""))
    with company_context(a.company.pk):
        cycle, number = Experiment.objects.order_by("pk")
    assert (cycle.rising, cycle.smallest_effect, cycle.stage_id) == (False, 4.0, None)
    assert (number.rising, number.smallest_effect) == (True, 0.1)
    assert 'value="4.0"' in text(asked.get(f"{BASE}{cycle.pk}/edit/"))
    assert 'value="10.0"' in text(asked.get(f"{BASE}{number.pk}/edit/"))


def test_what_is_wrong_stays_in_the_form_with_a_sentence(a: Workspace) -> None:
    asked = client(a)
    for changes, sentence in (
        ({"title": ""}, "Give the experiment a name"),
        ({"smallest": "-3"}, "greater than or equal to 0"),
        ({"starts_on": "soon"}, "Enter a valid date"),
        ({"target": "conversion:999999999"}, "Select a valid choice"),
        ({"findings": ["999999999"]}, "One of these does not exist"),
        ({"guardrail_1": f"conversion:{a.stages['Held'].pk}"}, "another measure than the one"),
    ):
        answer = asked.post(f"{BASE}new/", whole(a, **changes))
        assert answer.status_code == 422, changes
        assert sentence in text(answer)
        assert "it can be defended" in text(answer)
    with company_context(a.company.pk):
        assert not Experiment.objects.exists()


def test_a_finding_and_a_danger_point_prefill_the_form(a: Workspace) -> None:
    with company_context(a.company.pk):
        a.deals.setdefault("open", 0)
        point = url_tree._danger_point(a)
    page = text(client(a).get(f"{BASE}new/?danger={point}"))
    assert f'value="conversion:{a.stages["Held"].pk}" selected' in page
    assert f'name="danger_points" value="{point}"' in page.replace("checked ", "")
    assert "checked" in page
    # What this company does not have asks for nothing.
    other = text(
        client(a).get(f"{BASE}new/?finding=999999999&danger=x&stage=999999999&seg=weather%3Drain")
    )
    assert 'value="win_rate" selected' in other
    seg = text(client(a).get(f"{BASE}new/?seg=channel%3Doutbound&measure=cycle"))
    assert 'value="cycle" selected' in seg
    assert 'value="channel=outbound" selected' in seg


def test_a_finding_leads_to_the_form_and_is_tied(world: World) -> None:
    finding = url_tree._finding(world.a)
    asked = client(world.a)
    assert f"{BASE}new/?finding={finding}" in text(asked.get(f"/w/alpha/findings/{finding}/"))
    rep = client(world.a, Role.REP)
    assert f"{BASE}new/" not in text(rep.get(f"/w/alpha/findings/{finding}/"))
    page = text(asked.get(f"{BASE}new/?finding={finding}"))
    assert "asks for a price too early" in page
    asked.post(f"{BASE}new/", whole(world.a, findings=[finding]))
    with company_context(world.a.company.pk):
        assert ExperimentReason.objects.get().finding_id == finding
        point = url_tree._danger_point(world.a)
    assert f"{BASE}new/?danger={point}" in text(asked.get(f"/w/alpha/danger-points/{point}/"))


def test_only_who_manages_writes_and_neighbours_see_nothing(
    a: Workspace, quiet_world: World
) -> None:
    mine, theirs = put(a, state="draft"), put(quiet_world.b, title="Theirs")
    acts = ("edit", "amend", "start", "stop", "decide", "note", "check-in")
    posts = ("resume", "withdraw", "put-back")
    for role in (Role.REP, Role.LEADER):
        assert client(a, role).get(f"{BASE}new/").status_code == 403
        for act in (*acts, *posts):
            assert client(a, role).post(f"{BASE}{mine.pk}/{act}/").status_code == 403
    for act in acts:
        assert client(a).get(f"{BASE}{theirs.pk}/{act}/").status_code == 404
    for act in (*acts, *posts):
        data = {"version": "1", "text": "x", "reason": "x", "decision": "stop"}
        assert client(a).post(f"{BASE}{theirs.pk}/{act}/", data).status_code == 404
    assert fresh(a, mine).version == 1


def test_a_start_says_what_lacks_and_a_draft_can_be_thrown_away(a: Workspace) -> None:
    bare = put(a, state="draft", decision_rule="", smallest_effect=None, started_at=None)
    asked = client(a)
    page = text(asked.get(f"{BASE}{bare.pk}/start/"))
    assert "It cannot start yet" in page
    assert "Write down how it will be decided" in page
    answer = asked.post(f"{BASE}{bare.pk}/start/", {"version": 1})
    assert answer.status_code == 422
    gone = asked.post(f"{BASE}{bare.pk}/withdraw/", {"version": 1})
    assert gone.status_code == 303
    assert gone["Location"] == BASE
    assert asked.get(f"{BASE}{bare.pk}/edit/").status_code == 404
    asked.post(f"{BASE}{bare.pk}/put-back/")
    assert asked.get(f"{BASE}{bare.pk}/edit/").status_code == 200


def test_a_draft_is_edited_and_a_conflict_is_shown(a: Workspace) -> None:
    made = put(a, state="draft", started_at=None)
    asked = client(a)
    data = whole(a, version=1, title="Better name")
    assert asked.post(f"{BASE}{made.pk}/edit/", data).status_code == 303
    assert fresh(a, made).title == "Better name"
    stale = asked.post(f"{BASE}{made.pk}/edit/", whole(a, version=1, title="My name"))
    assert stale.status_code == 409
    assert "name is Better name now, you wrote My name" in text(stale)
    assert 'name="version" value="2"' in text(stale)


def test_what_runs_is_amended_with_a_reason(a: Workspace) -> None:
    made = put(a)
    asked = client(a)
    assert asked.get(f"{BASE}{made.pk}/edit/")["Location"] == f"{BASE}{made.pk}/amend/"
    page = text(asked.get(f"{BASE}{made.pk}/amend/"))
    assert "Fixed at the start" in page
    assert 'name="target"' not in page
    assert 'name="starts_on"' not in page
    assert 'name="decision_rule"' not in page
    assert made.decision_rule in page  # among what is fixed
    data = {
        "title": made.title, "if_we": made.if_we, "then": made.then, "because": "",
        "decision_rule": "Adopt it whatever comes", "smallest": "6", "owner": made.owner_id,
        "last_day": (TODAY + timedelta(days=100)).isoformat(), "version": 1,
    }  # fmt: skip
    refused = asked.post(f"{BASE}{made.pk}/amend/", data)
    assert refused.status_code == 422
    assert "Say why it is amended" in text(refused)
    assert asked.post(f"{BASE}{made.pk}/amend/", {**data, "reason": "fair"}).status_code == 303
    with company_context(a.company.pk):
        entry = ExperimentEntry.objects.get()
    assert (entry.kind, entry.text, list(entry.after)) == ("amendment", "fair", ["ends_on"])
    assert fresh(a, made).decision_rule == made.decision_rule


def test_notes_check_ins_stop_and_resume(a: Workspace) -> None:
    made = put(a)
    asked = client(a)
    here = f"{BASE}{made.pk}/"
    for act, label in (("note", "Add a note"), ("check-in", "Is it done as planned")):
        assert label in text(asked.get(f"{here}{act}/"))
        assert asked.post(f"{here}{act}/", {"text": f"said in {act}"}).status_code == 303
        assert asked.post(f"{here}{act}/", {"text": " "}).status_code == 422
    stopped = asked.post(f"{here}stop/", {"version": 1, "reason": "wrong template"})
    assert stopped.status_code == 303
    assert fresh(a, made).state == "stopped"
    asked.post(f"{here}resume/", {"version": 2})
    assert fresh(a, made).state == "running"
    toast = asked.post(f"{here}stop/", {"version": 3, "reason": "again", "back": BASE}, headers=HX)
    told = json.loads(toast["HX-Trigger"])["toast"]
    assert told["undo"].endswith(f"{made.pk}/resume/?version=4")
    asked.post(told["undo"], headers=HX)
    assert fresh(a, made).state == "running"
    with company_context(a.company.pk):
        kinds = list(ExperimentEntry.objects.order_by("pk").values_list("kind", flat=True))
    assert kinds == ["note", "check_in", "state", "state", "state", "state"]


def test_deciding_shows_the_rule_and_freezes(a: Workspace) -> None:
    made = put(a)
    result(a, made, better())
    asked = client(a)
    page = text(asked.get(f"{BASE}{made.pk}/decide/"))
    assert "Adopt if the interval leaves out nothing" in page
    assert "+12.0 pts" in page
    nothing = asked.post(f"{BASE}{made.pk}/decide/", {"version": 1})
    assert nothing.status_code == 422
    assert "Choose what is decided" in text(nothing)
    later = (made.ends_on + timedelta(days=10)).isoformat() if made.ends_on else ""
    extended = {"version": 1, "decision": "extend", "reason": "too young", "last_day": later}
    assert asked.post(f"{BASE}{made.pk}/decide/", extended).status_code == 303
    assert fresh(a, made).state == "running"
    stale = asked.post(
        f"{BASE}{made.pk}/decide/", {"version": 1, "decision": "adopt", "reason": "well"}
    )
    assert stale.status_code == 409
    adopted = {"version": 2, "decision": "adopt", "reason": "well"}
    early = asked.post(f"{BASE}{made.pk}/decide/", adopted)
    assert early.status_code == 422
    assert "computed anew in the background" in text(early)  # it has another end since
    with company_context(a.company.pk):
        assert recompute_experiment(company=a.company, experiment_id=made.pk, now=NOW)
    assert asked.post(f"{BASE}{made.pk}/decide/", adopted).status_code == 303
    now = fresh(a, made)
    assert (now.state, now.decision) == ("decided", "adopt")
    assert now.decided_figures["primary"]["reason"]  # there are no deals at all
    page = text(asked.get(BASE))
    assert "Too early to tell" in page


def test_dialogs_come_alone_with_htmx(a: Workspace) -> None:
    made = put(a)
    dialog = text(client(a).get(f"{BASE}{made.pk}/decide/", headers=HX))
    assert dialog.lstrip().startswith("<dialog")
    refused = client(a).post(f"{BASE}{made.pk}/note/", {"text": ""}, headers=HX)
    assert refused.status_code == 422
    assert text(refused).lstrip().startswith("<form")
