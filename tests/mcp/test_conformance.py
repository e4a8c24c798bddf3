"""The protocol's own conformance suite, where `scripts/conformance` has installed it."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentos_runtime.server.limits import Limits
from tests.mcp.lab import Lab, lab

INSTALLED = Path(__file__).parents[2] / "build" / "node" / "node_modules"
SUITE = INSTALLED / "@modelcontextprotocol" / "conformance" / "dist" / "index.js"
EXPECTED = Path(__file__).with_name("expected-failures.yml")


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A service that takes its time for one of its tools, and a server that tells of progress early."""
    pace = Limits(progress_after=0.02, progress_every=0.02, call_grace=2)
    with lab(tmp_path_factory.mktemp("suite"), pace=pace, slow=lambda: time.sleep(0.5)) as it:
        yield it


@pytest.mark.skipif(not SUITE.exists(), reason="the suite is not installed here: scripts/conformance does that")
@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("revision", ["2026-07-28", "2025-11-25"])
def test_what_a_revision_requires_passes_but_for_what_is_listed(slow: Lab, tmp_path: Path, revision: str) -> None:
    """The suite's exit says so; also of what is listed and passes."""
    command = [INSTALLED / ".bin" / "node", SUITE, "server", "--url", f"{slow.house.server.url}/mcp"]
    command += ["--requirements", revision, "--expected-failures", EXPECTED, "--output-dir", tmp_path]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=280)
    assert "=== SUMMARY ===" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 0, done.stdout.partition("=== SUMMARY ===")[2]
