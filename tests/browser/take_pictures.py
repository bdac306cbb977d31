"""Take the pictures of docs/pictures from a running workspace.

    python -m tests.browser.take_pictures http://127.0.0.1:8000 northlight EMAIL PASSWORD

Wide and narrow, light and dark; of the newest finished quarter, so that they show whole figures.
"""

import sys
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.browser.chromium import CHROMIUM, FLAGS

FOLDER = Path(__file__).parents[2] / "docs" / "pictures"
SIZES = {"1360": (1360, 900), "360": (360, 780)}


def quarter_before_the_newest(browser: Browser, page_url: str, state: object) -> str:
    """The label of the second quarter of the picker: the newest one still runs."""
    context = browser.new_context(storage_state=state)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(page_url)
    href = page.locator("#pick-quarter a").nth(1).get_attribute("href") or ""
    context.close()
    return href.partition("?")[2]


def take(address: str, slug: str, email: str, password: str) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        context = browser.new_context()
        page = context.new_page()
        page.goto(f"{address}/account/login/")
        page.screenshot(path=FOLDER / "sign-in.png")
        page.get_by_label("Email").fill(email)
        page.get_by_label("Password", exact=True).fill(password)
        page.locator("main button.primary").click()
        page.wait_for_url(lambda url: "/account/" not in url)
        state = context.storage_state()
        base = f"{address}/w/{slug}"
        query = quarter_before_the_newest(browser, f"{base}/velocity/", state)
        for name, at, whole in (
            ("velocity", f"velocity/?{query}", True),
            ("funnel", f"funnel/?{query}", True),
            ("board", "deals/", False),
            ("my-day", "my-day/", False),
        ):
            for scheme in ("light", "dark"):
                for size, (width, height) in SIZES.items():
                    window = browser.new_context(
                        storage_state=state,
                        color_scheme=scheme,  # type: ignore[arg-type]
                        viewport={"width": width, "height": height},
                        reduced_motion="reduce",
                    )
                    shown = window.new_page()
                    shown.goto(f"{base}/{at}")
                    shown.evaluate("document.fonts.ready")
                    dark = "-dark" if scheme == "dark" else ""
                    shown.screenshot(path=FOLDER / f"{name}-{size}{dark}.png", full_page=whole)
                    window.close()
        browser.close()


if __name__ == "__main__":
    take(*sys.argv[1:5])
