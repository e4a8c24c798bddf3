"""Messages of MCP as values, in both eras of the protocol. No I/O.

Since 2026-07-28 (*modern*) every request says its version and stands for itself; before (*legacy*) a handshake
began a session. A legacy request is answered as if its handshake had been made: there are no sessions to lose.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import field
from typing import Any, TypeAlias

from agentos_runtime import jsontext
from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json
from agentos_runtime.version import __version__

MODERN = "2026-07-28"
LEGACY = ("2025-11-25", "2025-06-18", "2025-03-26")
"""The newest first."""

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
RESOURCE_NOT_FOUND = -32002
"""Of legacy; a modern server says INVALID_PARAMS."""
HEADER_MISMATCH = -32020
UNSUPPORTED_VERSION = -32022

META = "io.modelcontextprotocol/"
SERVER: Mapping[str, Json] = {"name": "agentos", "title": "AgentOS", "version": __version__}

Fields: TypeAlias = dict[str, bytes]
"""The members of a result, each as JSON text: a reply is not written twice."""
NAMED: Mapping[str, str] = {"tools/call": "name", "resources/read": "uri", "prompts/get": "name"}
"""By method, the param that the header `Mcp-Name` repeats."""


class RpcError(Exception):
    """The request cannot be answered; `status` is what HTTP says of it to modern clients."""

    def __init__(self, code: int, message: str, *, status: int = 200, data: Json = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.data = data


class Malformed(RpcError):
    """What arrived is no message; `request_id` is what its answer is known by, where that can be read."""

    def __init__(self, code: int, message: str, request_id: str | int | None = None) -> None:
        super().__init__(code, message, status=400)
        self.request_id = request_id


def invalid_params(message: str) -> RpcError:
    return RpcError(INVALID_PARAMS, message)


@dataclass(frozen=True, slots=True)
class Request:
    """One message of a client; a notification has no id."""

    id: str | int | None
    method: str
    params: Mapping[str, Json] = field(default_factory=dict, repr=False)
    modern: bool = False

    @property
    def meta(self) -> Mapping[str, Json]:
        given = self.params.get("_meta")
        return given if isinstance(given, dict) else {}

    @property
    def progress_token(self) -> str | int | None:
        token = self.meta.get("progressToken")
        return token if isinstance(token, str | int) and not isinstance(token, bool) else None

    @property
    def client_name(self) -> str | None:
        """What the client calls itself: cut to what an agent's name may be, None when nothing is left."""
        return label(self.meta.get(f"{META}clientInfo"))


def label(client_info: Json) -> str | None:
    """The `name` of a `clientInfo` as an agent's name: 64 printable ASCII characters at most."""
    name = client_info.get("name") if isinstance(client_info, dict) else None
    if not isinstance(name, str):
        return None
    return "".join(char for char in name if " " <= char <= "~").strip()[:64].strip() or None


def read_message(text: bytes) -> Request:
    """One message, its era not yet looked at. Raises Malformed."""
    try:
        message = jsontext.parse(text)
    except jsontext.JsonTextError as error:
        raise Malformed(PARSE_ERROR, f"The message is not JSON: {error}") from None
    if not isinstance(message, dict):
        kind = "Batches are not part of MCP. " if isinstance(message, list) else ""
        raise Malformed(INVALID_REQUEST, f"{kind}Send one JSON-RPC 2.0 object for each message")
    method, request_id = message.get("method"), _id_of(message)
    if message.get("jsonrpc") != "2.0" or not isinstance(method, str):
        raise Malformed(INVALID_REQUEST, 'A message has "jsonrpc": "2.0" and a "method"', request_id)
    if "id" in message and request_id is None:
        raise Malformed(INVALID_REQUEST, "The id of a request is a string or a whole number")
    params = {} if message.get("params") is None else message["params"]
    if not isinstance(params, dict):
        raise Malformed(INVALID_REQUEST, "params is an object", request_id)
    return Request(request_id, method, params)


def _id_of(message: Mapping[str, Json]) -> str | int | None:
    """The id of a request; None of a notification, and of an answer, whose id is none of the client's."""
    request_id = message.get("id")
    is_answer = "method" not in message and ("result" in message or "error" in message)
    if is_answer or not is_id(request_id):
        return None
    assert isinstance(request_id, str | int)
    return request_id


