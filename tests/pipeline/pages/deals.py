"""Many deals at once, and addresses, for the tests of the pages."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.test import Client

from accounts.roles import Role
from accounts.tenancy.context import company_context
from pipeline import paths
from pipeline.models import Deal, StageTransition
from tests.personas import NOW, Workspace, client_of

HX = {"HX-Request": "true"}
BOARD = "/w/alpha/deals/"
LIST = "/w/alpha/deals/list/"


def on_board(query: str = "") -> dict[str, str]:
    """The headers that htmx sends from the board."""
    return {**HX, "HX-Current-URL": f"http://testserver{BOARD}{query}"}


def client(workspace: Workspace, role: Role = Role.REP) -> Client:
    return client_of(workspace.user(role))


def add_open_deals(
    workspace: Workspace, count: int, *, stage: str = "Booked", **values: Any
) -> list[Deal]:
    """Deals without a history of their own, made in one statement: for counting queries."""
    entered = NOW - timedelta(days=5)
    with company_context(workspace.company.pk):
        target = workspace.stages[stage]
        defaults: dict[str, Any] = {
            "pipeline": workspace.pipeline,
            "customer": workspace.customers["Acme"],
            "rep": workspace.reps["Ada"],
            "source": workspace.sources["Website"],
            "amount": Decimal(100),
            "currency": "EUR",
            "stage": target,
            "outcome": "open",
            "opened_on": entered.date(),
            "stage_entered_on": entered.date(),
            "path": paths.pack([paths.Row(1, target.pk, entered, entered.date())]),
        }
        return Deal.objects.bulk_create(
            Deal(name=f"{stage} {n}", **{**defaults, **values}) for n in range(count)
        )


def deal(workspace: Workspace, name: str) -> Deal:
    with company_context(workspace.company.pk):
        return Deal.objects.select_related("stage", "rep").get(pk=workspace.deals[name])


def change(workspace: Workspace, deal_name: str, /, **values: Any) -> None:
    """Set a column of a deal behind the services' back, to try how it is shown."""
    with company_context(workspace.company.pk):
        Deal.objects.filter(pk=workspace.deals[deal_name]).update(**values)


def history(workspace: Workspace, name: str) -> list[StageTransition]:
    with company_context(workspace.company.pk):
        found = StageTransition.objects.filter(deal_id=workspace.deals[name])
        return list(found.select_related("to_stage").order_by("number"))


def days_ago(days: int) -> date:
    return (NOW - timedelta(days=days)).date()
