"""Three servers behind HAProxy and nginx, over one database, while servers and the database fail.

The clocks of two of the servers are an hour off.
"""

import contextlib
import os
import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.cli.console import Console
from tests.deploy.test_balancers import balanced
from tests.limits.support import ORIGIN
from tests.security.support import until
from tests.stores.clock import HOUR, wrong_clock
from tests.stores.databases import PrivateServer, ask, frozen, made, private_server
from tests.stores.team import LIMITS, MOST_AT_ONCE, REPLICAS, SKILL, Load, Service, Team, is_ready
from tests.stores.test_crashes import _CUT as CUT
from tests.toy.raw import Toy

pytestmark = [pytest.mark.postgres, pytest.mark.slow]
SIZES = {"kills": 1, "crashes": 1, "cuts": 0, "freezes": 0, "read_only": 0, "replaced": 1}
"""How often each trouble comes; `AGENTOS_TEST_TROUBLES=200,20,20,5,2,3` says another number of each."""
CALLERS = 12
SLACK = 60_000
"""Milliseconds by which a server may be wrong about the database's clock, under load."""


def freeze(server: PrivateServer) -> None:
    with frozen(server):
        time.sleep(3)


def crash(server: PrivateServer) -> None:
    server.crash()
    server.start()


def read_only(server: PrivateServer, address: str) -> None:
    name = address.rpartition("/")[2].partition("?")[0]
    cut = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
    ask(server.address, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    ask(server.address, cut)
    time.sleep(1.5)
    ask(server.address, f"ALTER DATABASE {name} RESET default_transaction_read_only")
    ask(server.address, cut)


def kill(team: Team, number: int) -> None:
    team.kill(number)
    team.start(number)


def replace_all(team: Team, load: Load) -> None:
    """One server after the other is replaced, and no call fails.

    On a machine without time to spare the database may not answer in time, replaced or not: then it is done again.
    """
    failed = [""]
    for _ in range(3):
        failed = failed_while_replaced(team, load) if failed else failed
        assert {*failed} <= {"database_unavailable"}
    assert failed == []


def failed_while_replaced(team: Team, load: Load) -> list[str]:
    """How calls failed that began meanwhile."""
    begin = time.monotonic()
    for number in range(REPLICAS):
        team.replace(number)
        wanted = len(load.acknowledged) + 50
        assert until(lambda wanted=wanted: len(load.acknowledged) >= wanted)  # type: ignore[misc]
    return [how for began, how in load.failed if began >= begin]


def troubles() -> list[str]:
    given = os.environ.get("AGENTOS_TEST_TROUBLES")
    sizes = dict(zip(SIZES, map(int, given.split(",")), strict=True)) if given else SIZES
    found = [name for name, many in sizes.items() for _ in range(many)]
    random.Random(1).shuffle(found)
    return found


class Figures:
    """What was measured, printed as it goes: how long callers waited, and until when calls were refused."""

    def __init__(self, load: Load, all_of: int) -> None:
        self._load = load
        self._all_of = all_of
        self._began = time.monotonic()
        self._waited: dict[str, list[dict[str, float]]] = defaultdict(list)
        self._back: dict[str, list[float]] = defaultdict(list)

    @contextlib.contextmanager
    def of(self, trouble: str) -> Iterator[Callable[[], None]]:
        """Gives what is to be called when the trouble is over."""
        self._load.longest = dict.fromkeys(self._load.longest, 0.0)
        ended = self._began

        def over() -> None:
            nonlocal ended
            self._load.back_at, ended = None, time.monotonic()

        yield over
        self._waited[trouble].append(self._load.longest)
        self._back[trouble].append((self._load.back_at or ended) - ended)
        done = sum(map(len, self._waited.values()))
        if done % 10 == 0 or done == self._all_of:
            self._say(done)

    def _say(self, done: int) -> None:
        lines = [
            f"{done} of {self._all_of} after {time.monotonic() - self._began:.0f} s: {dict(self._load.outcomes)}"
        ]
        for name, waited in self._waited.items():
            told = [
                f"{kind} {max(each):.2f} s (median {each[len(each) // 2]:.2f} s)"
                for kind in self._load.longest
                for each in [sorted(one[kind] for one in waited)]
            ]
            back = f"calls let in again after {max(self._back[name]):.2f} s at most"
            lines.append(f"  {name} {len(waited)}: longest wait for an {', a '.join(told)}; {back}")
        print("\n".join(lines), flush=True)  # noqa: T201


def test_nothing_is_lost_passed_or_made_twice_whatever_fails(tmp_path: Path, console: Console) -> None:
    console.write("toy.md", SKILL.replace("ORIGIN", ORIGIN))
    limits, service = tmp_path / "limits.toml", Service()
    limits.write_text(LIMITS)
    clocks = {number: wrong_clock(tmp_path, off) for number, off in ((1, HOUR), (2, -HOUR))}
    with private_server() as server, made(server.address) as address, Toy(service) as toy:
        since = ask(address, "SELECT moment()")[0][0]
        assert console.run("database", "limits", limits, AGENTOS_DATABASE=address).code == 0
        team = Team(tmp_path, console, address, toy.origin, clocks)
        approved = console.run("approve", "toy", "--yes", AGENTOS_DATABASE=address)
        assert (approved.code, approved.out.endswith("Approved. It is written in the database.\n")) == (0, True)
        with ThreadPoolExecutor(CALLERS + REPLICAS) as pool, contextlib.ExitStack() as ends:
            ends.callback(team.end)
            list(pool.map(team.start, range(REPLICAS)))
            names = ("haproxy", "nginx")
            load = Load(tuple(ends.enter_context(balanced(each, tmp_path, team.ports))[0] for each in names))
            for url in load.urls:
                assert until(lambda url=url: is_ready(url))  # type: ignore[misc]
            calls = [pool.submit(load.run, number) for number in range(CALLERS)]
            ends.callback(setattr, load, "going", False)
            make_trouble(load, team, server, address)
            load.going = False
            for call in calls:
                call.result()
            assert until(lambda: ask(address, "SELECT count(*) FROM open_call") == [(0,)]), "a call is open"
            check(address, load, service, since)


def make_trouble(load: Load, team: Team, server: PrivateServer, address: str) -> None:
    make: Mapping[str, Callable[[int], Any]] = {
        "kills": lambda number: kill(team, number % REPLICAS),
        "crashes": lambda _: crash(server),
        "cuts": lambda _: ask(address, CUT),
        "freezes": lambda _: freeze(server),
        "read_only": lambda _: read_only(server, address),
        "replaced": lambda _: replace_all(team, load),
    }
    coming = troubles()
    figures = Figures(load, len(coming))
    more_calls(load, "at first")
    for number, trouble in enumerate(coming):
        with figures.of(trouble) as over:
            make[trouble](number)
            over()
            more_calls(load, trouble)


def more_calls(load: Load, after: str) -> None:
    wanted = len(load.acknowledged) + 100
    assert until(lambda: len(load.acknowledged) >= wanted and load.back_at is not None), (after, load.outcomes)


def check(address: str, load: Load, service: Service, since: int) -> None:
    assert load.strange == []
    kept = {each for (each,) in ask(address, "SELECT request_id FROM ended")}
    assert load.acknowledged - kept == set()
    assert [text for text, times in service.asked.items() if times > 1] == []
    assert service.most["bot"] <= MOST_AT_ONCE
    counted = ask(address, "SELECT cost_week, running, reserved FROM subject WHERE name = 'bot'")
    spent = ask(address, "SELECT sum(round(cost * 1e9))::bigint FROM ended WHERE agent = 'bot'")[0][0]
    assert counted == [(spent, 0, 0)]
    elsewhen = "SELECT count(*) FROM ended WHERE began_at(id) NOT BETWEEN ? AND moment() + ?"
    assert ask(address, elsewhen, since - SLACK, SLACK) == [(0,)]
