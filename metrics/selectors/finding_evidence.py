"""What a finding was learned from, where that is something of ours: for its page and its form."""

from dataclasses import dataclass
from datetime import date

from django.utils.translation import gettext as _

from metrics.models import Answer, Finding, Review
from metrics.selectors.finding_sources import source_of
from pipeline import paths
from pipeline.models import Activity, Deal, EmailMessage, Material, Note, Stage

EXCERPT = 600


@dataclass(frozen=True, slots=True)
class Evidence:
    """One thing that was said or written. `target` and `target_id` name its page:

    "deal" (with `anchor`), "note", "email", "review" or "material". `source` is the kind of
    finding that it usually gives.
    """

    icon: str
    title: str
    day: date | None
    excerpt: str
    target: str
    target_id: int
    anchor: str = ""
    deal_id: int | None = None
    source: str = ""


def evidence(
    *,
    activity: int | None = None,
    note: int | None = None,
    review: int | None = None,
    answer: int | None = None,
    material: int | None = None,
) -> tuple[Evidence, ...]:
    """What these ids name in the active company; those that name nothing are left out."""
    found = [
        _activity(activity),
        _note(note),
        _answer(answer) if answer else _review(review),
        _material(material),
    ]
    return tuple(one for one in found if one is not None)


def evidence_of(finding: Finding) -> tuple[Evidence, ...]:
    """What a finding was learned from."""
    return evidence(
        activity=finding.activity_id,
        note=finding.note_id,
        review=finding.review_id,
        answer=finding.answer_id,
        material=finding.material_id,
    )


def _cut(text: str) -> str:
    return text if len(text) <= EXCERPT else f"{text[:EXCERPT].rstrip()}…"


def _activity(pk: int | None) -> Evidence | None:
    row = Activity.objects.filter(pk=pk).first() if pk else None
    if row is None:
        return None
    mail = EmailMessage.objects.filter(activity_id=row.pk).order_by("-id").first()
    said = Note.objects.filter(activity_id=row.pk).order_by("written_at", "id").first()
    words = {"call": _("Call"), "meeting": _("Meeting"), "email": _("E-mail")}
    subject = row.subject or (mail.subject if mail else "")
    return Evidence(
        icon={"call": "phone", "meeting": "users"}.get(row.kind, "mail"),
        title=f"{words[row.kind]}: {subject}" if subject else words[row.kind],
        day=row.happened_on,
        excerpt=_cut(mail.body if mail else said.body if said else ""),
        target="email" if mail else "deal",
        target_id=mail.pk if mail else row.deal_id,
        anchor="" if mail else f"talk-{row.pk}",
        deal_id=row.deal_id,
        source="email_review" if row.kind == "email" else "call_review",
    )


def _note(pk: int | None) -> Evidence | None:
    row = Note.objects.select_related("activity", "deal").filter(pk=pk).first() if pk else None
    if row is None:
        return None
    source = "win_loss_note" if row.deal.outcome != Deal.Outcome.OPEN else "call_review"
    if row.activity is not None and row.activity.kind == Activity.Kind.EMAIL:
        source = "email_review"
    return Evidence(
        icon="file-text",
        title=_("Note"),
        day=row.activity.happened_on if row.activity else None,
        excerpt=_cut(row.body),
        target="note",
        target_id=row.pk,
        deal_id=row.deal_id,
        source=source,
    )


def _review(pk: int | None) -> Evidence | None:
    row = Review.objects.filter(pk=pk).first() if pk else None
    if row is None:
        return None
    kind = source_of(row.kind)
    return Evidence(
        icon=kind.icon,
        title=str(kind.word),
        day=row.held_on,
        excerpt=_cut(row.buyer_words),
        target="review",
        target_id=row.pk,
        deal_id=row.deal_id,
        source=row.kind,
    )


def _answer(pk: int) -> Evidence | None:
    row = Answer.objects.select_related("review", "question").filter(pk=pk).first()
    if row is None:
        return None
    kind = source_of(row.review.kind)
    return Evidence(
        icon=kind.icon,
        title=_("{kind}: {question}").format(kind=kind.word, question=row.question.text),
        day=row.review.held_on,
        excerpt=_cut(row.text),
        target="review",
        target_id=row.review_id,
        deal_id=row.review.deal_id,
        source=row.review.kind,
    )


def _material(pk: int | None) -> Evidence | None:
    row = Material.objects.filter(pk=pk).first() if pk else None
    if row is None:
        return None
    return Evidence(
        icon="file-text",
        title=row.title,
        day=None,
        excerpt="",
        target="material",
        target_id=row.pk,
        source="material_review",
    )


def stage_of_deal(*, deal_id: int) -> int | None:
    """The furthest open stage in use that a deal stood in: where a finding about it belongs."""
    deal = Deal.objects.filter(pk=deal_id).only("path", "pipeline_id").first()
    if deal is None:
        return None
    seen = {stage for _at, _on, stage in paths.unpack(bytes(deal.path))}
    rows = Stage.objects.filter(pk__in=seen, kind=Stage.Kind.OPEN, retired_at=None)
    found: int | None = rows.order_by("-position").values_list("pk", flat=True).first()
    return found
