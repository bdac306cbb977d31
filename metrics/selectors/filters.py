"""What a page's address asks: which quarter, pipeline, segment, unit and stage.

Every choice is in the query string, so that a link is the question. What is not understood is
left out and said so in a notice; it never becomes an error page, nor silently something else.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from django.utils.translation import gettext as _

from accounts import formats

DIMENSIONS = ("channel", "source", "product", "rep", "team")
UNITS = ("per100", "deals", "money")
UNKNOWN = "unknown"
_SEGMENT_LENGTH = 450
_NEXT_DIMENSION = re.compile(r"&(?=(?:source|product|rep|team)=)")


@dataclass(frozen=True, slots=True)
class Question:
    """The understood part of a query string."""

    quarter: str | None = None  # None asks for the newest
    segment: str = "all"
    unit: str = "per100"
    at: int | None = None  # position of the selected stage
    versus: str = ""  # a second segment beside the first
    today: bool = False  # the cohort as it stands today, not at its quarter's close
    exits: bool = False  # what left the stages in the quarter, not what was opened in it
    pipeline: int | None = None  # id; None asks for the one shown first
    notices: tuple[str, ...] = ()

    def query(self, **changes: object) -> str:
        """The query string of this question with some answers changed: "?q=..&seg=..", or "?"."""
        asked = replace(self, **changes)  # type: ignore[arg-type]
        pairs: list[tuple[str, str]] = []
        if asked.quarter is not None:
            pairs.append(("q", asked.quarter))
        if asked.pipeline is not None:
            pairs.append(("pipeline", str(asked.pipeline)))
        if asked.segment != "all":
            pairs.append(("seg", asked.segment))
        if asked.unit != "per100":
            pairs.append(("unit", asked.unit))
        if asked.at is not None:
            pairs.append(("at", str(asked.at)))
        if asked.versus:
            pairs.append(("vs", asked.versus))
        if asked.today:
            pairs.append(("cohort", "today"))
        if asked.exits:
            pairs.append(("view", "exits"))
        return "?" + urlencode(pairs)


def question_from(query: Mapping[str, Sequence[str]], *, accepts: Sequence[str] = ()) -> Question:
    """Read a query string given as name -> values.

    `q` is a quarter's label, `seg` a segment's name; each dimension may also stand alone
    (`channel=inbound&product=Course`), as the picker's form sends it. `accepts` names what else
    this page understands: "pipeline", "unit", "at", "vs", "cohort", "view".
    """
    notices: list[str] = []
    known = {"q", "seg", *DIMENSIONS, *accepts}
    dropped = sorted(name for name in query if name not in known)
    if dropped:
        names = ", ".join(name[:40] for name in dropped[:5])
        said = _("Not understood in the address, so left out: {names}.")
        notices.append(said.format(names=names))
    parts = dict(_parts(_one(query, "seg")))
    for dimension in DIMENSIONS:
        if value := _one(query, dimension):
            parts[dimension] = value
    if len(parts) > 2:
        kept = [d for d in DIMENSIONS if d in parts][:2]
        parts = {d: parts[d] for d in kept}
        notices.append(_("Figures exist for at most two filters at once; the first two are shown."))
    unit = _one(query, "unit") if "unit" in accepts else ""
    if unit and unit not in UNITS:
        notices.append(_("There is no unit of that name; per 100 is shown."))
    at = _one(query, "at") if "at" in accepts else ""
    if at and not (at.isascii() and at.isdecimal() and len(at) < 4):
        notices.append(_("There is no stage of that number; the worst one is shown."))
        at = ""
    pipeline = _one(query, "pipeline") if "pipeline" in accepts else ""
    if pipeline and not (pipeline.isascii() and pipeline.isdecimal() and len(pipeline) < 18):
        pipeline = "0"  # nobody's
    segment = segment_name(parts)[:_SEGMENT_LENGTH]
    versus = _versus(_one(query, "vs") if "vs" in accepts else "", segment, notices)
    cohort = _one(query, "cohort") if "cohort" in accepts else ""
    if cohort not in ("", "close", "today"):
        notices.append(_("The deals can be shown as at the quarter's close, or as of today."))
    view = _one(query, "view") if "view" in accepts else ""
    if view not in ("", "cohort", "exits"):
        notices.append(_("There is no view of that name; the cohort is shown."))
    exits = view == "exits"
    if exits and cohort == "today":
        notices.append(_("Only the cohort changes after the close; what left a stage does not."))
    return Question(
        quarter=_one(query, "q")[:20] or None,
        pipeline=int(pipeline) if pipeline else None,
        segment=segment,
        unit=unit if unit in UNITS else "per100",
        at=int(at) if at else None,
        versus=versus,
        today=cohort == "today" and not exits,
        exits=exits,
        notices=tuple(notices),
    )


def _versus(asked: str, segment: str, notices: list[str]) -> str:
    """The second segment by its name, or "" where none, or none that can be had, is asked for."""
    if not asked:
        return ""
    parts = dict(_parts(asked))
    name = segment_name(parts)[:_SEGMENT_LENGTH]
    if len(parts) > 2 or (not parts and asked != "all"):
        notices.append(_("There is no segment of that name to compare with."))
        return ""
    if name == segment:
        notices.append(_("A segment is not compared with itself."))
        return ""
    return name


def _one(query: Mapping[str, Sequence[str]], name: str) -> str:
    """The last value of a parameter, trimmed; NUL and its like cannot be in a name."""
    values = query.get(name) or [""]
    return "".join(c for c in values[-1] if c.isprintable()).strip()


def _parts(segment: str) -> list[tuple[str, str]]:
    """`channel=inbound&product=Course` as pairs; what is no dimension is dropped."""
    pairs = []
    for part in _NEXT_DIMENSION.split(segment):
        dimension, equals, value = part.partition("=")
        if equals and dimension in DIMENSIONS and value:
            pairs.append((dimension, value))
    return pairs


def segment_name(parts: Mapping[str, str]) -> str:
    """The name under which a segment's figures are kept; dimensions in their fixed order."""
    return "&".join(f"{d}={parts[d]}" for d in DIMENSIONS if parts.get(d)) or "all"


