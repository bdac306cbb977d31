"""The address of a figure's deals: every number of a page is a link to them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from django.utils.translation import gettext as _

from metrics.calc.drill import FIGURES, LEVELLED
from metrics.calc.history import LOST_LEVELS
from metrics.selectors.filters import UNITS

_LEVELS = {level.replace(" ", "_"): level for level in LOST_LEVELS}
ACCEPTS = ("figure", "at", "level", "reason", "competitor", "cohort", "page", "unit", "view")


@dataclass(frozen=True, slots=True)
class Drill:
    """Which figure's deals. `at` is a stage's position; `reason` and `competitor` are ids, 0 for
    deals without one; `today` asks for the cohort as it stands now.

    `exits`: it was asked from the view of the exits, which is where its page leads back to.
    """

    figure: str
    at: int | None = None
    level: str | None = None  # one of LOST_LEVELS
    reason: int | None = None
    competitor: int | None = None
    today: bool = False
    exits: bool = False

    def query(
        self,
        *,
        quarter: str,
        segment: str = "all",
        pipeline: int | None = None,
        page: int = 1,
        unit: str = "",
        **changes: object,
    ) -> str:
        """The query string: "?q=2026-Q3&seg=channel%3Dinbound&figure=lost_at&at=3"."""
        asked = replace(self, **changes)  # type: ignore[arg-type]
        pairs = [
            ("q", quarter),
            ("pipeline", "" if pipeline is None else str(pipeline)),
            ("seg", "" if segment == "all" else segment),
            ("figure", asked.figure),
            ("at", "" if asked.at is None else str(asked.at)),
            ("level", (asked.level or "").replace(" ", "_")),
            ("reason", "" if asked.reason is None else str(asked.reason)),
            ("competitor", "" if asked.competitor is None else str(asked.competitor)),
            ("cohort", "today" if asked.today else ""),
            ("unit", "" if unit == "per100" else unit),
            ("view", "exits" if asked.exits else ""),
            ("page", "" if page == 1 else str(page)),
        ]
        return "?" + urlencode([(name, value) for name, value in pairs if value])


@dataclass(frozen=True, slots=True)
class DrillQuestion:
    """A query string that was understood, or `refused`: the sentence that says why not."""

    asked: Drill | None
    page: int = 1
    unit: str = "per100"
    refused: str = ""


def drill_question(query: Mapping[str, Sequence[str]]) -> DrillQuestion:
    """Read the part of a query string that names a figure and its stage, reason and page."""
    name = _last(query, "figure")
    figure = FIGURES.get(name)
    if figure is None:
        return _refused(_("There is no figure of that name, so there are no deals to list."))
    numbers: dict[str, int | None] = {}
    for key in ("at", "reason", "competitor"):
        text = _last(query, key)
        if text and not (text.isascii() and text.isdecimal() and len(text) < 19):
            return _refused(_("The address names no stage, reason or competitor by its number."))
        numbers[key] = int(text) if text else None
    if figure.staged and numbers["at"] is None:
        return _refused(_("This figure belongs to a stage, and the address names none."))
    level = _last(query, "level").replace(" ", "_")
    if level and level not in _LEVELS:
        return _refused(_("There is no such kind of reason for a loss."))
    today = _last(query, "cohort")
    if today not in ("", "close", "today") or (today == "today" and not figure.cohort):
        return _refused(_("Only the deals opened in a quarter can be shown as they are today."))
    narrowed = level or numbers["reason"] is not None or numbers["competitor"] is not None
    if narrowed and figure.name not in LEVELLED:
        return _refused(_("Only lost deals can be listed by their reason or competitor."))
    page, unit = _last(query, "page"), _last(query, "unit")
    return DrillQuestion(
        asked=Drill(
            figure=name,
            at=numbers["at"] if figure.staged else None,
            level=_LEVELS[level] if level else None,
            reason=numbers["reason"],
            competitor=numbers["competitor"],
            today=today == "today",
            exits=_last(query, "view") == "exits",
        ),
        page=int(page) if page.isascii() and page.isdecimal() and len(page) < 8 else 1,
        unit=unit if unit in UNITS else "per100",
    )


def _refused(sentence: str) -> DrillQuestion:
    return DrillQuestion(None, refused=sentence)


def _last(query: Mapping[str, Sequence[str]], name: str) -> str:
    values = query.get(name) or [""]
    return values[-1].strip()
