"""A stream that waits for a person's yes before it begins."""

import asyncio
from collections.abc import Awaitable, Callable

from agentos_runtime.calls.call import Event
from agentos_runtime.errors import AgentOSError, ShuttingDown
from agentos_runtime.runtime.answering.streaming import Sink, Source
from agentos_runtime.runtime.authorized import AuthorizedRequest
from agentos_runtime.runtime.results import Results


class HeldSource:
    """Lets the call in first, then is the source that it opened. begin: lets it in. Raises what that raises."""

    def __init__(self, begin: Callable[[], Awaitable[Source]], results: Results) -> None:
        self._begin = begin
        self._results = results
        self._beginning: asyncio.Future[Source] | None = None
        self._source: Source | None = None
        self._aborted = False

    @property
    def authorized(self) -> AuthorizedRequest | None:
        return self._source.authorized if self._source is not None else None

    def is_ready(self) -> bool:
        return False  # a person is asked first

    async def next(self) -> list[Event]:
        if self._source is None:
            self._source = await self._begun()
        return await self._source.next()

    def pass_to(self, sink: Sink) -> None:
        if self._source is not None:
            self._source.pass_to(sink)

    async def failed(self, error: AgentOSError) -> list[Event]:
        if self._source is not None:
            return await self._source.failed(error)
        return [self._results.failure(error, None)]

    def abort(self) -> None:
        self._aborted = True
        if self._source is not None:
            self._source.abort()
        elif self._beginning is not None:
            self._beginning.cancel()

    def close(self) -> None:
        self.abort()
        if self._source is not None:
            self._source.close()

    async def drain(self) -> None:
        if self._source is not None:
            await self._source.drain()

    async def _begun(self) -> Source:
        self._beginning = asyncio.ensure_future(self._begin())
        try:
            return await self._beginning
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if self._aborted and (task is None or not task.cancelling()):
                raise ShuttingDown("The call was ended while it waited for a person.") from None
            raise
