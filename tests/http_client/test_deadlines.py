"""One timer for many deadlines behaves as one timer each."""

import asyncio

import pytest

from agentos_runtime.http_client.deadlines import Deadlines, Patience
from tests.http_client.conftest import Run


def soon(seconds: float) -> float:
    return asyncio.get_running_loop().time() + seconds


async def wait_for_ever() -> None:
    await asyncio.get_running_loop().create_future()


def test_a_deadline_strikes_however_many_others_are_later_or_earlier(run: Run) -> None:
    async def many() -> list[str]:
        deadlines, order = Deadlines(), []

        async def one(name: str, seconds: float) -> None:
            with pytest.raises(TimeoutError), deadlines.at(soon(seconds)):
                await wait_for_ever()
            order.append(name)

        async with asyncio.TaskGroup() as group:
            for name, seconds in (("last", 0.15), ("first", 0.02), ("second", 0.07), ("past", -1.0)):
                group.create_task(one(name, seconds))
        return order

    assert run(many()) == ["past", "first", "second", "last"]


def test_a_deadline_may_be_set_beside_one_that_is_due(run: Run) -> None:
    """What is due within a millisecond is no timer to uvloop."""

    async def beside() -> None:
        deadlines = Deadlines()
        with deadlines.at(soon(0)):
            with deadlines.at(soon(0.05)):
                await asyncio.sleep(0)
            await wait_for_ever()

    with pytest.raises(TimeoutError):
        run(beside())


def test_a_body_that_ends_in_time_is_left_alone(run: Run) -> None:
    async def in_time() -> None:
        deadlines = Deadlines()
        with deadlines.at(soon(0.02)):
            await asyncio.sleep(0)
        with pytest.raises(TimeoutError), deadlines.at(soon(0.05)):
            await wait_for_ever()

    run(in_time())


def test_a_cancellation_from_outside_stays_one(run: Run) -> None:
    async def cancelled() -> None:
        deadlines = Deadlines()

        async def body() -> None:
            with deadlines.at(soon(10)):
                await wait_for_ever()

        task = asyncio.create_task(body())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(cancelled())


def test_a_cancellation_at_the_same_moment_wins(run: Run) -> None:
    async def both() -> None:
        deadlines = Deadlines()

        async def body() -> None:
            with deadlines.at(soon(0)) as deadline:
                asyncio.get_running_loop().call_soon(deadline.strike)
                asyncio.get_running_loop().call_soon(task.cancel)
                await wait_for_ever()

        task = asyncio.create_task(body())
        with pytest.raises(asyncio.CancelledError):
            await task
        deadlines.close()

    run(both())


def test_deadlines_nest(run: Run) -> None:
    async def nested() -> None:
        deadlines = Deadlines()
        with pytest.raises(TimeoutError), deadlines.at(soon(0.03)), deadlines.at(soon(10)):
            await wait_for_ever()
        with deadlines.at(soon(10)):
            with pytest.raises(TimeoutError), deadlines.at(soon(0.01)):
                await wait_for_ever()
            await asyncio.sleep(0)
        deadlines.close()

    run(nested())


def test_what_is_waited_for_again_and_again_is_lost_when_one_wait_is_too_long(run: Run) -> None:
    """Only the time counts in which it is waited, and it is set anew however often it came in time."""

    async def waits() -> list[str]:
        deadlines, told = Deadlines(), []
        lost = asyncio.Event()

        def lose() -> None:
            told.append("lost")
            lost.set()

        patience = Patience(deadlines, 0.05, lose)
        patience.begin()
        patience.strike()  # too early: it has waited for no time yet
        patience.rest()
        patience.strike()  # nobody waits
        told.append("patient")
        patience.begin()
        await lost.wait()
        patience.strike()  # it is over
        deadlines.close()
        return told

    assert run(waits()) == ["patient", "lost"]


def test_what_is_not_waited_for_any_more_is_never_lost(run: Run) -> None:
    async def ended() -> list[str]:
        deadlines, told = Deadlines(), []
        patience = Patience(deadlines, 0.0, lambda: told.append("lost"))
        patience.begin()
        patience.end()
        patience.begin()
        with pytest.raises(TimeoutError), deadlines.at(soon(0.02)):
            await wait_for_ever()
        deadlines.close()
        return told

    assert run(ended()) == []
