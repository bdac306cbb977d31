"""A company with two pipelines: every page of the figures says which one it is of, and keeps it."""

import csv
import io
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from html import unescape

import pytest
from django.db import transaction
from django.test import Client

from accounts.models import Notification
from accounts.roles import Role
from accounts.tenancy.context import company_context
from metrics.models import DangerPoint, Scenario
from metrics.services.news import tell_news
from metrics.services.recompute import recompute_all
from pipeline.models import Pipeline, Stage
from tests.metrics.builders import at, small_company
from tests.metrics.classic_quarter import add_ended
from tests.metrics.test_news import loses_more, member
from tests.personas import CANARY, NOW, Workspace, World, client_of

pytestmark = pytest.mark.django_db

HOME = "/w/alpha/"
# Of 60 deals with partners 30 were lost when due, 10 after a talk, 20 won.
WAYS = [("Due", "Lost")] * 30 + [("Due", "Talk", "Lost")] * 10 + [("Due", "Talk", "Won")] * 20


@dataclass(frozen=True, slots=True)
class Two:
    """The classic quarter in Sales, and one of another shape in Partners."""

    world: World
    partners: Workspace
    manager: Client

    @property
    def query(self) -> str:
        return f"?q=2026-Q1&pipeline={self.partners.pipeline.pk}"


@pytest.fixture
def two(classic: World) -> Two:
    a = classic.a
    with company_context(a.company.pk), transaction.atomic():
        pipeline = Pipeline.objects.create(name="Partners & <friends>", position=2)
        stages = {
            name: Stage.objects.create(pipeline=pipeline, name=name, kind=kind, position=position)
            for name, kind, position in [
                ("Due", "open", 1),
                ("Talk", "open", 2),
                ("Won", "won", None),
                ("Lost", "lost", None),
            ]
        }
    partners = replace(a, pipeline=pipeline, stages=stages, deals={})
    opened = datetime(2026, 1, 1, 9, tzinfo=UTC)
    add_ended(partners, "Partner", opened, [(way, 20) for way in WAYS])
    recompute_all(company_id=a.company.pk, now=NOW)
    return Two(classic, partners, client_of(a.user(Role.MANAGER)))


def read(client: Client, path: str) -> str:
    response = client.get(f"{HOME}{path}")
    assert response.status_code == 200, path
    return response.content.decode()


def table(client: Client, path: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(read(client, path).removeprefix("\ufeff"))))


def links(html: str, start: str) -> set[str]:
    """The links of a page that begin so, beneath the workspace."""
    return {
        unescape(found).removeprefix(HOME)
        for found in re.findall(r'href="([^"]*)"', html)
        if unescape(found).startswith(f"{HOME}{start}")
    }


def test_an_address_without_a_pipeline_shows_the_first(two: Two) -> None:
    page = two.manager.get(f"{HOME}funnel/?q=2026-Q1").context["page"]
    assert [(c.name, c.reached) for c in page.columns][:1] == [("Booked", 100)]


@pytest.mark.parametrize("path", ["velocity/", "funnel/", "simulator/", "quarters/"])
def test_the_pipeline_is_chosen_where_there_are_two(two: Two, path: str) -> None:
    """The choice keeps quarter and segment, and names the first one by no name."""
    own = two.partners.pipeline.pk
    quarter = "" if path == "quarters/" else "q=2026-Q1&"
    first = read(two.manager, f"{path}?{quarter}seg=channel%3Dinbound")
    offered = links(first, f"{path}?")
    [there] = [link for link in offered if f"pipeline={own}" in link]
    assert "seg=channel%3Dinbound" in there
    second = read(two.manager, there)
    assert "Partners &amp; &lt;friends&gt;" in second
    back = [
        link for link in links(second, path) if "pipeline=" not in link and "seg=channel" in link
    ]
    assert back
    # Whatever else is chosen there stays in that pipeline.
    chips = re.findall(r'<a class="chip" href="([^"]*)"', second)
    assert chips
    assert all(f"pipeline={own}" in chip for chip in chips)


