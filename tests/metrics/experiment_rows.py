"""Experiments in every state with figures made by hand, for the tests of the book."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from accounts.roles import Role
from accounts.tenancy.context import company_context
from metrics.calc.experiments.result import METHOD, ExperimentFigures
from metrics.models import Experiment, ExperimentResult
from metrics.services.experiment_plans import asked_of
from tests.metrics.experiments import reading, sample_figures, side_figures
from tests.personas import NOW, Workspace

TODAY = NOW.date()
BASE = "/w/alpha/experiments/"


def put(workspace: Workspace, **changes: Any) -> Experiment:
    """An experiment as it stands in the table; running for 46 of 91 days if nothing is said."""
    starts = TODAY - timedelta(days=45)
    values: dict[str, Any] = {
        "title": f"{workspace.company.name} business case",
        "if_we": "send a business case",
        "then": "more deals get past Held",
        "pipeline": workspace.pipeline,
        "measure": "conversion",
        "stage": workspace.stages["Held"],
        "smallest_effect": 0.06,
        "baseline_start": starts - timedelta(days=91),
        "baseline_end": starts,
        "starts_on": starts,
        "ends_on": starts + timedelta(days=91),
        "follow_up_days": 21,
        "decision_rule": "Adopt if the interval leaves out nothing",
        "state": "running",
        "owner": workspace.user(Role.MANAGER),
        "created_at": NOW,
        "started_at": NOW - timedelta(days=45),
    }
    with company_context(workspace.company.pk):
        return Experiment.objects.create(**{**values, **changes})


def decided(
    workspace: Workspace, figures: ExperimentFigures, *, decision: str = "adopt", **changes: Any
) -> Experiment:
    """A decided experiment with its frozen figures."""
    values: dict[str, Any] = {
        "state": "decided",
        "decision": decision,
        "decision_reason": "It looked well",
        "decided_at": NOW - timedelta(days=3),
        "decided_by": workspace.user(Role.OWNER),
        "decided_figures": figures.to_json(),
    }
    return put(workspace, **{**values, **changes})


def result(
    workspace: Workspace, of: Experiment, figures: ExperimentFigures, *, kind: str = "running",
    days_ago: int = 0,
) -> None:  # fmt: skip
    """A stored result of a day."""
    with company_context(workspace.company.pk):
        ExperimentResult.objects.create(
            experiment=of,
            kind=kind,
            day=TODAY - timedelta(days=days_ago),
            method=METHOD,
            as_of=NOW,
            computed_at=NOW,
            figures={**figures.to_json(), "data": {"asked": asked_of(of)}},
            digest="d",
        )


def better(**changes: Any) -> ExperimentFigures:
    """A conversion that is clearly better, by 12 points."""
    told = {
        "effect": 0.12,
        "interval": (0.05, 0.19),
        "always_valid": (0.01, 0.23),
        "verdict": "better",
        "words": "better",
        **changes,
    }
    return sample_figures(primary=reading(side_figures(78, 200), side_figures(51, 100), **told))


def worse() -> ExperimentFigures:
    """A conversion that is clearly worse."""
    return better(
        effect=-0.15, interval=(-0.25, -0.05), always_valid=(-0.3, -0.01), verdict="worse",
        words="worse",
    )  # fmt: skip


def of_cycle() -> ExperimentFigures:
    """A cycle that is shorter by three days, with an interval that has no end yet."""
    return sample_figures(
        primary=reading(
            replace(side_figures(0, 40), k=None, value=41.0, interval=(38.0, 44.0)),
            replace(side_figures(0, 20), k=None, value=38.0, interval=(34.0, 42.0)),
            measure="cycle_days",
            stage=None,
            direction="down",
            effect=-3.0,
            interval=(-7.0, 1.0),
            always_valid=(-float("inf"), float("inf")),
            words="likely_better",
        )
    )
