"""A real Chromium before a running server with two companies and their figures."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from accounts.models import User
from accounts.roles import Role
from metrics.services.recompute import recompute_all
from tests.browser.chromium import CHROMIUM, FLAGS
from tests.personas import NOW, World, client_of, committed_world  # noqa: F401  fixture

AXE = (Path(__file__).parent / "vendor" / "axe-4.14.1.min.js").read_text(encoding="utf-8")
# Notes what the policy of the pages refuses; read back by Visitor.problems.
LISTEN = """window.refused = [];
document.addEventListener('securitypolicyviolation',
  (e) => window.refused.push(`${e.violatedDirective} ${e.blockedURI}`));"""

# The two forms in which every colour and every layout is seen once.
FORMS = (("light", 1360), ("dark", 360))
# Cards that come after the page have come: their answers are there, and swapped in.
FETCHED = """() => {
  const came = new Set(performance.getEntriesByType('resource').map((r) => r.name));
  return [...document.querySelectorAll('main [hx-trigger^="load"]')]
    .map((e) => e.getAttribute('hx-get') ?? e.getAttribute('hx-post'))
    .every((address) => came.has(new URL(address, location).href))
    && !document.querySelector('.htmx-request');
}"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("browser")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if not Path(CHROMIUM).exists():
        pytest.skip(f"there is no Chromium at {CHROMIUM}; set CHROMIUM")
    # Playwright runs an event loop in this thread, which Django would refuse to work beside.
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield launched
        launched.close()


@pytest.fixture
def site(live_server: Any, committed_world: World, browser: Browser) -> str:  # noqa: F811
    """The address of a server on which company A has figures of two quarters."""
    recompute_all(company_id=committed_world.a.company.pk, now=NOW)
    return str(live_server.url)


def state_of(user: User, site: str) -> dict[str, Any]:
    """The cookies of this user, signed in without the page: what a context starts with."""
    cookie = client_of(user).cookies[settings.SESSION_COOKIE_NAME]
    return {
        "cookies": [
            {
                "name": cookie.key,
                "value": cookie.value,
                "domain": urlsplit(site).hostname,
                "path": "/",
                "expires": -1,
                "httpOnly": True,
                "secure": False,
                "sameSite": "Lax",
            }
        ],
        "origins": [],
    }


@pytest.fixture
def signed_in(site: str, committed_world: World) -> dict[str, Any]:  # noqa: F811
    """The cookies of company A's manager."""
    return state_of(committed_world.a.user(Role.MANAGER), site)


class Visitor:
    """One browser window, and what went wrong in it."""

    def __init__(self, browser: Browser, site: str, state: dict[str, Any] | None, **more: Any):
        self.context: BrowserContext = browser.new_context(
            base_url=site, storage_state=state, **more
        )
        self.context.add_init_script(LISTEN)
        self.page: Page = self.context.new_page()
        self.said: list[str] = []
        self.page.on(
            "console",
            lambda m: self.said.append(m.text) if m.type in {"error", "warning"} else None,
        )
        self.page.on("pageerror", lambda e: self.said.append(str(e)))

    def problems(self) -> list[str]:
        """Console errors and refusals of the content security policy."""
        return [*self.said, *self.page.evaluate("window.refused")]

    def axe(self, within: str = "html") -> list[str]:
        """Violations of WCAG 2.2 A and AA and of best practice on the page as it stands."""
        self.page.evaluate(AXE)
        found = self.page.evaluate(
            "(within) => axe.run(within, {resultTypes: ['violations'], runOnly: ['wcag2a',"
            " 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})",
            within,
        )
        return [
            f"{v['id']}: {v['help']}: {n['html'][:120]}: {n['failureSummary']}"
            for v in found["violations"]
            for n in v["nodes"][:3]
        ]

    def faults(self, where: str) -> list[str]:
        """What is wrong with the page as it stands: axe, width, console, policy."""
        found = [f"{where}: {violation}" for violation in self.axe()]
        if self.overflow() > 0:
            found.append(f"{where}: {self.overflow()} px too wide")
        found += [f"{where}: {problem}" for problem in self.problems()]
        self.said.clear()
        return found

    def faults_at(self, path: str, where: str) -> list[str]:
        """What is wrong with the page at an address, with what it fetches, every fold open."""
        answer = self.page.goto(path)
        if answer is None or answer.status != 200:
            return [f"{where}: {answer and answer.status}"]
        self.page.wait_for_function(FETCHED)
        self.page.evaluate("document.querySelectorAll('main details').forEach(d => d.open = true)")
        return self.faults(where)

    def overflow(self) -> int:
        """By how many pixels the page is wider than the window."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth"))


def windows(browser: Browser, site: str, state: dict[str, Any]) -> Iterator[tuple[str, Visitor]]:
    """A window in each form, with the form's name; the policy of the pages is in force in both."""
    for scheme, width in FORMS:
        window = Visitor(
            browser,
            site,
            state,
            color_scheme=scheme,
            viewport={"width": width, "height": 900},
            reduced_motion="reduce",
        )
        window.page.set_default_timeout(30_000)
        yield f"{scheme} {width}", window
        window.context.close()


def faults_of(
    browser: Browser, site: str, state: dict[str, Any], pages: Mapping[str, str]
) -> list[str]:
    """What is wrong with these pages, name -> address, in every form."""
    return [
        fault
        for form, window in windows(browser, site, state)
        for name, path in pages.items()
        for fault in window.faults_at(path, f"{form} {name}")
    ]


@pytest.fixture
def visit(browser: Browser, site: str, signed_in: dict[str, Any]) -> Iterator[Any]:
    """visit(**context options) opens a window in which the manager is signed in."""
    opened: list[Visitor] = []

    def open_window(**more: Any) -> Visitor:
        visitor = Visitor(browser, site, signed_in, **more)
        opened.append(visitor)
        return visitor

    yield open_window
    for visitor in opened:
        visitor.context.close()
