"""`POST /api/skills/<id>/<utility>`: the call, plain or streamed."""

import asyncio
from urllib.parse import quote

from starlette.types import Receive, Scope, Send

from agentos_runtime.calls.call import Call, Passing, Reply, Timings, usable_key
from agentos_runtime.calls.trace_context import parent_of
from agentos_runtime.errors import (
    AgentOSError,
    DecisionPending,
    InternalError,
    InvalidParams,
    ParamProblem,
    ShuttingDown,
)
from agentos_runtime.jsontext import Json, dump
from agentos_runtime.regexes import regex
from agentos_runtime.server.error_log import caught
from agentos_runtime.server.limits import Limits
from agentos_runtime.server.messages import (
    Admitted,
    Headers,
    Response,
    admitted,
    error_body,
    error_response,
    event_stream_headers,
    json_object,
    names,
    simulated,
)
from agentos_runtime.server.open_calls import STOPPING, OpenCall, OpenCalls
from agentos_runtime.server.opening import Opening
from agentos_runtime.server.paths import known_query, variable
from agentos_runtime.server.ports import EventStream, Runtime
from agentos_runtime.server.sse import TERMINAL, EventWriter, frame, frames


class CallRoute:
    """The endpoint of all utilities; an ASGI application, so that a call costs no more objects than it needs."""

    def __init__(self, opening: Opening, calls: OpenCalls, limits: Limits) -> None:
        self._opening = opening
        self._calls = calls
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["query_string"]:
            _refuse_query(scope)
        runtime = self._opening.runtime or await self._opening.wait()
        skill, utility = variable(scope, "skill"), variable(scope, "utility")
        request = admitted(scope)
        open_call = self._calls.open(request.connection)
        try:
            with open_call:
                response = await self._answer(runtime, request, open_call, send, skill, utility)
        except AgentOSError as error:
            error.details = {"skill": skill, "utility": utility, **error.details}
            if not isinstance(error, DecisionPending) or not _responds_later(request):
                raise
            response = _accepted(error)
        except asyncio.CancelledError:
            if not open_call.absorb_cancel():
                raise
            response = None if open_call.gone else _stopped(request)
        if response is not None and not response.written(scope, send):
            await response(scope, receive, send)

    async def _answer(
        self, runtime: Runtime, request: Admitted, open_call: OpenCall, send: Send, skill: str, utility: str
    ) -> Response | None:
        """The answer, or None when it was already streamed."""
        params = json_object(request.body)
        if "stream" in params:
            streamed = await _wants_stream(runtime, request, skill, utility, params)
        else:
            streamed = _takes_events(request)
        call = self._call(request, skill, utility, params)
        if streamed:
            await self._stream(runtime, call, open_call, send)
            return None
        reply = await runtime.invoke(call)
        if reply.raw is not None and reply.raw.passing is not None:
            await _hand_on(reply, reply.raw.passing, call, open_call, send)
            return None
        return _plain(reply)

    def _call(self, request: Admitted, skill: str, utility: str, params: dict[str, Json]) -> Call:
        headers = request.headers
        waiting_id, parent = headers.get(b"waiting-id"), headers.get(b"traceparent")
        return Call(
            skill,
            utility,
            params,
            request.caller.agent,
            request.request_id,
            usable_key(headers[b"idempotency-key"].decode("latin-1")) if b"idempotency-key" in headers else None,
            0.0 if b"prefer" in headers and _responds_later(request) else self._limits.hold,
            waiting_id.decode("latin-1") if waiting_id else None,
            "http",
            None if parent is None else parent_of(parent.decode("latin-1")),
            request.body or b"{}",
        )

    async def _stream(self, runtime: Runtime, call: Call, open_call: OpenCall, send: Send) -> None:
        stream = await runtime.stream(call)
        writer = EventWriter(send, self._limits.ping)
        try:
            open_call.attach(stream)
            beside = (
                *_budget_warning(stream.warning),
                *_ignored_params(stream.ignored),
                *simulated(stream.simulated),
            )
            stream.pour(lambda events: writer.write_at_once(frames(events)))
            headers = [*event_stream_headers(call.request_id), *beside]
            if stream.is_ready:
                writer.start_with_first(headers)
            else:
                await writer.start(headers)
            await _pump(stream, writer, call, open_call)
        finally:
            writer.close()
            open_call.settle()
            await stream.aclose()


async def _pump(stream: EventStream, writer: EventWriter, call: Call, open_call: OpenCall) -> None:
    """Everything the stream has, and exactly one terminal event, whatever happens on the way."""
    try:
        async for batch in stream:
            if batch and batch[-1].name in TERMINAL:
                await writer.write(frames(batch), last=True)
                return
            await writer.write(frames(batch))
        raise InternalError("The stream ended without an end. This is a bug of the runtime.")
    except AgentOSError as error:
        await writer.write(_goodbye(error, call), last=True)
    except asyncio.CancelledError:
        if open_call.gone or not open_call.absorb_cancel():
            raise
        await writer.write(_goodbye(ShuttingDown(STOPPING), call), last=True)
    except Exception as error:  # noqa: BLE001 - the response has begun: this is the top of the surface
        await writer.write(_goodbye(caught(error, call.request_id), call), last=True)


