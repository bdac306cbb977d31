"""Hands: how somebody uses a page. By mouse, by finger, or with the keyboard alone.

A journey is written once and done by each of them. The keyboard reaches a control by Tab (and
arrows within a group of choices), as a person would; what Tab never reaches fails the test.
"""

from datetime import date, time
from typing import Protocol

from playwright.sync_api import Locator, Page

MANY_TABS = 150


class Hand(Protocol):
    def press(self, what: Locator) -> None: ...
    def write(self, field: Locator, text: str) -> None: ...
    def tick(self, choice: Locator) -> None: ...
    def choose(self, field: Locator, option: Locator) -> None: ...
    def pick(self, field: Locator, text: str) -> None: ...
    def set_day(self, field: Locator, day: date) -> None: ...
    def set_time(self, field: Locator, at: time) -> None: ...


class Mouse:
    """Clicks, and types into what was clicked."""

    def press(self, what: Locator) -> None:
        what.click()

    def write(self, field: Locator, text: str) -> None:
        self.press(field)
        field.fill("")
        field.press_sequentially(text)

    def tick(self, choice: Locator) -> None:
        self.press(choice)

    def choose(self, field: Locator, option: Locator) -> None:
        self.press(option)

    def pick(self, field: Locator, text: str) -> None:
        field.select_option(label=text)

    def set_day(self, field: Locator, day: date) -> None:
        field.fill(day.isoformat())

    def set_time(self, field: Locator, at: time) -> None:
        field.fill(at.isoformat("minutes"))


class Finger(Mouse):
    """Taps."""

    def press(self, what: Locator) -> None:
        what.tap()


class Keys:
    """Tab, arrows, Enter, Space and text: nothing is ever pointed at."""

    def __init__(self, page: Page) -> None:
        self.keyboard = page.keyboard

    def _reach(self, what: Locator, test: str = "e === document.activeElement") -> None:
        what.wait_for()
        for _ in range(MANY_TABS):
            if what.evaluate(f"(e) => {test}"):
                return
            self.keyboard.press("Tab")
        raise AssertionError(f"Tab does not come to {what}")

    def press(self, what: Locator) -> None:
        # What opens a fold has no role and is found by its text; the keyboard comes to the whole.
        itself = "e === document.activeElement"
        self._reach(what, f"{itself} || e.closest('summary') === (document.activeElement || 0)")
        self.keyboard.press("Enter")

    def write(self, field: Locator, text: str) -> None:
        self._reach(field)
        self.keyboard.press("ControlOrMeta+a")
        self.keyboard.type(text)

    def tick(self, choice: Locator) -> None:
        # Tab stops once in a group of radio buttons; arrows go on in it, and choose.
        same = "e === document.activeElement"
        group = "e.type === 'radio' && e.name === document.activeElement.name"
        self._reach(choice, f"{same} || {group}")
        for _ in range(20):
            if choice.evaluate("(e) => e === document.activeElement"):
                break
            self.keyboard.press("ArrowDown")
        if not choice.is_checked():
            self.keyboard.press("Space")
        assert choice.is_checked()

    def choose(self, field: Locator, option: Locator) -> None:
        for _ in range(20):
            self.keyboard.press("ArrowDown")
            if option.get_attribute("aria-selected") == "true":
                break
        self.keyboard.press("Enter")

    def pick(self, field: Locator, text: str) -> None:
        # A list of choices goes to the one that begins with what is typed.
        self._reach(field)
        self.keyboard.type(text)
        chosen = field.evaluate("(e) => e.selectedOptions[0].label")
        assert chosen == text, f"typing chose {chosen!r} in {field}"

    def _type_parts(self, field: Locator, texts: tuple[str, ...], wanted: str) -> None:
        """The order of the parts is the browser's language's: the one that is right is kept."""
        for text in texts:
            self._reach(field)
            for _ in range(4):
                self.keyboard.press("ArrowLeft")  # to its first part
            self.keyboard.type(text)
            if field.input_value() == wanted:
                return
        raise AssertionError(f"the keyboard writes {field.input_value()!r} into {field}")

    def set_day(self, field: Locator, day: date) -> None:
        self._type_parts(
            field, (f"{day:%m%d%Y}", f"{day:%d%m%Y}", f"{day:%Y%m%d}"), day.isoformat()
        )

    def set_time(self, field: Locator, at: time) -> None:
        twelve = f"{at:%I%M}{'PM' if at.hour >= 12 else 'AM'}"
        self._type_parts(field, (twelve, f"{at:%H%M}"), at.isoformat("minutes"))
