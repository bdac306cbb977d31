"""The moves of a deal in a timeline: corrections, withdrawals and what they replaced."""

from collections.abc import Iterable
from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from pipeline import paths
from pipeline.models import Deal, Stage, StageTransition
from pipeline.selectors.timeline_entry import (
    Entry,
    Reading,
    day_of,
    recorded_later,
    said_by,
    time_of,
)

_ORIGINS = StageTransition.Origin
_FROM_ELSEWHERE = (_ORIGINS.IMPORT, _ORIGINS.LOAD)


class Moves:
    """All transitions of a deal, read at once: each is told by what came before and after."""

    def __init__(self, deal: Deal, reading: Reading) -> None:
        self.reading = reading
        self.stages = {s.pk: s for s in Stage.objects.filter(pipeline_id=deal.pipeline_id)}
        rows = StageTransition.objects.select_related("recorded_by").filter(deal=deal)
        self.rows = {row.pk: row for row in rows}
        history = paths.effective(
            paths.Row(r.pk, r.to_stage_id, r.occurred_at, r.occurred_on, r.replaces_id)
            for r in self.rows.values()
        )
        self.holds = {row.id for row in history}
        self.before: dict[int, int | None] = {}
        for earlier, row in zip([None, *history], history, strict=False):
            self.before[row.id] = earlier.to_stage if earlier else None
        self.heir: dict[int, int] = {}
        for row in self.rows.values():
            if row.replaces_id is not None:
                self.heir[row.replaces_id] = max(row.pk, self.heir.get(row.replaces_id, 0))

    def entries(self, ids: Iterable[int]) -> dict[tuple[str, int], Entry]:
        return {("moves", pk): self.entry(self.rows[pk]) for pk in ids}

    def name(self, stage_id: int | None) -> str:
        stage = self.stages.get(stage_id or 0)
        return stage.name if stage else _("no stage")

    def entry(self, row: StageTransition) -> Entry:
        withdrawal = row.to_stage_id is None
        heir = self.rows.get(self.heir.get(row.pk, 0))
        at = row.recorded_at if withdrawal else row.occurred_at
        elsewhere = row.origin in _FROM_ELSEWHERE
        tag, tone = self.tag(row, struck=heir is not None)
        return Entry(
            anchor=f"move-{row.pk}",
            icon=self.icon(row),
            title=self.title(row),
            time="" if elsewhere and self.by_day(at) else time_of(at, self.reading),
            who=said_by(row.recorded_by, elsewhere),
            key=heir is None and not withdrawal,
            tag=tag,
            tag_tone=tone,
            struck=heir is not None,
            replaced=self.replaced(heir) if heir is not None else "",
            recorded=""
            if withdrawal or elsewhere
            else recorded_later(row.occurred_at, row.occurred_on, row.recorded_at, self.reading),
            lines=self.lines(row),
            correct_id=row.pk if self.may_correct(row, heir) else 0,
        )

    def by_day(self, at: datetime) -> bool:
        """Other systems often tell a day only, which is kept as noon or midnight."""
        local = at.astimezone(self.reading.zone)
        return local.hour in (0, 12) and not local.minute and not local.second

    def icon(self, row: StageTransition) -> str:
        kind = self.kind(row.to_stage_id)
        if row.to_stage_id is None:
            return "undo-2"
        return {"won": "trophy", "lost": "x"}.get(kind, "arrow-right")

    def kind(self, stage_id: int | None) -> str:
        stage = self.stages.get(stage_id or 0)
        return str(stage.kind) if stage else ""

    def title(self, row: StageTransition) -> str:
        if row.to_stage_id is None:
            gone = self.rows.get(row.replaces_id or 0)
            if gone is None or gone.to_stage_id is None:
                return _("Withdrew a move")
            return _("Withdrew the move to {stage} of {day}").format(
                stage=self.name(gone.to_stage_id), day=day_of(gone.occurred_on, self.reading)
            )
        came_from = self.before.get(row.pk, row.from_stage_id)
        to = self.name(row.to_stage_id)
        kind = self.kind(row.to_stage_id)
        if came_from is None:
            return _("Opened in {stage}").format(stage=to)
        if kind in ("won", "lost"):
            return _("{end}, from {stage}").format(end=to, stage=self.name(came_from))
        if self.kind(came_from) in ("won", "lost"):
            return _("Reopened in {stage}: its closing counts no more").format(stage=to)
        return _("{old} → {new}").format(old=self.name(came_from), new=to)

    def tag(self, row: StageTransition, *, struck: bool) -> tuple[str, str]:
        if struck:
            return "", ""
        if row.origin == _ORIGINS.CORRECTION:
            return _("Corrected"), "accent"
        kind = self.kind(row.to_stage_id)
        return {
            "won": (pgettext("one deal", "Won"), "better"),
            "lost": (pgettext("one deal", "Lost"), "danger"),
        }.get(kind, ("", ""))

    def replaced(self, heir: StageTransition) -> str:
        """What stands in for a struck entry: by whom, when and why."""
        said = {
            "who": said_by(heir.recorded_by, heir.origin in _FROM_ELSEWHERE),
            "when": day_of(heir.recorded_at.astimezone(self.reading.zone).date(), self.reading),
            "stage": self.name(heir.to_stage_id),
            "day": day_of(heir.occurred_on, self.reading),
            "time": time_of(heir.occurred_at, self.reading),
            "reason": heir.reason,
        }
        if heir.to_stage_id is None:
            text = _("Withdrawn by {who} on {when}: {reason}")
            bare = _("Withdrawn by {who} on {when}.")
        else:
            text = _("Corrected to {stage}, {day} {time}, by {who} on {when}: {reason}")
            bare = _("Corrected to {stage}, {day} {time}, by {who} on {when}.")
        return (text if heir.reason else bare).format(**said)

    def lines(self, row: StageTransition) -> tuple[str, ...]:
        said = []
        if row.origin == _ORIGINS.CORRECTION and row.replaces_id in self.rows:
            old = self.rows[row.replaces_id]
            said.append(
                _("Instead of {stage}, {day} {time}.").format(
                    stage=self.name(old.to_stage_id),
                    day=day_of(old.occurred_on, self.reading),
                    time=time_of(old.occurred_at, self.reading),
                )
            )
        if row.reason:
            said.append(_("Reason: {reason}").format(reason=row.reason))
        if row.origin in _FROM_ELSEWHERE:
            on = row.recorded_at.astimezone(self.reading.zone).date()
            if on != row.occurred_on:
                said.append(_("Imported on {day}.").format(day=day_of(on, self.reading)))
        return tuple(said)

    def may_correct(self, row: StageTransition, heir: StageTransition | None) -> bool:
        """Offered for what holds, and for a withdrawal that may have been wrong itself."""
        reading = self.reading
        if heir is not None or not reading.may_correct:
            return False
        if row.pk not in self.holds and row.to_stage_id is not None:
            return False
        if reading.may_correct == "all":
            return True
        closed = reading.final_before is not None and row.occurred_on < reading.final_before
        return not closed and row.recorded_by_id == reading.user_id
