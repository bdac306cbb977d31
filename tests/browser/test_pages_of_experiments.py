"""Every page of the experiments under axe, policy, console and width; the book, and on paper."""

import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from accounts.roles import Role
from metrics.models import Experiment
from metrics.services.experiment_checks import Plan
from metrics.services.experiment_decisions import (
    add_note,
    check_in,
    decide_experiment,
    stop_experiment,
)
from metrics.services.experiments import amend_experiment, draft_experiment
from metrics.services.recorded_changes import Change, record_change
from tests.browser.conftest import Visitor, state_of, windows
from tests.browser.losing_company import TODAY
from tests.browser.test_an_experiment import (
    HOME,
    LATE,
    TITLE,
    company,  # noqa: F401  a fixture
    running_experiment,
)
from tests.browser.test_sales_floor import inside
from tests.browser.trying_company import Clock, clock, live_through, work  # noqa: F401  a fixture
from tests.personas import Workspace

# Six that ran, of which one was extended; two drafts; one that has just begun.
STATES = {"running": 4, "draft": 2, "stopped": 1, "decided": 2}
WIDE = "A title as long as a title may be: one hundred and twenty letters, of which none is empty"


@dataclass(frozen=True, slots=True)
class Book:
    """The pages by what they show, as paths in the company."""

    pages: dict[str, str]
    dialogs: tuple[tuple[str, str, str], ...]  # a page, what opens the dialog, the dialog's name


@pytest.fixture
def book(company: Workspace, clock: Clock) -> Book:  # noqa: F811
    """Experiments in every state, with what three months of deals made of them."""
    started = {
        "adopted": running_experiment(company, TODAY, guardrails=(("deal_size", None),)),
        "dropped": running_experiment(
            company, TODAY, title="Fewer calls", measure="number", stage_id=None, segment="all"
        ),
        "arms": running_experiment(
            company,
            TODAY,
            title=WIDE,
            design="arms_by_deal",
            starts_on=TODAY.date(),
            baseline_start=None,
            baseline_end=None,
            ends_on=date(2026, 9, 1),
            guardrails=(("cycle", None), ("win_rate", None), ("deal_size", None)),
        ),
        "reps": running_experiment(
            company,
            TODAY,
            title="By rep",
            design="arms_by_rep",
            segment="all",
            starts_on=TODAY.date(),
            baseline_start=None,
            baseline_end=None,
        ),
        "stopped": running_experiment(
            company,
            TODAY,
            title="Shorter offers",
            measure="cycle",
            stage_id=None,
            rising=False,
            smallest_effect=3.0,
        ),
        "extended": running_experiment(
            company, TODAY, title="Larger offers", measure="deal_size", stage_id=None
        ),
    }
    live_through(company, clock, LATE, days=14)
    by, today = company.actor(Role.MANAGER), LATE.date()

    def told(name: str) -> dict[str, Any]:
        row = Experiment.objects.get(pk=started[name].pk)
        return {"by": by, "now": LATE, "experiment_id": row.pk, "version": row.version}

    with inside(company):
        common = {"by": by, "now": LATE}
        change = Change(date(2026, 5, 4), "New price list")
        record_change(by=by, now=LATE, today=today, change=change)
        decide_experiment(
            **told("adopted"), decision="adopt", reason="More of them sign. We keep it"
        )
        decide_experiment(**told("dropped"), decision="stop", reason="It changed nothing")
        end = today + timedelta(days=60)
        decide_experiment(
            **told("extended"), decision="extend", reason="Not enough deals yet", ends_on=end
        )
        stop_experiment(**told("stopped"), reason="Two buyers complained")
        amend_experiment(
            **told("arms"),
            values={"ends_on": date(2026, 10, 1), "because": "buyers say so"},
            reason="It was stopped over Easter",
        )
        arms = started["arms"].pk
        add_note(**common, experiment_id=arms, text="The coach was away for a week")
        check_in(**common, experiment_id=arms, text="Every call of the week was opened with it")
        draft = draft_experiment(
            **common,
            plan=Plan(
                title="Two dates in every offer",
                measure="win_rate",
                pipeline_id=company.pipeline.pk,
                smallest_effect=0.02,
                starts_on=today + timedelta(days=7),
                ends_on=today + timedelta(days=98),
                baseline_start=today - timedelta(days=84),
                baseline_end=today + timedelta(days=7),
            ),
        )
        bare = draft_experiment(
            **common,
            plan=Plan(
                title="No more than a name", measure="win_rate", pipeline_id=company.pipeline.pk
            ),
        )
    work(company)
    fresh = running_experiment(
        company, LATE, title="Just begun", starts_on=today, ends_on=today + timedelta(days=91)
    )
    numbers = {name: row.pk for name, row in started.items()}
    numbers |= {"draft": draft.pk, "bare draft": bare.pk, "fresh": fresh.pk}
    pages = {name: f"experiments/{number}/" for name, number in numbers.items()}
    pages |= {
        "book": "experiments/",
        "bets": "experiments/?state=running",
        "nothing found": "experiments/?lever=win_rate&state=decided",
        "compare": "experiments/compare/",
        "compare nothing": "experiments/compare/?lever=win_rate",
        "new": "experiments/new/",
        "edit": f"{pages['draft']}edit/",
        "amend": f"{pages['arms']}amend/",
        "plan": f"{pages['draft']}plan/",
        "start": f"{pages['draft']}start/",
        "start lacks": f"{pages['bare draft']}start/",
        "stop": f"{pages['arms']}stop/",
        "decide": f"{pages['arms']}decide/",
        "note": f"{pages['arms']}note/",
        "check in": f"{pages['arms']}check-in/",
    }
    dialogs = (
        (pages["arms"], "Decide…", "Decide"),
        (pages["arms"], "Stop…", "Stop before its end"),
        (pages["arms"], "Note", "Add a note"),
        (pages["draft"], "Start…", "Start the experiment"),
    )
    return Book(pages, dialogs)


