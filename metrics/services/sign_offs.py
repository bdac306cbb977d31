"""A manager signs a final quarter; a second person countersigns. Neither is ever changed.

What is signed are snapshot rows, which are never changed either. The signature names them and
keeps a hash over their figures, which `manage.py verify_snapshots` makes again and compares.
"""

from datetime import date, datetime

from django.db import transaction
from django.utils.translation import gettext as _

from accounts import formats
from accounts.actors import Actor
from accounts.errors import DomainError, NotAllowed
from accounts.models import Company
from accounts.services.audit import record_audit
from accounts.tenancy.context import require_company_id
from metrics.models import SignOff, Snapshot
from metrics.selectors.sign_offs import newest_rows, seal_of, shown_name, signed_version
from pipeline import rules
from pipeline.models import DirtyQuarter
from pipeline.services.history import NotFound, StaleVersion
from pipeline.services.refusals import refuse

COMMENT_LENGTH = 1000


def sign_quarter(
    *,
    by: Actor,
    now: datetime,
    pipeline_id: int,
    quarter_start: date,
    comment: str = "",
    seen: int | None = None,
) -> SignOff:
    """Stand behind the newest final figures of a quarter, every segment of it.

    `seen` is the version that the signer had on the screen: another one by now is refused, since
    nobody signs what they have not seen. The same person signing the same figures again changes
    nothing and gets the signature that stands.
    """
    _may(by)
    comment = _kept_comment(comment)
    with transaction.atomic():
        company = Company.objects.get(pk=require_company_id())
        # Recomputing holds this row: no new version appears while this one is signed.
        waits = any(row.gen > row.done_gen for row in _held(company, quarter_start))
        rows = newest_rows(company=company, pipeline_id=pipeline_id, quarter_start=quarter_start)
        of_quarter = Snapshot.objects.filter(pipeline_id=pipeline_id, quarter_start=quarter_start)
        # One that was closed too early runs on, and is not final before it has closed again.
        if not rows or of_quarter.exclude(status=Snapshot.Status.FINAL).exists():
            _refuse_open(of_quarter.first())
        versions = {row.segment: row.version for row in rows}
        label, digest = rows[0].quarter_label, seal_of(rows[0].quarter_label, rows)
        standing = SignOff.objects.filter(
            pipeline_id=pipeline_id,
            quarter_start=quarter_start,
            digest=digest,
            kind=SignOff.Kind.SIGNED,
        ).first()
        if standing is not None:
            if standing.by_id == by.user_id:
                return standing
            raise DomainError(
                _("{name} has signed these figures. You can countersign them.").format(
                    name=shown_name(standing)
                )
            )
        if seen is not None and seen != signed_version(versions):
            raise StaleVersion(
                _("{quarter} was restated while you were looking. Look again, then sign.").format(
                    quarter=formats.quarter(label)
                )
            )
        if waits:
            raise StaleVersion(
                _("{quarter} is being computed again. Wait a moment, then sign.").format(
                    quarter=formats.quarter(label)
                )
            )
        signed: SignOff = SignOff.objects.create(
            pipeline_id=pipeline_id,
            quarter_start=quarter_start,
            quarter_label=label,
            kind=SignOff.Kind.SIGNED,
            versions=versions,
            digest=digest,
            comment=comment,
            at=now,
            by_id=by.user_id,
            by_label=by.label,
        )
        _audit(signed, by, now, "quarter.signed")
    return signed


def countersign(*, by: Actor, now: datetime, sign_off_id: int, comment: str = "") -> SignOff:
    """Stand behind a signature as a second person, while it is that of the newest figures.

    Again by the same person changes nothing.
    """
    _may(by)
    comment = _kept_comment(comment)
    with transaction.atomic():
        first = SignOff.objects.filter(pk=sign_off_id, kind=SignOff.Kind.SIGNED).first()
        if first is None:
            raise NotFound(_("This signature does not exist."))
        company = Company.objects.get(pk=require_company_id())
        # Two who countersign at once wait for each other here, and for a restatement.
        _held(company, first.quarter_start)
        standing = SignOff.objects.filter(countersigns=first).first()
        if standing is not None:
            if standing.by_id == by.user_id:
                return standing
            raise DomainError(
                _("{name} has countersigned already.").format(name=shown_name(standing))
            )
        if first.by_id == by.user_id:
            raise DomainError(
                _("You have signed these figures yourself. A second person countersigns them.")
            )
        newest = newest_rows(
            company=company, pipeline_id=first.pipeline_id, quarter_start=first.quarter_start
        )
        if {row.segment: row.version for row in newest} != first.versions:
            raise DomainError(
                _("{quarter} was restated after it was signed. Sign its newest version.").format(
                    quarter=formats.quarter(first.quarter_label)
                )
            )
        if seal_of(first.quarter_label, newest) != first.digest:
            raise DomainError(
                _("The figures of {quarter} are not those that were signed. Tell an owner.").format(
                    quarter=formats.quarter(first.quarter_label)
                )
            )
        signed: SignOff = SignOff.objects.create(
            pipeline_id=first.pipeline_id,
            quarter_start=first.quarter_start,
            quarter_label=first.quarter_label,
            kind=SignOff.Kind.COUNTERSIGNED,
            countersigns=first,
            versions=first.versions,
            digest=first.digest,
            comment=comment,
            at=now,
            by_id=by.user_id,
            by_label=by.label,
        )
        _audit(signed, by, now, "quarter.countersigned")
    return signed


def _may(by: Actor) -> None:
    if not by.manages or by.user_id is None:
        raise NotAllowed(_("Only a manager signs a quarter."))


def _held(company: Company, quarter_start: date) -> list[DirtyQuarter]:
    """The quarter's row of the work list, held; row security does not know the companies' rows."""
    rows = DirtyQuarter.objects.select_for_update()
    return list(rows.filter(company=company, quarter_start=quarter_start))


def _refuse_open(running: Snapshot | None) -> None:
    if running is None:
        raise NotFound(_("This quarter does not exist."))
    raise DomainError(
        _("{quarter} is not final yet. Its figures can still change.").format(
            quarter=formats.quarter(running.quarter_label)
        )
    )


def _kept_comment(comment: str) -> str:
    comment = comment.strip()
    if len(comment) > COMMENT_LENGTH:
        raise DomainError(
            _("A comment has at most {most} characters. Say it shorter.").format(
                most=f"{COMMENT_LENGTH:,}"
            )
        )
    refuse(rules.unkeepable(comment))
    return comment


def _audit(signed: SignOff, by: Actor, now: datetime, action: str) -> None:
    record_audit(
        by=by,
        at=now,
        action=action,
        object_type="signoff",
        object_id=signed.pk,
        after={
            "quarter": signed.quarter_label,
            "version": signed_version(signed.versions),
            "digest": signed.digest,
            "comment": signed.comment,
        },
    )
