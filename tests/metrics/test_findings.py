"""Findings: who adds what, what is kept of a change, and what a stage, deal and segment show."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest

from accounts.errors import DomainError, NotAllowed
from accounts.models import AuditEntry
from accounts.roles import Role
from accounts.tenancy.context import company_context
from metrics.models import Finding, FindingChange, FindingDeal
from metrics.selectors.coverage import coverage
from metrics.selectors.findings import findings_at
from metrics.services.findings import (
    add_finding,
    change_finding,
    put_back_finding,
    tie_deal,
    untie_deal,
    withdraw_finding,
)
from pipeline.models import Theme
from pipeline.services.history import KeyReused, NotFound, StaleVersion
from pipeline.services.notes import add_note, record_activity
from pipeline.services.stages import retire_stage
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


def deals_of(finding: Finding) -> set[int]:
    return set(FindingDeal.objects.filter(finding=finding).values_list("deal_id", flat=True))


def at(world: World, stage: str, **asked: Any) -> list[str]:
    found = findings_at(company=world.a.company, stage_ids=[world.a.stages[stage].pk], **asked)
    return [row.statement for row in found]


# Adding --------------------------------------------------------------------------------------


def test_added_with_everything(inside: World) -> None:
    deal = inside.a.deals["lost early"]
    call = record_activity(
        by=inside.a.actor(Role.REP),
        deal_id=deal,
        kind="call",
        happened_at=NOW - timedelta(days=3),
        now=NOW,
    )
    finding = make_finding(
        inside.a,
        deals=["lost early", "lost late"],
        quote="  I could not explain it to my CFO.\nWhy now?  ",
        statement="  Price arrives\nbefore the reason to buy ",
        theme="Price",
        severity="high",
        towards=inside.a.stages["Coach"].pk,
        activity=call,
    )
    assert finding.statement == "Price arrives before the reason to buy"
    assert finding.quote == "I could not explain it to my CFO.\nWhy now?"
    assert finding.learned_on == date(2026, 5, 17), "the day of the call"
    assert finding.pipeline_id == inside.a.pipeline.pk
    assert finding.activity_id == call.pk
    assert Theme.objects.get().name == "Price"
    assert deals_of(finding) == {deal, inside.a.deals["lost late"]}
    entry = AuditEntry.objects.get(action="finding.added")
    assert (entry.object_id, entry.actor_label) == (finding.pk, "manager@alpha.example")


def test_the_same_key_adds_once(inside: World) -> None:
    first = make_finding(inside.a, idempotency_key="k")
    assert make_finding(inside.a, idempotency_key="k").pk == first.pk
    with pytest.raises(KeyReused):
        make_finding(inside.a, idempotency_key="k", statement="Something else")
    assert Finding.objects.count() == 1


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"statement": "  "}, "in one sentence"),
        ({"statement": "x" * 301}, "at most 300"),
        ({"quote": "x" * 4001}, "at most 4,000"),
        ({"statement": "a\x00b"}, "cannot be kept"),
        ({"quote": "a\ud800"}, "cannot be kept"),
        ({"source": "dream"}, "how it was learned"),
        ({"severity": "huge"}, "low, medium or high"),
        ({"learned_on": TODAY + timedelta(days=1)}, "future"),
        ({"stage": "Won"}, "cannot have findings"),
        ({"theme": "x" * 121}, "120"),
    ],
)
def test_what_is_refused(values: dict[str, Any], sentence: str, inside: World) -> None:
    with pytest.raises(DomainError) as refused:
        make_finding(inside.a, **values)
    assert sentence in refused.value.sentence
    assert not Finding.objects.exists()


def test_a_transition_leads_onward(inside: World) -> None:
    for name in ("Booked", "Held", "Lost"):
        with pytest.raises(DomainError, match="does not come after"):
            make_finding(inside.a, towards=inside.a.stages[name].pk)
    assert make_finding(inside.a, towards=inside.a.stages["Won"].pk).towards_id


def test_rows_of_nobody_and_of_the_neighbour(inside: World) -> None:
    theirs: list[dict[str, Any]] = [
        {"stage": inside.b.stages["Held"].pk},
        {"towards": inside.b.stages["Coach"].pk},
        {"activity": 999_999},
        {"note": 999_999},
        {"review": 999_999},
        {"answer": 999_999},
        {"material": 999_999},
        {"theme": 999_999},
    ]
    for values in theirs:
        with pytest.raises(NotFound):
            make_finding(inside.a, **values)
    with pytest.raises(NotFound):
        add_finding(
            by=inside.a.actor(Role.MANAGER),
            now=NOW,
            source="other",
            stage=inside.a.stages["Held"],
            statement="x",
            deals=[inside.b.deals["open"]],
        )


def test_any_text_is_kept_as_it_is(inside: World) -> None:
    text = "<script>alert(1)</script> \u202e\u05e9\u05dc\u05d5\u05dd 🙂"
    assert make_finding(inside.a, statement=text, quote=text).statement == text


# Who -----------------------------------------------------------------------------------------


def test_a_rep_adds_on_own_deals_only(inside: World) -> None:
    """Ada owns every second deal, Ben the others."""
    mine, bens = "lost early", "won early"
    assert make_finding(inside.a, role=Role.REP, deals=[mine]).author_id
    with pytest.raises(NotAllowed):
        make_finding(inside.a, role=Role.REP, deals=[mine, bens])
    with pytest.raises(DomainError, match="at least one of your own"):
        make_finding(inside.a, role=Role.REP)
    note = add_note(
        by=inside.a.actor(Role.MANAGER), deal_id=inside.a.deals[bens], body="x", now=NOW
    )
    with pytest.raises(NotAllowed):
        make_finding(inside.a, role=Role.REP, deals=[mine], note=note)


def test_a_rep_changes_own_findings_only(inside: World) -> None:
    managers = make_finding(inside.a, deals=["lost early"])
    own = make_finding(inside.a, role=Role.REP, deals=["lost early"])
    rep = inside.a.actor(Role.REP)
    with pytest.raises(NotAllowed):
        change(inside, managers, Role.REP, statement="Mine now")
    with pytest.raises(NotAllowed):
        withdraw_finding(by=rep, now=NOW, finding_id=managers.pk)
    assert change(inside, own, Role.REP, statement="Better").statement == "Better"
    with pytest.raises(NotAllowed):
        tie_deal(by=rep, now=NOW, finding_id=own.pk, deal_id=inside.a.deals["won early"])
    with pytest.raises(DomainError, match="at least one"):
        untie_deal(by=rep, now=NOW, finding_id=own.pk, deal_id=inside.a.deals["lost early"])
    # A manager ties another's deal: the rep may go on changing the words.
    tie_deal(
        by=inside.a.actor(Role.MANAGER),
        now=NOW,
        finding_id=own.pk,
        deal_id=inside.a.deals["won early"],
    )
    assert change(inside, own, Role.REP, quote="More").quote == "More"
    assert len(deals_of(own)) == 2


def test_leadership_changes_nothing(inside: World) -> None:
    finding = make_finding(inside.a, deals=["lost early"])
    leader = inside.a.actor(Role.LEADER)
    refused = [
        lambda: make_finding(inside.a, role=Role.LEADER, deals=["lost early"]),
        lambda: change(inside, finding, Role.LEADER, statement="No"),
        lambda: withdraw_finding(by=leader, now=NOW, finding_id=finding.pk),
        lambda: tie_deal(by=leader, now=NOW, finding_id=finding.pk, deal_id=1),
    ]
    for act in refused:
        with pytest.raises(NotAllowed):
            act()


# Changing ------------------------------------------------------------------------------------


def test_history_of_a_change(inside: World) -> None:
    finding = make_finding(inside.a, deals=["lost early"], theme="Price")
    change(
        inside,
        finding,
        statement="Somebody asks who decides",
        theme="Timing",
        deals=[inside.a.deals["lost late"]],
        severity="medium",
    )
    kept = FindingChange.objects.get()
    assert kept.before == {
        "statement": "Nobody asks who decides",
        "theme": "Price",
        "deals": [{"id": inside.a.deals["lost early"], "name": "lost early"}],
    }
    assert kept.after["theme"] == "Timing"
    assert kept.after["deals"] == [{"id": inside.a.deals["lost late"], "name": "lost late"}]
    assert (kept.at, kept.by_id) == (NOW, inside.a.user(Role.MANAGER).pk)
    assert Finding.objects.get().version == 2


def test_nothing_changed_writes_nothing(inside: World) -> None:
    finding = make_finding(inside.a, deals=["lost early"], theme="Price")
    entries = AuditEntry.objects.count()
    change(
        inside,
        finding,
        statement=finding.statement,
        theme="price",
        stage=finding.stage_id,
        deals=[inside.a.deals["lost early"]],
    )
    assert not FindingChange.objects.exists()
    assert (Finding.objects.get().version, AuditEntry.objects.count()) == (1, entries)


def test_a_stale_version_is_told(inside: World) -> None:
    finding = make_finding(inside.a)
    change(inside, finding, statement="First")
    with pytest.raises(StaleVersion, match="now says: First"):
        change(inside, finding, statement="Second", version=1)
    assert Finding.objects.get().statement == "First"


def test_withdrawn_and_put_back(inside: World) -> None:
    finding = make_finding(inside.a)
    by = inside.a.actor(Role.MANAGER)
    for _ in range(2):
        withdraw_finding(by=by, now=NOW, finding_id=finding.pk)
    assert at(inside, "Held") == []
    put_back_finding(by=by, now=NOW, finding_id=finding.pk)
    assert at(inside, "Held") == ["Nobody asks who decides"]
    changes = FindingChange.objects.order_by("id").values_list("after", flat=True)
    assert list(changes) == [{"withdrawn": True}, {"withdrawn": False}]


def test_no_such_finding(inside: World) -> None:
    by = inside.a.actor(Role.MANAGER)
    with company_context(inside.b.company.pk):
        theirs = make_finding(inside.b)
    with company_context(inside.a.company.pk):
        for pk in (theirs.pk, 999_999):
            with pytest.raises(NotFound):
                withdraw_finding(by=by, now=NOW, finding_id=pk)


def test_a_retired_stage_loses_nothing(inside: World) -> None:
    finding = make_finding(inside.a, deals=["lost early"])
    stages = inside.a.stages
    retire_stage(
        by=inside.a.actor(Role.MANAGER),
        stage_id=stages["Held"].pk,
        to_stage_id=stages["Coach"].pk,
        now=NOW,
    )
    found = findings_at(company=inside.a.company, stage_ids=[stages["Coach"].pk])
    assert [row.place for row in found] == ["Held (retired)"]
    grid = coverage(company=inside.a.company, pipeline_id=inside.a.pipeline.pk)
    assert [name for _pk, name in grid.stages] == ["Booked", "Coach"]
    assert [cell.count for cell in grid.rows[0].cells] == [0, 1]
    assert change(inside, finding, quote="Still here").stage_id == stages["Held"].pk
    with pytest.raises(DomainError, match="cannot have findings"):
        make_finding(inside.a)
