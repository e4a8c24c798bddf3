"""`GET /metrics`."""

from starlette.requests import Request

from agentos_runtime.server.messages import Response, admitted
from agentos_runtime.server.opening import Opening
from agentos_runtime.server.pages.reached import Reached
from agentos_runtime.server.pages.without_token import reads_figures_here

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
