"""Worries without material, and how far the deals of a material went, on their pages."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
import time_machine
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.formats import style_for
from accounts.roles import Role
from accounts.tenancy.context import company_context
from metrics.selectors.material_effect import effect_of
from metrics.selectors.material_gaps import material_gaps
from metrics.services.findings import add_finding
from pipeline.models import Material, Theme
from pipeline.services.deals import open_deal
from pipeline.services.material import MaterialValues, add_material, retire_material
from pipeline.services.moves import move_deal
from pipeline.services.sending import send_material
from pipeline.services.themes import merge_theme, named_theme
from tests.personas import CANARY, NOW, Workspace, World, client_of

HX = {"HX-Request": "true"}
STYLE = style_for(language="en", company_locale="en", currency="EUR")
GAPS = "/w/alpha/material/gaps/"


@pytest.fixture(autouse=True)
def _clock_stands() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


def found(w: Workspace, theme: str, stage: str = "Held", *, deals: tuple[str, ...] = ()) -> Theme:
    """A finding of a theme at a stage; its theme."""
    by = w.actor(Role.MANAGER)
    add_finding(
        by=by,
        now=NOW,
        source="call_review",
        stage=w.stages[stage],
        statement=f"{theme} came up",
        theme=theme,
        deals=[w.deals[name] for name in deals],
    )
    return named_theme(by=by, name=theme, now=NOW)


def material(w: Workspace, title: str, theme: str = "", stage: str = "Held") -> Material:
    values = MaterialValues(title, theme=theme, stage_id=w.stages[stage].pk if stage else None)
    return add_material(by=w.actor(Role.MANAGER), values=values, now=NOW)


def gaps(w: Workspace) -> list[tuple[str, str, int, int, bool]]:
    rows = material_gaps(company=w.company, style=STYLE).rows
    return [(g.theme, g.stage, g.findings, g.deals, g.elsewhere) for g in rows]


def test_a_worry_is_a_gap_until_material_helps_at_its_stage(world: World) -> None:
    w = world.a
    with company_context(w.company.pk), transaction.atomic():
        found(w, "Price", deals=("open", "lost early"))
        found(w, "Price", deals=("open",))
        found(w, "Trust", "Coach")
        assert gaps(w) == [("Price", "Held", 2, 2, False), ("Trust", "Coach", 1, 0, False)]
        elsewhere = material(w, "For coaches", "Price", "Coach")
        assert gaps(w)[0] == ("Price", "Held", 2, 2, True)
        here = material(w, "For the price", "Price", "Held")
        assert [row[0] for row in gaps(w)] == ["Trust"]
        by = w.actor(Role.MANAGER)
        for one in (here, elsewhere):
            retire_material(by=by, material_id=one.pk, now=NOW)
        assert gaps(w)[0] == ("Price", "Held", 2, 2, False)
        material(w, "For any stage", "Trust", "")
        assert [row[0] for row in gaps(w)] == ["Price"]


def test_merged_worries_are_one(world: World) -> None:
    w = world.a
    with company_context(w.company.pk), transaction.atomic():
        dear = found(w, "Too dear", deals=("open",))
        price = found(w, "Price", deals=("open", "new"))
        material(w, "On cost", "Too dear", "Coach")
        merge_theme(by=w.actor(Role.MANAGER), theme_id=dear.pk, into_id=price.pk, now=NOW)
        assert gaps(w) == [("Price", "Held", 2, 2, True)]


def test_the_gaps_on_their_page(world: World) -> None:
    for w in (world.a, world.b):
        with company_context(w.company.pk), transaction.atomic():
            theme = found(w, f"{CANARY} worry" if w is world.b else "Price", deals=("open",))
            if w is world.a:
                price = theme
    held = world.a.stages["Held"].pk
    for role in Role:
        for headers in ({}, HX):
            response = client_of(world.a.user(role)).get(GAPS, headers=headers)
            assert response.status_code == 200
            text = response.content.decode()
            assert f"?stage={held}&amp;theme={price.pk}" in text
            assert CANARY not in text
            assert ("Add material" in text) == (role in (Role.OWNER, Role.MANAGER))
            assert ("<html" in text) == (headers == {})
    manager = client_of(world.a.user(Role.MANAGER))
    form = manager.get(f"/w/alpha/material/add/?stage={held}&theme={price.pk}").content.decode()
    assert f'<option value="{held}" selected>' in form
    assert 'value="Price"' in form
    assert client_of(world.stranger).get(GAPS).status_code == 404


def test_no_gaps_say_why(world: World) -> None:
    leader = client_of(world.a.user(Role.LEADER))
    assert "No finding names a theme yet" in leader.get(GAPS).content.decode()
    with company_context(world.a.company.pk), transaction.atomic():
        found(world.a, "Price")
        material(world.a, "On price", "Price")
    assert "Every worry that was found has material" in leader.get(GAPS).content.decode()


def deals_at_held(
    w: Workspace, ends: list[str], *, start: datetime, source: str = "Website"
) -> list[int]:
    """Deals that came to Held a day after opening and left it four days later for `ends`."""
    by = w.actor(Role.MANAGER)
    ids = []
    for index, end in enumerate(ends):
        recorded = open_deal(
            by=by,
            pipeline_id=w.pipeline.pk,
            stage_id=w.stages["Booked"].pk,
            name=f"Deal {index}",
            occurred_at=start + timedelta(minutes=index),
            now=NOW,
            source_id=w.sources[source].pk,
        )
        steps = [("Held", 1), *((name, 5 + n) for n, name in enumerate(end.split()))]
        for stage, days in steps:
            move_deal(
                by=by,
                deal_id=recorded.deal_id,
                to_stage_id=w.stages[stage].pk,
                occurred_at=start + timedelta(days=days, minutes=index),
                now=NOW,
            )
        ids.append(recorded.deal_id)
    return ids


def sent(w: Workspace, what: Material, deal_id: int, at: datetime) -> None:
    send_material(
        by=w.actor(Role.MANAGER),
        material_id=what.pk,
        deal_id=deal_id,
        now=NOW,
        sent_on=at.date(),
    )


def test_the_effect_counts_what_came_in_time_against_the_similar(world: World) -> None:
    w = world.a
    start = datetime.fromisoformat("2026-02-02T09:00:00+00:00")
    with company_context(w.company.pk), transaction.atomic():
        case = material(w, "Case", "")
        had = deals_at_held(w, ["Coach Won"] * 9 + ["Lost"] * 3, start=start)
        none = deals_at_held(w, ["Coach Won"] * 5 + ["Lost"] * 10, start=start)
        # The same quarter by another channel, and another quarter: not similar.
        deals_at_held(w, ["Coach"] * 3, start=start, source="Calls")
        deals_at_held(w, ["Coach"] * 3, start=start - timedelta(days=60))
        for deal in had:
            sent(w, case, deal, start + timedelta(days=3))
        # Sent once the deal was past the stage: it counts among those without.
        sent(w, case, none[0], start + timedelta(days=30))
        effect = effect_of(company=w.company, material_id=case.pk, stage=w.stages["Held"])
    assert effect is not None
    assert (effect.had, effect.late, effect.elsewhere) == (12, 1, 0)
    past = effect.past
    assert (past.had_k, past.had_n, past.similar_n, past.strata) == (9, 12, 15, 1)
    assert past.similar_rate == pytest.approx(5 / 15)
    assert past.difference == pytest.approx(0.75 - 5 / 15)
    address = f"/w/alpha/material/{case.pk}/effect/"
    text = client_of(w.user(Role.LEADER)).get(address).content.decode()
    for said in (
        "75% (9 of 12)",
        "33%",
        "+41.7 pts",
        "Association, not proof",
        "Thin: fewer than 20 deals",
        "1 deal had it only after it had left Held",
        "More often than similar deals",
    ):
        assert said in text, said


def test_what_cannot_be_told_is_said(world: World) -> None:
    w = world.a
    leader = client_of(w.user(Role.LEADER))
    with company_context(w.company.pk), transaction.atomic():
        nowhere, unused, rare = (
            material(w, "Nowhere", stage=""),
            material(w, "Unused"),
            material(w, "Rare"),
        )
        sent(w, nowhere, w.deals["open"], NOW)
        sent(w, rare, w.deals["lost early"], NOW - timedelta(days=138))

    def said(one: Material) -> str:
        response = leader.get(f"/w/alpha/material/{one.pk}/effect/", headers=HX)
        assert response.status_code == 200
        text: str = response.content.decode()
        return text

    assert "Say at which stage it should help" in said(nowhere)
    assert "No deal of this stage&#x27;s pipeline had it yet" in said(unused)
    assert "No deal without it is of the same channel" in said(rare)


def test_who_may_read_the_effect(world: World) -> None:
    with company_context(world.b.company.pk), transaction.atomic():
        theirs = material(world.b, f"{CANARY} deck")
    with company_context(world.a.company.pk), transaction.atomic():
        ours = material(world.a, "Deck")
    for role in Role:
        browser = client_of(world.a.user(role))
        assert browser.get(f"/w/alpha/material/{ours.pk}/effect/").status_code == 200
        for pk in (theirs.pk, 999_999_999):
            assert browser.get(f"/w/alpha/material/{pk}/effect/").status_code == 404
    assert client_of(world.stranger).get(f"/w/alpha/material/{ours.pk}/effect/").status_code == 404


def queries(browser: Client, address: str) -> int:
    with CaptureQueriesContext(connection) as counted:
        assert browser.get(address, headers=HX).status_code == 200
    return len(counted)


def test_the_same_queries_for_many(world: World) -> None:
    w = world.a
    browser = client_of(w.user(Role.MANAGER))
    with company_context(w.company.pk), transaction.atomic():
        found(w, "Price", deals=("open",))
        case = material(w, "Case", "Trust")
        sent(w, case, w.deals["lost early"], NOW)
    where = (GAPS, f"/w/alpha/material/{case.pk}/effect/")
    queries(browser, GAPS)  # what is looked up once
    few = [queries(browser, address) for address in where]
    with company_context(w.company.pk), transaction.atomic():
        for n in range(9):
            found(w, f"Worry {n}", deals=("open", "new", "won late"))
            material(w, f"Case {n}", f"Worry {n}", "Coach")
        for name in ("open", "won early", "won late", "new"):
            sent(w, case, w.deals[name], NOW)
    assert [queries(browser, address) for address in where] == few
    assert few == [13, 20]
