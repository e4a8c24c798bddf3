"""Bundled skills whose services always answer well, and the tools of others that read documents."""

import contextlib
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from agentos_runtime.bootstrap import open_runtime
from agentos_runtime.calls.messages import UpstreamRequest
from agentos_runtime.config.settings import Settings
from agentos_runtime.errors import UpstreamUnreachable
from agentos_runtime.testing.matching import choose, see
from agentos_runtime.testing.model import Case
from agentos_runtime.testing.simulation import simulation
from agentos_runtime.testing.store import CaseStore
from tests.clients import NO_TLS
from tests.server.server import running

ROOT = Path(__file__).parents[2]
TOOLS = ROOT / "build" / "clients" / "bin"
"""Where `scripts/install clients` puts the tools of others."""


def tool(
    name: str, *arguments: object, stdin: str = "", folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a tool of others to its end; skips where it is not installed."""
    if not (TOOLS / name).exists():
        pytest.skip("the clients are not installed: scripts/install clients")
    return subprocess.run(
        [TOOLS / name, *map(str, arguments)],
        cwd=folder,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


class Succeeding:
    """Of the cases that fit only those in which the service does what it is asked."""

    def __init__(self) -> None:
        self._cases: list[Case] = []

    def take(self, store: CaseStore) -> None:
        good = [case for case in store.cases() if case.error is None]
        self._cases = [case.alone(index) for case in good for index in range(len(case.exchanges))]

    def choose(self, request: UpstreamRequest, *, streaming: bool) -> Case:
        found = choose(self._cases, see(request), streaming=streaming)
        if found is None:
            raise UpstreamUnreachable("no case succeeds here")
        return found


@contextlib.contextmanager
def bundled(folder: Path, **settings: Any) -> Iterator[httpx.Client]:
    """A client of a server with the bundled skills, that is not given a network or a key."""
    given = Settings(home=folder / "home", **settings)
    succeeding, stores = Succeeding(), list[CaseStore]()
    made = simulation(chooser=succeeding, seen=stores.append)

    @contextlib.asynccontextmanager
    async def opened() -> Any:
        async with open_runtime(given, {}, dependencies=made) as runtime:
            await runtime.registry.refresh()  # a busy machine opens before all skills are loaded
            succeeding.take(stores[0])
            yield runtime

    with (
        running(opened, **settings) as server,
        httpx.Client(base_url=server.url, timeout=30, trust_env=False, verify=NO_TLS) as client,
    ):
        yield client


@contextlib.contextmanager
def served(
    folder: Path, texts: Mapping[str, str], *, environ: Mapping[str, str] | None = None, **settings: Any
) -> Iterator[httpx.Client]:
    """A client of a server with these skill files and no others. environ: where keys stand."""
    skills = folder / "skills"
    skills.mkdir()
    for name, text in texts.items():
        (skills / f"{name}.md").write_text(text, encoding="utf-8")
    given = Settings(home=folder / "home", skills=(skills,), only_skills=True, **settings)
    guarded = {name: value for name, value in settings.items() if name != "limits"}
    with (
        running(lambda: open_runtime(given, environ or {}), home=given.home, **guarded) as server,
        httpx.Client(base_url=server.url, timeout=30, trust_env=False, verify=NO_TLS) as client,
    ):
        yield client
