"""The console in a real browser, which the Python of `build/clients` drives: one run, a test for each scenario."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.console.conftest import CANARY, opened
from tests.console.schemas import any_case
from tests.console.stripping import PREFIX, stripping
from tests.server.client import ask

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / "build" / "clients" / "bin" / "python"
DRIVE = Path(__file__).parent / "browser" / "drive.py"
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
NAMES = re.findall(r"^def (\w+)\(world: World\)", (DRIVE.parent / "scenarios.py").read_text(encoding="utf-8"), re.M)
CASES = 1000

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="no chromium is installed"),
    pytest.mark.skipif(not PYTHON.exists(), reason="scripts/install clients makes the browser's driver"),
]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What each scenario found wrong."""
    random = Random(20261128)
    limits = {"agents": {"asker": {"ask_person": ["forms/*"]}}}
    with (
        stripping() as proxy,
        opened(
            tmp_path_factory.mktemp("browser"),
            limits=limits,
            allowed_hosts=(f"127.0.0.1:{proxy.server_port}",),
        ) as it,
    ):
        proxy.target = it.port
        ask(it, "POST", "/api/skills/forms/look", {}, {"X-Agent": "night-batch"})
        waits = {"X-Agent": "asker", "Prefer": "respond-async"}
        for extra in ("short", "long" * 500):
            params = {"title": "A", "kind": "task", "extra": {"text": extra}}
            assert ask(it, "POST", "/api/skills/forms/every_kind", params, waits).status == 202
        told: dict[str, Any] = {
            "browser": BROWSER,
            "url": it.url,
            "links": [it.link() for _ in range(7)],
            "proxied": f"http://127.0.0.1:{proxy.server_port}{PREFIX}/console/",
            "canary": CANARY,
            "cases": [any_case(random) for _ in range(CASES)],
        }
        done = subprocess.run(
            [PYTHON, DRIVE],
            input=json.dumps(told),
            capture_output=True,
            text=True,
            timeout=110,
            env=dict(os.environ),
        )
        assert done.returncode == 0, done.stderr[-2000:]
        yield json.loads(done.stdout)


@pytest.mark.parametrize("name", NAMES)
def test_in_a_browser(found: dict[str, str], name: str) -> None:
    assert found[name] == ""
