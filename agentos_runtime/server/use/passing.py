"""An exchange goes out to its client as it comes."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import TypeAlias

from starlette.types import Send

from agentos_runtime.calls.call import Timings
from agentos_runtime.errors import AgentOSError, ShuttingDown, UpstreamFailed
from agentos_runtime.proxy.exchange import Exchange
from agentos_runtime.proxy.wires import Wire, error_event
from agentos_runtime.regexes import regex
from agentos_runtime.server.connections.at_once import write_at_once
from agentos_runtime.server.messages import Headers, simulated
from agentos_runtime.server.open_calls import STOPPING, OpenCall
from agentos_runtime.server.use.leading import Leading

_CONTENT_TYPE = regex(
    rb"[\w.+-]+/[\w.+-]+(?:[ \t]*;[ \t]*[\w.+-]+=(?:[\w.:+/'-]+|\"[^\"\x00-\x1f\x7f-\xff]*\"))*;?"
)
_BODILESS = frozenset({204, 304})
_LAST = 599
"""Beyond it is no status of HTTP, and none that is written to a client; LinkedIn says 999 to programs."""
_ALWAYS: Headers = [
    (b"cache-control", b"no-store"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; sandbox"),
]
"""What a browser would show as a page must not run anything here."""


Spoken: TypeAlias = Callable[[], Wire | None]
"""Tells which wire the client speaks."""


async def pass_on(
    exchange: Exchange, method: str, leading: Leading, wire: Spoken, open_call: OpenCall, send: Send
) -> None:
    """All of it, or so much that nobody takes it for all: then the connection ends in the middle.

    Raises AgentOSError while nothing was sent yet.
    """
    if exchange.status > _LAST:
        await exchange.whole()
        raise UpstreamFailed(f"The service answered {exchange.status}, which is no status of HTTP: it refused.")
    head = _head(exchange, leading)
    if method == "HEAD" or exchange.status in _BODILESS:
        await exchange.whole()
        if exchange.length is not None and exchange.status not in _BODILESS:
            head.append((b"content-length", b"%d" % exchange.length))
        await _start(exchange, head, send)
        await send({"type": "http.response.body", "body": b""})
        return
    if not exchange.lasts:
        body = await exchange.whole()
        head.append((b"content-length", b"%d" % len(body)))
        if exchange.status == 200 and write_at_once(send, head, body):
            return
        await _start(exchange, head, send)
        await send({"type": "http.response.body", "body": body})
        return
    if exchange.streams:
        head.append((b"x-accel-buffering", b"no"))
        open_call.attach(exchange)
    await _start(exchange, head, send)
    await _stream(exchange, exchange.pieces(), wire, open_call, send)


async def _stream(
    exchange: Exchange, pieces: AsyncIterator[bytes], wire: Spoken, open_call: OpenCall, send: Send
) -> None:
    try:
        async for piece in pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
    except AgentOSError as error:
        await _break_off(exchange, error, wire, send)
        return
    except asyncio.CancelledError:
        if open_call.gone or not open_call.absorb_cancel():
            raise
        await _break_off(exchange, ShuttingDown(STOPPING), wire, send)
        return
    await send({"type": "http.response.body", "body": b""})


async def _break_off(exchange: Exchange, error: AgentOSError, wire: Spoken, send: Send) -> None:
    """Says why, where the answer consists of events. It has no end: the connection is closed instead."""
    last = error_event(error, exchange.request_id, wire()) if exchange.streams else b""
    await send({"type": "http.response.body", "body": last, "more_body": True})


async def _start(exchange: Exchange, headers: Headers, send: Send) -> None:
    await send({"type": "http.response.start", "status": exchange.status, "headers": headers})


def _head(exchange: Exchange, leading: Leading) -> Headers:
    headers: Headers = [*_ALWAYS, (b"x-request-id", exchange.request_id.encode())]
    for name, text in exchange.headers:
        value = leading.led(name, text).encode("utf-8", "replace")
        if name == "content-type" and not _CONTENT_TYPE.fullmatch(value):
            value = b"application/octet-stream"
        headers.append((name.encode("latin-1"), value))
    headers.append((b"server-timing", _server_timing(exchange.timings)))
    return [*headers, *budget_warning(exchange.warning), *simulated(exchange.simulated)]


def _server_timing(timings: Timings) -> bytes:
    told = b"total;dur=%.2f, upstream;dur=%.2f" % (timings.total_ms, timings.upstream_ms)
    return told + b", waiting;dur=%.2f" % timings.waiting_ms if timings.waiting_ms else told


def budget_warning(warning: str | None) -> Headers:
    """For the caller beside the answer."""
    return [(b"x-budget-warning", warning.encode("latin-1", "replace"))] if warning else []
