"""Two voices on the same loss: the rep's reason on the deal, the buyer's own in the interview.

Both are read where they stand; nothing here writes either. Where a deal has several finished
interviews the newest in which the buyer named a reason counts, else the newest.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import formats
from accounts.formats import Style
from metrics.calc.two_voices import FEWEST, LEVELS, Agreement, Mark, Said, agreement, compare
from metrics.models import Review, ReviewKind
from metrics.selectors.filters import UNKNOWN, value_text
from metrics.selectors.lost_deals import LostDeal
from metrics.selectors.review_words import reason_text
from pipeline.exports import Value
from pipeline.selectors.settings_catalogues import level_text


@dataclass(frozen=True, slots=True)
class VoiceRow:
    """One lost deal with both reasons, ready to print."""

    review_id: int
    deal_id: int
    deal: str
    customer: str
    rep: str
    closed: str
    lost_at: str
    rep_says: str
    buyer_says: str
    words: str
    asked: str  # "3 March 2026, Eva Lund"
    mark: str
    mark_text: str
    mark_icon: str
    mark_tone: str


@dataclass(frozen=True, slots=True)
class DealVoices:
    """Both reasons of one lost deal, for its own page."""

    review_id: int
    rep_says: str
    buyer_says: str
    words: str
    asked: str
    mark_text: str
    mark_icon: str
    mark_tone: str


@dataclass(frozen=True, slots=True)
class AgreementRow:
    """How often the buyer gives the same kind of reason. `rate` and `interval` are empty under
    ten compared deals; `apart` says what could not be compared."""

    name: str
    counts: str
    rate: str
    interval: str
    apart: str


@dataclass(frozen=True, slots=True)
class CrossCell:
    """Deals with these two reasons. `same`: the two agree. `said` tells it without the table."""

    count: int
    same: bool
    said: str


@dataclass(frozen=True, slots=True)
class CrossRow:
    """What buyers said where the reps said `name`."""

    name: str
    cells: tuple[CrossCell, ...]
    total: int
    agreement: AgreementRow


@dataclass(frozen=True, slots=True)
class Voices:
    """The deals with both voices and how far these agree. `elsewhere` counts finished interviews
    about deals that the question leaves out."""

    rows: tuple[VoiceRow, ...]
    overall: AgreementRow
    sentence: str
    columns: tuple[str, ...]
    cross: tuple[CrossRow, ...]
    reps: tuple[AgreementRow, ...]
    interviewed: frozenset[int]
    elsewhere: int


@dataclass(frozen=True, slots=True)
class _Pair:
    """A deal's interview that counts, the loss as the snapshot saw it, and their comparison."""

    review: Any
    lost: LostDeal
    rep: Said
    buyer: Said
    mark: Mark


def voices(*, deals: Mapping[int, LostDeal], style: Style) -> Voices:
    """Both reasons of those of the lost deals that have a finished interview. One query."""
    pairs, elsewhere = _pairs(deals)
    overall = _agreement(_("All"), agreement(pair.mark for pair in pairs), style)
    columns = _columns(pairs)
    return Voices(
        rows=tuple(_row(pair, style) for pair in pairs),
        overall=overall,
        sentence=_sentence(agreement(pair.mark for pair in pairs), style),
        columns=tuple(_level(level) for level in columns),
        cross=_cross(pairs, columns, style),
        reps=_by(pairs, lambda pair: value_text("rep", pair.lost.rep), style),
        interviewed=frozenset(pair.lost.deal_id for pair in pairs),
        elsewhere=elsewhere,
    )


def _pairs(deals: Mapping[int, LostDeal]) -> tuple[list[_Pair], int]:
    """The interviews that count, the newest loss first, and how many are about other deals."""
    # Interviews are held by hand: there are never so many that reading them all would cost.
    rows = list(_finished())
    counting = _counting(row for row in rows if row.deal_id in deals)
    pairs = [
        _Pair(row, deals[deal_id], *_said(row), compare(*_said(row)))
        for deal_id, row in counting.items()
    ]
    pairs.sort(key=lambda pair: (pair.lost.closed_on, pair.lost.deal_id), reverse=True)
    return pairs, sum(row.deal_id not in deals for row in rows)


