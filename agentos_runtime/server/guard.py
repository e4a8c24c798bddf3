"""The guard: every request passes here before any route sees it.

The checks keep web pages out (a page in a browser can send requests to loopback: DNS rebinding is stopped by the
list of hosts, everything cross-site by Origin and Fetch Metadata, and the JSON type makes a browser ask first),
other users of the machine, callers without the token, and requests that are too large or too slow.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import SplitResult, urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from agentos_runtime.calls.messages import SAFE_METHODS
from agentos_runtime.config.settings import Settings
from agentos_runtime.errors import (
    AgentOSError,
    ForbiddenOrigin,
    ForbiddenPeer,
    InvalidAgent,
    InvalidParams,
    MisdirectedHost,
    Overloaded,
    RequestTimeout,
    Unauthorized,
    UnsupportedMediaType,
)
from agentos_runtime.frozen import dataclass
from agentos_runtime.regexes import regex
from agentos_runtime.security.agents import ANONYMOUS, Agents, Caller
from agentos_runtime.server.body import Arriving, BodyReader, ClientGone
from agentos_runtime.server.callers import CONSOLE, CONSOLE_KEY, KEY_HEADERS, Callers, Sessions, named_agent
from agentos_runtime.server.limits import Limits
from agentos_runtime.server.messages import Admitted, ConnectionInfo, Headers, error_response, request_id_of
from agentos_runtime.server.pages.origins import Origins, is_preflight, preflight_answer, telling
from agentos_runtime.server.pages.without_token import CONTENT_TYPES, reads_figures_here
from agentos_runtime.server.use.shapes import is_passed_through, shape_of, streams_up
from agentos_runtime.storage.files import file_of


def known_hosts(settings: Settings, port: int) -> frozenset[bytes]:
    """Every `Host` header this server answers to, lower case.

    Its own address and the loopback names with the port it listens on. A name in `allowed_hosts` without a port is
    answered with any of: no port (a proxy or a published port 80 in front), this server's port; one with a port is
    taken as it stands. The origin of the console and the public url are known without being named there.
    """
    own = {"localhost", "127.0.0.1", "[::1]"}
    if settings.host not in _WILDCARDS:
        own.add(_bracketed(settings.host))
    hosts = {f"{name}:{port}" for name in own}
    if port == 80:
        hosts |= own
    for name in settings.allowed_hosts:
        hosts |= {name} if _has_port(name) else {_bracketed(name), f"{_bracketed(name)}:{port}"}
    if settings.console_origin:
        hosts.add(settings.console_origin.removeprefix("https://"))
    if settings.public_url:
        hosts |= _as_clients_write(urlsplit(settings.public_url))
    return frozenset(host.lower().encode("latin-1", "replace") for host in hosts)


def _as_clients_write(url: SplitResult) -> set[str]:
    """The `Host` of an url, which clients send without the port that is its scheme's own."""
    usual = {"http": ":80", "https": ":443"}[url.scheme.lower()]
    bare = url.netloc.removesuffix(usual)
    return {bare} if _has_port(bare) else {bare, bare + usual}