def test_a_company_with_one_pipeline_is_not_asked(classic: World) -> None:
    client = client_of(classic.a.user(Role.MANAGER))
    for path in ("velocity/", "funnel/", "simulator/", "quarters/", "quarters/compare/"):
        assert "pick-pipeline" not in read(client, path)


def test_the_funnel_and_the_deals_behind_it_are_of_the_pipeline(two: Two) -> None:
    """60 came due, 30 met for a talk, 20 bought; each number leads to as many deals."""
    html = read(two.manager, f"funnel/{two.query}&unit=deals&at=1")
    assert "Booked" not in html
    behind = links(html, "funnel/deals/?")
    assert behind
    assert all(f"pipeline={two.partners.pipeline.pk}" in link for link in behind)
    # The lede speaks of 100 deals; its numbers lead to what they are a share of.
    _, _, told = html.partition('aria-live="polite"')
    numbers = re.findall(r'<a class="behind" href="([^"]*)">([^<]*)</a>', told.partition("</p>")[2])
    assert {text for _, text in numbers} >= {"60", "30", "20"}
    for href, text in ((href, text) for href, text in numbers if text.isdecimal()):
        listed = read(two.manager, unescape(href).removeprefix(HOME))
        count = re.search(r'<tr class="sum"><th scope="row">(\d+) deals?<', listed)
        assert (count.group(1) if count else "0") == text, href
        assert "Classic" not in listed
        assert "Q1 2026 (Partners &amp; &lt;friends&gt;)" in listed
        [back] = {link for link in links(listed, "funnel/?") if "pipeline=" in link}
        assert read(two.manager, back)
    rows = table(two.manager, f"funnel/chart/funnel.csv{two.query}")
    assert [(row["stage"], row["cohort_reached"]) for row in rows] == [
        ("Due", "60"), ("Talk", "30"), ("Won", "20"),
    ]  # fmt: skip


def test_the_reasons_for_losses_are_of_the_pipeline(two: Two) -> None:
    html = read(two.manager, f"funnel/reasons/{two.query}&at=1")
    assert "Lost at Due in Q1 2026 (Partners &amp; &lt;friends&gt;): 30 deals" in html
    [link, *_] = links(html, "funnel/deals/?")
    assert f"pipeline={two.partners.pipeline.pk}" in link
    assert "30 deals" in read(two.manager, link)


def test_velocity_counts_the_pipelines_deals(two: Two) -> None:
    """60 open for 20 of 90 days, 1,000 each, a third won, 20 days: 13.3 x 1,000 x 1/3 / 20."""
    [row] = [
        row
        for row in table(two.manager, f"velocity/chart/trend.csv{two.query}")
        if row["quarter"] == "2026-Q1"
    ]
    assert float(row["velocity_per_day"]) == pytest.approx(60 * 20 / 90 * 1000 / 3 / 20)


def test_a_scenario_keeps_its_pipeline(two: Two) -> None:
    """Saved in Partners, it stands in the list of either with its own figures, and opens there."""
    pk = two.partners.pipeline.pk
    query = f"{two.query}&p1=60"
    saved = two.manager.post(f"{HOME}simulator/scenarios/add/{query}", {"name": "Talk sooner"})
    assert saved.status_code == 303
    with company_context(two.world.a.company.pk):
        [kept] = Scenario.objects.all()
        assert kept.pipeline_id == pk
    [row] = two.manager.get(f"{HOME}simulator/?q=2026-Q1").context["scenarios"]
    assert row.pipeline_text == "Partners & <friends>"
    assert not row.current
    assert row.changes == ("Due → Talk: 60.0%",)
    opened = two.manager.get(f"{HOME}simulator/{row.query}").context
    assert opened["page"].result.rows[-1].after == row.after
    assert [one.current for one in opened["scenarios"]] == [True]
    [exported] = table(two.manager, "simulator/chart/scenarios.csv")
    assert exported["pipeline"] == "Partners & <friends>"


