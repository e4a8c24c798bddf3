"""A call whose reply is a list in pages: all in one piece, or page by page as a stream."""

import asyncio

from agentos_runtime.calls.call import Event, Reply
from agentos_runtime.calls.evaluate import EMPTY
from agentos_runtime.calls.paging import Page, Pages, PagesPlan, next_page, read_rows
from agentos_runtime.calls.values import ValuePlan
from agentos_runtime.errors import AgentOSError, UpstreamTimeout, UpstreamTruncated
from agentos_runtime.jsontext import Json
from agentos_runtime.runtime.answering.streaming import Sink
from agentos_runtime.runtime.authorized import AuthorizedRequest
from agentos_runtime.runtime.authorizing import authorize, pages_of
from agentos_runtime.runtime.building import build
from agentos_runtime.runtime.context import CallContext
from agentos_runtime.runtime.reading import ask, body_of, check_status, send, value_of


class PageReader:
    """Fetches one page after the other, all of them within the call's timeout."""

    def __init__(self, ctx: CallContext, pages: Pages) -> None:
        self.pages = pages
        self.authorized: AuthorizedRequest | None = None
        """The newest request."""
        self._ctx = ctx
        self._seconds = ctx.plan.utility.rest.timeout
        self._ends = ctx.services.clocks.monotonic() + self._seconds

    async def next(self) -> list[Json]:
        """The rows of the next page. Raises AgentOSError."""
        ctx = self._ctx
        plan = ctx.plan.pages
        assert plan is not None
        left = self._ends - ctx.services.clocks.monotonic()
        if left <= 0:
            name = ctx.plan.reply.service.name
            raise UpstreamTimeout(
                f"{name} did not give all pages within {self._seconds:g} s; ask for fewer rows with limit"
            )
        draft = self.pages.draft
        self.authorized = await authorize(ctx, draft)
        response = await send(ctx, self.authorized, left)
        await check_status(ctx, response)
        body = await body_of(ctx, response)
        value = await value_of(ctx, body)
        said = [EMPTY if one is None else await ask(ctx, one, body.whole, body.response) for one in _asked(plan)]
        if plan.by_address:
            said[0] = next_page(plan, response.headers.get("link", ""), said[0], draft.url)
        found, rows = read_rows(plan, body.whole, value)
        ctx.record.add_up()
        return self.pages.take(Page(found, rows, said[0], len(response.body), said[1], said[2]))


def _asked(plan: PagesPlan) -> tuple[ValuePlan | None, ...]:
    """What is asked of each page, in the order of `Page`."""
    return plan.next, plan.total, plan.pages


async def read_pages(ctx: CallContext) -> Reply:
    """The rows of as many pages as the caller wants, as one list. Raises AgentOSError."""
    reader = await open_pages(ctx)
    rows: list[Json] = []
    while not reader.pages.over:
        rows += await reader.next()
    pages = reader.pages
    return ctx.results.reply(rows, ctx.timings(), more=pages.more, goes_on_at=pages.goes_on_at)


async def open_pages(ctx: CallContext) -> PageReader:
    """A reader that stands before the first page. Raises AgentOSError."""
    draft = await build(ctx)
    return PageReader(ctx, pages_of(ctx, draft, ctx.services.max_reply))


class PagesSource:
    """`streaming.Source` over a list: each page is a delta, the whole list is the end."""

    def __init__(self, ctx: CallContext, reader: PageReader) -> None:
        self._results = ctx.results
        self._reader = reader
        self._rows: list[Json] = []
        self._fetching: asyncio.Task[list[Json]] | None = None

    @property
    def authorized(self) -> AuthorizedRequest | None:
        return self._reader.authorized

    def is_ready(self) -> bool:
        return False

    async def next(self) -> list[Event]:
        pages = self._reader.pages
        while not pages.over:
            rows = await self._fetch()
            if rows:
                self._rows += rows
                return [self._results.event("delta", rows), *([self._whole()] if pages.over else [])]
        return [self._whole()]

    def pass_to(self, sink: Sink) -> None:
        """A page is never there at once."""

    async def failed(self, error: AgentOSError) -> list[Event]:
        return [self._results.failure(error, self._rows)]

    def abort(self) -> None:
        if self._fetching is not None:
            self._fetching.cancel()

    def close(self) -> None:
        self.abort()

    async def drain(self) -> None:
        """Nothing is open between two pages."""

    async def _fetch(self) -> list[Json]:
        """The next page; an abort ends the wait."""
        self._fetching = asyncio.create_task(self._reader.next())
        try:
            await asyncio.wait({self._fetching})
            if self._fetching.cancelled():
                raise UpstreamTruncated("The list was broken off before its end")
            return self._fetching.result()
        finally:
            self._fetching.cancel()
            self._fetching = None

    def _whole(self) -> Event:
        return self._results.event("done", self._rows)
