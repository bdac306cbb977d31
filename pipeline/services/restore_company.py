"""Bring back all that a dumped company owned, with new ids.

Every row gets an id that is free here, in the old order, and every key follows. Users are found
by e-mail; who is unknown here gets an account without a password. Facts, snapshots and their
versions come back as they were; only `Deal.path`, which holds ids, is packed anew.
"""

import json
import re
import secrets
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import connection, models
from psycopg import sql

from accounts.models import Company, User
from accounts.selectors.news import KINDS
from accounts.services.companies import create_user
from pipeline.importers import exchange
from pipeline.importers.exchange import Fault, Folder
from pipeline.selectors.dump_company import FORMAT, MANIFEST, USERS, read_manifest, sha256_of
from pipeline.selectors.owned import DERIVED, LEFT_OUT, Owned, owned_tables
from pipeline.services import bulk, load_history

_JSON_LINES = "FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02'"


class Unreadable(ValueError):
    """The folder `more/` does not fit the four files, or this version of the product."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__("; ".join(map(str, faults)))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class _Ids:
    """Old id -> new id of one table, both rising: two arrays instead of a large dictionary."""

    old: "array[int]"
    new: "array[int]"

    def of(self, old: int) -> int | None:
        place = bisect_left(self.old, old)
        if place == len(self.old) or self.old[place] != old:
            return None
        return self.new[place]

    def upto(self, old: int) -> int:
        """The new id of the last row that is not newer than this; 0 where there is none."""
        place = bisect_right(self.old, old)
        return self.new[place - 1] if place else 0


def restore(*, company: Company, folder: Folder) -> tuple[int, int]:
    """Insert all rows of `more/` for a new, empty company; returns its deals and transitions.

    Runs in the caller's transaction, with the company active. Raises Unreadable.
    """
    rows = _check_manifest(folder.path)
    tables = {table.label: table for table in owned_tables()}
    ids = {label: _new_ids(folder.path, table) for label, table in tables.items()}
    users = _users(folder.path)
    for table in tables.values():
        _insert(company, folder.path, table, ids, users)
    _pack_paths(company)
    bulk.drop_temporary("load_")
    return rows["pipeline.deal"], rows["pipeline.stagetransition"]


def _check_manifest(folder: Path) -> dict[str, int]:
    """Are all files there and as they were dumped? Returns the rows by table."""
    name = f"{exchange.MORE}/{MANIFEST}"
    try:
        manifest = read_manifest(folder)
    except (OSError, ValueError):
        raise Unreadable(Fault(name, None, None, "the manifest is missing or unreadable")) from None
    if manifest.get("format") != FORMAT:
        reason = f"this is format {manifest.get('format')}; this version reads {FORMAT}"
        raise Unreadable(Fault(name, None, "format", reason))
    files: dict[str, Any] = manifest["files"]
    known = {f"{exchange.MORE}/{table.label}.jsonl": table.label for table in owned_tables()}
    faults = []
    for file in files:
        if file.endswith(".jsonl") and file not in (*known, f"{exchange.MORE}/{USERS}"):
            label = Path(file).stem
            if label not in LEFT_OUT:
                faults.append(Fault(file, None, None, "this version knows no such table"))
    for file, said in files.items():
        path = folder / file
        if not path.is_file():
            faults.append(Fault(file, None, None, "the file is missing"))
        elif sha256_of(path) != said.get("sha256"):
            reason = (
                "the file was changed after the dump. Load the four files without the folder"
                " more/, or dump again"
            )
            faults.append(Fault(file, None, None, reason))
    if faults:
        raise Unreadable(*faults)
    return {label: int(files.get(file, {}).get("rows", 0)) for file, label in known.items()}


def _lines(folder: Path, label: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """The rows of a table's file, with their lines; none where the dump had no such table."""
    path = folder / exchange.MORE / f"{label}.jsonl"
    if not path.exists():
        return
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            data = json.loads(line)
            if not isinstance(data, dict):
                raise Unreadable(_fault(label, number, None, "this is no row"))
            yield number, data


def _fault(label: str, line: int, column: str | None, reason: str) -> Fault:
    return Fault(f"{exchange.MORE}/{label}.jsonl", line, column, reason)


def _new_ids(folder: Path, table: Owned) -> _Ids:
    old = array("q")
    for line, row in _lines(folder, table.label):
        value = row.get("id")
        if not isinstance(value, int) or (old and value <= old[-1]):
            raise Unreadable(_fault(table.label, line, "id", "ids do not rise"))
        old.append(value)
    return _Ids(old, array("q", bulk.new_ids(table.model, len(old))))


