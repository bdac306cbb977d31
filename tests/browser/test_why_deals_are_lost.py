"""Where deals are lost, and why: from the velocity to the worst stage, to the calls and the buyers,
to a finding, a danger point and a scenario; by mouse, keyboard, finger and without scripts.

The company loses 30 of the 50 deals that left Coach, against 8 of 28 usually (losing_company.py).
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Locator, Page, expect

from accounts.roles import Role
from metrics.models import DangerPoint, Finding, FindingDeal, Review, Scenario
from pipeline.models import Deal
from tests.browser.conftest import Visitor, state_of
from tests.browser.hands import Finger, Hand, Keys, Mouse
from tests.browser.losing_company import TODAY, make_losing_company
from tests.browser.test_sales_floor import inside
from tests.personas import Workspace

HOME = "/w/alpha/"
WAYS: dict[str, tuple[Callable[[Page], Hand], dict[str, Any]]] = {
    "mouse": (lambda page: Mouse(), {}),
    "keyboard": (Keys, {}),
    "finger": (
        lambda page: Finger(),
        {"viewport": {"width": 360, "height": 780}, "has_touch": True},
    ),
    "no scripts": (lambda page: Mouse(), {"java_script_enabled": False}),
}
STATEMENT = "Nobody asks who else signs before the offer"


@pytest.fixture
def company(
    live_server: Any, transactional_db: None, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> Workspace:
    """The losing company; the server's clock goes on from its day."""
    begun = datetime.now(UTC)
    monkeypatch.setattr(timezone, "now", lambda: TODAY + (datetime.now(UTC) - begun))
    return make_losing_company()


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody at a window of their own, and how they use it."""

    window: Visitor
    hand: Hand
    scripts: bool
    phone: bool

    @property
    def page(self) -> Page:
        return self.window.page

    @property
    def main(self) -> Locator:
        return self.page.get_by_role("main")

    def card(self, name: str | re.Pattern[str]) -> Locator:
        return self.main.get_by_role("region", name=name).first

    def form(self, name: str) -> Locator:
        """The form that was just asked for: a dialog, or a page of its own without scripts."""
        if self.scripts:
            return self.page.get_by_role("dialog", name=name)
        expect(self.main.get_by_role("heading", level=1, name=name)).to_be_visible()
        return self.main

    def arrives(self, heading: str | re.Pattern[str]) -> None:
        """The page of this name stands, and nothing on it is wider than the window."""
        expect(self.main.get_by_role("heading", level=1, name=heading)).to_be_visible()
        assert self.window.overflow() <= 0, f"sideways scrolling at: {heading}"

    def goes_to(self, entry: str) -> None:
        """By the sidebar, which a phone keeps behind a button."""
        if self.phone:
            self.hand.press(self.page.get_by_role("button", name="Menu", exact=True))
        pages = self.page.get_by_role("navigation", name="Pages")
        self.hand.press(pages.get_by_role("link", name=re.compile(rf"^(\d )?{entry}$")))

    def told(self, text: str) -> None:
        expect(self.page.get_by_role("status").filter(has_text=text).first).to_be_visible()


@pytest.fixture
def person(live_server: Any, company: Workspace, browser: Browser) -> Iterator[Any]:
    """person(role, way) sits down, signed in; at the end nothing may have gone wrong there."""
    seated: list[Visitor] = []

    def sit_down(role: Role, way: str = "mouse") -> Person:
        make_hand, options = WAYS[way]
        state = state_of(company.user(role), live_server.url)
        window = Visitor(browser, live_server.url, state, locale="en-GB", **options)
        window.page.set_default_timeout(10_000)
        seated.append(window)
        scripts = options.get("java_script_enabled", True)
        return Person(window, make_hand(window.page), scripts, "viewport" in options)

    yield sit_down
    problems = [problem for window in seated for problem in window.problems()]
    for window in seated:
        window.context.close()
    assert problems == []


# The journey ----------------------------------------------------------------------------------


def finds_the_worst_stage(manager: Person) -> None:
    """The costliest loss stands first beside the velocity, and leads to its stage."""
    manager.page.goto(f"{HOME}velocity/")
    worst = manager.card("Danger points").get_by_role("listitem").first
    expect(worst).to_contain_text("Danger")
    manager.hand.press(worst.get_by_role("link", name=re.compile("^Coach → Won")))
    manager.arrives("Funnel and danger points")
    stage = manager.card("Coach → Won")
    expect(stage).to_contain_text("Danger")
    expect(stage).to_contain_text("Nothing is known here yet")


def counts_the_deals_behind_a_number(manager: Person) -> None:
    """As many rows as the number said, and back again."""
    row = manager.card("Coach against usual").get_by_role("row", name=re.compile("Amount lost"))
    link = row.get_by_role("link", name=re.compile(r"^\d+ deals$"))
    number = int(link.inner_text().split()[0])
    assert number == 30
    manager.hand.press(link)
    manager.arrives(re.compile(f"^Lost at Coach in Q1 2026: {number} deals$"))
    deals = manager.main.get_by_role("table").get_by_role("rowheader")
    names = deals.get_by_role("link").all_inner_texts()
    assert sorted(names) == [f"Classic {n}" for n in range(50, 80)]
    manager.hand.press(manager.main.get_by_role("link", name="Back to the funnel"))
    expect(manager.card("Coach → Won")).to_be_visible()


def reviews_the_next_call(manager: Person) -> None:
    """The queue says which one and why; its sheet is filled and finished."""
    manager.goes_to("Reviews")
    manager.arrives("Reviews")
    place = manager.card(re.compile("^Coach"))
    manager.hand.press(place.get_by_role("link", name=re.compile("^Review this call")).first)
    manager.arrives("Call review")
    manager.hand.press(manager.main.get_by_role("button", name="Open the sheet"))
    manager.hand.write(
        manager.main.get_by_label("Which questions did the buyer ask?"), "Who else signs?"
    )
    manager.hand.press(manager.main.get_by_role("button", name="Finish"))
    manager.told("Review finished")


def interviews_a_lost_buyer(manager: Person) -> None:
    """With the buyer's own reason, which the rep had not known; a finding is drawn from it."""
    manager.goes_to("Reviews")
    place = manager.card(re.compile("^Coach"))
    expect(place).to_contain_text("2 of 30")  # calls reviewed
    manager.hand.press(place.get_by_text(re.compile("^Lost-prospect interview")))
    manager.hand.press(place.get_by_role("link", name=re.compile("^Interview")).first)
    manager.arrives("Lost-prospect interview")
    manager.hand.press(manager.main.get_by_role("button", name="Open the sheet"))
    sheet = manager.main
    first = sheet.get_by_role("region", name="Questions").get_by_role("listitem").first
    manager.hand.write(first.get_by_role("textbox"), "Our director had to sign, nobody asked him.")
    manager.hand.tick(sheet.get_by_role("radio", name="They decided nothing"))
    manager.hand.write(sheet.get_by_label("In the buyer's own words"), "It was never put to him.")
    manager.hand.press(sheet.get_by_role("button", name="Save draft"))
    manager.told("Draft saved")


