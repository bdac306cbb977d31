"""A deal from its opening to its end, and a correction of it: by mouse, keyboard, finger, and
without scripts; the figures of the right quarters follow.

The clock of the server stands in the week in which Q1 settles: an entry of last week changes Q1,
one of today Q2, and neither needs to be asked about.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from playwright.sync_api import Browser, Locator, Page, expect

from accounts.roles import Role
from accounts.tenancy.context import company_context
from metrics.models import Snapshot
from metrics.services.recompute import recompute_quarter
from metrics.services.sweep import behind
from pipeline.models import Activity, Deal, Note, StageTransition
from pipeline.services.deals import open_deal
from pipeline.services.facts import check_facts
from tests.browser.conftest import Visitor, state_of
from tests.browser.hands import Finger, Hand, Keys, Mouse
from tests.personas import Workspace, add_deals, make_workspace

TODAY = datetime(2026, 4, 3, 10, 0, tzinfo=UTC)  # a Friday; Q1 is final from the 8th on
Q1, Q2 = date(2026, 1, 1), date(2026, 4, 1)
PHONE: dict[str, Any] = {"viewport": {"width": 360, "height": 780}, "has_touch": True}
WAYS: dict[str, tuple[Callable[[Page], Hand], dict[str, Any]]] = {
    "mouse": (lambda page: Mouse(), {}),
    "keyboard": (Keys, {}),
    "finger": (lambda page: Finger(), PHONE),
    "no scripts": (lambda page: Mouse(), {"java_script_enabled": False}),
}


@pytest.fixture
def floor(
    live_server: Any, transactional_db: None, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> Workspace:
    """Company A on the 3rd of April, without deals; the server's clock goes on from there."""
    begun = datetime.now(UTC)
    monkeypatch.setattr(timezone, "now", lambda: TODAY + (datetime.now(UTC) - begun))
    return make_workspace("alpha", now=TODAY - timedelta(days=90))


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody at a window of their own, and how they use it."""

    window: Visitor
    hand: Hand
    scripts: bool

    @property
    def page(self) -> Page:
        return self.window.page

    @property
    def main(self) -> Locator:
        return self.page.get_by_role("main")

    def form(self, name: str) -> Locator:
        """The form that was just asked for: a dialog, or a page of its own without scripts."""
        if self.scripts:
            return self.page.get_by_role("dialog", name=name)
        expect(self.main.get_by_role("heading", level=1, name=name)).to_be_visible()
        return self.main

    def on_day(self, form: Locator, day: date) -> None:
        self.hand.tick(form.get_by_role("radio", name="On another day"))
        self.hand.set_day(form.get_by_label("Day", exact=True), day)

    def told(self, text: str) -> None:
        """The page says so: in its toast, or in a notice without scripts."""
        expect(self.page.get_by_role("status").filter(has_text=text).first).to_be_visible()
        assert self.window.overflow() <= 0, f"sideways scrolling after: {text}"


@pytest.fixture
def person(live_server: Any, floor: Workspace, browser: Browser) -> Iterator[Any]:
    """person(role, way) sits down, signed in; at the end nothing may have gone wrong there."""
    seated: list[Visitor] = []

    def sit_down(role: Role, way: str) -> Person:
        make_hand, options = WAYS[way]
        state = state_of(floor.user(role), live_server.url)
        window = Visitor(browser, live_server.url, state, locale="en-GB", **options)
        window.page.set_default_timeout(15_000)
        seated.append(window)
        return Person(window, make_hand(window.page), options.get("java_script_enabled", True))

    yield sit_down
    problems = [problem for window in seated for problem in window.said]
    for window in seated:
        window.context.close()
    assert problems == []


@contextmanager
def inside(workspace: Workspace) -> Iterator[None]:
    """Reading as the company, in a transaction."""
    with company_context(workspace.company.pk), transaction.atomic():
        yield


def recompute(workspace: Workspace) -> None:
    """What the worker does after the entries: every quarter that they left behind."""
    now = timezone.now()
    for company_id, quarter in behind(now=now, company_id=workspace.company.pk):
        recompute_quarter(company_id=company_id, quarter_start=quarter, now=now)


def figures(workspace: Workspace, quarter: date) -> dict[str, Any]:
    with inside(workspace):
        row = Snapshot.objects.filter(quarter_start=quarter, segment="all").latest("version")
    return dict(row.figures)


def by_stage(found: dict[str, Any], name: str) -> list[Any]:
    """One figure of the stages Booked, Held and Coach."""
    return [stage[name] for stage in found["stages"]]


def opens_a_deal(rep: Person) -> None:
    """From the board: the customer is recognised, and it began on Monday."""
    rep.page.goto("/w/alpha/deals/")
    rep.hand.press(rep.main.get_by_role("link", name="New deal"))
    form = rep.form("New deal")
    customer = form.get_by_role("combobox", name="Customer")
    rep.hand.write(customer, "acm" if rep.scripts else "Acme")
    if rep.scripts:
        option = form.get_by_role("option", name="Acme").first
        option.wait_for()
        rep.hand.choose(customer, option)
        expect(customer).to_have_value("Acme")
    rep.hand.write(form.get_by_label("What it is about"), "Spring course")
    rep.hand.write(form.get_by_label("Amount"), "5000")
    rep.hand.press(form.get_by_text("Source, rep and day"))
    rep.on_day(form, date(2026, 3, 30))
    rep.hand.press(form.get_by_role("button", name="Open deal"))
    rep.told("Deal opened in Booked")
    card = rep.main.get_by_role("link", name="Spring course", exact=True)
    rep.hand.press(card)
    expect(rep.main.get_by_role("heading", level=1, name="Spring course")).to_be_visible()


def logs_a_call(rep: Person) -> None:
    rep.hand.press(rep.main.get_by_role("link", name="Log a call"))
    form = rep.form("Log what was said")
    rep.hand.write(form.get_by_label("Note"), "They want two seats & a <b>date</b>")
    rep.hand.press(form.get_by_role("button", name="Save"))
    rep.told("Call logged")
    story = rep.main.get_by_role("region", name="What happened")
    expect(story.get_by_text("They want two seats & a <b>date</b>")).to_be_visible()


def moves_it_on_tuesday(rep: Person) -> None:
    """The first move happened on the last day of the quarter before."""
    rep.hand.press(rep.main.get_by_role("button", name="Move", exact=True))
    rep.hand.press(rep.main.get_by_role("link", name="With a day or a note"))
    form = rep.form("Move Spring course")
    rep.hand.tick(form.get_by_role("radio", name="Held"))
    rep.on_day(form, date(2026, 3, 31))
    rep.hand.press(form.get_by_role("button", name="Move", exact=True))
    rep.told("Spring course moved to Held")


def moves_it_too_far_and_takes_that_back(rep: Person) -> None:
    rep.hand.press(rep.main.get_by_role("button", name="Move", exact=True))
    rep.hand.press(rep.main.get_by_role("button", name="Coach"))
    rep.told("Spring course moved to Coach")
    expect(rep.main.get_by_role("form", name="Move to")).to_be_hidden()  # the menu is shut
    rep.hand.press(rep.page.get_by_role("button", name="Undo"))
    current = rep.main.get_by_role("listitem").and_(rep.page.locator("[aria-current=step]"))
    expect(current).to_contain_text("Held")


def wins_it(rep: Person) -> None:
    rep.hand.press(rep.main.get_by_role("link", name="Won…", exact=True))
    form = rep.form("Won: Spring course")
    expect(form.get_by_label("Amount")).to_have_value(re.compile(r"^5000(\.00)?$"))
    rep.hand.write(form.get_by_label("What made them buy?"), "The coach they met")
    rep.hand.press(form.get_by_role("button", name="Mark won"))
    expect(rep.main.get_by_role("link", name="Reopen…")).to_be_visible()
    expect(rep.main.get_by_text("The coach they met").first).to_be_visible()


def corrects_the_win(manager: Person, deal_id: int) -> None:
    """It was signed on Tuesday already, in the quarter before."""
    manager.page.goto(f"/w/alpha/deals/{deal_id}/")
    manager.hand.press(manager.main.get_by_role("link", name=re.compile("^Correct: .*Won")))
    form = manager.form("Correct a move")
    manager.hand.set_day(form.get_by_label("Day", exact=True), date(2026, 3, 31))
    manager.hand.set_time(form.get_by_label("Time", exact=True), time(15, 0))
    manager.hand.write(form.get_by_label("Reason", exact=True), "Signed on Tuesday")
    manager.hand.press(form.get_by_role("button", name="Correct it"))
    manager.told("Corrected. The old entry stays in the history")
    expect(manager.main.get_by_text("Signed on Tuesday").first).to_be_visible()


@pytest.mark.parametrize("way", WAYS)
def test_a_deal_from_its_opening_to_a_correction(way: str, floor: Workspace, person: Any) -> None:
    rep = person(Role.REP, way)
    opens_a_deal(rep)
    logs_a_call(rep)
    moves_it_on_tuesday(rep)
    moves_it_too_far_and_takes_that_back(rep)
    wins_it(rep)

    with inside(floor):
        deal = Deal.objects.select_related("stage", "customer", "rep").get()
        assert deal.stage.name == "Won"
        assert (deal.opened_on, deal.closed_on) == (date(2026, 3, 30), TODAY.date())
        assert (deal.customer.name, deal.rep.name) == ("Acme", "Ada")
        assert (deal.amount, deal.won_reason) == (Decimal(5000), "The coach they met")
        assert Activity.objects.get().kind == "call"
        assert Note.objects.get().body == "They want two seats & a <b>date</b>"
        # Opened, moved, moved too far, withdrawn, won: five entries, one of which is void.
        assert StageTransition.objects.count() == 5
        assert check_facts() == []
    recompute(floor)
    first, second = figures(floor, Q1), figures(floor, Q2)
    assert (first["opened"], first["won"], first["open_at_end"]) == (1, 0, 1)
    assert (first["in_play"], first["revenue_won"]) == (1, 0)
    # The move that was backdated counts in Q1; winning reaches every stage, in Q2.
    assert by_stage(first, "advanced") == [1, 0, 0]
    assert by_stage(second, "advanced") == [0, 1, 1]
    assert (second["opened"], second["won"], second["open_at_end"]) == (0, 1, 0)
    assert (second["revenue_won"], second["cycle_won_days"]) == (5000, 4)
    # One day in Booked, which ended in Q1; three in Held; the undone move left no visit.
    assert by_stage(first, "days_median") == [1, None, None]
    assert by_stage(second, "days_median") == [None, 3, None]
    assert by_stage(second, "days_count") == [0, 1, 0]

    corrects_the_win(person(Role.MANAGER, way), deal.pk)
    with inside(floor):
        assert StageTransition.objects.count() == 6
        assert Deal.objects.get().closed_on == date(2026, 3, 31)
        assert check_facts() == []
    recompute(floor)
    first, second = figures(floor, Q1), figures(floor, Q2)
    assert (first["opened"], first["won"], first["open_at_end"]) == (1, 1, 0)
    assert (first["revenue_won"], first["cycle_won_days"]) == (5000, 1)
    assert (second["opened"], second["won"], second["in_play"]) == (0, 0, 0)
    assert by_stage(first, "advanced") == [1, 1, 1]
    assert by_stage(second, "advanced") == [0, 0, 0]


@pytest.fixture
def one_card(floor: Workspace) -> Workspace:
    """A single deal, in Booked since Monday."""
    with company_context(floor.company.pk):
        open_deal(
            by=floor.actor(Role.REP),
            pipeline_id=floor.pipeline.pk,
            stage_id=floor.stages["Booked"].pk,
            name="Spring course",
            occurred_at=TODAY - timedelta(days=4),
            now=TODAY,
        )
    return floor


def column(person: Person, name: str) -> Locator:
    return person.main.get_by_role("region", name=re.compile(f"^{name}"))


def stage_of_the_deal(workspace: Workspace) -> str:
    """Its stage by the database, whose facts hold together."""
    with inside(workspace):
        assert check_facts() == []
        return str(Deal.objects.select_related("stage").get().stage)


@pytest.mark.parametrize("way", WAYS)
def test_a_card_is_moved_twice_by_its_menu(way: str, one_card: Workspace, person: Any) -> None:
    """The menu lists the stages but its own; without scripts the form of the move does."""
    rep = person(Role.REP, way)
    rep.page.goto("/w/alpha/deals/")
    for stage in ("Held", "Coach"):
        rep.hand.press(rep.main.get_by_role("link", name="Move: Spring course"))
        if rep.scripts:
            menu = rep.main.get_by_role("form", name="Move to")
            expect(menu).to_be_visible()
            assert menu.get_by_role("button").count() == 2
            rep.hand.press(menu.get_by_role("button", name=stage))
        else:
            form = rep.form("Move Spring course")
            rep.hand.tick(form.get_by_role("radio", name=stage))
            rep.hand.press(form.get_by_role("button", name="Move", exact=True))
        rep.told(f"Spring course moved to {stage}")
        expect(
            column(rep, stage).get_by_role("link", name="Spring course", exact=True)
        ).to_be_visible()
        expect(rep.main.get_by_role("form", name="Move to")).to_have_count(0)
        assert stage_of_the_deal(one_card) == stage


def test_keys_and_presses_open_and_shut_the_menu(one_card: Workspace, person: Any) -> None:
    """m and a digit move the card; a press on the open menu's button, or Escape, shuts it."""
    rep = person(Role.REP, "mouse")
    rep.page.goto("/w/alpha/deals/")
    menu = rep.main.get_by_role("form", name="Move to")
    button = rep.main.get_by_role("link", name="Move: Spring course")
    card = button.locator("xpath=ancestor::li")
    for _time in range(2):
        button.click()
        expect(menu).to_be_visible()
        expect(button).to_have_attribute("aria-expanded", "true")
        box, beside = menu.bounding_box(), card.bounding_box()
        assert box is not None
        assert beside is not None
        assert box["x"] >= beside["x"] + beside["width"] - 60  # beside the card
        button.click()
        expect(menu).to_be_hidden()
    rep.main.get_by_role("link", name="Spring course", exact=True).focus()
    rep.page.keyboard.press("m")
    expect(menu.get_by_role("button").first).to_be_focused()
    rep.page.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    expect(button).to_be_focused()
    rep.page.keyboard.press("Enter")
    menu.get_by_role("button").first.wait_for()
    rep.page.keyboard.press("2")
    rep.told("Spring course moved to Held")
    expect(rep.main.get_by_role("link", name="Spring course", exact=True)).to_be_focused()
    assert stage_of_the_deal(one_card) == "Held"
    button.click()
    rep.main.get_by_role("link", name="Mark lost…").click()
    expect(rep.form("Lost: Spring course")).to_be_visible()


