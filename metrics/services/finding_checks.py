"""What a finding may say and who may say it: the checks of its one writer."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.errors import DomainError, NotAllowed
from accounts.models import Company
from accounts.permissions import allows
from metrics.models import Answer, Finding, Review
from metrics.permissions import FINDING_ADD
from metrics.selectors.finding_deals import MOST_DEALS, own_reps
from metrics.selectors.finding_rows import QUOTE_LENGTH, STATEMENT_LENGTH
from metrics.selectors.finding_sources import SOURCES
from pipeline import rules
from pipeline.models import Activity, Deal, Material, Note, Stage
from pipeline.services.history import NotFound
from pipeline.services.refusals import refuse


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a finding was learned from, as far as it is something of ours, by id.

    `deals` are those that it is about, `day` the one on which it happened.
    """

    review: int | None = None
    answer: int | None = None
    activity: int | None = None
    note: int | None = None
    material: int | None = None
    deals: frozenset[int] = frozenset()
    day: date | None = None


def check_role(by: Actor) -> None:
    """Leadership reads findings and changes none."""
    if by.role is not None and not allows(by.role, FINDING_ADD):
        raise NotAllowed(_("Your role reads findings and does not change them."))


def check_text(statement: str, quote: str) -> tuple[str, str]:
    """Statement and quote as they are kept: the statement is one line."""
    refuse(rules.unkeepable(statement, quote))
    statement, quote = " ".join(statement.split()), quote.strip()
    if not statement:
        raise DomainError(_("Say in one sentence what was learned."))
    if len(statement) > STATEMENT_LENGTH:
        raise DomainError(
            _("A finding is one sentence of at most {n} characters. Put the rest into the quote.")
            .format(n=STATEMENT_LENGTH)
        )  # fmt: skip
    if len(quote) > QUOTE_LENGTH:
        raise DomainError(
            _("A quote has at most {n} characters. Keep the part that shows it.").format(
                n=f"{QUOTE_LENGTH:,}"
            )
        )
    return statement, quote


def check_source(source: str) -> None:
    """The kind is one of the registry."""
    if source not in SOURCES:
        raise DomainError(_("Choose how it was learned."))


def check_severity(severity: str) -> None:
    if severity not in Finding.Severity.values:
        raise DomainError(_("Choose low, medium or high."))


def check_day(learned_on: date, *, company: Company, now: datetime) -> None:
    """Nothing is learned in the future."""
    if learned_on > company.local_day(max(now, company.clock(now))):
        raise DomainError(_("This day lies in the future. Choose the day it was learned."))


def check_stage(stage_id: int, *, kept: int | None = None) -> Stage:
    """An open stage in use; a retired one only where the finding stands there already (`kept`)."""
    stage: Stage | None = Stage.objects.filter(pk=stage_id).first()
    if stage is None:
        raise NotFound(_("This stage does not exist."))
    if stage.pk != kept and (stage.kind != Stage.Kind.OPEN or stage.retired_at is not None):
        raise DomainError(
            _("{stage} cannot have findings. Choose a stage that deals pass.").format(
                stage=stage.name
            )
        )
    return stage


def check_towards(towards_id: int | None, *, stage: Stage, kept: int | None = None) -> Stage | None:
    """Where the transition leads: a later open stage of the same pipeline, or winning."""
    if towards_id is None:
        return None
    towards: Stage | None = Stage.objects.filter(pk=towards_id).first()
    if towards is None:
        raise NotFound(_("This stage does not exist."))
    if towards.pk == kept and towards.pipeline_id == stage.pipeline_id:
        return towards
    later = towards.kind == Stage.Kind.WON or (
        towards.position is not None
        and (stage.position is None or towards.position > stage.position)
    )
    if towards.pipeline_id != stage.pipeline_id or towards.retired_at is not None or not later:
        raise DomainError(
            _("{towards} does not come after {stage}. Choose a later stage, or leave it empty.")
            .format(towards=towards.name, stage=stage.name)
        )  # fmt: skip
    return towards


def check_deals(deal_ids: Iterable[int], *, stage: Stage) -> tuple[Deal, ...]:
    """The company's own deals of the stage's pipeline, each once, in the order of their ids."""
    wanted = sorted(set(deal_ids))
    if len(wanted) > MOST_DEALS:
        raise DomainError(
            _("A finding can be tied to at most {n} deals. Choose those that show it best.").format(
                n=MOST_DEALS
            )
        )
    found = tuple(Deal.objects.filter(pk__in=wanted).order_by("pk"))
    if len(found) != len(wanted):
        raise NotFound(_("This deal does not exist."))
    other = next((deal for deal in found if deal.pipeline_id != stage.pipeline_id), None)
    if other is not None:
        raise DomainError(
            _("{deal} is in another pipeline than {stage}. Choose deals of one pipeline.").format(
                deal=other.name, stage=stage.name
            )
        )
    return found


def check_own(by: Actor, *, changed: Sequence[Deal], tied: int, evidence: frozenset[int]) -> None:
    """A rep ties findings to own deals only, and to at least one; managers to any.

    `changed` are the deals that are tied or untied now, `tied` is how many there are after it,
    `evidence` the deals that the evidence is about.
    """
    if by.manages:
        return
    mine = own_reps(user_id=by.user_id)
    about = Deal.objects.filter(pk__in=evidence).exclude(rep_id__in=mine)
    if any(deal.rep_id not in mine for deal in changed) or about.exists():
        raise NotAllowed(_("You record findings on your own deals. Ask a manager for this one."))
    if not tied:
        raise DomainError(_("Choose at least one of your own deals."))


def evidence_of(
    *,
    review: int | None = None,
    answer: int | None = None,
    activity: int | None = None,
    note: int | None = None,
    material: int | None = None,
) -> Evidence:
    """The evidence with what it is about; NotFound for what this company does not have."""
    missing = NotFound(_("What this was learned from is not there any more."))
    deals: set[int] = set()
    days: list[date] = []
    if answer is not None:
        told = Answer.objects.filter(pk=answer).values_list("review_id", flat=True).first()
        if told is None or (review is not None and review != told):
            raise missing
        review = told
    for model, pk, day in (
        (Review, review, "held_on"),
        (Activity, activity, "happened_on"),
        (Note, note, "written_at"),
    ):
        if pk is None:
            continue
        row = model.objects.filter(pk=pk).values_list("deal_id", day).first()
        if row is None:
            raise missing
        deals.add(row[0])
        if not isinstance(row[1], datetime):
            days.append(row[1])
    if material is not None and not Material.objects.filter(pk=material).exists():
        raise missing
    return Evidence(
        review=review,
        answer=answer,
        activity=activity,
        note=note,
        material=material,
        deals=frozenset(deals),
        day=min(days, default=None),
    )
