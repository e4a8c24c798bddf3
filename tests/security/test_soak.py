"""The soak, for a few seconds: the machinery that judges an hour judges this too."""

import os
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any, cast

import pytest

from benchmarks.soak import Sample, Soak, findings
from tests.jq.support import linux_only
from tests.security.tally import Tally

MINUTES = os.environ.get("AGENTOS_TEST_SOAK", "0.04")


@linux_only
@pytest.mark.slow
def test_a_short_soak_is_flat_and_loses_nothing(tally: Tally) -> None:
    command = ["scripts/bench", "soak", "--minutes", MINUTES]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "NO" not in done.stdout
    tally.add("calls of a soak", int(float(MINUTES) * 6000))


FLAT = [Sample(80.0, 60, 2)] * 50
GROWING = [Sample(80.0 + number, 60, 2) for number in range(50)]
LEAKING = [Sample(80.0, 60 + number, 2) for number in range(50)]
SHORT_OF_ONE = [*FLAT, Sample(80.0, 60, 1)]


@pytest.mark.parametrize(
    ("samples", "rows", "kept", "bad"),
    [
        (FLAT, 10, Counter(ok=8, cancelled=2), []),
        (FLAT, 9, Counter(ok=8, cancelled=1), []),
        (GROWING, 10, Counter(ok=8, cancelled=2), ["PSS, MB"]),
        (LEAKING, 10, Counter(ok=8, cancelled=2), ["open files"]),
        (SHORT_OF_ONE, 10, Counter(ok=8, cancelled=2), ["workers"]),
        (FLAT, 9, Counter(ok=7, cancelled=2), ["answers, rows", "calls sent, rows"]),
        (FLAT, 10, Counter(ok=7, cancelled=2, started=1), ["answers, rows"]),
    ],
)
def test_what_grew_or_was_lost_is_found(
    samples: list[Sample], rows: int, kept: Counter[str], bad: list[str]
) -> None:
    run = Soak(cast(Any, None), 1, samples=samples, sent=10, answers=Counter(ok=8, left=2))
    assert [found.name for found in findings(run, rows, kept, 60) if not found.good] == bad
