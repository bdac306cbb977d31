"""Guided reviews: start, keep answers, finish, reopen, withdraw. Their only writer.

What a buyer says about a loss is kept on the interview; the reason on the deal is the rep's and
nothing here changes it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.errors import DomainError
from accounts.models import Company
from accounts.services.audit import record_audit
from accounts.tenancy.context import require_company_id
from metrics.models import Answer, Review
from metrics.services.guides import check_kind, guide_in_use
from metrics.services.review_checks import (
    Buyer,
    check_activity,
    check_answers,
    check_buyer,
    check_contact,
    check_day,
    check_outcome,
    check_role,
)
from pipeline.models import Deal
from pipeline.services.history import KeyReused, NotFound, StaleVersion, wait_for_key

__all__ = [
    "Buyer",
    "Given",
    "finish_review",
    "reopen_review",
    "restore_review",
    "save_answers",
    "start_review",
    "withdraw_review",
]


@dataclass(frozen=True, slots=True)
class Given:
    """What a sheet says as a whole. `answers` by question id; questions left out stay.

    `buyer` None leaves what stands there; `held_on` None likewise.
    """

    answers: Mapping[int, str]
    held_on: date | None = None
    contact_id: int | None = None
    buyer: Buyer | None = None


def start_review(
    *,
    by: Actor,
    now: datetime,
    kind: str,
    deal_id: int,
    activity_id: int | None = None,
    contact_id: int | None = None,
    held_on: date | None = None,
    idempotency_key: str | None = None,
) -> Review:
    """Begin a review with the newest questions of its kind; the same key again begins none.

    A call or e-mail review is of one call, meeting or e-mail of the deal. An interview is of a
    closed deal, with one of the customer's people where known, held today unless told.
    """
    check_role(by)
    check_kind(kind)
    with transaction.atomic():
        if idempotency_key:
            wait_for_key(idempotency_key)
            sent: Review | None = Review.objects.filter(idempotency_key=idempotency_key).first()
            if sent is not None:
                if (sent.author_id, sent.kind, sent.deal_id) != (by.user_id, kind, deal_id):
                    raise KeyReused(
                        _("This form was sent before with other values. Reload the page.")
                    )
                return sent
        deal: Deal | None = Deal.objects.filter(pk=deal_id).first()
        if deal is None:
            raise NotFound(_("This deal does not exist."))
        company = Company.objects.get(pk=require_company_id())
        check_outcome(kind, deal)
        activity_id = check_activity(kind, deal, activity_id)
        contact_id = check_contact(kind, deal, contact_id)
        held_on = held_on or company.local_day(company.clock(now))
        check_day(held_on, company=company, now=now)
        review: Review = Review.objects.create(
            kind=kind,
            guide=guide_in_use(by=by, now=now, kind=kind),
            deal=deal,
            activity_id=activity_id,
            contact_id=contact_id,
            held_on=held_on,
            author_id=by.user_id,
            started_at=now,
            changed_at=now,
            idempotency_key=idempotency_key,
        )
        _audit(review, by, now, "started", after={"kind": kind, "deal": deal.name})
    return review


def save_answers(
    *,
    by: Actor,
    now: datetime,
    review_id: int,
    given: Given,
    version: int,
    finish: bool = False,
) -> Review:
    """Keep what the sheet says, as a draft or (`finish`) for good; the same again writes nothing.

    `version` is the one that the screen showed: if somebody wrote on the sheet since, that is
    told and nothing is overwritten.
    """
    check_role(by)
    with transaction.atomic():
        review = _locked(review_id)
        if review.version != version:
            raise StaleVersion(_stale(review))
        if review.state != Review.State.DRAFT:
            raise DomainError(_("This sheet is closed. Reopen it to write on it."))
        told = _write_head(review, given, now=now)
        told += _write_answers(review, given.answers)
        if finish:
            _close(review)
            told.append("state")
        if told:
            _changed(review, now)
            verb = "finished" if finish else "saved"
            _audit(review, by, now, verb, after={"changed": sorted(told)})
    return review


def finish_review(*, by: Actor, now: datetime, review_id: int, version: int) -> Review:
    """Close the sheet: it counts as done. Something must stand on it."""

    def finish(review: Review) -> None:
        if review.state == Review.State.WITHDRAWN:
            raise DomainError(_("This review was withdrawn. Put it back first."))
        _close(review)

    return _move(by=by, now=now, review_id=review_id, version=version, verb="finished", act=finish)


def reopen_review(*, by: Actor, now: datetime, review_id: int, version: int) -> Review:
    """Make a closed sheet a draft again, to write on."""

    def reopen(review: Review) -> None:
        if review.state == Review.State.WITHDRAWN:
            raise DomainError(_("This review was withdrawn. Put it back first."))
        review.state = Review.State.DRAFT

    return _move(by=by, now=now, review_id=review_id, version=version, verb="reopened", act=reopen)


def withdraw_review(*, by: Actor, now: datetime, review_id: int, version: int) -> Review:
    """Take a review out: nothing counts it any more. Its answers and findings stay."""

    def withdraw(review: Review) -> None:
        review.state = Review.State.WITHDRAWN

    return _move(
        by=by, now=now, review_id=review_id, version=version, verb="withdrawn", act=withdraw
    )


def restore_review(*, by: Actor, now: datetime, review_id: int, done: bool = False) -> Review:
    """Put a withdrawn review back: as done, if it was and says something, else as a draft."""
    check_role(by)
    with transaction.atomic():
        review = _locked(review_id)
        if review.state != Review.State.WITHDRAWN:
            return review
        review.state = Review.State.DRAFT
        if done and _says_something(review):
            review.state = Review.State.DONE
        _changed(review, now)
        _audit(review, by, now, "put_back", after={"state": review.state})
    return review


def _move(*, by: Actor, now: datetime, review_id: int, version: int, verb: str, act: Any) -> Review:
    check_role(by)
    with transaction.atomic():
        review = _locked(review_id)
        before = review.state
        act(review)
        if review.state == before:
            return review
        if review.version != version:
            raise StaleVersion(_stale(review))
        _changed(review, now)
        _audit(review, by, now, verb, before={"state": before}, after={"state": review.state})
    return review


def _locked(review_id: int) -> Review:
    found: Review | None = (
        Review.objects.select_for_update(of=("self",)).filter(pk=review_id).first()
    )
    if found is None:
        raise NotFound(_("This review does not exist."))
    return found


def _write_head(review: Review, given: Given, *, now: datetime) -> list[str]:
    """Set day, person and the buyer's own reason; returns what changed."""
    deal = review.deal
    company = Company.objects.get(pk=require_company_id())
    before = {name: getattr(review, name) for name in _HEAD}
    if given.held_on is not None and given.held_on != review.held_on:
        check_day(given.held_on, company=company, now=now)
        review.held_on = given.held_on
    if given.contact_id != review.contact_id:
        review.contact_id = check_contact(review.kind, deal, given.contact_id)
    if given.buyer is not None:
        kept = (review.buyer_reason_id, review.buyer_competitor_id)
        buyer = check_buyer(review.kind, given.buyer, kept=kept)
        review.buyer_level = buyer.level
        review.buyer_reason_id = buyer.reason_id
        review.buyer_competitor_id = buyer.competitor_id
        review.buyer_words = buyer.words
    return [name for name in _HEAD if getattr(review, name) != before[name]]


