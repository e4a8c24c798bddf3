"""A call whose reply is a list in pages: all in one piece, or page by page as a stream."""

import asyncio
from dataclasses import replace

from agentos_runtime.calls.call import Event, Reply
from agentos_runtime.calls.evaluate import EMPTY
from agentos_runtime.calls.paging import Page, Pages, read_rows
from agentos_runtime.calls.request import Draft
from agentos_runtime.errors import AgentOSError, UpstreamTimeout, UpstreamTruncated
from agentos_runtime.jsontext import Json
from agentos_runtime.runtime.exchange import Exchange


class PageReader:
    """Fetches one page after the other, all of them within the call's timeout."""

    def __init__(self, exchange: Exchange, draft: Draft, pages: Pages) -> None:
        self.pages = pages
        self._exchange = exchange
        self._draft = draft
        rest = exchange.session.plan.utility.rest
        self._seconds = rest.timeout
        self._ends = exchange.clocks.monotonic() + rest.timeout

    async def next(self) -> list[Json]:
        """The rows of the next page. Raises AgentOSError."""
        exchange = self._exchange
        left = self._ends - exchange.clocks.monotonic()
        if left <= 0:
            name = exchange.session.plan.reply.service.name
            raise UpstreamTimeout(
                f"{name} did not give all pages within {self._seconds:g} s; ask for fewer rows with limit"
            )
        request = exchange.session.finish(replace(self._draft, query=self.pages.query))
        response = await exchange.send(request, left)
        await exchange.check_status(response)
        body = exchange.body(response)
        value = await exchange.value(body)
        plan = exchange.session.plan.pages
        assert plan is not None
        following = EMPTY if plan.next is None else await exchange.ask(plan.next, body.whole, response)
        found, rows = read_rows(plan, body.whole, value)
        return self.pages.take(Page(found, rows, following, len(response.body)))


async def read_pages(exchange: Exchange, max_reply: int) -> Reply:
    """The rows of as many pages as the caller wants, as one list. Raises AgentOSError."""
    reader = await open_pages(exchange, max_reply)
    rows: list[Json] = []
    while not reader.pages.over:
        rows += await reader.next()
    return exchange.plain(rows, more=reader.pages.more)


async def open_pages(exchange: Exchange, max_reply: int) -> PageReader:
    """A reader that stands before the first page. max_reply: bytes of all pages. Raises AgentOSError."""
    draft = await exchange.session.draft()
    return PageReader(exchange, draft, exchange.session.pages(draft, max_reply))


class PagesSource:
    """`streaming.Source` over a list: each page is a delta, the whole list is the end."""

    def __init__(self, exchange: Exchange, reader: PageReader) -> None:
        self._exchange = exchange
        self._reader = reader
        self._rows: list[Json] = []
        self._fetching: asyncio.Task[list[Json]] | None = None

    async def next(self) -> list[Event]:
        pages = self._reader.pages
        while not pages.over:
            rows = await self._fetch()
            if rows:
                self._rows += rows
                return [Event("delta", [*rows])] + ([Event("done", self._rows)] if pages.over else [])
        return [Event("done", self._rows)]

    async def failed(self, error: AgentOSError) -> list[Event]:
        error = self._exchange.session.clean_error(error)
        body = error.as_json() | {"request_id": self._exchange.request_id, "partial": self._rows}
        return [Event("error", body)]

    def abort(self) -> None:
        if self._fetching is not None:
            self._fetching.cancel()

    async def drain(self) -> None:
        """Nothing is open between two pages."""

    async def _fetch(self) -> list[Json]:
        """The next page, without the credential's secrets; an abort ends the wait."""
        self._fetching = asyncio.create_task(self._reader.next())
        try:
            await asyncio.wait({self._fetching})
            if self._fetching.cancelled():
                raise UpstreamTruncated("The list was broken off before its end")
            rows = self._fetching.result()
        finally:
            self._fetching.cancel()
            self._fetching = None
        cleaned = self._exchange.session.redactor.clean(rows)
        assert isinstance(cleaned, list)
        return cleaned
