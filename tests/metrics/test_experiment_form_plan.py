"""Planning help while an experiment is written down: the same as of the draft, and nothing kept."""

import re
from datetime import date, timedelta
from types import SimpleNamespace

import pytest
from django.http import HttpResponse

from accounts.roles import Role
from accounts.tenancy.context import company_context
from metrics.calc.experiments.power import plan
from metrics.models import Experiment
from metrics.services import experiment_planning
from tests.metrics.experiment_rows import BASE, TODAY
from tests.metrics.running_experiments import simulate
from tests.personas import CANARY, Workspace, World, client_of
from tests.pipeline.pages.conftest import clock_stands  # noqa: F401  a fixture

pytestmark = pytest.mark.usefixtures("clock_stands")

HX = {"HX-Request": "true"}
FIRST = TODAY - timedelta(days=182)


@pytest.fixture
def busy(quiet_world: World) -> Workspace:
    """Company A with six deals a week for 26 weeks, one in five won five days later."""
    more_deals(quiet_world.a, FIRST, 26, 0.2)
    return quiet_world.a


def more_deals(a: Workspace, first: date, weeks: int, chance: float) -> None:
    """Six more deals a week, of which so many are won."""
    with company_context(a.company.pk):
        simulate(  # type: ignore[arg-type]  # it takes what the small company is called
            SimpleNamespace(
                pipeline_id=a.pipeline.pk,
                rep=a.reps["Ada"].pk,
                inbound=a.sources["Website"].pk,
                booked=a.stages["Booked"].pk,
                won=a.stages["Won"].pk,
                lost=a.stages["Lost"].pk,
            ),
            first, weeks, chance, seed=5,
        )  # fmt: skip


def sent(workspace: Workspace, **changes: str) -> dict[str, str]:
    """What the form sends when only the question is filled."""
    values = {
        "work_out": "1",
        "title": "",
        "target": "win_rate",
        "segment": "all",
        "smallest": "10",
        "design": "before_after",
        "baseline_start": FIRST.isoformat(),
        "baseline_last": (TODAY - timedelta(days=1)).isoformat(),
        "starts_on": TODAY.isoformat(),
        "last_day": (TODAY + timedelta(days=90)).isoformat(),
        "follow_up_days": "7",
        "key": "form-1",
    }
    return {**values, **changes}


def post(workspace: Workspace, path: str = "new/", **changes: str) -> str:
    answer = client_of(workspace.user(Role.MANAGER)).post(
        BASE + path, sent(workspace, **changes), headers=HX
    )
    assert answer.status_code == 200
    return plain(answer)


def plain(answer: HttpResponse) -> str:
    """The text of an answer, without its tags."""
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def kept(workspace: Workspace) -> int:
    with company_context(workspace.company.pk):
        return Experiment.objects.count()


def test_the_form_asks_for_help_as_it_opens_and_at_every_change(busy: Workspace) -> None:
    page = client_of(busy.user(Role.MANAGER)).get(BASE + "new/?measure=win_rate")
    said = page.content.decode()
    trigger = re.search(r'id="planning"[^>]*hx-trigger="([^"]*)"', said)
    assert trigger is not None
    assert trigger[1].split(", ") == [
        "load", "change from:#measured delay:400ms", "change from:#timed delay:400ms",
    ]  # fmt: skip
    assert {'id="measured"', 'id="timed"'} <= set(re.findall(r'id="[a-z]+"', said))
    assert 'name="work_out" value="1" formnovalidate' in said
    # Enter in a field presses the first button of its form: that one keeps the draft.
    assert said.index("<button hidden>") < said.index('name="work_out"')


def test_help_says_inflow_smallest_change_chance_and_weeks(busy: Workspace) -> None:
    told = post(busy)
    for part in (
        "In 13 weeks the smallest change that can be seen is +17.2 pts.",
        "Inflow today 6 a week new cases, from the last 13 weeks",
        "Smallest change, looking daily +25.5 pts",
        "Wished effect +10.0 pts",
        "Chance to see it 41 in 100",
        "Weeks that it needs More than five years",
        "From the window before: 17.3% over 150 cases, each followed for 7 days.",
    ):
        assert part in told, part
    assert "Planned end" in told  # the picture
    assert "<html" not in told
    assert kept(busy) == 0


def test_inflow_is_that_of_the_last_weeks_whatever_the_window_before(busy: Workspace) -> None:
    """Twice as many deals for a quarter, and a window before that ends where that begins."""
    more_deals(busy, TODAY - timedelta(days=91), 13, 0.2)
    told = post(busy, baseline_last=(TODAY - timedelta(days=92)).isoformat())
    assert "Inflow today 12 a week" in told
    assert "over 78 cases" in told


