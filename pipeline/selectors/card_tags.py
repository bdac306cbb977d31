"""What other apps say of a deal on its card: registered when the program starts, read along.

The pipeline imports none of them. What is said comes as an expression over the deals that the
board reads anyway, so that it asks no query more, however much there is to say.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Remark:
    """What is said on a card. `tone` accent: this deal is to be worked in another way."""

    text: str
    tone: str = ""


@dataclass(frozen=True, slots=True)
class CardTag:
    """One thing to say. `expression` makes a condition-free expression over deals (in it,
    OuterRef("pk") is the deal), called inside the company; `words` turns its value into a
    remark, None for nothing to say."""

    name: str
    expression: Callable[[], Any]
    words: Callable[[Any], Remark | None]


_TAGS: dict[str, CardTag] = {}


def register(tag: CardTag) -> None:
    """Let something be said on cards; a second time of the same name replaces it."""
    _TAGS[tag.name] = tag


def annotated(deals: Any) -> tuple[Any, tuple[str, ...]]:
    """The deals with what is registered as columns, and the names of those."""
    found = {f"tag_{tag.name}": tag.expression() for tag in _TAGS.values()}
    return deals.annotate(**found), tuple(found)


def remark_of(values: Sequence[Any]) -> Remark | None:
    """What a card says, from the columns of `annotated` in their order; None for nothing."""
    said = [tag.words(value) for tag, value in zip(_TAGS.values(), values, strict=True)]
    found = [remark for remark in said if remark is not None]
    if len(found) < 2:
        return found[0] if found else None
    tones = {remark.tone for remark in found}
    return Remark(", ".join(remark.text for remark in found), max(tones))
