"""Queries of what does not wait on an event loop: a thread has one, and whoever asks waits for the answer.

For what a person does now and then (a token made, an approval, a page looked at), and for commands.
"""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from decimal import Decimal
from typing import Any

from agentos_runtime.regexes import regex
from agentos_runtime.storage.postgres.driver import ANSWER_WITHIN, Address, Connection
from agentos_runtime.storage.sqlite.files import DatabaseAway

TURN_WITHIN = 30.0
"""Seconds for which a turn is waited for."""
_MARK = regex(r"\?")


class Cursor:
    """What a statement gave, as sqlite3 gives it."""

    def __init__(self, rows: Sequence[Any], names: Sequence[str], changed: int) -> None:
        self._rows = iter([tuple(map(_plain, row)) for row in rows])
        self.description = [(name,) for name in names]
        self.rowcount = changed

    def fetchone(self) -> Any:
        return next(self._rows, None)

    def fetchall(self) -> list[Any]:
        return [*self._rows]

    def __iter__(self) -> Iterator[Any]:
        return self._rows


class SideConnection:
    """One connection for statements with `?`, usable from every thread, also from one with an event loop."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._connection: Connection | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = threading.RLock()
        self._begun: Connection | None = None
        """That of the transaction which is under way."""

    def execute(self, sql: str, values: Sequence[object] = (), *, within: float = ANSWER_WITHIN) -> Cursor:
        """One statement; outside of `transaction` it is one of its own. Raises DatabaseAway, Refused."""
        with self._lock:
            return Cursor(*self._wait_for(self._answer(_numbered(sql), values, within)))

    @contextmanager
    def transaction(self, lock: int | None = None) -> Iterator["SideConnection"]:
        """What is executed in the block is done whole or not at all; lock: alone among those with this number."""
        with self._lock:
            self.execute("BEGIN")
            self._begun = self._connection
            try:
                if lock is not None:
                    self.execute("SELECT pg_advisory_xact_lock(8404, ?)", (lock,), within=TURN_WITHIN)
                yield self
                self.execute("COMMIT")
            except BaseException:
                with suppress(DatabaseAway):
                    self.execute("ROLLBACK")
                raise
            finally:
                self._begun = None

    def script(self, sql: str) -> None:
        """Statements without values, in one transaction when none is begun. Raises DatabaseAway, Refused."""
        with self._lock:
            self._wait_for(self._script(sql))

    def close(self) -> None:
        with self._lock:
            if self._loop is None:
                return
            if self._connection is not None:
                self._wait_for(self._connection.close())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._loop = self._connection = None

    async def _usable(self) -> Connection:
        if self._begun is not None and self._begun.ended:
            raise DatabaseAway("the connection to the database was lost")
        if self._connection is None or self._connection.ended:
            self._connection = await self._address.connect(durable=True)
        return self._connection

    async def _answer(
        self, sql: str, values: Sequence[object], within: float
    ) -> tuple[list[Any], tuple[str, ...], int]:
        return await (await self._usable()).answer(sql, values, within=within)

    async def _script(self, sql: str) -> None:
        await (await self._usable()).script(sql)

    def _wait_for(self, coroutine: Any) -> Any:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            threading.Thread(target=_run, args=(self._loop,), name="agentos-database", daemon=True).start()
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()


def _run(loop: asyncio.AbstractEventLoop) -> None:
    loop.run_forever()
    loop.close()


def _numbered(sql: str) -> str:
    """`?` as `$1`, `$2` …"""
    numbers: Iterator[int] = iter(range(1, sql.count("?") + 1))
    return _MARK.sub(lambda _: f"${next(numbers)}", sql)


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value
