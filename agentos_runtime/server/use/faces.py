"""`/v1/…`: the wires of OpenAI and Anthropic at one base URL."""

from datetime import UTC, datetime
from urllib.parse import unquote

from starlette.types import Receive, Scope, Send

from agentos_runtime.errors import AgentOSError, MethodNotAllowed, ModelNotFound, NotFound
from agentos_runtime.jsontext import Json
from agentos_runtime.proxy.faces import MODELS, Faces
from agentos_runtime.proxy.service import Asked
from agentos_runtime.proxy.settings import FaceSettings
from agentos_runtime.server.messages import Response, admitted, error_response, json_response
from agentos_runtime.server.use.route import Passing, agent_name, headers_of, trace_of, waiting_id_of
from agentos_runtime.server.use.shapes import FACES, shape_of, wire_at


class FacesRoute:
    """An ASGI application; paths come to it as they are."""

    def __init__(self, passing: Passing, settings: FaceSettings) -> None:
        self._passing = passing
        self._settings = settings
        self._faces: Faces | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["raw_path"][len(FACES) :].decode("latin-1").rstrip("/")
        try:
            response = await self._answer(path, scope, receive, send)
        except AgentOSError as error:
            response = error_response(error, admitted(scope).request_id, _allow(error), shape_of(scope))
        if response is not None:
            await response(scope, receive, send)

    async def _answer(self, path: str, scope: Scope, receive: Receive, send: Send) -> Response | None:
        request, runtime = admitted(scope), await self._passing.runtime()
        if self._faces is None:
            self._faces = Faces(runtime, self._settings)
        asks_models = path == MODELS or path.startswith(f"{MODELS}/")
        if not asks_models and not Faces.takes(path):
            raise NotFound("Nothing is here. /v1 has chat/completions, responses, embeddings, messages and models.")
        methods = ("GET", "HEAD", "OPTIONS") if asks_models else ("OPTIONS", "POST")
        if scope["method"] == "OPTIONS":
            return Response(b"", 204, headers=((b"allow", ", ".join(methods).encode()),))
        _check_method(scope, methods)
        if asks_models:
            wanted = unquote(path[len(MODELS) + 1 :])
            models = await self._faces.models(agent_name(runtime, request), request.request_id, wanted)
            return _models(models, wanted, anthropic=wire_at(scope) == "anthropic")
        agent = agent_name(runtime, request)
        routed = await self._faces.route(path, scope["query_string"].decode("latin-1"), request.body, agent)
        headers = headers_of(scope)
        asked = Asked(
            "POST",
            routed.target,
            agent,
            request.request_id,
            headers,
            routed.body,
            routed.skill,
            surface="face",
            parent=trace_of(request),
            patience=self._passing.hold,
            waiting_id=waiting_id_of(request),
        )
        await self._passing.pass_through(scope, receive, send, asked)
        return None


def _models(models: list[dict[str, Json]], wanted: str, *, anthropic: bool) -> Response:
    """All of them, or the one that is wanted. Raises ModelNotFound."""
    shown = [_of_anthropic(each) if anthropic else _of_openai(each) for each in models]
    if not wanted:
        return json_response(_anthropic_list(shown) if anthropic else {"object": "list", "data": [*shown]})
    found = next((each for each in shown if each["id"] == wanted), None)
    if found is None:
        raise ModelNotFound(f"There is no model {wanted!r}: GET /v1/models has them all.")
    return json_response(found)


def _of_openai(model: dict[str, Json]) -> dict[str, Json]:
    created = model["created"] if isinstance(model["created"], int) else 0
    return {"id": model["id"], "object": "model", "created": created, "owned_by": model["skill"]}


def _of_anthropic(model: dict[str, Json]) -> dict[str, Json]:
    created = model["created"]
    if isinstance(created, int) and 0 <= created < 2**32:
        created = datetime.fromtimestamp(created, UTC).isoformat().replace("+00:00", "Z")
    said = created if isinstance(created, str) else "1970-01-01T00:00:00Z"
    return {"type": "model", "id": model["id"], "display_name": model["name"], "created_at": said}


def _anthropic_list(models: list[dict[str, Json]]) -> dict[str, Json]:
    ends: dict[str, Json] = {"first_id": models[0]["id"] if models else None}
    return {"data": [*models], "has_more": False, **ends, "last_id": models[-1]["id"] if models else None}


def _check_method(scope: Scope, allowed: tuple[str, ...]) -> None:
    if scope["method"] not in allowed:
        raise MethodNotAllowed(
            f"{scope['method']} is not answered here, only {', '.join(allowed)}.", details={"allow": [*allowed]}
        )


def _allow(error: AgentOSError) -> list[tuple[bytes, bytes]]:
    allowed = error.details.get("allow") if isinstance(error, MethodNotAllowed) else None
    return [(b"allow", ", ".join(map(str, allowed)).encode())] if isinstance(allowed, list) else []
