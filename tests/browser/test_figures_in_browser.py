"""The pages of the figures as people meet them: by eye, keyboard, phone, without scripts."""

from typing import Any

import pytest

PAGES = [
    "/w/alpha/velocity/",
    "/w/alpha/velocity/?q=2026-Q1",
    "/w/alpha/velocity/?seg=channel%3Dinbound&unknown=1",
    "/w/alpha/velocity/?q=2031-Q1",
    "/w/alpha/funnel/",
    "/w/alpha/funnel/?unit=money&at=2",
    "/w/alpha/definitions/",
    "/?all=1",
    "/account/logout/",
]
OUTSIDE = ["/account/login/", "/account/password/reset/", "/account/signup/"]
WIDTHS = [320, 360, 768, 1024, 1360]


@pytest.mark.parametrize(("scheme", "width"), [("light", 1360), ("dark", 360)])
def test_no_violation_of_accessibility(visit: Any, scheme: str, width: int) -> None:
    """Light and wide, dark and narrow: every colour and every layout is seen once."""
    window = visit(color_scheme=scheme, viewport={"width": width, "height": 900})
    found = []
    for path in PAGES:
        window.page.goto(path)
        window.page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        found += [f"{path}: {v}" for v in window.axe()]
    assert found == []


def test_no_violation_on_the_way_in(browser: Any, site: str) -> None:
    from tests.browser.conftest import Visitor

    window = Visitor(browser, site, None)
    found = []
    for path in OUTSIDE:
        window.page.goto(path)
        found += [f"{path}: {v}" for v in window.axe()]
    window.context.close()
    assert found == []


def test_the_manager_signs_in(browser: Any, site: str) -> None:
    """Through the page, as the other tests do not: they start with the cookie."""
    from tests.browser.conftest import Visitor

    window = Visitor(browser, site, None)
    page = window.page
    page.goto("/account/login/")
    page.get_by_label("Email").fill("manager@alpha.example")
    page.get_by_label("Password", exact=True).fill("manager@alpha.example")
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/w/alpha/velocity/")
    problems = window.problems()
    window.context.close()
    assert problems == []


def test_nothing_is_refused_and_nothing_overflows(visit: Any) -> None:
    """No console message, nothing against the content security policy, no sideways scrolling."""
    found = []
    for locale in ("en-GB", "fr-FR"):
        window = visit(locale=locale)
        for path in PAGES:
            window.page.goto(path)
            assert window.page.locator("h1").count() == 1, path
            assert "Leverpoint" in window.page.title()
            for width in WIDTHS:
                window.page.set_viewport_size({"width": width, "height": 800})
                if window.overflow() > 0:
                    found.append(f"{path} {locale} {width}: {window.overflow()} px too wide")
            found += [f"{path} {locale}: {p}" for p in window.problems()]
    assert found == []


def test_targets_are_large_enough(visit: Any) -> None:
    window = visit()
    for path in PAGES:
        window.page.goto(path)
        small = window.page.evaluate(
            """[...document.querySelectorAll('a, button, summary, select, input')].filter((e) => {
                 const box = e.getBoundingClientRect();
                 const inline = e.closest('p, li, dt, th, h2, h3') && e.matches('a');
                 return box.width && !inline && (box.width < 24 || box.height < 24)
                   && !e.matches('.skip, [type=checkbox]');
               }).map((e) => e.outerHTML.slice(0, 90))"""
        )
        assert small == [], path


def test_a_filter_changes_the_page_in_place_and_back_brings_it_back(visit: Any) -> None:
    window = visit()
    page = window.page
    page.goto("/w/alpha/velocity/?q=2026-Q2")
    before = page.locator(".lede").inner_text()
    page.evaluate("window.same = true")
    page.get_by_role("link", name="Outbound", exact=True).click()
    page.wait_for_url("**/velocity/?q=2026-Q2&seg=channel%3Doutbound")
    page.locator(".chip[aria-current=true]", has_text="Outbound").wait_for()
    assert page.evaluate("window.same") is True
    assert page.locator(".shell").count() == 1
    assert page.locator(".lede").inner_text() != before
    assert page.evaluate("document.activeElement.textContent.trim()") == "Outbound"
    page.go_back()
    page.locator(".chip[aria-current=true]", has_text="All deals").wait_for()
    assert page.locator(".lede").inner_text() == before
    assert page.locator(".shell").count() == 1
    assert window.problems() == []


def test_a_stage_is_chosen_with_the_keyboard_alone(visit: Any) -> None:
    window = visit()
    page = window.page
    page.goto("/w/alpha/funnel/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('.col:nth-of-type(2) .chooses')"):
            break
    page.keyboard.press("Enter")
    page.wait_for_url("**at=2")
    page.locator("#stage-title", has_text="Held").wait_for()
    assert page.evaluate("document.activeElement.matches('.chooses[aria-current=true]')")
    assert window.problems() == []