def segment_parts(segment: str) -> dict[str, str]:
    """dimension -> value of a segment; empty for all deals."""
    return dict(_parts(segment))


def dimension_text(dimension: str) -> str:
    names = {
        "channel": _("Channel"),
        "source": _("Source"),
        "product": _("Product"),
        "rep": _("Rep"),
        "team": _("Team"),
    }
    return names[dimension]


def value_text(dimension: str, value: str) -> str:
    """A dimension's value for people: inbound is Inbound, no value is "no product"."""
    if value == UNKNOWN:
        return {
            "channel": _("No channel"),
            "source": _("No source"),
            "product": _("No product"),
            "rep": _("No rep"),
            "team": _("No team"),
        }[dimension]
    if dimension == "channel":
        return {"inbound": _("Inbound"), "outbound": _("Outbound")}.get(value, value)
    return value


def segment_text(segment: str) -> str:
    """A segment for people: All deals; Inbound · Course."""
    parts = segment_parts(segment)
    if not parts:
        return _("All deals")
    return " · ".join(value_text(d, v) for d, v in parts.items())


@dataclass(frozen=True, slots=True)
class Choice:
    """One link or option of a picker."""

    text: str
    href: str
    value: str
    current: bool
    hint: str = ""


@dataclass(frozen=True, slots=True)
class DimensionPicker:
    """One select of the filter form."""

    name: str
    text: str
    choices: tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class Filters:
    """The filter row, ready to print."""

    quarter: str
    compared: str  # "vs Q2 FY27", empty without a quarter before
    segment: str
    segment_is_all: bool
    quarters: tuple[Choice, ...]  # newest first
    pipeline: str  # its name, and
    pipelines: tuple[Choice, ...]  # all to choose from; both empty where the company has one
    chips: tuple[Choice, ...]
    pickers: tuple[DimensionPicker, ...]
    notices: tuple[str, ...]
    hidden: tuple[tuple[str, str], ...]  # what the filter form carries along


