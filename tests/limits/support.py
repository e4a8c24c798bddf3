"""Limits over real files, with a clock that is set by hand; and skills whose calls cost what the test says."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx

from agentos_runtime.bootstrap import SpentInLedger, open_runtime
from agentos_runtime.config.settings import Settings
from agentos_runtime.limits.counters import Counters
from agentos_runtime.limits.enforcement import Limits
from agentos_runtime.limits.source import RuleSource
from agentos_runtime.storage.activity.ledger import Ledger
from agentos_runtime.storage.activity.rows import Closing
from tests.clients import NO_TLS
from tests.end_to_end.house import House
from tests.server.server import running
from tests.toy.raw import Behaviour, Toy, answer, answer_json

T = TypeVar("T")

NOON = 1_795_176_000.0
"""2026-11-20, a Friday, 12:00:00 UTC."""
HOUR = 3600.0
DAY = 24 * HOUR

SKILL = """\
---
id: toy
name: Toy
description: A service for tests
auth: {type: api_key, header: X-Key, optional: true}
utilities:
  ask:
    description: Ask something
    params: {text: {type: string}}
    rest:
      method: POST
      url: ORIGIN/ask
      body: {text: .params.text}
      retry: {attempts: 1, idempotency_header: Idempotency-Key}
      stream:
        body: {stream: true}
        delta: '{content: .say, usage: .usage}'
        done: "[DONE]"
  fetch:
    description: Bytes
    rest: {url: "ORIGIN/fetch", response: {raw: true}}
  free:
    description: Costs nobody anything
    auth: none
    rest: {url: "ORIGIN/free"}
---
"""


@dataclass
class Clock:
    """Epoch seconds."""

    now: float = NOON

    def __call__(self) -> float:
        return self.now


def run(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    return asyncio.run(work())


def settings_for(home: Path, limits: Mapping[str, Any]) -> Settings:
    home.mkdir(mode=0o700, exist_ok=True)
    return Settings(home=home, limits=limits)


@contextlib.asynccontextmanager
async def opened(home: Path, limits: Mapping[str, Any], clock: Callable[[], float]) -> AsyncIterator[Limits]:
    """The limits of a home."""
    settings = settings_for(home, limits)
    rules = RuleSource(settings.config_file, limits)
    spent = SpentInLedger(settings)
    counters = Counters(settings.limits_file, spent, lambda agent: rules.current().subjects(agent), clock=clock)
    opened_limits = Limits(rules, counters, clock=clock)
    try:
        yield opened_limits
    finally:
        opened_limits.close()


async def spend(
    limits: Limits,
    agent: str = "cursor",
    *,
    tokens: int = 0,
    cost: float = 0.0,
    paid: bool = True,
    utility: str = "ask",
) -> str | None:
    """One whole call; the warning it was given."""
    admission = await limits.admit(agent, "toy", utility, paid=paid)
    if admission is None:
        return None
    await admission.close(tokens, cost)
    return admission.warning


async def record(home: Path, agent: str, at: float, *, tokens: int, cost: float) -> None:
    """A call that the ledger knows."""
    with Ledger(home / "activity.db", clock=lambda: at) as ledger:
        entry = await ledger.start(request_id="r", agent=agent, skill="toy", utility="ask")
        await ledger.finish(entry, Closing(outcome="ok", input_tokens=tokens, output_tokens=0, cost=cost))


def priced(cost: float, tokens: int = 10) -> Behaviour:
    """An answer that says what it cost."""
    return answer_json({"said": "hi", "usage": {"input_tokens": tokens, "output_tokens": 0, "cost": cost}})


def write_skill(folder: Path, origin: str, text: str = SKILL, name: str = "toy.md") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text.replace("ORIGIN", origin), encoding="utf-8")


ORIGIN = "https://toy.example"
KEY = "sk-limits-canary-0123456789"


@contextlib.contextmanager
def limited_house(folder: Path, *script: Behaviour, **settings: Any) -> Iterator[tuple[House, Toy]]:
    """A real server with the toy skill in front of a scripted upstream."""
    tokens = {name: settings[name] for name in ("token", "operator_token") if name in settings}
    home, skills = folder / "home", folder / "skills"
    write_skill(skills, ORIGIN)
    with Toy(*(script or (priced(0.0),))) as toy:
        given = Settings(home=home, skills=(skills,), only_skills=True, rewrite={ORIGIN: toy.origin}, **settings)
        with (
            running(lambda: open_runtime(given, {"TOY_API_KEY": KEY}), home=home, **tokens) as server,
            httpx.Client(base_url=server.url, timeout=30, trust_env=False, verify=NO_TLS) as client,
        ):
            yield House(server, client, home, skills), toy


def sse(*data: object) -> Behaviour:
    """A whole stream of these events."""
    lines = [each if isinstance(each, str) else json.dumps(each) for each in data]
    return answer(body="".join(f"data: {line}\n\n" for line in lines).encode(), headers=EVENTS)


EVENTS = (("Content-Type", "text/event-stream"),)
