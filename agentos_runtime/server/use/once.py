"""`POST /api/use`: one call of an address as JSON."""

import asyncio

from starlette.types import Receive, Scope, Send

from agentos_runtime import jsontext
from agentos_runtime.errors import InvalidJson, ShuttingDown
from agentos_runtime.proxy.once import Caller, use_once
from agentos_runtime.server.messages import Response, admitted, error_response, simulated
from agentos_runtime.server.open_calls import STOPPING, OpenCalls
from agentos_runtime.server.paths import known_query
from agentos_runtime.server.use.passing import budget_warning
from agentos_runtime.server.use.route import Passing, trace_of, waiting_id_of


class OnceRoute:
    """An ASGI application."""

    def __init__(self, passing: Passing, calls: OpenCalls) -> None:
        self._passing = passing
        self._calls = calls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = admitted(scope)
        known_query(scope, ())
        given = _fields(request.body)
        proxy = await self._passing.proxy()
        with self._calls.open(request.connection) as open_call:
            try:
                caller = Caller(
                    request.caller.agent,
                    request.request_id,
                    self._passing.hold,
                    waiting_id_of(request),
                    trace_of(request),
                )
                found = await use_once(proxy, given, caller)
            except asyncio.CancelledError:
                if not open_call.absorb_cancel():
                    raise
                if open_call.gone:
                    return
                response: Response = error_response(ShuttingDown(STOPPING, retry_after=1), request.request_id)
            else:
                beside = (*budget_warning(found.warning), *simulated(found.simulated))
                response = Response(jsontext.dump(found.answer), headers=beside)
            await response(scope, receive, send)


def _fields(body: bytes) -> dict[str, jsontext.Json]:
    try:
        value = jsontext.parse(body or b"{}")
    except jsontext.JsonTextError as error:
        raise InvalidJson(f"The body is not JSON: {error}. Send one object with the url.") from None
    if not isinstance(value, dict):
        raise InvalidJson("The body must be one JSON object with the url.")
    return value
