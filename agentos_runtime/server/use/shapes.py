"""Paths whose requests are passed through, and the form of errors that their clients read."""

from functools import partial

from starlette.types import Scope

from agentos_runtime.errors import AgentOSError
from agentos_runtime.proxy.wires import Wire, error_text, is_for_a_person, wire_of
from agentos_runtime.server.messages import Headers, Shape

USE = "/use/"
FACES = "/v1/"


def is_passed_through(path: str) -> bool:
    """Whether clients of other services call it: of any type, with a key in their own header."""
    return path.startswith((USE, FACES))


def streams_up(path: str) -> bool:
    """Whether a body may be passed on while it arrives; at `/v1` the model's name is looked for in it first."""
    return path.startswith(USE)


def wire_at(scope: Scope) -> Wire | None:
    """The wire that the client of a request speaks; below `/v1/` there are no others, whatever path it asks for."""
    anthropic = any(name == b"anthropic-version" for name, _ in scope["headers"])
    path: str = scope["path"]
    found = wire_of(path, anthropic=anthropic)
    if found is None and path.startswith(FACES):
        return "anthropic" if anthropic else "openai"
    return found


def shape_of(scope: Scope) -> Shape | None:
    """The form of errors for a request; None = as everywhere."""
    if not is_passed_through(scope["path"]):
        return None
    wire = wire_at(scope)
    return Shape(partial(_body, wire), _beside)


def _body(wire: Wire | None, error: AgentOSError, request_id: str) -> bytes:
    return error_text(error, request_id, wire)


def _beside(error: AgentOSError) -> Headers:
    """Clients repeat a call that failed unless they are told not to."""
    return [(b"x-should-retry", b"false")] if is_for_a_person(error) else []
