"""The pages of findings: the list and its file, one finding, the form as dialog and as page."""

from datetime import date
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test.utils import CaptureQueriesContext
from django.utils.html import escape

from accounts.roles import Role
from metrics.models import Experiment, ExperimentReason, Finding
from metrics.services.findings import change_finding, withdraw_finding
from pipeline.models import Deal, Theme
from pipeline.services.notes import add_note
from tests.metrics.finding_rows import make_finding
from tests.personas import CANARY, NOW, World, client_of
from tests.pipeline.pages.conftest import clock_stands  # noqa: F401  the fixture
from tests.pipeline.pages.deal_pages import HX, client, inside
from tests.pipeline.pages.deal_pages import url as deal_url

pytestmark = pytest.mark.usefixtures("clock_stands")

LIST = "/w/alpha/findings/"
ADD = f"{LIST}add/"


def page(world: World, path: str = LIST, role: Role = Role.MANAGER, **extra: Any) -> str:
    response = client(world.a, role).get(path, **extra)
    assert response.status_code == 200
    return response.content.decode()


def listed(world: World, query: str = "", role: Role = Role.LEADER) -> list[str]:
    """The statements on the list, in their order."""
    body = page(world, LIST + query, role)
    found = [part.split("</a>")[0].split(">")[-1] for part in body.split('<h3 dir="auto"><a ')[1:]]
    return found


def filled(world: World, **values: Any) -> dict[str, Any]:
    return {
        "key": "k1",
        "source": "call_review",
        "stage": world.a.stages["Held"].pk,
        "statement": "Nobody asks who decides",
        "severity": "medium",
        "learned_on": "2026-05-20",
        "deals": [world.a.deals["lost early"]],
        "save": "1",
        **values,
    }


def send(
    world: World, role: Role = Role.REP, headers: dict[str, str] | None = None, **values: Any
) -> HttpResponse:
    return client(world.a, role).post(ADD, filled(world, **values), headers=headers or {})


# Who -----------------------------------------------------------------------------------------


def test_who_may(world: World) -> None:
    finding = make_finding(world.a, role=Role.REP, deals=["lost early"])
    one = f"{LIST}{finding.pk}/"
    for role in Role:
        reads = client(world.a, role)
        for path in (LIST, one, f"{LIST}findings.csv"):
            assert reads.get(path).status_code == 200
        adds = 403 if role == Role.LEADER else 200
        for path in (ADD, f"{one}edit/"):
            assert reads.get(path).status_code == adds
    leader = client(world.a, Role.LEADER)
    for path in (ADD, f"{one}edit/", f"{one}withdraw/", f"{one}put-back/"):
        assert leader.post(path).status_code == 403
    assert "Add finding" not in page(world, LIST, Role.LEADER)
    assert f"{one}edit/" not in page(world, one, Role.LEADER)
    for path in (LIST, one, ADD):
        assert client_of(world.stranger).get(path).status_code == 404


def test_a_rep_changes_own_ones_only(world: World) -> None:
    theirs = make_finding(world.a, deals=["lost early"])
    one = f"{LIST}{theirs.pk}/"
    assert f"{one}edit/" not in page(world, one, Role.REP)
    rep = client(world.a, Role.REP)
    assert rep.get(f"{one}edit/", headers=HX).status_code == 403
    rep.post(f"{one}edit/", filled(world, version=1, statement="Mine now"))
    rep.post(f"{one}withdraw/")
    with inside(world.a):
        row = Finding.objects.get()
    assert (row.statement, row.withdrawn_at) == ("Nobody asks who decides", None)


