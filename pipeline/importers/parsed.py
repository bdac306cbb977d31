"""What an import is told, and what it finds: the types that its steps hand on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Literal
from zoneinfo import ZoneInfo

from pipeline.importers.columns import ColumnMap
from pipeline.importers.days import Order
from pipeline.importers.grid import Cell, Table
from pipeline.importers.stages import KnownStage, Outcome

NoHistory = Literal["open_without_opening", "closed_without_opening", "closed_without_closing"]


@dataclass(frozen=True, slots=True)
class Options:
    """What the person importing told, and what the company is. Nothing here is detected."""

    company_zone: ZoneInfo
    company_currency: str
    now: datetime
    file_zone: ZoneInfo | None = None  # of times without a zone; the company's when None
    columns: Mapping[str, str] = field(default_factory=dict)
    order: Order | None = None  # --day-first, --month-first
    orders: Mapping[str, Order] = field(default_factory=dict)  # by heading
    decimal_mark: str | None = None
    currency: str | None = None
    stage_map: Mapping[str, str] = field(default_factory=dict)
    known_stages: Sequence[KnownStage] = ()
    renames: Mapping[tuple[str, str], str] = field(default_factory=dict)  # (field, old) -> new
    channels: Mapping[str, str] = field(default_factory=dict)  # source -> inbound, outbound
    open_undated_at: date | None = None
    system: str | None = None


@dataclass(frozen=True, slots=True)
class ParsedDeal:
    """One deal of a file, typed. Empty text means that the file does not tell.

    `stage` is the name in the file; for a closed deal the one it stood in before, where the
    file tells it. `opened` and `closed` are None where the deal has no history, see
    `no_history`.
    """

    file: str
    line: int
    cells: tuple[Cell, ...]
    external_id: str
    name: str
    customer: str
    rep: str
    team: str
    source: str
    channel: str
    product: str
    pipeline: str
    stage: str
    outcome: Outcome
    amount: Decimal | None
    currency: str
    opened: datetime | None
    closed: datetime | None
    stage_since: datetime | None
    lost_reason: str
    competitor: str
    updated: datetime | None
    no_history: NoHistory | None


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A row that does not go in: where, why, and its original cells."""

    file: str
    line: int
    column: str
    reason: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that went in and deserves a look: a sentence, and the lines it is about."""

    kind: str
    sentence: str
    lines: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ParsedFile:
    """One file, read: how it was read, what goes in, what does not, what to look at."""

    name: str
    table: Table
    columns: ColumnMap
    system: str
    how: tuple[str, ...]
    deals: tuple[ParsedDeal, ...]
    rejected: tuple[RejectedRow, ...]
    findings: tuple[Finding, ...]
