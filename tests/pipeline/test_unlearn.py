"""A win or loss that is taken back takes back what was learned from it; a reopening does not."""

from typing import Any

from accounts.roles import Role
from pipeline.models import Competitor, Deal, DealChange
from pipeline.services.correcting import correct_move
from pipeline.services.deals import change_deal
from pipeline.services.history import Recorded
from tests.personas import NOW, Workspace
from tests.pipeline.doing import Q1, Q2, assert_facts_hold, at, clear_marks, marked, move, start
from tests.pipeline.test_closing import lose, win


def correct(workspace: Workspace, wrong: Recorded, **more: Any) -> Recorded:
    stage = more.pop("stage", None)
    return correct_move(
        by=workspace.actor(Role.MANAGER),
        transition_id=wrong.transition_id,
        to_stage_id=workspace.stages[stage].pk if stage else None,
        **{"now": NOW, **more},
    )


def learned(recorded: Recorded) -> tuple[str, str, str]:
    """The deal's lost reason, its competitor, and what made them buy."""
    deal = Deal.objects.select_related("lost_reason", "competitor").get(pk=recorded.deal_id)
    return (
        deal.lost_reason.detail if deal.lost_reason else "",
        deal.competitor.name if deal.competitor else "",
        deal.won_reason,
    )


def taken_back() -> dict[str, tuple[str, str]]:
    rows = DealChange.objects.filter(origin="taken back")
    return {row.field: (row.before, row.after) for row in rows}


def test_an_undone_loss_leaves_no_reason(alpha: Workspace) -> None:
    rival = Competitor.objects.create(name="Rival")
    lost = lose(alpha, start(alpha), level="competitor", competitor_id=rival.pk)
    assert learned(lost)[:2] == ("Competitor", "Rival")
    reason = Deal.objects.get(pk=lost.deal_id).lost_reason_id
    back = correct(alpha, lost, withdraw=True, version=lost.version)
    assert learned(back) == ("", "", "")
    assert taken_back() == {
        "lost_reason_id": (str(reason), ""),
        "competitor_id": (str(rival.pk), ""),
    }
    assert back.version == Deal.objects.get(pk=lost.deal_id).version
    assert_facts_hold()


def test_an_undone_win_leaves_no_reason_and_keeps_the_amount(alpha: Workspace) -> None:
    won = win(alpha, start(alpha))
    back = correct(alpha, won, withdraw=True)
    assert learned(back) == ("", "", "")
    assert taken_back() == {"won_reason": ("Trust", "")}
    assert Deal.objects.get(pk=won.deal_id).amount == 500


def test_a_reason_edited_since_goes_too(alpha: Workspace) -> None:
    lost = lose(alpha, start(alpha))
    rival = Competitor.objects.create(name="Rival")
    by = alpha.actor(Role.REP)
    change_deal(by=by, deal_id=lost.deal_id, now=NOW, competitor_id=rival.pk)
    correct(alpha, lost, withdraw=True)
    assert learned(lost) == ("", "", "")


def test_a_loss_before_it_keeps_its_own_reason(alpha: Workspace) -> None:
    """Lost in the first quarter, reopened, lost again by mistake: the first reason holds again,
    and the quarter that it belongs to is computed again."""
    deal = start(alpha, when="2026-02-01")
    manager = alpha.actor(Role.MANAGER)
    lose(alpha, deal, by=manager, occurred_at=at("2026-02-10"), now=at("2026-02-10"))
    move(alpha, deal, "Held", when="2026-05-01")
    assert learned(deal)[0] == "No decision"  # a reopening keeps it
    again = lose(alpha, deal, level="other")
    assert learned(deal)[0] == "Other"
    clear_marks()
    correct(alpha, again, withdraw=True)
    assert learned(deal)[0] == "No decision"
    assert marked(alpha) == [Q1, Q2]


def test_another_day_of_a_loss_keeps_its_reason(alpha: Workspace) -> None:
    deal = start(alpha, when="2026-05-01")
    lost = lose(alpha, deal, occurred_at=at("2026-05-10"))
    correct(alpha, lost, occurred_at=at("2026-05-11"))
    assert learned(deal)[0] == "No decision"
    assert taken_back() == {}


def test_a_win_that_was_a_loss_asks_why(alpha: Workspace) -> None:
    won = win(alpha, start(alpha))
    done = correct(alpha, won, stage="Lost", key="k", loss={"level": "no_decision"})
    assert learned(won) == ("No decision", "", "")
    assert done.version == Deal.objects.get(pk=won.deal_id).version
    again = correct(alpha, won, stage="Lost", key="k", loss={"level": "other"})
    assert again.repeated
    assert learned(won)[0] == "No decision"
    assert_facts_hold()


def test_a_loss_that_was_not_the_last_has_no_say(alpha: Workspace) -> None:
    deal = start(alpha, when="2026-05-01")
    first = move(alpha, deal, "Coach", when="2026-05-05")
    lose(alpha, deal, occurred_at=at("2026-05-12"))
    correct(alpha, first, stage="Lost", loss={"level": "other"})
    assert learned(deal)[0] == "No decision"
