"""What deals cache is compared with their transitions, and rebuilt from them."""

from datetime import date
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from accounts.tenancy.context import company_context
from pipeline.models import Deal
from pipeline.services.facts import Difference, check_facts
from tests.personas import NOW, Workspace, World
from tests.pipeline.doing import Q2, Q4_25, clear_marks, marked, move, start

WRONG: dict[str, Any] = {
    "stage_id": None,
    "outcome": "won",
    "opened_on": date(2020, 1, 1),
    "closed_on": date(2026, 5, 1),
    "stage_entered_on": None,
    "path": b"x" * 16,
}


def test_what_the_services_wrote_holds(world: World) -> None:
    for workspace in (world.a, world.b):
        with company_context(workspace.company.pk):
            assert Deal.objects.count() == 6
            assert check_facts() == []


@pytest.mark.parametrize("field", WRONG)
def test_each_cached_field_is_compared(field: str, alpha: Workspace) -> None:
    deal = start(alpha)
    right = getattr(Deal.objects.get(pk=deal.deal_id), field)
    Deal.objects.filter(pk=deal.deal_id).update(**{field: WRONG[field]})
    (found,) = check_facts()
    right = bytes(right) if field == "path" else right
    assert found == Difference(deal.deal_id, field, WRONG[field], right)


def test_every_cached_field_is_in_this_test() -> None:
    from pipeline.services.history import cached

    assert set(cached(history=[], stages={})) == set(WRONG)


def test_rebuilding_writes_what_the_history_says(alpha: Workspace) -> None:
    deal = start(alpha, when="2026-05-01")
    move(alpha, deal, "Held")
    before = Deal.objects.values().get(pk=deal.deal_id)
    Deal.objects.filter(pk=deal.deal_id).update(**{**WRONG, "opened_on": date(2025, 11, 11)})
    clear_marks()
    assert len(check_facts(rebuild=True, now=NOW)) == len(WRONG)
    after = Deal.objects.values().get(pk=deal.deal_id)
    assert after == {**before, "version": before["version"] + 1}
    assert marked(alpha)[0] == Q4_25  # from where it was said to have opened
    assert marked(alpha)[-1] == Q2
    assert check_facts() == []


def test_a_transition_behind_the_services_back_shows(alpha: Workspace) -> None:
    """Raw SQL can append: the cache is then behind, and is caught and rebuilt."""
    deal = start(alpha)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO pipeline_stagetransition (company_id, deal_id, number, to_stage_id,
                occurred_at, occurred_on, recorded_at, origin, reason)
            SELECT company_id, deal_id, 2, %s, occurred_at + interval '1 day', occurred_on + 1,
                recorded_at, 'load', '' FROM pipeline_stagetransition
            """,
            [alpha.stages["Lost"].pk],
        )
    assert {d.field for d in check_facts()} == {
        "stage_id",
        "outcome",
        "closed_on",
        "stage_entered_on",
        "path",
    }
    check_facts(rebuild=True, now=NOW)
    assert Deal.objects.get(pk=deal.deal_id).outcome == "lost"
    assert check_facts() == []


def test_the_neighbour_is_left_alone(world: World) -> None:
    with company_context(world.b.company.pk):
        Deal.objects.filter(pk=world.b.deals["open"]).update(outcome="won")
    with company_context(world.a.company.pk):
        assert check_facts(rebuild=True, now=NOW) == []
    with company_context(world.b.company.pk):
        assert [d.field for d in check_facts()] == ["outcome"]


@pytest.mark.django_db(transaction=True)
def test_the_command(committed_alpha: Workspace) -> None:
    with company_context(committed_alpha.company.pk):
        deal = start(committed_alpha)

    def run(*arguments: str) -> str:
        out = StringIO()
        call_command("check_facts", "--slug", "alpha", *arguments, stdout=out)
        return out.getvalue()

    assert run() == "Every deal says what its history says.\n"
    with company_context(committed_alpha.company.pk), transaction.atomic():
        Deal.objects.filter(pk=deal.deal_id).update(outcome="won")
    with pytest.raises(CommandError, match="1 values differ"):
        run()
    assert "1 values rebuilt." in run("--rebuild")
    assert run() == "Every deal says what its history says.\n"
    with pytest.raises(CommandError, match="There is no company with the slug nowhere"):
        call_command("check_facts", "--slug", "nowhere")
