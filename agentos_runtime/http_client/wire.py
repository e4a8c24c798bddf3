"""One HTTP/1.1 connection: what is strict about answers is here. httptools (llhttp) does the parsing.

Every rule has a test with a socket on the other side.
"""

import asyncio
import select
from collections.abc import Callable
from typing import cast

import httptools

from agentos_runtime.calls.messages import Upload
from agentos_runtime.http_client.answers import LONGEST_STATUS, Answer
from agentos_runtime.http_client.faults import Lost, Malformed, TooManyInterim, WireError

INFORMATIONAL_LIMIT = 32
"""1xx responses taken before one answer: an endless row of them would keep the reader busy until its deadline."""
LONGEST_HEAD = 64 * 1024
"""Bytes in a row that are no body: an answer's head, the 1xx responses before it included, what stands between two
chunks, what follows the last one. The parser keeps some of them until they are complete."""
LONGEST_FIELD = 16 * 1024
"""Bytes of one header's value."""
MOST_FIELDS = 256
STEP = 256 * 1024
"""Bytes of a request body that are handed to the transport at a time, so that other calls go on meanwhile."""
_BODILESS = frozenset({204, 304})
_HEAD_ONLY = frozenset({"HEAD", "CONNECT"})
"""Methods whose answers have no body, whatever their heads say."""


