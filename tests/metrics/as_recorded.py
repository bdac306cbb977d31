"""The active company as its rows tell it, for the slow reference of tests/calc.

Read from the append-only transitions, and neither from what deals cache of them nor by the
reader of facts: a wrong cache, a missed quarter or a wrong array shows as a wrong figure.
"""

from collections import defaultdict

from accounts.models import Company
from pipeline.models import Deal, Stage, StageTransition
from tests.calc import companies, reference


def as_recorded(*, company: Company, pipeline_id: int) -> companies.Company:
    """Every deal of a pipeline with all its transitions; all amounts in the company's currency."""
    stages = {
        pk: position if kind == Stage.Kind.OPEN else str(kind)
        for pk, kind, position in Stage.objects.filter(pipeline_id=pipeline_id).values_list(
            "id", "kind", "position"
        )
    }
    rows: dict[int, list[companies.Row]] = defaultdict(list)
    for pk, deal_id, at, stage_id, replaces in StageTransition.objects.filter(
        deal__pipeline_id=pipeline_id
    ).values_list("id", "deal_id", "occurred_at", "to_stage_id", "replaces_id"):
        to = None if stage_id is None else stages[stage_id]
        rows[deal_id].append(companies.Row(pk, at, to, replaces))
    return companies.Company(
        stages=sum(isinstance(place, int) for place in stages.values()),
        tz=company.zone,
        deals=tuple(
            companies.Deal(
                id=deal.pk,
                rows=tuple(rows[deal.pk]),
                amount=None if deal.amount is None else float(deal.amount),
                currency=0 if deal.currency == company.currency else 1,
                path_known=deal.path_known,
                lost_level=_level(deal),
                attributes=_attributes(deal),
            )
            for deal in Deal.objects.filter(pipeline_id=pipeline_id).select_related(
                "lost_reason", "product", "source", "rep__team"
            )
        ),
    )


def _level(deal: Deal) -> int:
    reason = deal.lost_reason
    return reference.LEVELS.index(reason.level.replace("_", " ") if reason else "unknown")


def _attributes(deal: Deal) -> dict[str, str]:
    source, product, rep = deal.source, deal.product, deal.rep
    return {
        "channel": source.channel if source else "",
        "source": source.name if source else "",
        "product": product.name if product else "",
        "rep": rep.name if rep else "",
        "team": rep.team.name if rep and rep.team else "",
    }
