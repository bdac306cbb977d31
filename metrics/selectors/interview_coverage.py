"""Are the deals that buyers were asked about like the lost ones, and if not: where."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import formats
from accounts.formats import Style
from metrics.calc.likeness import FEWEST, Group, GroupShare, Likeness, likeness
from metrics.calc.sampling import LARGE, MIDDLE, NO_AMOUNT, SMALL, size_bands
from metrics.selectors.filters import UNKNOWN, value_text
from metrics.selectors.lost_deals import LostDeal
from pipeline.exports import Value

_LAST = 1_000  # behind every group that has a place of its own


@dataclass(frozen=True, slots=True)
class CoverageLine:
    """One group: a stage, a channel, a size, a rep. `mark` says where it stands out."""

    name: str
    lost: str
    of_lost: str
    interviewed: str
    of_interviewed: str
    mark: str


@dataclass(frozen=True, slots=True)
class Aspect:
    """One respect in which the two mixes are compared: the answer, then the groups.

    `tone` is "watch" where the interviews clearly leave something out; `gaps` are sentences.
    """

    key: str
    title: str
    answer: str
    tone: str
    gaps: tuple[str, ...]
    lines: tuple[CoverageLine, ...]


@dataclass(frozen=True, slots=True)
class InterviewCoverage:
    """The four respects, and how many of the lost deals were asked about."""

    line: str
    few: str  # why nothing is compared; empty where it is
    aspects: tuple[Aspect, ...]


def interview_coverage(
    *, deals: Mapping[int, LostDeal], interviewed: Collection[int], style: Style
) -> InterviewCoverage:
    """Compare the lost deals with those of them that have a finished interview. No query."""
    asked = len(set(interviewed) & set(deals))
    found = _compared(deals, interviewed, style)
    few = ""
    if asked < FEWEST:
        few = ngettext(
            "There is {n} interview. Under 10 only counts are shown: shares of so few say nothing.",
            "There are {n} interviews. Under 10 only counts are shown: shares of so few say"
            " nothing.",
            asked,
        ).format(n=formats.number(asked, style))
    return InterviewCoverage(
        line=_("{k} of {n} lost deals have an interview.").format(
            k=formats.number(asked, style), n=formats.number(len(deals), style)
        ),
        few=few,
        aspects=tuple(_aspect(key, one, style) for key, one in found),
    )


def _compared(
    deals: Mapping[int, LostDeal], interviewed: Collection[int], style: Style
) -> Iterator[tuple[str, Likeness]]:
    told, asked = list(deals.values()), set(interviewed)
    ways: Mapping[str, tuple[Callable[[int], str], Mapping[str, int]]] = {
        "channel": (
            lambda n: value_text("channel", told[n].channel),
            {value_text("channel", UNKNOWN): _LAST},
        ),
        "size": _sizes(told, style),
        "stage": (
            lambda n: told[n].stage or _("Path unknown"),
            {one.stage: one.position for one in told if one.stage},
        ),
        "rep": (
            lambda n: value_text("rep", told[n].rep),
            {value_text("rep", UNKNOWN): _LAST},
        ),
    }
    for key, (name_of, order) in ways.items():
        names = [name_of(n) for n in range(len(told))]
        lost = Counter(names)
        held = Counter(name for name, one in zip(names, told, strict=True) if one.deal_id in asked)
        rising = sorted(lost, key=lambda name: (order.get(name, _LAST - 1), name.casefold(), name))
        yield key, likeness([Group(name, lost[name], held[name]) for name in rising])


def _sizes(
    told: Sequence[LostDeal], style: Style
) -> tuple[Callable[[int], str], Mapping[str, int]]:
    """Thirds of the lost deals by amount, each named with where it ends."""
    bands = size_bands([one.amount for one in told])
    ends: dict[int, float] = {}
    for band, one in zip(bands, told, strict=True):
        if one.amount is not None:
            ends[band] = max(ends.get(band, one.amount), one.amount)

    def upto(band: int) -> str:
        return formats.money(ends.get(band), style) or ""

    names = {
        SMALL: _("Smaller, up to {amount}").format(amount=upto(SMALL)),
        MIDDLE: _("Middle, up to {amount}").format(amount=upto(MIDDLE)),
        LARGE: _("Larger, up to {amount}").format(amount=upto(LARGE)),
        NO_AMOUNT: _("No amount"),
    }
    return lambda n: names[bands[n]], {name: n for n, name in enumerate(names.values())}


def _title(key: str) -> str:
    return {
        "channel": _("By channel"),
        "size": _("By size"),
        "stage": _("By the stage where it was lost"),
        "rep": _("By rep"),
    }[key]


def _aspect(key: str, found: Likeness, style: Style) -> Aspect:
    gaps = tuple(_gap(key, one, found, style) for one in found.shares if one.lean == "none")
    return Aspect(
        key=key,
        title=_title(key),
        answer=_answer(found, style),
        tone="watch" if gaps or found.verdict == "different" else "",
        gaps=gaps,
        lines=tuple(_line(one, found, style) for one in found.shares),
    )


def _answer(found: Likeness, style: Style) -> str:
    """Whether the mixes differ, with what that was judged by; empty under ten interviews."""
    plain = {
        "nothing": _("No deal was lost."),
        "one_group": _("All lost deals are in one group, so there is nothing to compare."),
        "all": _("Every lost deal has an interview."),
        "sparse": _("Too many groups with too few deals each for a test; read the shares."),
    }
    if found.verdict not in ("alike", "different"):
        return plain.get(found.verdict, "")
    test = _("exact test") if found.method == "exact" else _("chi-square test")
    told = (
        _(
            "No clear difference to the lost deals ({test}, {p}). {share} of the interviews would"
            " have to be about other deals to match, as far off as chance alone can be."
        )
        if found.verdict == "alike"
        else _(
            "Clearly not like the lost deals ({test}, {p}). {share} of the interviews would have"
            " to be about other deals to match."
        )
    )
    return told.format(
        test=test,
        p=formats.p_value(found.p, style),
        share=formats.percent(found.variation, style),
    )


def _gap(key: str, one: GroupShare, found: Likeness, style: Style) -> str:
    """A group that nobody was asked about, though an even hand would have."""
    share = formats.rate(one.group.lost, found.lost, style)
    return {
        "stage": _("No interview about a deal lost at {group}, though {share} are lost there."),
        "channel": _("No interview in the channel {group}, though {share} of the losses are."),
        "size": _("No interview about deals of this size ({group}), though {share} are."),
        "rep": _("No interview about a deal of {group}, though {share} of the losses are theirs."),
    }[key].format(group=one.group.name, share=share)


def _line(one: GroupShare, found: Likeness, style: Style) -> CoverageLine:
    group = one.group
    enough = found.interviewed >= FEWEST
    return CoverageLine(
        name=group.name,
        lost=formats.number(group.lost, style) or "",
        of_lost=formats.percent(one.of_lost, style) or "" if found.lost >= FEWEST else "",
        interviewed=formats.number(group.interviewed, style) or "",
        of_interviewed=formats.percent(one.of_interviewed, style) or "" if enough else "",
        mark=lean_text(one.lean),
    )


def lean_text(lean: str) -> str:
    """How a group stands out, in words; empty where it does not."""
    return {
        "none": _("nobody asked"),
        "fewer": _("clearly fewer than by lot"),
        "more": _("clearly more than by lot"),
    }.get(lean, "")


def coverage_headings() -> tuple[str, ...]:
    """The headings of the file, in the order of `coverage_file_rows`."""
    return (
        _("Compared"),
        _("Group"),
        _("Lost deals"),
        _("Deals with an interview"),
        _("Share of the lost deals"),
        _("Share of the interviews"),
        _("Stands out"),
        _("Answer"),
        _("p-value"),
        _("Test"),
        _("Share of interviews to move"),
    )


def coverage_file_rows(
    *, deals: Mapping[int, LostDeal], interviewed: Collection[int], style: Style
) -> Iterator[tuple[Value, ...]]:
    """One row a group; shares of interviews stand there from ten on, as on the page."""
    for key, found in _compared(deals, interviewed, style):
        enough = found.interviewed >= FEWEST
        for one in found.shares:
            yield (
                key,
                one.group.name,
                one.group.lost,
                one.group.interviewed,
                _rounded(one.of_lost) if found.lost >= FEWEST else None,
                _rounded(one.of_interviewed) if enough else None,
                lean_text(one.lean) or None,
                found.verdict,
                _rounded(found.p),
                found.method,
                _rounded(found.variation),
            )


def _rounded(value: float | None) -> Decimal | None:
    return None if value is None else Decimal(f"{value:.6g}")