class Wire(asyncio.Protocol):
    """Carries one request at a time. Closed at once or not at all, and no failure looks like an end.

    idle: called when it is free for the next request; lost: called once, when it is closed.
    """

    def __init__(self, idle: Callable[["Wire"], object], lost: Callable[["Wire"], object]) -> None:
        self.idle_since = 0.0
        self._loop = asyncio.get_running_loop()
        self._on_idle = idle
        self._on_lost = lost
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._answer: Answer | None = None
        self._written = True
        self._can_write: asyncio.Future[None] | None = None
        self._fault: WireError | None = None
        self._fields: dict[str, str] = {}
        self._count = 0
        self._interim = 0
        self._in_interim = False
        self._without_body = 0
        self._keep = False
        self._paused = False
        self._readable: Callable[[int], object] = lambda milliseconds: True
        self._arrived: list[bytes] = []
        self.on_body = self._arrived.append
        """The parser's: pieces of a body, which `_feed` hands over together."""

    # ------------------------------------------------------------------ for the pool

    @property
    def is_fit(self) -> bool:
        """Whether the next request may be written to it.

        An idle connection that became readable was closed by the upstream, or holds an answer nobody asked for:
        sent on it, a POST would be lost without a trace, or answered with another call's answer.
        """
        transport = self._transport
        if transport is None or transport.is_closing() or self._answer is not None:
            return False
        return not self._readable(0)

    @property
    def is_closed(self) -> bool:
        return self._transport is None or self._transport.is_closing()

    def abort(self) -> None:
        """Never wait for unsent bytes or a TLS goodbye: whoever leaves a call leaves it now."""
        if self._transport is not None:
            self._transport.abort()

    def pause(self) -> None:
        if self._transport is not None and not self._paused and not self._transport.is_closing():
            self._paused = True
            self._transport.pause_reading()

    def resume(self) -> None:
        if self._transport is not None and self._paused and not self._transport.is_closing():
            self._paused = False
            self._transport.resume_reading()

    async def ask(self, method: str, head: bytes, body: bytes | Upload | None) -> Answer:
        """Send a request; the answer's head has arrived when this returns. Raises WireError, and as an upload.

        A cancelled call closes the connection at once.
        """
        answer = self._begin(method)
        try:
            if isinstance(body, Upload):
                await self._write_upload(answer, head, body)
            elif body is None or len(body) <= STEP:
                self._write(head + body if body else head)
            else:
                await self._write_steps(answer, head, body)
            await answer.head()
        except BaseException:
            answer.close()  # unless it is complete: then the connection may carry another call by now
            raise
        return answer

    async def connect_through(self, head: bytes) -> int:
        """Send a CONNECT; the status of the proxy's answer. Raises WireError."""
        answer = self._begin("CONNECT")
        self._write(head)
        await answer.head()
        return answer.status

    def carry_on(self, transport: asyncio.Transport) -> None:
        """Speak over this transport from now on: TLS with the peer behind a proxy."""
        self._transport = transport

    # ------------------------------------------------------------------ the request

    def _begin(self, method: str) -> Answer:
        self._parser = httptools.HttpResponseParser(self)
        self._answer = answer = Answer(self._loop, self, method)
        self._fault = None
        self._fields, self._count = {}, 0
        self._interim, self._in_interim = 0, False
        self._without_body = 0
        self._written = False
        return answer

    def _write(self, data: bytes) -> None:
        if self._transport is None or self._transport.is_closing():
            raise Lost(begun=False)
        self._transport.write(data)
        self._written = True

    def _is_written(self) -> bool:
        """Whether the system has all of the request: who answers earlier may never read the rest."""
        return self._written and self._transport is not None and not self._transport.get_write_buffer_size()

    async def _write_steps(self, answer: Answer, head: bytes, body: bytes) -> None:
        """Until all is written, or the upstream has answered without hearing all of it."""
        view = memoryview(body)
        data: bytes | memoryview = head
        at = 0
        while True:
            if self._transport is None or self._transport.is_closing():
                return  # the answer says what happened
            self._transport.write(data)
            if at >= len(body):
                self._written = True
                return
            data, at = view[at : at + STEP], at + STEP
            await self._drained()
            if answer.status or answer.error:
                return

    async def _write_upload(self, answer: Answer, head: bytes, upload: Upload) -> None:
        """The same of a body that arrives meanwhile, no faster than the upstream reads it."""
        framed = upload.length is not None
        data = head
        async for piece in upload.pieces:
            if not piece:
                continue
            data += piece if framed else b"%x\r\n%b\r\n" % (len(piece), piece)
            if self._transport is None or self._transport.is_closing():
                return  # the answer says what happened
            self._transport.write(data)
            data = b""
            await self._drained()
            if answer.status or answer.error:
                return
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data if framed else data + b"0\r\n\r\n")
            self._written = True

    async def _drained(self) -> None:
        """Let others go on, and wait while the upstream does not read."""
        await asyncio.sleep(0)
        if self._can_write is not None:
            await self._can_write

    # ------------------------------------------------------------------ asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        poll = select.poll()
        poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN)
        self._readable = poll.poll

    def connection_lost(self, exc: Exception | None) -> None:
        """A reset is no end, also of a body that ends with its connection."""
        self._transport = None
        self.resume_writing()
        answer, self._answer = self._answer, None
        if answer is not None:
            if exc is None and answer.status and not self._framed() and answer.error is None:
                answer.finish()
                answer.wake()
            else:
                answer.fail(Lost(begun=bool(answer.status) or answer.received >= LONGEST_STATUS))
        self._on_lost(self)

    def pause_writing(self) -> None:
        self._can_write = self._can_write or self._loop.create_future()

    def resume_writing(self) -> None:
        waiting, self._can_write = self._can_write, None
        if waiting is not None and not waiting.done():
            waiting.set_result(None)

    def data_received(self, data: bytes) -> None:
        answer = self._answer
        if answer is None or self._parser is None:
            self.abort()  # nobody asked for it
            return
        answer.received += len(data)
        self._without_body += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._fault = self._fault or Malformed("not HTTP/1.1")
        if self._arrived:
            self._feed(answer)
        if self._without_body > LONGEST_HEAD and not answer.complete:
            self._fault = self._fault or Malformed("the head is too large")
        if self._fault is not None and answer.complete and answer.status in _BODILESS:
            # Its head alone is all of it: a body that some services send behind says nothing, and nobody reads it.
            self._keep, self._fault = False, None
        if self._fault is not None:
            # Also an answer that seemed complete: what follows it in the same breath makes it doubtful.
            answer.complete = False
            answer.fail(self._fault)
            self._answer = None
            self.abort()
            return
        answer.wake()
        if answer.complete:
            self._let_go(answer)

    def _let_go(self, answer: Answer) -> None:
        """The answer is whole: the connection is free for the next request, or of no more use."""
        assert self._parser is not None
        self._answer = None
        reusable = self._is_written() and self._keep and answer.method != "HEAD" and self._framed()
        self._parser = None
        if answer.method == "CONNECT":
            return  # what comes now is the peer's
        if reusable:
            self._on_idle(self)
        else:
            self.abort()

    # ------------------------------------------------------------------ the parser's side

    def on_message_begin(self) -> None:
        if self._answer is None or self._answer.complete:
            self._fault = Malformed("a second answer")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Those of the head; what follows a body in chunks is of no use to anybody."""
        self._count += 1
        if self._count > MOST_FIELDS or len(value) > LONGEST_FIELD:
            self._fault = self._fault or Malformed("the head is too large")
            return
        if self._answer is None or self._answer.status:
            return
        key, text = name.decode("latin-1").lower(), value.strip(b" \t").decode("utf-8", "replace")
        known = self._fields.get(key)
        self._fields[key] = text if known is None else f"{known}, {text}"

    def on_headers_complete(self) -> None:
        answer, parser = self._answer, self._parser
        if answer is None or parser is None or answer.complete:
            return
        status = parser.get_status_code()
        if 100 <= status < 200:
            self._interim += 1
            if self._interim > INFORMATIONAL_LIMIT:
                self._fault = self._fault or TooManyInterim("too many 1xx responses")
            self._in_interim = True
            self._fields, self._count = {}, 0
            return
        if status < 200:
            self._fault = self._fault or Malformed("its status ends no call")
            return
        if self._fields.get("transfer-encoding", "chunked").strip().lower() != "chunked":
            self._fault = self._fault or Malformed("a transfer coding that nobody asked for")
            return
        answer.begin(status, self._fields)
        self._keep = parser.should_keep_alive()  # only here: it forgets with the end of the message
        if status in _BODILESS and self._fields.get("content-length", "0") != "0":
            self._keep = False  # what it announces may come all the same, in the place of another call's answer
        if answer.method in _HEAD_ONLY:
            answer.finish()

    def _feed(self, answer: Answer) -> None:
        """Hand over what arrived of a body."""
        arrived = self._arrived
        self._without_body = 0
        if not answer.complete:
            answer.feed(arrived[0] if len(arrived) == 1 else b"".join(arrived))
        arrived.clear()

    def on_message_complete(self) -> None:
        if self._in_interim:
            self._in_interim = False
        elif self._answer is not None and self._answer.status:
            if self._arrived:
                self._feed(self._answer)
            self._answer.finish()

    def _framed(self) -> bool:
        """Whether the answer's end is known by its head; else it is that of the connection (RFC 9112, 6.3)."""
        if "transfer-encoding" in self._fields or "content-length" in self._fields:
            return True
        return self._parser is not None and self._parser.get_status_code() in _BODILESS
