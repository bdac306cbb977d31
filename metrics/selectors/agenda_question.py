"""What the agenda's address asks for: state, owner, mine, segment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from django.utils.translation import gettext as _

from metrics.calc.danger_states import STATES
from metrics.calc.segments import ALL
from metrics.selectors.filters import question_from


@dataclass(frozen=True, slots=True)
class AgendaQuestion:
    """The understood part of a query string."""

    state: str = ""  # "" asks for those that are worked on
    owner: int | None = None
    mine: bool = False
    segment: str = ""  # "" asks for every segment
    notices: tuple[str, ...] = ()

    def query(self, **changes: object) -> str:
        """The query string with some answers changed: "?state=..", or "?"."""
        asked = replace(self, **changes)  # type: ignore[arg-type]
        told = [
            ("state", asked.state),
            ("owner", "" if asked.owner is None else str(asked.owner)),
            ("mine", "1" if asked.mine else ""),
            ("seg", asked.segment),
        ]
        return "?" + urlencode([(name, value) for name, value in told if value])


def agenda_question(query: Mapping[str, Sequence[str]]) -> AgendaQuestion:
    """Read a query string given as name -> values. What cannot be understood is said."""
    known = ("state", "owner", "mine", "seg")
    rest = {name: values for name, values in query.items() if name not in known[:3]}
    # The rules for segments and for unknown names are those of every page of figures.
    read = question_from(rest)
    notices = list(read.notices)
    state, owner = _last(query, "state"), _last(query, "owner")
    if state and state not in STATES:
        notices.append(_("There is no such state; those that are worked on are shown."))
        state = ""
    if owner and not (owner.isascii() and owner.isdecimal() and len(owner) < 10):
        notices.append(_("There is no such owner; everybody's are shown."))
        owner = ""
    segment = _last(query, "seg")
    if segment and read.segment == ALL != segment:
        notices.append(_("There is no such segment; every one is shown."))
        segment = ""
    return AgendaQuestion(
        state=state,
        owner=int(owner) if owner else None,
        mine=_last(query, "mine") == "1",
        segment=read.segment if segment else "",
        notices=tuple(notices),
    )


def _last(query: Mapping[str, Sequence[str]], name: str) -> str:
    return (list(query.get(name) or [""]) or [""])[-1].strip()
