"""What a figure's deals are called, and the sentence that defines them."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from accounts import formats
from accounts.formats import Style
from metrics.selectors import wording
from metrics.selectors.drill import FoundDeals
from metrics.selectors.filters import segment_text
from pipeline.models import Competitor, LostReason
from pipeline.selectors.settings_catalogues import level_text


@dataclass(frozen=True, slots=True)
class DrillWords:
    """The page in words: what is listed, where, how many; its definition and where it stands."""

    title: str  # Lost at Proposal in Q3 FY27, Inbound: 15 deals
    definition: str
    anchor: str
    warning: str  # the figures are being recomputed; empty where they are up to date
    notes: tuple[str, ...]


# figure -> (anchor in docs/metrics.md)
_ANCHORS = {
    "usual_advanced": "usual",
    "usual_lost_at": "usual",
    "usual_exits": "usual",
    "advanced": "exit-conversion",
    "lost_at": "exit-conversion",
    "exits": "exit-conversion",
    "value_lost": "value-lost",
    "value_lost_without_amount": "value-lost",
    "days": "time-in-stage",
    "entered": "kaplan-meier",
    "open_deals": "weighted-pipeline",
    "cohort_reached": "funnel",
    "cohort_lost": "funnel",
    "cohort_pending": "funnel",
    "cohort_open": "funnel",
    "cohort_won": "funnel",
    "cohort_path_unknown": "history",
    "path_unknown": "history",
    "rate_missing": "history",
    "won_with_amount": "average-deal-size",
    "won_without_amount": "average-deal-size",
    "lost_with_amount": "win-rate-by-value",
    "open_at_end_without_amount": "amount-open-at-end",
    "cycle_won": "cycle",
    "cycle_closed": "cycle",
}


def drill_words(*, found: FoundDeals, quarter: str, style: Style, pipeline: str = "") -> DrillWords:
    """The words of a list. `quarter` is the label that was asked for, `pipeline` the name where one
    has to be named."""
    asked = found.asked
    where = formats.quarter(quarter, pipeline)
    what = _names()[asked.figure].format(stage=found.stage, quarter=where)
    parts = [what, *_narrowing(found)]
    if found.segment != "all":
        parts.insert(1, segment_text(found.segment))
    title = _("{what}: {deals}").format(
        what=", ".join(parts), deals=wording.deals(found.count, style)
    )
    return DrillWords(
        title=title,
        definition=_definitions()[asked.figure],
        anchor=_ANCHORS.get(asked.figure, "counts"),
        warning=_(
            "Deals have changed since the figures were computed. The figures are being recomputed,"
            " so this list and the page may differ for a moment."
        )
        if found.behind
        else "",
        notes=tuple(_notes(found, style)),
    )


def _narrowing(found: FoundDeals) -> list[str]:
    asked, said = found.asked, []
    if asked.level:
        said.append(level_text(asked.level.replace(" ", "_")))
    if asked.reason is not None:
        said.append(_named(LostReason, "detail", asked.reason) or _("No reason recorded"))
    if asked.competitor is not None:
        said.append(_named(Competitor, "name", asked.competitor) or _("No competitor named"))
    return said


def _named(model: type[LostReason] | type[Competitor], field: str, pk: int) -> str:
    rows: Sequence[str] = list(model.objects.filter(pk=pk).values_list(field, flat=True))
    return rows[0] if rows else ""


def _notes(found: FoundDeals, style: Style) -> list[str]:
    said = []
    if found.quarters:
        newest = found.quarters[-1]
        day = formats.day(newest.as_of, style)
        if found.asked.today:
            said.append(_("The deals as they stand today, {day}.").format(day=day))
        elif len(found.quarters) > 1:
            said.append(
                _("Each quarter as it stood at its close; a deal counts once in each quarter.")
            )
        else:
            said.append(_("The deals as they stood on {day}.").format(day=day))
        if found.asked.figure == "open_at_end" and newest.version > 1:
            said.append(
                _(
                    "The page keeps the amount of open deals as it was when the quarter first"
                    " closed; the sum here is of what the deals say now."
                )
            )
    return said


def _names() -> dict[str, str]:
    return {
        "opened": _("Opened in {quarter}"),
        "won": _("Won in {quarter}"),
        "lost": _("Lost in {quarter}"),
        "closed": _("Closed in {quarter}"),
        "in_play": _("In play in {quarter}"),
        "open_at_start": _("Open when {quarter} began"),
        "open_at_end": _("Open at the end of {quarter}"),
        "open_at_end_without_amount": _("Open at the end of {quarter} without an amount"),
        "path_unknown": _("In play in {quarter}, imported without their path"),
        "rate_missing": _("In play in {quarter}, without a rate for their currency"),
        "won_with_amount": _("Won in {quarter} with an amount"),
        "won_without_amount": _("Won in {quarter} without an amount"),
        "lost_with_amount": _("Lost in {quarter} with an amount"),
        "cycle_won": _("Won in {quarter}"),
        "cycle_closed": _("Closed in {quarter}"),
        "cohort_won": _("Opened in {quarter} and won"),
        "cohort_path_unknown": _("Opened in {quarter}, imported without their path"),
        "cohort_reached": _("Opened in {quarter} and reached {stage}"),
        "cohort_lost": _("Opened in {quarter} and lost at {stage}"),
        "cohort_pending": _("Opened in {quarter} and still under way at {stage}"),
        "cohort_open": _("Opened in {quarter} and still under way"),
        "advanced": _("Got past {stage} in {quarter}"),
        "lost_at": _("Lost at {stage} in {quarter}"),
        "exits": _("Left {stage} in {quarter}"),
        "value_lost": _("Lost at {stage} in {quarter} with an amount"),
        "value_lost_without_amount": _("Lost at {stage} in {quarter} without an amount"),
        "days": _("Left {stage} in {quarter} after standing in it"),
        "entered": _("Reached {stage} in {quarter} and stood in it"),
        "open_deals": _("Open at the end of {quarter} with {stage} as the furthest stage"),
        "usual_advanced": _("Got past {stage} in the quarters before {quarter}"),
        "usual_lost_at": _("Lost at {stage} in the quarters before {quarter}"),
        "usual_exits": _("Left {stage} in the quarters before {quarter}"),
    }


def _definitions() -> dict[str, str]:
    lost_at = _("Lost in the quarter, with this as the furthest stage that they reached.")
    usual = _(
        "The four quarters before, without the company's first: a deal that came back counts"
        " once in each."
    )
    cycle_closed = _("Won or lost in the quarter: the deals whose cycle is counted.")
    return {
        "opened": _("Deals whose first day lies in the quarter."),
        "won": _("Deals that were won in the quarter and had not come back by its close."),
        "lost": _("Deals that were lost in the quarter and had not come back by its close."),
        "closed": _("Deals won or lost in the quarter."),
        "in_play": _("Deals open at the start of the quarter, or opened in it."),
        "open_at_start": _("Opened before the quarter, and not closed before it."),
        "open_at_end": _("Opened before the end of the quarter, and not closed before it."),
        "open_at_end_without_amount": _("Open at the end of the quarter; no sum has them."),
        "path_unknown": _("Only their opening, state and closing are known, so no stage has them."),
        "rate_missing": _("Their amount is in a currency whose rate of that month is missing."),
        "won_with_amount": _("Won deals that have an amount: the average deal size is theirs."),
        "won_without_amount": _("Won deals that the average deal size leaves out."),
        "lost_with_amount": _("Lost deals that have an amount."),
        "cycle_won": _("Won in the quarter: the deals whose cycle is counted."),
        "cycle_closed": cycle_closed,
        "cohort_won": _("Of the deals opened in the quarter, those won, then or since."),
        "cohort_path_unknown": _("Opened in the quarter, but no stage of them is known."),
        "cohort_reached": _(
            "Of the deals opened in the quarter, those that got at least this far."
        ),
        "cohort_lost": _(
            "Of the deals opened in the quarter, those lost with this furthest stage."
        ),
        "cohort_pending": _(
            "Of the deals opened in the quarter, those still open, no further yet."
        ),
        "cohort_open": _("Of the deals opened in the quarter, those still open."),
        "advanced": _("Deals that got past the stage for the first time, in the quarter."),
        "lost_at": lost_at,
        "exits": _("Deals that got past the stage in the quarter, or were lost at it."),
        "value_lost": _("Deals lost at the stage in the quarter whose amount is known."),
        "value_lost_without_amount": _("Deals lost at the stage that the amount lost leaves out."),
        "days": _(
            "Deals that left the stage in the quarter. Who jumped over it has no days in it."
        ),
        "entered": _("Deals that came into the stage in the quarter, those still inside included."),
        "open_deals": _("Open deals that the weighted pipeline counts at this stage."),
        "usual_advanced": usual,
        "usual_lost_at": usual,
        "usual_exits": usual,
    }
