"""Web pages of other origins that the operator lets call (`AGENTOS_ORIGINS`), and what browsers are told for it."""

from collections.abc import Mapping

from starlette.types import Message, Scope, Send

from agentos_runtime.frozen import dataclass
from agentos_runtime.regexes import regex
from agentos_runtime.server.messages import Headers, Response

CONSOLE = "/console"
"""Nothing below is for pages of others, whoever names them."""
_EXPOSED = (
    b"*, Allow, ETag, Idempotency-Replayed, Link, Location, Retry-After, Server-Timing, WWW-Authenticate, "
    b"X-Budget-Warning, X-Ignored-Params, X-More-Rows, X-Next-Position, X-Request-Id, X-Should-Retry, X-Simulated"
)
"""All, of which the star is for what services say (`x-ratelimit-…`, `request-id`); some browsers know none."""
_METHODS = b"GET, HEAD, POST, PUT, PATCH, DELETE"
_HEADER_NAMES = regex(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+(?:[ \t]*,[ \t]*[!#$%&'*+.^_`|~0-9A-Za-z-]+)*")
_LONGEST_NAMES = 2000


@dataclass(frozen=True, slots=True)
class Origins:
    """Exactly these, as browsers write them."""

    named: frozenset[bytes]

    def of(self, scope: Scope, headers: Mapping[bytes, bytes]) -> bytes | None:
        """The origin of the page that asks, if the operator named it."""
        origin = headers.get(b"origin")
        if origin not in self.named:
            return None
        path: str = scope["path"]
        return None if path == CONSOLE or path.startswith(f"{CONSOLE}/") else origin


def is_preflight(scope: Scope, headers: Mapping[bytes, bytes]) -> bool:
    """Whether a browser asks before it lets a page ask."""
    return scope["method"] == "OPTIONS" and b"access-control-request-method" in headers


def preflight_answer(headers: Mapping[bytes, bytes]) -> Response:
    """What the page may send: it brings no key, so whatever it wants to say may be said."""
    allowed: Headers = [(b"access-control-allow-methods", _METHODS), (b"access-control-max-age", b"600")]
    wanted = headers.get(b"access-control-request-headers", b"")
    if len(wanted) <= _LONGEST_NAMES and _HEADER_NAMES.fullmatch(wanted):
        allowed.append((b"access-control-allow-headers", wanted))
    if headers.get(b"access-control-request-private-network") == b"true":
        allowed.append((b"access-control-allow-private-network", b"true"))
    return Response(b"", 204, headers=tuple(allowed))


def telling(send: Send, origin: bytes) -> Send:
    """Every answer says that the page may read it; never with cookies, which nothing here goes by."""
    beside = [
        (b"access-control-allow-origin", origin),
        (b"access-control-expose-headers", _EXPOSED),
        (b"vary", b"Origin"),
    ]

    async def told(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *beside]}
        await send(message)

    return told
