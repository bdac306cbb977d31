"""Short ways for the importer tests to read bytes as a person importing would."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from pipeline.importers import columns
from pipeline.importers.batch import Batch, plan_batch
from pipeline.importers.deals import parse_deals
from pipeline.importers.grid import Limits, Table
from pipeline.importers.parsed import Options, ParsedFile
from pipeline.importers.table import read_table

NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)


def options(**told: Any) -> Options:
    told.setdefault("company_zone", ZoneInfo("Europe/Paris"))
    told.setdefault("company_currency", "EUR")
    told.setdefault("now", NOW)
    return Options(**told)


def table(data: bytes | str, name: str = "deals.csv", **told: Any) -> Table:
    raw = data.encode() if isinstance(data, str) else data
    told.setdefault("limits", Limits())
    return read_table(raw, name=name, heading_score=columns.heading_score, **told)


def parsed(data: bytes | str, name: str = "deals.csv", **told: Any) -> ParsedFile:
    return parse_deals(table(data, name), options(**told))


def batch(data: bytes | str, name: str = "deals.csv", **told: Any) -> Batch:
    chosen = options(**told)
    return plan_batch([parse_deals(table(data, name), chosen)], chosen, known={})


HEAD = "id,name,stage,opened,close date,amount\n"
