"""What every entry of a timeline has in common: its shape, who reads it, and its words."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_time
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import formats
from accounts.formats import Style
from pipeline.selectors.mail_attachments import Attached

_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Reading:
    """Who reads: how they see numbers and days, and what they may do.

    `sees_records`: also when each entry was recorded. `may_correct`: whose moves: "all", "own"
    or "". `final_before`: the day before which quarters are closed.
    """

    style: Style
    zone: ZoneInfo
    today: date
    user_id: int | None
    sees_records: bool
    may_correct: str
    final_before: date | None


@dataclass(frozen=True, slots=True)
class Text:
    """What somebody wrote. `cut`: it goes on; its whole is at note_id or email_id."""

    body: str
    cut: bool = False
    note_id: int = 0
    email_id: int = 0
    who: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry, ready to print. `struck`: it no longer holds, `replaced` says why."""

    anchor: str
    icon: str
    title: str
    time: str
    who: str
    key: bool = False  # a move: its dot is filled
    tag: str = ""
    tag_tone: str = ""
    struck: bool = False
    replaced: str = ""
    recorded: str = ""
    lines: tuple[str, ...] = ()
    texts: tuple[Text, ...] = ()
    files: tuple[Attached, ...] = ()  # of an e-mail of which some are stored
    correct_id: int = 0
    note_for: int = 0  # a call or meeting without a note
    evidence: str = ""  # how a finding names it: "activity=3", "note=5"
    put_back_id: int = 0  # an e-mail that may go back to the tray: nobody wrote a note about it


def time_of(instant: datetime, reading: Reading) -> str:
    """The company's clock at an instant: 14:05, 2:05 PM."""
    text: str = format_time(
        instant.astimezone(reading.zone), "short", locale=reading.style.babel
    ).replace("\N{NARROW NO-BREAK SPACE}", "\N{NO-BREAK SPACE}")
    return text


def day_of(value: date, reading: Reading) -> str:
    """A day as this reader sees it."""
    return formats.day(value, reading.style, today=reading.today)


def recorded_later(happened: datetime, on: date, recorded: datetime, reading: Reading) -> str:
    """For managers: when it was entered, where that was not when it happened."""
    if not reading.sees_records:
        return ""
    local = recorded.astimezone(reading.zone)
    days = (local.date() - on).days
    if days > 0:
        return ngettext(
            "entered {n} day later, on {day}", "entered {n} days later, on {day}", days
        ).format(n=formats.number(days, reading.style), day=day_of(local.date(), reading))
    if recorded - happened > _HOUR:
        return _("entered at {time}").format(time=time_of(recorded, reading))
    return ""


def said_by(user: Any, elsewhere: bool = False) -> str:
    """Who did it: a person's name, or what brought it here."""
    if user is not None:
        return str(user)
    return _("an import") if elsewhere else _("the product")
