"""Exchange rates: kept, pasted, missing, and which closed quarters they rewrite."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from accounts.errors import DomainError
from accounts.formats import Style
from accounts.models import AuditEntry
from accounts.roles import Role
from metrics.models import Snapshot
from metrics.services.recompute import recompute_all
from pipeline.importers.rate_lines import read_rates
from pipeline.models import ExchangeRate
from pipeline.selectors.settings_rates import deals_needing, needed, rates_page
from pipeline.services.history import StaleVersion
from pipeline.services.rates import RateChange, rates_rewrite, set_rates
from tests.personas import NOW, Workspace
from tests.pipeline.doing import Q1, Q2, Q4_25, clear_marks, last_audit, marked, move, start

JAN, FEB, MAR, APR, MAY = (date(2026, m, 1) for m in (1, 2, 3, 4, 5))
TODAY = NOW.date()
STYLE = Style("en_GB", "EUR")


def put(alpha: Workspace, *changes: RateChange) -> int:
    return set_rates(by=alpha.actor(Role.MANAGER), changes=list(changes), now=NOW)


def usd(month: date, rate: str | None) -> RateChange:
    return RateChange("USD", month, None if rate is None else Decimal(rate))


def dollar_deal(alpha: Workspace, when: str, closed: str = "") -> int:
    deal = start(alpha, when=when, amount=Decimal(1000), currency="USD")
    if closed:
        move(alpha, deal, "Won", when=closed)
    return int(deal.deal_id)


def test_rates_are_kept_changed_and_forgotten_with_one_entry_each(alpha: Workspace) -> None:
    assert put(alpha, usd(JAN, "0.9"), usd(FEB, "0.92")) == 2
    assert put(alpha, usd(JAN, "0.9"), usd(FEB, "0.9200")) == 0  # nothing new
    assert put(alpha, usd(JAN, None), usd(FEB, "0.95")) == 2
    assert list(ExchangeRate.objects.values_list("currency", "month", "rate")) == [
        ("USD", FEB, Decimal("0.95"))
    ]
    entry = last_audit()
    assert entry.before == {"USD 2026-01": "0.9", "USD 2026-02": "0.92"}
    assert entry.after["rates"] == {"USD 2026-01": None, "USD 2026-02": "0.95"}
    assert AuditEntry.objects.filter(action="rates.changed").count() == 2


@pytest.mark.parametrize(
    "wrong",
    [
        RateChange("EUR", JAN, Decimal(1)),
        RateChange("DOLLAR", JAN, Decimal(1)),
        RateChange("USD", date(2026, 1, 2), Decimal(1)),
        RateChange("USD", JAN, Decimal(0)),
        RateChange("USD", JAN, Decimal(-1)),
        RateChange("USD", JAN, Decimal("NaN")),
        RateChange("USD", JAN, Decimal("1e10")),
        RateChange("USD", JAN, Decimal("1e-11")),
        RateChange("USD", date(1492, 1, 1), Decimal(1)),
    ],
)
def test_what_is_no_rate_is_refused_and_nothing_kept(alpha: Workspace, wrong: RateChange) -> None:
    with pytest.raises(DomainError):
        put(alpha, usd(FEB, "0.9"), wrong)
    assert not ExchangeRate.objects.exists()


def test_somebody_elses_rate_is_told_not_overwritten(alpha: Workspace) -> None:
    put(alpha, usd(JAN, "0.9"))
    with pytest.raises(StaleVersion, match="USD of 2026-01 is 0.9 now, you wrote 0.8"):
        put(alpha, RateChange("USD", JAN, Decimal("0.8"), seen=None))
    put(alpha, RateChange("USD", JAN, Decimal("0.8"), seen=Decimal("0.90")))
    assert ExchangeRate.objects.get().rate == Decimal("0.8")


def test_a_rate_of_a_closed_month_says_what_it_rewrites(alpha: Workspace) -> None:
    dollar_deal(alpha, "2026-01-10", "2026-02-20")
    dollar_deal(alpha, "2026-03-10")  # open when Q1 was closed, in April
    start(alpha, when="2026-01-10", amount=Decimal(5))  # in euro

    def plan(month: date) -> tuple[int, tuple[str, ...]]:
        found = rates_rewrite(changes=[usd(month, "0.9")], now=NOW)
        return found.deals, found.quarters

    assert plan(FEB) == (1, ("2026-Q1",))
    assert plan(APR) == (1, ("2026-Q1",))
    assert plan(JAN) == (0, ())
    assert plan(MAY) == (0, ())
    clear_marks()
    put(alpha, usd(FEB, "0.9"))
    assert {Q1, Q2} <= set(marked(alpha))
    clear_marks()
    put(alpha, usd(JAN, "0.9"))
    assert Q4_25 in marked(alpha)  # it was closed in January


def test_a_changed_rate_restates_the_money_of_the_closed_quarter(alpha: Workspace) -> None:
    dollar_deal(alpha, "2026-01-10", "2026-02-20")
    recompute_all(company_id=alpha.company.pk, now=NOW - timedelta(hours=1))

    def revenue() -> list[float | None]:
        rows = Snapshot.objects.filter(quarter_start=Q1, segment="all").order_by("version")
        return [row.figures["revenue_won"] for row in rows]

    assert revenue() == [None]  # without a rate, never 1
    put(alpha, usd(FEB, "0.9"))
    recompute_all(company_id=alpha.company.pk, now=NOW)
    assert revenue() == [None, pytest.approx(900)]
    newest = Snapshot.objects.get(quarter_start=Q1, segment="all", version=2)
    assert newest.cause["facts"][0]["what"] == "rates.changed"


def test_missing_rates_are_pointed_out_with_the_deals_that_need_them(alpha: Workspace) -> None:
    won = dollar_deal(alpha, "2026-01-10", "2026-02-20")
    still = dollar_deal(alpha, "2026-03-10")
    assert dict(needed(company=alpha.company, today=TODAY)) == {
        ("USD", FEB): 1,
        ("USD", MAY): 1,  # open today
        ("USD", APR): 1,  # open on the day that closed the first quarter
    }

    def page() -> list[tuple[str, date]]:
        found = rates_page(company=alpha.company, today=TODAY, year=None, also="", style=STYLE)
        return [(m.currency, m.month) for m in found.missing]

    assert page() == [("USD", MAY), ("USD", APR), ("USD", FEB)]
    for month, deal in ((FEB, won), (APR, still), (MAY, still)):
        found = deals_needing(
            company=alpha.company, currency="USD", month=month, today=TODAY, style=STYLE
        )
        assert [row[0] for row in found.rows] == [deal]
    put(alpha, usd(FEB, "0.9"), usd(MAY, "0.9"))
    assert page() == [("USD", APR)]


def test_the_grid_has_a_month_a_row_and_a_column_to_add(alpha: Workspace) -> None:
    put(alpha, RateChange("GBP", JAN, Decimal("1.1500000000")))
    page = rates_page(company=alpha.company, today=TODAY, year=2026, also="USD", style=STYLE)
    assert page.currencies == ("GBP", "USD")
    assert len(page.rows) == 12
    january = page.rows[-1]
    assert january.text == "January 2026"
    assert [c.value for c in january.cells] == ["1.15", ""]
    assert not any(c.missing for row in page.rows for c in row.cells)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03 USD 0.92", [("USD", MAR, "0.92")]),
        ("usd;03/2026;0,92", [("USD", MAR, "0.92")]),
        ("31.03.2026\tGBP\t1,15", [("GBP", MAR, "1.15")]),
        ("USD 1.2026 2026-03", [("USD", MAR, "1.2026")]),
        ("USD, 2026-03, 0.92", [("USD", MAR, "0.92")]),
        (
            "Month\tUSD\tGBP\r\n2026-03\t0.92\t1.15\r\n2026-02\t\t1.14",
            [("USD", MAR, "0.92"), ("GBP", MAR, "1.15"), ("GBP", FEB, "1.14")],
        ),
        ("2026-03 USD 0.9\n\n2026-03 USD 0.92\n", [("USD", MAR, "0.92")]),
    ],
)
def test_pasted_lines_are_read(text: str, expected: list[tuple[str, date, str]]) -> None:
    read = read_rates(text)
    assert read.problems == ()
    assert [(r.currency, r.month, str(r.rate)) for r in read.rates] == expected


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "at least one line"),
        ("2026-03 USD", "belong here"),
        ("2026-13 USD 0.9", "not understood"),
        ("2026-03 USD 0", "not understood"),
        ("2026-03 USD =1+1", "not understood"),
        ("2026-03 USD -1", "not understood"),
        ("hello", "not understood"),
        ("Month;USD\n2026-03;x", "is no rate"),
        ("Month;USD\nMarch;1", "is no month"),
        ("Month;USD\n2026-03;1;2", "more rates than currencies"),
        ("2026-03 USD 1\n" * 2_001, "Paste fewer"),
    ],
)
def test_what_cannot_be_read_is_said_by_line(text: str, problem: str) -> None:
    read = read_rates(text)
    assert any(problem in said for said in read.problems), read
