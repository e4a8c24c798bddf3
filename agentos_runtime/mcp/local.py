"""A conversation answered in this process."""

import asyncio

from agentos_runtime.calls.call import new_request_id
from agentos_runtime.errors import ShuttingDown
from agentos_runtime.frozen import dataclass
from agentos_runtime.mcp.face import Face, agent_of
from agentos_runtime.mcp.listening import KINDS, Subscription, changes
from agentos_runtime.mcp.methods import Methods
from agentos_runtime.mcp.ports import Runtime
from agentos_runtime.mcp.protocol import INTERNAL_ERROR, Request, RpcError, notification, settled
from agentos_runtime.mcp.stdio import Say
from agentos_runtime.mcp.toolsets import Toolset
from agentos_runtime.security.agents import ANONYMOUS

PROGRESS_AFTER = 2.0
PROGRESS_EVERY = 5.0


@dataclass(frozen=True, slots=True)
class LocalDesk:
    """agent: who calls, None when the client's own name says. toolset: None = as the settings have it for it."""

    runtime: Runtime
    methods: Methods
    agent: str | None
    toolset: Toolset | None

    async def answer(self, line: bytes, request: Request, client: str | None, say: Say) -> None:
        """Raises RpcError, Unauthorized."""
        request = settled(request, None)
        if request.method == "subscriptions/listen" and request.modern:
            await self._listen(Subscription.of(request), request, say)
            return
        progress = (
            asyncio.create_task(_tell(request.progress_token, say)) if request.progress_token is not None else None
        )
        try:
            say(await self.methods.answer(request, self._face(request.client_name or client)))
        except ShuttingDown as error:
            raise RpcError(INTERNAL_ERROR, error.message) from None
        finally:
            if progress is not None:
                progress.cancel()

    async def notices(self, client: str | None, say: Say) -> None:
        async for changed in changes(self.methods, self._face(client)):
            for kind in sorted(changed):
                say(notification(KINDS[kind]))

    async def _listen(self, subscription: Subscription, request: Request, say: Say) -> None:
        say(subscription.acknowledged())
        async for changed in changes(self.methods, self._face(request.client_name)):
            for notice in subscription.notices(changed):
                say(notice)

    def _face(self, client: str | None) -> Face:
        agent = self.agent or agent_of(self.runtime, ANONYMOUS, proven=False, client=client)
        return Face(agent, self.toolset or self.methods.settings.of(agent), new_request_id())


async def _tell(token: str | int, say: Say) -> None:
    """Of a call that takes a while, again and again: clients wait longer then."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    await asyncio.sleep(PROGRESS_AFTER)
    while True:
        told = {
            "progressToken": token,
            "progress": round(loop.time() - began, 3),
            "message": "waiting for the service",
        }
        say(notification("notifications/progress", told))
        await asyncio.sleep(PROGRESS_EVERY)
