"""How far a deal came: its stages in their order, and how long it is where it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from accounts import formats
from accounts.formats import Style
from pipeline import paths
from pipeline.models import Deal, Stage
from pipeline.selectors.deal_filters import LATE, VERY_LATE


@dataclass(frozen=True, slots=True)
class Step:
    """A stage of the path: `state` is done, jumped, back, now, todo, unknown, won or lost."""

    name: str
    state: str
    said: str  # "done" and the like in words, for those who cannot see the mark
    day: str = ""
    note: str = ""
    tone: str = ""


class DealPath:
    """The path of one deal, told to one reader. `stages` are all of its pipeline's."""

    def __init__(self, deal: Deal, *, stages: Sequence[Stage], style: Style, today: date) -> None:
        self.deal, self.style, self.today = deal, style, today
        self.all_stages = list(stages)
        self.by_id = {stage.pk: stage for stage in stages}
        self.open = sorted(
            (s for s in stages if s.kind == Stage.Kind.OPEN and s.position is not None),
            key=lambda s: s.position or 0,
        )
        self.visits = paths.unpack(bytes(deal.path))

    @property
    def is_open(self) -> bool:
        return bool(self.deal.outcome == Deal.Outcome.OPEN)

    def day(self, value: date) -> str:
        return formats.day(value, self.style, today=self.today)

    def days(self, value: int) -> str:
        return formats.days(value, self.style) or ""

    def standing_for(self, stage_id: int | None) -> Stage | None:
        """A stage, or what stands for it since it was retired."""
        stage = self.by_id.get(stage_id or 0)
        seen = set()
        while stage is not None and stage.retired_at and stage.replaced_by_id:
            if stage.pk in seen:
                break
            seen.add(stage.pk)
            stage = self.by_id.get(stage.replaced_by_id)
        return stage

    def age(self, stage: Stage | None) -> tuple[str, str]:
        """Days in the present stage beside the usual ones, with a tone past them."""
        if not self.is_open or self.deal.stage_entered_on is None:
            return "", ""
        days = max(0, (self.today - self.deal.stage_entered_on).days)
        usual = stage.usual_days if stage else None
        if usual is None:
            return _("{days} in this stage").format(days=self.days(days)), ""
        text = _("{days} in this stage, usual {usual}").format(
            days=self.days(days), usual=formats.number(usual, self.style)
        )
        tone = "danger" if days > VERY_LATE * usual else "watch" if days > LATE * usual else ""
        return text, tone

    def steps(self) -> tuple[Step, ...]:
        """The open stages in their order, and the end. See docs/metrics.md: reached, visited."""
        places = {
            s.pk: found.position
            for s in self.all_stages
            if (found := self.standing_for(s.pk)) is not None
            and found.kind == Stage.Kind.OPEN
            and found.position is not None
        }
        walk = [(on, places.get(stage), self.by_id[stage].kind) for _at, on, stage in self.visits]
        now = places.get(self.deal.stage_id or 0) if self.is_open else None
        reached = self.reached([s.position for s in self.open], walk)
        steps = [
            self.step(stage, reached=reached, walk=walk, now=now)
            for stage in self.open
            if stage.position is not None
        ]
        return (*steps, self.end())

    def reached(
        self, positions: Sequence[int | None], walk: Sequence[tuple[date, int | None, str]]
    ) -> dict[int, date]:
        """The first day on which it stood at or beyond each position, or was won for good."""
        found: dict[int, date] = {}
        for n, position in enumerate(p for p in positions if p is not None):
            if n == 0 and walk:
                found[position] = walk[0][0]
                continue
            days = [on for on, place, _kind in walk if place is not None and place >= position]
            if not days and self.deal.outcome == Deal.Outcome.WON:
                days = [walk[-1][0]]
            if days:
                found[position] = days[0]
        return found

    def step(
        self,
        stage: Stage,
        *,
        reached: dict[int, date],
        walk: Sequence[tuple[date, int | None, str]],
        now: int | None,
    ) -> Step:
        position = stage.position or 0
        if position == now:
            age, tone = self.age(stage)
            entered = self.deal.stage_entered_on
            since = _("since {day}").format(day=self.day(entered)) if entered else ""
            return Step(stage.name, "now", _("It is here"), since, age, tone)
        if not self.deal.path_known and position not in {p for _d, p, _k in walk}:
            return Step(stage.name, "unknown", _("Not known"))
        day = reached.get(position)
        if day is None:
            return Step(stage.name, "todo", _("Not reached"))
        if now is not None and position > now:
            return Step(stage.name, "back", _("Reached before, fell back"), self.day(day))
        if not self.visited(position, walk):
            return Step(stage.name, "jumped", _("Jumped over"), "", _("jumped over"))
        left = next((reached[p] for p in sorted(reached) if p > position), self.deal.closed_on)
        spent = self.days((left - day).days) if left is not None and left >= day else ""
        return Step(stage.name, "done", _("Done"), self.day(day), spent)

    @staticmethod
    def visited(position: int, walk: Sequence[tuple[date, int | None, str]]) -> bool:
        """Did it stand there before it first stood beyond?"""
        for _day, place, _kind in walk:
            if place == position:
                return True
            if place is not None and place > position:
                return False
        return False

    def end(self) -> Step:
        deal = self.deal
        if deal.outcome == Deal.Outcome.WON and deal.closed_on:
            took = self.took()
            return Step(
                pgettext("one deal", "Won"), "won", _("Done"), self.day(deal.closed_on), took
            )
        if deal.outcome == Deal.Outcome.LOST and deal.closed_on:
            return Step(
                pgettext("one deal", "Lost"),
                "lost",
                _("Done"),
                self.day(deal.closed_on),
                self.took(),
            )
        return Step(_("Won or lost"), "todo", _("Not reached"))

    def took(self) -> str:
        deal = self.deal
        if deal.opened_on is None or deal.closed_on is None:
            return ""
        return _("after {days}").format(days=self.days((deal.closed_on - deal.opened_on).days))
