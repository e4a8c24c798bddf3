"""`GET /console/events`: rows of the ledger as they begin, change and end, as the pages show them."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from functools import partial

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from agentos_runtime.console.opening import Pages
from agentos_runtime.console.visits import Visit
from agentos_runtime.jsontext import Json
from agentos_runtime.server.lasting import until_the_end
from agentos_runtime.server.limits import Limits
from agentos_runtime.server.messages import admitted, event_stream_headers
from agentos_runtime.server.open_calls import OpenCalls
from agentos_runtime.server.sse import EventWriter, frame
from agentos_runtime.storage.file_threads import aside

MOST_ROWS = 200
"""Rows told at once; of more, the page is loaded again."""
ROOT = "{root}"
"""Stands for the console's address in the rows: each tab that is told has its own."""
TOLD = ("id", "agent", "skill", "utility", "outcome", "code", "model", "request_id")
"""What tabs filter by."""
Prepare = Callable[[Request], Awaitable[tuple[Pages, Visit]]]
Batches = AsyncIterator[list[tuple[str, dict[str, Json]]]]


class ConsoleEvents:
    """The endpoint; an ASGI application. prepare: lets in, or raises ConsoleLocked."""

    def __init__(self, prepare: Prepare, calls: OpenCalls, limits: Limits) -> None:
        self._prepare = prepare
        self._calls = calls
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        pages, visit = await self._prepare(request)
        following = await visit.runtime.follow({}, visit.caller, visit.query.get("after") or None)
        admission = admitted(scope)
        with self._calls.open(admission.connection) as open_call:
            writer = EventWriter(send, self._limits.ping)
            await writer.start(event_stream_headers(admission.request_id))
            telling = _tell(aiter(following), pages, replace(visit, root=ROOT), writer)
            await until_the_end(telling, writer, open_call)


async def _tell(batches: Batches, pages: Pages, visit: Visit, writer: EventWriter) -> None:
    async for batch in batches:
        mark = batch[-1][0]
        rows = [row for _, row in batch]
        if len(rows) > MOST_ROWS:
            await writer.write(frame("rows", {"mark": mark, "gap": True, "rows": []}))
            continue
        shown = await aside(partial(pages.rows, visit, rows))
        told: list[Json] = [
            {**{name: row[name] for name in TOLD}, "html": html} for row, html in zip(rows, shown, strict=True)
        ]
        await writer.write(frame("rows", {"mark": mark, "rows": told}))
