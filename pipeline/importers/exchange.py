"""The exchange format: a folder that holds a company's history, readable by people and tools.

company.json   name, timezone, currency, fiscal_year_start_month, settle_days, as_of, ...
stages.csv     stage, position (open stages only), kind; optional pipeline, exit_criterion,
               retired_at and replaced_by (a stage that takes no deals any more has no position)
deals.csv      id, name, account, channel, source, product, rep, team, amount, currency,
               lost_reason, competitor; optional path, pipeline
transitions.csv  id, deal_id, from_stage, to_stage, occurred_at, recorded_at, replaces

An empty cell is an empty value. Instants are ISO 8601 with a time zone. The folder `more/`,
if there is one, holds all else that the company owns (pipeline/selectors/dump_company.py).

This is a backup and a way to move house, not a spreadsheet: cells stand as they are, without
the escapes that exports for people get.
"""

import csv
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any
from zoneinfo import available_timezones

COMPANY, STAGES, DEALS, TRANSITIONS = "company.json", "stages.csv", "deals.csv", "transitions.csv"
MORE = "more"
DEFAULT_PIPELINE = "Sales"  # what the one pipeline is called where the files name none
KINDS = ("open", "won", "lost")
PATHS = ("known", "unknown")
CHANNELS = ("inbound", "outbound")

STAGE_COLUMNS = ("stage", "position", "kind")
STAGE_OPTIONAL = ("pipeline", "exit_criterion", "retired_at", "replaced_by")
DEAL_COLUMNS = (
    "id", "name", "account", "channel", "source", "product", "rep", "team", "amount",
    "currency", "lost_reason", "competitor",
)  # fmt: skip
DEAL_OPTIONAL = ("path", "pipeline")
TRANSITION_COLUMNS = (
    "id", "deal_id", "from_stage", "to_stage", "occurred_at", "recorded_at", "replaces",
)  # fmt: skip
# Characters that fit (as the tables' columns; a test compares them).
STAGE_LIMITS = {"stage": 120, "pipeline": 120, "exit_criterion": 300}
DEAL_LIMITS = {
    "name": 250, "account": 250, "source": 200, "product": 200, "rep": 200, "team": 120,
    "lost_reason": 200, "competitor": 200,
}  # fmt: skip
EARLIEST, LATEST = datetime(1970, 1, 2, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
INSTANT = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)", flags=re.ASCII
)
WHOLE_NUMBER = re.compile(r"0*[1-9]\d{0,17}", flags=re.ASCII)
AMOUNT = re.compile(r"\d{1,14}(?:\.\d{1,2})?", flags=re.ASCII)
FAULTS_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that keeps a folder from being loaded, and where it stands."""

    file: str
    line: int | None  # of the file, the heading row being 1
    column: str | None
    reason: str

    def __str__(self) -> str:
        where = self.file
        if self.line is not None:
            where += f", line {self.line}"
        if self.column is not None:
            where += f", {self.column}"
        return f"{where}: {self.reason}"


class ExchangeRefused(Exception):
    """The folder cannot be loaded. `faults` lists why; `untold` counts those left out."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults[:FAULTS_SHOWN])
        self.untold = max(0, len(faults) - FAULTS_SHOWN)
        lines = [str(fault) for fault in self.faults]
        if self.untold:
            lines.append(f"and {self.untold} more")
        super().__init__("\n".join(lines))


@dataclass(frozen=True, slots=True)
class CompanyHead:
    """company.json. `as_of` None: the company lives, "now" is the real time."""

    name: str
    timezone: str
    currency: str
    fiscal_year_start_month: int
    settle_days: int = 7
    as_of: datetime | None = None
    velocity_number: str = "average_open"
    velocity_cycle: str = "won"
    locale: str = "en"
    require_mfa: bool = False