def test_the_way_to_a_stage_is_part_of_the_plan(
    busy: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who is won passes every stage after five days: so long a late stage takes to be reached."""
    seen = []

    def spied(ground, *rest):  # type: ignore[no-untyped-def]
        seen.append((ground, rest[-1]))
        return plan(ground, *rest)

    monkeypatch.setattr(experiment_planning, "plan", spied)
    post(busy)
    ((whole, stages),) = seen
    assert (whole.delay, whole.per_week) == (0.0, pytest.approx(6.0))
    assert [round(row.delay, 9) for row in stages] == [0.0] + [5.0] * (len(stages) - 1)
    assert stages[0].per_week == pytest.approx(6.0)
    assert all(row.per_week < 2 for row in stages[1:]), "one in five gets there"


def test_the_hopeless_is_called_so_with_what_to_do_instead(busy: Workspace) -> None:
    hopeless = post(busy, smallest="3")
    assert "Hopeless as planned: even if +3.0 pts is true" in hopeless
    assert "What to do instead" in hopeless
    # 150 cases before can never show so little, whatever comes after; twenty times as many neither.
    assert "Neither more time nor more deals would do: hope for a larger effect" in hopeless
    assert "Longer:" not in hopeless
    assert "A larger segment" not in hopeless
    usual = post(busy)
    assert "A larger segment: 2.8 times the deals would do." in usual
    assert "Neither more time" not in usual
    bold = post(busy, smallest="40")
    assert "Hopeless" not in bold
    assert "What to do instead" not in bold
    # Without a wish it is told what can be seen, and nothing is judged.
    open_ = post(busy, smallest="")
    assert "smallest change that can be seen" in open_
    assert "Wished" not in open_


def test_every_field_of_the_question_counts(busy: Workspace) -> None:
    usual = post(busy)
    for changed in (
        {"target": "number"},
        {"target": f"conversion:{busy.stages['Held'].pk}"},
        {"target": "cycle"},
        {"smallest": "11"},
        {"design": "arms_by_deal"},
        {"last_day": (TODAY + timedelta(days=180)).isoformat()},
        {"baseline_start": (TODAY - timedelta(days=60)).isoformat()},
        {"follow_up_days": "14"},
        {"direction": "down"},
    ):
        assert post(busy, **changed) != usual, changed
    assert "−10.0 pts" in post(busy, direction="down")
    # What has nothing to do with the question changes nothing.
    assert post(busy, title="Named", because="of it", decision_rule="Adopt") == usual


def test_it_is_what_the_saved_draft_says(busy: Workspace) -> None:
    manager = client_of(busy.user(Role.MANAGER))
    asked = post(busy)
    values = sent(busy, title="One page", owner=str(busy.user(Role.MANAGER).pk))
    del values["work_out"]
    assert manager.post(BASE + "new/", values).status_code == 303
    with company_context(busy.company.pk):
        draft = Experiment.objects.get()
    of_draft = plain(manager.get(f"{BASE}{draft.pk}/plan/", headers=HX))
    assert asked in of_draft  # which has a heading of its own
    edited = post(busy, f"{draft.pk}/edit/", version=str(draft.version), smallest="12")
    assert "Wished effect +12.0 pts" in edited
    with company_context(busy.company.pk):
        again = Experiment.objects.get()
    assert (again.smallest_effect, again.version) == (0.1, draft.version)


def test_without_scripts_the_page_comes_back_with_the_help_and_all_that_was_typed(
    busy: Workspace,
) -> None:
    manager = client_of(busy.user(Role.MANAGER))
    answer = manager.post(BASE + "new/", sent(busy, if_we="send one page", smallest="10"))
    assert answer.status_code == 200
    said = answer.content.decode()
    assert "<html" in said
    assert 'value="send one page"' in said
    assert "smallest change that can be seen" in said
    assert "Give the experiment a name" not in said  # that is asked when it is saved
    assert 'hx-trigger="change from' in said  # and nothing is asked for twice
    assert kept(busy) == 0


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"target": ""}, "Choose what it is measured by"),
        ({"target": "conversion:999999"}, "Choose what it is measured by"),
        ({"starts_on": "0001-01-02", "design": "arms_by_rep"}, "lies too far away"),
        ({"last_day": "9999-12-31"}, "lies too far away"),
        ({"last_day": "soon"}, "Left out, because it cannot be read: Last day."),
        ({"smallest": "-4"}, "cannot be read: Smallest effect worth having."),
        ({"smallest": "0"}, "more than nothing"),
        ({"last_day": ""}, "There is no last day after the first yet: 13 weeks are taken."),
        ({"last_day": FIRST.isoformat()}, "13 weeks are taken"),
        ({"baseline_start": ""}, "No window before is named yet: the half year"),
        ({"follow_up_days": "4000"}, "cannot be read: Days of follow-up."),
        ({"smallest": "1e300"}, "more than nothing"),
        ({"segment": "channel=nobody"}, "cannot be read: For."),
    ],
)
def test_what_cannot_be_meant_is_a_sentence(
    busy: Workspace, changes: dict[str, str], expected: str
) -> None:
    assert expected in post(busy, **changes)


def test_a_company_without_deals_is_told_so(quiet_world: World) -> None:
    told = post(quiet_world.a, follow_up_days="")
    assert "No deal was won in the window before" in told
    assert CANARY not in told


def test_who_may_not_plan_gets_nothing(busy: Workspace) -> None:
    for role in (Role.REP, Role.LEADER):
        answer = client_of(busy.user(role)).post(BASE + "new/", sent(busy), headers=HX)
        assert answer.status_code == 403


def test_what_runs_is_amended_and_not_planned(busy: Workspace) -> None:
    with company_context(busy.company.pk):
        running = Experiment.objects.create(
            title="Runs", pipeline=busy.pipeline, measure="win_rate", smallest_effect=0.1,
            baseline_start=FIRST, baseline_end=TODAY, starts_on=TODAY, follow_up_days=7,
            state="running", created_at="2026-05-01T00:00Z", started_at="2026-05-20T00:00Z",
        )  # fmt: skip
    manager = client_of(busy.user(Role.MANAGER))
    assert "planning-title" not in manager.get(f"{BASE}{running.pk}/amend/").content.decode()
    answer = manager.post(f"{BASE}{running.pk}/edit/", sent(busy), headers=HX)
    assert answer.status_code == 409