def voices_of_deal(*, deal_id: int, style: Style) -> DealVoices | None:
    """Both reasons of one deal; None unless it is lost and an interview about it is finished."""
    rows = _finished().filter(deal_id=deal_id, deal__outcome="lost")
    review = _counting(rows).get(deal_id)
    if review is None:
        return None
    rep, buyer = _said(review)
    rep_says, buyer_says = _reasons(review, rep, buyer)
    word, icon, tone = mark_word(compare(rep, buyer))
    return DealVoices(
        review.pk, rep_says, buyer_says, review.buyer_words, _asked(review, style), word, icon, tone
    )


def _finished() -> Any:
    """The finished interviews about losses with what both say, oldest first."""
    return (
        Review.objects.filter(kind=ReviewKind.LOST, state=Review.State.DONE)
        .select_related(
            "deal__customer",
            "deal__rep",
            "deal__lost_reason",
            "deal__competitor",
            "buyer_reason",
            "buyer_competitor",
            "contact",
        )
        .order_by("held_on", "id")
    )


def _counting(rows: Iterable[Any]) -> dict[int, Any]:
    """Of each deal the interview that counts."""
    counting: dict[int, Any] = {}
    for row in rows:
        if row.buyer_level or not getattr(counting.get(row.deal_id), "buyer_level", ""):
            counting[row.deal_id] = row
    return counting


def _said(review: Any) -> tuple[Said, Said]:
    """(the rep's reason, the buyer's)."""
    deal = review.deal
    rep = Said(
        deal.lost_reason.level if deal.lost_reason else "",
        deal.lost_reason_id,
        deal.competitor_id,
    )
    return rep, Said(review.buyer_level, review.buyer_reason_id, review.buyer_competitor_id)


def mark_word(mark: Mark) -> tuple[str, str, str]:
    """(word, icon, tone) of how two reasons compare."""
    words: Mapping[Mark, tuple[str, str, str]] = {
        "same": (_("Same kind"), "check", "better"),
        "kind": (_("Same kind, not the same detail"), "check", "better"),
        "differ": (_("They differ"), "arrow-right-left", "watch"),
        "one_voice": (_("Only one says why"), "circle-help", ""),
    }
    return words[mark]


def _says(said: Said, reason: Any, competitor: Any, nothing: str) -> str:
    if not said.level:
        return nothing
    return reason_text(
        said.level, reason.detail if reason else "", competitor.name if competitor else ""
    )


def _reasons(review: Any, rep: Said, buyer: Said) -> tuple[str, str]:
    """What the rep says and what the buyer says, in words."""
    deal = review.deal
    return (
        _says(rep, deal.lost_reason, deal.competitor, _("No reason recorded")),
        _says(buyer, review.buyer_reason, review.buyer_competitor, _("Did not say")),
    )


def _asked(review: Any, style: Style) -> str:
    day = formats.day(review.held_on, style)
    return f"{day}, {review.contact.name}" if review.contact else day


def _row(pair: _Pair, style: Style) -> VoiceRow:
    review, deal = pair.review, pair.review.deal
    word, icon, tone = mark_word(pair.mark)
    rep_says, buyer_says = _reasons(review, pair.rep, pair.buyer)
    return VoiceRow(
        review_id=review.pk,
        deal_id=deal.pk,
        deal=deal.name,
        customer=deal.customer.name if deal.customer else "",
        rep=value_text("rep", pair.lost.rep),
        closed=formats.day(pair.lost.closed_on, style),
        lost_at=pair.lost.stage,
        rep_says=rep_says,
        buyer_says=buyer_says,
        words=review.buyer_words,
        asked=_asked(review, style),
        mark=pair.mark,
        mark_text=word,
        mark_icon=icon,
        mark_tone=tone,
    )


def _agreement(name: str, found: Agreement, style: Style) -> AgreementRow:
    enough = found.compared >= FEWEST
    return AgreementRow(
        name=name,
        counts=formats.k_of_n(found.agreed, found.compared, style) if found.compared else "",
        rate=formats.rate(found.agreed, found.compared, style) if enough else "",
        interval=formats.interval(found.interval, style) or "",
        apart=_apart(found.apart, style),
    )


def _apart(n: int, style: Style) -> str:
    if not n:
        return ""
    return ngettext("{n} not compared", "{n} not compared", n).format(n=formats.number(n, style))


