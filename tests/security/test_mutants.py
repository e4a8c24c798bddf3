"""The table of mutants fits the code and docs/security.md, and taking a mechanism out turns its test red."""

from pathlib import Path

import pytest

from tests.security.mutants import ROOT, Bench, Mutant, MutantError, read_table
from tests.security.test_table import named, rows

MUTANTS = read_table()


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_every_mutant_fits_the_code(mutant: Mutant) -> None:
    assert mutant.apply(ROOT) != (ROOT / "agentos_runtime" / mutant.module).read_text(encoding="utf-8")


def test_every_promise_has_a_mutant_and_names_its_test() -> None:
    assert {mutant.promise for mutant in MUTANTS} == rows().keys()
    strays = [str(each) for each in MUTANTS if each.test.partition("[")[0] not in named(rows()[each.promise][2])]
    assert strays == []


@pytest.mark.slow
def test_a_change_that_breaks_nothing_is_reported_as_not_red(tmp_path: Path) -> None:
    harmless = Mutant(
        promise=0,
        module="suggest.py",
        function="suggest",
        old="def suggest(",
        new="def suggest(",
        test="manifest/test_gone.py",
    )
    assert "stays green" in (Bench(tmp_path).try_mutant(harmless) or "")


def test_a_row_that_does_not_fit_is_an_error() -> None:
    with pytest.raises(MutantError):
        Mutant(0, "suggest.py", "nowhere", "x", "y", "").apply(ROOT)