def test_every_page_is_accessible_fits_and_keeps_the_policy(
    book: Book,
    company: Workspace,  # noqa: F811
    live_server: Any,
    browser: Browser,
) -> None:
    """With dialogs over it."""
    state = state_of(company.user(Role.OWNER), live_server.url)
    found = []
    for form, window in windows(browser, live_server.url, state):
        for name, path in book.pages.items():
            found += window.faults_at(f"{HOME}{path}", f"{form} {name}")
        for path, opener, name in book.dialogs:
            window.page.goto(f"{HOME}{path}")
            window.page.get_by_role("main").get_by_role("link", name=opener).click()
            expect(window.page.get_by_role("dialog", name=name)).to_be_visible()
            found += window.faults(f"{form} dialog {name}")
    assert not found, "\n".join(found)


def prints(window: Visitor, book: Book, company: Workspace) -> None:  # noqa: F811
    """A4 in the light scheme: fits, names its company, keeps the figures; nothing to press."""
    page = window.page
    page.set_viewport_size({"width": 688, "height": 1000})  # A4 between its margins
    main = page.get_by_role("main")
    for name in ("compare", "book", "arms", "adopted"):
        page.emulate_media(media="screen", color_scheme="dark")
        page.goto(f"{HOME}{book.pages[name]}")
        page.emulate_media(media="print")
        assert window.overflow() <= 0, name
        expect(main.locator(".print-only").first).to_contain_text(company.company.name)
        assert main.get_by_role("button").filter(visible=True).count() == 0, name
        expect(page.get_by_role("navigation", name="Pages")).to_be_hidden()
        background = "getComputedStyle(document.body).backgroundColor"
        assert page.evaluate(background) in {"rgb(255, 255, 255)", "rgba(0, 0, 0, 0)"}, name
    expect(main).to_contain_text("40% (20 of 50)")
    expect(page.locator("svg:visible").first).to_be_visible()


def test_the_book_keeps_bets_lessons_and_the_forest_and_prints(
    book: Book,
    company: Workspace,  # noqa: F811
    live_server: Any,
    browser: Browser,
) -> None:
    """By state, per lever, side by side; the same rows in the file; and all of it on paper."""
    window = Visitor(
        browser,
        live_server.url,
        state_of(company.user(Role.LEADER), live_server.url),
        locale="en-GB",
        accept_downloads=True,
    )
    page = window.page
    page.goto(f"{HOME}experiments/")
    main = page.get_by_role("main")
    bets = main.get_by_role("region", name=re.compile("^Running"))
    expect(bets.get_by_role("listitem")).to_have_count(STATES["running"])
    expect(bets).to_contain_text(WIDE)
    learned = main.get_by_role("region", name="What we learned")
    expect(learned).to_contain_text("Conversion out of Coach")
    expect(learned).to_contain_text("More of them sign. We keep it")
    with page.expect_download() as coming:
        main.get_by_role("link", name=re.compile("^Export")).click()
    rows = coming.value.path().read_text(encoding="utf-8-sig").splitlines()
    assert len(rows) == 1 + sum(STATES.values())
    assert any(TITLE in row and ",better," in row for row in rows)
    main.get_by_role("link", name="Compare", exact=True).click()
    expect(main.get_by_role("heading", level=1)).to_have_text("All that was decided, side by side")
    rate = main.get_by_role("region", name="How good are we at choosing?")
    expect(rate).to_contain_text("1 of them adopted")
    forest = main.get_by_role("region", name=re.compile("onversion")).locator("svg:visible").first
    expect(forest).to_contain_text(TITLE[:12])
    hoped = main.get_by_role("row", name=re.compile(f"^{TITLE}"))
    expect(hoped).to_contain_text("+25.0 pts")
    prints(window, book, company)
    assert window.problems() == []
    window.context.close()
