"""An experiment as it is lived: from a danger point's finding to a plan, the start, the verdict,
the decision and the mark on the velocity chart; deals come in between, on a clock that is moved.

What the page says is compared with a count by hand of what was entered (trying_company.py). A rep
sees the arm of each deal; leadership reads the book.
"""

import math
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, expect

from accounts.roles import Role
from metrics.models import Assignment, Experiment, ExperimentReason
from metrics.services.experiment_checks import Plan
from metrics.services.experiments import draft_experiment, start_experiment
from pipeline.services.deals import change_deal, open_deal
from tests.browser.losing_company import TODAY
from tests.browser.test_sales_floor import inside
from tests.browser.test_why_deals_are_lost import HOME, Person, person  # noqa: F401  a fixture
from tests.browser.trying_company import (
    ARRIVALS,
    BASELINE,
    LAST,
    START,
    STATEMENT,
    Clock,
    clock,  # noqa: F401  a fixture
    live_through,
    make_trying_company,
    work,
)
from tests.personas import Workspace

TITLE = "Who else signs, in the first call"
RULE = "Adopt it if the always-valid interval leaves out zero."
WHY = "Three in four sign now, and no deal became smaller."
EARLY = datetime(2026, 4, 20, 8, tzinfo=UTC)
LATE = datetime(2026, 7, 7, 8, tzinfo=UTC)
FOLLOW_UP = 12  # days: what every deal won before has taken


@pytest.fixture
def company(
    live_server: Any,
    transactional_db: None,
    browser: Browser,
    clock: Clock,  # noqa: F811
) -> Workspace:
    """The company that is about to try something, on its day."""
    return make_trying_company()


# What was entered, counted by hand ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Count:
    """Deals of the website that met the coach in the window: won in time of mature, and young."""

    k: int
    n: int
    young: int


def counted(today: date) -> Count:
    """The test's side as it stands in the morning of a day: yesterday is the last whole day."""
    seen = today - timedelta(days=1)
    k = n = young = 0
    for arrival in ARRIVALS:
        met, won = arrival.entered("Coach"), arrival.entered("Won")
        if arrival.source != "Website" or not START <= arrival.opened <= min(LAST, seen):
            continue
        if met is None or met > seen:
            continue
        if met + timedelta(days=FOLLOW_UP) > seen:
            young += 1
            continue
        n += 1
        k += won is not None and won <= met + timedelta(days=FOLLOW_UP)
    return Count(k, n, young)


def sizes_won(today: date) -> list[int]:
    """The guardrail: amounts of the website's deals won within the days after they opened."""
    seen = today - timedelta(days=1)
    return [
        arrival.amount
        for arrival in ARRIVALS
        if arrival.source == "Website"
        and START <= arrival.opened <= min(LAST, seen - timedelta(days=FOLLOW_UP))
        and (won := arrival.entered("Won")) is not None
        and won <= arrival.opened + timedelta(days=FOLLOW_UP)
    ]


def newcombe(k1: int, n1: int, k0: int, n0: int) -> tuple[float, float]:
    """Newcombe (1998), method 10, from the Wilson score intervals; z of 95 %."""
    z = 1.959963984540054

    def wilson(k: int, n: int) -> tuple[float, float]:
        p = k / n
        middle, root = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        return (middle - root) / (1 + z * z / n), (middle + root) / (1 + z * z / n)

    p1, p0, (l1, u1), (l0, u0) = k1 / n1, k0 / n0, wilson(k1, n1), wilson(k0, n0)
    return (
        p1 - p0 - math.hypot(p1 - l1, u0 - p0),
        p1 - p0 + math.hypot(u1 - p1, p0 - l0),
    )


def points(text: str) -> list[float]:
    """The signed numbers of a text, in its order: "+3.9 to +61.5 pts" is [3.9, 61.5]."""
    plain = text.replace("\N{MINUS SIGN}", "-")
    return [float(found) for found in re.findall(r"[+-]?\d+(?:\.\d+)?", plain)]