def pipeline_choices(
    question: Question,
    named: Mapping[int, str],
    *,
    address: Callable[[int | None], str] | None = None,
) -> tuple[Choice, ...]:
    """Each pipeline in the same quarter and segment; none to choose where there is but one.

    The stages are others: none stays selected. `address` writes the query of a page that asks for
    more than the question does: of a pipeline's id, or None for the one shown first.
    """
    if len(named) < 2:
        return ()
    first = next(iter(named))
    write = address or (lambda pipeline: question.query(pipeline=pipeline, at=None))
    return tuple(
        Choice(
            name,
            write(None if pk == first else pk),
            str(pk),
            pk == (question.pipeline or first),
        )
        for pk, name in named.items()
    )


def filters_for(
    *,
    question: Question,
    quarters: Sequence[str],
    statuses: Mapping[str, str],
    segments: Sequence[str],
    pipelines: Mapping[int, str] | None = None,
) -> Filters:
    """The filter row for a question. `quarters` are labels, oldest first; `segments` those that
    have figures in the asked quarter; `statuses` gives a word to say beside a quarter's name;
    `pipelines` are all of the company by id, the one shown first first."""
    label = question.quarter or (quarters[-1] if quarters else "")
    at = quarters.index(label) if label in quarters else 0
    before = quarters[at - 1] if at > 0 else ""
    asked = segment_parts(question.segment)
    values: dict[str, list[str]] = {d: [] for d in DIMENSIONS}
    for segment in segments:
        parts = segment_parts(segment)
        if len(parts) == 1:
            [(dimension, value)] = parts.items()
            values[dimension].append(value)
    chips = [_chip(question, "all")]
    chips += [
        _chip(question, f"channel={v}")
        for v in ("inbound", "outbound")
        if v in values["channel"] or question.segment == f"channel={v}"
    ]
    if question.segment not in {c.value for c in chips}:
        chips.append(_chip(question, question.segment))
    pickers = []
    for dimension in DIMENSIONS:
        options = sorted(values[dimension], key=lambda v: (v == UNKNOWN, v.casefold()))
        if not options:
            continue
        choices = [Choice(_("Any"), "", "", dimension not in asked)]
        choices += [
            Choice(value_text(dimension, v), "", v, asked.get(dimension) == v) for v in options
        ]
        pickers.append(DimensionPicker(dimension, dimension_text(dimension), tuple(choices)))
    hidden = [(k, v) for k, v in (("q", question.quarter or ""),) if v]
    if question.pipeline is not None:
        hidden.append(("pipeline", str(question.pipeline)))
    if question.unit != "per100":
        hidden.append(("unit", question.unit))
    if question.today:
        hidden.append(("cohort", "today"))
    if question.exits:
        hidden.append(("view", "exits"))
    listed = tuple(
        Choice(formats.quarter(q), question.query(quarter=q), q, q == label, statuses.get(q, ""))
        for q in reversed(quarters)
    )
    offered = pipeline_choices(question, pipelines or {})
    return Filters(
        quarter=formats.quarter(label) if label in quarters else label,
        compared=_("vs {quarter}").format(quarter=formats.quarter(before)) if before else "",
        segment=segment_text(question.segment),
        segment_is_all=question.segment == "all",
        quarters=listed,
        pipeline=next((one.text for one in offered if one.current), ""),
        pipelines=offered,
        chips=tuple(chips),
        pickers=tuple(pickers),
        notices=question.notices,
        hidden=tuple(hidden),
    )


def _chip(question: Question, segment: str) -> Choice:
    return Choice(
        text=segment_text(segment),
        href=question.query(segment=segment, versus=""),
        value=segment,
        current=question.segment == segment,
    )
