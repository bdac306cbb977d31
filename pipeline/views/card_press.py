"""Hundreds of cards on one page, rendered a handful of times.

Cards differ in a few texts, and in a few choices of the template: whether there is an amount,
how late it is, whether somebody owns it. For each combination of choices the template is
rendered once, with marks where the texts go; a card is then written by one format_html, which
escapes its texts as the template would. That is many times as fast. And most deals are the same
as on the page before: a card is kept by everything that it says.
"""

import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.template.loader import render_to_string
from django.utils.html import escape, format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import get_language

from pipeline.selectors.card_tags import Remark
from pipeline.selectors.deal_rows import Age, DealRow, Owner, Step, Writer

_KEPT = 8_192  # cards that a process remembers, about a kilobyte each

# Nobody can write a mark into a deal or a stage: it is made at every start.
_SECRET = secrets.token_hex(12)
_FIELDS = (
    "id", "version", "name", "about", "amount", "age", "step", "owner", "initials", "tone",
    "remark",
)  # fmt: skip
_MARKS = re.compile(f"({'|'.join(_FIELDS)}){_SECRET}")


@dataclass(frozen=True, slots=True)
class Card:
    """A deal on the board, ready to print. Ages and steps say themselves when they are late."""

    id: int
    version: int
    name: str
    about: str  # customer · source
    amount: str
    age: Age | None
    step: Step | None
    owner: Owner | None
    remark: Remark | None = None  # by other apps, such as its arm in an experiment


# Ages, steps, owners and amounts come again from card to card. None is a lazy translation: to
# find that out takes thrice as long as to escape.
_escaped = lru_cache(maxsize=10_000)(escape.__wrapped__)  # type: ignore[attr-defined]


def _mark(field: str) -> Any:
    return f"{field}{_SECRET}"


@dataclass(frozen=True, slots=True)
class _Choices:
    """What the card's template asks. `age`, `step`, `remark`: tones, None without one."""

    amount: bool
    age: str | None
    step: str | None
    owner: bool
    remark: str | None
    may_move: bool


@lru_cache(maxsize=4096)
def _card_form(language: str, deal_url: str, choices: _Choices) -> tuple[str, tuple[str, ...]]:
    """The format string of the cards that look alike, and the fields that it takes, in order."""
    marked = Card(
        id=_mark("id"),
        version=_mark("version"),
        name=_mark("name"),
        about=_mark("about"),
        amount=_mark("amount") if choices.amount else "",
        age=None if choices.age is None else Age(0, _mark("age"), choices.age),
        step=None if choices.step is None else Step(_mark("step"), choices.step),
        owner=Owner(_mark("owner"), _mark("initials"), _mark("tone")) if choices.owner else None,
        remark=None if choices.remark is None else Remark(_mark("remark"), choices.remark),
    )
    context = {"card": marked, "deal_url": deal_url, "may_move": choices.may_move}
    pieces = _MARKS.split(str(render_to_string("components/deal_card.html", context)))
    texts = [piece.replace("{", "{{").replace("}", "}}") for piece in pieces[::2]]
    return "{}".join(texts), tuple(pieces[1::2])


_NONE = _escaped("")
_pressed: dict[tuple[object, ...], SafeString] = {}


class CardPress:
    """Writes the cards of one page. Without `may_move` they have no way to be moved."""

    def __init__(self, *, writer: Writer, deal_url: str, may_move: bool) -> None:
        self.writer = writer
        self.language = get_language() or "en"
        self.deal_url = deal_url
        self.may_move = may_move
        # What every card of the page says besides its deal; its stage says what is usual there.
        self._page = (self.language, writer.style, writer.today, deal_url, may_move)
        if settings.DEBUG:  # templates are being written
            _card_form.cache_clear()
            _pressed.clear()

    def cards(self, deals: Iterable[tuple[DealRow, Remark | None]]) -> SafeString:
        """The markup of the cards of a column."""
        usual = self.writer.usual
        cards: list[tuple[SafeString]] = []
        for row, remark in deals:
            key = (row, remark, usual.get(row.stage_id or 0), self._page)
            card = _pressed.get(key)
            if card is None:
                if len(_pressed) >= _KEPT:
                    _pressed.clear()
                card = _pressed[key] = self._press(_card(row, remark, self.writer))
            cards.append((card,))
        return format_html_join("", "{}", cards)

    def _press(self, card: Card) -> SafeString:
        age, step, remark = card.age, card.step, card.remark
        choices = _Choices(
            amount=bool(card.amount),
            age=None if age is None else age.tone,
            step=None if step is None else step.tone,
            owner=card.owner is not None,
            remark=None if remark is None else remark.tone,
            may_move=self.may_move,
        )
        form, fields = _card_form(self.language, self.deal_url, choices)
        values = _values(card)
        return format_html(form, *(values[field] for field in fields))


def _card(row: DealRow, remark: Remark | None, writer: Writer) -> Card:
    return Card(
        id=row.id,
        version=row.version,
        name=row.name,
        about=" · ".join(part for part in (row.customer, row.source) if part),
        amount=writer.amount(row),
        age=writer.age(row),
        step=writer.step(row),
        owner=writer.owner(row),
        remark=remark,
    )


def _values(card: Card) -> dict[str, SafeString]:
    """The texts of a card by their fields, escaped."""
    age, step, owner, remark = card.age, card.step, card.owner, card.remark
    return {
        "id": _escaped(card.id),
        "version": _escaped(card.version),
        "name": _escaped(card.name),
        "about": _escaped(card.about),
        "amount": _escaped(card.amount),
        "age": _escaped(age.text) if age else _NONE,
        "step": _escaped(step.text) if step else _NONE,
        "owner": _escaped(owner.name) if owner else _NONE,
        "initials": _escaped(owner.initials) if owner else _NONE,
        "tone": _escaped(owner.tone) if owner else _NONE,
        "remark": _escaped(remark.text) if remark else _NONE,
    }
