"""A report as PDF, on A4, with its pictures.

Typst sets a fixed page description (`review.typ`); the report comes to it as JSON and its texts
are strings there, never markup: what people typed cannot become a command.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import typst

from metrics.reports.document import Item, Report, Section, Table

_ROOM = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Picture:
    """A drawing as an SVG file, and what it shows for who does not see it."""

    svg: str
    alt: str


@dataclass(frozen=True, slots=True)
class Words:
    """What stands on every page, in the reader's language: `page` has {n} and {total}."""

    page: str
    footer: str


def write_pdf(
    report: Report, *, pictures: Mapping[str, Picture], words: Words, png: bool = False
) -> bytes:
    """The file. The same report gives the same bytes: there is no moment of making in it.

    `png` gives the first page as an image instead, for a look at it. Raises `typst.TypstError`
    where a picture is no SVG.
    """
    told = json.dumps(_told(report, pictures, words), ensure_ascii=False)
    made: Any = typst.compile(
        (_ROOM / "review.typ").read_bytes(),
        root=str(_ROOM),
        font_paths=_fonts(),
        format="png" if png else "pdf",
        ppi=110 if png else None,
        sys_inputs={"report": told},
        timestamp=0,
    )
    return bytes(made[0] if isinstance(made, list) else made)


@lru_cache(maxsize=1)
def _fonts() -> Any:
    """The page's own font; a script that it does not cover falls back to the machine's."""
    return typst.Fonts(include_system_fonts=True, font_paths=[str(_ROOM / "fonts")])


def _told(report: Report, pictures: Mapping[str, Picture], words: Words) -> dict[str, Any]:
    return {
        "title": report.title,
        "company": report.company,
        "language": report.language.split("-")[0],
        "direction": report.direction,
        "lines": report.lines,
        "warnings": report.warnings,
        "summary": report.summary,
        "sections": [_section(section, pictures) for section in report.sections],
        "signature": report.signature,
        "footer": words.footer,
        "words": {"page": words.page},
    }


def _section(section: Section, pictures: Mapping[str, Picture]) -> dict[str, Any]:
    drawn = [pictures[name] for name in section.pictures if name in pictures]
    return {
        "title": section.title,
        "sentences": section.sentences,
        "pictures": [{"svg": one.svg, "alt": one.alt} for one in drawn],
        "table": _table(section.table) if section.table and section.table.rows else None,
        "items": [_item(one) for one in section.items],
        "notes": section.notes,
    }


def _table(table: Table) -> dict[str, Any]:
    return {
        "columns": [{"name": c.name, "numeric": c.numeric} for c in table.page_columns],
        "rows": [
            [
                {"text": cell.text, "tone": cell.tone, "strong": place == 0}
                for place, (_column, cell) in enumerate(row)
            ]
            for row in table.page_rows
        ],
        "note": table.note,
    }


def _item(item: Item) -> dict[str, Any]:
    return {
        "title": item.title,
        "tag": item.tag,
        "tone": item.tone,
        "lines": item.lines,
        "quotes": [{"text": one.text, "source": one.source} for one in item.quotes],
    }
