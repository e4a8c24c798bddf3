"""What the guard knows of a request, and answers as they go out."""

import math
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Protocol, TypeAlias

from starlette.types import Receive, Scope, Send

from agentos_runtime import jsontext
from agentos_runtime.calls.call import new_request_id
from agentos_runtime.errors import AgentOSError, InvalidJson, Unauthorized
from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json
from agentos_runtime.regexes import regex
from agentos_runtime.security.agents import Caller
from agentos_runtime.server.body import Arriving
from agentos_runtime.server.connections.at_once import write_at_once

Headers: TypeAlias = list[tuple[bytes, bytes]]


class ConnectionInfo(Protocol):
    """What is known of the connection a request came by."""

    foreign: bool
    """The peer is another user of this machine."""
    over_limit: bool
    """More connections are open than the operator allows."""

    @property
    def complete(self) -> bool:
        """The whole request has arrived, its body too."""

    on_lost: Callable[[], object] | None
    """Called once when the client goes away."""


@dataclass(slots=True)
class Admitted:
    """A request that the guard let in; header names are lower case, each once."""

    headers: Mapping[bytes, bytes]
    body: bytes
    caller: Caller
    request_id: str
    connection: ConnectionInfo | None
    arriving: "Arriving | None" = None
    """A body that is yet to be read, in place of `body`."""


def admitted(scope: Scope) -> Admitted:
    """What the guard left for the routes behind it."""
    found: Admitted = scope["state"]["admitted"]
    return found


@dataclass(slots=True)
class Response:
    """An answer that is complete, and the ASGI application that sends it; carries its request's id."""

    body: bytes
    status: int = 200
    content_type: bytes = b"application/json"
    headers: tuple[tuple[bytes, bytes], ...] = ()
    cache: bytes = b"no-store"

    def written(self, scope: Scope, send: Send) -> bool:
        """Whether it was written at once, as most can be; else it is to be sent."""
        return self.status == 200 and write_at_once(send, self._whole_head(scope), self.body)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.written(scope, send):
            return
        headers = self._whole_head(scope)
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})

    def _whole_head(self, scope: Scope) -> Headers:
        headers = self.head(scope["state"]["request_id"])
        if self.status not in _WITHOUT_BODY:
            headers.append((b"content-length", b"%d" % len(self.body)))
        return headers

    def head(self, request_id: str) -> Headers:
        """Its headers but for the length."""
        return [
            (b"cache-control", self.cache),
            *_EVERYWHERE,
            (b"content-type", self.content_type),
            (b"x-request-id", request_id.encode()),
            *self.headers,
        ]

    def as_bytes(self, request_id: str) -> bytes:
        """The whole answer as it stands on the wire, for refusals before there is a request; closes."""
        headers = [
            *_ALWAYS,
            (b"content-type", self.content_type),
            (b"content-length", b"%d" % len(self.body)),
            (b"x-request-id", request_id.encode()),
            (b"connection", b"close"),
        ]
        head = b"".join(b"%s: %s\r\n" % pair for pair in headers)
        phrase = HTTPStatus(self.status).phrase.encode()
        return b"HTTP/1.1 %d %s\r\n%s\r\n%s" % (self.status, phrase, head, self.body)


def names(accept: bytes, kind: bytes) -> bool:
    """Whether an `Accept` names the media type, and not with `q=0`, which refuses it (RFC 9110, 12.4.2)."""
    accept = accept.lower()
    if kind not in accept:
        return False
    for entry in accept.split(b","):
        named, *params = (part.strip() for part in entry.split(b";"))
        if named == kind and not any(NEVER.fullmatch(param) for param in params):
            return True
    return False


def json_response(value: Json) -> Response:
    return Response(jsontext.dump(value))


def json_object(body: bytes) -> dict[str, Json]:
    """The body's one JSON object; an empty one where there is no body. Raises InvalidJson."""
    if not body:
        return {}
    try:
        value = jsontext.parse(body)
    except jsontext.JsonTextError as error:
        raise InvalidJson(f"The body is not JSON: {error}. Send one JSON object of params.") from None
    if not isinstance(value, dict):
        raise InvalidJson("The body must be one JSON object of params.")
    return value


def decisive_object(body: bytes) -> dict[str, Json]:
    """The same of a person's words: one that says a thing twice says nothing. Raises InvalidJson."""
    value = json_object(body)
    if body and (name := jsontext.twice_named(body)) is not None:
        raise InvalidJson(f"The body names {name!r} twice, and nobody knows which is meant: name it once.")
    return value


def error_body(error: AgentOSError, request_id: str) -> dict[str, Json]:
    """The body of every answer that is not 2xx, and the data of a stream's `error` event."""
    return {**error.as_json(), "request_id": request_id}


@dataclass(frozen=True, slots=True)
class Shape:
    """How the clients of a path read an error: its body, and headers beside it."""

    body: Callable[[AgentOSError, str], bytes]
    beside: Callable[[AgentOSError], Headers]


def error_response(
    error: AgentOSError, request_id: str, headers: Headers | None = None, shape: Shape | None = None
) -> Response:
    extra = [*(headers or ()), *(shape.beside(error) if shape else ()), *simulated(error.simulated)]
    if isinstance(error, Unauthorized):
        extra.append((b"www-authenticate", b"Bearer"))
    if error.retry_after is not None:
        extra.append((b"retry-after", b"%d" % max(0, math.ceil(error.retry_after))))
    body = shape.body(error, request_id) if shape else jsontext.dump(error_body(error, request_id))
    return Response(body, error.status, headers=tuple(extra))


def simulated(case: str | None) -> Headers:
    """In a simulation: which case answered, and whether it was the very request."""
    return [(b"x-simulated", case.encode("latin-1", "replace"))] if case is not None else []


def event_stream_headers(request_id: str) -> Headers:
    return [
        *_ALWAYS,
        (b"content-type", b"text/event-stream; charset=utf-8"),
        (b"x-accel-buffering", b"no"),
        (b"x-request-id", request_id.encode()),
    ]


def request_id_of(headers: Mapping[bytes, bytes]) -> str:
    """The caller's `X-Request-Id` when it is 1 to 128 of `A-Z a-z 0-9 . _ : / + = -`, or a new one."""
    given = headers.get(b"x-request-id")
    if given is not None and _REQUEST_ID.fullmatch(given):
        return given.decode()
    return new_request_id()


_WITHOUT_BODY = frozenset({204, 304})
NEVER = regex(rb"q\s*=\s*0(?:\.0*)?")
"""The parameter of an entry that says that it is not taken."""
_REQUEST_ID = regex(rb"[A-Za-z0-9._:/+=-]{1,128}")
_EVERYWHERE: tuple[tuple[bytes, bytes], ...] = (
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"x-content-type-options", b"nosniff"),
)
_ALWAYS = ((b"cache-control", b"no-store"), *_EVERYWHERE)
