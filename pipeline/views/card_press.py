"""Hundreds of cards on one page, rendered a handful of times.

Cards differ in a few texts, and in a few choices of the template: whether there is an amount,
how late it is, whether somebody owns it. For each combination of choices the template is
rendered once, with marks where the texts go; all cards of a column are then written by one
format_html, which escapes their texts as the template would. That is many times as fast.
"""

import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.template.loader import render_to_string
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language

from pipeline.selectors.board import Card
from pipeline.selectors.card_tags import Remark
from pipeline.selectors.deal_rows import Age, Owner, Step

# Nobody can write a mark into a deal or a stage: it is made at every start.
_SECRET = secrets.token_hex(12)
_FIELDS = (
    "id", "version", "name", "about", "amount", "age", "step", "owner", "initials", "tone",
    "remark",
)  # fmt: skip
_MARKS = re.compile(f"({'|'.join(_FIELDS)}){_SECRET}")

# Most texts come again, on this page and on the next. None is a lazy translation: to find that
# out takes thrice as long as to escape.
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


class CardPress:
    """Writes the cards of one page. Without `may_move` they have no way to be moved.

    What is rendered depends on the language and the addresses alone, so it is kept for the next
    page too.
    """

    def __init__(self, *, deal_url: str, may_move: bool) -> None:
        self.language = get_language() or "en"
        self.deal_url = deal_url
        self.may_move = may_move
        self._forms: dict[Any, tuple[str, tuple[str, ...]]] = {}
        if settings.DEBUG:  # templates are being written
            _card_form.cache_clear()

    def cards(self, cards: Iterable[Card]) -> SafeString:
        """The markup of the cards of a column."""
        forms: list[str] = []
        texts: list[str] = []
        for card in cards:
            form, fields = self._form(card)
            values = _values(card)
            forms.append(form)
            texts += [values[field] for field in fields]
        return format_html("".join(forms), *texts) if forms else format_html("{}", "")

    def _form(self, card: Card) -> tuple[str, tuple[str, ...]]:
        """Looked up by the bare choices first: hashing them costs less than making them."""
        age, step, remark = card.age, card.step, card.remark
        key = (
            bool(card.amount),
            None if age is None else age.tone,
            None if step is None else step.tone,
            card.owner is not None,
            None if remark is None else remark.tone,
        )
        if key not in self._forms:
            choices = _Choices(*key, self.may_move)
            self._forms[key] = _card_form(self.language, self.deal_url, choices)
        return self._forms[key]


def _values(card: Card) -> dict[str, str]:
    """The texts of a card by their fields; escaped already, format_html takes them as they are."""
    age, step, owner, remark = card.age, card.step, card.owner, card.remark
    return {
        "id": _escaped(card.id),
        "version": _escaped(card.version),
        "name": _escaped(card.name),
        "about": _escaped(card.about),
        "amount": _escaped(card.amount),
        "age": _escaped(age.text) if age else "",
        "step": _escaped(step.text) if step else "",
        "owner": _escaped(owner.name) if owner else "",
        "initials": _escaped(owner.initials) if owner else "",
        "tone": _escaped(owner.tone) if owner else "",
        "remark": _escaped(remark.text) if remark else "",
    }
