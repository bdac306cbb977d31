"""Page, file and dump of the golden company say the same, field by field, in every segment; and
every number of its rendered pages leads to as many deals as it says."""

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.management import call_command
from django.db import transaction
from django.test import Client

from accounts.actors import Actor
from accounts.formats import Style
from accounts.models import Company, User
from accounts.roles import Role
from accounts.services.companies import add_member
from accounts.tenancy.context import company_context
from metrics.calc.calendar import Quarter
from metrics.calc.expected import _STAGE, expected_shape
from metrics.charts import csv_file
from metrics.reports.funnel_chart import whole_funnel
from metrics.selectors.deal_links import DealLinks
from metrics.selectors.drill import amount_text, deals_of_figure
from metrics.selectors.drill_query import ACCEPTS, drill_question
from metrics.selectors.figures import all_figures, quarters_of
from metrics.selectors.filters import question_from
from metrics.selectors.funnel_page import funnel_page
from metrics.selectors.stage_block import StageBlock, stage_block
from metrics.selectors.wording import FEW, Reading
from metrics.services.recompute import recompute_all
from metrics.views.funnel_file import every_stage
from pipeline.services.load_company import load_company
from tests import database
from tests.golden.company_files import COMPANY
from tests.golden.replay import instant
from tests.personas import client_of, make_user

NOW = instant("2026-09-30T12:00:00Z")
STYLE = Style("en", "EUR")
PAGE = "/w/golden/funnel/"
LINK = re.compile(r'<a class="behind" href="([^"]*)">([^<]*)</a>')
TEXTS = ("segment", "quarter", "status", "as_of", "stage", "verdict", "currency", "worth_is_thin")


@dataclass(frozen=True)
class Golden:
    company: Company
    user: User


def _golden() -> Golden:
    by = Actor.product("test")
    loaded = load_company(folder=COMPANY, slug="golden", by=by, now=NOW)
    recompute_all(company_id=loaded.company_id, now=NOW)
    user = make_user("manager@golden.example")
    # Outside a transaction nobody would be told which company is active.
    with transaction.atomic(), company_context(loaded.company_id):
        company = Company.objects.get(pk=loaded.company_id)
        add_member(company=company, user=user, role=Role.MANAGER, by=by, now=NOW)
    return Golden(company, user)


@pytest.fixture(scope="module")
def committed(
    django_db_setup: None, django_db_blocker: Any, database_name: str
) -> Iterator[Golden]:
    """The golden company with its figures and a manager, loaded once for this module."""
    with django_db_blocker.unblock():
        made = _golden()
    yield made
    with django_db_blocker.unblock():
        database.empty_tables(database_name)


@pytest.fixture
def golden(committed: Golden, db: None) -> Iterator[Golden]:
    """The company, active."""
    with company_context(committed.company.pk):
        yield committed


@pytest.fixture
def client(golden: Golden) -> Client:
    return client_of(golden.user)


# Page = dump = file ------------------------------------------------------------------------------


def dump() -> dict[str, dict[str, dict[str, Any]]]:
    out = io.StringIO()
    call_command("dump_snapshots", slug="golden", stdout=out)
    return json.loads(out.getvalue())  # type: ignore[no-any-return]


def numbers(text: str) -> list[float]:
    return [float(n.replace(",", "")) for n in re.findall(r"\d[\d,]*(?:\.\d+)?", text)]


def same_cell(told: str, value: Any) -> bool:
    return told == "" if value is None else float(told) == value


def near(text: str, value: float | None, within: float = 0.5) -> bool:
    """Is the number in the text this one, as far as its decimals go? No number for None."""
    found = numbers(text)
    if value is None:
        return not found
    return len(found) == 1 and abs(found[0] - value) <= within + 1e-9


def file_agrees(row: Mapping[str, str], dumped: Mapping[str, Any]) -> list[str]:
    """The names of the fields in which a row of the file is not what was dumped."""
    low, high = dumped["exit_interval"] or (None, None)
    wanted = {name: dumped[name] for name in _STAGE if name != "verdict"}
    wanted |= {"exit_interval_low": low, "exit_interval_high": high}
    wrong = [name for name, value in wanted.items() if not same_cell(row[name], value)]
    return wrong + ([] if row["verdict"] == dumped["verdict"] else ["verdict"])