def _sentence(found: Agreement, style: Style) -> str:
    if not found.compared:
        return _("No deal yet on which both the rep and the buyer say why it was lost.")
    said = ngettext(
        "In {k} of {n} deal the buyer gives the same kind of reason as the rep.",
        "In {k} of {n} deals the buyer gives the same kind of reason as the rep.",
        found.compared,
    ).format(k=formats.number(found.agreed, style), n=formats.number(found.compared, style))
    if found.compared < FEWEST:
        return said + " " + _("Too few for a rate.")
    rate = formats.rate(found.agreed, found.compared, style)
    return f"{said} {rate} ({formats.interval(found.interval, style)})."


def _level(level: str) -> str:
    return level_text(level) if level else _("Not said")


def _columns(pairs: Sequence[_Pair]) -> tuple[str, ...]:
    """The levels that either voice named, in their fixed order; silence last."""
    named = {said.level for pair in pairs for said in (pair.rep, pair.buyer)}
    return tuple(level for level in (*LEVELS, "") if level in named)


def _cross(pairs: Sequence[_Pair], columns: Sequence[str], style: Style) -> tuple[CrossRow, ...]:
    rows = []
    for level in columns:
        own = [pair for pair in pairs if pair.rep.level == level]
        if not own:
            continue
        name = _level(level)
        cells = []
        for other in columns:
            n = sum(pair.buyer.level == other for pair in own)
            said = _("Rep: {rep}. Buyer: {buyer}.").format(rep=name, buyer=_level(other))
            cells.append(CrossCell(n, level == other and level not in ("", UNKNOWN), said))
        found = _agreement(name, agreement(pair.mark for pair in own), style)
        rows.append(CrossRow(name, tuple(cells), len(own), found))
    return tuple(rows)


def _by(
    pairs: Sequence[_Pair], name_of: Callable[[_Pair], str], style: Style
) -> tuple[AgreementRow, ...]:
    groups: dict[str, list[Mark]] = {}
    for pair in pairs:
        groups.setdefault(name_of(pair), []).append(pair.mark)
    return tuple(
        _agreement(name, agreement(groups[name]), style)
        for name in sorted(groups, key=lambda name: (name.casefold(), name))
    )


def voices_headings() -> tuple[str, ...]:
    """The headings of the file, in the order of `voices_file_rows`."""
    return (
        _("Deal number"),
        _("Deal"),
        _("Customer"),
        _("Rep"),
        _("Quarter"),
        _("Lost on"),
        _("Lost at"),
        _("The rep's kind of reason"),
        _("The rep's reason"),
        _("Competitor named by the rep"),
        _("The buyer's kind of reason"),
        _("The buyer's reason"),
        _("Competitor named by the buyer"),
        _("The buyer's words"),
        _("Compared"),
        _("Review number"),
        _("Asked on"),
        _("Asked whom"),
    )


def voices_file_rows(*, deals: Mapping[int, LostDeal]) -> Iterator[tuple[Value, ...]]:
    """One row for each deal with a finished interview, in the order of the page."""
    for pair in _pairs(deals)[0]:
        review, deal = pair.review, pair.review.deal
        yield (
            deal.pk,
            deal.name,
            deal.customer.name if deal.customer else None,
            value_text("rep", pair.lost.rep),
            pair.lost.quarter,
            pair.lost.closed_on,
            pair.lost.stage or None,
            level_text(pair.rep.level) if pair.rep.level else None,
            deal.lost_reason.detail if deal.lost_reason else None,
            deal.competitor.name if deal.competitor else None,
            level_text(pair.buyer.level) if pair.buyer.level else None,
            review.buyer_reason.detail if review.buyer_reason else None,
            review.buyer_competitor.name if review.buyer_competitor else None,
            review.buyer_words or None,
            mark_word(pair.mark)[0],
            review.pk,
            review.held_on,
            review.contact.name if review.contact else None,
        )


def interviewed_of(*, deals: Mapping[int, LostDeal]) -> Collection[int]:
    """Which of the lost deals have a finished interview. One query."""
    held = Review.objects.filter(kind=ReviewKind.LOST, state=Review.State.DONE)
    return set(held.values_list("deal_id", flat=True)) & set(deals)
