"""The page of one experiment: what it says in each state, to whom, and what it never claims."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.formats import Style
from accounts.roles import Role
from accounts.tenancy.context import company_context
from metrics.calc.experiments.result import METHOD, ExperimentFigures, Settle, SideFigures
from metrics.models import (
    DangerPoint,
    Experiment,
    ExperimentEntry,
    ExperimentReason,
    ExperimentResult,
    Finding,
    FindingDeal,
    RecordedChange,
)
from metrics.selectors.experiment_cautions import overlap
from metrics.selectors.experiment_page import ExperimentPage, experiment_page
from metrics.selectors.experiment_sentences import empty_text
from pipeline.models import Deal
from tests.metrics.experiments import (
    INFINITE,
    reading,
    sample_figures,
    side_figures,
    without_effect,
)
from tests.personas import CANARY, NOW, Workspace, World, client_of
from tests.pipeline.pages.conftest import clock_stands  # noqa: F401  a fixture

pytestmark = pytest.mark.usefixtures("clock_stands")

TODAY = NOW.date()
STARTED = TODAY - timedelta(days=45)
STYLE = Style("en", "EUR")
QUERIES = 17  # of the whole page, a signed-in reader and the frame included
HX = {"HX-Request": "true"}
ENTRY = ExperimentEntry.Kind


def made(workspace: Workspace, **changes: Any) -> Experiment:
    """An experiment of the workspace, running for 46 days of 91."""
    values: dict[str, Any] = {
        "title": f"{workspace.company.name}: one-page business case",
        "if_we": "we send a business case",
        "then": "more deals get past Held",
        "because": "the buyer can defend it",
        "pipeline": workspace.pipeline,
        "measure": "conversion",
        "stage": workspace.stages["Held"],
        "smallest_effect": 0.06,
        "baseline_start": STARTED - timedelta(days=91),
        "baseline_end": STARTED,
        "starts_on": STARTED,
        "ends_on": STARTED + timedelta(days=91),
        "follow_up_days": 21,
        "decision_rule": "Adopt if the always-valid interval leaves out nothing",
        "state": "running",
        "owner": workspace.user(Role.MANAGER),
        "created_at": NOW,
        "started_at": NOW - timedelta(days=45),
        **changes,
    }
    with company_context(workspace.company.pk):
        return Experiment.objects.create(**values)


def stored(
    workspace: Workspace,
    experiment: Experiment,
    figures: ExperimentFigures,
    *,
    day: date = TODAY,
    kind: str = "running",
) -> None:
    with company_context(workspace.company.pk):
        ExperimentResult.objects.create(
            experiment=experiment,
            kind=kind,
            day=day,
            method=METHOD,
            as_of=NOW,
            computed_at=NOW,
            figures=figures.to_json(),
            digest="d" * 32,
        )


def entry(workspace: Workspace, experiment: Experiment, kind: str, **values: Any) -> None:
    with company_context(workspace.company.pk):
        ExperimentEntry.objects.create(experiment=experiment, kind=kind, **{"at": NOW, **values})


def mean(n: int, value: float) -> SideFigures:
    """A side whose measure is no share."""
    return replace(side_figures(0, n), k=None, value=value, interval=(value * 0.8, value * 1.2))


def page_of(workspace: Workspace, experiment: Experiment) -> ExperimentPage:
    with company_context(workspace.company.pk):
        found = experiment_page(
            company=workspace.company, experiment_id=experiment.pk, today=TODAY, style=STYLE
        )
    assert found is not None
    return found


def figures(**changes: Any) -> ExperimentFigures:
    return sample_figures(start=STARTED, **changes)


def url_of(workspace: Workspace, experiment: Experiment) -> str:
    return f"/w/{workspace.company.slug}/experiments/{experiment.pk}/"


def asked(world: World, role: Role = Role.LEADER) -> Client:
    return client_of(world.a.user(role))


def text(response: Any) -> str:
    return " ".join(response.content.decode().split())


def test_a_running_one_says_its_day_verdict_and_both_intervals(quiet_world: World) -> None:
    one = made(quiet_world.a)
    stored(quiet_world.a, one, figures())
    said = text(asked(quiet_world).get(url_of(quiet_world.a, one)))
    assert "Running, day 46 of 91" in said
    assert "Not yet conclusive" in said
    assert "Likely better" in said
    assert "Conversion went from 39.0% (78 of 200) to 49% (41 of 84)." in said
    assert "for one look, 95%: −2.7 to +22.1 pts" in said
    assert "−9.2 to +28.4 pts" in said
    assert "#experiments-always-valid" in said
    assert "94 in 100" in said
    assert "73 in 100" in said
    assert "+\N{WORD JOINER}€212 per day" in said
    assert "About 120 mature deals more" in said
    assert "Look as often as you like" in said
    assert "no control group" in said
    assert "17 deals are too young to count: their 21 days of follow-up are not over." in said
    assert "39.0% → 45.0%" in said


def test_the_verdict_is_that_of_the_always_valid_interval(quiet_world: World) -> None:
    one = made(quiet_world.a)
    looks = reading(interval=(0.01, 0.2), always_valid=(-0.05, 0.25), words="likely_better")
    stored(quiet_world.a, one, figures(primary=looks))
    card = page_of(quiet_world.a, one).card
    assert card is not None
    assert (card.tag, card.headline) == ("Not yet conclusive", "Likely better")
    sure = reading(always_valid=(0.01, 0.25), verdict="better", words="better")
    with company_context(quiet_world.a.company.pk):
        ExperimentResult.objects.all().update(figures=figures(primary=sure).to_json())
    card = page_of(quiet_world.a, one).card
    assert card is not None
    assert (card.tag, card.headline, card.tone) == ("Conclusive", "Better", "better")
    assert "however often" in card.peeking


@pytest.mark.parametrize(
    "reason",
    [
        "stage_gone", "arm_empty", "no_days", "no_deals", "no_events", "baseline_zero",
        "never_reached", "no_mature", "no_won", "no_amount", "too_few", "all_same",
    ],
)  # fmt: skip
def test_what_cannot_be_told_is_a_sentence_and_no_number(quiet_world: World, reason: str) -> None:
    one = made(quiet_world.a)
    found = without_effect(reason)
    stored(quiet_world.a, one, found)
    said = text(asked(quiet_world).get(url_of(quiet_world.a, one)))
    sentence = empty_text(reason, "before_after")  # type: ignore[arg-type]
    assert sentence.endswith(".")
    assert sentence.replace("'", "&#x27;") in said
    assert "Chance it is better" not in said
    assert "Not yet: there is no effect to put into money" in said
    assert "Cannot be said yet" in said


def test_an_interval_without_an_end_says_so(quiet_world: World) -> None:
    one = made(quiet_world.a, measure="number", stage=None)
    ratio = reading(
        mean(12, 1.0),
        mean(30, 2.5),
        measure="opened_per_week",
        stage=None,
        effect=2.5,
        interval=(1.2, 5.0),
        half=(1.9, 3.1),
        always_valid=(0.9, INFINITE),
        method="tilted_poisson",
    )
    stored(quiet_world.a, one, figures(primary=ratio, target=1.2))
    said = text(asked(quiet_world).get(url_of(quiet_world.a, one)))
    assert "from −10.0%, no upper end yet" in said
    assert "+150.0%" in said
    assert "inf" not in said.split('id="page"')[1].lower().replace("info", "")
    raw = asked(quiet_world).get(f"{url_of(quiet_world.a, one)}chart/change.csv").content.decode()
    assert raw.splitlines()[-1] == "always_valid_95,,0.9,"


def test_others_at_the_same_time_are_named(quiet_world: World) -> None:
    one = made(quiet_world.a, segment="channel=inbound")
    stored(quiet_world.a, one, figures())
    made(quiet_world.a, title="New price list", segment="all")
    made(quiet_world.a, title="Elsewhere", segment="channel=outbound")
    long_ago = {"starts_on": STARTED - timedelta(days=900), "ends_on": STARTED - timedelta(800)}
    made(quiet_world.a, title="Long over", **long_ago)
    made(quiet_world.a, title="A draft", state="draft", started_at=None)
    with company_context(quiet_world.a.company.pk):
        for said, day, segment in (
            ("Inside", STARTED + timedelta(days=9), "all"),
            ("Other channel", STARTED, "channel=outbound"),
            ("Before", STARTED - timedelta(days=200), "all"),
        ):
            RecordedChange.objects.create(
                happened_on=day, text=said, segment=segment, recorded_at=NOW
            )
    found = page_of(quiet_world.a, one).cautions
    assert [row.text for row in found.beside] == ["Inside", "Experiment: New price list"]
    assert "2 other changes or experiments touch the same deals in this time." in found.sentences


def test_segments_overlap_unless_a_dimension_differs() -> None:
    assert overlap("all", "channel=inbound")
    assert overlap("channel=inbound", "product=Course")
    assert overlap("channel=inbound&product=Course", "product=Course")
    assert not overlap("channel=inbound", "channel=outbound")
    assert not overlap("channel=inbound&product=Course", "channel=inbound&product=Coach")


def test_guardrails_that_got_worse_are_said_first(quiet_world: World) -> None:
    rails = [{"measure": "deal_size", "stage": None}]
    one = made(quiet_world.a, guardrails=rails)
    worse = reading(
        mean(40, 4800.0),
        mean(22, 3100.0),
        measure="deal_size",
        stage=None,
        effect=0.65,
        interval=(0.5, 0.8),
        half=(0.6, 0.7),
        always_valid=(0.45, 0.95),
        method="mixture_t",
        chance_target=None,
        verdict="worse",
        words="worse",
    )
    stored(quiet_world.a, one, figures(guardrails=(worse,)))
    page = page_of(quiet_world.a, one)
    assert page.harmed
    row = page.guardrails[0]
    assert (row.name, row.before, row.after) == ("Size of won deals", "€4,800", "€3,100")
    assert (row.effect, row.always, row.tag) == ("−35.0%", "−55.0% to −5.0%", "Worse")
    said = text(asked(quiet_world).get(url_of(quiet_world.a, one)))
    assert "A guardrail is clearly worse" in said


def test_why_it_runs_and_what_happened(quiet_world: World) -> None:
    a = quiet_world.a
    one = made(a)
    with company_context(a.company.pk):
        finding = Finding.objects.create(
            statement="Price comes too early", source="call_review", pipeline=a.pipeline,
            stage=a.stages["Held"], learned_on=TODAY, recorded_at=NOW,
        )  # fmt: skip
        point = DangerPoint.objects.create(
            pipeline=a.pipeline, stage=a.stages["Held"], opened_quarter="2026-Q1", opened_at=NOW
        )
        ExperimentReason.objects.create(experiment=one, finding=finding)
        ExperimentReason.objects.create(experiment=one, danger_point=point)
    entry(a, one, ENTRY.STATE, before={"state": "draft"}, after={"state": "running"})
    entry(a, one, ENTRY.NOTE, text="Template v2", by=a.user(Role.MANAGER))
    entry(
        a, one, ENTRY.AMENDMENT, text="Reps were away",
        before={"ends_on": "2026-07-01"}, after={"ends_on": "2026-08-01"},
    )  # fmt: skip
    page = page_of(a, one)
    assert [reason.text for reason in page.reasons] == ["Price comes too early", "Held"]
    assert [reason.note for reason in page.reasons] == [
        "Call review, No deals, 20 May", "Danger point, All deals, Watching"
    ]  # fmt: skip
    with company_context(a.company.pk):
        for number in range(2):
            deal = Deal.objects.create(pipeline=a.pipeline, name=f"Deal {number}")
            FindingDeal.objects.create(finding=finding, deal=deal)
    assert page_of(a, one).reasons[0].note == "Call review, 2 deals, 20 May"
    (amended,) = page.story.amendments
    assert amended.said == "Reps were away"
    assert [(line.field, line.before, line.after) for line in amended.lines] == [
        ("last day", "30 Jun 2026", "31 Jul 2026")
    ]
    said = text(asked(quiet_world).get(url_of(a, one)))
    assert f"/w/alpha/findings/{finding.pk}/" in said
    assert f"/w/alpha/danger-points/{point.pk}/" in said
    assert "Template v2" in said
    assert "There are no figures yet" in said


def test_reminders_in_a_row_are_one_line_of_the_log(quiet_world: World) -> None:
    a = quiet_world.a
    one = made(a)
    for week in range(5):
        told = {"event": "check_in", "week": f"2026-W{week + 10}"}
        at = NOW - timedelta(weeks=6 - week)
        entry(a, one, ENTRY.AUTOMATIC, text="Ada was reminded", after=told, at=at)
        if week == 2:
            entry(a, one, ENTRY.NOTE, text="A word", at=at + timedelta(days=1))
    rows = page_of(a, one).story.rows
    assert [(row.what, row.at) for row in rows] == [
        ("Ada was reminded", "2 times, 29 Apr to 6 May"),
        ("Note", "23 Apr"),
        ("Ada was reminded", "3 times, 8 Apr to 22 Apr"),
    ]


def test_a_decision_keeps_its_figures_and_shows_what_would_differ(quiet_world: World) -> None:
    a = quiet_world.a
    frozen = figures()
    decided = {
        "state": "decided", "decision": "adopt", "decision_reason": "Good enough",
        "decided_at": NOW, "decided_by": a.user(Role.MANAGER),
        "decided_figures": {**frozen.to_json(), "data": {}}, "follow_up_on": date(2026, 11, 20),
    }  # fmt: skip
    one = made(a, **decided)
    # Newer results do not touch what was decided on.
    stored(a, one, figures(primary=reading(side_figures(1, 2), side_figures(1, 2))))
    page = page_of(a, one)
    assert page.figures is not None
    assert page.figures.primary == frozen.primary
    assert page.decision is not None
    assert not page.decision.differs
    assert page.decision.lasting is not None
    assert "On 20 Nov" in page.decision.lasting.sentence
    entry(
        a, one, ENTRY.AUTOMATIC, once="recheck-1",
        before={"figures": {"test_n": 84, "effect": 0.098}},
        after={"event": "recheck", "figures": {"test_n": 85, "effect": 0.091}},
    )  # fmt: skip
    page = page_of(a, one)
    assert page.decision is not None
    differing = {row.name: (row.then, row.now) for row in page.decision.rows if row.differs}
    assert differing == {"After, n": ("84", "85"), "Change": ("+9.8 pts", "+9.1 pts")}
    stored(a, one, figures(primary=reading(words="better", verdict="better")), kind="follow_up")
    said = text(asked(quiet_world).get(url_of(a, one)))
    assert "Recomputed" in said
    assert "Yes, it lasted" in said


def test_a_draft_shows_planning_instead_of_a_verdict(quiet_world: World) -> None:
    one = made(quiet_world.a, state="draft", started_at=None)
    said = text(asked(quiet_world).get(url_of(quiet_world.a, one)))
    assert "Can you see it?" in said
    assert "verdict-title" not in said


def test_old_figures_and_the_planned_end_are_said(quiet_world: World) -> None:
    one = made(quiet_world.a, ends_on=TODAY)
    stored(quiet_world.a, one, figures(), day=TODAY - timedelta(days=5))
    page = page_of(quiet_world.a, one)
    assert page.tag.word == "Running, planned end reached"
    assert "Decide by the rule" in page.overdue
    assert "newer ones are being computed" in page.stale


def test_all_read_and_only_managers_are_offered_acts(quiet_world: World) -> None:
    one = made(quiet_world.a)
    stored(quiet_world.a, one, figures())
    for role in Role:
        response = asked(quiet_world, role).get(url_of(quiet_world.a, one))
        assert response.status_code == 200
        manages = role in (Role.OWNER, Role.MANAGER)
        assert ("/amend/" in text(response)) is manages
    theirs = made(quiet_world.b)
    for path in ("", "plan/", "chart/time.csv"):
        address = f"/w/alpha/experiments/{theirs.pk}/{path}"
        assert asked(quiet_world).get(address, headers=HX).status_code == 404
    assert CANARY not in text(asked(quiet_world).get(url_of(quiet_world.a, one)))


def test_charts_come_as_files(quiet_world: World) -> None:
    one = made(quiet_world.a)
    stored(quiet_world.a, one, figures())
    here = url_of(quiet_world.a, one)
    raw = asked(quiet_world).get(f"{here}chart/time.csv")
    rows = raw.content.decode("utf-8-sig").splitlines()
    assert rows[0] == "side,opened_from,opened_until,value,interval_low,interval_high,n,k"
    assert len(rows) == 1 + len(figures().points)
    drawn = asked(quiet_world).get(f"{here}chart/time.svg")
    assert "Target 45.0%" in drawn.content.decode()
    assert asked(quiet_world).get(f"{here}chart/none.csv").status_code == 404


def test_the_number_of_queries_does_not_grow(quiet_world: World) -> None:
    a = quiet_world.a
    one = made(a, guardrails=[{"measure": "conversion", "stage": a.stages["Booked"].pk}])
    stored(a, one, figures())
    reader = asked(quiet_world)
    reader.get(url_of(a, one))

    def queries() -> int:
        with CaptureQueriesContext(connection) as seen:
            assert reader.get(url_of(a, one)).status_code == 200
        return len(seen)

    few = queries()
    for number in range(12):
        entry(a, one, ENTRY.NOTE, text=f"note {number}", by=a.user(Role.MANAGER))
        made(a, title=f"other {number}")
        stored(a, one, figures(), day=TODAY - timedelta(days=number + 1))
    assert queries() == few
    assert few == QUERIES


def test_both_arms_are_named_where_there_are_two(quiet_world: World) -> None:
    one = made(
        quiet_world.a, design="arms_by_deal", seed=42, baseline_start=None, baseline_end=None
    )
    stored(quiet_world.a, one, replace(figures(), design="arms_by_deal", settle=Settle("never")))
    said = text(asked(quiet_world).get(url_of(quiet_world.a, one)))
    assert "39.0% in the control arm (78 of 200), 49% in the test arm (41 of 84)" in said
    assert "drawn with seed 42" in said
    assert "Not at this effect" in said
