"""Rows of calls that the database has not taken: kept in memory and in the journal, and sent when it takes them."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from itertools import islice
from typing import Any, TypeAlias

from agentos_runtime.jsontext import Json
from agentos_runtime.storage.postgres.journal import Journal, Left

MOST_IN_MEMORY = 100_000
AT_ONCE = 500
Row: TypeAlias = list[Json]
Settle: TypeAlias = Callable[[Sequence[Row]], Awaitable[object]]
_BEGUN, _ENDED = 5, 21
"""How long lines of the journal are: of a call that began, and of one that ended, as `settle_v1` takes it."""


class Unsent:
    """Those of this process. begun: calls that were let in while the database was away, and have not ended."""

    def __init__(
        self, journal: Journal, *, monotonic: Callable[[], float] = time.monotonic, most: int = MOST_IN_MEMORY
    ) -> None:
        self._journal = journal
        self._monotonic = monotonic
        self._most = most
        self._rows: deque[Row] = deque()
        self._begun: set[int] = set()
        self._sending = asyncio.Lock()
        self._spilled = False
        """Whether the journal holds rows that memory does not."""
        self._noted = False
        """Whether the journal holds rows that others are yet to send."""
        self._since: float | None = None
        """When the first came of what is yet to be sent."""
        self._sent_at: float | None = None
        """When all was sent of what the journal still holds."""
        self.lost = 0
        """Rows that neither memory nor the journal had room for."""

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def size(self) -> int:
        """Bytes of the journal."""
        return self._journal.size

    @property
    def age(self) -> float:
        """Seconds for which there have been rows that the database has not taken; 0 when there are none."""
        return self._monotonic() - self._since if self._since is not None and self._is_waiting else 0.0

    @property
    def _is_waiting(self) -> bool:
        """Whether there is anything that the database has not taken."""
        return bool(self._rows or self._begun or self._spilled or self._noted)

    def _comes(self) -> None:
        """Something is about to wait."""
        if not self._is_waiting:
            self._since = self._monotonic()

    @property
    def trouble(self) -> str | None:
        """Why rows would not outlive this process."""
        return self._journal.trouble

    def begin(self, number: int, texts: Sequence[str]) -> None:
        """A call goes on without the database; if it never ends it is interrupted."""
        self._comes()
        if self._journal.put([[number, *texts]]):
            self._begun.add(number)
            self._sent_at = None

    def end(self, number: Json) -> None:
        """The database has the row of this call."""
        self._begun.discard(number)

    def put(self, rows: Sequence[Row]) -> None:
        """Rows that could not be sent."""
        if not rows:
            return
        self._comes()
        kept = self._journal.put(rows)
        self._sent_at = None
        self._rows.extend(rows)
        for row in rows:
            self.end(row[0])
        while len(self._rows) > self._most:
            self._rows.popleft()
            self._spilled = self._spilled or kept
            self.lost += not kept

    def note(self, rows: Sequence[Row]) -> None:
        """Rows that are sent again by others than `send`, and are to outlive this process until then."""
        if not rows:
            return
        self._comes()
        if self._journal.put(rows):
            self._noted, self._sent_at = True, None

    async def send(self, settle: Settle, sent: Callable[[Row], object]) -> None:
        """Send all, the oldest first; sent: is told each row of memory. Raises what `settle` raises."""
        if not self._rows and not self._spilled:
            return
        async with self._sending:
            while self._rows:
                batch = [*islice(self._rows, AT_ONCE)]
                await settle(batch)
                for row in batch:
                    self._rows.popleft()
                    sent(row)
            if self._spilled:
                lines = await asyncio.to_thread(self._journal.lines)
                await send_lines([line for line in lines if len(line) == _ENDED], settle)
                self._spilled = False
            self._sent_at = None if self._noted else self._monotonic()

    def again(self) -> None:
        """What was noted was sent; what was sent of late the database may have forgotten."""
        self._spilled = self._spilled or self._sent_at is not None
        if self._noted:
            self._noted, self._sent_at = False, self._monotonic()

    def tidy(self, keep: float) -> None:
        """To be called when the database has just answered: what was sent so long before is on its disk."""
        over = self._sent_at is not None and self._monotonic() - self._sent_at > keep
        if over and not self._rows and not self._begun:
            self._journal.clear()
            self._sent_at = None

    def close(self) -> None:
        """What was not sent stays in the journal."""
        if not self._is_waiting:
            self._journal.clear()
        self._journal.close()


async def send_left(left: Left, settle: Settle) -> None:
    """Send what a dead process left; its calls that have no end were interrupted. Raises what `settle` raises."""
    lines = await asyncio.to_thread(left.lines)
    ended = [line for line in lines if len(line) == _ENDED]
    numbers = {line[0] for line in ended if isinstance(line[0], int)}
    begun = [line for line in lines if len(line) == _BEGUN and line[0] not in numbers]
    nothing: list[Any] = [None] * (_ENDED - _BEGUN - 4)
    await send_lines([*ended, *([*line, "interrupted", *nothing, 0, 0, False] for line in begun)], settle)


async def send_lines(rows: Sequence[Row], settle: Settle) -> None:
    for at in range(0, len(rows), AT_ONCE):
        await settle(rows[at : at + AT_ONCE])