def test_rows_of_the_neighbour_are_no_pages(world: World) -> None:
    theirs = make_finding(world.b, deals=["open"])
    for pk in (theirs.pk, 999_999_999):
        for part, ask in (("", "get"), ("edit/", "get"), ("withdraw/", "post")):
            answer = getattr(client(world.a), ask)(f"{LIST}{pk}/{part}")
            assert answer.status_code == 404
    assert client(world.a).get(deal_url(world.b.deals["open"], "findings/")).status_code == 404
    for name, pk in (("deals", world.b.deals["open"]), ("note", 999_999)):
        assert send(world, Role.MANAGER, **{name: pk}).status_code == 404
    # A stage of another company is no choice at all.
    assert send(world, Role.MANAGER, stage=world.b.stages["Held"].pk).status_code == 422
    body = page(world, f"{ADD}?deal={world.b.deals['open']}&stage={world.b.stages['Held'].pk}")
    assert CANARY not in body
    assert CANARY not in page(world, f"{LIST}deals/?find={CANARY}", headers=HX)


# The list ------------------------------------------------------------------------------------


def test_filters(world: World) -> None:
    made = {
        "Prix trop élevé": make_finding(
            world.a,
            statement="Prix trop élevé",
            theme="Price",
            severity="high",
            deals=["won early"],
            learned_on=date(2026, 4, 2),
        ),
        "Late": make_finding(
            world.a,
            statement="Late",
            quote="They said PRICE twice",
            source="email_review",
            stage="Coach",
            role=Role.REP,
            deals=["lost early"],
        ),
        "Loose": make_finding(world.a, statement="Loose", severity="low", stage="Booked"),
    }
    theme = made["Prix trop élevé"].theme_id
    rep = world.a.user(Role.REP).pk
    expected = {
        "": ["Prix trop élevé", "Late", "Loose"],
        "?text=eleve": ["Prix trop élevé"],
        "?text=price": ["Late"],
        "?text=%25": [],
        "?source=email_review": ["Late"],
        f"?stage={world.a.stages['Coach'].pk}": ["Late"],
        f"?theme={theme}": ["Prix trop élevé"],
        "?theme=none": ["Late", "Loose"],
        "?severity=low": ["Loose"],
        f"?author={rep}": ["Late"],
        "?channel=outbound": ["Prix trop élevé"],
        "?channel=inbound": ["Late"],
        "?since=2026-05-01": ["Late", "Loose"],
        "?until=2026-04-30": ["Prix trop élevé"],
        "?since=2026-06-01&until=2026-04-01": ["Late", "Loose", "Prix trop élevé"],
        f"?deal={world.a.deals['lost early']}": ["Late"],
        "?sort=day": ["Prix trop élevé", "Late", "Loose"],
        "?sort=-day": ["Loose", "Late", "Prix trop élevé"],
        "?sort=stage": ["Loose", "Prix trop élevé", "Late"],
        "?sort=theme": ["Prix trop élevé", "Loose", "Late"],
        "?sort=deals": ["Late", "Prix trop élevé", "Loose"],
        "?withdrawn=1": [],
    }
    for query, statements in expected.items():
        found = listed(world, query)
        same = found == statements if "sort" in query or not query else None
        assert same or sorted(found) == sorted(statements), query


def test_what_an_address_cannot_mean_is_said(world: World) -> None:
    make_finding(world.a)
    for query in (
        "?stage=x",
        f"?stage={world.b.stages['Held'].pk}",
        f"?deal={world.b.deals['open']}",
        "?since=2026-99-99",
        "?severity=huge",
        "?author=" + "9" * 40,
        "?sort=secret",
        "?view=secret",
        "?source=%00",
        "?dream=1",
    ):
        body = page(world, LIST + query)
        if "%00" not in query:
            assert "left out" in body, query
        assert "Nobody asks who decides" in body
        assert CANARY not in body


def test_tabs(world: World) -> None:
    make_finding(world.a, deals=["lost early", "open"], theme="Price")
    themes = page(world, f"{LIST}?view=themes")
    assert "2 deals" in themes
    assert "€7,000" in themes
    grid = page(world, f"{LIST}?view=coverage")
    assert f"?source=call_review&amp;stage={world.a.stages['Held'].pk}" in grid
    assert "1 finding: Call review, Held" in grid
    assert "Nothing yet: Call review, Booked. Add a finding" in grid
    assert "Add a finding" not in page(world, f"{LIST}?view=coverage", Role.LEADER)


