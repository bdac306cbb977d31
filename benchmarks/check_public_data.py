"""Do public datasets go in and give the figures that others computed from them?

    python -m benchmarks.check_public_data FOLDER        (make check-data DATA=FOLDER)

FOLDER holds public sets, each in a folder with oracle_*.csv beside it: won, lost, win rate, value,
cycle and velocity by quarter, computed elsewhere. `maven/`, the widely used "CRM Sales
Opportunities" set, comes in several dialects; HubSpot, Salesforce and generated exports follow.
Each file is imported by the command into a company of its own, compared figure by figure,
imported again (which must change nothing), and everything is rolled back. The data is not part
of this project, whose licence it does not share.

Prints one line a comparison and a JSON line at the end; exits with 1 on any difference.
"""

import csv
import io
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

VARIANTS = {
    "iso dates, commas": ("sales_pipeline.csv", "USD"),
    "American dates": ("us_dates_variant/sales_pipeline.csv", "USD"),
    "European, semicolons, BOM": ("format_variants/sales_pipeline_eu_semicolon_bom.csv", "EUR"),
    "UTF-16, tabs, renamed": ("format_variants/sales_pipeline_utf16_tab.txt", "USD"),
    "workbook": ("format_variants/sales_pipeline.xlsx", "USD"),
}
# folder, file, what is told, oracle dimension -> ours; quarters of the closing day
OTHERS = (
    ("hubspot_dummy", "hubspot_deals.csv", {"pipeline": "Sales"}, {"ALL": "", "Deal Owner": "rep"}),
    (
        "revops_synthetic",
        "opportunities.csv",
        {},
        {"ALL": "", "lead_source": "source", "owner": "rep"},
    ),
    ("preppindata_salesforce", "Opportunity.csv", {}, {"ALL": ""}),
)
AS_OF = "2018-01-01T00:00:00+00:00"
ROUNDED = 0.5e-4 + 1e-9  # the oracles carry four decimals

# oracle column -> figure, by what C is the mean of
FIGURES = {
    "won": {
        "won": "won",
        "lost": "lost",
        "closed": "closed",
        "win_rate": "win_rate",
        "won_value": "revenue_won",
        "avg_won_value": "avg_deal_size",
        "mean_cycle_days_won": "cycle_mean",
        "median_cycle_days_won": "cycle_median",
        "velocity_per_day": "velocity",
    },
    "closed": {
        "won": "won",
        "closed": "closed",
        "mean_cycle_days_closed": "cycle_mean",
        "median_cycle_days_closed": "cycle_median",
        "velocity_per_day_closed_cycle": "velocity",
    },
}


@dataclass
class Tally:
    compared: int = 0
    differing: int = 0

    def check(self, what: str, ours: Any, theirs: Any) -> None:
        self.compared += 1
        if ours is None or theirs is None:
            same = ours is None and theirs is None
        else:
            same = abs(float(ours) - float(theirs)) <= ROUNDED + 1e-9 * abs(float(theirs))
        if not same:
            self.differing += 1
            if self.differing <= 20:
                print(f"  DIFFERS {what}: {ours} instead of {theirs}")


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


@contextmanager
def taken_back() -> Iterator[None]:
    """A transaction that leaves nothing behind."""
    from django.db import transaction

    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def imported(file: Path, slug: str, **told: Any) -> str:
    from django.core.management import call_command

    out = io.StringIO()
    call_command("import_deals", str(file), slug=slug, stdout=out, **told)
    return out.getvalue()


def figures(slug: str) -> dict[str, dict[str, Any]]:
    """quarter label -> segment -> figures."""
    from accounts.selectors.companies import company_by_slug
    from accounts.tenancy.context import company_context
    from metrics.selectors.figures import all_figures

    company = company_by_slug(slug)
    with company_context(company.pk):
        return all_figures(company=company)


def compare(
    tally: Tally,
    ours: dict[str, dict[str, Any]],
    oracle: list[dict[str, str]],
    columns: dict[str, str],
    segment_of: Callable[[dict[str, str]], str],
) -> None:
    for row in oracle:
        if row["close_quarter"] == "ALL":
            continue  # a company's quarters are not added up into one
        quarter = f"{row['close_quarter'][:4]}-{row['close_quarter'][4:]}"
        segment = segment_of(row)
        found = ours.get(quarter, {}).get(segment)
        for theirs, name in columns.items():
            wanted = float(row[theirs]) if row[theirs] != "" else None
            if name == "revenue_won" and row["won"] == "0":
                wanted = 0.0
            value = None if found is None else getattr(found, name)
            tally.check(f"{quarter} {segment} {name}", value, wanted)


def with_offices(maven: Path, folder: Path) -> Path:
    """The plain variant with each agent's office as a column, so that teams can be compared."""
    office = {
        row["sales_agent"]: row["regional_office"] for row in rows_of(maven / "sales_teams.csv")
    }
    deals = rows_of(maven / "sales_pipeline.csv")
    path = folder / "with_offices.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, [*deals[0], "team"])
        writer.writeheader()
        writer.writerows({**deal, "team": office[deal["sales_agent"]]} for deal in deals)
    return path


