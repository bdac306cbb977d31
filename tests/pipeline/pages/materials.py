"""What the tests of material ask for again and again."""

from typing import Any

from django.test import Client

from accounts.roles import Role
from pipeline.models import Material, MaterialUse
from pipeline.services.material import MaterialValues, add_material
from pipeline.services.sending import send_material
from tests.personas import NOW, Workspace
from tests.pipeline.pages.deal_pages import inside

LIST = "/w/alpha/material/"
ADDRESS = "https://stories.example/acme"


def add(workspace: Workspace, title: str = "Case of Acme", **values: Any) -> Material:
    with inside(workspace):
        return add_material(
            by=workspace.actor(Role.MANAGER),
            values=MaterialValues(title, **{"address": ADDRESS, **values}),
            now=NOW,
        )


def send(workspace: Workspace, material: Material, deal: str = "open", **more: Any) -> MaterialUse:
    with inside(workspace):
        sent = send_material(
            by=workspace.actor(Role.MANAGER),
            material_id=material.pk,
            deal_id=workspace.deals[deal],
            now=NOW,
            **more,
        )
        return sent.use


def form(**more: Any) -> dict[str, Any]:
    return {"title": "Case of Acme", "kind": "case", "address": ADDRESS, **more}


def page(browser: Client, address: str, **headers: str) -> str:
    response = browser.get(address, headers=headers)
    assert response.status_code == 200, response.status_code
    return response.content.decode()
