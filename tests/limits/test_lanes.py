"""One slow upstream does not take everything."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from agentos_runtime.errors import Overloaded
from agentos_runtime.limits.concurrency import ConcurrencyLimiter, LaneSettings, read_concurrency
from tests.limits.support import SKILL, limited_house, run, write_skill
from tests.toy.raw import Exchange, render


def test_who_waits_longest_is_next_and_who_left_is_passed_over() -> None:
    async def work() -> list[str]:
        concurrency = ConcurrencyLimiter(LaneSettings(concurrent=1, queue=3, wait=60))
        order: list[str] = []

        async def call(name: str) -> None:
            await concurrency.enter("slow")
            order.append(name)
            await asyncio.sleep(0)
            concurrency.leave("slow")

        await concurrency.enter("slow")
        calls = [asyncio.create_task(call(name)) for name in ("first", "second", "third")]
        await asyncio.sleep(0)
        with pytest.raises(Overloaded, match="1 are under way and 3 wait") as raised:
            await concurrency.enter("slow")
        assert raised.value.retry_after == 1
        await concurrency.enter("fast")
        calls[1].cancel()
        await asyncio.sleep(0)
        concurrency.leave("slow")
        await asyncio.wait(calls)
        await concurrency.enter("slow")
        return order

    assert run(work) == ["first", "third"]


def test_a_place_given_to_a_caller_who_left_at_that_moment_is_not_lost() -> None:
    async def work() -> None:
        concurrency = ConcurrencyLimiter(LaneSettings(concurrent=1, queue=1, wait=60))
        await concurrency.enter("slow")
        waiting = asyncio.create_task(concurrency.enter("slow"))
        await asyncio.sleep(0)
        concurrency.leave("slow")
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        async with asyncio.timeout(5):
            await concurrency.enter("slow")

    run(work)


def test_nobody_waits_longer_than_was_said() -> None:
    async def work() -> None:
        concurrency = ConcurrencyLimiter(LaneSettings(concurrent=1, queue=1, wait=0))
        await concurrency.enter("slow")
        for _ in range(3):
            with pytest.raises(Overloaded, match="none of 1 ended within 0 s"):
                await concurrency.enter("slow")

    run(work)


def test_half_of_all_connections_are_for_one_skill_unless_config_says_otherwise() -> None:
    assert read_concurrency({}, "config.toml", 1024) == LaneSettings(512, 128, 10)
    assert read_concurrency({"wait": 1.5}, "config.toml", 1) == LaneSettings(1, 0, 1.5)
    assert read_concurrency({"concurrent": 3, "queue": 0}, "config.toml", 9) == LaneSettings(3, 0, 10)


def test_a_slow_skill_is_overloaded_alone(tmp_path: Path) -> None:
    arrived, go = threading.Semaphore(0), threading.Event()

    def behave(exchange: Exchange) -> None:
        if exchange.request.target == "/ask":
            arrived.release()
            go.wait(20)
        exchange.send(render(body=b"{}"))

    write_skill(tmp_path / "skills", "https://toy.example", SKILL.replace("id: toy", "id: quick"), "quick.md")
    with (
        limited_house(tmp_path, behave, fairness={"concurrent": 2, "queue": 0}) as (house, toy),
        ThreadPoolExecutor(2) as pool,
    ):
        slow = [pool.submit(house.call, "toy", "ask") for _ in range(2)]
        assert all(arrived.acquire(timeout=20) for _ in slow)
        refused = house.call("toy", "free")
        assert (refused.status_code, refused.json()["code"]) == (503, "overloaded")
        assert refused.headers["retry-after"] == "1"
        assert house.call("quick", "free").status_code == 200
        go.set()
        assert [each.result(20).status_code for each in slow] == [200, 200]
        assert house.call("toy", "free").status_code == 200
        assert len(toy.requests) == 4
