"""A finger holds a card and drags it on a phone; a finger that moves at once scrolls instead.

The touches are the browser's own (Input.dispatchTouchEvent), so that Sortable's hold and the
page's scrolling are what they are on a phone.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from accounts.roles import Role
from accounts.tenancy.context import company_context
from pipeline.models import Deal, StageTransition
from pipeline.services.deals import open_deal
from pipeline.services.facts import check_facts
from tests.browser.conftest import Visitor, state_of
from tests.browser.test_sales_floor import PHONE, TODAY, floor, inside  # noqa: F401  fixture
from tests.personas import Workspace

HOLD = 260  # ms: the board waits 180 before it takes a card
STEPS = 14


@pytest.fixture
def phone(live_server: Any, floor: Workspace, browser: Browser) -> Iterator[Visitor]:  # noqa: F811
    """The board on a phone of 360 px, with one deal in the first stage."""
    with company_context(floor.company.pk):
        open_deal(
            by=floor.actor(Role.REP),
            pipeline_id=floor.pipeline.pk,
            stage_id=floor.stages["Booked"].pk,
            name="Spring course",
            occurred_at=TODAY - timedelta(days=4),
            now=TODAY,
        )
    state = state_of(floor.user(Role.REP), live_server.url)
    window = Visitor(
        browser, live_server.url, state, is_mobile=True, reduced_motion="reduce", **PHONE
    )
    window.page.set_default_timeout(15_000)
    window.page.goto("/w/alpha/deals/")
    yield window
    said = window.problems()
    window.context.close()
    assert said == []


class Touch:
    """One finger on the glass."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.wire = page.context.new_cdp_session(page)

    def _send(self, kind: str, *points: tuple[float, float]) -> None:
        touched = [{"x": x, "y": y, "id": 1} for x, y in points]
        self.wire.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touched})

    @contextmanager
    def down(self, x: float, y: float) -> Iterator[Any]:
        """The finger is down at a point; what is given moves it on."""
        self._send("touchStart", (x, y))
        at = [x, y]

        def to(x: float, y: float) -> None:
            for step in range(1, STEPS + 1):
                part = step / STEPS
                self._send("touchMove", (at[0] + (x - at[0]) * part, at[1] + (y - at[1]) * part))
                self.page.wait_for_timeout(16)
            at[:] = [x, y]

        yield to
        self._send("touchEnd")


def column(page: Page, name: str) -> Locator:
    return page.get_by_role("main").get_by_role("region", name=re.compile(f"^{name}"))


def middle(box: Any) -> tuple[float, float]:
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def in_column(page: Page, name: str) -> Locator:
    """The card in the column of that stage."""
    heading = page.get_by_role("heading", name="Spring course")
    return column(page, name).locator("[data-deal]").filter(has=heading)


def test_a_card_that_is_held_is_dragged(phone: Visitor, floor: Workspace) -> None:  # noqa: F811
    page = phone.page
    # On a phone the next column shows by its edge only: that is where the finger goes.
    target = column(page, "Held").locator("[data-cards]").bounding_box()
    assert target is not None
    assert target["x"] < 350
    x, y = middle(in_column(page, "Booked").bounding_box())
    with Touch(page).down(x, y) as to:
        page.wait_for_timeout(HOLD)
        to(x + 12, y + 12)
        to(352, target["y"] + 20)
        page.wait_for_timeout(100)
    said = page.get_by_role("status").filter(has_text="Spring course moved to Held").first
    expect(said).to_be_visible()
    expect(in_column(page, "Held")).to_have_count(1)
    expect(in_column(page, "Booked")).to_have_count(0)
    with inside(floor):
        assert Deal.objects.get().stage_id == floor.stages["Held"].pk
        assert StageTransition.objects.count() == 2
        assert check_facts() == []


def test_a_finger_that_moves_at_once_scrolls(phone: Visitor, floor: Workspace) -> None:  # noqa: F811
    page = phone.page
    board = page.locator("#board")
    assert board.evaluate("(e) => e.scrollLeft") == 0
    x, y = middle(in_column(page, "Booked").bounding_box())
    with Touch(page).down(x, y) as to:
        to(x - 170, y)
    page.wait_for_function("document.querySelector('#board').scrollLeft > 60")
    expect(in_column(page, "Booked")).to_have_count(1)
    with inside(floor):
        assert StageTransition.objects.count() == 1