def check_open_deals(tally: Tally, slug: str, maven: Path) -> None:
    """Open deals by stage, with and without dates, and their mean age at the end of 2017."""
    from datetime import date

    from accounts.selectors.companies import company_by_slug
    from accounts.tenancy.context import company_context
    from pipeline.models import Deal, DealChange

    with company_context(company_by_slug(slug).pk):
        dated = list(
            Deal.objects.filter(outcome="open").values_list(
                "stage__name", "opened_on", "customer_id", "product__name"
            )
        )
        undated = list(
            DealChange.objects.filter(field="stated_stage", deal__outcome="").values_list(
                "after", "deal__opened_on", "deal__customer_id", "deal__product__name"
            )
        )
    for row in rows_of(maven / "oracle_open_deals.csv"):
        stage, segment = row["deal_stage"].casefold(), row["segment"].replace("GTX Pro", "GTXPro")
        chosen = [
            (day, customer)
            for name, day, customer, product in (*dated, *undated)
            if stage in ("all", name.casefold()) and segment in ("ALL", product)
        ]
        if segment != "ALL" and not chosen:
            continue  # by office: the plain variants have no team
        ages = [(date(2017, 12, 31) - day).days for day, _ in chosen if day]
        label = f"open {row['deal_stage']} {segment}"
        tally.check(f"{label} deals", len(chosen), row["open_deals"])
        tally.check(f"{label} dated", len(ages), row["with_engage_date"])
        blank = sum(1 for _, customer in chosen if customer is None)
        tally.check(f"{label} without account", blank, row["blank_account"])
        mean = row["mean_age_days_at_2017_12_31"]
        tally.check(f"{label} age", sum(ages) / len(ages) if ages else None, mean or None)


def check_variant(
    name: str, file: Path, currency: str, maven: Path, *, cycle: str = "won"
) -> Tally:
    """Import a variant, compare every oracle that applies, import it again."""
    slug = f"check-{int(time.time() * 1e6)}"
    tally = Tally()
    start = time.perf_counter()
    with taken_back():
        imported(
            file, slug, create=f"Check {name}", currency=currency, as_of=AS_OF,
            velocity_number="closed", velocity_cycle=cycle,
        )  # fmt: skip
        ours = figures(slug)
        columns = FIGURES[cycle]
        oracles: list[tuple[str, Callable[[dict[str, str]], str]]] = [
            ("oracle_by_close_quarter.csv", lambda row: "all"),
            (
                "oracle_by_product.csv",
                lambda row: "product=" + row["product_norm"].replace("GTX Pro", "GTXPro"),
            ),
            ("oracle_by_agent.csv", lambda row: "rep=" + row["sales_agent"]),
        ]
        if file.name == "with_offices.csv":
            oracles.append(
                ("oracle_by_regional_office.csv", lambda row: "team=" + row["regional_office"])
            )
        for oracle, segment_of in oracles:
            compare(tally, ours, rows_of(maven / oracle), columns, segment_of)
        if cycle == "won":
            check_open_deals(tally, slug, maven)
            for row in rows_of(maven / "oracle_by_engage_quarter_cohort.csv"):
                label = f"{row['engage_quarter'][:4]}-{row['engage_quarter'][4:]}"
                if label in ours:
                    tally.check(f"{label} opened", ours[label]["all"].opened, row["engaged"])
        again = imported(file, slug, currency=currency)
        tally.check("second import: nothing new", int("Nothing new" in again), 1)
    seconds = time.perf_counter() - start
    print(
        f"{name} (C over {cycle}): {tally.compared} figures, {tally.differing} differ, "
        f"{seconds:.1f} s"
    )
    return tally


def check_maven(maven: Path) -> list[Tally]:
    tallies = []
    for name, (file, currency) in VARIANTS.items():
        if (maven / file).exists():
            tallies.append(check_variant(name, maven / file, currency, maven))
    tallies.append(
        check_variant(
            "iso dates, commas", maven / "sales_pipeline.csv", "USD", maven, cycle="closed"
        )
    )
    with tempfile.TemporaryDirectory() as folder:
        joined = with_offices(maven, Path(folder))
        tallies.append(check_variant("with offices as teams", joined, "USD", maven))
    return tallies


def check_other(folder: Path, file: str, told: dict[str, Any], dimensions: dict[str, str]) -> Tally:
    """A set without variants: won, lost, value, cycle and velocity by quarter and dimension."""
    slug = f"check-{int(time.time() * 1e6)}"
    tally = Tally()
    with taken_back():
        said = imported(
            folder / file, slug, create=folder.name, currency="USD", velocity_number="closed",
            **told,
        )  # fmt: skip
        ours = figures(slug)
        oracle = [
            {"dimension": "ALL", "value": "ALL", **row}
            for row in rows_of(folder / "oracle_by_close_quarter.csv")
        ]
        wanted = [r for r in oracle if r["dimension"] in dimensions and r["closed"] != "0"]

        def segment_of(row: dict[str, str]) -> str:
            dimension = dimensions[row["dimension"]]
            return f"{dimension}={row['value']}" if dimension else "all"

        columns = {c: f for c, f in FIGURES["won"].items() if c in wanted[0]}
        compare(tally, ours, wanted, columns, segment_of)
        tally.check("second import", int("Nothing new" in imported(folder / file, slug, **told)), 1)
    rejected = next((line for line in said.splitlines() if "not go in" in line), "all in")
    print(f"{folder.name}: {tally.compared} figures, {tally.differing} differ; {rejected}")
    return tally


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or not (Path(arguments[0]) / "maven" / "sales_pipeline.csv").exists():
        print(__doc__, file=sys.stderr)
        return 2
    from config.launch.addresses import engines_for_a_command

    with engines_for_a_command() as more:
        os.environ.update(more)
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        data = Path(arguments[0])
        tallies = [
            check_other(data / folder, file, told, dimensions)
            for folder, file, told, dimensions in OTHERS
            if (data / folder / file).exists()
        ]
        tallies += check_maven(data / "maven")
    compared, differing = sum(t.compared for t in tallies), sum(t.differing for t in tallies)
    print(json.dumps({"check": "public data", "compared": compared, "differing": differing}))
    return 1 if differing or not compared else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
