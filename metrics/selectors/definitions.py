"""docs/metrics.md as safe HTML, so that each figure's name leads to what it means.

The page is our own text, in the small part of Markdown that it uses: headings with a fixed
anchor (`## Velocity {#velocity}`), paragraphs, one level of list, tables, and **bold**, `code`
and [links](#anchor) inside them. Everything is escaped first; nothing else is understood.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

SOURCE = Path(__file__).resolve().parents[2] / "docs" / "metrics.md"

_HEADING = re.compile(r"^(#{2,3}) (.+?) \{#([a-z0-9-]+)\}$")
_CODE = re.compile(r"`([^`]+)`")
_BOLD = re.compile(r"\*\*([^*]+)\*\*")
_LINK = re.compile(r"\[([^\]]+)\]\((#[a-z0-9-]+)\)")


@dataclass(frozen=True, slots=True)
class Definitions:
    """The rendered text, and its main headings as (anchor, words)."""

    html: SafeString
    headings: tuple[tuple[str, str], ...]


@lru_cache(maxsize=1)
def definitions_text() -> Definitions:
    """The project's definitions, read once per process."""
    return render(SOURCE.read_text(encoding="utf-8"))


@lru_cache(maxsize=1)
def terms() -> tuple[tuple[str, str], ...]:
    """Every heading of the definitions with its text, in plain words: for files."""
    out: list[tuple[str, list[str]]] = []
    for block in _blocks(SOURCE.read_text(encoding="utf-8")):
        found = _HEADING.match(block[0])
        if found is not None:
            out.append((_plain(found[2]), []))
        elif out:
            out[-1][1].append(_plain(" ".join(block)))
    return tuple((name, "\n".join(lines)) for name, lines in out if lines)


def _plain(words: str) -> str:
    for mark in (_CODE, _BOLD, _LINK):
        words = mark.sub(r"\1", words)
    return words


def render(source: str) -> Definitions:
    """Render a text of the kind above. ValueError for a heading without an anchor."""
    headings: list[tuple[str, str]] = []
    out = []
    for block in _blocks(source):
        first = block[0]
        if first.startswith("# "):
            continue  # the page has its own title
        if first.startswith("#"):
            found = _HEADING.match(first)
            if found is None:
                raise ValueError(f"a heading without an anchor: {first}")
            level, words, anchor = len(found[1]), found[2], found[3]
            if level == 2:
                headings.append((anchor, words))
            out.append(_heading(level, words, anchor))
        elif first.startswith("- "):
            items = "".join(f"<li>{_inline(line[2:])}</li>" for line in block)
            out.append(f"<ul>{items}</ul>")
        elif first.startswith("|"):
            out.append(_table(block))
        else:
            out.append(f"<p>{_inline(' '.join(block))}</p>")
    # Every piece was escaped in _inline before markup was put around it.
    return Definitions(mark_safe("\n".join(out)), tuple(headings))  # noqa: S308


def _blocks(source: str) -> Iterator[list[str]]:
    """Runs of lines between blank ones; a heading is a run of its own."""
    block: list[str] = []
    for line in [*source.splitlines(), ""]:
        if line.startswith("#") or not line.strip():
            if block:
                yield block
                block = []
            if line.startswith("#"):
                yield [line.strip()]
        else:
            block.append(line.strip())


def _heading(level: int, words: str, anchor: str) -> str:
    return (
        f'<h{level} id="{anchor}">{_inline(words)}<a class="anchor" href="#{anchor}"'
        f' aria-label="{escape(words)}, link">#</a></h{level}>'
    )


def _table(block: list[str]) -> str:
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in block]
    head, body = rows[0], rows[2:]
    heads = "".join(f'<th scope="col">{_inline(cell)}</th>' for cell in head)
    lines = "".join(
        "<tr>" + "".join(f"<td>{_inline(cell)}</td>" for cell in row) + "</tr>" for row in body
    )
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(head[0])}">'
        f'<table class="tbl tight"><thead><tr>{heads}</tr></thead><tbody>{lines}</tbody></table>'
        "</div>"
    )


def _inline(words: str) -> str:
    safe = str(escape(words))
    safe = _CODE.sub(r"<code>\1</code>", safe)
    safe = _BOLD.sub(r"<strong>\1</strong>", safe)
    return _LINK.sub(r'<a href="\2">\1</a>', safe)
