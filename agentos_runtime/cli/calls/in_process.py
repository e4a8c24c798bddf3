"""Calls made in this process."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from agentos_runtime.calls.call import Call, Event
from agentos_runtime.cli.calls.backend import UNKNOWN, Answer, CallFailed
from agentos_runtime.cli.runtimes import opened
from agentos_runtime.cli.terminal.shell import OPERATOR, Shell
from agentos_runtime.config.settings import Settings
from agentos_runtime.errors import AgentOSError
from agentos_runtime.runtime import Runtime
from agentos_runtime.runtime.operating.waiting import show_waiting
from agentos_runtime.runtime.preview import Preview
from agentos_runtime.runtime.tracing import Trace


class InProcess:
    """A backend over a runtime; `trace` is told every stage of its calls."""

    def __init__(self, runtime: Runtime, trace: Trace | None = None) -> None:
        self._runtime = runtime
        self._trace = trace

    async def utility(self, skill: str, name: str) -> Any:
        try:
            return self._runtime.catalog(OPERATOR, everything=True).utility(skill, name)
        except AgentOSError:
            return UNKNOWN

    async def invoke(self, call: Call) -> Answer:
        with _failing(call):
            reply = await self._runtime.invoke(call, trace=self._trace)
            return Answer(reply.value, reply.raw, reply.more, reply.ignored)

    async def waiting(self, entry_id: str, seconds: float) -> Any:
        return await show_waiting(self._runtime, OPERATOR, entry_id, seconds)

    async def stream(self, call: Call) -> AsyncIterator[Event]:
        with _failing(call):
            stream = await self._runtime.stream(call, trace=self._trace)
            try:
                async for batch in stream:
                    for event in batch:
                        if event.name == "error":
                            raise CallFailed(event.data if isinstance(event.data, dict) else {})
                        yield event
            finally:
                await stream.aclose()

    async def preview(self, call: Call, *, streaming: bool) -> Preview:
        with _failing(call):
            return await self._runtime.preview(call, streaming=streaming)


@asynccontextmanager
async def in_process(shell: Shell, settings: Settings, trace: Trace | None = None) -> AsyncIterator[InProcess]:
    """A backend of this process. Raises Failed when the runtime cannot be opened."""
    async with opened(shell, settings) as runtime:
        yield InProcess(runtime, trace)


@contextmanager
def _failing(call: Call) -> Iterator[None]:
    try:
        yield
    except AgentOSError as error:
        error.details = {"skill": call.skill, "utility": call.utility, **error.details}
        raise CallFailed({**error.as_json(), "request_id": call.request_id}) from None
