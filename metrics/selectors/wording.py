"""Small rows that several pages print, and the words that go with figures.

A `Delta` has a tone (better, worse or none) that the template only passes on: templates never
compare business values. Colour follows what is good for the company, the arrow the direction.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import formats
from accounts.formats import Style
from metrics.calc.types import SegmentFigures, SnapshotStatus

THIN = 20  # under this n a rate is called thin, in words
FEW = formats.RATE_MINIMUM


@dataclass(frozen=True, slots=True)
class Reading:
    """How one reader sees one company's figures.

    `number` and `cycle` are the company's options for N and C (docs/metrics.md#velocity).
    """

    style: Style
    number: str = "average_open"
    cycle: str = "won"


@dataclass(frozen=True, slots=True)
class Delta:
    """A change as it is printed."""

    text: str
    tone: str  # "better", "worse" or ""
    icon: str
    said: str  # the tone in words, for who does not see the colour


@dataclass(frozen=True, slots=True)
class Fact:
    """A term with its figure. `anchor` is its definition, `note` its n, interval or reason."""

    term: str
    anchor: str
    figure: str
    note: str = ""


def delta(text: str | None, change: float | None, *, good: int = 1) -> Delta | None:
    """A change with its tone: `good` is 1 where more is better, -1 where less is, 0 for neither."""
    if text is None or change is None:
        return None
    if not any(c.isdigit() and c != "0" for c in text):
        return Delta(text, "", "minus", _("no change"))
    icon = "arrow-up-right" if change > 0 else "arrow-down-right"
    if good == 0:
        return Delta(text, "", icon, "")
    better = change * good > 0
    return Delta(text, "better" if better else "worse", icon, _("better") if better else _("worse"))


def sentence(template: str, **parts: str | None) -> SafeString:
    """A whole sentence with its figures in bold and unbroken; everything is escaped."""
    bold = {}
    for key, value in parts.items():
        short = len(value or "") < 24 and any(c.isdigit() for c in value or "")
        html = '<strong class="nowrap">{}</strong>' if short else "<strong>{}</strong>"
        bold[key] = format_html(html, value or "")
    return format_html(template, **bold)


def joined(sentences: Sequence[str]) -> SafeString:
    """Sentences one after the other."""
    out = SafeString("")
    for one in sentences:
        out = format_html("{} {}", out, one) if out else format_html("{}", one)
    return out


def deals(n: int, style: Style) -> str:
    """1 deal, 214 deals."""
    return ngettext("{n} deal", "{n} deals", n).format(n=formats.number(n, style))


def status_word(status: SnapshotStatus) -> str:
    """Whether a quarter's figures may still change, in one word."""
    words = {"final": _("Final"), "settling": _("Settling"), "running": _("Running")}
    return words[status]


def status_text(figures: SegmentFigures, style: Style) -> tuple[str, str, str]:
    """(word, tone, until when) of a quarter's figures."""
    day, word = formats.day(figures.as_of, style), status_word(figures.status)
    if figures.status == "final":
        said = _("Final, as things stood on {day}").format(day=day)
        if figures.version > 1:
            said = _("Final, as things stood on {day}, restated (version {version})").format(
                day=day, version=figures.version
            )
        return word, "", said
    if figures.status == "settling":
        return word, "watch", _("Settling: as of {day}, not yet final").format(day=day)
    return word, "accent", _("Running: as of {day}, not the whole quarter").format(day=day)


def empty_reason(figures: SegmentFigures) -> str:
    """Why there is no velocity, as a sentence."""
    reasons = {
        "no_days": _("No day of this quarter has passed yet."),
        "no_closed": _("No deal closed in this quarter."),
        "no_won": _("No deal was won in this quarter."),
        "no_amount": _("No won deal has an amount."),
        "amount_zero": _("The won deals have an amount of zero."),
        "cycle_zero": _("The deals closed on the day they opened, so there is no cycle."),
        "no_deals": _("No deal was open."),
    }
    return reasons[figures.velocity_empty] if figures.velocity_empty else ""


def number_name(option: str) -> str:
    """What N counts, as a heading."""
    names = {
        "average_open": _("Open deals"),
        "in_play": _("Deals in play"),
        "opened": _("Deals opened"),
        "open_at_end": _("Open at the end"),
        "closed": _("Deals closed"),
    }
    return names[option]


def number_note(option: str) -> str:
    """What N counts, in full."""
    notes = {
        "average_open": _("on an average day"),
        "in_play": _("open at the start or opened since"),
        "opened": _("opened in the quarter"),
        "open_at_end": _("open when the quarter ended"),
        "closed": _("won or lost in the quarter"),
    }
    return notes[option]


def number_value(option: str, figures: SegmentFigures, style: Style) -> str | None:
    """N as it is written: one decimal for an average, whole otherwise."""
    if option == "average_open":
        return formats.average(figures.number_of_deals, style)
    return formats.number(figures.number_of_deals, style)


def verdict_text(verdict: str) -> tuple[str, str]:
    """(word, icon) of a danger verdict."""
    words = {
        "danger": (_("Danger"), "triangle-alert"),
        "watch": (_("Watch"), "flag"),
        "healthy": (_("Healthy"), "check"),
        "too_few": (_("Too few deals"), "hourglass"),
    }
    return words[verdict]


def before_text(text: str | None) -> str:
    return _("from {before}").format(before=text) if text else ""


def rate_change(
    now: SegmentFigures, before: SegmentFigures | None, style: Style
) -> tuple[Delta | None, str]:
    """Change of the win rate; none where either side has too few deals for a rate."""
    if before is None or now.win_rate is None or before.win_rate is None:
        return None, ""
    was = formats.rate(before.won, before.closed, style)
    if min(now.closed, before.closed) < FEW:
        return None, before_text(was)
    change = now.win_rate - before.win_rate
    return delta(formats.pts(change, style), change), before_text(was)


def relative(old: float | None, new: float | None, style: Style, *, good: int = 1) -> Delta | None:
    change = None if old is None or new is None else new - old
    return delta(formats.change(old, new, style), change, good=good)


def comparable(now: SegmentFigures, before: SegmentFigures | None) -> SegmentFigures | None:
    """The quarter before, where the two may be compared: never with an incomplete first one."""
    if before is None or now.first or before.first:
        return None
    return before