@dataclass(frozen=True, slots=True)
class StageLine:
    """One line of stages.csv."""

    name: str
    position: int | None
    kind: str
    pipeline: str = DEFAULT_PIPELINE
    exit_criterion: str = ""
    retired_at: datetime | None = None
    replaced_by: str = ""  # the open stage that deals of a retired one count in


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder whose head has been read and found right; its deals are still to be read."""

    path: Path
    company: CompanyHead
    stages: tuple[StageLine, ...]
    deal_columns: tuple[str, ...]  # in the order of the file
    transition_columns: tuple[str, ...]

    @property
    def pipelines(self) -> tuple[str, ...]:
        """The pipelines' names, in the order of stages.csv."""
        return tuple(dict.fromkeys(stage.pipeline for stage in self.stages))

    @property
    def more(self) -> Path | None:
        """The folder of all else that the company owns, if there is one."""
        return self.path / MORE if (self.path / MORE).is_dir() else None


def open_folder(path: Path) -> Folder:
    """Read company.json and stages.csv, and the headings of the two long files.

    Raises ExchangeRefused with everything that is wrong with them.
    """
    if not path.is_dir():
        raise ExchangeRefused([Fault(str(path), None, None, "there is no such folder")])
    missing = [
        Fault(name, None, None, "the file is missing")
        for name in (COMPANY, STAGES, DEALS, TRANSITIONS)
        if not (path / name).is_file()
    ]
    if missing:
        raise ExchangeRefused(missing)
    faults: list[Fault] = []
    company = _company(path / COMPANY, faults)
    stages = _stages(path / STAGES, faults, whole=not (path / MORE).is_dir())
    deal_columns = _heading(path / DEALS, DEAL_COLUMNS, DEAL_OPTIONAL, faults)
    transition_columns = _heading(path / TRANSITIONS, TRANSITION_COLUMNS, (), faults)
    if len({stage.pipeline for stage in stages}) > 1 and "pipeline" not in deal_columns:
        reason = "stages.csv has several pipelines, so deals.csv needs a column named pipeline"
        faults.append(Fault(DEALS, 1, None, reason))
    if faults or company is None:
        raise ExchangeRefused(faults)
    return Folder(path, company, stages, deal_columns, transition_columns)


def rows(
    path: Path, columns: Sequence[str], faults: list[Fault]
) -> Iterator[tuple[int, list[str]]]:
    """The rows of a CSV file below its heading, as (line, cells stripped), `columns` cells each.

    A row that cannot be read is added to `faults` and left out; a file that cannot be decoded
    ends there.
    """
    name = path.name
    with path.open("rb") as file:
        reader = csv.reader(_text_lines(file), strict=True)
        line = 1
        while True:
            start = line
            try:
                cells = next(reader, None)
            except UnicodeDecodeError:
                faults.append(Fault(name, start, None, "this is not UTF-8 text"))
                return
            except csv.Error as error:
                faults.append(Fault(name, start, None, f"this cannot be read as CSV: {error}"))
                line = reader.line_num + 1
                continue
            if cells is None:
                return
            line = reader.line_num + 1
            if start == 1:
                continue
            if not cells:
                faults.append(Fault(name, start, None, "the line is blank"))
            elif len(cells) != len(columns):
                reason = f"{len(cells)} cells where the heading has {len(columns)}"
                faults.append(Fault(name, start, None, reason))
            elif any("\x00" in cell for cell in cells):
                faults.append(Fault(name, start, None, "there is a NUL character in it"))
            else:
                yield start, [cell.strip() for cell in cells]


def _text_lines(file: IO[bytes]) -> Iterator[str]:
    """Line by line, so that bytes which are no text stop the reader at their own line."""
    for number, line in enumerate(file):
        yield line.decode("utf-8-sig" if number == 0 else "utf-8")


def instant(text: str) -> datetime | None:
    """An ISO 8601 instant with its time zone, between 1970 and 2200; None for anything else."""
    if not INSTANT.fullmatch(text):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if EARLIEST <= moment < LATEST else None


def is_currency(text: str) -> bool:
    """Does this look like an ISO 4217 code?"""
    return re.fullmatch(r"[A-Z]{3}", text) is not None


