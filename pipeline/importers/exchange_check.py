"""What is wrong with the rows of an exchange folder, row by row, in words.

The loader checks whole files at once inside the database and only learns that something is
wrong. This reads them again, one row at a time, and says where and what. Both follow the same
rules: a folder that one refuses, the other refuses too.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.importers.exchange import (
    AMOUNT,
    CHANNELS,
    DEAL_LIMITS,
    DEALS,
    PATHS,
    TRANSITIONS,
    WHOLE_NUMBER,
    Fault,
    Folder,
    instant,
    is_currency,
    rows,
)


@dataclass(slots=True)
class _Seen:
    """What earlier rows said, as far as later ones must agree with it."""

    deals: dict[int, str]  # id -> pipeline
    teams: dict[str, dict[str, int]]  # rep -> team -> first line
    channels: dict[str, dict[str, int]]  # source -> channel -> first line
    transitions: dict[int, tuple[int, int]]  # id -> (line, deal)


def check_rows(folder: Folder) -> list[Fault]:
    """Everything that is wrong with deals.csv and transitions.csv, in the order of the files.

    Reads as a stream; keeps one number or two per row.
    """
    faults: list[Fault] = []
    seen = _Seen({}, {}, {}, {})
    for line, cells in rows(folder.path / DEALS, folder.deal_columns, faults):
        row = dict(zip(folder.deal_columns, cells, strict=True))
        faults += _deal(folder, line, row, seen)
    stages: dict[str, set[str]] = {}
    for stage in folder.stages:
        stages.setdefault(stage.pipeline, set()).add(stage.name)
    corrections: list[tuple[int, int, int, int]] = []  # line, id, deal, replaced id
    for line, cells in rows(folder.path / TRANSITIONS, folder.transition_columns, faults):
        row = dict(zip(folder.transition_columns, cells, strict=True))
        faults += _transition(line, row, seen, stages, corrections)
    faults += _corrections(corrections, seen)
    return faults


def _deal(folder: Folder, line: int, row: Mapping[str, str], seen: _Seen) -> list[Fault]:
    faults: list[Fault] = []

    def wrong(column: str, reason: str) -> None:
        faults.append(Fault(DEALS, line, column, reason))

    pipeline = row.get("pipeline", "") or folder.pipelines[0]
    if not WHOLE_NUMBER.fullmatch(row["id"]):
        wrong("id", f"{_shown(row['id'])} is not a whole number above 0")
    elif int(row["id"]) in seen.deals:
        wrong("id", f"{row['id']} is the id of an earlier deal")
    else:
        seen.deals[int(row["id"])] = pipeline
    if not row["name"]:
        wrong("name", "is empty")
    for column, limit in DEAL_LIMITS.items():
        if len(row[column]) > limit:
            wrong(column, f"has more than {limit} characters")
    if row["amount"] and not AMOUNT.fullmatch(row["amount"]):
        wrong("amount", f"{_shown(row['amount'])} is not an amount such as 1200 or 1200.50")
    if row["currency"] and not is_currency(row["currency"]):
        wrong("currency", f"{_shown(row['currency'])} is not a currency code of three capitals")
    if row["channel"] and row["channel"] not in CHANNELS:
        wrong("channel", f"{_shown(row['channel'])} is neither inbound nor outbound")
    if row["channel"] and not row["source"]:
        wrong("channel", "a channel is a source's, and this deal has no source")
    if row["team"] and not row["rep"]:
        wrong("team", "a team is a rep's, and this deal has no rep")
    if row.get("path", "") not in ("", *PATHS):
        wrong("path", f"{_shown(row['path'])} is neither known nor unknown")
    if "pipeline" in row and row["pipeline"] and row["pipeline"] not in folder.pipelines:
        wrong("pipeline", f"{_shown(row['pipeline'])} is no pipeline of stages.csv")
    if row["rep"]:
        here, there, first = _agrees(seen.teams, row["rep"], row["team"], line)
        if first:
            wrong(
                "team",
                f"{row['rep']} is in {here or 'no team'} here and in"
                f" {there or 'no team'} on line {first}",
            )
    if row["source"] and row["channel"] in ("", *CHANNELS):
        here, there, first = _agrees(seen.channels, row["source"], row["channel"], line)
        if first:
            wrong(
                "channel",
                f"{row['source']} is {here or 'without channel'} here and"
                f" {there or 'without channel'} on line {first}",
            )
    return faults


def _agrees(
    seen: dict[str, dict[str, int]], owner: str, value: str, line: int
) -> tuple[str, str, int]:
    """Does `owner` always come with this value? Each other value is told once.

    Returns this value, the first one, and the line of the first one (0: nothing to tell).
    """
    values = seen.setdefault(owner, {})
    if value in values:
        return value, value, 0
    values[value] = line
    first = next(iter(values))
    return value, first, values[first] if first != value else 0


def _transition(
    line: int,
    row: Mapping[str, str],
    seen: _Seen,
    stages: Mapping[str, set[str]],
    corrections: list[tuple[int, int, int, int]],
) -> list[Fault]:
    faults: list[Fault] = []

    def wrong(column: str, reason: str) -> None:
        faults.append(Fault(TRANSITIONS, line, column, reason))

    own = deal = replaced = None
    if not WHOLE_NUMBER.fullmatch(row["id"]):
        wrong("id", f"{_shown(row['id'])} is not a whole number above 0")
    elif int(row["id"]) in seen.transitions:
        wrong("id", f"{row['id']} is the id of an earlier row")
    else:
        own = int(row["id"])
    if not WHOLE_NUMBER.fullmatch(row["deal_id"]):
        wrong("deal_id", f"{_shown(row['deal_id'])} is not a whole number above 0")
    elif int(row["deal_id"]) not in seen.deals:
        wrong("deal_id", f"there is no deal {row['deal_id']} in deals.csv")
    else:
        deal = int(row["deal_id"])
    if own is not None:
        seen.transitions[own] = (line, deal or 0)
    known = stages.get(seen.deals[deal], set()) if deal is not None else None
    for column in ("from_stage", "to_stage"):
        if row[column] and known is not None and row[column] not in known:
            wrong(column, f"{_shown(row[column])} is no stage of this deal's pipeline")
    for column in ("occurred_at", "recorded_at"):
        if instant(row[column]) is None:
            wrong(
                column,
                f"{_shown(row[column])} is not an instant with a time zone between 1970 and 2200,"
                " such as 2026-10-20T09:00:00Z",
            )
    if not row["replaces"]:
        if not row["to_stage"]:
            wrong("to_stage", "is empty, which only a row that replaces another one may be")
    elif not WHOLE_NUMBER.fullmatch(row["replaces"]):
        wrong("replaces", f"{_shown(row['replaces'])} is not a whole number above 0")
    else:
        replaced = int(row["replaces"])
    if own is not None and deal is not None and replaced is not None:
        corrections.append((line, own, deal, replaced))
    return faults


def _corrections(corrections: list[tuple[int, int, int, int]], seen: _Seen) -> list[Fault]:
    faults = []
    for line, own, deal, replaced in corrections:
        _, other = seen.transitions.get(replaced, (0, 0))
        if replaced not in seen.transitions:
            reason = f"there is no row {replaced}"
        elif other != deal:
            reason = f"row {replaced} is a row of another deal"
        elif replaced >= own:
            reason = f"row {replaced} does not come before row {own}, which corrects it"
        else:
            continue
        faults.append(Fault(TRANSITIONS, line, "replaces", reason))
    return faults


def _shown(text: str) -> str:
    """A cell as a fault quotes it: short, and never empty."""
    if not text:
        return "an empty cell"
    shown = text if len(text) <= 40 else text[:37] + "..."
    return repr(shown) if not shown.isprintable() else shown