# The journey -------------------------------------------------------------------------------------


def takes_up_the_finding(manager: Person) -> None:
    """From the agenda to the danger point, to what was learned there, to a form that knows it."""
    manager.page.goto(HOME + "danger-points/")
    agenda = manager.main.get_by_role("link", name=re.compile("^Coach"))
    manager.hand.press(agenda.and_(manager.page.locator("[href*='danger-points/']")).first)
    manager.arrives(re.compile("^Coach"))
    learned = manager.card("What was learned here")
    manager.hand.press(learned.get_by_role("link", name=STATEMENT))
    manager.arrives(STATEMENT)
    manager.hand.press(manager.main.get_by_role("link", name="Test this"))
    manager.arrives("New experiment")


def writes_it_down(manager: Person) -> None:
    form = manager.main
    chosen = "option:checked"
    expect(form.get_by_label("Measured by").locator(chosen)).to_have_text("Conversion out of Coach")
    expect(form.get_by_label("Because")).to_have_value(STATEMENT)
    expect(form.get_by_role("checkbox", name=re.compile(f"^{STATEMENT}"))).to_be_checked()
    manager.hand.write(form.get_by_label("Name"), TITLE)
    manager.hand.write(form.get_by_label("If we"), "ask who else signs in the first call")
    manager.hand.write(form.get_by_label("Then"), "more of those who meet the coach buy")
    manager.hand.pick(form.get_by_label("For", exact=True), "Inbound")
    manager.hand.write(form.get_by_label("Smallest effect worth having"), "25")
    manager.hand.pick(form.get_by_label("Guardrail", exact=True), "Deal size")
    before_after = form.get_by_label("Compared with").locator(chosen)
    expect(before_after).to_have_text("Before and after")
    for label, day in {
        "First day": START,
        "Last day": LAST,
        "Window before: first day": BASELINE,
        "Window before: last day": START - timedelta(days=1),
    }.items():
        manager.hand.set_day(form.get_by_label(label, exact=True), day)
    manager.hand.write(form.get_by_label("How it will be decided"), RULE)


def asks_whether_it_can_be_seen(manager: Person) -> None:
    """The help beside the form says what thirteen weeks of this team can show."""
    told = manager.card("Can you see it?")
    with manager.page.expect_response(lambda answer: answer.request.method == "POST"):
        manager.hand.press(told.get_by_role("button", name="Work it out"))
    seen = told.locator("strong").filter(has_text="In 13 weeks the smallest change")
    expect(told).to_contain_text("+25.0 pts")
    sentence = seen.inner_text()
    manager.hand.press(manager.main.get_by_role("button", name="Save as draft"))
    manager.arrives(TITLE)
    manager.told("Experiment drafted")
    # The draft's page says the same.
    plan = manager.card("Can you see it?")
    expect(plan).to_contain_text(sentence)
    expect(plan.get_by_role("figure")).to_be_visible()


def starts_it(manager: Person) -> None:
    manager.hand.press(manager.main.get_by_role("link", name="Start…"))
    form = manager.form("Start the experiment")
    expect(form).to_contain_text(RULE)
    manager.hand.press(form.get_by_role("button", name="Start it"))
    manager.told("Started.")
    expect(manager.main.get_by_text("Starts on 30 Mar")).to_be_visible()
    plan = manager.card("Plan")
    expect(plan).to_contain_text(f"{FOLLOW_UP} days")
    expect(plan).to_contain_text("Inbound")
    expect(manager.card("Why we run it").get_by_role("link", name=STATEMENT)).to_be_visible()


def opens_it(reader: Person) -> None:
    reader.goes_to("Experiments")
    reader.arrives("Experiments")
    reader.hand.press(reader.main.get_by_role("link", name=TITLE))
    reader.arrives(TITLE)


