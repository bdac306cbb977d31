"""What an address of the book of experiments asks for: state, lever, owner, mine, segment, text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from metrics.calc.experiment_states import STATES
from metrics.calc.segments import ALL
from metrics.models import Experiment, Measure
from metrics.selectors.filters import DIMENSIONS, question_from

_KNOWN = ("state", "lever", "owner", "mine", "seg")


@dataclass(frozen=True, slots=True)
class BookQuestion:
    """The understood part of a query string. Empty text or None: any."""

    state: str = ""
    lever: str = ""  # a Measure
    owner: int | None = None
    mine: bool = False
    segment: str = ""
    notices: tuple[str, ...] = ()

    def query(self, **changes: object) -> str:
        """The query string with some answers changed: "?state=..", or "?"."""
        asked = replace(self, **changes)  # type: ignore[arg-type]
        told = [
            ("state", asked.state),
            ("lever", asked.lever),
            ("owner", "" if asked.owner is None else str(asked.owner)),
            ("mine", "1" if asked.mine else ""),
            ("seg", asked.segment),
        ]
        return "?" + urlencode([(name, value) for name, value in told if value])

    @property
    def narrowed(self) -> bool:
        """Does it leave any experiment out?"""
        return self.query() != "?"


def book_question(query: Mapping[str, Sequence[str]]) -> BookQuestion:
    """Read a query string given as name -> values. What cannot be understood is said."""
    rest = {name: values for name, values in query.items() if name not in _KNOWN[:4]}
    # The rules for segments and for unknown names are those of every page of figures.
    read = question_from(rest)
    notices = list(read.notices)
    state, lever, owner = (_last(query, name) for name in ("state", "lever", "owner"))
    if state and state not in STATES:
        notices.append(_("There is no such state; every one is shown."))
        state = ""
    if lever and lever not in Measure.values:
        notices.append(_("There is no such lever; every one is shown."))
        lever = ""
    if owner and not (owner.isascii() and owner.isdecimal() and len(owner) < 10):
        notices.append(_("There is no such owner; everybody's are shown."))
        owner = ""
    segment = _last(query, "seg")
    asked_all = segment == ALL
    if segment and not asked_all and read.segment == ALL:
        notices.append(_("There is no such segment; every one is shown."))
        segment = ""
    parted = any(_last(query, dimension) for dimension in DIMENSIONS)
    return BookQuestion(
        state=state,
        lever=lever,
        owner=int(owner) if owner else None,
        mine=_last(query, "mine") == "1",
        segment=read.segment if (segment and not asked_all) or parted else segment,
        notices=tuple(notices),
    )


def matching(
    found: QuerySet[Experiment], asked: BookQuestion, *, user_id: int | None
) -> QuerySet[Experiment]:
    """The experiments that a question means."""
    if asked.state:
        found = found.filter(state=asked.state)
    if asked.lever:
        found = found.filter(measure=asked.lever)
    if asked.mine:
        found = found.filter(owner_id=user_id)
    if asked.owner is not None:
        found = found.filter(owner_id=asked.owner)
    if asked.segment:
        found = found.filter(segment=asked.segment)
    return found


def _last(query: Mapping[str, Sequence[str]], name: str) -> str:
    return (list(query.get(name) or [""]) or [""])[-1].strip()
