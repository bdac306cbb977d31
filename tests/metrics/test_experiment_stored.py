"""Stored figures and decisions: what is frozen, what another version of the method left behind."""

from datetime import timedelta
from typing import Any

import pytest

from accounts.errors import DomainError
from accounts.roles import Role
from accounts.tenancy.context import company_context
from metrics.calc.experiments.result import METHOD, ExperimentFigures
from metrics.models import Experiment, ExperimentResult
from metrics.services.experiment_decisions import decide_experiment
from metrics.services.experiment_mail import _context
from metrics.services.experiment_results import recheck_decided
from metrics.services.experiments import amend_experiment
from tests.metrics.builders import small_company
from tests.metrics.experiments import sample_figures
from tests.metrics.running_experiments import BASELINE, START, at_noon, simulate
from tests.metrics.test_experiment_page import (
    ENTRY,
    asked,
    entry,
    figures,
    made,
    page_of,
    stored,
    text,
    url_of,
)
from tests.metrics.test_experiment_results import decided, entries
from tests.metrics.test_experiments import act, computed, fresh, start
from tests.personas import NOW, World
from tests.pipeline.pages.conftest import clock_stands  # noqa: F401  a fixture

pytestmark = pytest.mark.usefixtures("clock_stands")

TODAY = NOW.date()

STRANGE: list[dict[str, Any]] = [
    {"method": 0, "effect": 0.3},
    {**sample_figures().to_json(), "method": 9, "primary": [0.39, 0.49]},
    {**sample_figures().to_json(), "method": 9, "guardrails": {"deal_size": "worse"}},
    {**sample_figures().to_json(), "method": 9, "worth": {"per_week": {"low": 1}}},
    {
        **sample_figures().to_json(),
        "method": 9,
        "primary": {**sample_figures().to_json()["primary"], "verdict": "maybe", "words": "who"},
    },
]


@pytest.mark.parametrize("shape", STRANGE)
def test_figures_of_another_method_are_not_guessed(
    quiet_world: World, shape: dict[str, Any]
) -> None:
    """A row that another version of the method stored is said to be one, wherever it is read."""
    a = quiet_world.a
    one, manager = made(a), asked(quiet_world, Role.MANAGER)
    done = made(
        a, state="decided", decision="adopt", decision_reason="Good enough", decided_at=NOW,
        decided_by=a.user(Role.MANAGER), decided_figures=shape,
    )  # fmt: skip
    for kind, of in (("running", one), ("running", done), ("follow_up", done)):
        stored(a, of, figures(), kind=kind)
    with company_context(a.company.pk):
        ExperimentResult.objects.all().update(figures=shape)
    unread = f"of version {shape['method']} of the method"
    for of in (one, done):
        page = page_of(a, of)
        assert page.card is None
        assert unread in page.missing
        assert unread in text(manager.get(url_of(a, of)))
    assert page.decision is not None
    assert unread in page.decision.note
    assert page.decision.lasting is not None
    assert (page.decision.lasting.headline, unread in page.decision.lasting.sentence) == (
        "It was asked", True
    )  # fmt: skip
    base = f"/w/{a.company.slug}/experiments/"
    assert manager.get(f"{base}{one.pk}/chart/time.csv").status_code == 404
    for path in ("", "compare/", "experiments.csv", f"{one.pk}/decide/"):
        told = manager.get(base + path)
        assert told.status_code == 200, path
        if path == "" and isinstance(shape.get("primary", []), list):
            assert unread in text(told)
    with company_context(a.company.pk):
        letter = _context(a.company, one, "Ada", NOW)
    assert {letter[name] for name in ("verdict", "mature", "young")} == {None}


def test_the_note_of_a_decision_says_what_is_true_of_its_method(quiet_world: World) -> None:
    a = quiet_world.a
    frozen = figures().to_json()
    one = made(
        a, state="decided", decision="stop", decision_reason="No", decided_at=NOW,
        decided_by=a.user(Role.MANAGER), decided_figures=frozen,
    )  # fmt: skip

    def note() -> str:
        decision = page_of(a, one).decision
        assert decision is not None
        return decision.note

    assert "From the coming night on" in note()
    entry(a, one, ENTRY.AUTOMATIC, once="1", after={"event": "recheck", "figures": {}})
    assert "On 20 May they came out as they were decided on" in note()
    entry(
        a, one, ENTRY.AUTOMATIC, once="2", at=NOW + timedelta(hours=1),
        before={"figures": {"test_n": 84}}, after={"event": "recheck", "figures": {"test_n": 85}},
    )  # fmt: skip
    assert "on 20 May the figures came out differently" in note()
    with company_context(a.company.pk):
        Experiment.objects.update(decided_figures={**frozen, "method": METHOD - 1})
    said = note()
    assert f"of version {METHOD - 1} of the method" in said
    assert "no longer computed again" in said
    assert "Before that, on 20 May, they came out differently" in said


@pytest.mark.django_db
def test_what_another_method_decided_on_is_not_computed_again() -> None:
    """Its code is gone: the difference would be one of methods, or there is none to tell."""
    with small_company() as small:
        simulate(small, BASELINE, 6, 0.5, seed=10)
        simulate(small, START, 6, 0.5, seed=11)
        when = START + timedelta(days=70)
        experiment = decided(small, when)
        frozen = experiment.decided_figures
        night = at_noon(when + timedelta(days=2)).replace(hour=3)
        for stored in ({"method": METHOD - 1}, {"primary": {"effect": "large"}}, {"path": 7}):
            experiment.decided_figures = {**frozen, **stored}
            experiment.save()
            assert recheck_decided(company_id=small.company.pk, now=night) == 0, stored
            assert entries(experiment, "recheck") == []


def test_only_figures_of_the_experiment_as_it_stands_are_frozen(world: World) -> None:
    a = world.a
    with company_context(a.company.pk):
        made = start(a)
        computed(a, made, NOW)
        asked = (
            {"smallest_effect": 0.02},
            {"ends_on": TODAY + timedelta(days=120)},
            {"guardrails": [{"measure": "cycle", "stage": None}]},
        )
        for values in asked:
            act(amend_experiment, a, made, values=values, reason="we learned more")
            with pytest.raises(DomainError, match="changed since its figures were computed"):
                act(decide_experiment, a, made, decision="stop", reason="no evidence")
            computed(a, made, NOW)
        act(amend_experiment, a, made, values={"title": "Another name"}, reason="clearer")
        rows = ExperimentResult.objects.filter(experiment=made)
        rows.update(method=METHOD - 1)
        with pytest.raises(DomainError, match="computed anew"):
            act(decide_experiment, a, made, decision="stop", reason="no evidence")
        computed(a, made, NOW)
        act(decide_experiment, a, made, decision="stop", reason="no evidence")
        frozen = ExperimentFigures.from_json(fresh(made).decided_figures)
        assert [row.measure for row in frozen.guardrails] == ["cycle_days"]
