"""What the team writes into the review of a quarter: written together, never over each other."""

from collections.abc import Sequence
from datetime import date, datetime

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.errors import DomainError, NotAllowed
from accounts.services.audit import record_audit
from metrics.models import QuarterReview, Snapshot
from metrics.selectors.quarter_reviews import BETS
from pipeline import rules
from pipeline.models import Pipeline
from pipeline.services.history import NotFound, StaleVersion
from pipeline.services.refusals import refuse

SUMMARY_LENGTH = 4000
BET_LENGTH = 300


def write_review(
    *,
    by: Actor,
    now: datetime,
    pipeline_id: int,
    quarter_start: date,
    summary: str,
    bets: Sequence[str],
    version: int,
) -> QuarterReview:
    """Keep the summary and the next quarter's bets, at most three.

    `version` is what the screen showed, 0 where nothing was written yet: if somebody else wrote
    meanwhile, StaleVersion is raised and nothing is lost. The same texts again change nothing.
    """
    if not by.manages:
        raise NotAllowed(_("Only a manager writes the review of a quarter."))
    summary, kept = _values(summary, bets)
    with transaction.atomic():
        # The pipeline's row makes two who write first wait for each other.
        Pipeline.objects.select_for_update().get(pk=pipeline_id)
        snapshot = (
            Snapshot.objects.filter(pipeline_id=pipeline_id, quarter_start=quarter_start)
            .values_list("quarter_label", flat=True)
            .first()
        )
        if snapshot is None:
            raise NotFound(_("This quarter does not exist."))
        found = QuarterReview.objects.filter(
            pipeline_id=pipeline_id, quarter_start=quarter_start
        ).first()
        review: QuarterReview = found or QuarterReview(
            pipeline_id=pipeline_id,
            quarter_start=quarter_start,
            quarter_label=snapshot,
            version=0,
        )
        before = {"summary": review.summary, "bets": list(review.bets)}
        after = {"summary": summary, "bets": kept}
        if found is not None and before == after:
            return review
        if review.version != version:
            raise StaleVersion(
                _("Somebody changed this review meanwhile. Look at what they wrote, then decide.")
            )
        review.summary, review.bets = summary, kept
        review.changed_at, review.changed_by_id = now, by.user_id
        review.version += 1
        review.save()
        record_audit(
            by=by,
            at=now,
            action="quarter.review_written",
            object_type="quarterreview",
            object_id=review.pk,
            before=before if found is not None else None,
            after={"quarter": review.quarter_label, **after},
        )
    return review


def _values(summary: str, bets: Sequence[str]) -> tuple[str, list[str]]:
    summary = summary.strip().replace("\r\n", "\n")
    kept = [" ".join(bet.split()) for bet in bets]
    if len(summary) > SUMMARY_LENGTH:
        raise DomainError(
            _("The summary has at most {most} characters. Say it shorter.").format(
                most=f"{SUMMARY_LENGTH:,}"
            )
        )
    if len(kept) > BETS:
        raise DomainError(_("Three bets are enough for one quarter."))
    if any(len(bet) > BET_LENGTH for bet in kept):
        raise DomainError(
            _("A bet has at most {most} characters. Say it shorter.").format(most=BET_LENGTH)
        )
    refuse(rules.unkeepable(summary, *kept))
    return summary, kept
