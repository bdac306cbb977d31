"""A material's effect at its stage, ready to print: two rates side by side, and what to make of it.

The arithmetic and its rules are metrics/calc/material_effect.py's.
"""

from dataclasses import dataclass
from datetime import date

import numpy as np
from django.db.models import Max, Min
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import formats
from accounts.formats import Style
from accounts.models import Company
from metrics.calc.calendar import microseconds, quarter_of, quarter_starts
from metrics.calc.history import History, Int32
from metrics.calc.material_effect import MINIMUM, Against, MaterialEffect, material_effect
from metrics.calc.uncertainty import is_thin
from metrics.readers import read_history, stages_of
from pipeline.models import Deal, Material, MaterialUse, Stage


@dataclass(frozen=True, slots=True)
class RateRow:
    """One rate of both sides. `verdict` says it in a sentence; `reason` why there is none."""

    label: str
    had: str  # "70% (14 of 20)"
    similar: str  # "42%"
    similar_n: str
    difference: str  # "+28.0 pts"
    interval: str  # "95% +3.8 to +46.4 pts"
    verdict: str
    tone: str
    thin: bool
    reason: str


@dataclass(frozen=True, slots=True)
class EffectPage:
    """How far the deals of a material went. Without rows `reason` says why."""

    material_id: int
    title: str
    stage: str
    rows: tuple[RateRow, ...]
    notes: tuple[str, ...]
    reason: str


def effect_page(*, company: Company, material_id: int, style: Style) -> EffectPage | None:
    """The effect of a material; None where there is no such material in this company."""
    material: Material | None = (
        Material.objects.select_related("stage").filter(pk=material_id).first()
    )
    if material is None:
        return None
    stage = material.stage
    title = material.title

    def nothing(reason: str) -> EffectPage:
        return EffectPage(material_id, title, str(stage or ""), (), (), reason)

    if stage is None:
        return nothing(
            _("Say at which stage it should help: deals can be compared from there only.")
        )
    found = effect_of(company=company, material_id=material_id, stage=stage)
    if found is None:
        return nothing(_("No deal of this stage's pipeline had it yet."))
    name = _stage_now(stage)
    rows = (
        _row(_("Got past {stage}").format(stage=name), found.past, style),
        _row(_("Won, of those closed"), found.won, style),
    )
    return EffectPage(material_id, title, name, rows, _notes(found, name, style), "")


def effect_of(*, company: Company, material_id: int, stage: Stage) -> MaterialEffect | None:
    """The figures of a material at a stage, as they are now; None where no deal there had it.

    Read are the deals opened in the quarters in which deals that had it were opened: others are
    similar to none of them.
    """
    used = MaterialUse.objects.filter(
        material_id=material_id, deal__pipeline_id=stage.pipeline_id, deal__opened_on__isnull=False
    )
    first = dict(
        used.order_by()
        .values("deal_id")
        .annotate(at=Min("happened_at"))
        .values_list("deal_id", "at")
    )
    if not first:
        return None
    opened = Deal.objects.filter(pk__in=first).aggregate(a=Min("opened_on"), b=Max("opened_on"))
    fiscal = company.fiscal_year_start_month
    start, end = quarter_of(opened["a"], fiscal).start, quarter_of(opened["b"], fiscal).end
    stages = stages_of(pipeline_id=stage.pipeline_id)
    position = dict(stages.codes)[stage.pk]
    if position > len(stages.ids):
        return None  # a terminal stage helps nothing along
    history = read_history(
        company=company, pipeline_id=stage.pipeline_id, stages=stages, start=start, end=end
    )
    history, opened_on = _opened_in(history, start, end)
    quarters = quarter_starts(opened_on, fiscal).astype(np.int64)
    return material_effect(
        history,
        position=position,
        used_at={pk: microseconds(at) for pk, at in first.items()},
        stratum=quarters * len(history.labels["channel"]) + history.channel,
    )


def _opened_in(history: History, start: date, end: date) -> tuple[History, Int32]:
    """The deals opened in [start, end), and the days on which they were."""
    days = history.entered_on[history.visit_start[:-1]]
    first, after = (np.datetime64(day, "D").astype(np.int64) for day in (start, end))
    kept = np.flatnonzero((days >= first) & (days < after))
    return history.take(kept), days[kept]


def _stage_now(stage: Stage) -> str:
    """The name of the stage that stands for this one now."""
    seen = {stage.pk}
    while stage.retired_at is not None and stage.replaced_by is not None:
        if stage.replaced_by_id in seen:
            break
        stage = stage.replaced_by
        seen.add(stage.pk)
    return str(stage.name)


def _row(label: str, found: Against, style: Style) -> RateRow:
    if found.why is not None or found.difference is None or found.interval is None:
        return RateRow(
            label=label,
            had=formats.k_of_n(found.had_k, found.had_n, style) if found.had_n else "",
            similar="",
            similar_n=formats.number(found.similar_n, style) or "",
            difference="",
            interval="",
            verdict="",
            tone="",
            thin=False,
            reason=_reason(found, style),
        )
    low, high = found.interval
    verdict, tone = _("The difference may be chance."), ""
    if low > 0:
        verdict, tone = _("More often than similar deals."), "better"
    elif high < 0:
        verdict, tone = _("Less often than similar deals."), "danger"
    return RateRow(
        label=label,
        had=formats.rate_of(found.had_k, found.had_n, style),
        similar=formats.percent(found.similar_rate, style) or "",
        similar_n=formats.number(found.similar_n, style) or "",
        difference=formats.pts(found.difference, style) or "",
        interval=_("95% {low} to {high}").format(
            low=formats.pts(low, style), high=formats.pts(high, style)
        ),
        verdict=verdict,
        tone=tone,
        thin=is_thin(min(found.had_n, found.similar_n)),
        reason="",
    )


def _reason(found: Against, style: Style) -> str:
    if found.why == "none_had_it":
        return _("No deal that had it in time has a result yet.")
    if found.why == "none_similar":
        return _("No deal without it is of the same channel and quarter.")
    return _(
        "Too few deals to tell: {had} that had it and {similar} similar ones, of {least} each."
    ).format(
        had=formats.number(found.had_n, style),
        similar=formats.number(found.similar_n, style),
        least=formats.number(MINIMUM, style),
    )


def _notes(found: MaterialEffect, stage: str, style: Style) -> tuple[str, ...]:
    """What was left out, and why."""

    def said(one: str, many: str, count: int) -> str:
        text = ngettext(one, many, count)
        return text.format(n=formats.number(count, style), stage=stage) if count else ""

    notes = (
        said(
            "{n} deal had it only after it had left {stage}, and counts among those without.",
            "{n} deals had it only after they had left {stage}, and count among those without.",
            found.late,
        ),
        said(
            "{n} deal had it and never stood in {stage}, or its path is not known.",
            "{n} deals had it and never stood in {stage}, or their path is not known.",
            found.elsewhere,
        ),
        said(
            "{n} deal that had it has no similar one, and is left out.",
            "{n} deals that had it have no similar one, and are left out.",
            found.past.unmatched if found.past.why is None else 0,
        ),
        said(
            "{n} deal still stands in {stage} and has no result.",
            "{n} deals still stand in {stage} and have no result.",
            found.there,
        ),
    )
    return tuple(note for note in notes if note)
