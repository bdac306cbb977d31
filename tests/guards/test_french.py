"""The French is whole: every sentence of the product has one, with the same holes, compiled."""

import gettext
import re
from functools import cache

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po

from tests.guards.sentences import Sentence, everywhere, in_python, in_template
from tests.guards.source import ROOT

FRENCH = ROOT / "locale" / "fr" / "LC_MESSAGES"
_HOLES = re.compile(r"\{(\w+)\}|%\((\w+)\)")


@cache
def catalogue() -> Catalog:
    with (FRENCH / "django.po").open("rb") as file:
        return read_po(file, locale="fr")


def translated() -> dict[Sentence, Message]:
    """What the catalogue translates, by sentence."""
    found = {}
    for message in catalogue():
        if message.id:
            texts = message.id if isinstance(message.id, tuple) else (message.id, "")
            found[Sentence(message.context or "", *texts)] = message
    return found


def faults(sentence: Sentence, message: Message | None) -> list[str]:
    """What is wrong with a sentence's French."""
    if message is None:
        return ["is not in the catalogue"]
    said = message.string if isinstance(message.string, tuple) else (message.string,)
    if not all(said) or len(said) != (2 if sentence.plural else 1):
        return ["has no French"]
    if message.fuzzy:
        return ["is a guess (fuzzy)"]
    allowed = holes(sentence.text) | holes(sentence.plural)
    for text in said:
        if holes(text) - allowed or (not sentence.plural and holes(text) != allowed):
            return [f"has other holes than its French: {text}"]
    return []


def holes(text: str) -> set[str]:
    return {one or other for one, other in _HOLES.findall(text)}


def test_every_sentence_has_its_french() -> None:
    sentences, french = everywhere(), translated()
    assert len(sentences) > 3000
    found = {
        f"{file}: {sentence.text}": said
        for sentence, file in sentences.items()
        if (said := faults(sentence, french.get(sentence)))
    }
    assert found == {}, "docs/how-to/add-a-page.md says how the French is made"


def test_the_catalogue_holds_nothing_else() -> None:
    assert set(translated()) - set(everywhere()) == set()


def test_what_is_read_is_what_was_written() -> None:
    """django.mo is django.po, compiled."""
    with (FRENCH / "django.mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)._catalog  # type: ignore[attr-defined]
    written = {}
    for sentence, message in translated().items():
        key = f"{sentence.context}\x04{sentence.text}" if sentence.context else sentence.text
        if sentence.plural:
            written |= {(key, place): text for place, text in enumerate(message.string)}
        else:
            written[key] = message.string
    assert {key: text for key, text in compiled.items() if key} == written


def message(string: object, *, fuzzy: bool = False, plural: bool = False) -> Message:
    made = Message(("{n} deal", "{n} deals") if plural else "{n} deals", string)
    return made if not fuzzy else Message(made.id, string, flags={"fuzzy"})


@pytest.mark.parametrize(
    ("sentence", "french", "fault"),
    [
        (Sentence("", "{n} deals", ""), None, "not in the catalogue"),
        (Sentence("", "{n} deals", ""), message(""), "no French"),
        (Sentence("", "{n} deals", ""), message("{n} affaires", fuzzy=True), "fuzzy"),
        (Sentence("", "{n} deals", ""), message("{m} affaires"), "other holes"),
        (Sentence("", "{n} deals", ""), message("des affaires"), "other holes"),
        (Sentence("", "{n} deal", "{n} deals"), message(("{n} affaire", ""), plural=True), "no F"),
    ],
)
def test_the_guard_sees_what_is_missing(
    sentence: Sentence, french: Message | None, fault: str
) -> None:
    assert fault in " ".join(faults(sentence, french))


def test_the_guard_lets_pass_what_is_whole() -> None:
    assert faults(Sentence("", "{n} deals", ""), message("{n} affaires")) == []
    whole = message(("une affaire", "{n} affaires"), plural=True)
    assert faults(Sentence("", "{n} deal", "{n} deals"), whole) == []


def test_sentences_are_found_in_code_and_in_templates() -> None:
    assert set(in_python('_("a " "b"); pgettext("c", "d"); ngettext("e", "f", n); _(g)')) == {
        Sentence("", "a b", ""),
        Sentence("c", "d", ""),
        Sentence("", "e", "f"),
    }
    text = (
        '{% load i18n %}{% translate "a" context "c" %}{% if x == _("b") %}{% endif %}'
        "{% blocktranslate count n=n trimmed %}{{ n }} deal\n{% plural %}{{ n }} deals"
        "{% endblocktranslate %}"
    )
    assert set(in_template(text)) == {
        Sentence("c", "a", ""),
        Sentence("", "b", ""),
        Sentence("", "%(n)s deal", "%(n)s deals"),
    }
