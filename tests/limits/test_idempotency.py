"""A call made again with the same key gets the first answer again."""

import asyncio
import contextlib
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from agentos_runtime.calls.call import Call, RawReply, Reply, Timings
from agentos_runtime.errors import IdempotencyUnknown, InvalidParams, Overloaded, UpstreamRejected
from agentos_runtime.jsontext import Json, dump
from agentos_runtime.limits.idempotency.answers import LocalAnswers
from agentos_runtime.limits.idempotency.replays import Keyed, Make, Replays, ReplaySettings
from tests.end_to_end.house import House, events_of
from tests.limits.support import DAY, ORIGIN, Clock, limited_house, priced, run, sse, write_skill
from tests.toy.raw import Behaviour, Exchange, Toy, answer, answer_json, cut, render, reset, say, stall

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
    kept = ReplaySettings(enabled=True, **settings)
    return Replays(kept, LocalAnswers(home / "idempotency.db", kept.room, clock=clock or Clock()))


def keyed(make: Make, *, repeatable: bool = False, happened: bool = False) -> Keyed:
    """A call; happened: a failure of it says nothing of whether it was made."""
    return Keyed(make, lambda: TIMINGS, repeatable, lambda error: happened)


def call(key: str | None = "k1", agent: str = "cursor", utility: str = "ask", **params: Any) -> Call:
    return Call("toy", utility, params, agent, "r", key)


async def number(kept: Replays, service: Service, asked: Call) -> Any:
    reply = await kept.once(asked, keyed(service))
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
        # In a process of its own: who closes a file of this process's SQLite drops its locks.
        held = {word: files_with(word, house.home) for word in ("payload-canary", "key-canary")}
    assert held == {"payload-canary": {"idempotency.db"}, "key-canary": set()}


def files_with(word: str, folder: Path) -> set[str]:
    found = subprocess.run(["grep", "-rlaF", word, folder], capture_output=True, text=True, timeout=60).stdout
    return {Path(line).name.removesuffix("-wal") for line in found.splitlines()}


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


SHOP = """\
---
id: shop
name: Shop
description: Buys once
auth: none
utilities:
  buy:
    description: Buy
    rest: {method: POST, url: "ORIGIN/buy", timeout: 1, response: {mapping: {n: ".n | tonumber"}}}
  nowhere:
    description: Buy where nobody is
    rest: {method: POST, url: "https://nowhere.invalid/buy", timeout: 5}
  look:
    description: Look
    rest: {url: "ORIGIN/look", timeout: 1, response: {mapping: {n: ".n | tonumber"}}}
  orders:
    description: A list of many pages
    params: {after: {type: string}}
    returns: array
    rest:
      url: ORIGIN/orders
      query: {after: .params.after}
      paginate: {style: cursor, position: after, items: /data, next: .next}
---
"""
BOUGHT = render(body=b'{"n": "1"}', headers=[("Content-Type", "application/json")])
SAID_NO = {
    "a status": answer(500),
    "a refusal": answer(422, b'{"error": "no"}'),
    "an error inside a 200": answer_json({"error": {"message": "no", "code": 402}}),
}
SAYS_NOTHING = {
    "too late": stall(),
    "a connection that is lost": reset(),
    "an answer that is cut": cut(BOUGHT, len(BOUGHT) - 3),
    "a page": answer(body=b"<html>", headers=[("Content-Type", "application/json")]),
    "a reply of which nothing can be made": answer_json({"n": {}}),
}


@contextlib.contextmanager
def shop(folder: Path, first: Behaviour) -> Iterator[tuple[House, Toy]]:
    write_skill(folder / "skills", ORIGIN, SHOP, "shop.md")
    with limited_house(folder, first, say(BOUGHT), idempotency=ON) as opened_house:
        yield opened_house


@pytest.mark.parametrize("first", SAID_NO.values(), ids=SAID_NO.keys())
def test_a_call_that_the_service_refused_is_made_again(tmp_path: Path, first: Behaviour) -> None:
    with shop(tmp_path, first) as (house, toy):
        assert house.call("shop", "buy", Idempotency_Key="k").status_code >= 400
        assert house.call("shop", "buy", Idempotency_Key="k").json() == {"n": 1}
        assert len(toy.requests) == 2


