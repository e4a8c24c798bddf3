"""Where a name leads, looked at before a proxy is asked for it."""

import asyncio
import socket
from collections.abc import Sequence

from agentos_runtime.http_client.addresses import is_public_text
from agentos_runtime.http_client.connections import Resolve
from agentos_runtime.http_client.failures import UnknownName
from agentos_runtime.http_client.routes import leads_inside

KEPT = 10.0
"""Seconds for which a name is known to lead outside, as long as connections without a proxy keep an address."""
PATIENCE = 10.0
"""Seconds for one look."""
_MOST = 4096


class Names:
    """Looks names up and remembers which lead outside; of calls for one name at one time, one looks."""

    def __init__(self, resolve: Resolve | None = None) -> None:
        self._resolve = resolve or _system_resolve
        self._known: dict[str, float] = {}
        self._looking: dict[str, asyncio.Future[Sequence[str]]] = {}

    async def check(self, origin: str, name: str, port: int) -> None:
        """Raises ApprovalRequired when any address of the name is private, UnknownName when it has none."""
        clock = asyncio.get_running_loop().time
        if self._known.get(name, 0.0) > clock():
            return
        try:
            async with asyncio.timeout(PATIENCE):
                addresses = await self._look_up(name, port)
        except (OSError, UnicodeError):  # TimeoutError is an OSError
            raise UnknownName from None
        if not addresses:
            raise UnknownName
        if not all(map(is_public_text, addresses)):
            raise leads_inside(origin)
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[name] = clock() + KEPT

    def close(self) -> None:
        """End the looks under way."""
        for task in self._looking.values():
            task.cancel()

    async def _look_up(self, name: str, port: int) -> Sequence[str]:
        task = self._looking.get(name)
        if task is None:
            task = self._looking[name] = asyncio.ensure_future(self._resolve(name, port))
            task.add_done_callback(lambda done: self._looked(name, done))
        return await asyncio.shield(task)

    def _looked(self, name: str, task: asyncio.Future[Sequence[str]]) -> None:
        self._looking.pop(name, None)
        if not task.cancelled():
            task.exception()  # whoever asked may have left: then nobody else retrieves it


async def _system_resolve(name: str, port: int) -> Sequence[str]:
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]
