"""When something happened: now, today, yesterday or on another day, in the company's time zone."""

from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from pipeline.forms.fields import DayField
from pipeline.forms.moments import instant_of

NOW, TODAY, YESTERDAY, DAY = "now", "today", "yesterday", "day"
FIRST, SECOND = "0", "1"
EARLIEST = date(1970, 1, 1)


class NoSuchTime(ValueError):
    """The clocks went forward over this time: no clock showed it."""


class TwoSuchTimes(ValueError):
    """The clocks went back over this time: they showed it twice."""


def local_instant(*, day: date, at: time, zone: ZoneInfo, second: bool | None = None) -> datetime:
    """The instant at which clocks in the zone showed this day and time.

    `second` says which one is meant where they showed it twice. Raises NoSuchTime, or
    TwoSuchTimes where that was not said.
    """
    wall = datetime.combine(day, at)
    first, later = (wall.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if first.utcoffset() == later.utcoffset():
        return first
    utc = ZoneInfo("UTC")
    if first.astimezone(utc).astimezone(zone).replace(tzinfo=None) != wall:
        raise NoSuchTime
    if second is None:
        raise TwoSuchTimes
    return later if second else first


class HappenedForm(forms.Form):
    """The fields of a moment; `cleaned_data["happened_at"]` is the instant.

    Without an answer to `when` the day and the time decide; without those it is now. `after` is
    the latest that is known to have happened before.
    """

    when = forms.ChoiceField(
        label=gettext_lazy("It happened"),
        required=False,
        widget=forms.RadioSelect,
        choices=[
            (NOW, gettext_lazy("Now")),
            (TODAY, gettext_lazy("Earlier today")),
            (YESTERDAY, gettext_lazy("Yesterday")),
            (DAY, gettext_lazy("On another day")),
        ],
    )
    day = DayField(label=gettext_lazy("Day"))
    at = forms.TimeField(
        label=gettext_lazy("Time"),
        required=False,
        widget=forms.TimeInput(format="%H:%M", attrs={"type": "time"}),
        help_text=gettext_lazy("Only if it matters."),
    )
    fold = forms.ChoiceField(
        label=gettext_lazy("Which one?"),
        required=False,
        widget=forms.RadioSelect,
        choices=[
            (FIRST, gettext_lazy("The first, before the clocks went back")),
            (SECOND, gettext_lazy("The second, after that")),
        ],
    )

    def __init__(
        self,
        *args: Any,
        now: datetime,
        zone: ZoneInfo,
        after: datetime | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.now, self.zone, self.after = now, zone, after
        self.today = now.astimezone(zone).date()
        self.asks_which = False  # shows the question that a repeated hour raises
        if not self.is_bound:
            self.initial.setdefault("when", NOW)
        self.fields["day"].widget.attrs["max"] = self.today.isoformat()

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or self.cleaned_data
        if self.errors.keys() & {"when", "day", "at", "fold"}:
            return given
        day = self._day(given)
        if "day" in self.errors:
            return given
        if day is not None or (given.get("at") is not None and given.get("when") != NOW):
            given["happened_at"] = self._instant(day or self.today, given)
        else:
            given["happened_at"] = self.now
        return given

    def _day(self, given: dict[str, Any]) -> date | None:
        """The day that is meant; None for now."""
        when = given.get("when")
        if when == NOW:
            return None
        if when in (TODAY, YESTERDAY):
            return self.today - timedelta(days=when == YESTERDAY)
        day: date | None = given.get("day")
        if day is None and when == DAY:
            self.add_error("day", _("Choose the day on which it happened."))
        elif day is not None and day < EARLIEST:
            self.add_error("day", _("This is too long ago. Choose a day after 1970."))
        elif day is not None and day > self.today:
            self.add_error("day", _("This lies in the future. Choose a day that has passed."))
        return day

    def _instant(self, day: date, given: dict[str, Any]) -> datetime | None:
        if given.get("at") is None:
            return instant_of(day=day, at=None, now=self.now, zone=self.zone, after=self.after)
        second = {FIRST: False, SECOND: True}.get(given.get("fold", ""))
        try:
            return local_instant(day=day, at=given["at"], zone=self.zone, second=second)
        except NoSuchTime:
            self.add_error(
                "at",
                _("The clocks went forward that day, so no clock showed this time."),
            )
        except TwoSuchTimes:
            self.asks_which = True
            self.add_error(
                "fold", _("The clocks went back that day, so they showed this time twice.")
            )
        return None
