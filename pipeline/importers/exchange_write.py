"""Write the files of an exchange folder (see exchange.py for what they hold)."""

import csv
import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from pipeline.importers.exchange import (
    COMPANY,
    DEFAULT_PIPELINE,
    STAGE_COLUMNS,
    STAGES,
    CompanyHead,
    StageLine,
)


def write_company(path: Path, company: CompanyHead) -> None:
    """Write company.json, settings that have their usual value left out where that is common."""
    data: dict[str, Any] = {
        "name": company.name,
        "timezone": company.timezone,
        "fiscal_year_start_month": company.fiscal_year_start_month,
        "currency": company.currency,
        "settle_days": company.settle_days,
        "as_of": text_of(company.as_of) or None,
    }
    usual = CompanyHead("", "", "", 1)
    for key in ("velocity_number", "velocity_cycle", "locale", "require_mfa"):
        if getattr(company, key) != getattr(usual, key):
            data[key] = getattr(company, key)
    text = json.dumps(data, indent=1, ensure_ascii=False)
    (path / COMPANY).write_text(text + "\n", encoding="utf-8")


def write_stages(path: Path, stages: Iterable[StageLine]) -> None:
    """Write stages.csv; the optional columns only where they say something."""
    lines = list(stages)
    columns = list(STAGE_COLUMNS)
    if {stage.pipeline for stage in lines} - {DEFAULT_PIPELINE}:
        columns.append("pipeline")
    columns += [
        column
        for column in ("exit_criterion", "retired_at", "replaced_by")
        if any(getattr(stage, column) for stage in lines)
    ]
    write_rows(
        path / STAGES,
        columns,
        (
            [stage.name if column == "stage" else getattr(stage, column) for column in columns]
            for stage in lines
        ),
    )


def write_rows(path: Path, columns: Sequence[str], cells: Iterable[Sequence[Any]]) -> None:
    """Write a CSV file of this format: heading, then rows; None is an empty cell."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([text_of(cell) for cell in row] for row in cells)


def text_of(value: object) -> str:
    """A value as a cell: instants in UTC with Z, amounts without exponent, None empty."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        moment = value.astimezone(UTC)
        return moment.isoformat().replace("+00:00", "Z")
    if isinstance(value, Decimal):
        return f"{value:f}"
    return str(value)
