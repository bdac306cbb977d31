"""Which column is what? Recognition of a deals export by its headings.

Case, blanks and punctuation of headings are ignored. A format is recognised first (HubSpot,
Salesforce, Pipedrive, or none of them), because it decides what `Close Date` means and whether
the status stands apart from the stage; then every field takes the first of its aliases that the
file has. `--map` overrules. Source of the aliases: the vendors' export headings and API names.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from pipeline.importers.grid import ImportRefused

Format = Literal["hubspot", "salesforce", "pipedrive", "file"]

FORMAT_NAMES: Mapping[Format, str] = {
    "hubspot": "HubSpot deals",
    "salesforce": "Salesforce opportunities",
    "pipedrive": "Pipedrive deal list",
    "file": "a table of deals (no known vendor)",
}

# field -> what it is, in the words of the report and of --map
FIELDS: Mapping[str, str] = {
    "id": "the deal's id in the system it comes from",
    "name": "the deal's name",
    "customer": "the organisation sold to",
    "rep": "the seller",
    "team": "the seller's team",
    "source": "where the deal came from",
    "channel": "inbound or outbound",
    "product": "the product",
    "pipeline": "the pipeline",
    "stage": "the stage the deal stands in",
    "status": "open, won or lost, apart from the stage",
    "is_won": "yes or no: won",
    "is_lost": "yes or no: lost",
    "is_closed": "yes or no: closed",
    "amount": "the deal's value",
    "currency": "the currency of the value",
    "opened": "when the deal was opened",
    "close": "closing day of a closed deal, expected one of an open deal",
    "won_at": "when it was won",
    "lost_at": "when it was lost",
    "expected_close": "the expected closing day of an open deal",
    "stage_since": "when it came to its present stage",
    "updated": "when the record was last changed",
    "lost_reason": "why it was lost",
    "competitor": "to whom it was lost",
}

_ALIASES: Mapping[str, tuple[str, ...]] = {
    "id": (
        "record id", "hs_object_id", "opportunity id", "opportunityid", "deal id", "deal - id",
        "id", "external id", "crm id", "opp id", "record number",
    ),
    "name": (
        "deal name", "dealname", "opportunity name", "deal title", "deal - title", "title", "name",
        "deal", "opportunity",
    ),
    "customer": (
        "associated company", "account name", "deal - organization", "organization",
        "organisation", "account", "customer", "company", "company name", "client",
        "associated company domain", "customer name", "accountid", "company id",
        "associated company ids",
    ),
    "rep": (
        "deal owner", "opportunity owner", "deal - owner", "sales agent", "sales rep",
        "rep", "owner", "seller", "salesperson", "sales person", "account executive", "assigned to",
        "hubspot_owner_id", "ownerid", "owner name", "manager id", "responsible",
    ),
    "team": ("hubspot team", "hubspot_team_id", "owner role", "team", "sales team"),
    "source": (
        "lead source", "original traffic source", "original source", "hs_analytics_source",
        "leadsource", "deal - source channel", "deal - source origin", "source", "lead origin",
        "source channel", "origin",
    ),
    "channel": ("channel", "inbound/outbound", "inbound or outbound", "lead type channel"),
    "product": ("deal - product name", "product name", "product", "product line"),
    "pipeline": ("deal - pipeline", "pipeline", "record type", "recordtypeid", "pipeline name"),
    "stage": (
        "deal stage", "dealstage", "stage", "stagename", "stage name", "deal - stage",
        "deal - stage (pipeline)", "opportunity stage", "sales stage", "pipeline stage",
        "stage id", "current stage",
    ),
    "status": ("deal - status", "status", "outcome", "deal status", "result"),
    "is_won": ("is closed won", "hs_is_closed_won", "iswon", "is won", "won"),
    "is_lost": ("is closed lost", "hs_is_closed_lost", "is lost", "lost"),
    "is_closed": ("is deal closed?", "hs_is_closed", "isclosed", "is closed", "closed"),
    "amount": (
        "amount", "deal - value", "deal value", "close value", "value", "deal amount",
        "opportunity amount", "revenue", "deal value, $", "expected amount", "deal size",
    ),
    "currency": (
        "currency", "deal_currency_code", "amount currency", "opportunity currency",
        "currencyisocode", "deal - currency of value", "deal - currency", "currency of value",
        "currency code",
    ),
    "opened": (
        "create date", "createdate", "hs_createdate", "created date", "createddate",
        "deal - deal created", "deal - add time", "add_time", "created", "created at", "opened",
        "opened on", "open date", "engage date", "start date", "date created", "created on",
        "first contact date", "lead acquisition date", "opening date",
    ),
    "close": (
        "actual close date", "close date", "closedate", "closed date", "closed at", "closed on",
        "closed", "deal - deal closed on", "deal - closed on", "close_time", "end date",
        "date closed", "closing date",
    ),
    "won_at": ("deal - won time", "won time", "won_time", "won date", "won at", "date won"),
    "lost_at": ("deal - lost time", "lost time", "lost_time", "lost date", "lost at", "date lost"),
    "expected_close": (
        "deal - expected close date", "expected close date", "expected close", "forecast close",
    ),
    "stage_since": (
        "deal - last stage change", "stage_change_time", "last stage change", "stage change date",
        "last stage change date", "date entered current stage",
        "hs_v2_date_entered_current_stage", "stage since",
    ),
    "updated": (
        "deal - update time", "update_time", "updated at", "last modified date",
        "lastmodifieddate", "hs_lastmodifieddate", "last modified", "updated",
    ),
    "lost_reason": (
        "closed lost reason", "closed_lost_reason", "deal - lost reason", "lost reason",
        "loss reason", "reason lost",
    ),
    "competitor": ("competitor", "competitors", "lost to", "main competitor"),
}  # fmt: skip

# Headings that mean this field in one format only: a Salesforce report has a column "Closed" of
# yes and no, elsewhere "Closed" is a day.
_ONLY_IN: Mapping[tuple[str, str], Format] = {
    ("is_closed", "closed"): "salesforce",
    ("is_won", "won"): "salesforce",
    ("is_lost", "lost"): "salesforce",
    ("close", "closed"): "file",
}

_PUNCTUATION = re.compile(r"[\W_]+", re.UNICODE)
_STAGE_COLUMN = re.compile(
    "^(date entered|date exited|latest time in|cumulative time in|time in)"
    " [\"'\u201c].+[\"'\u201d]$"
    "|^hs_(v2_)?(date_entered|date_exited|time_in|latest_time_in|cumulative_time_in)_.+$",
    re.IGNORECASE,
)


def normalise(heading: str) -> str:
    """A heading without case, blanks, punctuation: `Deal - Won time` -> `dealwontime`."""
    return _PUNCTUATION.sub("", unicodedata.normalize("NFKC", heading).casefold())


_BY_FIELD: Mapping[str, tuple[str, ...]] = {
    name: tuple(dict.fromkeys(normalise(alias) for alias in aliases))
    for name, aliases in _ALIASES.items()
}
_KNOWN = frozenset(alias for aliases in _BY_FIELD.values() for alias in aliases)


def heading_score(headings: Sequence[str]) -> int:
    """How many cells of a row are headings we know; 0 for fewer than two."""
    known = sum(1 for heading in headings if normalise(heading) in _KNOWN)
    return known if known >= 2 else 0


@dataclass(frozen=True, slots=True)
class ColumnMap:
    """Where each field stands, by position, and what was not used."""

    format: Format
    positions: Mapping[str, int]
    headings: tuple[str, ...]
    unused: tuple[int, ...]
    stage_columns: tuple[int, ...]
    told: frozenset[str] = frozenset()
    notes: tuple[str, ...] = field(default=())

    def heading(self, name: str) -> str:
        return self.headings[self.positions[name]]

    def has(self, name: str) -> bool:
        return name in self.positions


def recognise_format(headings: Sequence[str]) -> Format:
    """The vendor by the headings alone; "file" when it is none that is known."""
    known = {normalise(heading) for heading in headings}
    raw = [heading.strip().casefold() for heading in headings]
    if any(heading.startswith("deal - ") for heading in raw):
        return "pipedrive"
    if {"recordid", "dealname"} <= known or {"hsobjectid", "dealname"} <= known:
        return "hubspot"
    _refuse_histories(known)
    if {"opportunityname", "stage"} <= known:
        return "salesforce"
    if {"id", "stagename", "closedate"} <= known:
        return "salesforce"
    return "file"


def _refuse_histories(known: set[str]) -> None:
    histories: tuple[tuple[set[str], str], ...] = (
        ({"fromstage", "tostage"}, "a Salesforce Opportunity History report"),
        ({"opportunityid", "field", "oldvalue", "newvalue"}, "a Salesforce field history"),
        ({"fieldkey", "oldvalue", "newvalue"}, "a Pipedrive changelog"),
    )
    for headings, what in histories:
        if headings <= known:
            raise ImportRefused(
                f"This is {what}: one row a change, not one row a deal. Import the deals first; "
                "histories cannot be imported yet."
            )
    if {"opportunityid", "stagename", "createddate"} <= known and "closedate" not in known:
        raise ImportRefused(
            "This is a Salesforce opportunity history: one row a change, not one row a deal. "
            "Import the deals first; histories cannot be imported yet."
        )


def map_columns(
    headings: Sequence[str],
    *,
    told: Mapping[str, str] | None = None,
    is_column_filled: Callable[[int], bool] | None = None,
) -> ColumnMap:
    """Give every field its column.

    `told` overrules: field -> heading, or `#3` for the third column, or "" for none.
    `is_column_filled(position)` lets a field prefer the alias that holds something.
    Raises ImportRefused: unknown field or heading, or no column for what cannot be missing.
    """
    found = recognise_format(headings)
    normal = [normalise(heading) for heading in headings]
    positions: dict[str, int] = {}
    taken: dict[int, str] = {}
    notes: list[str] = []
    ignored: set[str] = set()
    for name, heading in (told or {}).items():
        if name not in FIELDS:
            raise ImportRefused(
                f"There is no field '{name}' to map. The fields: {', '.join(FIELDS)}."
            )
        if not heading.strip():
            ignored.add(name)
            continue
        position = _position_of(heading, headings, normal)
        positions[name] = position
        taken[position] = name
    for name, aliases in _BY_FIELD.items():
        if name in positions or name in ignored:
            continue
        candidates = [
            position
            for alias in aliases
            for position, heading in enumerate(normal)
            if heading == alias
            and position not in taken
            and _ONLY_IN.get((name, alias), found) == found
        ]
        if not candidates:
            continue
        filled = [p for p in candidates if is_column_filled is None or is_column_filled(p)]
        chosen = (filled or candidates)[0]
        positions[name] = chosen
        taken[chosen] = name
        repeats = [p for p in candidates if p != chosen and normal[p] == normal[chosen]]
        if repeats:
            columns = ", ".join(str(p + 1) for p in repeats)
            notes.append(
                f"The heading '{headings[chosen]}' repeats: column {chosen + 1} is used, "
                f"column {columns} is not."
            )
    stage_columns = tuple(
        p for p, heading in enumerate(headings) if _STAGE_COLUMN.match(heading.strip())
    )
    stage_columns = tuple(p for p in stage_columns if p not in taken)
    if stage_columns:
        notes.append(
            f"{len(stage_columns)} columns tell when a deal entered or left stages. They are not "
            "read yet, so the path of these deals is unknown."
        )
    _refuse_missing(positions, headings)
    unused = tuple(
        p for p, heading in enumerate(headings) if p not in taken and p not in stage_columns
    )
    return ColumnMap(
        format=found,
        positions=positions,
        headings=tuple(headings),
        unused=unused,
        stage_columns=stage_columns,
        told=frozenset(told or ()),
        notes=tuple(notes),
    )


def _position_of(heading: str, headings: Sequence[str], normal: Sequence[str]) -> int:
    text = heading.strip()
    if re.fullmatch(r"#\d{1,4}", text, re.ASCII):
        position = int(text[1:]) - 1
        if 0 <= position < len(headings):
            return position
        raise ImportRefused(f"There is no column {text}: the file has {len(headings)} columns.")
    if text in headings:
        return list(headings).index(text)
    wanted = normalise(text)
    if wanted and wanted in normal:
        return list(normal).index(wanted)
    shown = ", ".join(f"'{h}'" for h in list(headings)[:40])
    raise ImportRefused(f"There is no column '{text}'. The file has: {shown}.")


def _refuse_missing(positions: Mapping[str, int], headings: Sequence[str]) -> None:
    shown = ", ".join(f"'{heading[:60]}'" for heading in list(headings)[:40])
    if not {"stage", "status", "is_won"} & set(positions):
        raise ImportRefused(
            "No column tells the stage of a deal. Name it with --map 'stage=Heading'. "
            f"The file has: {shown}."
        )
    if not {"id", "name", "customer"} & set(positions):
        raise ImportRefused(
            "No column tells one deal from another. Name one with --map 'id=Heading'. "
            f"The file has: {shown}."
        )
