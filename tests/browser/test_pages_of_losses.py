"""Where deals are lost, and why: every page of it under axe, policy, console and width; who may do
what there; and a buyer, not signed in, who follows a tracked link."""

import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from accounts.roles import Role
from metrics.models import Finding, FindingDeal
from metrics.services.danger_points import open_danger_point
from metrics.services.findings import add_finding
from metrics.services.recorded_changes import Change, record_change
from metrics.services.reviews import start_review
from pipeline.models import MaterialUse
from pipeline.selectors.link_tokens import token_of
from pipeline.services.material import MaterialValues, add_material
from pipeline.services.tracked_links import make_link
from tests.browser.conftest import Visitor, state_of, windows
from tests.browser.losing_company import TODAY
from tests.browser.test_sales_floor import inside
from tests.browser.test_why_deals_are_lost import HOME, company, person  # noqa: F401  fixtures
from tests.personas import Workspace

STATEMENT = "Nobody asks who else signs"
ADDRESS = "https://stories.example/acme"
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0"


def furnish(workspace: Workspace) -> list[str]:
    """One thing of each kind in the losing company; the addresses of the pages that show them."""
    manager, coach = workspace.actor(Role.MANAGER), workspace.stages["Coach"].pk
    deal = workspace.deals["adas"]
    with inside(workspace):
        told = {"by": manager, "now": TODAY}
        review = start_review(**told, kind="lost_interview", deal_id=deal)
        finding = add_finding(
            **told,
            source="lost_interview",
            stage=coach,
            statement=STATEMENT,
            quote="It was never put to our director.",
            theme="Deciding",
            deals=(deal,),
        )
        point = open_danger_point(
            **told, stage_id=coach, owner_id=workspace.user(Role.REP).pk, due_on=date(2026, 4, 30)
        )
        record_change(**told, today=TODAY.date(), change=Change(date(2026, 2, 1), "New price list"))
        material = add_material(**told, values=MaterialValues("Who signs", address=ADDRESS))
        make_link(**told, material_id=material.pk, deal_id=deal)
    return [
        "funnel/",
        "funnel/?view=exits&unit=deals",
        "funnel/?view=exits&unit=money&vs=channel%3Dinbound",
        "funnel/deals/?figure=lost_at&at=3",
        "changes/",
        "changes/add/",
        "danger-points/",
        "danger-points/open/?at=3",
        f"danger-points/{point.danger_point_id}/",
        "findings/",
        "findings/?view=themes",
        "findings/?view=coverage",
        f"findings/{finding.pk}/",
        "settings/themes/",
        "reviews/",
        f"reviews/start/?kind=lost_interview&deal={deal}",
        f"reviews/{review.pk}/",
        "reviews/guides/call_review/",
        "reviews/guides/lost_interview/",
        "voices/",
        "material/",
        "material/add/",
        f"material/{material.pk}/",
        f"material/{material.pk}/effect/",
        "material/gaps/",
        f"deals/{deal}/material/send/",
        "simulator/",
        "simulator/?p3=50",
        "simulator/scenarios/add/?p3=50",
    ]


def test_every_page_is_accessible_fits_and_keeps_the_policy(
    company: Workspace,  # noqa: F811
    live_server: Any,
    browser: Browser,
) -> None:
    pages = {path: f"{HOME}{path}" for path in furnish(company)}
    state = state_of(company.user(Role.OWNER), live_server.url)
    found = []
    for form, window in windows(browser, live_server.url, state):
        for name, path in pages.items():
            found += window.faults_at(path, f"{form} {name}")
            if window.page.get_by_text("Not understood").count():
                found.append(f"{form} {name}: the page does not understand its address")
    assert not found, "\n".join(found)


