"""In which arm a deal is: on its page and on its card, for everybody who works with it."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.roles import Role
from accounts.tenancy.context import company_context
from metrics.models import Assignment, Experiment
from pipeline.models import Deal, DealChange
from tests.metrics.test_experiment_page import HX, STARTED, made, text
from tests.personas import CANARY, NOW, Workspace, World, client_of
from tests.pipeline.pages.conftest import clock_stands  # noqa: F401  a fixture

pytestmark = pytest.mark.usefixtures("clock_stands")

BOARD = "/w/alpha/deals/"


def asked(world: World, role: Role = Role.REP) -> Client:
    return client_of(world.a.user(role))


def assigned(workspace: Workspace, experiment: Experiment, arm: str, **unit: Any) -> None:
    with company_context(workspace.company.pk):
        Assignment.objects.create(experiment=experiment, arm=arm, number=1, assigned_at=NOW, **unit)


def card(world: World, deal: str) -> str:
    page = text(asked(world).get(BOARD))
    return page.split(f'id="deal-{world.a.deals[deal]}"')[1].split("</li>")[0]


def by_deal(world: World, **changes: Any) -> Experiment:
    values = {"design": "arms_by_deal", "seed": 7, "title": "Shorter <offers>"}
    return made(world.a, **{**values, **changes})


def test_the_card_and_the_page_say_the_arm_of_a_deal(world: World) -> None:
    one = by_deal(world)
    deal = world.a.deals["open"]
    assigned(world.a, one, "test", deal_id=deal)
    assert "Test: Shorter &lt;offers&gt;" in card(world, "open")
    assert 'class="tag accent"' in card(world, "open")
    assert "flask-conical" not in card(world, "new")
    for role in Role:
        said = text(asked(world, role).get(f"{BOARD}{deal}/experiments/", headers=HX))
        assert "Shorter &lt;offers&gt;" in said
        assert f"/w/alpha/experiments/{one.pk}/" in said
        assert "Drawn for this deal" in said
    page = text(asked(world).get(f"{BOARD}{deal}/"))
    assert f'hx-get="/w/alpha/deals/{deal}/experiments/"' in page


def test_an_arm_by_rep_is_that_of_the_rep_whom_the_deal_opened_with(world: World) -> None:
    a = world.a
    with company_context(a.company.pk):
        deal = Deal.objects.get(pk=a.deals["open"])
    ada, ben = a.reps["Ada"], a.reps["Ben"]
    first, other = (ben, ada) if deal.rep_id == ben.pk else (ada, ben)
    one = by_deal(world, design="arms_by_rep", starts_on=deal.opened_on)
    assigned(a, one, "test", rep=first)
    assigned(a, one, "control", rep=other)
    assert "Test: Shorter" in card(world, "open")
    with company_context(a.company.pk):
        Deal.objects.filter(pk=deal.pk).update(rep=other)
        DealChange.objects.create(
            deal=deal, field="rep_id", before=str(first.pk), after=str(other.pk), changed_at=NOW
        )
    assert "Test: Shorter" in card(world, "open")
    fragment = text(asked(world).get(f"{BOARD}{deal.pk}/experiments/", headers=HX))
    assert "By its rep when it was opened" in fragment
    # A deal from before the window is in no arm.
    with company_context(a.company.pk):
        Experiment.objects.update(starts_on=NOW.date())
    assert "Test: Shorter" not in card(world, "open")


@pytest.mark.parametrize("state", ["stopped", "decided"])
def test_only_running_experiments_are_shown(world: World, state: str) -> None:
    one = by_deal(world, state=state)
    deal = world.a.deals["open"]
    assigned(world.a, one, "control", deal_id=deal)
    assert "Control: Shorter" not in card(world, "open")
    fragment = asked(world).get(f"{BOARD}{deal}/experiments/", headers=HX)
    assert text(fragment) == ""


def test_neighbours_are_missing_and_nothing_of_them_shows(world: World) -> None:
    b = world.b
    theirs = made(b, design="arms_by_deal")
    assigned(b, theirs, "test", deal_id=b.deals["open"])
    missing = asked(world).get(f"{BOARD}{b.deals['open']}/experiments/", headers=HX)
    assert missing.status_code == 404
    assert CANARY not in text(asked(world).get(BOARD))


def test_a_card_in_control_does_not_stand_out_and_every_arm_is_named(world: World) -> None:
    deal = world.a.deals["open"]
    assigned(world.a, by_deal(world, title="Calls"), "control", deal_id=deal)
    said = card(world, "open")
    assert "Control: Calls" in said
    assert 'class="tag accent"' not in said
    assigned(world.a, by_deal(world, title="Offers"), "test", deal_id=deal)
    said = card(world, "open")
    assert "Control: Calls, Test: Offers" in said
    assert 'class="tag accent"' in said


def test_the_board_asks_no_query_more_for_arms(world: World) -> None:
    browser = asked(world)
    browser.get(BOARD)

    def queries() -> int:
        with CaptureQueriesContext(connection) as seen:
            browser.get(BOARD)
        return len(seen)

    without = queries()
    for number in range(3):
        one = by_deal(world, title=f"Number {number}", starts_on=STARTED)
        for deal in ("open", "new"):
            assigned(world.a, one, "test", deal_id=world.a.deals[deal])
    assert "Test: Number 0, Test: Number 1, Test: Number 2" in card(world, "open")
    assert queries() == without
