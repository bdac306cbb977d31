"""The working day by a few keys: a call logged from whatever page is open, a deal found, a new one
instead of a note, and a meeting of yesterday settled on My day where it stands."""

import re
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import expect

from accounts.roles import Role
from accounts.tenancy.context import company_context
from pipeline.models import Activity, Note
from pipeline.services.deals import open_deal
from pipeline.services.notes import record_activity
from tests.browser.test_sales_floor import (  # noqa: F401  fixtures
    TODAY,
    Person,
    floor,
    inside,
    person,
)
from tests.personas import Workspace


@pytest.fixture
def met_yesterday(floor: Workspace) -> Workspace:  # noqa: F811
    """The rep's deal, and a meeting of yesterday of which nothing was written down."""
    rep = floor.actor(Role.REP)
    with company_context(floor.company.pk):
        deal = open_deal(
            by=rep,
            pipeline_id=floor.pipeline.pk,
            stage_id=floor.stages["Booked"].pk,
            name="Spring course",
            occurred_at=TODAY - timedelta(days=4),
            now=TODAY,
            rep_id=floor.reps["Ada"].pk,
        )
        record_activity(
            by=rep,
            deal_id=deal.deal_id,
            kind=Activity.Kind.MEETING,
            happened_at=TODAY - timedelta(days=1),
            now=TODAY,
            rep_id=floor.reps["Ada"].pk,
        )
    return floor


def logs_a_call_from_the_figures(rep: Person) -> None:
    """n, the deal by its beginning, a note: and the figures are still there."""
    rep.page.goto("/w/alpha/velocity/")
    rep.page.keyboard.press("n")
    form = rep.form("Log what was said")
    deal = form.get_by_role("combobox", name="Which deal?")
    rep.hand.write(deal, "spr")
    option = form.get_by_role("option", name=re.compile("Spring course"))
    option.wait_for()
    rep.hand.choose(deal, option)
    rep.hand.write(form.get_by_label("Note", exact=True), "She asks for two seats")
    rep.hand.press(form.get_by_role("button", name="Save"))
    rep.told("Call logged")
    expect(form).to_have_count(0)
    expect(rep.main.get_by_role("heading", level=1)).to_contain_text("Sales velocity")


def finds_the_deal(rep: Person) -> None:
    """/ goes to the search of any page, and a letter in a field is a letter."""
    rep.page.keyboard.press("/")
    search = rep.page.get_by_role("searchbox")
    expect(search).to_be_focused()
    rep.page.keyboard.type("n course")
    expect(search).to_have_value("n course")
    rep.page.keyboard.press("Enter")
    found = rep.main.get_by_role("link", name=re.compile("^Spring course"))
    rep.hand.press(found)
    expect(rep.main.get_by_role("heading", level=1, name="Spring course")).to_be_visible()
    expect(rep.main.get_by_text("She asks for two seats")).to_be_visible()


def asks_for_a_new_deal_instead(rep: Person) -> None:
    """d in the dialog that n brought: not a note, a new deal."""
    rep.page.keyboard.press("n")
    rep.form("Log what was said").wait_for()
    rep.page.keyboard.press("d")
    form = rep.form("New deal")
    expect(form.get_by_role("combobox", name="Customer")).to_be_visible()
    rep.page.keyboard.press("Escape")
    expect(form).to_be_hidden()


def settles_the_meeting(rep: Person) -> None:
    """The note is written on My day itself, and the meeting waits no more."""
    rep.page.goto("/w/alpha/my-day/")
    waiting = rep.main.get_by_role("region", name="Meetings without a note")
    rep.hand.write(
        waiting.get_by_label("Note about the meeting: Spring course"), "They decide in May"
    )
    rep.hand.press(waiting.get_by_role("button", name="Add note"))
    rep.told("Note added")
    expect(waiting).to_have_count(0)
    expect(rep.main.get_by_role("heading", level=1, name="My day")).to_be_visible()
    assert rep.page.url.endswith("/w/alpha/my-day/")


def test_a_day_by_a_few_keys(met_yesterday: Workspace, person: Any) -> None:  # noqa: F811
    rep = person(Role.REP, "keyboard")
    logs_a_call_from_the_figures(rep)
    finds_the_deal(rep)
    asks_for_a_new_deal_instead(rep)
    settles_the_meeting(rep)
    with inside(met_yesterday):
        notes = Note.objects.order_by("id").values_list("body", "activity__kind")
        assert list(notes) == [
            ("She asks for two seats", "call"),
            ("They decide in May", "meeting"),
        ]
    assert rep.window.problems() == []


def test_a_key_pressed_as_soon_as_the_page_is_there(floor: Workspace, person: Any) -> None:  # noqa: F811
    """What is put off "until there is time" is put off for good here, as on a busy phone."""
    rep = person(Role.REP, "keyboard")
    rep.page.add_init_script(
        "const later = setTimeout;"
        "window.setTimeout = (what, ms, ...more) => later(what, ms ?? 60000, ...more)"
    )
    rep.page.goto("/w/alpha/velocity/")
    rep.page.keyboard.press("n")
    rep.form("Log what was said").wait_for()
    assert rep.page.url.endswith("/w/alpha/velocity/")
    assert rep.window.problems() == []