def _users(folder: Path) -> dict[str, int]:
    """E-mail -> id of the users that rows mention; members that are unknown here are made."""
    wanted: dict[str, dict[str, Any]] = {}
    for _, row in _lines(folder, Path(USERS).stem):
        wanted[str(row["email"])] = row
    members = {str(row["user_id"]) for _, row in _lines(folder, "accounts.membership")}
    found: dict[str, int] = {}
    for email, row in wanted.items():
        known = User.objects.filter(email__iexact=email).first()
        if known is None:
            known = create_user(email=email, name=str(row.get("name", "")), password=None)
            if email not in members:
                # Somebody of the past: named in the history, but nobody who signs in.
                User.objects.filter(pk=known.pk).update(is_active=False)
        found[email] = known.pk
    return found


def _insert(
    company: Company, folder: Path, table: Owned, ids: dict[str, _Ids], users: dict[str, int]
) -> None:
    defaults = _defaults(table)
    columns = ("company_id", *defaults, *table.secrets, *table.columns)
    if not len(ids[table.label].old):
        return
    bulk.temporary_table("load_json", "row jsonb")
    statement = sql.SQL("COPY load_json FROM STDIN WITH ({})").format(sql.SQL(_JSON_LINES))
    fixed = {"company_id": company.pk, **defaults}
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for line, row in _lines(folder, table.label):
            _translate(company, table, line, row, ids, users)
            # A token of another installation opens nothing here: a new one that nobody knows.
            void = {column: secrets.token_hex(16) for column in table.secrets}
            copy.write(json.dumps({**fixed, **void, **row}).encode() + b"\n")
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    picked = sql.SQL(", ").join(sql.SQL("r.{}").format(sql.Identifier(c)) for c in columns)
    name = sql.Identifier(table.table)
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL(
                "INSERT INTO {} ({}) SELECT {} FROM load_json,"
                " jsonb_populate_record(CAST(NULL AS {}), row) AS r ORDER BY r.id"
            ).format(name, names, picked, name)
        )
        cursor.execute("DROP TABLE load_json")


def _defaults(table: Owned) -> dict[str, Any]:
    """What derived columns hold until they are derived again."""
    values: dict[str, Any] = {}
    for field in table.model._meta.concrete_fields:
        column = str(field.column)
        if column in DERIVED.get(table.label, ()):
            values[column] = "\\x" if isinstance(field, models.BinaryField) else None
    return values


def _translate(
    company: Company,
    table: Owned,
    line: int,
    row: dict[str, Any],
    ids: dict[str, _Ids],
    users: dict[str, int],
) -> None:
    """Replace every id and e-mail of a row by the id here."""
    unknown = sorted(set(row) - set(table.columns))
    if unknown:
        raise Unreadable(_fault(table.label, line, unknown[0], "this version knows no such column"))
    for field in table.model._meta.concrete_fields:
        column = str(field.column)
        if column in table.columns and column not in row:
            row[column] = _default(field)  # a column younger than the dump
    row["id"] = ids[table.label].of(row["id"])
    for column, target in table.keys.items():
        if row[column] is not None:
            new = ids[target].of(row[column])
            if new is None:
                reason = f"there is no row {row[column]} in {target}"
                raise Unreadable(_fault(table.label, line, column, reason))
            row[column] = new
    for column in table.users:
        if row[column] is not None:
            row[column] = users[row[column]]
    for translate in _IN_TEXT.get(table.label, ()):
        translate(company, row, ids)


def _default(field: Any) -> Any:
    value = field.get_default()
    return value if value is None or isinstance(value, bool | int | dict | list) else str(value)


# Ids that stand outside of keys ---------------------------------------------------------------


def _audit_object(company: Company, row: dict[str, Any], ids: dict[str, _Ids]) -> None:
    """The object of an audit entry is named by type and id."""
    if row["object_type"] == "company":
        row["object_id"] = company.pk
        return
    kind = row["object_type"].replace("_", "")  # lost_reason is the table lostreason
    for label, known in ids.items():
        if label.rsplit(".", 1)[1] == kind and row["object_id"] is not None:
            row["object_id"] = known.of(row["object_id"])


def _change_values(company: Company, row: dict[str, Any], ids: dict[str, _Ids]) -> None:
    """A changed key of a deal (rep_id, source_id, ...) is kept as text."""
    target = _key("pipeline.deal", row["field"])
    for side in ("before", "after"):
        if target is not None and row[side].isdigit():
            new = ids[target].of(int(row[side]))
            row[side] = "" if new is None else str(new)


