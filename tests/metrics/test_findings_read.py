"""Findings as they are read: at a stage, in a segment, by method, by theme; merged themes."""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.errors import DomainError, NotAllowed
from accounts.roles import Role
from accounts.tenancy.context import company_context
from metrics.models import Finding
from metrics.selectors.coverage import coverage
from metrics.selectors.finding_sources import SOURCES, source_of
from metrics.selectors.findings import findings_at
from metrics.selectors.themes_by_stage import themes_by_stage
from metrics.services.findings import (
    change_finding,
    withdraw_finding,
)
from pipeline.models import Deal, ExchangeRate, Stage, Theme
from pipeline.services.history import NotFound
from pipeline.services.themes import merge_theme, named_theme, restore_theme, retire_theme
from tests.metrics.finding_rows import make_finding
from tests.personas import NOW, World

TODAY = NOW.date()


@pytest.fixture
def inside(world: World) -> Iterator[World]:
    with company_context(world.a.company.pk):
        yield world


def change(world: World, finding: Finding, role: Role = Role.MANAGER, **values: Any) -> Finding:
    version = values.pop("version", Finding.objects.get(pk=finding.pk).version)
    return change_finding(
        by=world.a.actor(role), now=NOW, finding_id=finding.pk, values=values, version=version
    )


def at(world: World, stage: str, **asked: Any) -> list[str]:
    found = findings_at(company=world.a.company, stage_ids=[world.a.stages[stage].pk], **asked)
    return [row.statement for row in found]


# Reading -------------------------------------------------------------------------------------


def test_severe_first_then_newest(inside: World) -> None:
    make_finding(inside.a, statement="old", learned_on=date(2026, 1, 2))
    make_finding(inside.a, statement="new")
    make_finding(inside.a, statement="bad", severity="high", learned_on=date(2026, 1, 1))
    make_finding(inside.a, statement="small", severity="low")
    make_finding(inside.a, statement="elsewhere", stage="Coach")
    assert at(inside, "Held", limit=None) == ["bad", "new", "old", "small"]
    found = findings_at(company=inside.a.company, stage_ids=[inside.a.stages["Held"].pk], limit=2)
    assert (len(found), found.total, found.more, found.deals) == (2, 4, 2, 0)


def test_the_segment_of_a_finding_is_that_of_its_deals(inside: World) -> None:
    """Of the six deals two are outbound ("won early", "lost late"), four inbound."""
    make_finding(inside.a, statement="in", deals=["lost early"])
    make_finding(inside.a, statement="both", deals=["lost early", "won early"])
    make_finding(inside.a, statement="loose")
    where = {"limit": None}
    assert set(at(inside, "Held", **where)) == {"in", "both", "loose"}
    assert set(at(inside, "Held", segment="channel=inbound", **where)) == {"in", "both"}
    assert set(at(inside, "Held", segment="channel=outbound", **where)) == {"both"}
    assert at(inside, "Held", segment="product=unknown&rep=Ben", **where) == ["both"]
    assert at(inside, "Held", segment="rep=Nobody", **where) == []
    found = findings_at(
        company=inside.a.company,
        stage_ids=[inside.a.stages["Held"].pk],
        segment="channel=outbound",
    )
    assert (found.total, found.deals) == (1, 1)


def test_the_coverage_grid(inside: World) -> None:
    for _ in range(3):
        make_finding(inside.a)
    make_finding(inside.a, source="lost_interview", stage="Coach")
    make_finding(inside.a, source="other", stage="Coach")
    withdrawn = make_finding(inside.a, source="email_review")
    withdraw_finding(by=inside.a.actor(Role.MANAGER), now=NOW, finding_id=withdrawn.pk)
    grid = coverage(company=inside.a.company, pipeline_id=inside.a.pipeline.pk)
    counts = {row.key: [cell.count for cell in row.cells] for row in grid.rows}
    methods = [key for key, kind in SOURCES.items() if kind.method]
    assert list(counts) == [*methods, "other"]
    assert counts["call_review"] == [0, 3, 0]
    assert counts["lost_interview"] == [0, 0, 1]
    assert counts["email_review"] == [0, 0, 0]
    assert grid.gaps == len(methods) * 3 - 2, "a kind that is no method leaves no gap"
    assert grid.total == 5
    cell = grid.rows[0].cells[1]
    assert (cell.tint, cell.query) == (3, f"?source=call_review&stage={cell.stage_id}")


def test_a_source_that_is_registered_no_longer(inside: World) -> None:
    make_finding(inside.a)
    with transaction.atomic():
        Finding.objects.update(source="fax_review")
    assert source_of("fax_review").word == "fax review"
    grid = coverage(company=inside.a.company, pipeline_id=inside.a.pipeline.pk)
    assert [row.key for row in grid.rows][-1] == "fax_review"


