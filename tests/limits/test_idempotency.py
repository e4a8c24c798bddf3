"""A call made again with the same key gets the first answer again."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from agentos_runtime.calls.call import Call, RawReply, Reply, Timings
from agentos_runtime.errors import InvalidParams, Overloaded, UpstreamRejected
from agentos_runtime.idempotency.replays import Replays, ReplaySettings
from agentos_runtime.idempotency.store import SCHEMA
from agentos_runtime.jsontext import Json, dump
from agentos_runtime.shared_database import SharedDatabase
from tests.end_to_end.house import events_of
from tests.limits.support import DAY, Clock, limited_house, priced, run, sse
from tests.toy.raw import Exchange, answer, answer_json, render

ON = {"enabled": True}
TIMINGS = Timings(0, 0, 0)


class Service:
    """Counts the calls that are really made, and answers each with its number."""

    def __init__(self, size: int = 0) -> None:
        self.made = 0
        self.size = size

    async def __call__(self) -> Reply:
        self.made += 1
        value: Any = {"number": self.made, "padding": "x" * self.size}
        return Reply(value, dump(value), None, TIMINGS)


def replays(home: Path, clock: Callable[[], float] | None = None, **settings: Any) -> Replays:
    database = SharedDatabase(home / "idempotency.db", SCHEMA)
    return Replays(ReplaySettings(enabled=True, **settings), database, clock=clock or Clock())


def call(key: str | None = "k1", agent: str = "cursor", utility: str = "ask", **params: Any) -> Call:
    return Call("toy", utility, params, agent, "r", key)


async def number(kept: Replays, service: Service, asked: Call) -> Any:
    reply = await kept.once(asked, lambda: TIMINGS, service)
    return reply.value["number"] if isinstance(reply.value, dict) else None


def test_over_http_the_first_answer_is_given_again_and_marked(tmp_path: Path) -> None:
    script = (priced(0.25), answer_json({"said": "another"}))
    with limited_house(tmp_path, *script, idempotency=ON, limits={"default": {"cost_per_day": 0.5}}) as (
        house,
        toy,
    ):
        first, again = (house.call("toy", "ask", {"text": "hi"}, Idempotency_Key="k1") for _ in range(2))
        assert first.status_code == 200
        assert again.content == first.content
        assert "idempotency-replayed" not in first.headers
        assert again.headers["idempotency-replayed"] == "true"
        assert len(toy.requests) == 1
        assert house.call("toy", "ask", {"text": "hi"}, Idempotency_Key="k2").json() == {"said": "another"}
        assert (
            house.call("toy", "ask", {"text": "hi"}, X_Agent="b", Idempotency_Key="k1").json()["said"] == "another"
        )
        other = house.call("toy", "ask", {"text": "something else"}, Idempotency_Key="k1")
        assert (other.status_code, other.json()["code"]) == (400, "invalid_params")
        assert "A new call needs a new key" in other.json()["error"]
        assert [row["cost"] for row in house.rows()].count(0.25) == 1
        assert (house.home / "idempotency.db").stat().st_mode & 0o777 == 0o600


def test_the_ledger_stays_free_of_what_the_store_holds(tmp_path: Path) -> None:
    with limited_house(tmp_path, answer_json({"said": "payload-canary"}), idempotency=ON) as (house, _):
        house.call("toy", "ask", Idempotency_Key="key-canary")
        files = {file.name: file.read_bytes() for file in house.home.iterdir()}
        holding = {name.removesuffix("-wal") for name, data in files.items() if b"payload-canary" in data}
    assert holding == {"idempotency.db"}
    assert not any(b"key-canary" in data for data in files.values())


def test_bytes_are_given_again_with_their_type(tmp_path: Path) -> None:
    script = (answer(body=b"\x00\xff", headers=[("Content-Type", "audio/mpeg")]), answer(body=b"other"))
    with limited_house(tmp_path, *script, idempotency=ON) as (house, _):
        first, again = (house.call("toy", "fetch", Idempotency_Key="k") for _ in range(2))
        assert (again.content, again.headers["content-type"]) == (first.content, "audio/mpeg")


def test_it_is_off_unless_it_was_turned_on(tmp_path: Path) -> None:
    with limited_house(tmp_path) as (house, toy):
        for _ in range(2):
            assert "idempotency-replayed" not in house.call("toy", "ask", Idempotency_Key="k").headers
        assert len(toy.requests) == 2
        assert not (house.home / "idempotency.db").exists()


def test_the_key_travels_on_to_an_api_that_honours_it(tmp_path: Path) -> None:
    with limited_house(tmp_path) as (house, toy):
        house.call("toy", "ask", Idempotency_Key="k-7")
        house.call("toy", "ask")
        house.call("toy", "free", Idempotency_Key="k-7")
        assert [each.header("idempotency-key") for each in toy.requests] == ["k-7", None, None]


def test_errors_are_not_kept(tmp_path: Path) -> None:
    script = (answer(500), answer(422, b'{"error": "no"}'), answer_json({"said": "yes"}))
    with limited_house(tmp_path, *script, idempotency=ON) as (house, toy):
        statuses = [house.call("toy", "ask", Idempotency_Key="k").status_code for _ in range(4)]
        assert statuses == [502, 400, 200, 200]
        assert len(toy.requests) == 3


def test_streams_are_made_each_time(tmp_path: Path) -> None:
    with limited_house(tmp_path, sse({"say": "hi"}, "[DONE]"), idempotency=ON) as (house, toy):
        for _ in range(2):
            response = house.call("toy", "ask", {"stream": True}, Idempotency_Key="k")
            assert events_of(response.text)[-1][0] == "done"
        assert len(toy.requests) == 2


def test_two_at_once_on_two_servers_are_one_call(tmp_path: Path) -> None:
    arrived, go = threading.Event(), threading.Event()

    def slow(exchange: Exchange) -> None:
        arrived.set()
        go.wait(20)
        exchange.send(render(body=b'{"said": "once"}'))

    with (
        limited_house(tmp_path, slow, idempotency=ON) as (one, first_toy),
        limited_house(tmp_path, slow, idempotency=ON) as (two, second_toy),
        ThreadPoolExecutor(3) as pool,
    ):
        made = pool.submit(one.call, "toy", "ask", Idempotency_Key="k")
        assert arrived.wait(20)
        waiting = [pool.submit(each.call, "toy", "ask", Idempotency_Key="k") for each in (one, two)]
        go.set()
        assert {each.result(20).text for each in (made, *waiting)} == {made.result().text}
        assert [each.result().headers.get("idempotency-replayed") for each in waiting] == ["true", "true"]
        assert len(first_toy.requests) + len(second_toy.requests) == 1


def test_an_answer_is_kept_for_a_day(tmp_path: Path) -> None:
    clock, service = Clock(), Service()

    async def work() -> list[Any]:
        kept = replays(tmp_path, clock)
        found = [await number(kept, service, call())]
        clock.now += DAY - 1
        found.append(await number(kept, service, call()))
        clock.now += 2
        found.append(await number(kept, service, call()))
        kept.close()
        return found

    assert run(work) == [1, 1, 2]


def test_the_order_of_params_is_no_other_call_and_their_values_are(tmp_path: Path) -> None:
    service = Service()

    async def work() -> None:
        kept = replays(tmp_path)
        assert await number(kept, service, call(a=1, b={"c": 2, "d": 3})) == 1
        assert await number(kept, service, call(b={"d": 3, "c": 2}, a=1)) == 1
        for other in (call(a=1), call(a=1, b={"c": 2, "d": 3}, utility="fetch")):
            with pytest.raises(InvalidParams):
                await number(kept, service, other)
        assert await number(kept, service, call(None)) == 2
        kept.close()

    run(work)


def test_the_store_keeps_to_its_bounds(tmp_path: Path) -> None:
    service = Service(size=1000)

    async def work() -> None:
        kept = replays(tmp_path, max_entries=5, max_bytes=4000, max_reply=1100)
        for each in range(12):
            await number(kept, service, call(f"k{each}"))
        service.size = 2000
        large = [await number(kept, service, call("large")) for _ in range(2)]
        assert large == [13, 14]
        assert await number(kept, service, call("k11")) == 12
        assert await number(kept, service, call("k0")) == 15
        kept.close()

    run(work)
    store = sqlite3.connect(tmp_path / "idempotency.db")
    count, size = store.execute("SELECT count(*), sum(length(body)) FROM answer").fetchone()
    store.close()
    assert count <= 5
    assert size <= 4000


def test_when_the_first_fails_or_leaves_the_next_makes_the_call(tmp_path: Path) -> None:
    service = Service()

    async def work() -> None:
        kept = replays(tmp_path)
        started, forever = asyncio.Event(), asyncio.Event()

        async def never() -> Reply:
            started.set()
            await forever.wait()
            raise AssertionError

        async def failing() -> Reply:
            raise UpstreamRejected("no")

        leaving = asyncio.create_task(kept.once(call(), lambda: TIMINGS, never))
        await started.wait()
        waiting = asyncio.create_task(kept.once(call(), lambda: TIMINGS, failing))
        leaving.cancel()
        with pytest.raises(UpstreamRejected):
            await waiting
        assert leaving.cancelled()
        assert await number(kept, service, call()) == 1
        assert await number(kept, service, call()) == 1
        kept.close()

    run(work)


def test_a_call_whose_process_died_is_made_by_the_next(tmp_path: Path) -> None:
    service = Service()

    async def work() -> None:
        dead = replays(tmp_path)
        await number(dead, service, call())
        dead.close()
        store = sqlite3.connect(tmp_path / "idempotency.db", isolation_level=None)
        store.execute("UPDATE answer SET body = NULL, owner = 'dead'")
        store.close()
        kept = replays(tmp_path)
        assert await number(kept, service, call()) == 2
        kept.close()

    run(work)


def test_where_keys_cannot_be_kept_the_call_is_not_made(tmp_path: Path) -> None:
    service = Service()
    (tmp_path / "idempotency.db").mkdir()

    async def work() -> None:
        kept = replays(tmp_path)
        with pytest.raises(Overloaded, match="so the call was not made"):
            await number(kept, service, call())
        kept.close()

    run(work)
    assert service.made == 0


def test_an_exact_number_and_raw_bytes_survive_the_store(tmp_path: Path) -> None:
    async def exact() -> Reply:
        value: Json = {"n": 12345678901234567891234567890, "t": "ü\ud800"}
        return Reply(value, dump(value), None, TIMINGS, more=True)

    async def raw() -> Reply:
        return Reply(None, b"null", RawReply(b"\x00", "image/png"), TIMINGS)

    async def work() -> None:
        kept = replays(tmp_path)
        for key, make in (("a", exact), ("b", raw)):
            first = await kept.once(call(key), lambda: TIMINGS, make)
            again = await kept.once(call(key), lambda: TIMINGS, make)
            assert (again.value, again.text, again.raw, again.more) == (
                first.value,
                first.text,
                first.raw,
                first.more,
            )
            assert again.replayed
        kept.close()

    run(work)