def _audit_values(company: Company, row: dict[str, Any], ids: dict[str, _Ids]) -> None:
    """The same in the audit entry of the change, and rows named there by their table."""
    of_table = {label.rsplit(".", 1)[1]: label for label in ids}
    for side in ("before", "after"):
        for field, value in row[side].items():
            target = _key(of_table.get(row["object_type"].replace("_", ""), ""), field)
            if target is None and isinstance(value, int) and not isinstance(value, bool):
                target = of_table.get(field)  # {"note": 17}
            if target is not None and str(value).isdigit():
                new = ids[target].of(int(value))
                row[side][field] = "" if new is None else type(value)(new)


def _cause_facts(company: Company, row: dict[str, Any], ids: dict[str, _Ids]) -> None:
    """A restatement names the facts that caused it: moves, changes of deals, audit entries."""
    for fact in row["cause"].get("facts", ()):
        fact["id"] = ids[_fact_table(fact["what"])].of(fact["id"])
        if fact["deal_id"] is not None:  # a change of settings has no deal
            fact["deal_id"] = ids["pipeline.deal"].of(fact["deal_id"])


def _known_facts(company: Company, row: dict[str, Any], ids: dict[str, _Ids]) -> None:
    """A version names the newest facts that it knew."""
    for kind, table in (
        ("moves", "pipeline.stagetransition"),
        ("changes", "pipeline.dealchange"),
        ("audit", "accounts.auditentry"),
    ):
        if kind in row["known"]:
            row["known"][kind] = ids[table].upto(row["known"][kind])


def _fact_table(what: str) -> str:
    """The table of a fact, by what a cause calls it (`metrics.services.causes`)."""
    if what == "move":
        return "pipeline.stagetransition"
    return "pipeline.dealchange" if what.startswith("change of ") else "accounts.auditentry"


def _stage_list(company: Company, row: dict[str, Any], ids: dict[str, _Ids]) -> None:
    """A snapshot keeps its own list of stages."""
    listed = row["definitions"].get("stage_ids")
    if listed is not None:
        row["definitions"]["stage_ids"] = [ids["pipeline.stage"].of(i) or 0 for i in listed]


def _news(company: Company, row: dict[str, Any], ids: dict[str, _Ids]) -> None:
    """The key of news begins with an id of what it is about, and its page may hold that id.

    Otherwise the same would be told again, and mailed.
    """
    row["path"] = re.sub(r"^/w/[^/]+/", "", row["path"])  # as dumps of an older version have it
    kind = KINDS.get(row["kind"])
    old, colon, rest = row["key"].partition(":")
    if kind is None or not old.isdigit():
        return
    new = ids[kind.about].of(int(old))
    if new is None:  # of a row that is gone, whose id may be another's here
        row["key"] = f"gone {row['key']}"[:160]
        return
    row["key"] = f"{new}{colon}{rest}"
    if kind.about in _IN_PATHS:
        row["path"] = re.sub(_IN_PATHS[kind.about].format(old), rf"\g<1>{new}", row["path"])


_IN_PATHS = {
    "pipeline.pipeline": r"(\bpipeline=){}\b",
    "pipeline.material": r"(/){}(?=/)",
    "metrics.experiment": r"(/){}(?=/)",
}


def _key(label: str, field: str) -> str | None:
    """The table that a column of this table points into, if it is a key of the company's."""
    table = next((one for one in owned_tables() if one.label == label), None)
    return table.keys.get(field) if table else None


_IN_TEXT = {
    "accounts.auditentry": (_audit_object, _audit_values),
    "accounts.notification": (_news,),
    "pipeline.dealchange": (_change_values,),
    "metrics.snapshot": (_cause_facts, _known_facts, _stage_list),
}


def _pack_paths(company: Company) -> None:
    """Pack every deal's effective history again, now with the stage ids of this database."""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMPORARY TABLE load_rows ON COMMIT DROP AS SELECT id, deal_id, to_stage_id,"
            " occurred_at, occurred_on, replaces_id FROM pipeline_stagetransition"
            " WHERE company_id = %s",
            [company.pk],
        )
        load_history.pack_paths()
        cursor.execute(
            "UPDATE pipeline_deal d SET path = h.packed FROM load_paths h"
            " WHERE d.company_id = %s AND d.id = h.deal_id AND h.packed IS NOT NULL",
            [company.pk],
        )