def draws_a_finding(manager: Person, deal: str) -> None:
    """From the answer, at the stage of the loss, tied to the deal and to another one."""
    manager.hand.press(manager.main.get_by_role("link", name=re.compile("^Draw a finding")).first)
    form = manager.form("Add finding")
    expect(form.get_by_text("Our director had to sign").first).to_be_visible()
    expect(form.get_by_label("Stage", exact=True).locator("option:checked")).to_have_text("Coach")
    manager.hand.write(form.get_by_label("What was learned"), STATEMENT)
    manager.hand.write(form.get_by_label("Find a deal"), deal)
    if not manager.scripts:
        manager.hand.press(form.get_by_role("button", name="Find", exact=True))
    manager.hand.tick(form.get_by_role("checkbox", name=re.compile(f"^{deal}\\b")))
    manager.hand.press(form.get_by_role("button", name="Add finding"))
    expect(manager.card("Findings drawn").get_by_role("link", name=STATEMENT)).to_be_visible()


def not_interviewed(company: Workspace) -> str:
    """One of those lost at Coach, but the one that the interview is of (a lot chose it)."""
    with inside(company):
        interviewed = Review.objects.get(kind="lost_interview").deal.name
    return next(name for name in ("Classic 79", "Classic 78") if name != interviewed)


def finishes_the_interview(manager: Person) -> None:
    manager.hand.press(manager.main.get_by_role("button", name="Finish"))
    manager.told("Review finished")
    expect(manager.card("Why it was lost")).to_contain_text("It was never put to him.")