def test_a_scenario_is_overwritten_into_the_other_pipeline(two: Two) -> None:
    """Who saw an older version is told both pipelines by name."""
    two.manager.post(f"{HOME}simulator/scenarios/add/{two.query}&p1=60", {"name": "One"})
    with company_context(two.world.a.company.pk):
        [kept] = Scenario.objects.all()
    url = f"{HOME}simulator/scenarios/{kept.pk}/overwrite/?q=2026-Q1&p1=95"
    told = two.manager.post(url, {"version": kept.version - 1}, headers={"HX-Request": "true"})
    assert told.status_code == 409
    assert "Partners &amp; &lt;friends&gt;" in told.content.decode()
    assert two.manager.post(url, {"version": kept.version}).status_code == 303
    with company_context(two.world.a.company.pk):
        kept.refresh_from_db()
    assert kept.pipeline_id == two.world.a.pipeline.pk


def test_quarters_are_listed_and_compared_in_the_pipeline(two: Two) -> None:
    pk = two.partners.pipeline.pk
    html = read(two.manager, f"quarters/?pipeline={pk}")
    quarters = links(html, "quarters/2026-")
    assert quarters
    assert all(f"pipeline={pk}" in link for link in quarters)
    [row] = [
        row
        for row in table(two.manager, f"quarters/quarters.csv?pipeline={pk}")
        if row["quarter"] == "2026-Q1"
    ]
    assert (row["won"], row["lost"]) == ("20", "40")
    page = read(two.manager, f"quarters/2026-Q1/?pipeline={pk}")
    for start in ("velocity/?", "funnel/?", "quarters/compare/?", "quarters/?"):
        found = links(page, start)
        assert found, start
        assert all(f"pipeline={pk}" in link for link in found), start
    [compare] = links(page, "quarters/compare/?")
    compared = read(two.manager, compare)
    assert f'name="pipeline" value="{pk}"' in compared
    assert "Due" in compared
    assert "Booked" not in compared


def test_a_danger_point_is_taken_on_where_it_was_seen(two: Two) -> None:
    funnel = read(two.manager, f"funnel/{two.query}&at=2")
    [take_on] = links(funnel, "danger-points/open/?")
    form = two.manager.get(f"{HOME}{take_on}").context
    assert form["found"].stage_id == two.partners.stages["Talk"].pk
    with company_context(two.world.a.company.pk):
        point = DangerPoint.objects.create(
            pipeline=two.partners.pipeline,
            stage=two.partners.stages["Talk"],
            opened_quarter="2026-Q1",
            opened_at=NOW,
        )
    page = read(two.manager, f"danger-points/{point.pk}/")
    [back] = [link for link in links(page, "funnel/?") if "at=2" in link]
    assert f"pipeline={two.partners.pipeline.pk}" in back
    agenda = read(two.manager, "danger-points/")
    assert '<span class="tag">Partners &amp; &lt;friends&gt;</span>' in agenda
    [row] = table(two.manager, "danger-points/agenda.csv")
    assert row["pipeline"] == "Partners & <friends>"


def test_a_stage_of_the_second_pipeline_that_loses_more_is_proposed_and_told() -> None:
    with small_company() as small:
        member(small, "m@x.example", Role.MANAGER)
        with transaction.atomic():
            Pipeline.objects.filter(pk=small.pipeline_id).update(position=2)
            main = Pipeline.objects.create(name="Main", position=1)
            Stage.objects.create(pipeline=main, name="Asked", kind="open", position=1)
            for name, kind in (("Won", "won"), ("Lost", "lost")):
                Stage.objects.create(pipeline=main, name=name, kind=kind)
        loses_more(small)
        tell_news(company_id=small.company.pk, now=at("2026-02-20T13:00"))
        with transaction.atomic():
            row = Notification.objects.get(kind="danger_worse")
        assert row.values["pipeline"] == "Sales"
        assert f"pipeline={small.pipeline_id}" in row.path
        client = client_of(row.user)
        page = client.get(f"/w/small/{row.path}").context["page"]
        assert page.stage.position == 1
        assert page.columns[0].name == "Booked"
        unopened = client.get("/w/small/danger-points/").context["unopened"]
        [url] = [url for one, url in unopened if one.stage == "Booked" and not one.segment]
        assert client.get(url).context["found"].stage_id == small.booked
        # What is retired is neither news nor a proposal.
        with transaction.atomic():
            Notification.objects.all().delete()
            Pipeline.objects.filter(pk=small.pipeline_id).update(retired_at=at("2026-02-20"))
        tell_news(company_id=small.company.pk, now=at("2026-02-20T14:00"))
        with transaction.atomic():
            assert not Notification.objects.filter(kind="danger_worse").exists()
        assert client.get("/w/small/danger-points/").context["unopened"] == []


