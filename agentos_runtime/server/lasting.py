"""Answers that go on until their client leaves or the server stops."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from agentos_runtime.errors import AgentOSError
from agentos_runtime.server.open_calls import OpenCall
from agentos_runtime.server.sse import EventWriter


async def until_the_end(told: Coroutine[Any, Any, None], writer: EventWriter, open_call: OpenCall) -> None:
    """Run what tells events through the writer; ends with it, with the client, or with the server."""
    ending = _Ending()
    open_call.attach(ending)
    telling = asyncio.create_task(told)
    try:
        await asyncio.wait({telling, ending.waited}, return_when=asyncio.FIRST_COMPLETED)
        if not telling.done():
            await writer.write(b"", last=True)
    except asyncio.CancelledError:
        if not open_call.absorb_cancel():
            raise
    finally:
        telling.cancel()
        await asyncio.wait({telling})
        writer.close()


class _Ending:
    """Told when the server stops."""

    def __init__(self) -> None:
        self.waited: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def interrupt(self, error: AgentOSError) -> None:
        if not self.waited.done():
            self.waited.set_result(None)
