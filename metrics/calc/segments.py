"""Which segments exist, how they are named, and how counts per attribute add up to them.

Definitions: docs/metrics.md, "Segments": `all`, each of five dimensions, and any two of them in
the order channel, source, product, rep, team. Every deal is in 1 + 5 + 10 segments. Counting is
done once per distinct combination of the five attributes and rolled up from there.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from metrics.calc.history import DIMENSIONS, Bool, History, Int32, Int64

ALL = "all"
UNKNOWN = "unknown"
FAMILIES: tuple[tuple[str, ...], ...] = (
    (),
    *((dimension,) for dimension in DIMENSIONS),
    *combinations(DIMENSIONS, 2),
)

# A text may itself look like the start of a second part ("A&rep=B"); its "&" is then written
# %26, so that a name always reads back as it was meant. Any other text stands as it is.
_PART = rf"(?={'|'.join(f'{dimension}=' for dimension in DIMENSIONS)})"
_DANGEROUS = re.compile(rf"&{_PART}")
_ESCAPED = re.compile(rf"%26{_PART}")
_LITERAL = re.compile(rf"%(?=(?:25)*26(?:{'|'.join(f'{d}=' for d in DIMENSIONS)}))")
_LITERAL_ESCAPED = re.compile(rf"%25(?=(?:25)*26(?:{'|'.join(f'{d}=' for d in DIMENSIONS)}))")


def segment_name(parts: Iterable[tuple[str, str]]) -> str:
    """The name of a segment: `all`, `channel=inbound`, `channel=inbound&product=Course`."""
    ordered = sorted(parts, key=lambda part: DIMENSIONS.index(part[0]))
    return "&".join(f"{dimension}={_escape(text)}" for dimension, text in ordered) or ALL


def parse_segment(name: str) -> tuple[tuple[str, str], ...]:
    """The parts of a segment's name, in order; `all` has none. ValueError for no segment's name."""
    if name == ALL:
        return ()
    parts: list[tuple[str, str]] = []
    for piece in _DANGEROUS.split(name):
        dimension, equals, text = piece.partition("=")
        if dimension not in DIMENSIONS or not equals or not text.strip():
            raise ValueError(f"no segment is called {name!r}")
        parts.append((dimension, _LITERAL_ESCAPED.sub("%", _ESCAPED.sub("&", text))))
    positions = [DIMENSIONS.index(dimension) for dimension, _ in parts]
    if len(parts) > 2 or positions != sorted(set(positions)):
        raise ValueError(f"no segment is called {name!r}")
    return tuple(parts)


def _escape(text: str) -> str:
    return _DANGEROUS.sub("%26", _LITERAL.sub("%25", text))


@dataclass(frozen=True)
class SegmentIndex:
    """u distinct combinations of attributes and the S segments that they belong to.

    `of[family, combination]` is a segment's number; segments are numbered family by family, and
    within a family by the codes of its attributes.
    """

    labels: dict[str, tuple[str, ...]]
    combination: Int64  # [n] the combination of each deal
    of: Int32  # [families, u]
    family: Int32  # [S]
    codes: Int32  # [S, 2] codes of the parts, -1 where there is none

    @property
    def combinations(self) -> int:
        """u, the number of distinct combinations."""
        return int(self.of.shape[1])

    @property
    def size(self) -> int:
        """S, the number of segments."""
        return len(self.family)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of all segments, by number."""
        # Each text is escaped once, not once per segment that it appears in.
        part = {
            dimension: [segment_name([(dimension, text)]) for text in self.labels[dimension]]
            for dimension in DIMENSIONS
        }
        found = []
        for number, (first, second) in zip(self.family.tolist(), self.codes.tolist(), strict=True):
            family = FAMILIES[number]
            if not family:
                found.append(ALL)
            elif len(family) == 1:
                found.append(part[family[0]][first])
            else:
                found.append(f"{part[family[0]][first]}&{part[family[1]][second]}")
        return tuple(found)

    @cached_property
    def _membership(self) -> csr_matrix:
        u = self.combinations
        columns = np.tile(np.arange(u), len(FAMILIES))
        ones = np.ones(len(columns))
        return csr_matrix((ones, (self.of.ravel(), columns)), shape=(self.size, u))

    def roll_up(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """[S, columns] sums over each segment, from [u, columns] per combination."""
        sums: npt.NDArray[np.float64] = self._membership @ values
        return sums


def segment_index(history: History) -> SegmentIndex:
    """The segments of a history: those that at least one of its deals belongs to."""
    columns, labels = [], {}
    for dimension in DIMENSIONS:
        codes, texts = _canonical(getattr(history, dimension), history.labels[dimension])
        columns.append(codes)
        labels[dimension] = texts
    sizes = [len(labels[dimension]) for dimension in DIMENSIONS]
    present, combination = _distinct(columns, sizes)
    u = len(present[0])

    of = np.zeros((len(FAMILIES), u), np.int32)
    families, codes_of, total = [], [], 0
    for number, family in enumerate(FAMILIES):
        chosen = [DIMENSIONS.index(dimension) for dimension in family]
        keys, inverse = _distinct(
            [present[c] for c in chosen] or [np.zeros(u, np.int32)],
            [sizes[c] for c in chosen] or [1],
        )
        of[number] = inverse + total
        count = len(keys[0])
        parts = np.full((count, 2), -1, np.int32)
        for place in range(len(family)):
            parts[:, place] = keys[place]
        families.append(np.full(count, number, np.int32))
        codes_of.append(parts)
        total += count
    return SegmentIndex(labels, combination, of, np.concatenate(families), np.concatenate(codes_of))


def in_segment(history: History, name: str) -> Bool:
    """[n] which deals belong to a segment. ValueError for what is no segment's name."""
    mask = np.ones(history.size, np.bool_)
    for dimension, text in parse_segment(name):
        codes, texts = _canonical(getattr(history, dimension), history.labels[dimension])
        mask &= codes == (texts.index(text) if text in texts else -1)
    return mask


def _canonical(codes: Int32, labels: tuple[str, ...]) -> tuple[Int32, tuple[str, ...]]:
    """Codes and labels with equal texts made one: two rows of one name are one segment."""
    trimmed = [label.strip() or UNKNOWN for label in labels]
    texts = (UNKNOWN, *sorted(set(trimmed) - {UNKNOWN}))
    if texts == labels:
        return codes, texts
    number = {text: code for code, text in enumerate(texts)}
    table = np.array([number[text] for text in trimmed], np.int32)
    table[:1] = 0  # code 0 is "no value", whatever its label says
    return table[codes], texts


def _distinct(columns: list[Int32], sizes: list[int]) -> tuple[list[Int32], Int64]:
    """The distinct rows of some code columns, in order, and which of them each row is."""
    span = 1
    for size in sizes:
        span *= size
    if span >= 2**62:
        raise ValueError("too many values of the attributes to combine")
    key = np.zeros(len(columns[0]), np.int64)
    for column, size in zip(columns, sizes, strict=True):
        key = key * size + column
    inverse: Int64
    if span <= 4 * len(key) + 4096:
        seen = np.zeros(span, np.bool_)
        seen[key] = True
        keys = np.flatnonzero(seen)
        number = np.zeros(span, np.int64)
        number[keys] = np.arange(len(keys))
        inverse = number[key]
    else:
        keys, inverse = np.unique(key, return_inverse=True)
    parts: list[Int32] = []
    for size in reversed(sizes):
        parts.append((keys % size).astype(np.int32))
        keys = keys // size
    return parts[::-1], inverse
