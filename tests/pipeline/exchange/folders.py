"""Exchange folders for the tests: one with every awkward thing in it, and ways to spoil it."""

import csv
import json
from pathlib import Path

COMPANY = {
    "name": "Awkward Coaching",
    "timezone": "Europe/Paris",
    "fiscal_year_start_month": 4,
    "currency": "EUR",
    "settle_days": 7,
    "as_of": "2026-10-20T09:00:00Z",
}
STAGES = """\
stage,position,kind,pipeline,exit_criterion
Call booked,1,open,Sales,The call took place
Held,2,open,Sales,
Customer,,won,Sales,
Lost,,lost,Sales,
Asked,1,open,Renewals,
Renewed,,won,Renewals,
Ended,,lost,Renewals,
"""
DEALS = """\
id,name,account,channel,source,product,rep,team,amount,currency,lost_reason,competitor,path,pipeline
7,"Quoted, name",Acme,inbound,booking page,Course,Ada,North,1200.50,EUR,,,,
8, Padded ,Acme,outbound,ABM list,,Ben,,,USD,Competitor,Globex,,Sales
9,Two lines,"Beta
and Co",,,,,,0,,no  decision,,unknown,
11,Renewal,Acme,inbound,booking page,Course,Ada,North,99,EUR,price,,known,Renewals
"""
# Row 30 corrects 21 and 34 corrects 30; 31 and 32 both replace 22; 33 withdraws 24. Rows are
# not in the order of their ids, and two of one instant are told apart by them.
TRANSITIONS = """\
id,deal_id,from_stage,to_stage,occurred_at,recorded_at,replaces
20,7,,Call booked,2026-04-01T21:59:59Z,2026-04-01T22:00:00Z,
21,7,Call booked,Held,2026-04-05T22:30:00Z,2026-04-05T22:31:00Z,
30,7,Call booked,Held,2026-04-06T08:00:00+02:00,2026-04-07T08:00:00Z,21
34,7,Call booked,Held,2026-04-04T22:30:00.250000Z,2026-04-09T08:00:00Z,30
24,7,Held,Customer,2026-05-01T10:00:00Z,2026-05-01T10:00:00Z,
33,7,Held,,2026-05-01T10:00:00Z,2026-05-02T10:00:00Z,24
25,8,,Call booked,2026-04-02T10:00:00Z,2026-04-02T10:00:00Z,
22,8,Call booked, Held ,2026-04-03T10:00:00Z,2026-04-03T10:00:00Z,
32,8,Call booked,Lost,2026-04-03T10:00:00Z,2026-04-08T10:00:00Z,22
31,8,Call booked,Customer,2026-04-03T10:00:00Z,2026-04-07T10:00:00Z,22
27,9,,Lost,2026-04-03T10:00:00Z,2026-04-03T10:00:00Z,
26,9,,Call booked,2026-04-03T10:00:00Z,2026-04-03T10:00:00Z,
28,11,,Asked,2026-12-31T23:30:00Z,2026-12-31T23:30:00Z,
"""


