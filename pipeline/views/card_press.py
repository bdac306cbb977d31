"""Hundreds of cards on one page, rendered a handful of times.

Cards differ in a few texts, and in a few choices of the template: whether there is an amount,
how late it is, whether somebody owns it. For each combination of choices the template is
rendered once, with marks where the texts go; every card of that combination is then written by
format_html, which escapes its texts as the template would. That is many times as fast.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.middleware.csrf import get_token
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.translation import get_language

from pipeline.forms.fields import new_key
from pipeline.models import Stage
from pipeline.selectors.board import Card
from pipeline.selectors.deal_rows import Age, Owner, Step
from pipeline.selectors.moves_allowed import StageChoice
from pipeline.views.deal_move import MoveMenu, move_menu

# Nobody can write a mark into a deal or a stage: it is made at every start.
_SECRET = secrets.token_hex(12)
_FIELDS = (
    "id",
    "version",
    "name",
    "about",
    "amount",
    "age",
    "step",
    "owner",
    "initials",
    "tone",
    "key",
    "token",
)


def _mark(field: str) -> Any:
    return f"{field}{_SECRET}"


@dataclass(frozen=True, slots=True)
class _Choices:
    """What the card's template asks. `age` and `step` are tones, None where there is none."""

    amount: bool
    age: str | None
    step: str | None
    owner: bool


@lru_cache(maxsize=4096)
def _card_form(language: str, deal_url: str, choices: _Choices, menu: MoveMenu | None) -> str:
    """The format string of the cards that look alike, with the menu of their stage."""
    marked = Card(
        id=_mark("id"),
        version=0,
        name=_mark("name"),
        about=_mark("about"),
        amount=_mark("amount") if choices.amount else "",
        age=None if choices.age is None else Age(0, _mark("age"), choices.age),
        step=None if choices.step is None else Step(_mark("step"), choices.step),
        owner=Owner(_mark("owner"), _mark("initials"), _mark("tone")) if choices.owner else None,
    )
    context = {
        "card": marked,
        "deal_url": deal_url,
        "menu": menu,
        "csrf_token": _mark("token"),
    }
    form = str(render_to_string("components/deal_card.html", context))
    form = form.replace("{", "{{").replace("}", "}}")
    for field in _FIELDS:
        form = form.replace(_mark(field), f"{{{field}}}")
    return form


class CardPress:
    """Writes the cards of one page. Without `may_move` they have no menu.

    What is rendered depends on the language, the addresses and the stages alone, so it is kept
    for the next page too; the token of the forms and their keys are this page's own.
    """

    def __init__(
        self, request: HttpRequest, *, stages: Sequence[Stage], deal_url: str, may_move: bool
    ) -> None:
        in_use = [s for s in stages if s.kind == Stage.Kind.OPEN and s.retired_at is None]
        self.choices = tuple(
            StageChoice(s.pk, s.name, str(n) if n < 10 else "") for n, s in enumerate(in_use, 1)
        )
        slug = request.company.slug  # type: ignore[attr-defined]
        self.menu = move_menu(slug=slug, deal_id=0, version=0, targets=(), key=_mark("key"))
        self.language = get_language() or "en"
        self.token = get_token(request)
        self.key = new_key()
        self.deal_url = deal_url
        self.may_move = may_move
        self.menus: dict[int, MoveMenu] = {}
        if settings.DEBUG:  # templates are being written
            _card_form.cache_clear()

    def card(self, card: Card, stage_id: int) -> str:
        """The markup of one card in the column of a stage."""
        age, step, owner = card.age, card.step, card.owner
        choices = _Choices(
            bool(card.amount),
            None if age is None else age.tone,
            None if step is None else step.tone,
            owner is not None,
        )
        menu = self._menu(stage_id) if self.may_move else None
        return format_html(
            _card_form(self.language, self.deal_url, choices, menu),
            id=card.id,
            version=card.version,
            key=self.key,
            token=self.token,
            name=card.name,
            about=card.about,
            amount=card.amount,
            age=age.text if age else "",
            step=step.text if step else "",
            owner=owner.name if owner else "",
            initials=owner.initials if owner else "",
            tone=owner.tone if owner else "",
        )

    def _menu(self, stage_id: int) -> MoveMenu:
        """The menu of the deals of one stage, with marks in place of a deal."""
        if stage_id not in self.menus:
            self.menus[stage_id] = self.menu.stamped(
                deal_id=_mark("id"),
                version=_mark("version"),
                targets=tuple(c for c in self.choices if c.id != stage_id),
            )
        return self.menus[stage_id]