def opens_a_danger_point(manager: Person) -> None:
    manager.goes_to("Danger points")
    manager.hand.press(manager.main.get_by_role("link", name="Coach", exact=True))
    manager.hand.press(manager.main.get_by_role("link", name="Open a danger point"))
    manager.arrives("Take on a danger point")
    form = manager.main
    expect(form.get_by_label("Stage", exact=True).locator("option:checked")).to_have_text("Coach")
    manager.hand.pick(form.get_by_label("Owner"), "Rep")
    manager.hand.set_day(form.get_by_label("Due"), date(2026, 4, 30))
    manager.hand.press(form.get_by_role("button", name="Take it on"))
    manager.arrives(re.compile("^Coach"))
    work = manager.card("Who and by when")
    expect(work).to_contain_text("Rep")
    expect(work).to_contain_text("30 Apr")
    expect(manager.card("What was learned here")).to_contain_text(STATEMENT)


def saves_a_scenario(manager: Person) -> None:
    manager.goes_to("Simulator")
    manager.arrives("Simulator")
    lever = manager.main.get_by_role("spinbutton", name="Coach → Won")
    manager.hand.write(lever, "50")
    if manager.scripts:
        manager.page.wait_for_url("**?p3=50")
    else:
        manager.hand.press(manager.main.get_by_role("button", name="Show what it would be"))
    manager.hand.press(manager.main.get_by_role("link", name="Save as scenario…"))
    form = manager.form("Save as scenario")
    manager.hand.write(form.get_by_label("Name"), "Every second one signs")
    manager.hand.press(form.get_by_role("button", name="Save"))
    saved = manager.card("Saved scenarios").get_by_role("row", name=re.compile("^Every second"))
    expect(saved).to_contain_text("Manager")


def sees_it_all_at_the_stage(reader: Person) -> None:
    """The funnel shows the finding, where was looked and the danger point; voices the interview."""
    reader.goes_to("Danger points")
    reader.hand.press(reader.main.get_by_role("link", name="Coach", exact=True))
    stage = reader.card("Coach → Won")
    expect(stage.get_by_role("link", name=STATEMENT)).to_be_visible()
    expect(stage).to_contain_text("1 finding, 2 deals")
    expect(stage).to_contain_text("Rep")
    grid = reader.card("Where you have looked")
    expect(
        grid.get_by_role("link", name="1 finding: Lost-prospect interview, Coach")
    ).to_be_visible()
    reader.goes_to("Two voices")
    reader.arrives("Two voices")
    deals = reader.card("Deal by deal")
    expect(deals).to_contain_text("It was never put to him.")
    expect(deals.get_by_role("link", name=re.compile("^Interview"))).to_be_visible()


@pytest.mark.parametrize("way", WAYS)
def test_from_the_velocity_to_a_danger_point(way: str, company: Workspace, person: Any) -> None:
    manager = person(Role.MANAGER, way)
    finds_the_worst_stage(manager)
    counts_the_deals_behind_a_number(manager)
    reviews_the_next_call(manager)
    reviews_the_next_call(manager)
    interviews_a_lost_buyer(manager)
    other = not_interviewed(company)
    draws_a_finding(manager, other)
    finishes_the_interview(manager)
    opens_a_danger_point(manager)
    saves_a_scenario(manager)
    sees_it_all_at_the_stage(manager)
    with inside(company):
        calls = list(Review.objects.filter(kind="call_review", state="done").values_list("deal_id"))
        assert len(set(calls)) == 2
        interview = Review.objects.get(kind="lost_interview")
        assert (interview.state, interview.buyer_level) == ("done", "no_decision")
        finding = Finding.objects.get()
        assert (finding.review_id, finding.source) == (interview.pk, "lost_interview")
        tied = set(FindingDeal.objects.values_list("deal_id", flat=True))
        assert tied == {interview.deal_id, Deal.objects.get(name=other).pk}
        # What the buyer said did not touch what the rep had recorded.
        assert Deal.objects.get(pk=interview.deal_id).lost_reason is None
        point = DangerPoint.objects.get()
        assert (point.stage_id, point.due_on) == (company.stages["Coach"].pk, date(2026, 4, 30))
        assert point.owner == company.user(Role.REP)
        assert {k: Decimal(v) for k, v in Scenario.objects.get().changes.items()} == {"p3": 50}
