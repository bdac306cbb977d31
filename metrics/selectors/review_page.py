"""One review as its sheet shows it: the questions of its version, what was answered, and what the
buyer said beside what the rep said."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from accounts import formats
from accounts.formats import Style
from accounts.models import Company
from metrics.models import Answer, Finding, Guide, GuideQuestion, Review, ReviewKind
from metrics.selectors.finding_evidence import stage_of_deal
from metrics.selectors.finding_rows import FindingRow, author_text, rows_of, with_deals, writer_for
from metrics.selectors.review_talks import Talk, talk_of
from metrics.selectors.review_words import (
    INTERVIEWS,
    Word,
    kind_how,
    kind_word,
    reason_text,
    state_word,
)
from pipeline.models import Contact, Deal
from pipeline.selectors.deal_choices import Choice


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """A question with its answer. `answer_id` None: nothing was written yet."""

    question_id: int
    number: int
    text: str
    hint: str
    answer_id: int | None
    answer: str
    findings: int  # drawn from this answer


@dataclass(frozen=True, slots=True)
class DealHead:
    """The deal that it is about, for people."""

    id: int
    name: str
    customer: str
    outcome: str
    line: str  # "Lost on 3 March 2026, Ida Kvarning, €4,800"
    customer_id: int | None
    stage_id: int | None  # where a finding about it belongs

    @property
    def title(self) -> str:
        """Its name, with the customer where the name does not say it already."""
        if not self.customer or self.customer in self.name:
            return self.name
        return f"{self.name}, {self.customer}"


@dataclass(frozen=True, slots=True)
class ReviewPage:
    """Everything that the sheet prints."""

    id: int
    kind: Word
    how: str
    state: Word
    version: int
    deal: DealHead
    interview: bool
    asks_reason: bool  # the buyer says why it was lost
    held_on: date
    held: str
    contact_id: int | None
    contact: str
    author: str
    author_id: int | None
    changed: str
    guide: int
    newest_guide: int
    answers: tuple[AnswerRow, ...]
    talk: Talk | None
    buyer_level: str
    buyer_reason_id: int | None
    buyer_competitor_id: int | None
    buyer_words: str
    buyer_reason: str
    rep_reason: str
    findings: tuple[FindingRow, ...]

    @property
    def answered(self) -> int:
        """How many questions have an answer."""
        return sum(1 for row in self.answers if row.answer)

    @property
    def draft(self) -> bool:
        return self.state.value == Review.State.DRAFT

    @property
    def done(self) -> bool:
        return self.state.value == Review.State.DONE

    @property
    def withdrawn(self) -> bool:
        return self.state.value == Review.State.WITHDRAWN


def review_page(
    *, company: Company, review_id: int, style: Style, today: date
) -> ReviewPage | None:
    """A review of the active company; None where there is none of that id."""
    review = (
        Review.objects.select_related(
            "guide",
            "contact",
            "author",
            "buyer_reason",
            "buyer_competitor",
            "deal__customer",
            "deal__rep",
            "deal__lost_reason",
            "deal__competitor",
        )
        .filter(pk=review_id)
        .first()
    )
    if review is None:
        return None
    drawn = list(
        with_deals(Finding.objects.filter(review=review, withdrawn_at=None)).order_by("-pk")
    )
    newest = Guide.objects.filter(kind=review.kind).order_by("-number").first()
    return ReviewPage(
        id=review.pk,
        kind=kind_word(review.kind),
        how=kind_how(review.kind),
        state=state_word(review.state),
        version=review.version,
        deal=deal_head(deal=review.deal, style=style),
        interview=review.kind in INTERVIEWS,
        asks_reason=review.kind == ReviewKind.LOST,
        held_on=review.held_on,
        held=formats.day(review.held_on, style),
        contact_id=review.contact_id,
        contact=contact_text(review.contact) if review.contact else "",
        author=author_text(review.author),
        author_id=review.author_id,
        changed=formats.day(review.changed_at.astimezone(company.zone), style, today=today),
        guide=review.guide.number,
        newest_guide=newest.number if newest else review.guide.number,
        answers=_answers(review, drawn),
        talk=talk_of(activity_id=review.activity_id, style=style),
        buyer_level=review.buyer_level,
        buyer_reason_id=review.buyer_reason_id,
        buyer_competitor_id=review.buyer_competitor_id,
        buyer_words=review.buyer_words,
        buyer_reason=reason_text(
            review.buyer_level,
            review.buyer_reason.detail if review.buyer_reason else "",
            review.buyer_competitor.name if review.buyer_competitor else "",
        ),
        rep_reason=rep_reason(review.deal),
        findings=rows_of(drawn, writer=writer_for(company=company, style=style, today=today))
        if drawn
        else (),
    )


def _answers(review: Review, drawn: list[Any]) -> tuple[AnswerRow, ...]:
    given = {a.question_id: a for a in Answer.objects.filter(review=review)}
    rows = []
    questions = GuideQuestion.objects.filter(guide_id=review.guide_id).order_by("position")
    for number, question in enumerate(questions, start=1):
        answer = given.get(question.pk)
        rows.append(
            AnswerRow(
                question_id=question.pk,
                number=number,
                text=question.text,
                hint=question.hint,
                answer_id=answer.pk if answer and answer.text else None,
                answer=answer.text if answer else "",
                findings=sum(1 for f in drawn if answer and f.answer_id == answer.pk),
            )
        )
    return tuple(rows)


def deal_head(*, deal: Deal, style: Style) -> DealHead:
    """The deal in a line; its customer and rep must have been read with it."""
    words = {
        Deal.Outcome.WON.value: _("Won on {day}"),
        Deal.Outcome.LOST.value: pgettext("deal", "Lost on {day}"),
    }
    state = _("Still open")
    if deal.closed_on is not None and deal.outcome in words:
        state = words[deal.outcome].format(day=formats.day(deal.closed_on, style))
    money = ""
    if deal.amount is not None:
        own = Style(style.locale, deal.currency)
        money = formats.money(float(deal.amount), own) or ""
    parts = [state, deal.rep.name if deal.rep else "", money]
    return DealHead(
        id=deal.pk,
        name=deal.name,
        customer=deal.customer.name if deal.customer else "",
        outcome=deal.outcome,
        line=", ".join(part for part in parts if part),
        customer_id=deal.customer_id,
        stage_id=stage_of_deal(deal_id=deal.pk),
    )


def rep_reason(deal: Deal) -> str:
    """Why the rep says that a deal was lost; empty for one that was not, or has no reason."""
    if deal.outcome != Deal.Outcome.LOST or deal.lost_reason is None:
        return ""
    competitor = deal.competitor.name if deal.competitor else ""
    return reason_text(deal.lost_reason.level, deal.lost_reason.detail, competitor)


def contact_text(contact: Contact) -> str:
    """A person with what they do there."""
    return f"{contact.name}, {contact.title}" if contact.title else str(contact.name)


def contact_choices(*, customer_id: int | None, current: int | None = None) -> tuple[Choice, ...]:
    """The people known at a customer, and the one who is named already."""
    if customer_id is None:
        return ()
    rows = Contact.objects.filter(customer_id=customer_id).order_by("name", "id")
    return tuple(
        (row.pk, contact_text(row)) for row in rows if row.retired_at is None or row.pk == current
    )
