"""A change of many deals that restates closed quarters is asked about first."""

import json
import re

import pytest

from accounts.roles import Role
from accounts.tenancy.context import company_context
from pipeline.models import DirtyQuarter
from tests.personas import World
from tests.pipeline.pages.deals import LIST, change, client, deal
from tests.pipeline.pages.test_deal_list import BULK, bulk, said, undo

pytestmark = pytest.mark.usefixtures("clock_stands")


def inputs(html: str) -> list[tuple[str, str]]:
    return re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', html)


def test_giving_away_deals_of_a_closed_quarter_asks_first(world: World) -> None:
    with company_context(world.a.company.pk):
        DirtyQuarter.objects.filter(company=world.a.company).delete()
    ben = world.a.reps["Ben"].pk
    asked = bulk(world, "lost early", "new", rep=ben)
    html = asked.content.decode()
    assert asked.status_code == 422
    assert (asked["HX-Retarget"], asked["HX-Reswap"]) == ("#dialog-host", "innerHTML")
    assert "2 deals go to Ben." in html
    # One of the two was in play in closed quarters: opened 31 December, lost 4 January.
    assert "up to 1 deal in 2 closed quarters, Q4 2025 and Q1 2026" in html
    sent = inputs(html)
    assert ("key", "bulk-1") in sent
    assert [v for n, v in sent if n == "deal"] == [
        str(world.a.deals[n]) for n in ("lost early", "new")
    ]
    for name in ("lost early", "new"):
        assert deal(world.a, name).rep_id == world.a.reps["Ada"].pk
    assert not DirtyQuarter.objects.filter(company=world.a.company).exists()
    done = bulk(world, "lost early", "new", rep=ben, restate="1")
    assert said(done)["text"] == "2 deals changed"
    assert json.loads(done["HX-Trigger"])["dialog-close"] == {}
    assert deal(world.a, "lost early").rep_id == ben
    assert DirtyQuarter.objects.filter(company=world.a.company, quarter_start="2025-10-01").exists()
    back = undo(world, said(done)["undo"])
    assert said(back)["text"] == "Undone for 2 deals"


def test_without_scripts_the_question_is_a_page_that_carries_all(world: World) -> None:
    browser = client(world.a, Role.MANAGER)
    ben = world.a.reps["Ben"].pk
    sent = {"action": "rep", "every": "1", "query": "?state=lost", "count": 2, "rep": ben}
    asked = browser.post(BULK, {**sent, "key": "all-lost"})
    assert asked.status_code == 422
    html = asked.content.decode()
    assert "<h1>Change several deals</h1>" in html
    again = {name: value for name, value in inputs(html) if name != "csrfmiddlewaretoken"}
    assert again["query"] == "?state=lost"
    response = browser.post(BULK, {**again, "restate": "1"})
    assert (response.status_code, response["Location"]) == (303, LIST)
    assert {deal(world.a, n).rep_id for n in ("lost early", "lost late")} == {ben}
    # Meanwhile another one was lost: consent to two is none to three.
    change(world.a, "won early", outcome="lost")
    more = browser.post(
        BULK, {**again, "rep": world.a.reps["Ada"].pk, "key": "later", "restate": "1"}
    )
    assert more.status_code == 303
    assert deal(world.a, "lost early").rep_id == ben


def test_what_no_figure_is_sorted_by_asks_nothing(world: World) -> None:
    step = bulk(world, "lost early", action="step", next_step="Call again")
    assert said(step)["text"] == "1 deal changed"
    same = bulk(world, "lost early", rep=world.a.reps["Ada"].pk, key="bulk-2")
    assert said(same)["text"] == "0 deals changed, 1 was like that already"