@dataclass(frozen=True, slots=True)
class Admission:
    """What is asked of a request before its body is read; each check raises the error of its refusal."""

    hosts: frozenset[bytes]
    callers: Callers
    bodies: BodyReader
    origins: Origins
    """Other origins whose pages may call."""
    open_figures: bool = False
    """Whether programs of this machine read figures without a token."""

    def check(
        self,
        scope: Scope,
        headers: Mapping[bytes, bytes],
        connection: ConnectionInfo | None,
        origin: bytes | None = None,
    ) -> Caller:
        """Who asks. origin: of another page that may call, if one asks: see `origins`."""
        self.check_address(scope, headers, connection)
        path: str = scope["path"]
        if origin is None and not (_in_console(path) and _opens_console(scope, headers)):
            _check_origin(scope["method"], headers)
        passes_through = is_passed_through(path)
        if passes_through:
            _check_not_simple(headers)
        caller = self._caller(scope, headers, connection, passes_through=passes_through)
        _check_content(headers, any_type=passes_through)
        length = headers.get(b"content-length")
        if length is not None:
            self.bodies.check_length(int(length), upload=passes_through and streams_up(path))
        return caller

    def check_address(
        self, scope: Scope, headers: Mapping[bytes, bytes], connection: ConnectionInfo | None
    ) -> None:
        """Whether this server is meant, and has room."""
        if connection is not None and connection.over_limit:
            raise Overloaded("Too many connections are open. Try again in a moment.", retry_after=1)
        if len(headers) != len(scope["headers"]):
            _refuse_repeated(scope["headers"])
        self._check_host(headers)

    def _check_host(self, headers: Mapping[bytes, bytes]) -> None:
        host = headers.get(b"host")
        if host not in self.hosts and (host is None or host.lower() not in self.hosts):
            raise MisdirectedHost(
                "The Host header names another server. Call this one by localhost, "
                "or add the name to AGENTOS_ALLOWED_HOSTS."
            )

    def _caller(
        self,
        scope: Scope,
        headers: Mapping[bytes, bytes],
        connection: ConnectionInfo | None,
        *,
        passes_through: bool,
    ) -> Caller:
        path: str = scope["path"]
        proof = self.callers.proof(headers, path, api_key=passes_through)
        if connection is not None and connection.foreign and not proof.valid:
            self._check_proxy(scope, headers)
        if path == HEALTH_PATH:
            return Caller(named_agent(headers) or ANONYMOUS)
        if not proof.operator and _in_console(path):
            return Caller(ANONYMOUS)  # the pages without data; what has data asks for a session
        try:
            return self.callers.caller(headers, proof)
        except Unauthorized:
            if path not in PAGES and not (self.open_figures and reads_figures_here(scope)):
                raise
            return Caller(ANONYMOUS, outside=True)

    def _check_proxy(self, scope: Scope, headers: Mapping[bytes, bytes]) -> None:
        """Refuses another user of this machine, but the proxy that the operator put in front of the console, and
        where a token is set what comes without data, as to other machines: a proxy runs as a user of its own.
        """
        if self.callers.token is not None and scope["path"] in PAGES:
            return
        sessions = self.callers.sessions
        host = headers[b"host"].decode("latin-1")
        if sessions is not None and _in_console(scope["path"]) and sessions.is_known_origin(host):
            return
        raise ForbiddenPeer(
            "This server belongs to another user of this machine. Start your own, "
            "or send that server's token as Authorization: Bearer …"
        )


class Guard:
    """ASGI middleware: admits a request, reads its body, and hands both on: `messages.admitted(scope)`."""

    def __init__(
        self,
        app: ASGIApp,
        settings: Settings,
        port: int,
        limits: Limits,
        sessions: Sessions | None = None,
        *,
        open_figures: bool = False,
    ) -> None:
        self._app = app
        agents = Agents(file_of(settings, settings.agents_file))
        callers = Callers(_encoded(settings.token), _encoded(settings.operator_token), agents, sessions)
        self._bodies = BodyReader(settings.max_body, limits.bodies_held, limits.body_timeout, settings.max_upload)
        self._origins = Origins(frozenset(origin.encode() for origin in settings.origins))
        self._admission = Admission(known_hosts(settings, port), callers, self._bodies, self._origins, open_figures)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers: dict[bytes, bytes] = dict(scope["headers"])
        if len(headers) != len(scope["headers"]):
            headers = _joined(scope["headers"])
        connection: ConnectionInfo | None = scope.get("extensions", _NOTHING).get(CONNECTION)
        request_id = scope["state"]["request_id"] = request_id_of(headers)
        origin = self._origins.of(scope, headers)
        if origin is not None:
            send = telling(send, origin)
        try:
            if origin is not None and is_preflight(scope, headers):
                self._admission.check_address(scope, headers, connection)
                await preflight_answer(headers)(scope, receive, send)
                return
            caller = self._admission.check(scope, headers, connection, origin)
            body, arriving = await self._read_body(scope["path"], headers, connection, receive)
        except ClientGone:
            return
        except AgentOSError as error:
            await error_response(error, request_id, _HEADERS_OF.get(type(error)), shape_of(scope))(
                scope, receive, send
            )
            return
        request = Admitted(headers, body, caller, request_id, connection, arriving)
        scope["state"]["admitted"] = request
        try:
            await self._app(scope, receive, send)
        finally:
            self._bodies.release(request.body)

    async def _read_body(
        self, path: str, headers: Mapping[bytes, bytes], connection: ConnectionInfo | None, receive: Receive
    ) -> tuple[bytes, Arriving | None]:
        """The body, or what reads it while it arrives."""
        if not _has_body(headers):
            return b"", None
        if connection is not None and connection.complete:
            return await self._bodies.read_arrived(receive), None
        if streams_up(path):
            length = headers.get(b"content-length")
            return await self._bodies.begin(receive, int(length) if length is not None else None)
        return await self._bodies.read(receive), None


def _encoded(token: str | None) -> bytes | None:
    return token.encode() if token else None


def _joined(headers: Headers) -> dict[bytes, bytes]:
    """What a header says in all of its lines: those of a list belong together (RFC 9110, 5.3)."""
    joined: dict[bytes, bytes] = {}
    for name, value in headers:
        joined[name] = b"%s, %s" % (joined[name], value) if name in joined else value
    return joined


