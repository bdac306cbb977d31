"""Two dumps of the same company differ in ids alone: here they are made to look alike."""

import json
import re
from pathlib import Path
from typing import Any

from pipeline.selectors.owned import Owned, owned_tables

# Written anew at every loading, by the loading itself.
OF_LOADING = {"company.created", "company.loaded"}
# Where the newest facts stand that a version knew.
KNOWN = {
    "moves": "pipeline.stagetransition",
    "changes": "pipeline.dealchange",
    "audit": "accounts.auditentry",
}
# Where the facts stand that a restatement names: the settings among them in the audit trail.
FACTS = {
    "move": "pipeline.stagetransition",
    "change": "pipeline.dealchange",
    "source.changed": "accounts.auditentry",
    "lost_reason.changed": "accounts.auditentry",
    "rates.changed": "accounts.auditentry",
}


def tables_of(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Every row of a dump's more/, by table."""
    return {
        table.label: [
            json.loads(line)
            for line in (folder / "more" / f"{table.label}.jsonl").read_text().splitlines()
        ]
        for table in owned_tables()
    }


def canonical(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """The rows with every id replaced by its rank in its table."""
    found = tables_of(folder)
    found["accounts.auditentry"] = [
        row for row in found["accounts.auditentry"] if row["action"] not in OF_LOADING
    ]
    ranks = {
        label: {row["id"]: rank for rank, row in enumerate(rows)} for label, rows in found.items()
    }
    return {
        table.label: [_ranked(table, row, ranks) for row in found[table.label]]
        for table in owned_tables()
    }


def _ranked(table: Owned, row: dict[str, Any], ranks: dict[str, dict[int, int]]) -> dict[str, Any]:
    seen = dict(row)
    seen["id"] = ranks[table.label][row["id"]]
    for column, target in table.keys.items():
        if row[column] is not None:
            seen[column] = f"{target} {ranks[target][row[column]]}"
    if table.label == "accounts.auditentry":
        target = {
            "deal": "pipeline.deal",
            "membership": "accounts.membership",
            "signoff": "metrics.signoff",
            "source": "pipeline.source",
            "lost_reason": "pipeline.lostreason",
            "company": "",
        }.get(row["object_type"])
        if target is not None:
            # A member who was removed since is in no table any more.
            seen["object_id"] = ranks[target].get(row["object_id"]) if target else "the company"
        seen["before"], seen["after"] = (
            _text_ids(row[side], ranks) for side in ("before", "after")
        )
    if table.label == "pipeline.dealchange":
        for side in ("before", "after"):
            seen[side] = _text_ids({row["field"]: row[side]}, ranks)[row["field"]]
    if table.label == "metrics.snapshot":
        seen["definitions"] = dict(row["definitions"])
        listed = seen["definitions"].pop("stage_ids", [])
        seen["definitions"]["stage_ranks"] = [ranks["pipeline.stage"][i] for i in listed]
        seen["cause"] = json.loads(json.dumps(row["cause"]))
        for fact in seen["cause"].get("facts", ()):
            fact["id"] = ranks[FACTS[fact["what"].split(" of ")[0]]][fact["id"]]
            if fact["deal_id"] is not None:
                fact["deal_id"] = ranks["pipeline.deal"][fact["deal_id"]]
        seen["known"] = {
            kind: sum(1 for fact in ranks[KNOWN[kind]] if fact <= newest)
            if kind in KNOWN
            else newest
            for kind, newest in row["known"].items()
        }
    return seen


def _text_ids(values: dict[str, Any], ranks: dict[str, dict[int, int]]) -> dict[str, Any]:
    """Ids in text: rep_id, source_id and so on of a changed deal, and the note of an entry."""
    of_field = {
        f"{name}_id": f"pipeline.{table}"
        for name, table in [
            ("rep", "rep"), ("source", "source"), ("product", "product"),
            ("customer", "customer"), ("lost_reason", "lostreason"), ("competitor", "competitor"),
        ]
    }  # fmt: skip
    seen = dict(values)
    for field, value in values.items():
        target = of_field.get(field, "pipeline.note" if field == "note" else None)
        if target is not None and re.fullmatch(r"\d+", str(value)):
            seen[field] = f"{target} {ranks[target][int(value)]}"
    return seen
