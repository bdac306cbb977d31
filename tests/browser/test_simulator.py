"""The simulator as people meet it: by keyboard, by mouse, without scripts, on a phone."""

from typing import Any

import pytest

PAGE = "/w/alpha/simulator/"
PAGES = [PAGE, f"{PAGE}?p1=80&c=3", f"{PAGE}?p1=x&unknown=1", f"{PAGE}?q=2026-Q1"]

# The next answer waits, as on a slow line, until window.comes() is called.
HOLD_NEXT_ANSWER = """() => {
  const real = window.fetch;
  window.fetch = async (...asked) => {
    window.fetch = real;
    const answer = await real(...asked);
    await new Promise((comes) => { window.comes = comes; });
    return answer;
  };
}"""


@pytest.mark.parametrize(("scheme", "width"), [("light", 1360), ("dark", 360)])
def test_it_can_be_read_and_used_by_all(visit: Any, scheme: str, width: int) -> None:
    window = visit(color_scheme=scheme, viewport={"width": width, "height": 900})
    found = []
    for path in PAGES:
        window.page.goto(path)
        found += [f"{path}: {v}" for v in window.axe()]
        if window.overflow() > 0:
            found.append(f"{path}: {window.overflow()} px too wide")
    assert found == []


def test_a_slider_by_keyboard(visit: Any) -> None:
    """An arrow is one point, Page Up ten; the number field, the result and the address follow."""
    window = visit()
    page = window.page
    page.goto(PAGE)
    slider, number = page.locator("#slider-p1"), page.locator("#lever-p1")
    slider.focus()
    start = int(slider.input_value())
    page.keyboard.press("ArrowRight")
    assert int(number.input_value()) == start + 1
    page.keyboard.press("PageUp")
    assert int(number.input_value()) == start + 11
    page.wait_for_url(f"**{PAGE}?p1={start + 11}")
    assert "Velocity would be" in page.locator("#lede").inner_text()
    assert page.evaluate("document.activeElement.id") == "slider-p1"
    page.get_by_role("link", name="Reset").press("Enter")
    page.locator("#lede", has_text="Move a lever").wait_for()
    assert int(slider.input_value()) == start
    assert window.problems() == []


def test_an_answer_to_an_older_value_never_takes_back_what_was_typed_since(visit: Any) -> None:
    """The answer to 68 comes while 78 is typed, before 78 is asked: the field keeps 78.

    The page asks 250 ms after the last key, and its answer draws the levers anew. An answer
    on its way is given up at the key, not when the next question leaves.
    """
    window = visit()
    page = window.page
    page.goto(PAGE)
    slider = page.locator("#slider-p1")
    start = int(slider.input_value())
    page.evaluate(HOLD_NEXT_ANSWER)
    slider.press("ArrowRight")
    page.wait_for_function("() => window.comes !== undefined")
    slider.press("PageUp")
    page.evaluate("window.comes()")
    page.wait_for_url(f"**{PAGE}?p1={start + 11}")
    page.locator("#lede", has_text="Velocity would be").wait_for()
    assert slider.input_value() == page.locator("#lever-p1").input_value() == str(start + 11)
    assert window.problems() == []


def test_a_number_typed_moves_the_slider_and_keeps_the_focus(visit: Any) -> None:
    window = visit()
    page = window.page
    page.goto(PAGE)
    number = page.locator("#lever-c")
    number.fill("3")
    page.wait_for_url(f"**{PAGE}?c=3")
    assert page.locator("#slider-c").input_value() == "3"
    assert page.evaluate("document.activeElement.id") == "lever-c"
    number.fill("0")
    page.locator("#error-c").wait_for()
    assert number.input_value() == "0"
    assert number.get_attribute("aria-invalid") == "true"
    assert page.url.endswith("?c=3")


def test_a_scenario_is_saved_by_keyboard(visit: Any) -> None:
    window = visit()
    page = window.page
    page.goto(f"{PAGE}?c=3")
    page.get_by_role("link", name="Save as scenario…").press("Enter")
    page.locator("dialog[open]").wait_for()
    page.keyboard.type("Quick wins")
    page.keyboard.press("Enter")
    page.locator("#scenarios tbody tr").wait_for()
    assert "Scenario Quick wins saved" in page.locator(".toast").inner_text()
    assert page.locator("dialog[open]").count() == 0
    page.get_by_role("button", name="More for Quick wins").press("Enter")
    page.get_by_role("button", name="Withdraw").press("Enter")
    page.locator("#scenarios tbody tr").wait_for(state="detached")
    page.locator(".toast").get_by_role("button", name="Undo").press("Enter")
    page.locator("#scenarios tbody tr").wait_for()
    assert window.problems() == []


def test_without_scripts_numbers_and_a_button_do_it(visit: Any) -> None:
    window = visit(java_script_enabled=False)
    page = window.page
    page.goto(PAGE)
    assert not page.locator("#slider-p1").is_visible()
    page.locator("#lever-p1").fill("80")
    page.get_by_role("button", name="Show what it would be").click()
    page.wait_for_url(f"**{PAGE}?p1=80")
    assert "Velocity would be" in page.locator("#lede").inner_text()
