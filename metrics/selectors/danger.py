"""Danger points as rows: which stage, how bad, and what it cost. Used by several pages."""

from dataclasses import dataclass
from itertools import pairwise

from django.utils.translation import gettext as _

from accounts import formats
from accounts.formats import Style
from metrics.calc.types import SegmentFigures, StageFigures
from metrics.selectors import wording


@dataclass(frozen=True, slots=True)
class DangerRow:
    """One danger point in the short list."""

    position: int
    name: str
    verdict: str
    word: str
    icon: str
    line: str
    worth: str


def stage_steps(now: SegmentFigures) -> tuple[tuple[StageFigures, str], ...]:
    """Each open stage with the name of where its deals go next."""
    named = [(s, "") for s in now.stages]
    out = [(a, b.name) for (a, _), (b, _) in pairwise(named)]
    if now.stages:
        out.append((now.stages[-1], _("Won")))
    return tuple(out)


def danger_rows(now: SegmentFigures, style: Style) -> tuple[DangerRow, ...]:
    """The danger points, worst first, in the fixed order of docs/metrics.md."""
    steps = {s.position: (s, following) for s, following in stage_steps(now)}
    rows = []
    for position in now.danger_order:
        stage, following = steps[position]
        word, icon = wording.verdict_text(stage.verdict)
        rows.append(
            DangerRow(
                position=position,
                name=f"{stage.name} \N{RIGHTWARDS ARROW} {following}",
                verdict=stage.verdict,
                word=word,
                icon=icon,
                line=loss_line(stage, style),
                worth=_worth(stage, style),
            )
        )
    return tuple(rows)


def loss_line(stage: StageFigures, style: Style) -> str:
    """15 of 86 lost (17%), usual 19%: exits of the quarter against the usual."""
    exits = stage.advanced + stage.lost_at
    if not exits:
        return _("No deal left this stage in the quarter")
    usual = usual_loss(stage, style)
    lost = formats.rate_of(stage.lost_at, exits, style)
    if usual:
        return _("{lost} lost on leaving, usual {usual}").format(lost=lost, usual=usual)
    return _("{lost} lost on leaving, no usual yet").format(lost=lost)


def usual_loss(stage: StageFigures, style: Style) -> str:
    """The usual loss as a rate, or its counts under n = 10; empty without one."""
    if stage.usual_advanced is None or stage.usual_lost_at is None:
        return ""
    n = stage.usual_advanced + stage.usual_lost_at
    return formats.rate(stage.usual_lost_at, n, style) if n else ""


def _worth(stage: StageFigures, style: Style) -> str:
    if stage.expected_loss is None:
        return _("Expected loss not computable: too little was won in the last quarters")
    if not stage.lost_at:
        return ""
    return _("Cost up to {money}").format(money=formats.money(stage.expected_loss, style))