def test_a_rep_learns_on_own_deals_and_leadership_reads(
    company: Workspace,  # noqa: F811
    person: Callable[..., Any],  # noqa: F811
) -> None:
    furnish(company)
    rep = person(Role.REP)
    rep.page.goto(f"{HOME}deals/{company.deals['adas']}/")
    own = rep.page.locator("#deal-findings")
    rep.hand.press(own.get_by_role("link", name="Add finding"))
    form = rep.form("Add finding")
    rep.hand.tick(form.get_by_role("radio", name="Win/loss note"))
    rep.hand.write(form.get_by_label("What was learned"), "The director was away")
    rep.hand.write(form.get_by_label("Find a deal"), "Classic 53")
    expect(form.get_by_role("checkbox", name=re.compile("^Classic 53"))).to_be_visible()
    rep.hand.write(form.get_by_label("Find a deal"), "Classic 52")
    # The list has changed, and "Classic 52", which is Ben's, is not in it.
    expect(form.get_by_role("checkbox", name=re.compile("^Classic 53"))).to_have_count(0)
    expect(form.get_by_role("checkbox", name=re.compile("^Classic 52"))).to_have_count(0)
    rep.hand.press(form.get_by_role("button", name="Add finding"))
    expect(own.get_by_role("heading", name="The director was away")).to_be_visible()
    with inside(company):
        added = Finding.objects.get(statement="The director was away")
        assert added.author == company.user(Role.REP)
        tied = list(FindingDeal.objects.filter(finding=added).values_list("deal_id", flat=True))
        assert tied == [company.deals["adas"]]
    others = rep.page.goto(f"{HOME}deals/{company.deals['bens']}/")
    assert others.status == 200
    expect(rep.page.locator("#deal-findings")).to_be_visible()
    expect(rep.main.get_by_role("link", name=re.compile("^Add finding"))).to_have_count(0)

    leader = person(Role.LEADER)
    offers = re.compile(
        r"^(Add |Open a |Take |Review this|Interview|Draw |Save as|Edit\b|Rename|Withdraw|Retire\b)"
    )
    with inside(company):
        finding = Finding.objects.get(statement=STATEMENT)
    for path in (
        "funnel/",
        "danger-points/",
        "findings/",
        f"findings/{finding.pk}/",
        "reviews/",
        "voices/",
        "material/",
        "simulator/?p3=50",
        "changes/",
        f"deals/{company.deals['adas']}/",
    ):
        answer = leader.page.goto(f"{HOME}{path}")
        assert answer.status == 200, path
        leader.page.wait_for_load_state("networkidle")
        for role in ("link", "button"):
            offered = leader.main.get_by_role(role, name=offers).all_inner_texts()
            assert offered == [], f"{path} offers leadership {offered}"
        assert leader.main.locator("form[method=post]").count() == 0, path


@pytest.fixture
def stories() -> Iterator[tuple[str, list[tuple[str, str | None]]]]:
    """A site of somebody else's: its address, and what was asked there with which referrer."""
    asked: list[tuple[str, str | None]] = []

    class Stories(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.startswith("/acme"):
                asked.append((self.path, self.headers.get("Referer")))
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<link rel=icon href=data:,><h1>How Acme decided</h1>")

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing: the test reads `asked`."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Stories) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/acme", asked
        server.shutdown()
        thread.join()


def test_a_buyer_who_is_not_signed_in_follows_the_tracked_link(
    company: Workspace,  # noqa: F811
    live_server: Any,
    browser: Browser,
    stories: tuple[str, list[tuple[str, str | None]]],
) -> None:
    """It leads to the stored address, tells nothing of the workspace, and is counted once."""
    address, asked = stories
    with inside(company):
        told = {"by": company.actor(Role.MANAGER), "now": TODAY - timedelta(days=1)}
        material = add_material(**told, values=MaterialValues("Who signs", address=address))
        token = token_of(make_link(**told, material_id=material.pk, deal_id=company.deals["adas"]))
    buyer = Visitor(browser, live_server.url, None, user_agent=BROWSER)
    buyer.page.goto(f"/m/{token}/?next=https://evil.example/")
    expect(buyer.page.get_by_role("heading", name="How Acme decided")).to_be_visible()
    assert buyer.page.url == address
    assert asked == [("/acme", None)]
    assert buyer.context.cookies() == []
    answer = buyer.page.goto(f"/m/{'x' * 43}/")
    assert answer is not None
    assert answer.status == 404
    said = buyer.page.content()
    assert not any(word in said for word in ("Alpha", "alpha", "Classic", "Who signs"))
    buyer.context.close()
    with inside(company):
        assert MaterialUse.objects.filter(kind="opened").count() == 1
