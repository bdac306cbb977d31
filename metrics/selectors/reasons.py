"""Why deals were lost at a stage: first level, the company's own reasons, competitors.

Each line is a number of deals and links to them. Beside it stands how often the same reason was
given in the quarters that are usual for this one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from django.utils.translation import gettext as _

from accounts import formats
from accounts.formats import Style
from accounts.models import Company
from metrics.calc.calendar import Quarter
from metrics.calc.drill import NoSuchFigureError, deals_behind
from metrics.calc.history import LOST_LEVELS, Bool, Float, Int64
from metrics.readers import read_losses
from metrics.selectors import wording
from metrics.selectors.drill_query import Drill
from metrics.selectors.figures import default_pipeline, usual_starts
from metrics.selectors.quarter_deals import QuarterDeals, quarter_deals
from pipeline.models import Competitor, LostReason
from pipeline.selectors.settings_catalogues import level_text


@dataclass(frozen=True, slots=True)
class ReasonLine:
    """The deals lost for one reason. `query` is the address of the list of them."""

    name: str
    deals: int
    share: str
    amount: str
    usual: str
    query: str
    details: tuple["ReasonLine", ...] = ()


@dataclass(frozen=True, slots=True)
class StageReasons:
    """The losses of a stage in a quarter, the most frequent reason first.

    `levels` add up to all losses, and the details of a level to it; `competitors` are those
    named, whatever the level, and need not.
    """

    stage: str
    title: str
    total: int
    query: str
    levels: tuple[ReasonLine, ...]
    competitors: tuple[ReasonLine, ...]
    usual_note: str
    behind: bool


@dataclass(frozen=True, slots=True)
class _Losses:
    """Lost deals by level, reason and competitor; amounts are NaN where there is none."""

    level: Int64
    reason: Int64
    competitor: Int64
    amount: Float


def stage_reasons(
    *,
    company: Company,
    quarter: Quarter,
    segment: str,
    at: int,
    now: datetime,
    style: Style,
    pipeline_id: int | None = None,
    pipeline: int | None = None,
    pipeline_name: str = "",
) -> StageReasons | None:
    """The losses of stage `at`; None where the quarter has no such stage or no figures.

    `pipeline` is what the links to deals say of it, and `pipeline_name` what the title does: None
    and "" for the one shown first.

    ValueError for what is no segment's name.
    """
    pipeline_id = pipeline_id or default_pipeline(company=company)
    if pipeline_id is None:
        return None
    usual = usual_starts(company=company, start=quarter.start, pipeline_id=pipeline_id)
    found = quarter_deals(
        company=company,
        pipeline_id=pipeline_id,
        starts=[*usual, quarter.start],
        segment=segment,
        now=now,
    )
    own = [one for one in found if one.quarter.start == quarter.start]
    before = [one for one in found if one.quarter.start != quarter.start]
    if not own or not 1 <= at <= len(own[0].stages):
        return None
    losses, usually = _losses(company, own, segment, at), _losses(company, before, segment, at)
    writer = _Writer(losses, usually, quarter.label, segment, at, style, pipeline)
    stage = own[0].stages[at - 1]
    return StageReasons(
        stage=stage,
        title=_("Lost at {stage} in {quarter}: {deals}").format(
            stage=stage,
            quarter=formats.quarter(quarter.label, pipeline_name),
            deals=wording.deals(len(losses.level), style),
        ),
        total=len(losses.level),
        query=writer.query(),
        levels=writer.levels(),
        competitors=writer.competitors(),
        usual_note=_(
            "Usually: of the deals lost here in the quarters from {first} to {last}."
        ).format(
            first=formats.quarter(before[0].quarter.label),
            last=formats.quarter(before[-1].quarter.label),
        )
        if before
        else "",
        behind=own[0].behind,
    )


def _losses(company: Company, quarters: Sequence[QuarterDeals], segment: str, at: int) -> _Losses:
    """The losses of several quarters together, a deal once in each."""
    ids, levels, amounts = [], [], []
    for one in quarters:
        try:
            deals = deals_behind(one.work, "lost_at", segment=segment, at=at)
        except NoSuchFigureError:
            continue
        ids.append(one.work.history.deal_id[deals])
        levels.append(one.work.history.lost_level[deals].astype(np.int64))
        amounts.append(one.work.amount[deals])
    empty = np.zeros(0, np.int64)
    wanted = np.concatenate([empty, *ids])
    rising, place = np.unique(wanted, return_inverse=True)
    reason, competitor = read_losses(company=company, deal_ids=rising)
    return _Losses(
        np.concatenate([empty, *levels]),
        reason[place],
        competitor[place],
        np.concatenate([np.zeros(0), *amounts]),
    )


class _Writer:
    """From counts to lines; the names of reasons and competitors are read once."""

    def __init__(
        self,
        now: _Losses,
        usual: _Losses,
        quarter: str,
        segment: str,
        at: int,
        style: Style,
        pipeline: int | None,
    ) -> None:
        self._now, self._usual = now, usual
        self._quarter, self._segment, self._at, self._style = quarter, segment, at, style
        self._pipeline = pipeline
        reasons, competitors = set(now.reason.tolist()), set(now.competitor.tolist())
        self._reasons: Mapping[int, str] = dict(
            LostReason.objects.filter(pk__in=reasons).values_list("id", "detail")
        )
        self._competitors: Mapping[int, str] = dict(
            Competitor.objects.filter(pk__in=competitors).values_list("id", "name")
        )

    def query(
        self, *, level: str | None = None, reason: int | None = None, competitor: int | None = None
    ) -> str:
        drill = Drill("lost_at", at=self._at, level=level, reason=reason, competitor=competitor)
        return drill.query(quarter=self._quarter, segment=self._segment, pipeline=self._pipeline)

    def levels(self) -> tuple[ReasonLine, ...]:
        lines, none = [], _("No reason recorded").casefold()
        for number, level in enumerate(LOST_LEVELS):
            of_level, usually = self._now.level == number, self._usual.level == number
            if not of_level.any():
                continue
            details = [
                self._line(
                    self._reasons.get(reason) or _("No reason recorded"),
                    of_level & (self._now.reason == reason),
                    usually & (self._usual.reason == reason),
                    self.query(level=level, reason=reason),
                )
                for reason in np.unique(self._now.reason[of_level]).tolist()
            ]
            name = level_text(level.replace(" ", "_"))
            # One reason that only repeats its level says nothing more.
            if len(details) == 1 and details[0].name.casefold() in (name.casefold(), none):
                details = []
            line = self._line(name, of_level, usually, self.query(level=level), _sorted(details))
            lines.append(line)
        return _sorted(lines)

    def competitors(self) -> tuple[ReasonLine, ...]:
        return _sorted(
            [
                self._line(
                    name,
                    self._now.competitor == pk,
                    self._usual.competitor == pk,
                    self.query(competitor=pk),
                )
                for pk, name in self._competitors.items()
            ]
        )

    def _line(
        self,
        name: str,
        chosen: Bool,
        usually: Bool,
        query: str,
        details: tuple[ReasonLine, ...] = (),
    ) -> ReasonLine:
        style, n, of_usual = self._style, int(chosen.sum()), len(self._usual.level)
        amounts = self._now.amount[chosen]
        has = ~np.isnan(amounts)
        amount = float(amounts[has].sum()) if has.any() else None
        return ReasonLine(
            name=name,
            deals=n,
            share=formats.rate(n, len(self._now.level), style),
            amount=formats.money(amount, style) or _("no amounts"),
            usual=formats.rate(int(usually.sum()), of_usual, style) if of_usual else "",
            query=query,
            details=details,
        )


def _sorted(lines: Sequence[ReasonLine]) -> tuple[ReasonLine, ...]:
    return tuple(sorted(lines, key=lambda line: (-line.deals, line.name.casefold())))
