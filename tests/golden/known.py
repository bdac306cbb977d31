"""What was known of the golden company at an instant: read from its files, row by row.

Gives the plain deals that tests/calc/reference.py counts. Neither shares code with the product:
what a version should say is found without its paths, its arithmetic or its database.
"""

from collections import defaultdict
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from tests.calc import reference
from tests.calc.companies import LOST, WON, Company, Deal, Row
from tests.golden.replay import instant, rows

_ATTRIBUTES = ("channel", "source", "product", "rep", "team")


def known_at(folder: Path, cut: datetime, timezone: str, currency: str) -> Company:
    """The company as its transitions recorded up to `cut` tell it, corrections among them."""
    stages = {
        row["stage"]: int(row["position"]) if row["kind"] == "open" else row["kind"]
        for row in rows(folder, "stages.csv")
    }
    assert {WON, LOST} < set(stages.values())
    of_deal: dict[str, list[Row]] = defaultdict(list)
    for row in rows(folder, "transitions.csv"):
        if instant(row["recorded_at"]) <= cut:
            of_deal[row["deal_id"]].append(
                Row(
                    id=int(row["id"]),
                    at=instant(row["occurred_at"]),
                    to=stages[row["to_stage"]] if row["to_stage"] else None,
                    replaces=int(row["replaces"]) if row["replaces"] else None,
                )
            )
    deals = []
    for row in rows(folder, "deals.csv"):
        if row["id"] in of_deal:
            deals.append(
                Deal(
                    id=int(row["id"]),
                    rows=tuple(of_deal[row["id"]]),
                    amount=float(row["amount"]) if row["amount"] else None,
                    # There is no exchange rate: whatever is not the company's has none.
                    currency=0 if row["currency"] == currency else 1,
                    lost_level=_level(row["lost_reason"]),
                    attributes={name: row[name] for name in _ATTRIBUTES},
                )
            )
    open_stages = sum(isinstance(place, int) for place in stages.values())
    return Company(stages=open_stages, tz=ZoneInfo(timezone), deals=tuple(deals))


def _level(reason: str) -> int:
    named = {"": "unknown", "competitor": "competitor", "no decision": "no decision"}
    return reference.LEVELS.index(named.get(reason, "other"))