# Reading the head ------------------------------------------------------------------------------


def _company(path: Path, faults: list[Fault]) -> CompanyHead | None:
    try:
        data = json.loads(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError:
        faults.append(Fault(path.name, None, None, "this is not UTF-8 text"))
        return None
    except (json.JSONDecodeError, RecursionError) as error:
        line = getattr(error, "lineno", None)
        faults.append(Fault(path.name, line, None, "this is not JSON"))
        return None
    if not isinstance(data, dict):
        faults.append(Fault(path.name, None, None, "this is not a JSON object"))
        return None
    before = len(faults)

    def wrong(key: str, reason: str) -> None:
        faults.append(Fault(path.name, None, key, reason))

    known = set(CompanyHead.__dataclass_fields__)
    for key in sorted(set(data) - known):
        wrong(key, f"there is no such setting; known are {', '.join(sorted(known))}")
    for key in ("name", "timezone", "currency", "fiscal_year_start_month"):
        if key not in data:
            wrong(key, "is missing")
    for key, fits, reason in _COMPANY_RULES:
        if key in data and not fits(data[key]):
            wrong(key, f"{json.dumps(data[key], ensure_ascii=False)} {reason}")
    if len(faults) > before:
        return None
    as_of = instant(data["as_of"]) if data.get("as_of") is not None else None
    return CompanyHead(**{**data, "name": data["name"].strip(), "as_of": as_of})


def _whole(value: Any, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


_COMPANY_RULES: tuple[tuple[str, Any, str], ...] = (
    (
        "name",
        lambda v: isinstance(v, str) and 0 < len(v.strip()) <= 200 and "\x00" not in v,
        "is not a name of 1 to 200 characters",
    ),
    (
        "timezone",
        lambda v: isinstance(v, str) and v in available_timezones(),
        "is not an IANA time zone such as Europe/Paris",
    ),
    (
        "currency",
        lambda v: isinstance(v, str) and is_currency(v),
        "is not a currency code of three capitals",
    ),
    ("fiscal_year_start_month", lambda v: _whole(v, 1, 12), "is not a month from 1 to 12"),
    ("settle_days", lambda v: _whole(v, 0, 60), "is not a number of days from 0 to 60"),
    (
        "as_of",
        lambda v: v is None or (isinstance(v, str) and instant(v) is not None),
        "is not an instant with a time zone, such as 2026-10-20T09:00:00Z",
    ),
    (
        "velocity_number",
        lambda v: v in ("average_open", "in_play", "opened", "open_at_end", "closed"),
        "is none of average_open, in_play, opened, open_at_end, closed",
    ),
    ("velocity_cycle", lambda v: v in ("won", "closed"), "is neither won nor closed"),
    (
        "locale",
        lambda v: isinstance(v, str) and re.fullmatch(r"[a-z]{2,3}(-[A-Za-z]{2,4})?", v),
        "is not a language such as en or fr",
    ),
    ("require_mfa", lambda v: isinstance(v, bool), "is neither true nor false"),
)


def _heading(
    path: Path, required: Sequence[str], optional: Sequence[str], faults: list[Fault]
) -> tuple[str, ...]:
    try:
        with path.open("rb") as file:
            columns = next(csv.reader(_text_lines(file), strict=True), [])
    except (UnicodeDecodeError, csv.Error):
        faults.append(Fault(path.name, 1, None, "this is not UTF-8 text in CSV form"))
        return ()
    if not columns:
        faults.append(Fault(path.name, 1, None, "the file is empty; a heading row is missing"))
        return ()
    found = [column.strip() for column in columns]
    if len(found) == 1 and len(required) > 1 and re.search(r"[;\t|]", found[0]):
        faults.append(Fault(path.name, 1, None, "the cells are not parted by commas"))
        return ()
    for column in required:
        if column not in found:
            faults.append(Fault(path.name, 1, column, "the column is missing"))
    for column in dict.fromkeys(found):
        if column not in required and column not in optional:
            faults.append(Fault(path.name, 1, column or "(empty)", "there is no such column"))
        elif found.count(column) > 1:
            faults.append(Fault(path.name, 1, column, "the column stands there twice"))
    return tuple(found)


def _stages(path: Path, faults: list[Fault], *, whole: bool) -> tuple[StageLine, ...]:
    """`whole`: deals can run through them. A dumped company may be one that is still set up."""
    before = len(faults)
    columns = _heading(path, STAGE_COLUMNS, STAGE_OPTIONAL, faults)
    if len(faults) > before:
        return ()
    stages: list[StageLine] = []
    for line, cells in rows(path, columns, faults):
        row = dict(zip(columns, cells, strict=True))
        stage = _stage(path.name, line, row, stages, faults)
        if stage is not None:
            stages.append(stage)
    if len(faults) > before or not whole:
        return tuple(stages)
    if not stages:
        faults.append(Fault(path.name, None, None, "there is no stage"))
    for pipeline in dict.fromkeys(stage.pipeline for stage in stages):
        own = [stage for stage in stages if stage.pipeline == pipeline]
        positions = sorted(stage.position for stage in own if stage.position is not None)
        if not positions or positions != list(range(1, len(positions) + 1)):
            reason = f"the open stages of {pipeline} need the positions 1, 2, 3 and so on"
            faults.append(Fault(path.name, None, "position", reason))
        names = {stage.name for stage in own if stage.kind == "open"}
        for stage in own:
            if stage.replaced_by and stage.replaced_by not in names - {stage.name}:
                reason = f"{stage.replaced_by} is no other open stage of {pipeline}"
                faults.append(Fault(path.name, None, "replaced_by", reason))
        for kind in ("won", "lost"):
            if all(stage.kind != kind for stage in own):
                reason = f"{pipeline} has no stage of kind {kind}"
                faults.append(Fault(path.name, None, "kind", reason))
    return tuple(stages)


def _stage(
    file: str, line: int, row: Mapping[str, str], known: list[StageLine], faults: list[Fault]
) -> StageLine | None:
    before = len(faults)

    def wrong(column: str, reason: str) -> None:
        faults.append(Fault(file, line, column, reason))

    for column, limit in STAGE_LIMITS.items():
        if len(row.get(column, "")) > limit:
            wrong(column, f"has more than {limit} characters")
    pipeline = row.get("pipeline", "") or DEFAULT_PIPELINE
    if not row["stage"]:
        wrong("stage", "is empty")
    elif any((s.pipeline, s.name) == (pipeline, row["stage"]) for s in known):
        wrong("stage", f"{row['stage']} stands there twice")
    if row["kind"] not in KINDS:
        wrong("kind", f"{row['kind'] or 'nothing'} is none of open, won, lost")
    position: int | None = None
    retired = instant(row.get("retired_at", ""))
    if row.get("retired_at") and (retired is None or row["kind"] != "open"):
        wrong("retired_at", "is not an instant with a time zone, or not of an open stage")
    if row.get("replaced_by") and not row.get("retired_at"):
        wrong("replaced_by", "only retired stages are replaced")
    if row["kind"] == "open" and not row.get("retired_at"):
        if not re.fullmatch(r"[1-9]\d{0,2}", row["position"], flags=re.ASCII):
            wrong("position", "an open stage needs a position: 1, 2, 3 and so on")
        else:
            position = int(row["position"])
            if any((s.pipeline, s.position) == (pipeline, position) for s in known):
                wrong("position", f"{position} is taken by another stage")
    elif row["position"]:
        wrong("position", "only open stages that are not retired have a position")
    if len(faults) > before:
        return None
    return StageLine(
        name=row["stage"],
        position=position,
        kind=row["kind"],
        pipeline=pipeline,
        exit_criterion=row.get("exit_criterion", ""),
        retired_at=retired,
        replaced_by=row.get("replaced_by", ""),
    )