def page_agrees(
    block: StageBlock, dumped: Mapping[str, Any], row: Mapping[str, str]
) -> Iterator[str]:
    """The rows in which the page's block of a stage does not say what was dumped.

    The text is read back, so no function of the page is asked. `row` is the file's, for what is
    not dumped: the usual, and the exits behind the median.
    """
    rows = {one.anchor: one for one in block.rows}
    told = {anchor: one.figure.text for anchor, one in rows.items()}
    exits = dumped["advanced"] + dumped["lost_at"]
    counts = [dumped["advanced"], exits] if exits else []
    if numbers(told["exit-conversion"])[-2:] != counts:
        yield "advanced, exits"
    interval = rows["exit-conversion"].note.text.removeprefix("95% ")
    ends = dumped["exit_interval"] if exits >= FEW else None
    shown = numbers(interval)
    if len(shown) != len(ends or ()) or any(
        abs(a - 100 * b) > 0.5 + 1e-9 for a, b in zip(shown, ends or (), strict=True)
    ):
        yield "exit_interval"
    usual = [int(row[name] or 0) for name in ("usual_advanced", "usual_lost_at")]
    usual_line = rows["exit-conversion"].usual
    assert usual_line is not None
    if numbers(usual_line.text)[-2:] != ([usual[0], sum(usual)] if sum(usual) else []):
        yield "usual"
    p = dumped["change_p_adjusted"]
    clear = {True: "a clear change", False: "no clear change", None: "not computable"}
    if told["change"] != clear[None if p is None else p < 0.05]:
        yield "change"
    shown_p = None if p is None else max(p, 0.01)
    if not near(rows["change"].note.text, shown_p, 0.005):
        yield "change_p_adjusted"
    if not near(told["time-in-stage"], dumped["days_median"]):
        yield "days_median"
    behind = rows["time-in-stage"].note.text
    if dumped["days_median"] is None:
        agreed = behind == ""
    else:
        ninetieth, n = numbers(behind)
        agreed = abs(ninetieth - dumped["days_p90"]) <= 0.5 and n == int(row["days_count"])
    if not agreed:
        yield "days_p90"
    if not near(told["kaplan-meier"], dumped["days_median_km"]):
        yield "days_median_km"
    if not near(told["value-lost"], dumped["value_lost"]):
        yield "value_lost"
    if not near(rows["value-lost"].note.text, dumped["lost_at"], 0):
        yield "lost_at"
    if not near(told["worth-of-one-more"], dumped["worth_of_one_more"]):
        yield "worth_of_one_more"
    if not near(told["expected-loss"], dumped["expected_loss"]):
        yield "expected_loss"
    if block.tone != dumped["verdict"]:
        yield "verdict"
    chance = dumped["chance_worse"]
    if chance is not None and not near(
        block.lede.split(" in 100")[0], min(99, max(1, 100 * chance))
    ):
        yield "chance_worse"