@pytest.mark.parametrize(
    "path",
    [
        "velocity/?",
        "funnel/?",
        "funnel/deals/?figure=lost_at&at=1&",
        "simulator/?",
        "reviews/?",
        "voices/?",
        "quarters/?",
        "quarters/compare/?",
    ],
)
def test_a_pipeline_that_is_not_there_is_said(two: Two, path: str) -> None:
    """A neighbour's, one that never was and one that is no number: the first, and a notice."""
    theirs = two.world.b.pipeline.pk
    for given in (str(theirs), "99999999", "x", "9" * 40, "²"):
        html = read(two.manager, f"{path}pipeline={given}")
        assert "There is no such pipeline; the first one is shown." in html, given
        assert CANARY not in html
        assert "pick-pipeline" in html or "deals/" in path
    assert two.manager.get(f"{HOME}quarters/2026-Q1/?pipeline={theirs}").status_code == 404


def test_the_next_reviews_are_proposed_in_the_pipeline(two: Two) -> None:
    html = read(two.manager, f"reviews/?pipeline={two.partners.pipeline.pk}&kind=lost_interview")
    assert "Partner " in html
    assert "Classic " not in html
    behind = links(html, "funnel/deals/?")
    assert behind
    for link in behind:
        assert "Partner " in read(two.manager, link)
    kinds = re.findall(r'<a class="chip" href="([^"]*)"', html)
    assert kinds
    assert all(f"pipeline={two.partners.pipeline.pk}" in link for link in kinds)
    first = read(two.manager, "reviews/?kind=lost_interview")
    assert "Classic " in first
    assert "Partner " not in first
    assert f'href="{HOME}reviews/?kind=lost_interview&amp;pipeline=' in first


def test_two_voices_are_about_the_pipelines_losses(two: Two) -> None:
    page = two.manager.get(f"{HOME}voices/{two.query}").context["page"]
    assert page.filters.pipeline == "Partners & <friends>"
    assert f"pipeline={two.partners.pipeline.pk}" in page.deals_csv
    # Nobody was interviewed: whom to ask is a buyer of that pipeline too.
    assert page.empty.href.endswith(
        f"reviews/?pipeline={two.partners.pipeline.pk}&kind=lost_interview"
    )
    assert "pipeline" not in two.manager.get(f"{HOME}voices/").context["page"].empty.href


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("funnel/chart/funnel.csv", ""),
        ("velocity/chart/trend.csv", ""),
        ("funnel/deals/deals.csv", "&figure=won"),
        ("quarters/quarters.csv", ""),
        ("quarters/2026-Q1/review/xlsx/", ""),
        ("voices/deals.csv", ""),
        ("voices/coverage.csv", ""),
    ],
)
def test_two_files_of_one_quarter_are_told_apart_by_name(two: Two, path: str, query: str) -> None:
    """The pipeline shown first needs no name, as in the addresses of pages."""
    named = f'filename="alpha-pipeline-{two.partners.pipeline.pk}-'
    second = two.manager.get(f"{HOME}{path}{two.query}{query}")
    first = two.manager.get(f"{HOME}{path}?q=2026-Q1{query}")
    assert all(b"".join(file) for file in (second, first))  # read, so that nothing stays open
    assert named in second["Content-Disposition"]
    assert "pipeline" not in first["Content-Disposition"]


def test_a_leader_reads_every_pipeline(two: Two) -> None:
    leader = client_of(two.world.a.user(Role.LEADER))
    html = read(leader, f"funnel/{two.query}")
    assert "Due" in html
    assert not links(html, "danger-points/open/")
