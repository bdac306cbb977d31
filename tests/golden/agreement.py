"""Where do two sets of figures (quarter -> segment -> figures) disagree, by METRICS.md's rule.

Numbers agree within 1e-9 relative or absolute; p-values and chances within 1e-6. Everything else
must be equal: keys, lengths, words, and an empty figure is not 0.
"""

import math

CHANCES = frozenset({"change_p", "change_p_adjusted", "chance_worse"})


def differences(expected: object, actual: object, path: str = "", key: str = "") -> list[str]:
    """One line per differing path, such as `FY2026-Q1/all/stages[2]/lost_at: 3 != 4`."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        lines = [f"{path}/{name}: missing" for name in sorted(expected.keys() - actual.keys())]
        lines += [
            f"{path}/{name}: not expected" for name in sorted(actual.keys() - expected.keys())
        ]
        for name in sorted(expected.keys() & actual.keys()):
            lines += differences(expected[name], actual[name], f"{path}/{name}".lstrip("/"), name)
        return lines
    if isinstance(expected, list) and isinstance(actual, list):
        if len(expected) != len(actual):
            return [f"{path}: {len(expected)} items != {len(actual)}"]
        lines = []
        for number, (one, other) in enumerate(zip(expected, actual, strict=True), start=1):
            lines += differences(one, other, f"{path}[{number}]", key)
        return lines
    if _number(expected) and _number(actual):
        if key in CHANCES:
            same = math.isclose(expected, actual, rel_tol=0, abs_tol=1e-6)
        else:
            same = math.isclose(expected, actual, rel_tol=1e-9, abs_tol=1e-9)
    else:
        same = type(expected) is type(actual) and expected == actual
    return [] if same else [f"{path}: {expected!r} != {actual!r}"]


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