def _refuse_repeated(headers: Headers) -> None:
    """Two of a header that decides anything could be read differently by somebody in front: refused."""
    seen: set[bytes] = set()
    for name, _ in headers:
        if name in seen and name in _ONCE:
            raise _ONCE[name](f"The header {name.decode('latin-1')} is there twice. Send it once.")
        seen.add(name)


def _check_origin(method: str, headers: Mapping[bytes, bytes]) -> None:
    """Browsers say where a request comes from; only this server's own pages, and typed addresses, may call."""
    origin = headers.get(b"origin")
    if origin is not None:
        host = headers[b"host"].lower()
        if origin.lower() not in (b"http://" + host, b"https://" + host):
            raise ForbiddenOrigin("Web pages of other origins may not call this server.")
    site = headers.get(b"sec-fetch-site")
    if site is not None and site != b"same-origin" and not (site == b"none" and method in SAFE_METHODS):
        raise ForbiddenOrigin("Web pages of other origins may not call this server.")


def _in_console(path: str) -> bool:
    return path.startswith(CONSOLE) or path == _CONSOLE_ITSELF


def _opens_console(scope: Scope, headers: Mapping[bytes, bytes]) -> bool:
    """Whether a browser opens a page of the console in a tab: from anywhere, since what it gets holds no data."""
    return (
        scope["method"] == "GET"
        and headers.get(b"sec-fetch-mode") == b"navigate"
        and headers.get(b"sec-fetch-dest") == b"document"
        and b"origin" not in headers
    )


def _has_body(headers: Mapping[bytes, bytes]) -> bool:
    return headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in headers


def _check_not_simple(headers: Mapping[bytes, bytes]) -> None:
    """A page can make an image or a form ask for anything here, but it sets no header unless it is let."""
    if not any(name in headers for name in _NEVER_SIMPLE):
        raise ForbiddenOrigin(
            "Send X-Agent with your name (or Authorization, or x-api-key): without any of them this could be the "
            "request of a web page."
        )


def _check_content(headers: Mapping[bytes, bytes], *, any_type: bool) -> None:
    if not _has_body(headers):
        return
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise UnsupportedMediaType("Send the body without a Content-Encoding.")
    if headers.get(b"transfer-encoding", b"chunked").lower() != b"chunked":
        raise UnsupportedMediaType("Send the body as it is: chunked is the only Transfer-Encoding that is read.")
    if any_type:
        return
    given = headers.get(b"content-type")
    if given != b"application/json" and (given is None or not _JSON_TYPE.fullmatch(given)):
        raise UnsupportedMediaType("Send the body as Content-Type: application/json (UTF-8).")


def _has_port(host: str) -> bool:
    return host.count(":") == 1 or "]:" in host


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


CONNECTION = "agentos.connection"
"""The ASGI extension under which the server tells what it knows of the connection."""
HEALTH_PATH = "/api/health"
_CONSOLE_ITSELF = CONSOLE.rstrip("/")
PAGES = frozenset({"/", "/docs", "/docs/", *(f"/docs/{name}" for name in CONTENT_TYPES)})
"""What is answered without data to those who send no token, so that a browser can be asked for it."""
_NEVER_SIMPLE = (b"x-agent", b"authorization", *KEY_HEADERS, b"x-goog-upload-command")
"""The last is all that Google's SDKs send with the parts of a file."""
_NOTHING: Mapping[str, ConnectionInfo] = MappingProxyType({})
_WILDCARDS = frozenset({"0.0.0.0", "::", "", "[::]"})  # noqa: S104 - compared with, not listened on
_JSON_TYPE = regex(rb'application/json[ \t]*(?:;[ \t]*charset="?utf-8"?[ \t]*)?;?', re.IGNORECASE)
_ONCE: Mapping[bytes, type[AgentOSError]] = MappingProxyType(
    {
        b"host": MisdirectedHost,
        b"origin": ForbiddenOrigin,
        b"sec-fetch-site": ForbiddenOrigin,
        b"authorization": Unauthorized,
        **dict.fromkeys(KEY_HEADERS, Unauthorized),
        b"content-type": UnsupportedMediaType,
        b"content-encoding": UnsupportedMediaType,
        b"x-agent": InvalidAgent,
        b"idempotency-key": InvalidParams,
        b"waiting-id": InvalidParams,
        CONSOLE_KEY: Unauthorized,
    }
)
_HEADERS_OF: Mapping[type[AgentOSError], Headers] = MappingProxyType(
    {
        RequestTimeout: [(b"connection", b"close")],
        Overloaded: [(b"connection", b"close")],
    }
)
