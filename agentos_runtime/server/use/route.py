"""`ANY /use/<host>[:port]/<path>`: a service's own address, with the key that the skill has for it."""

import asyncio
import re
from functools import partial

from starlette.types import ASGIApp, Receive, Scope, Send

from agentos_runtime.calls.trace_context import TraceParent, parent_of
from agentos_runtime.errors import AgentOSError, MethodNotAllowed, ShuttingDown
from agentos_runtime.mcp.face import agent_of
from agentos_runtime.proxy.service import METHODS, Asked, Proxy
from agentos_runtime.proxy.targets import Targets
from agentos_runtime.regexes import regex
from agentos_runtime.security.agents import ANONYMOUS
from agentos_runtime.server.body import ClientGone
from agentos_runtime.server.messages import Admitted, admitted, error_response
from agentos_runtime.server.open_calls import STOPPING, OpenCalls
from agentos_runtime.server.opening import Opening
from agentos_runtime.server.ports import Runtime
from agentos_runtime.server.use.leading import Leading
from agentos_runtime.server.use.passing import pass_on
from agentos_runtime.server.use.shapes import USE, shape_of, wire_at

_ID = regex(r"[a-z][a-z0-9-]*")
_PRODUCT = regex(rb"([!-.0-~]{1,64})(?:[/ ].*)?", re.DOTALL)
"""The first product of a User-Agent (RFC 9110, 10.1.5)."""


class Passing:
    """Passes requests through, and answers for those that are refused; shared by all routes that do."""

    def __init__(self, opening: Opening, calls: OpenCalls, hold: float, public_url: str | None) -> None:
        self.hold = hold
        """Seconds for which a call is held while a person is asked."""
        self._opening = opening
        self._calls = calls
        self._public_url = public_url
        self._proxy: Proxy | None = None

    async def runtime(self) -> Runtime:
        """Once it is there."""
        return self._opening.runtime or await self._opening.wait()

    async def proxy(self) -> Proxy:
        """Made with the first call."""
        if self._proxy is None:
            self._proxy = Proxy((await self.runtime()).parts)
        return self._proxy

    async def pass_through(self, scope: Scope, receive: Receive, send: Send, asked: Asked) -> None:
        """Raises AgentOSError while nothing was sent yet."""
        request = admitted(scope)
        proxy = await self.proxy()
        leading = Leading.of(scope, asked.target, self._public_url, request.headers)
        with self._calls.open(request.connection) as open_call:
            try:
                async with await proxy.open(asked) as exchange:
                    try:
                        await pass_on(exchange, asked.method, leading, partial(wire_at, scope), open_call, send)
                    finally:
                        open_call.settle()
            except ClientGone:
                return
            except asyncio.CancelledError:
                if not open_call.absorb_cancel():
                    raise
                if not open_call.gone:
                    stopped = ShuttingDown(STOPPING, retry_after=1)
                    await error_response(stopped, request.request_id, shape=shape_of(scope))(scope, receive, send)


class UseRoute:
    """An ASGI application; paths come to it as they are."""

    def __init__(self, passing: Passing, call: ASGIApp) -> None:
        self._passing = passing
        self._call = call
        self._targets = Targets()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if await self._names_a_utility(scope):
            request = admitted(scope)
            if request.arriving is not None:
                request.body, request.arriving = await request.arriving.whole(), None
            await self._call(scope, receive, send)
            return
        try:
            asked = await self._asked(scope)
            await self._passing.pass_through(scope, receive, send, asked)
        except AgentOSError as error:
            allow = [(b"allow", ", ".join(sorted(METHODS)).encode())] if isinstance(error, MethodNotAllowed) else []
            request_id = admitted(scope).request_id
            await error_response(error, request_id, allow, shape_of(scope))(scope, receive, send)

    async def _names_a_utility(self, scope: Scope) -> bool:
        """Whether it is `POST /use/<skill>/<utility>`, as AgentOS calls a utility; no host is so short."""
        skill, _, utility = scope["path"][len(USE) :].partition("/")
        if scope["method"] != "POST" or not utility or "/" in utility or not _ID.fullmatch(skill):
            return False
        runtime = await self._passing.runtime()
        await runtime.ready(skill)
        scope["path_params"] = {"skill": skill, "utility": utility}
        return runtime.parts.registry.find(skill) is not None

    async def _asked(self, scope: Scope) -> Asked:
        method: str = scope["method"]
        if method not in METHODS:
            raise MethodNotAllowed(f"{method} is not passed on, only {', '.join(sorted(METHODS))}.")
        target = self._targets.at(scope["raw_path"][len(USE) :], scope["query_string"])
        request = admitted(scope)
        named, credential = map(request.headers.get, (b"x-agentos-skill", b"x-agentos-credential"))
        return Asked(
            method,
            target,
            agent_name(await self._passing.runtime(), request),
            request.request_id,
            headers_of(scope),
            body_of(request),
            named.decode("latin-1") if named else None,
            credential.decode("latin-1") if credential else None,
            parent=trace_of(request),
            patience=self._passing.hold,
            waiting_id=waiting_id_of(request),
            arriving=request.arriving,
        )


def headers_of(scope: Scope) -> tuple[tuple[str, str], ...]:
    """As they came, those that came twice too."""
    return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"])


def trace_of(request: Admitted) -> TraceParent | None:
    """The trace that the request belongs to."""
    return parent_of(request.headers.get(b"traceparent", b"").decode("latin-1"))


def waiting_id_of(request: Admitted) -> str | None:
    """What the same call was told to wait for."""
    given = request.headers.get(b"waiting-id")
    return given.decode("latin-1") if given else None


def body_of(request: Admitted) -> bytes | None:
    """None where none was sent, which is not the same as an empty one, and where it is yet to be read."""
    sent = b"content-length" in request.headers or b"transfer-encoding" in request.headers
    return request.body if sent and request.arriving is None else None


def agent_name(runtime: Runtime, request: Admitted) -> str:
    """The caller's name: as proven or given, else what its client calls itself.

    Raises Unauthorized for a client whose name is bound to a token.
    """
    caller = request.caller
    if b"x-agent" in request.headers or caller.bound:
        return caller.agent
    product = _PRODUCT.fullmatch(request.headers.get(b"user-agent", b""))
    client = product[1].decode("ascii") if product else ANONYMOUS
    return agent_of(runtime, caller.agent, proven=caller.operator, client=client)
