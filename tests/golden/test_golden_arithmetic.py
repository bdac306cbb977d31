"""The golden company through the arithmetic alone: every quarter, segment and field."""

import json

from metrics.calc import calendar
from metrics.calc.expected import expected_shape
from metrics.calc.figures import quarter_tables
from metrics.calc.history import Rates, first_day_of
from metrics.calc.read import QuarterSnapshots, Snapshot, segment_figures
from metrics.calc.stored import from_json, to_json
from metrics.calc.stored_rows import stored_figures
from tests.golden import company_files
from tests.golden.agreement import differences


def snapshots(golden: company_files.GoldenCompany) -> list[QuarterSnapshots]:
    first = calendar.day_of_number(first_day_of(golden.history))
    today = calendar.local_day(golden.now, golden.tz)
    quarters = calendar.quarters_between(first, today, golden.fiscal_start)
    as_of = {
        quarter: calendar.as_of_for(quarter, golden.settle_days, golden.tz, golden.now)
        for quarter in quarters
    }
    tables = quarter_tables(
        golden.history,
        [(quarter, calendar.moment(as_of[quarter], golden.tz)) for quarter in quarters],
        Rates.none(),
    )
    found = []
    for table in tables:
        status = calendar.status(table.quarter, golden.settle_days, golden.tz, golden.now)
        segments = {
            name: Snapshot(
                # through JSON, as a snapshot row is
                from_json(json.loads(json.dumps(to_json(figures)))),
                as_of[table.quarter],
                status,
                1,
            )
            for name, figures in stored_figures(table)
        }
        is_first = table.quarter.start <= first < table.quarter.end
        found.append(QuarterSnapshots(table.quarter.label, table.quarter.start, is_first, segments))
    return found


def test_every_quarter_segment_and_field_agrees():
    figures = segment_figures(snapshots(company_files.read()))
    actual: dict[str, dict[str, object]] = {}
    for (quarter, segment), found in figures.items():
        actual.setdefault(quarter, {})[segment] = expected_shape(found)
    expected = json.loads((company_files.COMPANY / "expected.json").read_text())
    assert sum(len(segments) for segments in expected.values()) == 1061
    lines = differences(expected, actual)
    assert not lines, f"{len(lines)} differences:\n" + "\n".join(lines[:40])
