"""Which deals, on the pages of the quarters: chips and selects that keep the rest of the address.

The question's own links know only its parameters; these pages have a second quarter or a version
beside them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from django.utils.translation import gettext as _

from metrics.selectors.filters import (
    Choice,
    DimensionPicker,
    Question,
    filters_for,
    segment_text,
)

CHANNELS = ("channel=inbound", "channel=outbound")


@dataclass(frozen=True, slots=True)
class SegmentPicker:
    """The row of filters, ready to print. `kept` are the address's other parameters."""

    segment: str
    chips: tuple[Choice, ...]
    pickers: tuple[DimensionPicker, ...]
    kept: tuple[tuple[str, str], ...]
    notices: tuple[str, ...]


def segment_picker(
    *, question: Question, segments: Sequence[str], kept: Sequence[tuple[str, str]] = ()
) -> SegmentPicker:
    """The choices of a segment; every link carries `kept` along."""
    found = filters_for(question=question, quarters=(), statuses={}, segments=segments)
    pairs = tuple((name, value) for name, value in kept if value)
    chips = [replace(chip, href=query_of((*pairs, ("seg", chip.value)))) for chip in found.chips]
    if question.versus:
        chips = [replace(chip, current=False) for chip in chips]
    return SegmentPicker(
        segment=segment_text(question.segment),
        chips=tuple(chips),
        pickers=found.pickers,
        kept=pairs,
        notices=question.notices,
    )


def side_by_side_chip(question: Question, segments: Sequence[str]) -> Choice | None:
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
    href = query_of((("seg", pair[0]), ("vs", pair[1])))
    return Choice(text, href, "", bool(question.versus))


def query_of(pairs: Sequence[tuple[str, str]]) -> str:
    """A query string without what is empty or the default: "?seg=...", or "" for none."""
    kept = [(name, value) for name, value in pairs if value and (name, value) != ("seg", "all")]
    return "?" + urlencode(kept) if kept else ""
