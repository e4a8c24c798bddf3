"""Runs the scenarios of one file of `browser/` in a real browser, over a server that they may have started anew."""

import contextlib
import itertools
import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browsers import HEADLESS
from tests.console.conftest import CANARY, Opened, opened
from tests.console.stripping import PREFIX, stripping
from tests.server.client import ask

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / "build" / "clients" / "bin" / "python"
FOLDER = Path(__file__).parent / "browser"
LIMITS = {"agents": {"asker": {"ask_person": ["forms/*"]}}}
LATE = float(os.environ.get("AGENTOS_TEST_LATE", 0))
"""Seconds; with them, all that the browser is sent comes late, through the proxy."""
MARKS = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(HEADLESS is None, reason="no chromium is installed"),
    pytest.mark.skipif(not PYTHON.exists(), reason="scripts/install clients makes the browser's driver"),
]


def names(scenarios: str) -> list[str]:
    """Of the scenarios in a file."""
    text = (FOLDER / f"{scenarios}.py").read_text(encoding="utf-8")
    return re.findall(r"^def (\w+)\(world: World\)", text, re.MULTILINE)


def driven(
    folder: Path,
    scenarios: str,
    *,
    program: str = "drive.py",
    first: Callable[[Opened], None] | None = None,
    token: str | None = None,
    **told: Any,
) -> dict[str, str]:
    """What each scenario found wrong. first: calls it. token: the operator's, for the proxy's page."""
    with stripping(LATE) as proxy, contextlib.ExitStack() as served:
        here = f"127.0.0.1:{proxy.server_port}"
        proxied = f"http://{here}{PREFIX}/console/"

        def shown(it: Opened) -> str:
            return proxied if LATE else it.url

        def begin() -> Opened:
            served.close()
            given = {"operator_token": token, "console_origin": f"http://{here}"} if token else {}
            begun = served.enter_context(opened(folder, limits=LIMITS, allowed_hosts=(here,), **given))
            proxy.target = begun.port
            return begun

        it, numbers = begin(), itertools.count()
        proxy.told = {"/link": lambda: it.link().replace(it.url, shown(it)), "/restart": lambda: shown(begin())}
        proxy.told["/ask"] = lambda: asked_for(it, f"race {next(numbers)}")
        (first or calls)(it)
        asked = {
            "browser": HEADLESS,
            "scenarios": scenarios,
            "url": shown(it),
            "link": f"http://{here}/link",
            "restart": f"http://{here}/restart",
            "ask": f"http://{here}/ask",
            "proxied": proxied,
            "token": token,
            "canary": CANARY,
            **told,
        }
        done = subprocess.run(
            [PYTHON, FOLDER / program],
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            timeout=580,
            env=dict(os.environ),
        )
        assert done.returncode == 0, done.stderr[-2000:]
        found: dict[str, str] = json.loads(done.stdout)
        return found


def asked_for(it: Opened, title: str, **params: Any) -> str:
    """The id of a call that waits now."""
    waits = {"X-Agent": "asker", "Prefer": "respond-async"}
    told = ask(it, "POST", "/api/skills/forms/every_kind", {"title": title, "kind": "task", **params}, waits)
    return str(told.json["waiting"]["id"])


def calls(it: Opened) -> None:
    """One that was made, and two that wait."""
    ask(it, "POST", "/api/skills/forms/look", {}, {"X-Agent": "night-batch"})
    for extra in ("short", "long" * 500):
        asked_for(it, "A", extra={"text": extra})
