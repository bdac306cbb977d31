"""What other apps say of a deal on its card: registered when the program starts, asked once a page.

The pipeline imports none of them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Remark:
    """What is said on a card. `tone` accent: this deal is to be worked in another way."""

    text: str
    tone: str = ""


@dataclass(frozen=True, slots=True)
class CardTag:
    """One thing to say. `remarks` finds it for deals by their ids, called inside the company:
    in one query, however many deals there are and however much there is to say."""

    name: str
    remarks: Callable[[Sequence[int]], Mapping[int, Remark]]


_TAGS: dict[str, CardTag] = {}


def register(tag: CardTag) -> None:
    """Let something be said on cards; a second time of the same name replaces it."""
    _TAGS[tag.name] = tag


def remarks_of(deal_ids: Sequence[int]) -> dict[int, Remark]:
    """What the cards of these deals say, by deal; those of whom nothing is said are left out."""
    found: dict[int, Remark] = {}
    for tag in _TAGS.values():
        for deal_id, remark in tag.remarks(deal_ids).items():
            said = found.get(deal_id)
            found[deal_id] = remark if said is None else _both(said, remark)
    return found


def _both(one: Remark, other: Remark) -> Remark:
    return Remark(f"{one.text}, {other.text}", max(one.tone, other.tone))
