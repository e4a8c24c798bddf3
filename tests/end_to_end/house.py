"""The whole house on a free port: a real server, real workers, a real ledger, and toy upstreams."""

import contextlib
import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from agentos_runtime.bootstrap import open_runtime
from agentos_runtime.config.settings import Settings
from agentos_runtime.server.limits import Limits
from tests.clients import NO_TLS, wait_until_loaded
from tests.server.server import Running, running
from tests.toy.raw import Behaviour, Toy, answer

KEY = "sk-toy-canary-0123456789abcdef"
OPENROUTER = "https://openrouter.ai"


@dataclass
class House:
    """A running server. `home` is its AGENTOS_HOME, `skills` its first folder of skills."""

    server: Running
    client: httpx.Client
    home: Path
    skills: Path

    def call(self, skill: str, utility: str, params: Any = None, **headers: str) -> httpx.Response:
        """POST the params as JSON; X-Agent is `tester` unless given."""
        given = {"X-Agent": "tester"} | {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.post(
            f"/api/skills/{skill}/{utility}", json=params if params is not None else {}, headers=given
        )

    def stream(self, skill: str, utility: str, params: Mapping[str, Any]) -> list[tuple[str, Any]]:
        """The events of a streamed call as (name, data); pings are left out."""
        response = self.call(skill, utility, {**params, "stream": True})
        if not response.headers["content-type"].startswith("text/event-stream"):
            return [("refused", response)]
        return events_of(response.text)

    def rows(self) -> list[dict[str, Any]]:
        """The ledger's rows, newest first."""
        rows: list[dict[str, Any]] = self.client.get("/api/activity").json()["rows"]
        return rows


def events_of(text: str) -> list[tuple[str, Any]]:
    """Our own server's events: always `event:` and one `data:` line."""
    found = []
    for block in text.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if lines:
            found.append((lines["event"], json.loads(lines["data"])))
    return found


@contextlib.contextmanager
def house(
    folder: Path,
    *,
    skills: Path | tuple[Path, ...] | None = None,
    rewrite: Mapping[str, str] | None = None,
    environ: Mapping[str, str] | None = None,
    limits: Limits | None = None,
    **settings: Any,
) -> Iterator[House]:
    """Serve `skills` (default: an empty folder) with state under `folder`."""
    home = folder / "home"
    folders = skills if isinstance(skills, tuple) else (skills or folder / "skills",)
    folders[0].mkdir(parents=True, exist_ok=True)
    given = Settings(home=home, skills=folders, only_skills=True, rewrite=dict(rewrite or {}), **settings)
    variables = {"OPENROUTER_API_KEY": KEY} if environ is None else environ
    with (
        running(
            lambda: open_runtime(given, variables),
            limits,
            home=home,
            faces=given.faces,
            mcp=given.mcp,
            max_body=given.max_body,
            max_upload=given.max_upload,
        ) as server,
        httpx.Client(base_url=server.url, timeout=240, trust_env=False, verify=NO_TLS) as client,
    ):
        wait_until_loaded(server.url)
        yield House(server, client, home, folders[0])


@contextlib.contextmanager
def seeded_house(folder: Path, seed: Path, *behaviours: Behaviour) -> Iterator[tuple[House, Toy]]:
    """The seed manifest, copied alone into an empty folder, in front of a toy OpenRouter."""
    skills = folder / "skills"
    skills.mkdir()
    shutil.copy(seed, skills / "agentos-openrouter.md")
    with (
        Toy(*(behaviours or (answer(body=b"{}"),))) as toy,
        house(folder, rewrite={OPENROUTER: toy.origin}) as running_house,
    ):
        yield running_house, toy
