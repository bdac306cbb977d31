"""When do two computations of the same figure agree: docs/metrics.md, "Agreement"."""

import math

TOLERANCE = 1e-9  # amounts, rates and days, relative or absolute
CHANCE_TOLERANCE = 1e-6  # p-values and chances, absolute


def agree(one: object, other: object, *, chance: bool = False) -> bool:
    """Whether two figures are the same. An empty figure (None) agrees with nothing but itself.

    Numbers within 1e-9 relative or absolute; with `chance`, within 1e-6. A truth value is not a
    number, and anything else must be equal.
    """
    if _is_number(one) and _is_number(other):
        assert isinstance(one, int | float)
        assert isinstance(other, int | float)
        if chance:
            return math.isclose(one, other, rel_tol=0.0, abs_tol=CHANCE_TOLERANCE)
        return math.isclose(one, other, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    return type(one) is type(other) and one == other


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
