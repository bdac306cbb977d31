"""When the rep's and the buyer's reason for a loss agree."""

import pytest

from metrics.calc.two_voices import Said, agreement, compare
from metrics.calc.uncertainty import wilson


@pytest.mark.parametrize(
    ("rep", "buyer", "mark"),
    [
        (Said("other", 1), Said("other", 1), "same"),
        (Said("other", 1), Said("other"), "same"),
        (Said("other", 1), Said("other", 2), "kind"),
        (Said("competitor", None, 5), Said("competitor", None, 5), "same"),
        (Said("competitor", None, 5), Said("competitor", None, 6), "kind"),
        (Said("competitor", 1, 5), Said("competitor", 2, 5), "kind"),
        (Said("other", 1), Said("no_decision"), "differ"),
        (Said(""), Said("other"), "one_voice"),
        (Said("unknown"), Said("unknown"), "one_voice"),
        (Said("unknown"), Said("other"), "one_voice"),
        (Said("other"), Said(""), "one_voice"),
        (Said("other"), Said("unknown"), "one_voice"),
    ],
)
def test_two_reasons(rep: Said, buyer: Said, mark: str) -> None:
    assert compare(rep, buyer) == mark
    assert compare(buyer, rep) == mark


def test_agreement_counts_the_compared_alone() -> None:
    found = agreement(["same"] * 5 + ["kind"] * 2 + ["differ"] * 2 + ["one_voice"] * 4)
    assert (found.agreed, found.compared, found.apart) == (7, 9, 4)
    assert found.interval is None
    enough = agreement(["same"] * 7 + ["differ"] * 3)
    assert enough.interval == wilson(7, 10)
    assert agreement([]).compared == 0
