"""What the team wrote into the review of a quarter: its summary and the bets of the next one."""

from dataclasses import dataclass
from datetime import date

from metrics.models import QuarterReview

BETS = 3


@dataclass(frozen=True, slots=True)
class Written:
    """The written part. Nothing written yet is version 0; `bets` always has three places."""

    id: int | None
    summary: str
    bets: tuple[str, ...]
    version: int
    changed_by: str
    changed_on: date | None

    @property
    def named(self) -> tuple[str, ...]:
        """The bets that were filled in."""
        return tuple(bet for bet in self.bets if bet)


def written_of(*, pipeline_id: int | None, start: date) -> Written:
    """The written part of the quarter that begins on `start`: one query."""
    row: QuarterReview | None = (
        QuarterReview.objects.select_related("changed_by", "company")
        .filter(pipeline_id=pipeline_id, quarter_start=start)
        .first()
    )
    if row is None:
        return Written(None, "", ("",) * BETS, 0, "", None)
    bets = [str(bet) for bet in row.bets][:BETS]
    return Written(
        id=row.pk,
        summary=row.summary,
        bets=(*bets, *("",) * (BETS - len(bets))),
        version=row.version,
        changed_by=str(row.changed_by.name or row.changed_by.email) if row.changed_by else "",
        changed_on=row.company.local_day(row.company.clock(row.changed_at)),
    )
