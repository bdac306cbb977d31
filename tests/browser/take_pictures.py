"""Take the pictures of docs/pictures from a running workspace.

    python -m tests.browser.take_pictures http://127.0.0.1:8000 northlight EMAIL PASSWORD [NAME..]

Wide and narrow, light and dark; figures are those of the newest finished quarter, so that they
are whole. With names only those pages. Where Pillow is installed (pip install pillow), each
picture is reduced to 256 colours: less than half the size.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.browser.chromium import CHROMIUM, FLAGS

try:
    from PIL import Image
except ImportError:  # nothing else needs it
    Image = None

FOLDER = Path(__file__).parents[2] / "docs" / "pictures"
SIZES = {"1360": (1360, 900), "360": (360, 780)}


@dataclass(frozen=True)
class Picture:
    """A page by its address, or by the first link of `follow` on it; `whole` beyond the window."""

    name: str
    at: str  # {q} is the query of the newest finished quarter, {label} its name
    follow: str = ""
    whole: bool = False


PICTURES = (
    Picture("velocity", "velocity/?{q}", whole=True),
    Picture("funnel", "funnel/?{q}", whole=True),
    Picture("board", "deals/"),
    Picture("my-day", "my-day/"),
    Picture("agenda", "danger-points/"),
    Picture("finding", "findings/", follow="main .rows h3 a"),
    Picture("reviews", "reviews/"),
    Picture("material", "material/", follow="main tbody a"),
    Picture("simulator", "simulator/?{q}"),
    Picture("experiment", "experiments/", follow="main .bets h3 a"),
    Picture("quarters", "quarters/"),
    Picture("review", "quarters/{label}/review/"),
)


def quarter_before_the_newest(browser: Browser, page_url: str, state: object) -> str:
    """The query of the second quarter of the picker: the newest one still runs."""
    return followed(browser, page_url, "#pick-quarter a", state, nth=1).partition("?")[2]


def followed(browser: Browser, page_url: str, links: str, state: object, nth: int = 0) -> str:
    """Where a link of a page leads."""
    context = browser.new_context(storage_state=state)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(page_url)
    href = page.locator(links).nth(nth).get_attribute("href") or ""
    context.close()
    return href


def smaller(path: Path) -> None:
    """The same picture with a palette, where Pillow is installed."""
    if Image is not None:
        with Image.open(path) as picture:
            few = picture.convert("RGB").quantize(256, kmeans=3, dither=Image.Dither.NONE)
        few.save(path, optimize=True)


def take(address: str, slug: str, email: str, password: str, *names: str) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        context = browser.new_context()
        page = context.new_page()
        page.goto(f"{address}/account/login/")
        if not names or "sign-in" in names:
            page.screenshot(path=FOLDER / "sign-in.png")
            smaller(FOLDER / "sign-in.png")
        page.get_by_label("Email").fill(email)
        page.get_by_label("Password", exact=True).fill(password)
        page.locator("main button.primary").click()
        page.wait_for_url(lambda url: "/account/" not in url)
        state = context.storage_state()
        base = f"{address}/w/{slug}"
        query = quarter_before_the_newest(browser, f"{base}/velocity/", state)
        for picture in PICTURES:
            if names and picture.name not in names:
                continue
            at = picture.at.format(q=query, label=query.removeprefix("q="))
            url = f"{base}/{at}"
            if picture.follow:
                url = address + followed(browser, url, picture.follow, state)
            for scheme in ("light", "dark"):
                for size, (width, height) in SIZES.items():
                    window = browser.new_context(
                        storage_state=state,
                        color_scheme=scheme,  # type: ignore[arg-type]
                        viewport={"width": width, "height": height},
                        reduced_motion="reduce",
                    )
                    shown = window.new_page()
                    shown.goto(url)
                    shown.evaluate("document.fonts.ready")
                    dark = "-dark" if scheme == "dark" else ""
                    path = FOLDER / f"{picture.name}-{size}{dark}.png"
                    shown.screenshot(path=path, full_page=picture.whole)
                    smaller(path)
                    window.close()
        browser.close()


if __name__ == "__main__":
    take(*sys.argv[1:])
