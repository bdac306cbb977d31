"""Findings in a browser: added, tied and edited by mouse and keys and without scripts; and every
page of them: axe, policy, console, width."""

from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from accounts.roles import Role
from metrics.models import Finding, FindingDeal
from pipeline.models import Note
from tests.browser.conftest import Visitor, state_of
from tests.browser.test_sales_floor import TODAY, floor, furnished, inside  # noqa: F401  fixtures
from tests.metrics.finding_rows import make_finding
from tests.personas import Workspace

PLACE = "/w/alpha/findings/"


@pytest.fixture
def learned(furnished: Workspace) -> Finding:  # noqa: F811
    """A workspace with one finding that has everything, and a bare one with long words."""
    with inside(furnished):
        note = Note.objects.create(
            deal_id=furnished.deals["lost early"],
            body="They asked who else signs. " * 40,
            written_at=TODAY,
            author=furnished.user(Role.REP),
        )
    now = {"now": TODAY}
    make_finding(furnished, statement="W" * 300, quote="W" * 900, theme="W" * 120, **now)
    return make_finding(
        furnished,
        statement="Finance joins only after the quote",
        quote="Nobody asked to meet them.",
        theme="Deciding",
        severity="high",
        deals=["lost early", "open"],
        note=note,
        **now,
    )


def window(
    workspace: Workspace, live_server: Any, browser: Browser, role: Role, **more: Any
) -> Visitor:
    state = state_of(workspace.user(role), live_server.url)
    return Visitor(browser, live_server.url, state, **more)


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_a_rep_adds_a_finding_by_keyboard(
    scripts: bool,
    furnished: Workspace,  # noqa: F811
    live_server: Any,
    browser: Browser,
) -> None:
    visitor = window(furnished, live_server, browser, Role.REP, java_script_enabled=scripts)
    page = visitor.page
    page.goto(PLACE)
    page.get_by_role("main").get_by_role("link", name="Add finding").first.press("Enter")
    form = page.get_by_role("dialog") if scripts else page.get_by_role("main")
    form.get_by_role("radio", name="Lost-prospect interview").press("Space")
    form.get_by_label("What was learned").fill("Nobody asks who decides")
    form.get_by_label("Stage", exact=True).select_option("Held")
    form.get_by_label("Theme").fill("Deciding")
    form.get_by_label("Find a deal").press_sequentially("early")
    if not scripts:
        form.get_by_label("Find a deal").press("Enter")
        expect(form.get_by_label("What was learned")).to_have_value("Nobody asks who decides")
    form.get_by_role("checkbox", name="lost early").press("Space")
    form.get_by_role("button", name="Add finding").press("Enter")
    expect(page.get_by_role("heading", name="Nobody asks who decides")).to_be_visible()
    with inside(furnished):
        finding = Finding.objects.get()
        tied = list(FindingDeal.objects.values_list("deal_id", flat=True))
        assert (finding.source, finding.theme.name) == ("lost_interview", "Deciding")
    assert tied == [furnished.deals["lost early"]]
    assert visitor.problems() == []
    visitor.context.close()


def test_from_a_note_on_the_deal_page(
    learned: Finding,
    furnished: Workspace,  # noqa: F811
    live_server: Any,
    browser: Browser,
) -> None:
    visitor = window(furnished, live_server, browser, Role.MANAGER)
    page = visitor.page
    page.goto(f"/w/alpha/deals/{furnished.deals['lost early']}/")
    card = page.locator("#deal-findings")
    expect(card.get_by_role("heading", name="Finance joins only")).to_be_visible()
    page.get_by_role("link", name="Add finding from this").first.click()
    form = page.get_by_role("dialog")
    expect(form.get_by_text("They asked who else signs.").first).to_be_visible()
    expect(form.get_by_role("checkbox", name="lost early")).to_be_checked()
    form.get_by_label("What was learned").fill("Signatures are asked for too late")
    form.get_by_role("button", name="Add finding").click()
    expect(form).to_have_count(0)
    expect(card.get_by_role("heading", name="Signatures are asked")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(card.get_by_role("heading", name="Signatures are asked")).to_have_count(0)
    assert visitor.problems() == []
    visitor.context.close()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1360), ("dark", 360)])
def test_all_pages_are_accessible_and_fit(
    scheme: str,
    width: int,
    learned: Finding,
    furnished: Workspace,  # noqa: F811
    live_server: Any,
    browser: Browser,
) -> None:
    visitor = window(
        furnished,
        live_server,
        browser,
        Role.OWNER,
        color_scheme=scheme,
        viewport={"width": width, "height": 900},
        reduced_motion="reduce",
    )
    found = []
    for path in (
        PLACE,
        f"{PLACE}?view=themes",
        f"{PLACE}?view=coverage",
        f"{PLACE}{learned.pk}/",
        f"{PLACE}{learned.pk}/edit/",
        f"{PLACE}add/?stage={furnished.stages['Held'].pk}&deal={furnished.deals['open']}",
        f"/w/alpha/deals/{furnished.deals['open']}/",
        "/w/alpha/settings/themes/",
    ):
        visitor.page.goto(path)
        visitor.page.wait_for_load_state("networkidle")
        found += [f"{path}: {v}" for v in visitor.axe()]
        if visitor.overflow() > 0:
            found.append(f"{path}: {visitor.overflow()} px too wide")
    visitor.page.goto(PLACE)
    visitor.page.get_by_role("main").get_by_role("link", name="Add finding").first.click()
    visitor.page.get_by_role("dialog").wait_for()
    found += [f"the dialog: {v}" for v in visitor.axe("dialog")]
    found += visitor.said
    visitor.context.close()
    assert found == []
