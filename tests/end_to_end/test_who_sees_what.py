"""Rows and sums over HTTP are cut to who asks: the operator, an agent with a token, and everybody else."""

import asyncio
import contextlib
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentos_runtime.bootstrap import open_runtime
from agentos_runtime.config.settings import Settings
from agentos_runtime.security.agents import Agents
from agentos_runtime.storage.activity.ledger import Ledger
from agentos_runtime.storage.activity.rows import Closing
from agentos_runtime.storage.private_files import PrivateFile
from tests.clients import NO_TLS
from tests.security.support import environment_number
from tests.server.server import running

TOKEN, OPERATOR = "let-me-in", "the-operators-own-token"
NAMES = ["ann", "bob", "cy", "agentos_dee", "e'; --", "%"]
EXAMPLES = environment_number("AGENTOS_TEST_CALLERS", 8)
"""Worlds of agents and rows that are tried; each is asked by every caller there could be."""


@dataclass
class World:
    """One home under a running server: what was called, and which names are bound now."""

    client: httpx.Client
    home: Path
    ledger: Ledger
    calls: list[tuple[int, str, str]] = field(default_factory=list)
    """Id of the row, agent, skill; oldest first."""
    tokens: dict[str, str] = field(default_factory=dict)
    forgotten: dict[str, str] = field(default_factory=dict)

    @property
    def agents(self) -> Agents:
        return Agents(PrivateFile(self.home / "agents.json"))

    def bind(self, names: Iterable[str]) -> None:
        """Bind exactly these names."""
        wanted = set(names)
        for name in self.tokens.keys() - wanted:
            assert self.agents.remove(name)
            self.forgotten[name] = self.tokens.pop(name)
        for name in wanted - self.tokens.keys():
            self.tokens[name] = self.agents.add(name)

    def make(self, *calls: tuple[str, str]) -> None:
        """Calls as the ledger has them, by agent and skill."""

        async def record() -> None:
            for agent, skill in calls:
                entry = await self.ledger.start(request_id="r", agent=agent, skill=skill, utility="ask")
                await self.ledger.finish(entry, Closing(outcome="ok", input_tokens=1, cost=0.5))
                assert entry.id is not None
                self.calls.append((entry.id, agent, skill))

        asyncio.run(record())

    def ask(self, path: str, headers: Mapping[str, str], **query: str) -> httpx.Response:
        return self.client.get(path, params=query, headers=headers)

    def pages(self, headers: Mapping[str, str], limit: int, **query: str) -> list[dict[str, Any]]:
        """All rows, a page at a time."""
        rows: list[dict[str, Any]] = []
        cursor: dict[str, str] = {}
        while True:
            answer = self.ask("/api/activity", headers, limit=str(limit), **query, **cursor)
            assert answer.status_code == 200, answer.text
            page = answer.json()
            rows += page["rows"]
            if page["next_cursor"] is None:
                return rows
            assert len(page["rows"]) == limit
            cursor = {"cursor": page["next_cursor"]}


@dataclass(frozen=True)
class Asking:
    """One caller, and whose rows are its to see (None = it is not let in)."""

    headers: dict[str, str]
    sees: frozenset[str] | None


def everybody(world: World) -> Iterator[Asking]:
    """Every way to ask in this world, with what the contract says of it."""
    names = frozenset({*NAMES, "anonymous"})
    bound = frozenset(world.tokens)
    yield Asking({"Authorization": f"Bearer {OPERATOR}"}, names)
    yield Asking({"Authorization": f"Bearer {OPERATOR}x"}, None)
    yield Asking({}, None)
    yield Asking({"Authorization": f"Bearer {TOKEN}"}, names - bound)
    for name in NAMES:
        yield Asking({"X-Agent": name, "Authorization": f"Bearer {OPERATOR}"}, names)
        shared = {"X-Agent": name, "Authorization": f"Bearer {TOKEN}"}
        yield Asking(shared, None if name in bound else names - bound)
        yield Asking({"X-Agent": name}, None)
    for (name, token), other in itertools.product(world.tokens.items(), [None, *NAMES]):
        named = {} if other is None else {"X-Agent": other}
        mine = other in (None, name)
        yield Asking({**named, "Authorization": f"Bearer {token}"}, frozenset({name}) if mine else None)
    for token in world.forgotten.values():
        yield Asking({"Authorization": f"Bearer {token}"}, None)


@contextlib.contextmanager
def worlds(folder: Path, **tokens: Any) -> Iterator[World]:
    """A server over an empty folder of skills, and the ledger of its home."""
    home, skills = folder / "home", folder / "skills"
    skills.mkdir()
    given_settings = Settings(home=home, skills=(skills,), only_skills=True)
    with (
        running(lambda: open_runtime(given_settings, {}), home=home, **tokens) as server,
        httpx.Client(base_url=server.url, timeout=30, trust_env=False, verify=NO_TLS) as client,
        Ledger(home / "activity.db") as ledger,
    ):
        yield World(client, home, ledger)


def guarded_world(folder: Path) -> AbstractContextManager[World]:
    return worlds(folder, token=TOKEN, operator_token=OPERATOR)


@dataclass(frozen=True)
class Step:
    """What becomes of the world, and what all its callers then ask."""

    bound: frozenset[str]
    calls: list[str]
    limit: int
    agent: str | None
    by: tuple[str, ...]


STEPS = st.builds(
    Step,
    bound=st.frozensets(st.sampled_from(NAMES), max_size=3),
    calls=st.lists(st.sampled_from([*NAMES, "anonymous"]), min_size=1, max_size=8),
    limit=st.integers(1, 5),
    agent=st.none() | st.sampled_from([*NAMES, "nobody"]),
    by=st.sampled_from([("agent",), ("skill",), ("skill", "agent")]),
)


