"""Figures as plain JSON values and back: by the types that they declare, nothing written twice.

JSON has no infinity: an interval without an end is stored as the text "inf" or "-inf".
"""

import math
import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import date
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints


def encoded(value: Any) -> Any:
    """Dataclasses as dicts, tuples as lists, days as ISO texts. TypeError for anything else."""
    if is_dataclass(value):
        return {part.name: encoded(getattr(value, part.name)) for part in fields(value)}
    if isinstance(value, tuple):
        return [encoded(part) for part in value]
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        if math.isnan(value):
            raise TypeError("what is not a number is told by a reason")
        return "inf" if value > 0 else "-inf"
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise TypeError(f"{type(value).__name__} has no JSON form")


def decoded(kind: Any, value: Any) -> Any:
    """What `encoded` made of a value of this type, by whatever version of the method.

    KeyError where a field is missing that has no value by default, TypeError or ValueError where a
    value is none that the type may have.
    """
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        (inner,) = (part for part in get_args(kind) if part is not type(None))
        return None if value is None else decoded(inner, value)
    if origin is tuple:
        parts = get_args(kind)
        if len(parts) == 2 and parts[1] is Ellipsis:
            return tuple(decoded(parts[0], part) for part in value)
        return tuple(decoded(part, one) for part, one in zip(parts, value, strict=True))
    if is_dataclass(kind):
        return _dataclass(kind, value)
    if kind is date:
        return date.fromisoformat(value)
    if kind is float:
        return float(value)
    if origin is Literal:
        if value not in get_args(kind):
            raise ValueError(f"{value!r} is none of {get_args(kind)}")
        return value
    if kind in (int, str, bool):
        if not isinstance(value, kind):
            raise TypeError(f"{value!r} is no {kind.__name__}")
        return value
    raise TypeError(f"{kind} has no JSON form")


def _dataclass(kind: Any, value: Mapping[str, Any]) -> Any:
    there = {
        name: decoded(hint, value[name])
        for name, hint in _hints(kind).items()
        if name in value or name not in _later(kind)
    }
    return kind(**there)


@cache
def _later(kind: Any) -> frozenset[str]:
    """Fields that came with a later version."""
    return frozenset(part.name for part in fields(kind) if part.default is not MISSING)


@cache
def _hints(kind: Any) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {part.name: hints[part.name] for part in fields(kind)}
