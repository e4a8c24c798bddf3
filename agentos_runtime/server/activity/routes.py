"""`/api/activity` and `/api/usage`."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from agentos_runtime.errors import InvalidParams, NotAllowed, NotFound, ParamProblem
from agentos_runtime.jsontext import Json, dump
from agentos_runtime.security.agents import Caller
from agentos_runtime.server.activity.sheets import sheet
from agentos_runtime.server.lasting import until_the_end
from agentos_runtime.server.limits import Limits
from agentos_runtime.server.messages import Response, admitted, event_stream_headers, json_response, names
from agentos_runtime.server.open_calls import OpenCalls
from agentos_runtime.server.opening import Opening
from agentos_runtime.server.operators.proof import PROOF
from agentos_runtime.server.paths import known_query, variable
from agentos_runtime.server.sse import EventWriter
from agentos_runtime.storage.activity.queries import LARGEST_LIMIT

MOST_ROWS = 20_000
"""Rows of one spreadsheet."""
OF_ROWS = frozenset({"agent", "skill", "utility", "model", "outcome", "code", "request_id"})
ACTIVITY_FILTERS = OF_ROWS | {"since", "until", "limit", "cursor", "all"}
USAGE_FILTERS = OF_ROWS | {"since", "until", "by", "zone", "latency", "all"}
EVENT_FILTERS = OF_ROWS | {"all"}
COLUMNS = (
    "id",
    "started_at",
    "agent",
    "skill",
    "utility",
    "outcome",
    "code",
    "status",
    "upstream_status",
    "duration_ms",
    "upstream_ms",
    "model",
    "provider",
    "generation_id",
    "input_tokens",
    "output_tokens",
    "cost",
    "request_id",
    "decision",
)


class ActivityRoutes:
    """The endpoints that show past calls, and those under way."""

    def __init__(self, opening: Opening, calls: OpenCalls, limits: Limits) -> None:
        self._opening = opening
        self._calls = calls
        self._limits = limits

    def routes(self) -> list[Route]:
        return [
            Route("/api/activity", self.rows),
            Route("/api/activity/events", _Events(self._opening, self._calls, self._limits), methods=["GET"]),
            Route("/api/activity/{id}", self.row),
            Route("/api/usage", self.usage),
        ]

    async def rows(self, request: Request) -> Response:
        runtime = await self._opening.wait()
        caller = admitted(request.scope).caller
        filters = known_query(request.scope, ACTIVITY_FILTERS)
        wants_all(filters, caller)
        if not _wants_sheet(request):
            return json_response(await runtime.activity(filters, caller))
        found: Any = await runtime.activity(filters, caller, MOST_ROWS)
        return await _sheet(found["rows"], COLUMNS, _next(filters, found["next_cursor"]))

    async def row(self, request: Request) -> Response:
        runtime = await self._opening.wait()
        known_query(request.scope, ())
        number = variable(request.scope, "id")
        if not re.fullmatch("[0-9]{1,18}", number):
            raise NotFound(f"There is no row {number!r}: its id is a number.")
        return json_response(await runtime.activity_row(int(number), admitted(request.scope).caller))

    async def usage(self, request: Request) -> Response:
        runtime = await self._opening.wait()
        caller = admitted(request.scope).caller
        filters = known_query(request.scope, USAGE_FILTERS)
        wants_all(filters, caller)
        found: Any = await runtime.usage(filters, caller)
        if not _wants_sheet(request):
            return json_response(found)
        return await _sheet(found["rows"], found["rows"][0] if found["rows"] else (), ())


class _Events:
    """Rows as they begin, change and end; an ASGI application."""

    def __init__(self, opening: Opening, calls: OpenCalls, limits: Limits) -> None:
        self._opening = opening
        self._calls = calls
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        runtime = await self._opening.wait()
        admission = admitted(scope)
        filters = known_query(scope, EVENT_FILTERS)
        wants_all(filters, admission.caller)
        resume = admission.headers.get(b"last-event-id")
        rows = await runtime.follow(filters, admission.caller, resume.decode("latin-1") if resume else None)
        with self._calls.open(admission.connection) as open_call:
            writer = EventWriter(send, self._limits.ping)
            await writer.start(event_stream_headers(admission.request_id))
            await until_the_end(_tell(aiter(rows), writer), writer, open_call)


async def _tell(batches: AsyncIterator[list[tuple[str, dict[str, Json]]]], writer: EventWriter) -> None:
    async for batch in batches:
        frames = [b"event: row\nid: %s\ndata: %s\n\n" % (mark.encode(), dump(row)) for mark, row in batch]
        await writer.write(b"".join(frames))


def wants_all(filters: dict[str, str], caller: Caller) -> bool:
    """Takes `all` out of the filters: everything, for the operator. Raises InvalidParams, NotAllowed."""
    asked = filters.pop("all", "0")
    if asked not in ("0", "1"):
        raise InvalidParams("The query cannot be read: all must be 1", problems=[ParamProblem("all", "must be 1")])
    if asked == "1" and not caller.operator:
        raise NotAllowed(f"?all=1 is for the operator: {PROOF}")
    return asked == "1"


def _wants_sheet(request: Request) -> bool:
    accept = admitted(request.scope).headers.get(b"accept", b"")
    return names(accept, b"text/csv") and not names(accept, b"application/json")


def _next(filters: Mapping[str, str], cursor: str | None) -> tuple[tuple[bytes, bytes], ...]:
    """Where the sheet goes on."""
    if cursor is None:
        return ()
    query = urlencode({**filters, "limit": filters.get("limit", LARGEST_LIMIT), "cursor": cursor})
    return ((b"link", f'<?{query}>; rel="next"'.encode()),)


async def _sheet(rows: Any, columns: Any, headers: tuple[tuple[bytes, bytes], ...]) -> Response:
    body = await asyncio.to_thread(sheet, rows, columns)
    return Response(body, content_type=b"text/csv; charset=utf-8; header=present", headers=headers)