def fact(card: Locator, term: str) -> str:
    """What a list of facts says of a term."""
    found = card.locator("dt", has_text=re.compile(f"^{term}$")).locator("xpath=following::dd[1]")
    return found.inner_text()


def reads_that_it_is_early(manager: Person) -> None:
    """In the third week a look does no harm, and nothing is claimed."""
    opens_it(manager)
    expect(manager.main.get_by_text("Running, day 22 of 91")).to_be_visible()
    after = counted(EARLY.date())
    assert 0 < after.n < 10
    verdict = manager.card(re.compile("^Too early"))
    expect(verdict).to_contain_text("No verdict yet")
    expect(verdict).to_contain_text(f"({after.k} of {after.n})")
    expect(verdict).to_contain_text("Look as often as you like")
    expect(manager.main.get_by_text("too young to count").first).to_be_visible()


def reads_the_verdict(manager: Person) -> None:
    """In words, with both numbers of cases and both intervals; as counted by hand."""
    opens_it(manager)
    after = counted(LATE.date())
    verdict = manager.card(re.compile("^Better"))
    expect(verdict).to_contain_text("Conclusive")
    expect(verdict).to_contain_text("40% (20 of 50)")
    expect(verdict).to_contain_text(f"{after.k / after.n:.0%} ({after.k} of {after.n})")
    effect, *one_look = points(fact(verdict, "Change").replace("95%", ""))
    assert effect == pytest.approx(100 * (after.k / after.n - 20 / 50), abs=0.051)
    low, high = (100 * end for end in newcombe(after.k, after.n, 20, 50))
    assert one_look == [pytest.approx(low, abs=0.051), pytest.approx(high, abs=0.051)]
    always = points(fact(verdict, "Always valid").replace("95%", ""))
    # Wider than the one for a single look, and still without nothing.
    assert 0 < always[0] < one_look[0] < effect < one_look[1] < always[1]
    young = manager.main.get_by_text(re.compile("too young to count"))
    expect(young).to_have_text(re.compile(rf"^{after.young} deals? (is|are) too young"))
    assert after.young > 0
    rails = manager.card("Guardrails").get_by_role("row", name=re.compile("^Size of won deals"))
    expect(rails.get_by_role("cell").nth(0)).to_have_text("€1,000 n = 20")
    sizes = sizes_won(LATE.date())
    mean = f"€{sum(sizes) / len(sizes):,.0f} n = {len(sizes)}"
    expect(rails.get_by_role("cell").nth(1)).to_have_text(mean)
    chart = manager.card("Share that gets past Coach within 12 days")
    expect(chart.locator("svg:visible").get_by_text("Start 30 Mar")).to_be_visible()
    expect(manager.main).to_contain_text("Before and after, no control group")


def decides(manager: Person) -> None:
    manager.hand.press(manager.main.get_by_role("link", name="Decide…"))
    form = manager.form("Decide")
    expect(form).to_contain_text(RULE)
    manager.hand.tick(form.get_by_role("radio", name=re.compile("^Adopt")))
    manager.hand.write(form.get_by_label("Why?"), WHY)
    manager.hand.press(form.get_by_role("button", name="Decide and freeze the figures"))
    manager.told("Adopted")
    decision = manager.card("Decision")
    expect(decision).to_contain_text(WHY)
    expect(decision).to_contain_text("7 Jul")
    after = counted(LATE.date())
    then = decision.get_by_role("row", name=re.compile("^After, n"))
    expect(then).to_contain_text(str(after.n))
    expect(decision.get_by_text("Did it last?")).to_be_visible()
    expect(decision).to_contain_text("7 Jan 2027")
    expect(manager.main.get_by_role("link", name="Decide…")).to_have_count(0)


