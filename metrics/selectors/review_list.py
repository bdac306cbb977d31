"""The reviews that there are: a page of those that match, and every answer as rows of a file."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from django.db.models import Count, Q
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import formats
from accounts.formats import Style
from accounts.models import User
from metrics.models import Answer, Finding, Review
from metrics.selectors.finding_rows import author_text
from metrics.selectors.review_words import KINDS, Word, kind_word, reason_text, state_word
from pipeline.exports import Value
from pipeline.models import Deal
from pipeline.selectors.folded import Folded, every_word, plain, words_of

PAGE = 50
_CHUNK = 200


@dataclass(frozen=True, slots=True)
class ReviewFilter:
    """The understood part of a query string. Empty: any. `state` "withdrawn" shows those alone."""

    kind: str = ""
    state: str = ""
    author: str = ""  # a user's id
    deal: str = ""  # an id
    text: str = ""

    def query(self, extra: Sequence[tuple[str, str]] = (), **changes: str) -> str:
        """ "?kind=call_review" of this filter with some answers changed, or ""."""
        asked = replace(self, **changes)
        told = [
            ("kind", asked.kind),
            ("state", asked.state),
            ("author", asked.author),
            ("deal", asked.deal),
            ("text", asked.text),
            *extra,
        ]
        pairs = [(name, value) for name, value in told if value]
        return "?" + urlencode(pairs) if pairs else ""

    @property
    def narrowed(self) -> bool:
        """Does it leave any review out?"""
        return bool(self.query())


@dataclass(frozen=True, slots=True)
class ReviewRow:
    """One review in the list."""

    id: int
    kind: Word
    state: Word
    deal_id: int
    deal: str
    customer: str
    line: str  # "held 3 March 2026 with Eva Lund, by Hugo Bremmer"
    answered: str
    reason: str  # the buyer's own
    findings: int
    findings_text: str


@dataclass(frozen=True, slots=True)
class ReviewList:
    """One page of those that match, the drafts first, then the newest."""

    rows: tuple[ReviewRow, ...]
    total: int
    count: str
    page: int
    pages: int
    first: int
    last: int
    any: bool  # is there any review at all?
    authors: tuple[tuple[str, str], ...]


def review_filter(query: Mapping[str, Sequence[str]]) -> tuple[ReviewFilter, tuple[str, ...]]:
    """Read a query string (name -> values): the filter, and notices of what was left out."""
    told = {name: plain(values[-1]) if values else "" for name, values in query.items()}
    notices: list[str] = []

    def kept(name: str, word: str, known: bool) -> str:
        value = told.get(name, "")
        if value and not known:
            notices.append(
                _("There is no {name} “{value}”, so it was left out.").format(
                    name=word, value=value[:40]
                )
            )
            return ""
        return value

    author, deal = told.get("author", ""), told.get("deal", "")
    asked = ReviewFilter(
        kind=kept("kind", _("kind of review"), told.get("kind") in KINDS),
        state=kept("state", _("state"), told.get("state") in Review.State.values),
        author=kept("author", _("author"), _known(Review.objects, "author_id", author)),
        deal=kept("deal", _("deal"), _known(Deal.objects, "pk", deal)),
        text=told.get("text", ""),
    )
    return asked, tuple(notices)


def _known(rows: Any, field: str, value: str) -> bool:
    if not (value.isascii() and value.isdecimal() and len(value) < 19):
        return False
    return bool(rows.filter(**{field: int(value)}).exists())


def _matching(asked: ReviewFilter) -> Any:
    found = Review.objects.all()
    if asked.state:
        found = found.filter(state=asked.state)
    else:
        found = found.exclude(state=Review.State.WITHDRAWN)
    if asked.kind:
        found = found.filter(kind=asked.kind)
    if asked.author:
        found = found.filter(author_id=int(asked.author))
    if asked.deal:
        found = found.filter(deal_id=int(asked.deal))
    if words := words_of(asked.text):
        found = found.alias(
            of_deal=Folded("deal__name"), of_customer=Folded("deal__customer__name")
        ).filter(every_word(words, "of_deal", "of_customer"))
    return found


def review_list(*, asked: ReviewFilter, style: Style, page: int = 1) -> ReviewList:
    """A page of the reviews that match: six queries, whatever their number."""
    found = _matching(asked)
    total = found.count()
    pages = max(1, -(-total // PAGE))
    page = min(max(1, page), pages)
    start = (page - 1) * PAGE
    # "draft" stands after "done" in the alphabet: those to go on with come first.
    order = ("-state", "-held_on", "-pk") if not asked.state else ("-held_on", "-pk")
    rows = list(
        found.select_related(
            "deal__customer", "contact", "author", "buyer_reason", "buyer_competitor"
        ).order_by(*order)[start : start + PAGE]
    )
    ids = [row.pk for row in rows]
    given = _counts(Answer.objects.filter(review__in=ids).exclude(text=""), "review_id")
    drawn = _counts(Finding.objects.filter(review__in=ids, withdrawn_at=None), "review_id")
    writers = User.objects.filter(
        pk__in=Review.objects.order_by().values("author_id").distinct()
    ).order_by("name", "email")
    return ReviewList(
        rows=tuple(_row(row, given.get(row.pk, 0), drawn.get(row.pk, 0), style) for row in rows),
        total=total,
        count=formats.number(total, style) or "",
        page=page,
        pages=pages,
        first=start + 1 if rows else 0,
        last=start + len(rows),
        any=bool(total) or Review.objects.exists(),
        authors=tuple((str(user.pk), str(user)) for user in writers),
    )


def _counts(rows: Any, field: str) -> dict[int, int]:
    return dict(rows.order_by().values_list(field).annotate(n=Count("pk")))


def _row(row: Any, answered: int, findings: int, style: Style) -> ReviewRow:
    day, who = formats.day(row.held_on, style), author_text(row.author)
    line = (
        _("{day} with {contact}, by {who}").format(day=day, contact=row.contact.name, who=who)
        if row.contact
        else _("{day}, by {who}").format(day=day, who=who)
    )
    return ReviewRow(
        id=row.pk,
        kind=kind_word(row.kind),
        state=state_word(row.state),
        deal_id=row.deal_id,
        deal=row.deal.name,
        customer=row.deal.customer.name if row.deal.customer else "",
        line=line,
        answered=ngettext("{n} answer", "{n} answers", answered).format(
            n=formats.number(answered, style)
        ),
        reason=reason_text(
            row.buyer_level,
            row.buyer_reason.detail if row.buyer_reason else "",
            row.buyer_competitor.name if row.buyer_competitor else "",
        ),
        findings=findings,
        findings_text=ngettext("{n} finding", "{n} findings", findings).format(
            n=formats.number(findings, style)
        ),
    )


def export_headings() -> tuple[str, ...]:
    """The headings of the file, in the order of `export_rows`."""
    return (
        _("Review number"),
        _("Kind"),
        _("State"),
        _("Day"),
        _("By"),
        _("With"),
        _("Deal number"),
        _("Deal"),
        _("Customer"),
        _("Version of the questions"),
        _("Question key"),
        _("Question"),
        _("Answer"),
        _("The buyer's kind of reason"),
        _("The buyer's reason"),
        _("Competitor named by the buyer"),
        _("The buyer's words"),
    )


def export_rows(*, asked: ReviewFilter) -> Iterator[tuple[Value, ...]]:
    """One row for each answer, and one without a question for a review that has none yet.

    Oldest review first, questions in their order, read in chunks.
    """
    found = (
        _matching(asked)
        .select_related(
            "deal__customer", "contact", "author", "guide", "buyer_reason", "buyer_competitor"
        )
        .order_by("pk")
    )
    after = 0
    while True:
        rows = list(found.filter(pk__gt=after)[:_CHUNK])
        answers: dict[int, list[Any]] = defaultdict(list)
        given = Answer.objects.filter(Q(review__in=[row.pk for row in rows]) & ~Q(text=""))
        for answer in given.select_related("question").order_by("question__position"):
            answers[answer.review_id].append(answer)
        for row in rows:
            yield from _file_rows(row, answers[row.pk])
        if len(rows) < _CHUNK:
            return
        after = rows[-1].pk


def _file_rows(row: Any, answers: Sequence[Any]) -> Iterator[tuple[Value, ...]]:
    head: tuple[Value, ...] = (
        row.pk,
        kind_word(row.kind).word,
        state_word(row.state).word,
        row.held_on,
        author_text(row.author),
        row.contact.name if row.contact else None,
        row.deal_id,
        row.deal.name,
        row.deal.customer.name if row.deal.customer else None,
        row.guide.number,
    )
    tail: tuple[Value, ...] = (
        reason_text(row.buyer_level) or None,
        row.buyer_reason.detail if row.buyer_reason else None,
        row.buyer_competitor.name if row.buyer_competitor else None,
        row.buyer_words or None,
    )
    if not answers:
        yield (*head, None, None, None, *tail)
    for answer in answers:
        yield (*head, answer.question.key, answer.question.text, answer.text, *tail)