def test_a_chart_is_read_with_arrow_keys(visit: Any) -> None:
    page = visit(viewport={"width": 1360, "height": 900}).page
    page.goto("/w/alpha/velocity/?q=2026-Q2")
    page.locator(".hero svg.l").focus()
    page.keyboard.press("End")
    assert "Q2 2026" in page.locator(".tip").inner_text()
    page.keyboard.press("ArrowLeft")
    assert "Q1 2026" in page.locator(".tip").inner_text()
    page.keyboard.press("Escape")
    assert page.locator(".tip").is_hidden()


def test_shortcuts(visit: Any) -> None:
    page = visit().page
    page.goto("/w/alpha/velocity/")
    page.keyboard.press("?")
    assert page.get_by_role("dialog", name="Keyboard shortcuts").is_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    page.keyboard.press("2")
    page.wait_for_url("**/w/alpha/funnel/")


def test_theme_and_language_are_kept(visit: Any) -> None:
    page = visit().page
    page.goto("/w/alpha/velocity/")
    page.get_by_role("button", name="Your menu").click()
    page.get_by_role("button", name="Dark").click()
    page.wait_for_load_state()
    page.goto("/w/alpha/funnel/")
    assert page.locator("html").get_attribute("data-theme") == "dark"
    page.get_by_role("button", name="Your menu").click()
    page.get_by_role("button", name="Français").click()
    page.get_by_role("heading", name="Entonnoir et points de fuite").wait_for()
    assert page.locator("html").get_attribute("lang") == "fr"


def test_the_menu_of_a_phone(visit: Any) -> None:
    window = visit(viewport={"width": 360, "height": 780}, has_touch=True)
    page = window.page
    page.goto("/w/alpha/velocity/")
    assert not page.locator(".side").get_by_role("link", name="Danger points").is_visible()
    page.get_by_role("button", name="Menu", exact=True).tap()
    page.locator(".side").get_by_role("link", name="Danger points").tap()
    page.wait_for_url("**/w/alpha/funnel/")
    assert window.problems() == []


def test_everything_works_without_scripts(visit: Any) -> None:
    page = visit(java_script_enabled=False).page
    page.goto("/w/alpha/velocity/")
    assert page.get_by_role("button", name="Copy link").count() == 0
    page.get_by_role("button", name="Filter", exact=True).click()
    page.get_by_label("Channel").select_option("inbound")
    page.get_by_role("button", name="Show", exact=True).click()
    page.wait_for_url("**channel=inbound**")
    assert page.locator(".chip[aria-current=true]").inner_text() == "Inbound"
    page.get_by_role("link", name="Open funnel").click()
    page.locator(".col .chooses").nth(1).click()
    page.wait_for_url("**at=2")
    assert page.locator("#stage-title").inner_text().startswith("Held")


def test_the_link_is_copied_and_said_so(visit: Any) -> None:
    window = visit(permissions=["clipboard-read", "clipboard-write"])
    page = window.page
    page.goto("/w/alpha/velocity/?q=2026-Q1")
    page.get_by_role("button", name="Copy link").click()
    page.locator(".toast", has_text="Link copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()").endswith("/velocity/?q=2026-Q1")


def test_offline_says_so_and_keeps_the_page(visit: Any) -> None:
    window = visit()
    page = window.page
    page.goto("/w/alpha/velocity/")
    window.context.set_offline(True)
    page.get_by_role("link", name="Inbound", exact=True).click()
    page.locator(".toast", has_text="You are offline").wait_for()
    assert page.locator(".lede").is_visible()


def test_print_hides_the_frame_and_names_the_question(visit: Any) -> None:
    page = visit().page
    page.goto("/w/alpha/funnel/?q=2026-Q2")
    page.emulate_media(media="print")
    assert not page.locator(".side").is_visible()
    assert not page.locator(".actions").is_visible()
    assert "Alpha · All deals · Q2 2026" in page.locator(".print-only").inner_text()


def test_the_check_of_a_page_sees_what_is_wrong(visit: Any) -> None:
    """One fault of each kind, planted: what is said of no page could be said of none."""
    window = visit(viewport={"width": 360, "height": 780})
    assert window.faults_at("/w/alpha/velocity/", "here") == []
    window.page.evaluate(
        """document.querySelector('main').insertAdjacentHTML('beforeend',
             '<img src="https://elsewhere.example/x.png">');
           document.querySelector('main').style.width = '900px';
           console.error('said');"""
    )
    window.page.wait_for_function("window.refused.length > 0")
    found = "\n".join(window.faults("here"))
    for fault in ("image-alt", "px too wide", "said", "img-src https://elsewhere.example"):
        assert fault in found, fault
    assert window.faults_at("/w/alpha/nothing/", "there") == ["there: 404"]