def drag(rep: Person, target: Locator) -> None:
    card = rep.main.get_by_role("listitem").filter(
        has=rep.page.get_by_role("heading", name="Spring course")
    )
    start, end = card.bounding_box(), target.bounding_box()
    assert start is not None
    assert end is not None
    mouse = rep.page.mouse
    mouse.move(start["x"] + 60, start["y"] + 50)
    mouse.down()
    mouse.move(start["x"] + 90, start["y"] + 60, steps=4)
    mouse.move(end["x"] + 60, end["y"] + 50, steps=12)
    mouse.up()


def test_a_card_is_dragged_and_the_drag_taken_back(one_card: Workspace, person: Any) -> None:
    rep = person(Role.REP, "mouse")
    rep.page.goto("/w/alpha/deals/")
    drag(rep, column(rep, "Held"))
    rep.told("Spring course moved to Held")
    card = "Spring course"
    expect(column(rep, "Held").get_by_role("link", name=card, exact=True)).to_be_visible()
    rep.hand.press(rep.page.get_by_role("button", name="Undo"))
    expect(column(rep, "Booked").get_by_role("link", name=card, exact=True)).to_be_visible()
    assert stage_of_the_deal(one_card) == "Booked"
    with inside(one_card):
        assert StageTransition.objects.count() == 3
    drag(rep, rep.main.get_by_role("link", name=re.compile("^Won")))
    expect(rep.form("Won: Spring course")).to_be_visible()
    expect(column(rep, "Booked").get_by_role("link", name=card, exact=True)).to_be_attached()


