"""The examples of programs that hold the runtime, as they stand: offline, and without a word on stderr."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.console import PATIENCE

EXAMPLES = Path(__file__).parents[2] / "examples"
SAID = {
    "embed_async.py": [
        "Sunflower seeds, mostly.",
        "One, two, three. (done)",
        "invalid_params: The params of chat do not fit: messages is required",
    ],
    "embed_sync.py": [
        "Tromsø: ['Norway']",
        "Xyzzy: []",
        "One, two, three. (done)",
        "openrouter/chat: 1 calls, 0.000004 dollars",
        "open-meteo/find_place: 2 calls, 0.000000 dollars",
    ],
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SAID)
def test_an_embedding_program_runs_offline_and_leaves_nothing(name: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLES / name)],
        env={"HOME": str(tmp_path / "home"), "TMPDIR": str(tmp_path), "LANG": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == SAID[name]
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("name", SAID)
def test_it_fits_on_a_page(name: str) -> None:
    assert len((EXAMPLES / name).read_text(encoding="utf-8").splitlines()) <= 60
