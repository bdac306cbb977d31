"""A small company that loses at two stages, with the calls of its losses: for whole journeys."""

import dataclasses
from datetime import UTC, datetime, timedelta

from django.db import transaction

from accounts.roles import Role
from accounts.tenancy.context import company_context
from metrics.services.recompute import recompute_all
from pipeline.models import Contact, Deal
from pipeline.services.notes import record_activity
from tests.metrics.classic_quarter import add_classic, add_ended
from tests.personas import Workspace, make_workspace

TODAY = datetime(2026, 3, 25, 10, 0, tzinfo=UTC)  # a Wednesday near the end of Q1, which runs

CALLED = (50, 51, 52)  # of the thirty lost at Coach: the last of them is Ben's


def make_losing_company(now: datetime = TODAY) -> Workspace:
    """The classic quarter, still running, after one in which half of the deals were won.

    Of Q4's 40 deals 4 were lost at Booked, 8 at Held and 8 at Coach; a deal of Q3 makes Q4 a
    quarter to compare with. All of Q1's are Ada's but one: "Classic 52", lost at Coach, is Ben's
    and stands in `deals` as "bens"; "adas" is Classic 51. Three of those lost at Coach have a
    call with a note.
    """
    workspace = make_workspace("alpha", now=now - timedelta(days=230))
    usual = (
        [("Booked", "Lost")] * 4
        + [("Booked", "Held", "Lost")] * 8
        + [("Booked", "Held", "Coach", "Lost")] * 8
        + [("Booked", "Held", "Coach", "Won")] * 20
    )
    summer = datetime(2025, 9, 1, 9, tzinfo=UTC)
    add_ended(workspace, "Summer", summer, [(("Booked", "Lost"), 5)])
    add_ended(workspace, "Autumn", datetime(2025, 10, 1, 9, tzinfo=UTC), [(w, 20) for w in usual])
    add_classic(workspace)
    with company_context(workspace.company.pk), transaction.atomic():
        Contact.objects.create(customer=workspace.customers["Acme"], name="Carla Buyer")
        called = {n: Deal.objects.get(name=f"Classic {n}").pk for n in CALLED}
        Deal.objects.filter(pk=called[52]).update(rep=workspace.reps["Ben"])
        for number, deal_id in called.items():
            record_activity(
                by=workspace.actor(Role.MANAGER),
                deal_id=deal_id,
                kind="call",
                happened_at=datetime(2026, 2, 2, 10, tzinfo=UTC),
                now=now,
                note=f"Call {number}: they asked who else signs.",
            )
    recompute_all(company_id=workspace.company.pk, now=now)
    return dataclasses.replace(workspace, deals={"adas": called[51], "bens": called[52]})
