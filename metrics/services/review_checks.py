"""What a review may be of, and what may stand on its sheet: the checks of its one writer."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.errors import DomainError, NotAllowed
from accounts.models import Company
from accounts.permissions import allows
from metrics.models import GuideQuestion, ReviewKind
from metrics.permissions import REVIEW_RECORD
from metrics.selectors.review_words import INTERVIEWS, TALKS
from pipeline import rules
from pipeline.models import Activity, Competitor, Contact, Deal, LossLevel, LostReason
from pipeline.services.history import NotFound
from pipeline.services.refusals import refuse

ANSWER_LENGTH = 20_000
WORDS_LENGTH = 4_000


@dataclass(frozen=True, slots=True)
class Buyer:
    """Why it was lost, as the buyer says it. `level` is one of LossLevel, "" while not asked."""

    level: str = ""
    reason_id: int | None = None
    competitor_id: int | None = None
    words: str = ""


def check_role(by: Actor) -> None:
    """Managers and owners review; the others read."""
    if by.role is not None and not allows(by.role, REVIEW_RECORD):
        raise NotAllowed(_("Managers and owners record reviews. Ask one of them."))


def check_outcome(kind: str, deal: Deal) -> None:
    """An interview with a customer needs a won deal, with a lost prospect a lost one."""
    if kind == ReviewKind.CUSTOMER and deal.outcome != Deal.Outcome.WON:
        raise DomainError(
            _("A customer is interviewed about a deal that was won, and this one is not.")
        )
    if kind == ReviewKind.LOST and deal.outcome != Deal.Outcome.LOST:
        raise DomainError(
            _("A lost prospect is interviewed about a deal that was lost, and this one is not.")
        )


def check_activity(kind: str, deal: Deal, activity_id: int | None) -> int | None:
    """The call, meeting or e-mail of this deal that is reviewed; an interview has none."""
    kinds = TALKS.get(kind)
    if kinds is None:
        if activity_id is not None:
            raise DomainError(_("An interview is a talk of its own, not the review of another."))
        return None
    if activity_id is None:
        raise DomainError(
            _("Choose the e-mail that you review.")
            if kind == ReviewKind.EMAIL
            else _("Choose the call or meeting that you review.")
        )
    found = Activity.objects.filter(pk=activity_id, deal_id=deal.pk).first()
    if found is None:
        raise NotFound(_("This deal has no such call, meeting or e-mail."))
    if found.kind not in kinds:
        raise DomainError(
            _("An e-mail review is of an e-mail. Choose another kind of review.")
            if kind == ReviewKind.EMAIL
            else _("A call review is of a call or a meeting. Choose another kind of review.")
        )
    return activity_id


def check_contact(kind: str, deal: Deal, contact_id: int | None) -> int | None:
    """Who was talked to: one of the customer's people, or nobody named."""
    if contact_id is None:
        return None
    if kind not in INTERVIEWS:
        raise DomainError(_("Only an interview is held with somebody."))
    known = Contact.objects.filter(pk=contact_id, customer_id=deal.customer_id)
    if deal.customer_id is None or not known.exists():
        raise DomainError(_("This person is not one of the customer's. Choose from the list."))
    return contact_id


def check_day(held_on: date, *, company: Company, now: datetime) -> None:
    """A review lies not in the future, nor before there were calls to review."""
    if held_on > company.local_day(company.clock(now)):
        raise DomainError(_("This day is still to come. Enter the day on which it was held."))
    if held_on.year < 1990:
        raise DomainError(_("This day is too long ago. Check the year."))


def check_answers(answers: Mapping[GuideQuestion, str]) -> dict[int, str]:
    """The answers by question id as they are kept; a sentence names the question at fault."""
    kept = {}
    for question, raw in answers.items():
        text = raw.replace("\r\n", "\n").replace("\r", "\n").strip()
        refuse(rules.unkeepable(text))
        if len(text) > ANSWER_LENGTH:
            raise DomainError(
                _("An answer has at most 20,000 characters. Shorten: {question}").format(
                    question=question.text
                )
            )
        kept[question.pk] = text
    return kept


def check_buyer(kind: str, buyer: Buyer, *, kept: tuple[int | None, int | None]) -> Buyer:
    """The buyer's own reason as it is kept. `kept` are the reason and competitor that stand there:
    they may stay when they have been retired since."""
    words = buyer.words.replace("\r\n", "\n").replace("\r", "\n").strip()
    refuse(rules.unkeepable(words))
    if len(words) > WORDS_LENGTH:
        raise DomainError(_("The buyer's words have at most 4,000 characters. Say it shorter."))
    said = buyer.level or buyer.reason_id or buyer.competitor_id or words
    if kind != ReviewKind.LOST:
        if said:
            raise DomainError(_("Only a lost prospect says why a deal was lost."))
        return Buyer()
    if buyer.level and buyer.level not in LossLevel.values:
        raise DomainError(_("There is no such kind of reason for a loss."))
    if not buyer.level and (buyer.reason_id or buyer.competitor_id):
        raise DomainError(_("First say which kind of reason it was."))
    if buyer.reason_id is not None:
        reason = LostReason.objects.filter(pk=buyer.reason_id).first()
        if reason is None:
            raise NotFound(_("This lost reason does not exist."))
        if reason.level != buyer.level:
            raise DomainError(_("This reason is of another kind. Choose one of the same kind."))
        if reason.retired_at is not None and reason.pk != kept[0]:
            raise DomainError(_("This reason is retired. Choose another."))
    if buyer.competitor_id is not None:
        if buyer.level != LossLevel.COMPETITOR:
            raise DomainError(_("A competitor belongs to a loss to a competitor."))
        competitor = Competitor.objects.filter(pk=buyer.competitor_id).first()
        if competitor is None:
            raise NotFound(_("This competitor does not exist."))
        if competitor.retired_at is not None and competitor.pk != kept[1]:
            raise DomainError(_("This competitor is retired. Choose another."))
    return Buyer(buyer.level, buyer.reason_id, buyer.competitor_id, words)
