"""Text compared without accents and case, in the database and in Python alike.

PostgreSQL does this with what every build of it has: no extension. Letters outside ASCII that
carry no accent are lowered as far as the database's collation knows them; `spellings` asks for
their usual other cases too.
"""

import unicodedata

from django.db.models import CharField, Func, Q

from pipeline.models.searched import folded_sql

TEXT_LENGTH = 100  # of what is searched for; the rest is left out
WORDS = 6


class Folded(Func):
    """A text column without accents and in small letters: "Émile" is "emile"."""

    template = folded_sql("%(expressions)s")
    output_field = CharField()


def plain(text: str) -> str:
    """What can be looked for of what was typed: printable, one space between words, not long."""
    kept = "".join(c if c.isprintable() else " " for c in text[: 4 * TEXT_LENGTH] if not _half(c))
    return " ".join(kept.split())[:TEXT_LENGTH].strip()


def _half(letter: str) -> bool:
    return "\ud800" <= letter <= "\udfff"


def fold(text: str) -> str:
    """The same as Folded, in Python."""
    return _unmarked(text).lower()


def _unmarked(text: str) -> str:
    parts = unicodedata.normalize("NFKD", text)
    return "".join(c for c in parts if not "\u0300" <= c <= "\u036f")


def words_of(text: str) -> tuple[str, ...]:
    """The words that are looked for, each once."""
    return tuple(dict.fromkeys(fold(plain(text)).split()))[:WORDS]


def spellings(word: str) -> tuple[str, ...]:
    """A folded word as folded columns may hold it, where the database lowers ASCII alone."""
    if word.isascii():
        return (word,)
    return tuple(dict.fromkeys((word, word.upper(), word.capitalize())))


def either(word: str, *columns: str, lookup: str = "contains") -> Q:
    """Does one of the folded columns hold the word (or start with it, or equal it)?"""
    found = Q()
    for column in columns:
        for spelling in spellings(word):
            found |= Q(**{f"{column}__{lookup}": spelling})
    return found


def every_word(words: tuple[str, ...], *columns: str) -> Q:
    """Each word stands in one of the folded columns."""
    found = Q()
    for word in words:
        found &= either(word, *columns)
    return found
