"""A server whose limits ask a person, callers that wait in threads, and time that passes when a test says so."""

import contextlib
import sqlite3
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from agentos_runtime.bootstrap import open_runtime
from agentos_runtime.config.settings import Settings
from agentos_runtime.server.limits import Limits
from tests.clients import NO_TLS
from tests.limits.support import KEY, ORIGIN, priced, write_skill
from tests.security.support import until
from tests.server.server import Running, running
from tests.toy.raw import Behaviour, Toy

TOKEN = "the-operators-own-token"
OPERATOR = {"Authorization": f"Bearer {TOKEN}"}
ASKS = {"default": {"ask_person": ["toy/*"]}}


@dataclass
class Desk:
    """A running server with the toy skill, and threads for callers that are held."""

    server: Running
    client: httpx.Client
    home: Path
    skills: Path
    toy: Toy
    threads: ThreadPoolExecutor

    def call(self, text: str = "x", utility: str = "ask", agent: str = "ann", **headers: str) -> httpx.Response:
        given = {"X-Agent": agent} | {name.replace("_", "-"): value for name, value in headers.items()}
        params = {"text": text} if utility == "ask" else {}
        return self.client.post(f"/api/skills/toy/{utility}", json=params, headers=given)

    def calling(self, *args: str, **kwargs: str) -> "Future[httpx.Response]":
        """The same in a thread."""
        return self.threads.submit(self.call, *args, **kwargs)

    def waiting(self, **query: str) -> list[dict[str, Any]]:
        """What waits, as the operator sees it."""
        found: list[dict[str, Any]] = self.client.get("/api/waiting", params=query, headers=OPERATOR).json()[
            "waiting"
        ]
        return found

    def the_one(self, **where: Any) -> dict[str, Any]:
        """The one that waits, once it does."""
        found: list[dict[str, Any]] = []

        def there() -> bool:
            found[:] = [each for each in self.waiting() if where.items() <= each.items()]
            return bool(found)

        assert until(there)
        (one,) = found
        return one

    def decide(self, entry_id: str, decision: str = "yes", **more: Any) -> httpx.Response:
        body = {"decision": decision, **more}
        return self.client.post(f"/api/waiting/{entry_id}", json=body, headers=OPERATOR)

    def state(self, entry_id: str) -> str:
        return str(self.client.get(f"/api/waiting/{entry_id}", headers=OPERATOR).json()["state"])

    def row(self, **where: Any) -> dict[str, Any]:
        """The newest row of the ledger."""
        rows = self.client.get("/api/activity", headers=OPERATOR).json()["rows"]
        return next(dict(row) for row in rows if where.items() <= row.items())

    def later(self, entry_id: str, seconds: float = 601.0) -> None:
        """Let time pass for one entry."""
        change(
            self.home,
            "UPDATE entry SET asked_at = asked_at - ?, until = until - ?, decided_at = decided_at - ?,"
            " ended_at = ended_at - ? WHERE id = ?",
            *[seconds] * 4,
            entry_id,
        )


def change(home: Path, sql: str, *values: Any) -> None:
    with contextlib.closing(sqlite3.connect(home / "waiting.db", timeout=10, isolation_level=None)) as connection:
        connection.execute(sql, values)


@contextlib.contextmanager
def desk(
    folder: Path, *script: Behaviour, limits: Any = ASKS, hold: float = 50.0, **settings: Any
) -> Iterator[Desk]:
    """A real server with the toy skill in front of a scripted upstream."""
    home, skills = folder / "home", folder / "skills"
    write_skill(skills, ORIGIN)
    with Toy(*(script or (priced(0.25),))) as toy, ThreadPoolExecutor(120) as threads:
        given = Settings(
            home=home,
            skills=(skills,),
            only_skills=True,
            rewrite={ORIGIN: toy.origin},
            limits=limits,
            operator_token=TOKEN,
            **settings,
        )
        with (
            running(
                lambda: open_runtime(given, {"TOY_API_KEY": KEY}),
                Limits(call_grace=0.2, hold=hold, ping=0.1, progress_after=0.1, progress_every=0.1),
                home=home,
                operator_token=TOKEN,
            ) as server,
            httpx.Client(
                base_url=server.url,
                timeout=30,
                trust_env=False,
                verify=NO_TLS,
                limits=httpx.Limits(max_connections=200),
            ) as client,
        ):
            yield Desk(server, client, home, skills, toy, threads)


def refusal(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]
