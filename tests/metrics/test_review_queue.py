"""What to look at next: the costliest stages by channel, in fair order, with the reason."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.formats import Style
from accounts.roles import Role
from accounts.tenancy.context import company_context
from metrics.calc.drill import deals_behind
from metrics.models import Review
from metrics.selectors.figures import figures_of
from metrics.selectors.quarter_deals import quarter_deals
from metrics.selectors.review_queue import Place, Queue, ReviewQueues, review_queues
from metrics.services.recompute import recompute_all
from metrics.services.reviews import start_review
from pipeline.models import Activity
from pipeline.services.deals import open_deal
from pipeline.services.moves import move_deal
from pipeline.services.notes import record_activity
from tests.personas import NOW, Workspace

STYLE = Style("en", "EUR")
REPS = ("Ada", "Ben")


def close(workspace: Workspace, n: int, *, won: bool = False, source: str = "Calls") -> int:
    """A deal of Q2 2026 that was lost at Held, or won."""
    by = workspace.actor(Role.MANAGER)
    begun = NOW - timedelta(days=30, minutes=n)
    deal_id = open_deal(
        by=by, pipeline_id=workspace.pipeline.pk, stage_id=workspace.stages["Booked"].pk,
        name=f"Deal {n}", occurred_at=begun, now=NOW, amount=Decimal(100 * (n + 1)),
        rep_id=workspace.reps[REPS[n % 2]].pk, source_id=workspace.sources[source].pk,
        customer_id=workspace.customers["Acme"].pk,
    ).deal_id  # fmt: skip
    path = ["Held", "Coach", "Won"] if won else ["Held", "Lost"]
    for day, stage in enumerate(path, start=1):
        move_deal(
            by=by, deal_id=deal_id, to_stage_id=workspace.stages[stage].pk,
            occurred_at=begun + timedelta(days=day), now=NOW,
        )  # fmt: skip
    return int(deal_id)


def call(workspace: Workspace, deal_id: int, kind: str = "call") -> Activity:
    return record_activity(
        by=workspace.actor(Role.MANAGER), deal_id=deal_id, kind=kind,
        happened_at=NOW - timedelta(days=1), now=NOW,
    )  # fmt: skip


def queues(workspace: Workspace, **more: Any) -> ReviewQueues:
    return review_queues(company=workspace.company, now=NOW, style=STYLE, **more)


def way(place: Place, kind: str) -> Queue:
    return next(queue for queue in place.queues if queue.kind.value == kind)


@pytest.fixture
def lost(alpha: Workspace) -> list[int]:
    """Seven outbound deals lost at Held, all with a call, and two inbound ones won."""
    ids = [close(alpha, n) for n in range(7)]
    for deal_id in ids:
        call(alpha, deal_id)
    for n in (7, 8):
        close(alpha, n, won=True, source="Website")
    recompute_all(company_id=alpha.company.pk, now=NOW)
    return ids


def test_the_reason_stands_over_the_proposals(alpha: Workspace, lost: list[int]) -> None:
    found = queues(alpha)
    assert found.quarter == "Q2 2026"
    (place,) = found.lost
    assert (place.title, place.channel, place.at, place.count) == ("Held", "Outbound", 2, 7)
    calls = way(place, "call_review")
    assert calls.why == "7 lost at Held in Q2 2026, outbound, no call reviewed yet"
    assert (calls.done, calls.total, calls.note) == (0, 7, "")
    assert len(calls.deals) == 5
    assert {deal.deal_id for deal in calls.deals} <= set(lost)
    assert {deal.size for deal in calls.deals} == {
        "smaller deal", "deal of middle size", "larger deal",
    }  # fmt: skip
    reps = [deal.rep for deal in calls.deals]
    assert abs(reps.count("Ada") - reps.count("Ben")) == 1
    (won,) = found.won
    assert (won.title, won.channel, won.at, won.count) == ("Won in Q2 2026", "Inbound", None, 2)
    assert way(won, "customer_interview").why == (
        "2 deals won in Q2 2026, inbound, nobody asked yet"
    )


def test_the_deals_are_those_behind_the_figure(alpha: Workspace, lost: list[int]) -> None:
    (place,) = queues(alpha).lost
    figures = figures_of(company=alpha.company, segment="channel=outbound")[-1]
    assert figures.stages[1].lost_at == place.count == 7
    quarter = quarter_deals(
        company=alpha.company, pipeline_id=alpha.pipeline.pk,
        starts=[NOW.date().replace(month=4, day=1)], segment="all", now=NOW,
    )[0]  # fmt: skip
    behind = deals_behind(quarter.work, "lost_at", segment="channel=outbound", at=2)
    assert set(quarter.work.history.deal_id[behind].tolist()) == set(lost)


def test_a_deal_without_a_call_or_e_mail_is_not_proposed_for_one(
    alpha: Workspace, lost: list[int]
) -> None:
    call(alpha, lost[0], kind="email")
    Activity.objects.filter(deal_id__in=lost[3:], kind="call").delete()
    call(alpha, lost[4], kind="meeting")
    (place,) = queues(alpha).lost
    calls, mails = way(place, "call_review"), way(place, "email_review")
    assert {d.deal_id for d in calls.deals} == {*lost[:3], lost[4]}
    assert calls.note == "3 have none on record and cannot be reviewed."
    assert [d.deal_id for d in mails.deals] == [lost[0]]
    Activity.objects.filter(kind="email").delete()
    (place,) = queues(alpha).lost
    assert way(place, "email_review").deals == ()
    assert "None of them has an e-mail" in way(place, "email_review").note
    assert len(way(place, "lost_interview").deals) == 5  # anybody can be asked


def review(alpha: Workspace, deal_id: int, state: str = "done") -> Review:
    made = start_review(
        by=alpha.actor(Role.MANAGER), now=NOW, kind="call_review", deal_id=deal_id,
        activity_id=Activity.objects.get(deal_id=deal_id, kind="call").pk,
    )  # fmt: skip
    Review.objects.filter(pk=made.pk).update(state=state)
    return made


def test_what_was_reviewed_leaves_the_list_and_the_rest_stands_still(
    alpha: Workspace, lost: list[int]
) -> None:
    before = [d.deal_id for d in way(queues(alpha).lost[0], "call_review").deals]
    review(alpha, before[0])
    found = way(queues(alpha).lost[0], "call_review")
    assert [d.deal_id for d in found.deals][:4] == before[1:]
    assert found.why.endswith("outbound, 1 of 7 with a call reviewed")
    review(alpha, before[1], state="draft")
    found = way(queues(alpha).lost[0], "call_review")
    assert [d.deal_id for d in found.deals][:3] == before[2:]
    assert (found.done, found.drafts) == (1, 1)
    assert found.note == "1 was begun and is a draft."
    Review.objects.update(state="withdrawn")
    assert [d.deal_id for d in way(queues(alpha).lost[0], "call_review").deals] == before


def test_all_done_says_so(alpha: Workspace, lost: list[int]) -> None:
    for deal_id in lost:
        review(alpha, deal_id)
    found = way(queues(alpha).lost[0], "call_review")
    assert found.deals == ()
    assert found.note == "All are done."


def test_one_kind_alone(alpha: Workspace, lost: list[int]) -> None:
    found = queues(alpha, kind="customer_interview")
    assert not found.lost
    assert [queue.kind.value for place in found.won for queue in place.queues] == [
        "customer_interview"
    ]
    assert [q.kind.value for q in queues(alpha, kind="email_review").lost[0].queues] == [
        "email_review"
    ]


def test_nothing_closed_yet_proposes_nothing(alpha: Workspace) -> None:
    assert queues(alpha).quarter == ""
    recompute_all(company_id=alpha.company.pk, now=NOW)
    assert (queues(alpha).lost, queues(alpha).won) == ((), ())


def test_a_new_quarter_without_losses_keeps_the_last_one(alpha: Workspace, lost: list[int]) -> None:
    later = NOW + timedelta(days=60)
    open_deal(
        by=alpha.actor(Role.MANAGER), pipeline_id=alpha.pipeline.pk,
        stage_id=alpha.stages["Booked"].pk, name="New", occurred_at=later, now=later,
    )  # fmt: skip
    recompute_all(company_id=alpha.company.pk, now=later)
    found = review_queues(company=alpha.company, now=later, style=STYLE)
    assert found.quarter == "Q2 2026"
    assert found.lost[0].count == 7


def test_the_queries_do_not_grow_with_the_deals(alpha: Workspace, lost: list[int]) -> None:
    def asked() -> int:
        with company_context(alpha.company.pk), CaptureQueriesContext(connection) as captured:
            queues(alpha)
        return len(captured)

    queues(alpha)  # the figures of a quarter are read once
    few = asked()
    for n in range(20, 60):
        call(alpha, close(alpha, n, source="Website" if n % 3 else "Calls"))
    recompute_all(company_id=alpha.company.pk, now=NOW)
    review(alpha, lost[0])
    assert len(queues(alpha).lost) == 2
    assert asked() == few == 20
