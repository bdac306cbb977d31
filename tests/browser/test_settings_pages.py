"""Every page of the settings, of mail and of the account: axe, console, policy, width.

Light and wide, dark and narrow, as an owner sees them, with something in each.
"""

from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser

from accounts.models import Company
from accounts.roles import Role
from pipeline.models import Competitor, EmailMessage, LostReason, Product
from pipeline.models.mail import Waiting
from pipeline.selectors.settings_catalogues import CATALOGUES
from pipeline.services.catalog import retire_entry
from pipeline.services.mail_address import new_mail_address
from tests.browser.conftest import Visitor, faults_of, state_of
from tests.browser.test_sales_floor import TODAY, floor, furnished, inside  # noqa: F401  fixtures
from tests.personas import Workspace

PLACE = "/w/alpha"


def add_mail(workspace: Workspace) -> int:
    with inside(workspace):
        return int(
            EmailMessage.objects.create(
                message_id="<1@x>",
                sender="mia@a-company-with-a-rather-long-name.example",
                recipients=["ada@alpha.example", "second@a-company-with-a-long-name.example"],
                subject="When could the training for the whole team start?",
                body="When can you start?",
                attachments=[{"name": "Offer of the spring.pdf", "type": "x", "size": 1}],
                sent_at=TODAY - timedelta(hours=2),
                received_at=TODAY - timedelta(hours=1),
                why_waiting=Waiting.STRANGER,
            ).pk
        )


@pytest.fixture
def pages(furnished: Workspace) -> list[str]:  # noqa: F811
    """The addresses of all of them, with rows in the catalogues, one of them retired."""
    owner = furnished.actor(Role.OWNER)
    with inside(furnished):
        Product.objects.create(name="Course")
        old = Product.objects.create(name="Old course")
        LostReason.objects.create(detail="Price", level="other")
        Competitor.objects.create(name="Rival")
        retire_entry(by=owner, catalogue=CATALOGUES["products"], entry_id=old.pk, now=TODAY)
        company = Company.objects.get(pk=furnished.company.pk)
        new_mail_address(by=owner, company=company, now=TODAY)
        product = Product.objects.get(name="Course").pk
    settings, deal = f"{PLACE}/settings", f"{PLACE}/deals/{furnished.deals['open']}"
    mail = add_mail(furnished)
    return [
        f"{settings}/",
        f"{settings}/company/",
        f"{settings}/members/",
        f"{settings}/members/{furnished.members[Role.REP].pk}/remove/",
        f"{settings}/audit/",
        f"{settings}/pipelines/",
        f"{settings}/pipelines/add/",
        f"{settings}/pipelines/{furnished.pipeline.pk}/",
        *(f"{settings}/{slug}/" for slug in CATALOGUES),
        f"{settings}/products/{product}/",
        f"{settings}/rates/",
        f"{settings}/mail/",
        f"{PLACE}/mail/",
        f"{PLACE}/mail/{mail}/",
        f"{PLACE}/search/?q=a",
        f"{PLACE}/quick/",
        f"{deal}/win/",
        f"{deal}/lose/",
        f"{deal}/move/",
        f"{deal}/notes/",
        f"{deal}/activities/",
        f"{deal}/edit/amount/",
        "/account/",
        "/account/sign-ins/",
        "/",
    ]


def test_all_pages_are_accessible_fit_and_keep_the_policy(
    pages: list[str],
    furnished: Workspace,  # noqa: F811
    live_server: Any,
    browser: Browser,
) -> None:
    state = state_of(furnished.user(Role.OWNER), live_server.url)
    found = faults_of(browser, live_server.url, state, {path: path for path in pages})
    assert not found, "\n".join(found)


def test_the_count_of_mail_takes_no_focus(
    pages: list[str],
    furnished: Workspace,  # noqa: F811
    live_server: Any,
    browser: Browser,
) -> None:
    state = state_of(furnished.user(Role.OWNER), live_server.url)
    window = Visitor(browser, live_server.url, state)
    window.page.goto(f"{PLACE}/mail/")
    window.page.get_by_role("link", name="Mail 1 waits").wait_for()
    focused = window.page.evaluate("document.activeElement.tagName")
    problems = window.problems()
    window.context.close()
    assert focused == "BODY"
    assert problems == []
