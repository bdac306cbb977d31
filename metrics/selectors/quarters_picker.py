"""Which deals, on the pages of the quarters: chips and selects that keep the rest of the address.

The question's own links know only its parameters; these pages have a second quarter or a version
beside them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from django.utils.translation import gettext as _

from metrics.selectors.filters import (
    Choice,
    DimensionPicker,
    Question,
    filters_for,
    pipeline_choices,
    segment_text,
)

CHANNELS = ("channel=inbound", "channel=outbound")


@dataclass(frozen=True, slots=True)
class SegmentPicker:
    """The row of filters, ready to print. `kept` are the address's other parameters."""

    segment: str
    pipeline: str  # its name, and
    pipelines: tuple[Choice, ...]  # all to choose from; both empty where there is one
    chips: tuple[Choice, ...]
    pickers: tuple[DimensionPicker, ...]
    kept: tuple[tuple[str, str], ...]
    notices: tuple[str, ...]


def segment_picker(
    *,
    question: Question,
    segments: Sequence[str],
    kept: Sequence[tuple[str, str]] = (),
    pipelines: Mapping[int, str] | None = None,
) -> SegmentPicker:
    """The choices of a segment; every link carries `kept` along.

    `pipelines` are those to choose from, the one shown first first.
    """
    found = filters_for(question=question, quarters=(), statuses={}, segments=segments)
    pairs = tuple((name, value) for name, value in kept if value)
    chips = [replace(chip, href=query_of((*pairs, ("seg", chip.value)))) for chip in found.chips]
    rest = [pair for pair in pairs if pair[0] != "pipeline"]
    of = (("seg", question.segment), ("vs", question.versus))
    offered = pipeline_choices(
        question,
        pipelines or {},
        address=lambda one: query_of((*kept_of(replace(question, pipeline=one)), *rest, *of)),
    )
    if question.versus:
        chips = [replace(chip, current=False) for chip in chips]
    return SegmentPicker(
        segment=segment_text(question.segment),
        pipeline=next((one.text for one in offered if one.current), ""),
        pipelines=offered,
        chips=tuple(chips),
        pickers=found.pickers,
        kept=pairs,
        notices=question.notices,
    )


def side_by_side_chip(
    question: Question, segments: Sequence[str], kept: Sequence[tuple[str, str]] = ()
) -> Choice | None:
    """Inbound beside outbound, or the asked segment beside all deals; None where neither is."""
    if question.versus:
        pair = (question.segment, question.versus)
    elif all(channel in segments for channel in CHANNELS):
        pair = CHANNELS
    else:
        return None
    text = _("{first} and {second}").format(
        first=segment_text(pair[0]), second=segment_text(pair[1])
    )
    href = query_of((*kept, ("seg", pair[0]), ("vs", pair[1])))
    return Choice(text, href, "", bool(question.versus))


def kept_of(question: Question) -> tuple[tuple[str, str], ...]:
    """What every link to a page of the quarters carries along: the pipeline, if not the first."""
    return (("pipeline", str(question.pipeline)),) if question.pipeline is not None else ()


def query_of(pairs: Sequence[tuple[str, str]]) -> str:
    """A query string without what is empty or the default: "?seg=...", or "" for none."""
    kept = [(name, value) for name, value in pairs if value and (name, value) != ("seg", "all")]
    return "?" + urlencode(kept) if kept else ""