def sees_the_mark(manager: Person) -> None:
    """In the quarter in which it was adopted, on the line and in the list below it."""
    manager.goes_to("Velocity")
    manager.arrives("Velocity")
    trend = manager.page.locator("figure.chart").first.locator("svg:visible")
    flags = trend.locator(".flag-text")
    expect(flags).to_have_text([re.compile("^Started"), re.compile("^Adopted")])
    expect(flags.last).to_be_visible()
    marks = manager.main.get_by_role("list", name="Marked on the line")
    adopted = marks.get_by_role("listitem").filter(has_text=f"Adopted: {TITLE} (Inbound)")
    expect(adopted).to_contain_text("7 Jul")
    manager.hand.press(adopted.get_by_role("link"))
    manager.arrives(TITLE)


@pytest.mark.parametrize("way", ["mouse", "finger"])
def test_from_a_finding_to_the_mark_on_the_velocity(
    way: str,
    company: Workspace,
    clock: Clock,  # noqa: F811
    person: Any,  # noqa: F811
) -> None:
    manager = person(Role.MANAGER, way)
    takes_up_the_finding(manager)
    writes_it_down(manager)
    asks_whether_it_can_be_seen(manager)
    starts_it(manager)
    live_through(company, clock, EARLY)
    manager = person(Role.MANAGER, way)  # weeks have passed: who was signed in is not any more
    manager.page.goto(HOME + "velocity/")
    reads_that_it_is_early(manager)
    live_through(company, clock, LATE)
    manager = person(Role.MANAGER, way)
    manager.page.goto(HOME + "velocity/")
    reads_the_verdict(manager)
    decides(manager)
    work(company)
    sees_the_mark(manager)
    with inside(company):
        experiment = Experiment.objects.get()
        assert (experiment.state, experiment.decision) == ("decided", "adopt")
        assert (experiment.follow_up_days, experiment.decision_reason) == (FOLLOW_UP, WHY)
        assert (experiment.measure, experiment.segment) == ("conversion", "channel=inbound")
        assert (experiment.starts_on, experiment.ends_on) == (START, LAST + timedelta(days=1))
        after = counted(LATE.date())
        frozen = experiment.decided_figures["primary"]
        assert (frozen["test"]["k"], frozen["test"]["n"]) == (after.k, after.n)
        assert (frozen["baseline"]["k"], frozen["baseline"]["n"]) == (20, 50)
        assert frozen["verdict"] == "better"
        assert ExperimentReason.objects.get().finding.statement == STATEMENT


def running_experiment(company: Workspace, now: datetime, **changes: Any) -> Experiment:
    """The same experiment, drafted and started by the services."""
    values: dict[str, Any] = {
        "title": TITLE,
        "measure": "conversion",
        "pipeline_id": company.pipeline.pk,
        "stage_id": company.stages["Coach"].pk,
        "segment": "channel=inbound",
        "if_we": "ask who else signs",
        "then": "more of those who meet the coach buy",
        "because": STATEMENT,
        "smallest_effect": 0.25,
        "baseline_start": BASELINE,
        "baseline_end": START,
        "starts_on": START,
        "ends_on": LAST + timedelta(days=1),
        "decision_rule": RULE,
        "owner_id": company.user(Role.MANAGER).pk,
        **changes,
    }
    by = company.actor(Role.MANAGER)
    with inside(company):
        draft = draft_experiment(by=by, now=now, plan=Plan(**values))
        return start_experiment(by=by, now=now, experiment_id=draft.pk, version=draft.version)


def test_it_is_decided_with_the_keyboard_alone(
    company: Workspace,
    clock: Clock,  # noqa: F811
    person: Any,  # noqa: F811
) -> None:
    running_experiment(company, TODAY)
    live_through(company, clock, LATE)
    manager = person(Role.MANAGER, "keyboard")
    manager.page.goto(HOME + "velocity/")
    opens_it(manager)
    decides(manager)
    with inside(company):
        assert Experiment.objects.get().decision == "adopt"


