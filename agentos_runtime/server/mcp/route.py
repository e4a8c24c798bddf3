"""`POST /mcp`: the Model Context Protocol over HTTP. No sessions: every request stands for itself."""

import asyncio
from dataclasses import replace

from starlette.types import Receive, Scope, Send

from agentos_runtime.calls.trace_context import parent_of
from agentos_runtime.console.access.door import Door
from agentos_runtime.errors import (
    AgentOSError,
    InvalidParams,
    ParamProblem,
    ShuttingDown,
)
from agentos_runtime.mcp.face import Face, agent_of
from agentos_runtime.mcp.listening import Subscription
from agentos_runtime.mcp.methods import Methods
from agentos_runtime.mcp.protocol import (
    INTERNAL_ERROR,
    Malformed,
    Request,
    RpcError,
    failure,
    read_message,
    settled,
)
from agentos_runtime.mcp.toolsets import MODES, McpSettings, Toolset, mode, patterns_of
from agentos_runtime.server.error_log import caught
from agentos_runtime.server.limits import Limits
from agentos_runtime.server.mcp.late import LateAnswer
from agentos_runtime.server.mcp.listening import listen
from agentos_runtime.server.messages import Admitted, Response, admitted
from agentos_runtime.server.open_calls import STOPPING, OpenCalls
from agentos_runtime.server.opening import Opening
from agentos_runtime.server.paths import known_query, variable
from agentos_runtime.server.ports import Runtime
from agentos_runtime.server.sse import EventWriter


class McpRoute:
    """The endpoint for clients of MCP; an ASGI application."""

    def __init__(
        self, opening: Opening, calls: OpenCalls, limits: Limits, settings: McpSettings, door: Door | None = None
    ) -> None:
        self._opening = opening
        self._calls = calls
        self._limits = limits
        self._settings = settings
        self._door = door
        self._methods: Methods | None = None
        self._listening = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        runtime = self._opening.runtime or await self._opening.wait()
        if self._methods is None:
            self._methods = Methods(runtime, self._settings)
        request = admitted(scope)
        response = await self._answer(runtime, self._methods, scope, request, send)
        if response is not None:
            await response(scope, receive, send)

    async def _answer(
        self, runtime: Runtime, methods: Methods, scope: Scope, admission: Admitted, send: Send
    ) -> Response | None:
        """The answer, or None when it was already sent or nobody is there to read it."""
        try:
            message = settled(read_message(admission.body), admission.headers)
        except RpcError as error:
            return _failed(_id_of(admission.body, error), error)
        if message.id is None:
            return Response(b"", 202)
        face = await self._face(runtime, scope, admission, message)
        if message.method == "subscriptions/listen" and message.modern:
            return await self._listen(methods, message, face, admission, send)
        with self._calls.open(admission.connection) as open_call:
            late = LateAnswer(send, admission, message.progress_token, self._limits)
            try:
                body = await methods.answer(message, face)
            except RpcError as error:
                return await late.send(_failed(message.id, error, modern=message.modern))
            except ShuttingDown as error:
                return await late.send(_unavailable(message, error))
            except asyncio.CancelledError:
                if not open_call.absorb_cancel():
                    raise
                return None if open_call.gone else await late.send(_unavailable(message, ShuttingDown(STOPPING)))
            except AgentOSError:
                raise
            except Exception as error:  # noqa: BLE001 - a stream may have begun: this is the top of the surface
                bug = caught(error, admission.request_id)
                return await late.send(_failed(message.id, RpcError(INTERNAL_ERROR, bug.message, status=500)))
            finally:
                late.cancel()
            return await late.send(Response(body))

    async def _listen(
        self, methods: Methods, message: Request, face: Face, admission: Admitted, send: Send
    ) -> Response | None:
        try:
            subscription = Subscription.of(message)
        except RpcError as error:
            return _failed(message.id, error, modern=True)
        if self._listening >= MOST_LISTENING:
            full = RpcError(INTERNAL_ERROR, f"{MOST_LISTENING} clients listen already", status=503)
            return _failed(message.id, full, modern=True)
        self._listening += 1
        try:
            with self._calls.open(admission.connection) as open_call:
                await listen(subscription, methods, face, open_call, EventWriter(send, self._limits.ping))
        finally:
            self._listening -= 1
        return None

    async def _face(self, runtime: Runtime, scope: Scope, admission: Admitted, message: Request) -> Face:
        """Who asks, and for which tools. Raises Unauthorized, InvalidParams, UnknownSkill, NotAllowed."""
        caller = admission.caller
        agent = agent_of(
            runtime, caller.agent, proven=caller.operator or caller.bound, client=_client(admission, message)
        )
        toolset = _toolset(scope, admission, self._settings.of(agent))
        if toolset.skill is not None:
            await runtime.ready(toolset.skill)
            runtime.visible(agent).entry(toolset.skill)
        parent = parent_of(admission.headers.get(b"traceparent", b"").decode("latin-1"))
        host = admission.headers.get(b"host", b"").decode("latin-1")
        console = self._door.address(host) if self._door is not None else None
        return Face(agent, toolset, admission.request_id, parent, console)


def _client(admission: Admitted, message: Request) -> str | None:
    """What the client calls itself; who says X-Agent is that, and an agent's own token says the name already."""
    said = b"x-agent" in admission.headers or admission.caller.bound
    return None if said else message.client_name


def _toolset(scope: Scope, admission: Admitted, usual: Toolset) -> Toolset:
    """What the address and the header ask for. Raises InvalidParams."""
    skill = variable(scope, "skill") if "skill" in scope["path_params"] else None
    header = admission.headers.get(b"x-mcp-toolsets")
    if not scope["query_string"] and header is None:
        return replace(usual, skill=skill) if skill else usual
    query = known_query(scope, KNOWN)
    tools = query.get("tools") or (header.decode("latin-1") if header else "")
    patterns = patterns_of(tools.split(",")) or usual.patterns
    read_only = query.get("readonly", "")
    if read_only not in ("", "0", "1"):
        raise InvalidParams("readonly must be 1", problems=[ParamProblem("readonly", "must be 1")])
    try:
        chosen = mode(query["mode"]) if query.get("mode") else usual.mode
    except ValueError:
        problem = ParamProblem("mode", f"must be one of {', '.join(MODES)}")
        raise InvalidParams(f"mode {problem.message}", problems=[problem]) from None
    return Toolset(patterns, chosen, usual.read_only or read_only == "1", skill, usual.use)


def _failed(request_id: str | int | None, error: RpcError, *, modern: bool = True) -> Response:
    """Clients of before look at the message only."""
    return Response(failure(request_id, error), error.status if modern else 200)


def _unavailable(message: Request, error: ShuttingDown) -> Response:
    return Response(failure(message.id, RpcError(INTERNAL_ERROR, error.message)), error.status, headers=_AGAIN)


def _id_of(body: bytes, error: RpcError) -> str | int | None:
    """The id of a message that is refused, where it has one that can be read."""
    return error.request_id if isinstance(error, Malformed) else read_message(body).id


MOST_LISTENING = 64
KNOWN = frozenset({"tools", "mode", "readonly"})
_AGAIN = ((b"retry-after", b"1"),)