@pytest.fixture(scope="module")
def told(committed: Golden, django_db_blocker: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the command prints, and the figures that pages are made of: (dumped, figures)."""
    with (
        django_db_blocker.unblock(),
        transaction.atomic(),
        company_context(committed.company.pk),
    ):
        return dump(), all_figures(company=committed.company)


def test_page_file_and_dump_agree_in_every_segment(
    told: tuple[dict[str, Any], dict[str, Any]],
) -> None:
    """From here on there is only arithmetic: no connection is held while it runs."""
    dumped, figures = told
    assert {q: set(of) for q, of in figures.items()} == {q: set(of) for q, of in dumped.items()}
    wrong, checked, stages = [], 0, 0
    for label, segments in figures.items():
        for segment, found in segments.items():
            whole = dumped[label][segment]
            assert json.loads(json.dumps(expected_shape(found))) == whole
            page = funnel_page(
                history=[found], quarters=[label], unit="deals", at=None, reading=Reading(STYLE)
            )
            assert page is not None
            chart = whole_funnel(page, style=STYLE)
            shown = [
                (r["cohort_reached"], r["cohort_lost"], r["cohort_pending"], r["verdict"])
                for r in csv.DictReader(io.StringIO(csv_file(chart)))
            ]
            assert [tuple(map(str, row)) for row in shown[:-1]] == [
                (str(s["cohort_reached"]), str(s["cohort_lost"]), str(s["cohort_pending"]),
                 s["verdict"])
                for s in whole["stages"]
            ]  # fmt: skip
            columns = [(c.reached, c.lost_n, c.pending_n) for c in page.columns]
            assert columns[-1][0] == whole["cohort_won"]
            assert columns[:-1] == [
                (s["cohort_reached"], s["cohort_lost"], s["cohort_pending"])
                for s in whole["stages"]
            ]
            file = csv.DictReader(io.StringIO(csv_file(every_stage(page, style=STYLE))))
            links = DealLinks("", label, segment, STYLE)
            for row, stage in zip(file, whole["stages"], strict=True):
                place = f"{label} {segment} {row['stage']}"
                assert (row["quarter"], row["segment"]) == (label, segment)
                block = stage_block(found, stage["position"], {label: found}, [label], links)
                wrong += [f"{place}, file: {name}" for name in file_agrees(row, stage)]
                wrong += [f"{place}, page: {name}" for name in page_agrees(block, stage, row)]
                stages += 1
            checked += 1
    assert wrong == []
    assert checked == 1061
    assert stages == sum(len(f.stages) for of in figures.values() for f in of.values())


@pytest.mark.parametrize(
    ("segment", "versus"),
    [("all", ""), ("channel=inbound", "channel=outbound"), ("rep=Dai Rees", "all")],
)
def test_the_page_and_its_file_over_http(
    client: Client, told: tuple[dict[str, Any], dict[str, Any]], segment: str, versus: str
) -> None:
    dumped = told[0]["FY2027-Q1"]
    for number, stage in enumerate(dumped[segment]["stages"], start=1):
        query = {"q": "FY2027-Q1", "seg": segment, "vs": versus, "at": str(number)}
        response = client.get(PAGE, query)
        assert "chart/stages.csv" in response.content.decode()
        if number == 1:
            file = client.get(f"{PAGE}chart/stages.csv", query).content.decode("utf-8-sig")
            rows = list(csv.DictReader(io.StringIO(file)))
        block = response.context["page"].stage
        assert list(page_agrees(block, stage, rows[number - 1])) == []
    names = [segment, versus] if versus else [segment]
    expected = [(name, s) for name in names for s in dumped[name]["stages"]]
    assert [r["segment"] for r in rows] == [name for name, _s in expected]
    for row, (_name, stage) in zip(rows, expected, strict=True):
        assert file_agrees(row, stage) == []
    assert set(rows[0]) >= {*_STAGE, *TEXTS}


# Every number and its deals ----------------------------------------------------------------------


class Deals:
    """The deals behind an address, counted; each address once."""

    def __init__(self, company: Company) -> None:
        self.company = company
        self.quarters: dict[str, Quarter] = {q.label: q for q in quarters_of(company=company)}
        self.known: dict[object, tuple[int, str]] = {}

    def behind(self, href: str) -> tuple[int, str]:
        """(how many, their amount as it is written)."""
        query = parse_qs(urlsplit(href).query)
        own = {name: values for name, values in query.items() if name not in ACCEPTS}
        question, drilled = question_from(own), drill_question(query)
        assert not question.notices, href
        assert drilled.asked is not None, (href, drilled.refused)
        asked = drilled.asked
        key = (question.quarter, question.segment, asked.figure, asked.at, asked.level, asked.today)
        if key not in self.known:
            found = deals_of_figure(
                company=self.company,
                quarter=self.quarters[question.quarter or ""],
                segment=question.segment,
                asked=asked,
                now=NOW,
            )
            self.known[key] = (found.count, amount_text(found, STYLE))
        return self.known[key]


def disagreements(html: str, deals: Deals) -> tuple[list[str], int]:
    """What of a page's linked numbers is not what their deals say; how many were compared.

    A whole number is a number of deals, money their amount; a share of 0 has none, another has
    some. A number out of a hundred looks like one of deals: only the unit of deals is asked for.
    """
    wrong, compared = [], 0
    # The first sentence counts out of a hundred, whatever the unit.
    html = re.sub(r'<p class="lede".*?</p>', "", html, flags=re.DOTALL)
    for href, text in LINK.findall(html):
        href, text = unescape(href), unescape(text)
        count, amount = deals.behind(href)
        if re.fullmatch(r"[\d,]+(?: deals?)?", text):
            agreed = numbers(text) == [count]
        elif text.startswith(("€", "-€")):
            agreed = text == (amount or "€0")
        elif text.endswith("%"):
            agreed = bool(numbers(text)[0]) == bool(count)
        else:
            continue
        compared += 1
        if not agreed:
            wrong.append(f"{text} leads to {count} deals, {amount}: {href}")
    return wrong, compared


WALK = [
    ("all", {}),
    ("all", {"vs": "channel=outbound"}),
    ("all", {"cohort": "today"}),
    ("all", {"view": "exits"}),
    ("channel=outbound&rep=Dai Rees", {"unit": "money", "view": "exits"}),
    ("rep=Dai Rees", {"unit": "money"}),
    ("channel=inbound", {"vs": "channel=outbound"}),
    ("channel=outbound", {"view": "exits", "vs": "all"}),
    ("rep=Dai Rees", {}),
    ("rep=Ada Quist", {"view": "exits"}),
    ("channel=inbound&product=Course", {}),
    ("channel=outbound&team=South", {"cohort": "today"}),
]


@pytest.mark.parametrize("quarter", ["FY2026-Q4", "FY2027-Q3"])
def test_every_linked_number_of_the_pages_has_its_deals(
    golden: Golden, client: Client, quarter: str
) -> None:
    deals = Deals(golden.company)
    wrong, compared = [], 0
    for number, (segment, more) in enumerate(WALK):
        for at in ("1", "3") if number % 2 else ("2", "4"):
            query = {"q": quarter, "seg": segment, "unit": "deals", "at": at, **more}
            html = client.get(PAGE, query).content.decode()
            found, n = disagreements(html, deals)
            assert n > 20, query
            wrong += [f"{query}: {one}" for one in found]
            compared += n
    assert wrong == []
    assert compared > 1000


def test_the_list_itself_says_as_many(golden: Golden, client: Client) -> None:
    """Followed as a reader does: every address of one page answers with that many rows."""
    deals = Deals(golden.company)
    html = client.get(
        PAGE, {"q": "FY2027-Q1", "unit": "deals", "view": "exits", "vs": "channel=inbound"}
    )
    followed = {unescape(href) for href, _text in LINK.findall(html.content.decode())}
    assert len(followed) > 40
    for href in sorted(followed):
        page = client.get(href).context["page"]
        assert page.total == deals.behind(href)[0], href