_HEAD = (
    "held_on",
    "contact_id",
    "buyer_level",
    "buyer_reason_id",
    "buyer_competitor_id",
    "buyer_words",
)


def _write_answers(review: Review, answers: Mapping[int, str]) -> list[str]:
    """Write the answers that differ; returns the keys of their questions."""
    questions = {q.pk: q for q in review.guide.questions.all()}
    if set(answers) - set(questions):
        raise DomainError(_("This form cannot be recognised. Reload the page."))
    texts = check_answers({questions[pk]: text for pk, text in answers.items()})
    standing = {a.question_id: a for a in Answer.objects.filter(review=review)}
    told, new = [], []
    for pk, text in texts.items():
        answer = standing.get(pk)
        if (answer.text if answer else "") == text:
            continue
        told.append(questions[pk].key)
        if answer is None:
            new.append(Answer(review=review, question=questions[pk], text=text))
        else:
            # Never deleted: findings may have been drawn from it.
            answer.text = text
            answer.save(update_fields=["text"])
    Answer.objects.bulk_create(new)
    return told


def _close(review: Review) -> None:
    if not _says_something(review):
        raise DomainError(_("Answer at least one question before you finish."))
    review.state = Review.State.DONE


def _says_something(review: Review) -> bool:
    if review.buyer_level or review.buyer_words:
        return True
    return bool(Answer.objects.filter(review=review).exclude(text="").exists())


def _changed(review: Review, now: datetime) -> None:
    review.version += 1
    review.changed_at = now
    review.save()


def _stale(review: Review) -> str:
    words = {
        Review.State.DRAFT.value: _("it is a draft"),
        Review.State.DONE.value: _("it is finished"),
        Review.State.WITHDRAWN.value: _("it was withdrawn"),
    }
    return _(
        "Somebody changed this sheet while you were writing; {state}. Nothing of yours was saved,"
        " and it still stands here. Compare, then save again."
    ).format(state=words[review.state])


def _audit(review: Review, by: Actor, now: datetime, verb: str, **what: Any) -> None:
    record_audit(
        by=by,
        at=now,
        action=f"review.{verb}",
        object_type="review",
        object_id=review.pk,
        **what,
    )
