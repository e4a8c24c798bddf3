"""Steps of one transaction each, alone among all replicas: what a `SharedDatabase` does, in PostgreSQL."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from agentos_runtime.storage.postgres.side import SideConnection

T = TypeVar("T")
TIDY_EVERY = 1_000
"""Works between two looks at what is over."""


class SharedWorks:
    """Works on tables that few call often. name: of its thread. lock: the number of their turn."""

    def __init__(
        self, side: SideConnection, name: str, lock: int, tidy: Callable[[Any], object] = lambda _: None
    ) -> None:
        self._side = side
        self._lock = lock
        self._tidy = tidy
        self._until_tidy = 1
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"database-{name}")

    async def run(self, work: Callable[[Any], T], undo: Callable[[Any, T], None] | None = None) -> T:
        """Do the work, alone among all replicas. undo: takes back what was done when the caller was cancelled.

        Raises DatabaseTrouble.
        """
        future = self._thread.submit(self._run, work)
        try:
            return await asyncio.shield(asyncio.wrap_future(future))
        except asyncio.CancelledError:
            if undo is not None:
                self._thread.submit(lambda: self._run(lambda connection: undo(connection, future.result())))
            raise

    def check_version(self) -> None:
        """The whole database was looked at when it was opened."""

    def close(self) -> None:
        self._thread.shutdown(wait=True)

    def _run(self, work: Callable[[Any], T]) -> T:
        with self._side.transaction(self._lock) as connection:
            self._until_tidy -= 1
            if self._until_tidy <= 0:
                self._until_tidy = TIDY_EVERY
                self._tidy(connection)
            return work(connection)