def test_pages_of_the_list(world: World) -> None:
    for n in range(51):
        make_finding(world.a, statement=f"Finding {n:02}")
    assert len(listed(world)) == 50
    assert listed(world, "?page=2") == ["Finding 00"]
    assert listed(world, "?page=999") == ["Finding 00"]
    assert len(listed(world, "?page=x")) == 50
    assert "1 to 50 of 51" in page(world)


def test_text_is_text(world: World) -> None:
    evil = "<script>alert(1)</script>\u202eevil 🙂"
    long = "x" * 300
    first = make_finding(world.a, statement=evil, quote=evil * 20, theme="<b>Price</b>")
    make_finding(world.a, statement=long)
    for path in (LIST, f"{LIST}?view=themes", f"{LIST}{first.pk}/", f"{LIST}{first.pk}/edit/"):
        body = page(world, path)
        assert "<script>alert(1)" not in body
        assert "<b>Price</b>" not in body
    assert escape(evil) in page(world)
    assert long in page(world)


def test_the_file(world: World) -> None:
    make_finding(world.a, statement="=cmd()", quote="+1", deals=["lost early", "open"])
    make_finding(world.a, statement="Other", source="other")
    make_finding(world.b, statement=CANARY)
    response = client(world.a, Role.LEADER).get(f"{LIST}findings.csv?source=call_review")
    assert "attachment" in response["Content-Disposition"]
    lines = response.content.decode("utf-8-sig").splitlines()
    assert len(lines) == 2
    assert "'=cmd()" in lines[1]
    assert "'+1" in lines[1]
    assert "lost early; open" in lines[1]
    assert "2026-05-20" in lines[1]


def test_as_many_queries_for_a_hundred(world: World) -> None:
    paths = [LIST, f"{LIST}?view=themes", f"{LIST}findings.csv"]
    counts: list[list[int]] = []
    for more in (10, 90):
        for n in range(more):
            make_finding(world.a, deals=["lost early", "open"], theme=f"T{n % 5}")
        browser = client(world.a)
        row = []
        for path in paths:
            browser.get(path)
            with CaptureQueriesContext(connection) as captured:
                browser.get(path)
            row.append(len(captured))
        counts.append(row)
    assert counts == [[16, 20, 12], [16, 20, 12]]


# The deal page -------------------------------------------------------------------------------


def test_on_the_deal_page(world: World) -> None:
    deal = world.a.deals["lost early"]
    make_finding(world.a, deals=["lost early"])
    make_finding(world.a, statement="Elsewhere", deals=["open"])
    with inside(world.a):
        withdraw_finding(
            by=world.a.actor(Role.MANAGER),
            now=NOW,
            finding_id=make_finding(world.a, statement="Gone", deals=["lost early"]).pk,
        )
        add_note(by=world.a.actor(Role.REP), deal_id=deal, body="Said so", now=NOW)
    here = deal_url(deal, "findings/")
    fragment = page(world, here, headers=HX)
    assert "Nobody asks who decides" in fragment
    assert "Elsewhere" not in fragment
    assert "Gone" not in fragment
    assert f"{ADD}?deal={deal}" in fragment
    assert client(world.a).get(here)["Location"] == f"{LIST}?deal={deal}"
    assert here in page(world, deal_url(deal))
    assert "Add finding from this" in page(world, deal_url(deal), Role.REP)
    assert "Add finding" not in page(world, deal_url(deal), Role.LEADER)
    bens = world.a.deals["won early"]
    with inside(world.a):
        add_note(by=world.a.actor(Role.MANAGER), deal_id=bens, body="Said so", now=NOW)
    assert "Add finding from this" not in page(world, deal_url(bens), Role.REP)
    assert "Add finding" not in page(world, deal_url(bens, "findings/"), Role.REP, headers=HX)


# Themes --------------------------------------------------------------------------------------