async def _hand_on(reply: Reply, passing: Passing, call: Call, open_call: OpenCall, send: Send) -> None:
    """Bytes as they arrive, or so many that nobody takes them for all: then the connection ends in the middle."""
    open_call.attach(passing)
    try:
        await send({"type": "http.response.start", "status": 200, "headers": _plain(reply).head(call.request_id)})
        try:
            async for piece in passing.pieces():
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        except AgentOSError:
            await send({"type": "http.response.body", "body": b"", "more_body": True})
            return
        await send({"type": "http.response.body", "body": b""})
    finally:
        open_call.settle()
        await passing.aclose()


def _plain(reply: Reply) -> Response:
    headers: tuple[tuple[bytes, bytes], ...] = ((b"server-timing", _server_timing(reply.timings)),)
    if reply.warning or reply.ignored or reply.simulated is not None:
        beside = (*_budget_warning(reply.warning), *_ignored_params(reply.ignored), *simulated(reply.simulated))
        headers = (*headers, *beside)
    if reply.replayed:
        headers = (*headers, _REPLAYED)
    if reply.more:
        headers = (*headers, _MORE_ROWS)
    if reply.goes_on_at is not None:
        headers = (*headers, (b"x-next-position", quote(reply.goes_on_at, safe=_IN_HEADERS).encode()))
    if reply.raw is None:
        return Response(reply.text, headers=headers)
    content_type = reply.raw.content_type.encode("latin-1", "replace")
    if not _CONTENT_TYPE.fullmatch(content_type):
        content_type = b"application/octet-stream"
    return Response(reply.raw.body, content_type=content_type, headers=(*headers, _HARMLESS))


def _budget_warning(warning: str | None) -> Headers:
    return [(b"x-budget-warning", warning.encode("latin-1", "replace"))] if warning else []


def _ignored_params(names: tuple[str, ...]) -> Headers:
    """What is beyond the characters of names is percent-encoded."""
    return [(b"x-ignored-params", ",".join(quote(name, safe="") for name in names).encode())] if names else []


def _responds_later(request: Admitted) -> bool:
    """Whether the caller wants to be told at once that a person has yet to be asked."""
    if b"prefer" not in request.headers:
        return False
    wanted = request.headers[b"prefer"].lower().split(b",")
    return b"respond-async" in [each.partition(b";")[0].strip() for each in wanted]


def _accepted(pending: DecisionPending) -> Response:
    """Nothing was done yet; where that is asked for."""
    waiting = pending.details.get("waiting")
    url = str(waiting.get("url")) if isinstance(waiting, dict) else ""
    headers = ((b"location", url.encode()), (b"preference-applied", b"respond-async"), (b"retry-after", b"5"))
    return Response(dump({"waiting": waiting}), 202, headers=headers)


def _server_timing(timings: Timings) -> bytes:
    told = b"total;dur=%.2f, upstream;dur=%.2f, expressions;dur=%.2f" % (
        timings.total_ms,
        timings.upstream_ms,
        timings.expressions_ms,
    )
    return told + b", waiting;dur=%.2f" % timings.waiting_ms if timings.waiting_ms else told


def _stopped(request: Admitted) -> Response:
    return error_response(ShuttingDown(STOPPING, retry_after=1), request.request_id)


def _goodbye(error: AgentOSError, call: Call) -> bytes:
    return frame("error", {"skill": call.skill, "utility": call.utility, **error_body(error, call.request_id)})


def _refuse_query(scope: Scope) -> None:
    """Raises InvalidParams for params in the query: the call would be made without them."""
    try:
        known_query(scope, ())
    except InvalidParams as error:
        raise InvalidParams("Params go into the body, as one JSON object.", problems=error.problems) from None


async def _wants_stream(
    runtime: Runtime, request: Admitted, skill: str, utility: str, params: dict[str, Json]
) -> bool:
    """Takes `stream` out of the params, unless the utility declares it as its own; a boolean there decides."""
    if not await runtime.owns_param(skill, utility, "stream"):
        asked = params.pop("stream")
        if isinstance(asked, bool):
            return asked
        if asked is not None:
            raise InvalidParams(
                "The param stream must be true or false.",
                problems=[ParamProblem("stream", "must be true or false")],
            )
    return _takes_events(request)


def _takes_events(request: Admitted) -> bool:
    """Whether the client says that it takes events, and no JSON."""
    accept = request.headers.get(b"accept")
    return accept is not None and names(accept, b"text/event-stream") and not names(accept, b"application/json")


_CONTENT_TYPE = regex(rb"[\w.+-]+/[\w.+-]+(?:[ \t]*;[ \t]*[\w.+-]+=(?:[\w.:+/-]+|\"[^\"\x00-\x1f\x7f-\xff]*\"))*")
_REPLAYED = (b"idempotency-replayed", b"true")
_IN_HEADERS = "!#$&'*+,/:;=?@^_`|~.-"
"""Of a position that stands there as it is; the rest is percent-encoded."""
_MORE_ROWS = (b"x-more-rows", b"true")
"""The list goes on after these rows, or may."""
_HARMLESS = (b"content-security-policy", b"default-src 'none'; sandbox")
"""A reply that a browser would show as a page must not run anything here."""