def test_themes_by_stage_count_a_deal_once(inside: World) -> None:
    """Deals are worth 1,000 to 6,000 in the order they were made."""
    with transaction.atomic():
        Deal.objects.filter(pk=inside.a.deals["open"]).update(currency="USD")
        Deal.objects.filter(pk=inside.a.deals["new"]).update(amount=None)
    make_finding(inside.a, theme="Price", deals=["lost early", "won early"])
    make_finding(inside.a, theme="price", deals=["lost early", "open", "new"])
    make_finding(inside.a, theme="Price", stage="Coach", deals=["won early"])
    make_finding(inside.a, theme="Timing")
    make_finding(inside.a, deals=["lost late"])
    ask = {"company": inside.a.company, "pipeline_id": inside.a.pipeline.pk, "today": TODAY}
    table = themes_by_stage(**ask)
    assert [row.theme for row in table.rows] == ["Price", "Timing", ""]
    booked, held, coach = table.rows[0].cells
    assert booked is None
    assert held is not None
    assert coach is not None
    assert (held.findings, held.deals, held.amount, held.unpriced) == (2, 4, Decimal(3000), 2)
    assert (coach.deals, coach.amount) == (1, Decimal(1000))
    assert (table.rows[0].total.deals, table.rows[0].total.amount) == (4, Decimal(3000))
    timing = table.rows[1].total
    assert (timing.findings, timing.deals, timing.amount) == (1, 0, Decimal(0))
    assert table.loose == 1
    with transaction.atomic():
        ExchangeRate.objects.create(currency="USD", month=date(2026, 5, 1), rate=Decimal("0.5"))
    held = themes_by_stage(**ask).rows[0].cells[1]
    assert held is not None
    assert (held.amount, held.unpriced) == (Decimal(5500), 1)
    outbound = themes_by_stage(**ask, segment="channel=outbound")
    assert [(r.theme, r.total.deals) for r in outbound.rows] == [("Price", 1), ("", 1)]
    assert themes_by_stage(**ask, until=TODAY - timedelta(days=1)).rows == ()
    assert len(themes_by_stage(**ask, since=TODAY, until=TODAY).rows) == 3


def test_money_of_deals_without_any_is_empty(inside: World) -> None:
    with transaction.atomic():
        Deal.objects.update(amount=None)
    make_finding(inside.a, deals=["lost early"])
    table = themes_by_stage(company=inside.a.company, pipeline_id=inside.a.pipeline.pk, today=TODAY)
    assert (table.rows[0].total.amount, table.rows[0].total.unpriced) == (None, 1)


# Themes --------------------------------------------------------------------------------------


def test_a_merge_is_flat_and_can_be_undone(inside: World) -> None:
    by = inside.a.actor(Role.MANAGER)
    first, second, third = (
        make_finding(inside.a, theme=n).theme for n in ("Dear", "Cost", "Price")
    )
    merge_theme(by=by, theme_id=first.pk, into_id=second.pk, now=NOW)
    merge_theme(by=by, theme_id=second.pk, into_id=third.pk, now=NOW)
    into = dict(Theme.objects.values_list("name", "merged_into_id"))
    assert into == {"Dear": third.pk, "Cost": third.pk, "Price": None}
    found = findings_at(company=inside.a.company, stage_ids=[inside.a.stages["Held"].pk])
    assert {row.theme for row in found} == {"Price"}
    table = themes_by_stage(company=inside.a.company, pipeline_id=inside.a.pipeline.pk, today=TODAY)
    assert [(r.theme, r.total.findings) for r in table.rows] == [("Price", 3)]
    assert named_theme(by=by, name="dear", now=NOW).pk == third.pk, "the old name means the new"
    with pytest.raises(DomainError):
        merge_theme(by=by, theme_id=third.pk, into_id=first.pk, now=NOW)
    with pytest.raises(DomainError):
        merge_theme(by=by, theme_id=third.pk, into_id=third.pk, now=NOW)
    restore_theme(by=by, theme_id=second.pk, now=NOW)
    assert set(Theme.objects.filter(merged_into=None).values_list("name", flat=True)) == {
        "Cost",
        "Price",
    }


def test_managers_keep_themes(inside: World) -> None:
    theme = named_theme(by=inside.a.actor(Role.REP), name="Price", now=NOW)
    for role in (Role.REP, Role.LEADER):
        with pytest.raises(NotAllowed):
            retire_theme(by=inside.a.actor(role), theme_id=theme.pk, now=NOW)
    retire_theme(by=inside.a.actor(Role.MANAGER), theme_id=theme.pk, now=NOW)
    with pytest.raises(DomainError, match="is retired"):
        make_finding(inside.a, theme="PRICE")
    with pytest.raises(NotFound):
        restore_theme(by=inside.a.actor(Role.MANAGER), theme_id=999_999, now=NOW)


def test_a_finding_keeps_a_retired_theme(inside: World) -> None:
    finding = make_finding(inside.a, theme="Price")
    retire_theme(by=inside.a.actor(Role.MANAGER), theme_id=finding.theme_id, now=NOW)
    change(inside, finding, theme=finding.theme_id, quote="Kept")
    assert Finding.objects.get().theme_id == finding.theme_id


# How many queries ----------------------------------------------------------------------------


def test_as_many_queries_for_a_hundred(inside: World) -> None:
    counts = []
    for more in (10, 90):
        for n in range(more):
            make_finding(inside.a, statement=f"{more} {n}", deals=["lost early"], theme=f"T{n % 7}")
        with CaptureQueriesContext(connection) as captured:
            at(inside, "Held", segment="channel=inbound", limit=5)
            themes_by_stage(company=inside.a.company, pipeline_id=inside.a.pipeline.pk, today=TODAY)
            coverage(company=inside.a.company, pipeline_id=inside.a.pipeline.pk)
        counts.append(len(captured))
    assert counts[0] == counts[1]
    assert counts[0] <= 18


def test_stages_are_the_companys_own(inside: World) -> None:
    make_finding(inside.a)
    with company_context(inside.b.company.pk):
        theirs = findings_at(
            company=inside.b.company, stage_ids=Stage.objects.values_list("pk", flat=True)
        )
        assert theirs.total == 0
