"""Rows of a table -> typed deals, rejected rows, findings.

What a row means without its path (most exports hold only the present state): the deal was
opened at its opening day in the first stage (an assumption, said in the report), it stands in
its present stage since the last stage change if the file tells it, and it was won or lost at
its closing day. A deal whose present state has no day (open without an opening day, closed
without a closing day) has no history: it is kept, named in the report and counted in no figure
(docs/adr: deals without dates).
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from hashlib import sha256
from typing import Any

from pipeline.importers import amounts, columns, days, rejected, stages, values
from pipeline.importers.days import DayColumn, Moment
from pipeline.importers.grid import Cell, ImportRefused, Row, Table, is_blank
from pipeline.importers.parsed import (
    Finding,
    NoHistory,
    Options,
    ParsedDeal,
    ParsedFile,
    RejectedRow,
)
from pipeline.importers.stages import Outcome, stage_key
from pipeline.importers.values import ValueFault

CLOCKS_DIFFER = timedelta(minutes=5)

# The longest texts that the facts keep.
LONGEST: Mapping[str, int] = {
    "id": 120, "name": 250, "customer": 250, "rep": 200, "team": 120, "source": 180,
    "channel": 60, "product": 200, "pipeline": 120, "stage": 120, "status": 120,
    "lost_reason": 200, "competitor": 200,
}  # fmt: skip
_DAYS = ("opened", "close", "won_at", "lost_at", "stage_since", "updated")
_ESSENTIAL_DAYS = frozenset(("opened", "close", "won_at", "lost_at", "stage_since"))
_STATUS: Mapping[str, Outcome] = {"open": "open", "won": "won", "lost": "lost", "active": "open"}


def parse_deals(table: Table, options: Options) -> ParsedFile:
    """Read every row of a table as a deal. Raises ImportRefused for the file as a whole."""
    table = rejected.restored(table)
    if not table.rows and not table.broken:
        raise ImportRefused(f"{table.name} holds headings and no rows: there is nothing to import.")
    mapped = columns.map_columns(
        table.headings,
        told=options.columns,
        is_column_filled=lambda p: any(not is_blank(row.cells[p]) for row in table.rows),
    )
    reader = _RowReader(table, mapped, options)
    refused = [RejectedRow(table.name, row.line, "", row.reason, row.cells) for row in table.broken]
    deals: list[ParsedDeal] = []
    for row in table.rows:
        found = reader.read(row)
        if isinstance(found, RejectedRow):
            refused.append(found)
        else:
            deals.append(found)
    refused.sort(key=lambda r: r.line)
    return ParsedFile(
        name=table.name,
        table=table,
        columns=mapped,
        system=options.system or mapped.format,
        how=tuple(reader.how),
        deals=tuple(deals),
        rejected=tuple(refused),
        findings=tuple(reader.findings),
    )


class _RowReader:
    """The decisions about a table's columns, and the reading of one row under them."""

    def __init__(self, table: Table, mapped: columns.ColumnMap, options: Options) -> None:
        self.table, self.mapped, self.options = table, mapped, options
        self.how: list[str] = []
        self.findings: list[Finding] = []
        self.positions = mapped.positions
        self.days = self._decide_days()
        self.amounts = self._decide_amounts()
        self.status_words, self.stage_field = self._decide_status()
        self.stage_map = {stage_key(k): v.strip() for k, v in options.stage_map.items()}
        self.kinds: dict[str, Outcome] = {stage_key(s.name): s.kind for s in options.known_stages}
        self.flagged = self._stages_closed_by_flags()
        self._texts: dict[str, dict[str, str]] = {name: {} for name in LONGEST}
        self._moments: dict[str, dict[str, Moment | None]] = {name: {} for name in _DAYS}

    # columns

    def _column(self, name: str) -> list[Cell]:
        position = self.positions[name]
        return [row.cells[position] for row in self.table.rows]

    def _decide_days(self) -> dict[str, DayColumn]:
        decided: dict[str, DayColumn] = {}
        orders = {columns.normalise(h): order for h, order in self.options.orders.items()}
        for name in _DAYS:
            if not self.mapped.has(name):
                continue
            heading = self.mapped.heading(name)
            forced = orders.pop(columns.normalise(heading), None)
            try:
                column = days.decide_days(
                    heading,
                    self._column(name),
                    zone=self.options.file_zone or self.options.company_zone,
                    told=forced or self.options.order,
                    forced=forced is not None,
                )
            except ImportRefused:
                if name in _ESSENTIAL_DAYS:
                    raise
                continue
            decided[name] = column
            self.how.append(f"{heading}: {columns.FIELDS[name]}; days {column.how}")
        if orders:
            raise ImportRefused(
                f"--date-order names '{next(iter(orders))}', which is no column of days here."
            )
        return decided

    def _decide_amounts(self) -> amounts.AmountColumn | None:
        if not self.mapped.has("amount"):
            return None
        heading = self.mapped.heading("amount")
        column = amounts.decide_amounts(
            heading, self._column("amount"), told=self.options.decimal_mark
        )
        self.how.append(f"{heading}: {columns.FIELDS['amount']}; {column.how}")
        return column

    def _decide_status(self) -> tuple[bool, str | None]:
        """(does a column of open, won, lost stand apart, which field holds the stage)."""
        stage = "stage" if self.mapped.has("stage") else None
        if not self.mapped.has("status"):
            return False, stage
        words = [values.original(c).strip().casefold() for c in self._column("status")]
        filled = [w for w in words if w]
        fits = sum(1 for w in filled if w in _STATUS or w == "deleted")
        # beside a stage most words must fit; alone it is the outcome only if all do
        if filled and fits >= (len(filled) / 2 if stage else len(filled)):
            return True, stage
        return False, stage or "status"  # many tables call the stage a status

    def _stages_closed_by_flags(self) -> dict[str, Outcome]:
        """Stages of unknown name whose every row is flagged won (or closed and not won).

        A stage wins over the flags, which go stale: one sample has half of its won deals
        flagged as not closed. Only where all rows of a stage agree is the flag believed.
        """
        if self.stage_field is None or not {"is_won", "is_lost"} & set(self.positions):
            return {}
        votes: dict[str, set[Outcome]] = {}
        for row in self.table.rows:
            try:
                key = self._stage_name(row)
                votes.setdefault(stage_key(key), set()).add(self._flags(row))
            except ValueFault:
                continue
        found: dict[str, Outcome] = {}
        for key, seen in votes.items():
            if len(seen) == 1 and key and key not in self.kinds and not stages.terminal_kind(key):
                outcome = next(iter(seen))
                if outcome != "open":
                    found[key] = outcome
                    self.how.append(f"Stage '{key}' is taken for {outcome}: all its rows say so")
        return found

    # one row

    def _cell(self, row: Row, name: str) -> Cell:
        position = self.positions.get(name)
        return None if position is None else row.cells[position]

    def _text(self, row: Row, name: str) -> str:
        cell = self._cell(row, name)
        if type(cell) is not str:
            return values.read_text(cell, longest=LONGEST[name])
        cache = self._texts[name]
        text = cache.get(cell)
        if text is None:
            text = values.read_text(cell, longest=LONGEST[name])
            text = self.options.renames.get((name, text), text)
            cache[cell] = text
        return text

    def _stage_name(self, row: Row) -> str:
        field_name = self.stage_field
        if field_name is None:
            return ""
        name = values.read_text(self._cell(row, field_name), longest=LONGEST["stage"])
        return self.stage_map.get(stage_key(name), name)

    def _flags(self, row: Row) -> Outcome:
        if values.read_yes_no(self._cell(row, "is_won")):
            return "won"
        if values.read_yes_no(self._cell(row, "is_lost")):
            return "lost"
        closed = values.read_yes_no(self._cell(row, "is_closed"))
        return "lost" if closed and self.mapped.has("is_won") else "open"

    def read(self, row: Row) -> ParsedDeal | RejectedRow:
        """One row as a deal, or rejected with all that is wrong with it."""
        faults: list[tuple[str, str]] = []

        def take(name: str, read: Callable[[], Any], empty: Any) -> Any:
            try:
                return read()
            except ValueFault as fault:
                heading = self.mapped.heading(name) if self.mapped.has(name) else name
                cell = self._cell(row, name)
                quoted = f"'{values.shown(cell)}' " if not is_blank(cell) else "The cell "
                faults.append((heading, f"{quoted}{fault}."))
                return empty

        text = {
            name: take(name, partial(self._text, row, name), "")
            for name in LONGEST
            if name in self.positions and name not in ("id", "stage", "status")
        }
        external_id = take(
            "id", lambda: values.read_id(self._cell(row, "id"), longest=LONGEST["id"]), ""
        )
        stage, outcome = take(
            self.stage_field or "status", lambda: self._stage_and_outcome(row), ("", "open")
        )
        amount, currency = take("amount", lambda: self._amount(row), (None, ""))
        opened = take("opened", lambda: self._moment(row, "opened"), None)
        closing = self._closing_field(row, outcome)
        closed = take(closing, lambda: self._moment(row, closing), None) if closing else None
        since = take("stage_since", lambda: self._moment(row, "stage_since"), None)
        if not faults:
            fault = self._implausible(external_id, stage, outcome, opened, closed, closing)
            if fault:
                faults.append(fault)
        if faults:
            return RejectedRow(
                self.table.name,
                row.line,
                "; ".join(dict.fromkeys(column for column, _ in faults)),
                " ".join(reason for _, reason in faults),
                row.cells,
            )
        return self._deal(
            row, text, external_id, stage, outcome, amount, currency, opened, closed, since
        )

    def _stage_and_outcome(self, row: Row) -> tuple[str, Outcome]:
        stage = self._stage_name(row)
        outcome: Outcome = "open"
        key = stage_key(stage)
        by_name = self.kinds.get(key) or stages.terminal_kind(stage) or self.flagged.get(key)
        if self.status_words:
            word = values.read_text(self._cell(row, "status"), longest=LONGEST["status"])
            low = word.casefold()
            if low == "deleted":
                raise ValueFault("was deleted where it comes from")
            if word and low not in _STATUS:
                raise ValueFault(f"has the status '{word}', which is not open, won or lost")
            outcome = _STATUS.get(low, "open")
        if by_name in ("won", "lost"):
            # the stage wins over status and flags; it says nothing of where the deal stood
            return "", by_name
        if not self.status_words and not stage and self.stage_field is None:
            outcome = self._flags(row)
        if outcome == "open" and not stage and self.stage_field is not None:
            raise ValueFault("is empty: the row names no stage")
        return stage, outcome

    def _amount(self, row: Row) -> tuple[Decimal | None, str]:
        options = self.options
        preferred = options.currency or options.company_currency
        stated = None
        if self.mapped.has("currency"):
            stated = amounts.read_currency(self._cell(row, "currency"))
        if self.amounts is None:
            return None, stated or preferred
        amount, signs = self.amounts.read(self._cell(row, "amount"))
        if amount is not None and amount < 0:
            raise ValueFault("is negative; an amount never is")
        if stated and signs and stated not in signs:
            raise ValueFault(f"carries another currency than its column, {stated}")
        return amount, stated or amounts.currency_of(signs, preferred=preferred) or preferred

    def _moment(self, row: Row, name: str) -> Moment | None:
        column = self.days.get(name)
        if column is None:
            return None
        cell = self._cell(row, name)
        if type(cell) is not str:
            return column.read(cell, company_zone=self.options.company_zone)
        cache = self._moments[name]
        if cell not in cache:  # days repeat a great deal
            cache[cell] = column.read(cell, company_zone=self.options.company_zone)
        return cache[cell]

    def _closing_field(self, row: Row, outcome: Outcome) -> str | None:
        """The column that tells when a closed deal was closed: its own one, if filled."""
        if outcome == "open":
            return None
        own = "won_at" if outcome == "won" else "lost_at"
        if own in self.days and not values.is_nothing(self._cell(row, own)):
            return own
        return "close" if "close" in self.days else (own if own in self.days else None)

    def _implausible(
        self,
        external_id: str,
        stage: str,
        outcome: Outcome,
        opened: Moment | None,
        closed: Moment | None,
        closing: str | None,
    ) -> tuple[str, str] | None:
        if self.mapped.has("id") and not external_id:
            return self.mapped.heading("id"), "The deal has no id."
        latest = self.options.now + CLOCKS_DIFFER
        zone = self.options.company_zone
        if opened is not None and opened.at > latest:
            day = opened.at.astimezone(zone).date()
            return self.mapped.heading("opened"), f"Opened on {day}, which lies in the future."
        if closed is None or closing is None:
            return None
        day = closed.at.astimezone(zone).date()
        if closed.at > latest:
            reason = f"{outcome.capitalize()} on {day}, which lies in the future."
            return self.mapped.heading(closing), reason
        if opened is not None and closed.at < opened.at:
            began = opened.at.astimezone(zone).date()
            if not (day == began and (closed.day_only or opened.day_only)):
                reason = f"Closed on {day}, before it was opened on {began}."
                return self.mapped.heading(closing), reason
        return None

    def _deal(
        self,
        row: Row,
        text: Mapping[str, str],
        external_id: str,
        stage: str,
        outcome: Outcome,
        amount: Decimal | None,
        currency: str,
        opened: Moment | None,
        closed: Moment | None,
        since: Moment | None,
    ) -> ParsedDeal:
        if opened is None and outcome == "open" and self.options.open_undated_at is not None:
            day = self.options.open_undated_at
            opened = Moment(days.first_instant(day, self.options.company_zone), day_only=True)
        no_history: NoHistory | None = None
        if opened is None:
            no_history = "open_without_opening" if outcome == "open" else "closed_without_opening"
        elif outcome != "open" and closed is None:
            no_history = "closed_without_closing"
        opened_at = opened.at if opened and not no_history else None
        closed_at = max(closed.at, opened.at) if closed and opened and not no_history else None
        updated: datetime | None = None
        if "updated" in self.days:
            try:
                moment = self._moment(row, "updated")
                updated = moment.at if moment else None
            except ValueFault:
                updated = None
        customer, product = text.get("customer", ""), text.get("product", "")
        name = text.get("name", "") or ", ".join(t for t in (customer, product) if t)
        if not external_id:
            day_text = opened.at.isoformat() if opened else ""
            external_id = _key_of(name, customer, day_text)
        return ParsedDeal(
            file=self.table.name,
            line=row.line,
            cells=row.cells,
            external_id=external_id,
            name=(name or external_id)[:250],
            customer=customer,
            rep=text.get("rep", ""),
            team=text.get("team", ""),
            source=text.get("source", ""),
            channel=text.get("channel", ""),
            product=product,
            pipeline=text.get("pipeline", ""),
            stage=stage,
            outcome=outcome,
            amount=amount,
            currency=currency,
            opened=opened_at,
            closed=closed_at,
            stage_since=since.at if since and not no_history else None,
            lost_reason=text.get("lost_reason", "") if outcome == "lost" else "",
            competitor=text.get("competitor", "") if outcome == "lost" else "",
            updated=updated,
            no_history=no_history,
        )


def _key_of(*parts: str) -> str:
    """A key for a deal without an id: its name, customer and opening day."""
    text = "|".join(parts)
    if len(text) <= LONGEST["id"]:
        return text
    return "sha256:" + sha256(text.encode("utf-8", "replace")).hexdigest()
