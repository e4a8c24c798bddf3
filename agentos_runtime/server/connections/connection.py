"""One client connection: uvicorn's protocol, with the bounds that uvicorn leaves open."""

import asyncio
import sys
from collections.abc import Callable, Iterable
from typing import Any

from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from agentos_runtime.calls.call import new_request_id
from agentos_runtime.errors import AgentOSError, BadRequest, MisdirectedHost, PayloadTooLarge, RequestTimeout
from agentos_runtime.server.connections.ending import has_arrived
from agentos_runtime.server.connections.peer import Peers
from agentos_runtime.server.connections.until_the_end import UntilTheEnd
from agentos_runtime.server.connections.upgrades import head_without_upgrade
from agentos_runtime.server.connections.waits import Wait, bytes_taken
from agentos_runtime.server.guard import CONNECTION
from agentos_runtime.server.limits import Limits
from agentos_runtime.server.messages import error_response


class Connection(HttpToolsProtocol):
    """Adds: whose connection it is, a bound on the head, a callback when the client leaves, JSON refusals.

    How long it may be quiet between two requests is looked at by `sweep`, since a timer per request costs more than
    parsing it.
    """

    def __init__(self, config: Config, state: ServerState, peers: Peers, limits: Limits, most: int) -> None:
        super().__init__(config, state, {})
        self.foreign = False
        self.over_limit = False
        self.on_lost: Callable[[], object] | None = None
        self.head = Wait()
        self.reader = Wait()
        self.quiet = Wait()
        self.is_quiet = False
        """Its last request was answered, and nothing of another one has come."""
        self.answered = 0
        """Requests."""
        self._peers = peers
        self._limits = limits
        self._most = most
        self._in_head = False
        self._head_size = 0
        self._comes_again = False
        """The head that was read asks for another protocol."""
        self._data = b""
        """What the parser is given."""
        self._refusal: AgentOSError | None = None
        self._extensions: dict[str, dict[object, object]] = {CONNECTION: self}  # type: ignore[dict-item]

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.over_limit = len(self.connections) > self._most
        if len(self.connections) > self._most + self._limits.spare_connections:
            transport.abort()
            return
        self.foreign = (
            self.client is None or self.server is None or self._peers.is_foreign(self.client, self.server)
        )

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self.cycle is not None:
            self.cycle.body = bytearray()  # nobody reads it any more, and a traceback may hold it for long
        on_lost, self.on_lost = self.on_lost, None
        if on_lost is not None:
            on_lost()

    def on_response_complete(self) -> None:
        self.answered += 1
        if self.pipeline or self.transport.is_closing():
            super().on_response_complete()
            return
        self.server_state.total_requests += 1
        self.flow.resume_reading()
        self.is_quiet = True

    def data_received(self, data: bytes) -> None:
        self.is_quiet = False
        self._data = data
        super().data_received(data)
        self._data = b""  # idle connections hold nothing
        if self._in_head:
            self._head_size += len(data)
            if self._head_size > self._limits.max_head:
                self.refuse(self._too_large())

    def shutdown(self) -> None:
        """Close it, but behind the answer to what is under way, or has arrived and is read with the next turn."""
        if not self.is_quiet or not has_arrived(self.transport):
            super().shutdown()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = self._extensions
        self._in_head = True
        self._head_size = 0

    def on_headers_complete(self) -> None:
        self._in_head = False
        self.headers = _NoTrailers()
        if len(self.url) > self._limits.max_head:  # as came with the rest of its head; no longer one can be parsed
            self._refusal = self._too_large()
            raise ValueError("too long")
        if not self.url.startswith(b"/"):
            self._refusal = MisdirectedHost("This is no proxy: send the path only, such as GET /api/skills.")
            raise ValueError("not a path")
        if b"#" in self.url:  # the parser of urls would drop what follows
            self._refusal = BadRequest("The address has a #: a fragment is never sent. Leave it out, or write %23.")
            raise ValueError("a fragment")
        self._comes_again = self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT"
        if self._comes_again:
            return
        super().on_headers_complete()
        if self.scope["http_version"] == "1.0" and self.cycle is not None:
            self.cycle.send = UntilTheEnd(self.cycle)  # type: ignore[assignment,method-assign]

    def on_message_complete(self) -> None:
        if not self._comes_again:
            super().on_message_complete()

    def _too_large(self) -> PayloadTooLarge:
        return PayloadTooLarge(f"The request's head is larger than {self._limits.max_head} bytes.")

    @property
    def complete(self) -> bool:
        return not self.cycle.more_body

    @property
    def waits_for_head(self) -> bool:
        """Nothing is being answered, and it is not quiet between two requests (that may last longer)."""
        return (self.cycle is None or self.cycle.response_complete) and not self.is_quiet

    def unread_for(self, now: float) -> float:
        """Seconds in which the client took nothing of what is ready for it."""
        ready = self.transport.get_write_buffer_size() > 0
        return self.reader.lasts(now, ready, bytes_taken(self.transport) if ready else 0)

    def refuse(self, error: AgentOSError) -> None:
        """Says why, unless another answer is under way, and closes."""
        if self._may_answer():
            request_id = new_request_id()
            self.transport.write(error_response(error, request_id).as_bytes(request_id))
        self.transport.close()

    def _may_answer(self) -> bool:
        cycle = self.cycle
        return cycle is None or cycle.response_complete or (cycle.more_body and not cycle.response_started)

    def send_400_response(self, msg: str) -> None:
        self.refuse(self._refusal or BadRequest("This is not HTTP/1.1 as the standard has it."))

    def _unsupported_upgrade_warning(self) -> None:
        """The parser stopped behind a head that asks to go on in another protocol: it is read as if it did not ask.

        Clients ask so with any request (Java's HttpClient for h2c), also one with a body.
        """
        asked, parser = sys.exception(), self.parser
        if self._comes_again and asked is not None:
            head = head_without_upgrade(
                parser.get_method(), self.url, parser.get_http_version(), self.scope["headers"]
            )
            self.parser = type(parser)(self)
            self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
            self.data_received(head + self._data[asked.args[0] :])
        if self.cycle is not None:
            self.cycle.keep_alive = False  # it may have meant otherwise what it sends from now on


class _NoTrailers(list[tuple[bytes, bytes]]):
    """Takes the place of the headers after the head, so that fields behind the body never become headers."""

    def append(self, item: Any) -> None:
        pass


def sweep(connections: Iterable[Connection], now: float, limits: Limits) -> None:
    """Ends every connection whose head is late, whose client has stopped reading, or which is quiet for long.

    Called every second or so.
    """
    for connection in connections:
        if connection.head.lasts(now, connection.waits_for_head) >= limits.head_timeout:
            late = f"The request's head did not arrive within {limits.head_timeout:g} s."
            connection.refuse(RequestTimeout(late))
        if connection.unread_for(now) >= limits.write_stall:
            connection.transport.abort()
        if connection.quiet.lasts(now, connection.is_quiet, connection.answered) >= limits.keep_alive:
            connection.timeout_keep_alive_handler()
