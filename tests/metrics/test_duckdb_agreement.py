"""DuckDB over its own storage gives the figures that we give: every quarter, segment and field.

The short form of `make bench`: a seeded company with deals that come back, jumps, steps back and
corrections. DuckDB reads the same CSV files and shares no arithmetic with us. No time is asserted.
"""

from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from accounts.actors import Actor
from accounts.models import Company
from accounts.tenancy.context import company_context
from benchmarks.agreement import compare
from benchmarks.company import AS_OF, write_company
from benchmarks.duckdb_figures import Plan, figures
from benchmarks.duckdb_store import build, labels
from benchmarks.recompute_duckdb import quarters_of_the_company
from metrics.calc.calendar import as_of_for, moment
from metrics.calc.figures import QuarterTable, quarter_table, quarter_tables
from metrics.readers import read_history, read_rates, stages_of
from metrics.services.recompute import all_quarters
from pipeline.models import Pipeline
from pipeline.services.load_company import load_company

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_company(tmp_path / "company", deals=2_000, seed=20)
    return tmp_path / "company"


def test_every_stored_figure_agrees(folder: Path, tmp_path: Path) -> None:
    loaded = load_company(folder=folder, slug="agree", by=Actor.product("test"), now=AS_OF)
    store = tmp_path / "duckdb.db"
    build(store, folder)
    with duckdb.connect(str(store), read_only=True) as duck:
        theirs = list(figures(duck, quarters_of_the_company(duck), Plan()))
    with company_context(loaded.company_id):
        company = Company.objects.get(pk=loaded.company_id)
        whole, single = _together(company), _one_by_one(company)

    found = compare(whole, theirs, labels(store))
    assert not found.differences, "\n".join(found.differences[:40])
    assert (found.quarters, len(whole)) == (20, 20)
    assert found.fields > 1_000_000
    # The reading of one quarter after a move takes other rows from the database: the same figures.
    assert not compare(single, theirs, labels(store)).differences

    # The comparison itself notices a figure that is off by one deal.
    table = whole[7]
    wrong = replace(table, sums={**table.sums, "won": table.sums["won"] + 1})
    broken = compare([*whole[:7], wrong, *whole[8:]], theirs, labels(store))
    assert any("/all/won: " in line for line in broken.differences)


def _moments(company: Company) -> list:
    quarters = all_quarters(company=company, now=AS_OF)
    as_ofs = [as_of_for(q, company.settle_days, company.zone, AS_OF) for q in quarters]
    return [(q, moment(as_of, company.zone)) for q, as_of in zip(quarters, as_ofs, strict=True)]


def _together(company: Company) -> list[QuarterTable]:
    pipeline_id = Pipeline.objects.get().pk
    history = read_history(
        company=company, pipeline_id=pipeline_id, stages=stages_of(pipeline_id=pipeline_id)
    )
    return list(quarter_tables(history, _moments(company), read_rates(company=company)))


def _one_by_one(company: Company) -> list[QuarterTable]:
    pipeline_id = Pipeline.objects.get().pk
    stages = stages_of(pipeline_id=pipeline_id)
    found = []
    for quarter, when in _moments(company):
        history = read_history(
            company=company,
            pipeline_id=pipeline_id,
            stages=stages,
            start=quarter.start,
            end=quarter.end,
        )
        found.append(quarter_table(history, quarter, when, read_rates(company=company)))
    return found
