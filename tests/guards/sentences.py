"""The sentences of the product, as its code and templates mark them for translation.

No GNU gettext is needed: Python is read as a tree, templates through Django's own `templatize`.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from django.utils.translation.template import templatize

from tests.guards.source import ROOT, python_files, tracked

ROOMS = ("accounts", "pipeline", "metrics", "config")
# function -> how many of its first arguments are texts, and whether the first is a context
_CALLS = {
    name: (texts, context)
    for names, texts, context in (
        (("_", "gettext", "gettext_lazy", "gettext_noop"), 1, False),
        (("ngettext", "ngettext_lazy"), 2, False),
        (("pgettext", "pgettext_lazy"), 2, True),
        (("npgettext", "npgettext_lazy"), 3, True),
    )
    for name in names
}
_LITERAL = r"""(?:[uU]?"(?:\\.|[^"\\])*"|[uU]?'(?:\\.|[^'\\])*')"""
_TEMPLATE_CALL = re.compile(
    rf"\b(npgettext|ngettext|pgettext|gettext|_)\(\s*({_LITERAL}(?:\s*,\s*{_LITERAL})*)"
)


class Sentence(NamedTuple):
    """One msgid: its context or "", the text, and the plural or ""."""

    context: str
    text: str
    plural: str


def _sentence(called: str, texts: list[str]) -> Sentence | None:
    wanted, with_context = _CALLS[called]
    if len(texts) < wanted:
        return None
    context = texts.pop(0) if with_context else ""
    return Sentence(context, texts[0], texts[1] if wanted - with_context == 2 else "")


def marking(node: ast.AST) -> str:
    """The name of the gettext function that a node calls; "" where it calls none."""
    if not isinstance(node, ast.Call):
        return ""
    called = node.func
    name = called.id if isinstance(called, ast.Name) else getattr(called, "attr", "")
    return name if name in _CALLS else ""


def in_python(source: str) -> Iterator[Sentence]:
    """What a module marks."""
    for node in ast.walk(ast.parse(source)):
        if (name := marking(node)) and isinstance(node, ast.Call):
            given = [
                arg.value
                for arg in node.args[: _CALLS[name][0]]
                if isinstance(arg, ast.Constant) and isinstance(arg.value, str)
            ]
            if found := _sentence(name, given):
                yield found


def in_template(text: str) -> Iterator[Sentence]:
    """What a template marks, with its per cent signs as Django looks them up."""
    for name, literals in _TEMPLATE_CALL.findall(templatize(text)):
        given = [ast.literal_eval(one) for one in re.findall(_LITERAL, literals)]
        if found := _sentence(name, given):
            yield found


def everywhere() -> dict[Sentence, str]:
    """Every sentence of the product, with one file that it stands in."""
    found: dict[Sentence, str] = {}
    for file in python_files(*ROOMS):
        if "migrations" not in file.parts:
            found |= dict.fromkeys(in_python(file.read_text()), _name(file))
    for file in template_files():
        found |= dict.fromkeys(in_template(file.read_text()), _name(file))
    return found


def template_files() -> list[Path]:
    return [
        f for f in tracked() if f.suffix in (".html", ".txt") and ROOT / "templates" in f.parents
    ]


def _name(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()
