"""Streams under way: whatever takes back what they were opened under ends them, at whichever moment it comes."""

import asyncio
from collections.abc import Callable
from functools import partial

import pytest

from agentos_runtime.errors import AgentOSError, NotAllowed, Unauthorized
from agentos_runtime.runtime.recall import Recalls

STOPPED = NotAllowed("stopped")


class Looked:
    """A file that says what is allowed, whose changes are seen by a stamp, and looks that take no time."""

    def __init__(self) -> None:
        self.stamp = 1
        self.answers: list[AgentOSError | None] = []
        self.ended: list[AgentOSError] = []
        self.looks = self.wanted = 0
        self.looked = asyncio.Event()
        self.after: Callable[[], None] = lambda: None

    async def sleep(self, _: float) -> None:
        self.looks += 1
        if self.looks > self.wanted:
            self.looked.set()
        await asyncio.sleep(0)

    def ask(self) -> None:
        answer = self.answers.pop(0) if self.answers else None
        after, self.after = self.after, lambda: None
        after()
        if answer is not None:
            raise answer

    async def watched(self, looks: int) -> None:
        self.wanted = looks
        recalls = Recalls(lambda: self.stamp, self.sleep)
        forget = recalls.watch(self.ask, self.ended.append, lambda: asyncio.sleep(0))
        await self.looked.wait()
        forget()


def test_a_change_between_the_first_question_and_the_first_look_is_seen() -> None:
    file = Looked()
    file.answers = [None, STOPPED]

    def change() -> None:
        file.stamp = 2

    file.after = change
    asyncio.run(file.watched(looks=3))
    assert file.ended == [STOPPED]


@pytest.mark.parametrize("unsure", [1, 2])
def test_a_look_at_a_file_that_cannot_be_read_just_now_is_repeated(unsure: int) -> None:
    file = Looked()
    file.answers = [*[Unauthorized("it cannot be read")] * unsure, STOPPED]
    asyncio.run(file.watched(looks=5))
    assert file.ended == [STOPPED]


def test_nothing_is_asked_again_while_nothing_changed() -> None:
    file = Looked()
    file.answers = [None, STOPPED]
    asyncio.run(file.watched(looks=5))
    assert file.ended == []


def test_at_the_end_every_stream_is_closed_also_behind_one_that_fails() -> None:
    closed: list[int] = []

    async def ended() -> None:
        file = Looked()
        recalls = Recalls(lambda: file.stamp, file.sleep)
        forgets = [recalls.watch(file.ask, file.ended.append, partial(close, number)) for number in range(3)]
        try:
            await recalls.close()
        finally:
            for forget in forgets:
                forget()

    async def close(number: int) -> None:
        closed.append(number)
        if number != 2:
            raise OSError(f"stream {number}")

    with pytest.raises(OSError, match="stream"):
        asyncio.run(ended())
    assert closed == [0, 1, 2]