def is_id(value: object) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool)


def settled(request: Request, headers: Mapping[bytes, bytes] | None) -> Request:
    """The request with its era; headers: those that came with it, None where there are none (stdio).

    Raises RpcError when what a modern request must say is missing, or its headers say otherwise.
    """
    said = request.meta.get(f"{META}protocolVersion")
    told = None if headers is None else _header(headers, b"mcp-protocol-version")
    if said is None and (told is None or told in LEGACY):
        return request
    if headers is not None:
        if told is None:
            raise _mismatch("The header MCP-Protocol-Version is missing")
        if said is None:
            raise RpcError(INVALID_PARAMS, f"_meta has no {META}protocolVersion", status=400)
        if told != said:
            raise _mismatch(f"The header MCP-Protocol-Version says {told}, and _meta says {said}")
    if said != MODERN:
        raise RpcError(
            UNSUPPORTED_VERSION,
            f"The protocol version {said} is not spoken here",
            status=400,
            data={"supported": [MODERN], "requested": said},
        )
    if headers is not None:
        _check_headers(request, headers)
    if not isinstance(request.meta.get(f"{META}clientCapabilities"), dict):
        raise RpcError(INVALID_PARAMS, f"_meta has no object {META}clientCapabilities", status=400)
    return Request(request.id, request.method, request.params, modern=True)


def _check_headers(request: Request, headers: Mapping[bytes, bytes]) -> None:
    method = _header(headers, b"mcp-method")
    if method != request.method:
        raise _mismatch(f"The header Mcp-Method says {method or 'nothing'}, and the body {request.method}")
    param = NAMED.get(request.method)
    if param is not None:
        name = _decoded(_header(headers, b"mcp-name"))
        if name is None or name != request.params.get(param):
            raise _mismatch(f"The header Mcp-Name and params.{param} are not the same")


def _header(headers: Mapping[bytes, bytes], name: bytes) -> str | None:
    """Blanks around a value are no part of it (RFC 9110, 5.5); the parser hands them on."""
    given = headers.get(name)
    return None if given is None else given.strip(b" \t").decode("latin-1")


def _decoded(value: str | None) -> str | None:
    """`=?base64?…?=` stands for text that no header can carry. None for what cannot be decoded."""
    if value is None or not (value.startswith(_BASE64) and value.endswith("?=")):
        return value
    try:
        return base64.b64decode(value[len(_BASE64) : -2], validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None


def header_text(value: str) -> str:
    """A name as a header can carry it."""
    if value.isascii() and value.isprintable() and value == value.strip() and not value.startswith(_BASE64):
        return value
    return f"{_BASE64}{base64.b64encode(value.encode('utf-8', 'replace')).decode()}?="


def _mismatch(message: str) -> RpcError:
    return RpcError(HEADER_MISMATCH, message, status=400)


def result(request: Request, fields: Fields, meta: Mapping[str, Json] | None = None) -> bytes:
    """The whole answer to a request."""
    members = dict(fields)
    said: dict[str, Json] = dict(meta or {})
    if request.modern:
        members.setdefault("resultType", b'"complete"')
        said[f"{META}serverInfo"] = dict(SERVER)
    if said:
        members["_meta"] = jsontext.dump(said)
    body = b",".join(b'"%s":%s' % (name.encode(), text) for name, text in members.items())
    return b'{"jsonrpc":"2.0","id":%s,"result":{%s}}' % (jsontext.dump(request.id), body)


def failure(request_id: str | int | None, error: RpcError) -> bytes:
    """The answer to a request that cannot be answered; an id of None when it could not be read."""
    body: dict[str, Json] = {"code": error.code, "message": error.message}
    if error.data is not None:
        body["data"] = error.data
    return jsontext.dump({"jsonrpc": "2.0", "id": request_id, "error": body})


def notification(method: str, params: Mapping[str, Json] | None = None) -> bytes:
    message: dict[str, Any] = {"jsonrpc": "2.0", "method": method}
    if params is not None:
        message["params"] = dict(params)
    return jsontext.dump(message)


def cacheable(seconds: float) -> Fields:
    """How long a modern client may keep a list; never for others, whom it may not be meant for."""
    return {"ttlMs": b"%d" % (seconds * 1000), "cacheScope": b'"private"'}


_BASE64 = "=?base64?"