def test_a_rep_sees_the_arms_and_leadership_the_book(
    company: Workspace,
    clock: Clock,  # noqa: F811
    person: Any,  # noqa: F811
) -> None:
    """Four deals are drawn two and two; one of them then changes hands, and the page says so."""
    title = "A note from the coach"
    tried = running_experiment(
        company,
        TODAY,
        title=title,
        design="arms_by_deal",
        baseline_start=None,
        baseline_end=None,
        starts_on=TODAY.date(),
    )
    deals = {}
    manager = company.actor(Role.MANAGER)
    with inside(company):
        for name in ("Oak", "Elm", "Ash", "Fir"):
            deals[name] = open_deal(
                by=manager,
                pipeline_id=company.pipeline.pk,
                stage_id=company.stages["Booked"].pk,
                name=name,
                occurred_at=TODAY,
                now=TODAY,
                rep_id=company.reps["Ada"].pk,
                source_id=company.sources["Website"].pk,
                customer_id=company.customers["Acme"].pk,
            ).deal_id
    work(company)
    with inside(company):
        drawn = dict(Assignment.objects.values_list("deal_id", "arm"))
    assert set(drawn) == set(deals.values())
    assert sorted(drawn.values()) == ["control", "control", "test", "test"]

    rep = person(Role.REP)
    rep.page.goto(HOME + "deals/")
    for name, deal in deals.items():
        word = "Test" if drawn[deal] == "test" else "Control"
        card = rep.main.get_by_role("listitem").filter(
            has=rep.page.get_by_role("heading", name=name, exact=True)
        )
        expect(card).to_contain_text(f"{word}: {title}")
        rep.page.goto(f"{HOME}deals/{deal}/")
        arms = rep.main.get_by_role("region", name="Experiments")
        row = arms.get_by_role("listitem").filter(has_text=title)
        expect(row).to_contain_text(word)
        expect(row).to_contain_text("Drawn for this deal when it was opened")
        rep.page.goto(HOME + "deals/")
    rep.page.goto(f"{HOME}deals/{deals['Oak']}/")
    rep.hand.press(rep.main.get_by_role("region", name="Experiments").get_by_role("link"))
    rep.arrives(title)
    reads_only(rep)

    clock.put(TODAY + timedelta(days=1))
    with inside(company):
        rep_id = company.reps["Ben"].pk
        change_deal(by=manager, deal_id=deals["Oak"], now=clock.now(), rep_id=rep_id)
    work(company)
    leader = person(Role.LEADER)
    leader.page.goto(HOME + "velocity/")
    leader.goes_to("Experiments")
    leader.arrives("Experiments")
    bet = leader.main.get_by_role("listitem").filter(has_text=title)
    expect(bet).to_contain_text("Conversion out of Coach")
    expect(bet).to_contain_text("Inbound")
    reads_only(leader)
    leader.hand.press(bet.get_by_role("link", name=title))
    leader.arrives(title)
    expect(leader.main.get_by_text("Deals in the arms: 2 test, 2 control.")).to_be_visible()
    expect(leader.main.get_by_text("1 deal of 4 changed hands since")).to_be_visible()
    expect(leader.card("Plan")).to_contain_text(f"drawn with seed {tried.seed}")
    reads_only(leader)
    answer = leader.page.goto(f"{HOME}experiments/{tried.pk}/decide/")
    assert answer.status in {403, 404}
    leader.window.said.clear()  # the browser notes the refusal that was asked for


def reads_only(reader: Person) -> None:
    """Nothing on the page changes anything."""
    acts = re.compile(r"^(New|Start|Stop|Amend|Decide|Edit|Withdraw|Note|Check in|Extend|Adopt)\b")
    for role in ("link", "button"):
        offered = reader.main.get_by_role(role, name=acts).all_inner_texts()
        assert offered == [], f"{reader.page.url} offers {offered}"
    assert reader.main.locator("form[method=post]").count() == 0, reader.page.url