def test_themes_are_kept_by_managers(world: World) -> None:
    here = "/w/alpha/settings/themes/"
    for role in (Role.REP, Role.LEADER):
        assert client(world.a, role).get(here).status_code == 403
    browser = client(world.a)
    assert browser.post(f"{here}add/", {"name": "Price"}).status_code == 303
    assert "is here already" in browser.post(f"{here}add/", {"name": "price"}).content.decode()
    assert browser.post(f"{here}add/", {"name": ""}).status_code == 422
    make_finding(world.a, theme="Price")
    make_finding(world.a, theme="Cost")
    with inside(world.a):
        price, cost = (Theme.objects.get(name=name).pk for name in ("Price", "Cost"))
    renamed = browser.post(f"{here}{price}/rename/", {"name": "Too dear", "seen": "Price"})
    assert renamed.status_code == 303
    stale = browser.post(f"{here}{price}/rename/", {"name": "Dear", "seen": "Price"})
    assert stale.status_code == 409
    assert browser.post(f"{here}{cost}/merge/", {"into": price}).status_code == 303
    body = page(world, here)
    assert "2 findings" in body
    assert "merged into Too dear" in body
    assert listed(world, f"?theme={cost}") == listed(world, f"?theme={price}")
    assert browser.post(f"{here}{cost}/restore/").status_code == 303
    assert "merged into" not in page(world, here)
    assert browser.post(f"{here}{price}/retire/").status_code == 303
    assert "Nobody can choose these" in page(world, here)
    for part in ("rename/", "merge/", "retire/", "restore/"):
        with inside(world.b):
            theirs = Theme.objects.get_or_create(name=CANARY)[0].pk
        assert browser.post(f"{here}{theirs}/{part}", {"name": "x"}).status_code == 404


def test_the_neighbours_texts_are_nowhere(world: World) -> None:
    make_finding(world.b, statement=CANARY, theme=CANARY, deals=["open"])
    make_finding(world.a, deals=["open"])
    for path in (LIST, f"{LIST}?view=themes", f"{LIST}?view=coverage", ADD):
        assert CANARY not in page(world, path)


def test_money_follows_the_deal(world: World) -> None:
    """A change of what a finding is tied to changes what its theme weighs."""
    finding = make_finding(world.a, theme="Price", deals=["lost early"])
    with inside(world.a):
        change_finding(
            by=world.a.actor(Role.MANAGER),
            now=NOW,
            finding_id=finding.pk,
            values={"deals": [Deal.objects.get(pk=world.a.deals["open"])]},
            version=1,
        )
    assert "€5,000" in page(world, f"{LIST}?view=themes")


def test_a_finding_shows_the_experiments_that_it_led_to(world: World) -> None:
    finding = make_finding(world.a, deals=["lost early"])
    one = f"{LIST}{finding.pk}/"
    assert "flask-conical" not in page(world, one, Role.LEADER)
    with inside(world.a):
        for title, gone in (("Ask who signs", None), ("Thrown away", NOW)):
            tried = Experiment.objects.create(
                title=title, pipeline=world.a.pipeline, measure="conversion",
                stage=world.a.stages["Held"], created_at=NOW, withdrawn_at=gone,
            )  # fmt: skip
            ExperimentReason.objects.create(experiment=tried, finding=finding)
            if gone is None:
                kept = tried.pk
    html = page(world, one, Role.LEADER)
    assert f'<a class="tag accent" href="/w/alpha/experiments/{kept}/">' in html
    assert "Ask who signs" in html
    assert "Thrown away" not in html
    # Its deals are a click away, from its own page and from the list.
    assert f'href="{one}#deals-title">1 deal</a>' in page(world, LIST, Role.LEADER)
    assert 'href="#deals-title">1 deal</a>' in html


def test_a_gap_leads_leadership_to_the_filtered_list(world: World) -> None:
    make_finding(world.a, deals=["lost early"])
    html = page(world, f"{LIST}?view=coverage", Role.LEADER)
    held = world.a.stages["Coach"].pk
    gap = f'<a class="cell gap" href="{LIST}?source=email_review&amp;stage={held}">'
    assert gap in html
    assert f'<a class="cell gap" href="{ADD}' in page(world, f"{LIST}?view=coverage", Role.MANAGER)
