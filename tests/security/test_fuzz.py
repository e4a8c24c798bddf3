"""A few seconds of what `scripts/fuzz` does for as long as one likes, from fixed seeds."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.security import fuzz
from tests.security.tally import Tally

INPUTS: Mapping[str, int] = {
    "manifest-bytes": 100,
    "manifest-grammar": 100,
    "programs": 100,
    "params": 500,
    "replies": 40,
    "requests": 100,
    "echoes": 60,
}


@pytest.mark.slow
@pytest.mark.parametrize("target", fuzz.TARGETS)
def test_nothing_is_found_with_the_first_seeds(target: str, tally: Tally) -> None:
    tally.add(f"inputs of {target}", fuzz.fuzz(target, range(INPUTS[target])))


@contextmanager
def broken() -> Iterator[fuzz.Try]:
    def attempt(dice: object) -> None:
        assert str(dice) == "never"

    yield attempt


def test_what_is_found_is_said_with_the_command_that_repeats_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzz, "TARGETS", {"broken": broken})
    with pytest.raises(fuzz.Found, match="scripts/fuzz --target broken --seed 7"):
        fuzz.fuzz("broken", [7])


@pytest.mark.slow
def test_the_script_counts_what_it_tried() -> None:
    command = [sys.executable, "-m", "tests.security.fuzz", "1", "--target", "params", "--first", "0"]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "inputs, nothing found" in done.stdout
