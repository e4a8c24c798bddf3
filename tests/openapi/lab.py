"""Bundled skills whose services always answer well, and the tools of others that read documents."""

import contextlib
import os
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import httpx
import pytest

from agentos_runtime.bootstrap import Dependencies, open_runtime
from agentos_runtime.calls.messages import UpstreamRequest, UpstreamResponse
from agentos_runtime.config.settings import Settings
from agentos_runtime.errors import UpstreamUnreachable
from agentos_runtime.runtime.clocks import Clocks
from agentos_runtime.security.broker import CredentialBroker
from agentos_runtime.skills.registry import Registry
from agentos_runtime.testing.fake_credentials import EverythingApproved, FakeCredentials
from agentos_runtime.testing.matching import choose, see
from agentos_runtime.testing.model import Case, SimulatedAnswer
from agentos_runtime.testing.simulate import SimulatedStream, no_pause, whole_answer
from agentos_runtime.testing.simulation import SkippedTime, simulation
from agentos_runtime.testing.store import CaseStore
from tests.clients import NO_TLS
from tests.openapi.manifests import manifest
from tests.server.server import running

ROOT = Path(__file__).parents[2]
WHOLE = os.environ.get("AGENTOS_TEST_DOCUMENTED") == "all"
PATIENCE = 3000 if WHOLE else 250
"""Seconds for a tool of others."""
JSON_TYPE: Mapping[str, str] = MappingProxyType({"content-type": "application/json"})
ANSWER = SimulatedAnswer(200, JSON_TYPE, b'{"id": "a", "of": [1, 2.5], "data": [{"id": "b"}]}')
STREAM = SimulatedAnswer(
    200,
    MappingProxyType({"content-type": "text/event-stream"}),
    b"",
    (b'data: {"text": "a"}\n\n', b'data: {"text": "b"}\n\n', b"data: [DONE]\n\n"),
)
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
        timeout=PATIENCE,
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


class Answering:
    """Answers every call of the skills that `manifests.manifest` makes, whatever they say that comes back."""

    async def send(self, request: UpstreamRequest, **_: object) -> UpstreamResponse:
        return whole_answer(ANSWER)

    async def open(self, request: UpstreamRequest, **_: object) -> SimulatedStream:
        return SimulatedStream(STREAM, no_pause, "made; match=exact")


def answering(registry: Registry) -> Dependencies:
    return Dependencies(Answering(), CredentialBroker(FakeCredentials(None), EverythingApproved()), Clocks())


@contextlib.contextmanager
def generated(folder: Path, numbers: Iterable[int]) -> Iterator[httpx.Client]:
    """A client of a server with skills that are made of these numbers, and whose services answer as they say."""
    skills = folder / "made"
    skills.mkdir()
    for number in numbers:
        (skills / f"made-{number}.md").write_text(manifest(number), encoding="utf-8")
    given = Settings(home=folder / "home", skills=(skills,), only_skills=True)
    with (
        running(lambda: open_runtime(given, {}, dependencies=answering)) as server,
        httpx.Client(base_url=server.url, timeout=30, trust_env=False, verify=NO_TLS) as client,
    ):
        yield client


@contextlib.contextmanager
def bundled(folder: Path, **settings: Any) -> Iterator[httpx.Client]:
    """A client of a server with the bundled skills, that is not given a network or a key.

    Whoever looks at a job again and again is soon there.
    """
    given = Settings(home=folder / "home", **settings)
    succeeding, stores = Succeeding(), list[CaseStore]()
    made = simulation(chooser=succeeding, seen=stores.append, clocks=SkippedTime().clocks())

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