@pytest.mark.parametrize("first", SAYS_NOTHING.values(), ids=SAYS_NOTHING.keys())
def test_a_call_that_may_have_been_made_is_not_made_again(tmp_path: Path, first: Behaviour) -> None:
    with shop(tmp_path, first) as (house, toy):
        assert house.call("shop", "buy", Idempotency_Key="k").status_code >= 500
        for _ in range(2):
            unknown = house.call("shop", "buy", Idempotency_Key="k")
            assert (unknown.status_code, unknown.json()["code"]) == (409, "idempotency_unknown")
        assert len(toy.requests) == 1
        assert house.call("shop", "buy", Idempotency_Key="k2").json() == {"n": 1}


@pytest.mark.parametrize("first", SAYS_NOTHING.values(), ids=SAYS_NOTHING.keys())
def test_a_call_that_only_reads_is_made_again_whatever_became_of_it(tmp_path: Path, first: Behaviour) -> None:
    with shop(tmp_path, first) as (house, _):
        while house.call("shop", "look", Idempotency_Key="k").status_code != 200:
            pass
        assert house.call("shop", "look", Idempotency_Key="k").headers["idempotency-replayed"] == "true"


def test_a_list_that_is_given_again_says_where_it_goes_on(tmp_path: Path) -> None:
    with shop(tmp_path, answer_json({"data": [1, 2], "next": "p/2"})) as (house, toy):
        first, again = (house.call("shop", "orders", Idempotency_Key="k") for _ in range(2))
        assert (again.headers["idempotency-replayed"], len(toy.requests)) == ("true", 1)
        for answered in (first, again):
            assert (answered.headers["x-more-rows"], answered.headers["x-next-position"]) == ("true", "p/2")


def test_a_call_that_never_left_is_made_again(tmp_path: Path) -> None:
    with shop(tmp_path, say(BOUGHT)) as (house, _):
        codes = [house.call("shop", "nowhere", Idempotency_Key="k").json()["code"] for _ in range(2)]
        assert codes == ["upstream_unreachable"] * 2


def test_a_caller_who_leaves_and_comes_back_does_not_buy_twice(tmp_path: Path) -> None:
    arrived = threading.Event()

    def slow(exchange: Exchange) -> None:
        arrived.set()
        exchange.stall()

    with shop(tmp_path, slow) as (house, toy):
        with pytest.raises(httpx.ReadTimeout):
            house.client.post(
                "/api/skills/shop/buy", json={}, headers={"X-Agent": "tester", "Idempotency-Key": "k"}, timeout=0.3
            )
        assert arrived.wait(10)
        assert house.call("shop", "buy", Idempotency_Key="k").json()["code"] == "idempotency_unknown"
        assert len(toy.requests) == 1


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
        assert await number(kept, service, call("large")) == 13
        with pytest.raises(IdempotencyUnknown):
            await number(kept, service, call("large"))
        assert await number(kept, service, call("k11")) == 12
        assert await number(kept, service, call("k0")) == 14
        kept.close()

    run(work)
    store = sqlite3.connect(tmp_path / "idempotency.db")
    count, size = store.execute("SELECT count(*), sum(length(body)) FROM answer").fetchone()
    store.close()
    assert count <= 5
    assert size <= 4000


@pytest.mark.parametrize("bound", ["max_reply", "max_bytes"])
@pytest.mark.parametrize("repeatable", [False, True])
def test_a_call_whose_reply_was_too_large_to_keep_is_made_again_only_where_it_may_be(
    tmp_path: Path, bound: str, repeatable: bool
) -> None:
    """It was made and paid; by what only reads nothing happens twice."""
    service, bounds = Service(size=2000), dict[str, Any]({bound: 1000})

    async def work() -> None:
        kept = replays(tmp_path, **bounds)
        assert (await kept.once(call(), keyed(service, repeatable=repeatable))).value["number"] == 1
        if repeatable:
            assert (await kept.once(call(), keyed(service, repeatable=True))).value["number"] == 2
        else:
            with pytest.raises(IdempotencyUnknown):
                await kept.once(call(), keyed(service))
        kept.close()

    run(work)


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

        leaving = asyncio.create_task(kept.once(call(), keyed(never)))
        await started.wait()
        waiting = asyncio.create_task(kept.once(call(), keyed(failing)))
        leaving.cancel()
        with pytest.raises(UpstreamRejected):
            await waiting
        assert leaving.cancelled()
        assert await number(kept, service, call()) == 1
        assert await number(kept, service, call()) == 1
        kept.close()

    run(work)


