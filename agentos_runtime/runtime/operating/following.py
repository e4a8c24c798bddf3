"""Rows of the ledger as they begin, change and end: those of this process at once, others' within a second."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any, Self

from agentos_runtime.errors import InvalidParams, ParamProblem
from agentos_runtime.jsontext import Json
from agentos_runtime.regexes import regex
from agentos_runtime.runtime.ports import Ledger
from agentos_runtime.storage.activity.queries import LARGEST_LIMIT
from agentos_runtime.storage.activity.sight import Sight

LOOK_AGAIN = 1.0
"""Seconds between two looks at what other processes wrote."""
AT_MOST_EVERY = 0.03
"""Seconds between two looks at what this one wrote."""
_OPEN = ("started", "waiting")
_CHANGING = ("outcome", "code", "model")
"""Filters over what a row has only later: looked at here, so that no change is missed."""
_RESUME = regex(r"([0-9]{1,18})(?:;([0-9]{1,18}(?:,[0-9]{1,18})*))?")
_MOST_OPEN = 1_000
_NO_ROW = 2**62
"""After it is none: a question that only looks whether the filters can be read."""


class Following:
    """Batches of rows, each with the mark from which to go on after it; to be iterated once.

    filters: agent, skill, utility, request_id, model, outcome, code. resume: such a mark, after which nothing is
    missed and nothing told twice; without one, only what is new. Raises InvalidParams, InternalError.
    """

    def __init__(self, ledger: Ledger, sight: Sight, filters: Mapping[str, str], resume: str | None) -> None:
        self._ledger = ledger
        self._sight = sight
        self._fixed = {name: each for name, each in filters.items() if name not in _CHANGING}
        self._changing = {name: each for name, each in filters.items() if name in _CHANGING}
        self._after, self._open = _mark(resume)
        self._changed = asyncio.Event()

    def __aiter__(self) -> AsyncIterator[list[tuple[str, dict[str, Json]]]]:
        return self._batches()

    async def ready(self) -> Self:
        """Look from where it begins, so that nothing after this is missed. Raises InvalidParams, InternalError."""
        await self._ledger.reader.changed(_NO_ROW, (), self._fixed | self._changing, self._sight)
        if self._after is None:
            self._after = await self._ledger.reader.last()
        return self

    async def _batches(self) -> AsyncIterator[list[tuple[str, dict[str, Json]]]]:
        stop = self._ledger.listen(self._changed.set)
        try:
            while True:
                self._changed.clear()
                found = await self._ledger.reader.changed(self._after or 0, self._open, self._fixed, self._sight)
                if told := self._news(found):
                    yield told
                if len(found) < LARGEST_LIMIT:
                    await asyncio.sleep(AT_MOST_EVERY)
                    await self._wait()
        finally:
            stop()

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(LOOK_AGAIN):
                await self._changed.wait()
        except TimeoutError:
            pass

    def _news(self, found: list[dict[str, Json]]) -> list[tuple[str, dict[str, Json]]]:
        told: list[tuple[str, dict[str, Json]]] = []
        seen: set[int] = set()
        for row in found:
            number, outcome = _number(row), str(row["outcome"])
            seen.add(number)
            if self._open.get(number) == outcome:
                continue
            self._after = max(self._after or 0, number)
            self._open.pop(number, None)
            if outcome in _OPEN and len(self._open) < _MOST_OPEN:
                self._open[number] = outcome
            if all(row[name] == each for name, each in self._changing.items()):
                told.append((self._position(), row))
        if len(found) < LARGEST_LIMIT:  # what was deleted is not waited for
            self._open = {number: each for number, each in self._open.items() if number in seen}
        return told

    def _position(self) -> str:
        opened = ",".join(map(str, self._open))
        return f"{self._after};{opened}" if opened else str(self._after)


def _mark(resume: str | None) -> tuple[int | None, dict[int, str]]:
    """Raises InvalidParams."""
    if resume is None:
        return None, {}
    found = _RESUME.fullmatch(resume)
    opened = found[2].split(",") if found and found[2] else []
    if found is None or len(opened) > _MOST_OPEN:
        problem = ParamProblem("Last-Event-ID", "must be the id of an event")
        raise InvalidParams(
            "The stream cannot go on from there: Last-Event-ID is no id of an event.", problems=[problem]
        )
    return int(found[1]), {int(number): "" for number in opened}


def _number(row: Mapping[str, Any]) -> int:
    number: int = row["id"]
    return number
