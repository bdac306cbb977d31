"""The golden company's CSV files read straight into arrays, without any database."""

import csv
import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from metrics.calc import calendar, history
from tests.calc import histories

COMPANY = Path(__file__).parent / "company"


@dataclass(frozen=True)
class GoldenCompany:
    history: history.History
    tz: ZoneInfo
    fiscal_start: int
    settle_days: int
    now: datetime


def read(folder: Path = COMPANY) -> GoldenCompany:
    company = json.loads((folder / "company.json").read_text())
    tz = ZoneInfo(company["timezone"])
    stages = _rows(folder / "stages.csv")
    opens = sorted(
        (row for row in stages if row["kind"] == "open"), key=lambda row: int(row["position"])
    )
    codes = {row["stage"]: number for number, row in enumerate(opens, start=1)}
    for row in stages:
        if row["kind"] != "open":
            codes[row["stage"]] = len(opens) + (1 if row["kind"] == "won" else 2)

    rows: dict[int, list[histories.Transition]] = {}
    for row in _rows(folder / "transitions.csv"):
        at = datetime.fromisoformat(row["occurred_at"])
        moment = calendar.moment(at, tz)
        rows.setdefault(int(row["deal_id"]), []).append(
            histories.Transition(
                int(row["id"]),
                moment.instant,
                moment.day,
                codes[row["to_stage"]] if row["to_stage"] else None,
                int(row["replaces"]) if row["replaces"] else None,
            )
        )

    deals, visits, starts = [], [], [0]
    for row in _rows(folder / "deals.csv"):
        path = histories.effective(rows.get(int(row["id"]), ()))
        if path:
            deals.append(row)
            visits += path
            starts.append(len(visits))
    columns, labels = {}, {}
    for dimension in history.DIMENSIONS:
        columns[dimension], labels[dimension] = history.dimension_codes(
            [row[dimension] for row in deals]
        )
    levels = {"": 0, "competitor": 1, "no decision": 2}
    return GoldenCompany(
        history.History(
            stages=tuple(row["stage"] for row in opens),
            deal_id=np.array([int(row["id"]) for row in deals], np.int64),
            visit_start=np.array(starts, np.int64),
            entered_at=np.array([visit.entered_at for visit in visits], np.int64),
            entered_on=np.array([visit.entered_on for visit in visits], np.int32),
            stage=np.array([visit.stage_id for visit in visits], np.int32),
            amount=np.array([float(row["amount"] or "nan") for row in deals]),
            currency=np.zeros(len(deals), np.int32),
            path_known=np.array([row.get("path") != "unknown" for row in deals]),
            lost_level=np.array([levels.get(row["lost_reason"], 3) for row in deals], np.int8),
            labels=labels,
            **columns,
        ),
        tz,
        company["fiscal_year_start_month"],
        company["settle_days"],
        datetime.fromisoformat(company["as_of"]),
    )


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
