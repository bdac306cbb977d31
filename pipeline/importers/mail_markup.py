"""The text of an HTML message. One pass over it, in time that grows with its length alone.

What is left is text: it is stored and shown as such, escaped. A "<" in it was written as &lt;.
"""

import re
from html import unescape

LONGEST = 1_000_000  # characters of markup that are looked at

# Each alternative takes what it has looked at, so nothing is looked at twice.
_TOKEN = re.compile(
    r"<!--.*?(?:-->|\Z)"
    r"|<(?P<silent>script|style|head|title|template|noscript|svg|math|object|iframe|textarea"
    r"|select|xmp|noembed|noframes)\b.*?(?:</(?P=silent)[^<>]*>?|\Z)"
    r"|<(?P<tag>/?[a-z][a-z0-9]*)(?:[^<>\"']|\"[^\"]*\"|'[^']*')*>?"
    r"|<[!?/][^<>]*>?",
    re.IGNORECASE | re.DOTALL,
)
_BREAKING = {
    *("address", "article", "blockquote", "br", "dd", "div", "dl", "dt", "footer", "form"),
    *("h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "ol", "p", "pre"),
    *("section", "table", "tr", "ul"),
}
_FOLLOWED = {"/li", "/tr", "/dd", "/dt"}  # by the next of their kind, which breaks the line
_APART = {"p", "table", "ul", "ol", "blockquote", "h1", "h2", "h3", "h4", "h5", "h6"}


def text_of(markup: str) -> str:
    """The text that a reader of this HTML would see, without any of its markup."""
    pieces: list[str] = []
    at = 0
    source = markup[:LONGEST]
    for found in _TOKEN.finditer(source):
        pieces.append(_spaced(source[at : found.start()]))
        at = found.end()
        tag = (found["tag"] or "").lower()
        name = tag.removeprefix("/")
        if name in _APART:
            pieces.append("\n\n")
        elif name in _BREAKING and tag not in _FOLLOWED:
            pieces.append("\n")
        elif name in {"td", "th"}:
            pieces.append(" ")
        if tag == "li":
            pieces.append("- ")
    pieces.append(_spaced(source[at:]))
    # What stood on both sides of a tag must not make a tag together.
    text = re.sub(r"<(?=[a-zA-Z/!?])", "< ", "".join(pieces))
    lines = [" ".join(line.split()) for line in unescape(text).split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _spaced(text: str) -> str:
    """A line's end in the source of HTML is a space."""
    return text.replace("\r", " ").replace("\n", " ")
