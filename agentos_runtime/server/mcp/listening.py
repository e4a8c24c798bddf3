"""`subscriptions/listen` over HTTP: notices on a stream that stays open."""

import asyncio
from contextlib import suppress

from agentos_runtime.errors import AgentOSError
from agentos_runtime.mcp.face import Face
from agentos_runtime.mcp.listening import Subscription, changes
from agentos_runtime.mcp.methods import Methods
from agentos_runtime.server.mcp.late import message_event
from agentos_runtime.server.messages import event_stream_headers
from agentos_runtime.server.open_calls import OpenCall
from agentos_runtime.server.sse import EventWriter


async def listen(
    subscription: Subscription, methods: Methods, face: Face, open_call: OpenCall, writer: EventWriter
) -> None:
    """Until the client leaves or the server stops; then the stream ends with its answer."""
    ending = _Ending()
    open_call.attach(ending)
    try:
        await writer.start(event_stream_headers(face.request_id))
        await writer.write(message_event(subscription.acknowledged()))
        telling = asyncio.create_task(_tell(subscription, methods, face, writer))
        try:
            await asyncio.wait({telling, ending.waited}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            telling.cancel()
            with suppress(asyncio.CancelledError):
                await telling
        await writer.write(message_event(subscription.ended()), last=True)
    except asyncio.CancelledError:
        if not open_call.absorb_cancel():
            raise
    finally:
        writer.close()


async def _tell(subscription: Subscription, methods: Methods, face: Face, writer: EventWriter) -> None:
    async for changed in changes(methods, face):
        for notice in subscription.notices(changed):
            await writer.write(message_event(notice))


class _Ending:
    """Told when the server stops."""

    def __init__(self) -> None:
        self.waited: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def interrupt(self, error: AgentOSError) -> None:
        if not self.waited.done():
            self.waited.set_result(None)
