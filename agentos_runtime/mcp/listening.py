"""Telling clients that what they are shown has changed."""

import asyncio
from collections.abc import AsyncIterator, Mapping

from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json
from agentos_runtime.mcp.face import Face
from agentos_runtime.mcp.methods import Methods
from agentos_runtime.mcp.protocol import META, Request, invalid_params, notification, result

LOOK = 0.25
"""Seconds between two looks at what is shown; a look is a comparison of numbers while nothing was saved."""
BETWEEN = 1.0
"""Seconds between two notices of one kind."""
KINDS: Mapping[str, str] = {
    "toolsListChanged": "notifications/tools/list_changed",
    "resourcesListChanged": "notifications/resources/list_changed",
}


async def changes(methods: Methods, face: Face) -> AsyncIterator[set[str]]:
    """Those of KINDS whose list is another than the caller knew, whenever there are any."""
    known = methods.shown(face).tags
    while True:
        await asyncio.sleep(LOOK)
        now = methods.shown(face).tags
        changed = {kind for kind in KINDS if now[kind] != known[kind]}
        if changed:
            known = now
            yield changed
            await asyncio.sleep(BETWEEN - LOOK)


@dataclass(frozen=True, slots=True)
class Subscription:
    """What one `subscriptions/listen` asks for."""

    request: Request
    kinds: frozenset[str]

    @classmethod
    def of(cls, request: Request) -> "Subscription":
        """Raises RpcError."""
        asked = request.params.get("notifications")
        if not isinstance(asked, dict):
            raise invalid_params("params.notifications must be an object")
        return cls(request, frozenset(kind for kind in KINDS if asked.get(kind) is True))

    def acknowledged(self) -> bytes:
        honoured: dict[str, Json] = dict.fromkeys(sorted(self.kinds), True)
        return self._notice("notifications/subscriptions/acknowledged", {"notifications": honoured})

    def notices(self, changed: set[str]) -> list[bytes]:
        return [self._notice(KINDS[kind], {}) for kind in sorted(changed & self.kinds)]

    def ended(self) -> bytes:
        """The answer, once there will be no more notices."""
        return result(self.request, {}, self._meta)

    def _notice(self, method: str, params: Mapping[str, Json]) -> bytes:
        return notification(method, {**params, "_meta": self._meta})

    @property
    def _meta(self) -> dict[str, Json]:
        return {f"{META}subscriptionId": self.request.id}
