"""What the tests of the deal page ask for again and again."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import transaction
from django.http import HttpResponse
from django.test import Client

from accounts.roles import Role
from accounts.tenancy.context import company_context
from pipeline.models import Contact, Deal, StageTransition
from tests.personas import Workspace, client_of

HX = {"HX-Request": "true"}


def url(deal_id: int, part: str = "") -> str:
    return f"/w/alpha/deals/{deal_id}/{part}"


def on_page(deal_id: int) -> dict[str, str]:
    """The headers that htmx sends from the deal page."""
    return {**HX, "HX-Current-URL": f"http://testserver{url(deal_id)}"}


def client(workspace: Workspace, role: Role = Role.MANAGER) -> Client:
    return client_of(workspace.user(role))


@contextmanager
def inside(workspace: Workspace) -> Iterator[None]:
    with company_context(workspace.company.pk), transaction.atomic():
        yield


def deal_of(workspace: Workspace, name: str) -> Deal:
    with inside(workspace):
        found: Deal = Deal.objects.select_related("stage", "lost_reason", "competitor").get(
            pk=workspace.deals[name]
        )
        return found


def moves_of(workspace: Workspace, name: str) -> list[StageTransition]:
    with inside(workspace):
        rows = StageTransition.objects.filter(deal_id=workspace.deals[name])
        return list(rows.select_related("to_stage").order_by("number"))


def add_person(workspace: Workspace, name: str = "Mia Stone", **values: Any) -> Contact:
    with inside(workspace):
        contact: Contact = Contact.objects.create(
            customer=workspace.customers["Acme"], name=name, **values
        )
        return contact


def said(response: HttpResponse) -> str:
    """What the toast says."""
    text: str = json.loads(response["HX-Trigger"])["toast"]["text"]
    return text


def undo(response: HttpResponse) -> str:
    """Where the toast's button posts to."""
    address: str = json.loads(response["HX-Trigger"])["toast"]["undo"]
    return address
