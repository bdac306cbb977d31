"""The faults of mutants.py can still be planted: their places are in the code, exactly once."""

import ast

import pytest

from tests.guards.mutants import MUTANTS, Mutant
from tests.guards.source import ROOT


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.name)
def test_the_fault_can_be_planted(mutant: Mutant) -> None:
    source = (ROOT / mutant.file).read_text()
    assert source.count(mutant.old) == 1, mutant.file
    changed = source.replace(mutant.old, mutant.new, 1)
    assert changed != source
    ast.parse(changed)
    for test in (*mutant.tests, *mutant.survivors):
        assert (ROOT / test.partition("::")[0]).exists(), test


def test_each_wall_is_broken_once() -> None:
    files = {m.file for m in MUTANTS}
    assert "accounts/tenancy/row_security.py" in files
    assert "accounts/tenancy/models.py" in files
    assert "accounts/middleware.py" in files
    assert sum(1 for m in MUTANTS if m.survivors) >= 2