def expect(world: World, asking: Asking, step: Step, skill: str) -> None:
    """What this caller is shown of a skill's calls is what it may see, no more and no less."""
    if asking.sees is None:
        for path in ("/api/activity", "/api/usage"):
            assert world.ask(path, asking.headers).status_code in (401, 403)
        return
    filtered = {"skill": skill} | ({"agent": step.agent} if step.agent else {})
    mine = [
        (number, agent)
        for number, agent, called in reversed(world.calls)
        if called == skill and agent in asking.sees and step.agent in (None, agent)
    ]
    rows = world.pages(asking.headers, step.limit, **filtered)
    assert [(row["id"], row["agent"]) for row in rows] == mine
    sums = world.ask("/api/usage", asking.headers, by=",".join(step.by), **filtered).json()["rows"]
    found = {tuple(row[name] for name in step.by): (row["calls"], row["input_tokens"], row["cost"]) for row in sums}
    counted = Counter(tuple({"agent": agent, "skill": skill}[name] for name in step.by) for _, agent in mine)
    assert found == {group: (calls, calls, calls * 0.5) for group, calls in counted.items()}
    unfiltered = world.ask("/api/activity", asking.headers, limit="1000").json()["rows"]
    assert {row["agent"] for row in unfiltered} <= asking.sees


@pytest.mark.slow
def test_every_caller_sees_the_rows_and_sums_that_are_its_to_see(tmp_path: Path) -> None:
    with guarded_world(tmp_path) as world:

        @given(STEPS)
        @settings(max_examples=EXAMPLES, deadline=None)
        def rows_are_cut(step: Step) -> None:
            skill = f"toy{len(world.calls)}"
            world.bind(step.bound)
            world.make(*((agent, skill) for agent in step.calls))
            for asking in everybody(world):
                expect(world, asking, step, skill)

        rows_are_cut()


def test_where_no_name_is_bound_all_see_all_and_the_first_token_ends_that(tmp_path: Path) -> None:
    with worlds(tmp_path) as world:
        world.make(("ann", "toy"), ("bob", "toy"))

        def seen(**headers: str) -> list[str]:
            rows = world.ask("/api/activity", {name.replace("_", "-"): text for name, text in headers.items()})
            return [row["agent"] for row in rows.json()["rows"]]

        assert seen() == seen(X_Agent="cy") == seen(X_Agent="ann") == ["bob", "ann"]
        token = world.agents.add("ann")
        assert seen() == seen(X_Agent="cy") == ["bob"]
        assert seen(Authorization=f"Bearer {token}") == ["ann"]
        world.agents.add("bob")
        assert seen() == []
        assert world.agents.remove("ann")
        assert seen() == ["ann"]


def test_a_cursor_of_somebody_elses_page_shows_nothing_of_that_page(tmp_path: Path) -> None:
    with guarded_world(tmp_path) as world:
        world.make(*[("ann", "toy"), ("bob", "toy")] * 5)
        world.bind(["ann", "bob"])
        operator = {"Authorization": f"Bearer {OPERATOR}"}
        ann = {"Authorization": f"Bearer {world.tokens['ann']}"}
        cursor = world.ask("/api/activity", operator, limit="3").json()["next_cursor"]
        page = world.ask("/api/activity", ann, limit="100", cursor=cursor).json()
        assert [row["agent"] for row in page["rows"]] == ["ann"] * 4
        assert page["next_cursor"] is None
        assert world.ask("/api/activity", ann, agent="bob").json() == {"rows": [], "next_cursor": None}
        assert world.ask("/api/usage", ann, agent="bob").json() == {"rows": []}
        last = world.ask("/api/activity", ann, limit="5").json()
        assert last["next_cursor"] is None, "what others did after it does not make a further page"


def test_when_it_cannot_be_known_who_is_bound_nobody_but_the_operator_sees_rows(tmp_path: Path) -> None:
    with guarded_world(tmp_path) as world:
        world.make(("ann", "toy"))
        world.bind(["bob"])
        (world.home / "agents.json").chmod(0o644)
        for path in ("/api/activity", "/api/usage"):
            refused = world.ask(path, {"Authorization": f"Bearer {TOKEN}"})
            assert (refused.status_code, refused.json()["code"]) == (401, "unauthorized")
            assert "run chmod 600" in refused.json()["error"]
        operator = {"Authorization": f"Bearer {OPERATOR}"}
        assert len(world.ask("/api/activity", operator).json()["rows"]) == 1


@pytest.mark.parametrize("path", ["/api/skills", "/api/activity", "/api/usage"])
def test_everything_is_asked_for_by_the_operator_alone(tmp_path: Path, path: str) -> None:
    with guarded_world(tmp_path) as world:
        world.bind(["ann"])
        for token in (TOKEN, world.tokens["ann"]):
            refused = world.ask(path, {"Authorization": f"Bearer {token}"}, all="1")
            assert (refused.status_code, refused.json()["code"]) == (403, "not_allowed")
            assert world.ask(path, {"Authorization": f"Bearer {token}"}, all="0").status_code == 200
        assert world.ask(path, {"Authorization": f"Bearer {OPERATOR}"}, all="1").status_code == 200
        unread = world.ask(path, {"Authorization": f"Bearer {OPERATOR}"}, all="yes")
        assert (unread.status_code, unread.json()["code"]) == (400, "invalid_params")
