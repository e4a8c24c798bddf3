"""`GET /metrics`."""

import ipaddress

from starlette.requests import Request
from starlette.types import Scope

from agentos_runtime.server.messages import Response, admitted
from agentos_runtime.server.opening import Opening
from agentos_runtime.server.pages.described import Reached

PATH = "/metrics"
_CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"


class FiguresRoute:
    """The figures, for who may see what all agents do."""

    def __init__(self, opening: Opening, reached: Reached) -> None:
        self._opening = opening
        self._open = reached.open_figures

    async def read(self, request: Request) -> Response:
        """Raises NotAllowed, Unauthorized."""
        runtime = await self._opening.wait()
        everybody = self._open and reads_figures_here(request.scope)
        text = await runtime.metrics(None if everybody else admitted(request.scope).caller)
        return Response(text.encode(), content_type=_CONTENT_TYPE)


def reads_figures_here(scope: Scope) -> bool:
    """Whether a program of this machine asks for the figures."""
    client = scope.get("client")
    return scope["path"] in (PATH, f"{PATH}/") and client is not None and _is_loopback(client[0])


def _is_loopback(address: str) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return (mapped or found).is_loopback
