"""Quarters that close, in a browser: every page of them under axe, policy, console and width; and
one that is signed, countersigned and then restated by a loss that was entered late."""

import re
from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, expect

from accounts.models import Notification
from accounts.roles import Role
from metrics.services.news import tell_quarters
from metrics.services.quarter_reviews import write_review
from metrics.services.sign_offs import countersign, sign_quarter
from pipeline.services.deals import open_deal
from pipeline.services.moves import move_deal
from tests.browser.conftest import faults_of, state_of
from tests.browser.losing_company import TODAY, make_losing_company
from tests.browser.test_sales_floor import inside, recompute
from tests.browser.test_why_deals_are_lost import HOME, Person, person  # noqa: F401  fixture
from tests.personas import Workspace, make_workspace

MAY = datetime(2026, 5, 20, 9, 0, tzinfo=UTC)  # Q1 has been final since the 8th of April
Q4, Q1 = date(2025, 10, 1), date(2026, 1, 1)
AS_OF_Q1 = "quarters/2026-Q1/"
SIGNED, SECONDED = "Checked against the invoices.", "As finance has it."


@pytest.fixture
def company(
    live_server: Any, transactional_db: None, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> Workspace:
    """The losing company in May: Q1, which was computed while it ran, is final; Q4 came before.

    The server's clock goes on from there. "Slow one" has been open since February.
    """
    workspace = make_losing_company()
    with inside(workspace):
        slow = open_deal(
            by=workspace.actor(Role.MANAGER),
            pipeline_id=workspace.pipeline.pk,
            stage_id=workspace.stages["Held"].pk,
            name="Slow one",
            occurred_at=datetime(2026, 2, 10, 9, tzinfo=UTC),
            now=TODAY,
            rep_id=workspace.reps["Ada"].pk,
            source_id=workspace.sources["Website"].pk,
        )
    workspace.deals["slow"] = slow.deal_id
    begun = datetime.now(UTC)
    monkeypatch.setattr(timezone, "now", lambda: MAY + (datetime.now(UTC) - begun))
    works(workspace)
    return workspace


def works(workspace: Workspace) -> None:
    """A round of the worker: what is behind is computed, and what became of it is told."""
    recompute(workspace)
    tell_quarters(company_id=workspace.company.pk, now=timezone.now())


def lose_late(workspace: Workspace) -> None:
    """The slow deal was lost in March, which somebody enters in May."""
    with inside(workspace):
        move_deal(
            by=workspace.actor(Role.MANAGER),
            deal_id=workspace.deals["slow"],
            to_stage_id=workspace.stages["Lost"].pk,
            occurred_at=datetime(2026, 3, 20, 12, tzinfo=UTC),
            now=timezone.now(),
        )
    works(workspace)


def furnish(workspace: Workspace) -> None:
    """Q1 signed by two and restated since, with its review; Q4 signed by one."""
    manager, owner = workspace.actor(Role.MANAGER), workspace.actor(Role.OWNER)
    of = {"now": timezone.now(), "pipeline_id": workspace.pipeline.pk}
    with inside(workspace):
        first = sign_quarter(by=manager, quarter_start=Q1, comment=SIGNED, **of)
        countersign(by=owner, now=of["now"], sign_off_id=first.pk, comment=SECONDED)
        sign_quarter(by=manager, quarter_start=Q4, **of)
        write_review(
            by=manager,
            quarter_start=Q1,
            summary="Half of those who met the coach went away.",
            bets=("Two dates stand in every offer.", "One page for whoever signs."),
            version=0,
            **of,
        )
    lose_late(workspace)


PAGES = [
    "quarters/",
    "quarters/?seg=channel%3Dinbound&vs=channel%3Doutbound",
    AS_OF_Q1,
    f"{AS_OF_Q1}?v=1",
    f"{AS_OF_Q1}restatements/",
    f"{AS_OF_Q1}review/",
    f"{AS_OF_Q1}review/edit/",
    f"{AS_OF_Q1}sign-off/",
    "quarters/2025-Q4/",  # with the form to countersign
    "quarters/2025-Q4/restatements/",  # of which there are none
    "quarters/2026-Q2/",  # which runs
    "quarters/2026-Q2/review/",
    "quarters/compare/?a=2025-Q4&b=2026-Q1",
    "notifications/",
    "notifications/choices/",
    "settings/operations/",
]
# What others see of it, and what is there before anything is.
READ = [AS_OF_Q1, f"{AS_OF_Q1}review/", "notifications/"]
EMPTY = ["quarters/", "quarters/compare/", "notifications/", "settings/operations/"]


def test_every_page_is_accessible_fits_and_keeps_the_policy(
    company: Workspace, live_server: Any, browser: Browser
) -> None:
    """As an owner, as a leader, and in a company without a deal."""
    furnish(company)
    other = make_workspace("beta")
    visits = [
        (company.user(Role.OWNER), HOME, PAGES),
        (company.user(Role.LEADER), HOME, READ),
        (other.user(Role.OWNER), "/w/beta/", EMPTY),
    ]
    found = []
    for user, home, paths in visits:
        state = state_of(user, live_server.url)
        pages = {f"{user} {path}": f"{home}{path}" for path in paths}
        found += faults_of(browser, live_server.url, state, pages)
    assert not found, "\n".join(found)


# The journey ----------------------------------------------------------------------------------


def velocity_of(who: Person) -> str:
    """The figure that stands large on the quarter's page."""
    return who.card(re.compile("^Velocity")).locator(".big").inner_text()


def signs(who: Person, comment: str, button: str, line: str) -> None:
    """In the card of the quarter's page, which does not leave it."""
    card = who.card("Signature")
    who.hand.write(card.get_by_label("Comment"), comment)
    who.hand.press(card.get_by_role("button", name=button))
    expect(card).to_contain_text(line)
    expect(card).to_contain_text(comment)
    expect(card.get_by_role("button")).to_have_count(0)
    who.arrives("Q1 2026")


def test_a_signed_quarter_is_restated_and_what_was_signed_still_reads(
    company: Workspace,
    person: Any,  # noqa: F811
) -> None:
    manager = person(Role.MANAGER)
    manager.page.goto(f"{HOME}quarters/")
    row = manager.main.get_by_role("row", name=re.compile("^Q1 2026"))
    expect(row).to_contain_text("Final")
    manager.hand.press(row.get_by_role("link", name="Q1 2026", exact=True))
    manager.arrives("Q1 2026")
    reported = velocity_of(manager)
    signs(manager, SIGNED, "Sign the quarter", "Signed by Manager on 20 May 2026")

    owner = person(Role.OWNER)
    owner.page.goto(f"{HOME}{AS_OF_Q1}")
    signs(owner, SECONDED, "Countersign", "Countersigned by Owner on 20 May 2026")

    lose_late(company)
    manager.goes_to("Quarters")
    expect(row.get_by_role("link", name="Signed by Manager, restated since")).to_be_visible()
    manager.hand.press(row.get_by_role("link", name=re.compile("^Restated 20 May")))
    manager.arrives("Restatements of Q1 2026")
    cause = manager.card("Restatement 1")
    expect(cause).to_contain_text("Slow one: Moved from Held to Lost")
    expect(cause).to_contain_text("happened 20 Mar 2026, entered 20 May 2026")
    lost = manager.card("As reported").get_by_role("row", name=re.compile("^Deals lost"))
    assert lost.get_by_role("cell").all_inner_texts() == ["80", "81", "+1"]

    manager.hand.press(manager.main.get_by_role("link", name="Q1 2026", exact=True))
    manager.arrives("Q1 2026")
    assert velocity_of(manager) != reported
    card = manager.card("Signature")
    expect(card).to_contain_text("Restated 1 time since it was signed.")
    expect(card).to_contain_text(SIGNED)
    manager.hand.press(card.get_by_role("link", name="The figures that were signed"))
    shown = manager.card("Versions").get_by_role("row", name=re.compile("^As first reported shown"))
    expect(shown).to_be_visible()
    assert velocity_of(manager) == reported

    reads_of_it(manager, company)


def reads_of_it(manager: Person, company: Workspace) -> None:
    """Once, as who signed it; the others hear of the restatement."""
    bell = manager.page.get_by_role("link", name=re.compile("^Notifications"))
    expect(bell).to_contain_text("2 unread")  # Q1 became final, and was restated
    manager.hand.press(bell)
    manager.arrives("Notifications")
    text = "Q1 2026, which you signed, was restated."
    told = manager.main.get_by_role("listitem").filter(has_text=text)
    expect(told).to_have_count(1)
    manager.hand.press(told.get_by_role("button", name=re.compile("^Mark as read")))
    expect(told.get_by_role("button")).to_have_count(0)
    expect(told.get_by_text("Unread:")).to_have_count(0)
    expect(bell).to_contain_text("1 unread")
    with inside(company):
        restated = Notification.objects.filter(kind__endswith="_restated")
        news = restated.order_by("user__email")
        assert [(n.user.email.split("@")[0], n.kind, n.read_at is not None) for n in news] == [
            ("leader", "quarter_restated", False),
            ("manager", "signature_restated", True),
            ("owner", "signature_restated", False),
        ]