def make(
    folder: Path,
    *,
    company: dict[str, object] | None = None,
    stages: str = STAGES,
    deals: str = DEALS,
    transitions: str = TRANSITIONS,
) -> Path:
    """Write a folder; what is not given is the awkward company's."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "company.json").write_text(json.dumps(COMPANY if company is None else company))
    (folder / "stages.csv").write_text(stages)
    (folder / "deals.csv").write_text(deals)
    (folder / "transitions.csv").write_text(transitions)
    return folder


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def replaced(text: str, old: str, new: str) -> str:
    """`text` with `old`, which must be in it, replaced once."""
    assert old in text, f"{old!r} is not in the file"
    return text.replace(old, new, 1)


# What to spoil, and what the one fault then says: file, line, column, part of the reason.
SPOILED: dict[str, tuple[str, str, str, tuple[str, int | None, str | None, str]]] = {
    "deal id": ("deals", "\n8, Padded", "\nx, Padded", ("deals.csv", 3, "id", "whole number")),
    "deal twice": ("deals", "\n8, Padded", "\n7, Padded", ("deals.csv", 3, "id", "earlier deal")),
    "no name": ("deals", " Padded ", "  ", ("deals.csv", 3, "name", "empty")),
    "long name": ("deals", " Padded ", "x" * 251, ("deals.csv", 3, "name", "250")),
    "long customer": ("deals", "and Co", "y" * 251, ("deals.csv", 4, "account", "250")),
    "long rep": ("deals", ",Ben,", "," + "B" * 201 + ",", ("deals.csv", 3, "rep", "200")),
    "amount": ("deals", "1200.50", '"1.200,50"', ("deals.csv", 2, "amount", "1.200,50")),
    "exponent": ("deals", "1200.50", "1e400", ("deals.csv", 2, "amount", "1e400")),
    "negative": ("deals", "1200.50", "-1", ("deals.csv", 2, "amount", "-1")),
    "three decimals": ("deals", "1200.50", "0.001", ("deals.csv", 2, "amount", "0.001")),
    "large": ("deals", "1200.50", "1" * 15, ("deals.csv", 2, "amount", "1111")),
    "not a number": ("deals", "1200.50", "NaN", ("deals.csv", 2, "amount", "NaN")),
    "wide digits": ("deals", "1200.50", "１２", ("deals.csv", 2, "amount", "not an amount")),
    "currency": ("deals", "USD", "usd", ("deals.csv", 3, "currency", "usd")),
    "channel": ("deals", ",outbound,", ",sideways,", ("deals.csv", 3, "channel", "sideways")),
    "no source": (
        "deals",
        "inbound,booking page",
        "inbound,",
        ("deals.csv", 2, "channel", "source"),
    ),
    "no rep": ("deals", "Ada,North", ",North", ("deals.csv", 2, "team", "no rep")),
    "team": ("deals", "Ada,North", "Ada,South", ("deals.csv", 6, "team", "North here")),
    "source": ("deals", "ABM list", "booking page", ("deals.csv", 3, "channel", "on line 2")),
    "path": ("deals", "unknown", "maybe", ("deals.csv", 4, "path", "maybe")),
    "pipeline": ("deals", ",Renewals", ",Rentals", ("deals.csv", 6, "pipeline", "Rentals")),
    "short row": ("deals", ",USD,", ",", ("deals.csv", 3, None, "13 cells")),
    "long row": ("deals", ",USD,", ",USD,,", ("deals.csv", 3, None, "15 cells")),
    "blank line": ("deals", "\n9,", "\n\n9,", ("deals.csv", 4, None, "blank")),
    "NUL": ("deals", "Padded", "Pad\x00ded", ("deals.csv", 3, None, "NUL")),
    "end of data": ("deals", "\n8, Padded", "\n\\.\n8, Padded", ("deals.csv", 3, None, "1 cells")),
    "open quote": ("deals", '"Quoted, name"', '"Quoted, name', ("deals.csv", 2, None, "CSV")),
    "move id": ("transitions", "\n20,", "\n0,", ("transitions.csv", 2, "id", "whole number")),
    "move twice": ("transitions", "\n25,", "\n20,", ("transitions.csv", 8, "id", "earlier row")),
    "no deal": (
        "transitions",
        "\n28,11",
        "\n28,12",
        ("transitions.csv", 14, "deal_id", "no deal 12"),
    ),
    "deal cell": (
        "transitions",
        "\n28,11",
        "\n28,",
        ("transitions.csv", 14, "deal_id", "empty cell"),
    ),
    "stage": (
        "transitions",
        ",Asked,",
        ",Held,",
        ("transitions.csv", 14, "to_stage", "Held is no"),
    ),
    "from stage": (
        "transitions",
        "Held,Customer",
        "Hold,Customer",
        ("transitions.csv", 6, "from_stage", "Hold"),
    ),
    "nowhere": ("transitions", ",Asked,", ",,", ("transitions.csv", 14, "to_stage", "is empty")),
    "no zone": (
        "transitions",
        "2026-12-31T23:30:00Z,2",
        "2026-12-31T23:30:00,2",
        ("transitions.csv", 14, "occurred_at", "time zone"),
    ),
    "31 February": (
        "transitions",
        "2026-05-01T10:00:00Z,2026-05-01",
        "2026-02-31T10:00:00Z,2026-05-01",
        ("transitions.csv", 6, "occurred_at", "2026-02-31"),
    ),
    "hour 25": (
        "transitions",
        "2026-05-01T10:00:00Z,2026-05-01",
        "2026-05-01T25:00:00Z,2026-05-01",
        ("transitions.csv", 6, "occurred_at", "25:00"),
    ),
    "word": (
        "transitions",
        "2026-05-01T10:00:00Z,2026-05-01",
        "yesterday,2026-05-01",
        ("transitions.csv", 6, "occurred_at", "yesterday"),
    ),
    "long ago": (
        "transitions",
        "2026-05-01T10:00:00Z,2026-05-01",
        "0206-05-01T10:00:00Z,2026-05-01",
        ("transitions.csv", 6, "occurred_at", "1970"),
    ),
    "no recorded": (
        "transitions",
        "10:00:00Z,2026-05-02T10:00:00Z",
        "10:00:00Z,",
        ("transitions.csv", 7, "recorded_at", "empty cell"),
    ),
    "replaces none": (
        "transitions",
        ",24\n",
        ",99\n",
        ("transitions.csv", 7, "replaces", "no row 99"),
    ),
    "replaces later": (
        "transitions",
        ",24\n",
        ",34\n",
        ("transitions.csv", 7, "replaces", "before row 33"),
    ),
    "replaces itself": (
        "transitions",
        ",24\n",
        ",33\n",
        ("transitions.csv", 7, "replaces", "before row 33"),
    ),
    "replaces another's": (
        "transitions",
        ",24\n",
        ",25\n",
        ("transitions.csv", 7, "replaces", "another deal"),
    ),
    "replaces a word": (
        "transitions",
        ",24\n",
        ",it\n",
        ("transitions.csv", 7, "replaces", "whole number"),
    ),
}