@pytest.fixture
def furnished(floor: Workspace) -> Workspace:
    """The same with deals in all stages."""
    add_deals(floor, now=TODAY)
    return floor


def dialogs(workspace: Workspace) -> list[tuple[str, str, str]]:
    """(page, the link that opens it, the dialog's name)"""
    deal = f"/w/alpha/deals/{workspace.deals['open']}/"
    return [
        ("/w/alpha/deals/", "New deal", "New deal"),
        (deal, "Log a meeting…", "Log what was said"),
        (deal, "Won…", "Won: open"),
        (deal, "Lost…", "Lost: open"),
        (deal, "Add…", "New contact at Acme"),
        (deal, "Correct:", "Correct a move"),
    ]


@pytest.mark.parametrize(("scheme", "width"), [("light", 1360), ("dark", 360)])
def test_no_violation_of_accessibility(
    furnished: Workspace, live_server: Any, browser: Browser, scheme: str, width: int
) -> None:
    """The board, the list, deals open and won, my day, and what opens over them."""
    window = Visitor(
        browser,
        live_server.url,
        state_of(furnished.user(Role.MANAGER), live_server.url),
        color_scheme=scheme,
        viewport={"width": width, "height": 900},
        reduced_motion="reduce",
    )
    page = window.page
    page.set_default_timeout(15_000)
    found = []
    deals = "/w/alpha/deals/"
    plain = [deals, f"{deals}list/", f"{deals}{furnished.deals['won late']}/", "/w/alpha/my-day/"]
    for path in plain:
        page.goto(path)
        assert page.get_by_role("heading", level=1).count() == 1, path
        found += [f"{path}: {v}" for v in window.axe()]
        assert window.overflow() <= 0, path
    for path, link, name in dialogs(furnished):
        page.goto(path)
        page.get_by_role("main").get_by_role("link", name=link).first.click()
        page.get_by_role("dialog", name=name).wait_for()
        found += [f"{path} {name}: {v}" for v in window.axe("dialog[open]")]
    page.goto(f"{deals}{furnished.deals['open']}/")
    page.get_by_role("main").get_by_role("button", name="Move", exact=True).click()
    page.get_by_role("form", name="Move to").wait_for()
    found += [f"move menu: {v}" for v in window.axe("main")]
    said = window.said
    window.context.close()
    assert found == []
    assert said == []


def test_nothing_is_refused_and_nothing_overflows(
    furnished: Workspace, live_server: Any, browser: Browser
) -> None:
    """No console message, nothing against the policy of the pages, no sideways scrolling."""
    state = state_of(furnished.user(Role.REP), live_server.url)
    window = Visitor(browser, live_server.url, state)
    deals = "/w/alpha/deals/"
    paths = [deals, f"{deals}list/", f"{deals}{furnished.deals['open']}/", f"{deals}new/"]
    found = []
    for path in paths:
        window.page.goto(path)
        for width in (320, 360, 768, 1360):
            window.page.set_viewport_size({"width": width, "height": 800})
            if window.overflow() > 0:
                found.append(f"{path} {width}: {window.overflow()} px too wide")
        found += [f"{path}: {p}" for p in window.page.evaluate("window.refused")]
    found += window.said
    window.context.close()
    assert found == []