def with_a_dead_owner(home: Path) -> Replays:
    """A store in which the call under `k1` was under way in a process that died."""

    async def work() -> None:
        dead = replays(home)
        await number(dead, Service(), call())
        dead.close()

    run(work)
    with contextlib.closing(sqlite3.connect(home / "idempotency.db", isolation_level=None)) as store:
        store.execute("UPDATE answer SET body = NULL, owner = 'dead'")
    return replays(home)


def test_a_call_whose_process_died_is_unknown_and_not_made_again(tmp_path: Path) -> None:
    kept, service = with_a_dead_owner(tmp_path), Service()

    async def work() -> None:
        for _ in range(2):
            with pytest.raises(IdempotencyUnknown, match=r"may have been made.*call with a new key") as raised:
                await kept.once(call(), keyed(service))
            assert (raised.value.status, raised.value.code) == (409, "idempotency_unknown")
        with pytest.raises(InvalidParams):
            await kept.once(call(a=1), keyed(service))
        assert await number(kept, service, call("k2")) == 1
        kept.close()

    run(work)


def test_a_call_whose_process_died_is_made_again_where_that_changes_nothing(tmp_path: Path) -> None:
    kept, service = with_a_dead_owner(tmp_path), Service()

    async def work() -> None:
        replies = [await kept.once(call(), keyed(service, repeatable=True)) for _ in range(2)]
        assert [reply.replayed for reply in replies] == [False, True]
        kept.close()

    run(work)
    assert service.made == 1


def test_what_is_unknown_is_forgotten_with_its_day(tmp_path: Path) -> None:
    with_a_dead_owner(tmp_path).close()
    clock, service = Clock(), Service()
    clock.now += DAY + 1

    async def work() -> None:
        kept = replays(tmp_path, clock)
        assert await number(kept, service, call()) == 1
        kept.close()

    run(work)


def test_a_late_owner_does_not_overwrite_the_answer_of_the_one_that_took_its_place(tmp_path: Path) -> None:
    late, service = replays(tmp_path), Service()

    async def slowly() -> Reply:
        with contextlib.closing(sqlite3.connect(tmp_path / "idempotency.db", isolation_level=None)) as store:
            store.execute("UPDATE answer SET owner = 'dead'")
        kept = replays(tmp_path)
        assert await kept.once(call(), keyed(service, repeatable=True))
        kept.close()
        return Reply("late", b'"late"', None, TIMINGS)

    async def work() -> None:
        assert (await late.once(call(), keyed(slowly))).value == "late"
        again = await late.once(call(), keyed(service))
        assert again.replayed
        assert isinstance(again.value, dict)
        late.close()

    run(work)
    assert service.made == 1


def test_a_call_that_its_caller_left_in_the_middle_is_unknown(tmp_path: Path) -> None:
    service = Service()

    async def work() -> None:
        kept = replays(tmp_path)
        started = asyncio.Event()

        async def never() -> Reply:
            started.set()
            await asyncio.Event().wait()
            raise AssertionError

        leaving = asyncio.create_task(kept.once(call(), keyed(never, happened=True)))
        await started.wait()
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        with pytest.raises(IdempotencyUnknown):
            await number(kept, service, call())
        kept.close()

    run(work)
    assert service.made == 0


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
            first = await kept.once(call(key), keyed(make))
            again = await kept.once(call(key), keyed(make))
            assert (again.value, again.text, again.raw, again.more) == (
                first.value,
                first.text,
                first.raw,
                first.more,
            )
            assert again.replayed
        kept.close()

    run(work)
