"""Refusals in the reader's language: those of the rules, and what two people wrote at once."""

from collections.abc import Iterable
from datetime import datetime

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from accounts.errors import DomainError
from pipeline.rules import Refused


def refuse(refused: Refused | None) -> None:
    """Raise what a rule refused as a DomainError with its translated sentence; None passes.

    The rules are pure and know English alone; their sentences are marked there for translation.
    """
    if refused is not None:
        values = {name: _written(value) for name, value in refused.values}
        raise DomainError(_(refused.template).format(**values))


def both_values(facts: Iterable[tuple[str, str, str]]) -> str:
    """What stands there now and what was sent, of every fact: (its word, theirs, yours).

    "amount is 200 now, you wrote 300; rep is Ada now, you wrote empty". Empty for no facts.
    """
    sentence = _("{fact} is {theirs} now, you wrote {yours}")
    return "; ".join(
        sentence.format(fact=fact, theirs=theirs or _("empty"), yours=yours or _("empty"))
        for fact, theirs, yours in facts
    )


def _written(value: object) -> str:
    return date_format(value, "j F Y") if isinstance(value, datetime) else str(value)
