"""What may become of a danger point: which state follows which, and what that needs."""

from typing import Literal

State = Literal["watching", "working", "resolved", "dismissed"]
Refusal = Literal["no_state", "ended", "reason"]

OPEN: tuple[State, ...] = ("watching", "working")
ENDED: tuple[State, ...] = ("resolved", "dismissed")
STATES: tuple[State, ...] = (*OPEN, *ENDED)

# One that has ended is opened again before it ends otherwise, so that its log says why.
_MOVES: dict[State, tuple[State, ...]] = {
    "watching": ("working", "resolved", "dismissed"),
    "working": ("resolved", "watching", "dismissed"),
    "resolved": ("working", "watching"),
    "dismissed": ("working", "watching"),
}


def moves(state: State) -> tuple[State, ...]:
    """The states that may follow this one, the likeliest first."""
    return _MOVES[state]


def refusal(state: State, to: str, *, reason: str) -> Refusal | None:
    """Why this change is refused: no such state, ended already, or a reason is missing.

    None where it is allowed. Whoever dismisses a danger point says why; nothing else needs it.
    """
    if to not in STATES:
        return "no_state"
    if to not in _MOVES[state]:
        return "ended"
    if to == "dismissed" and not reason.strip():
        return "reason"
    return None
