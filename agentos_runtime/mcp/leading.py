"""A person who is asked before a call is led to the page where they answer: URL mode of elicitation.

Of clients of 2026-07-28, which say with each request whether they can open an address, and send the call again with
what came of it. Going there is no answer: that is given on the page, by whoever it lets in.
"""

from collections.abc import Mapping

from agentos_runtime.errors import AgentOSError, DecisionPending
from agentos_runtime.jsontext import Json, dump
from agentos_runtime.mcp.face import Face
from agentos_runtime.mcp.protocol import META, Fields, Request
from agentos_runtime.visible import visible

UNTOLD = 50.0
"""Seconds for which a call is held while a person is asked and its client hears nothing of progress."""
ASKED = "decision"
"""The name of the one thing that is asked for."""


def patience(request: Request, face: Face) -> float | None:
    """Seconds for which the call is held while a person is asked; None = until that is over."""
    if _leads(request, face) and _action(request) != "accept":
        return 0.0
    return UNTOLD if request.progress_token is None else None


def led(error: AgentOSError, request: Request, face: Face) -> Fields | None:
    """The result that leads a person to the page; None where it is the error itself that is told."""
    waiting = error.details.get("waiting") if isinstance(error, DecisionPending) else None
    pending = isinstance(waiting, dict) and waiting.get("state") == "pending"
    if not (pending and _leads(request, face) and _action(request) is None):
        return None
    assert isinstance(waiting, dict)
    what = visible(f"{error.details.get('skill')}/{error.details.get('utility')}")
    params: dict[str, Json] = {
        "mode": "url",
        "message": f"{visible(face.agent)} may call {what} only after your yes. "
        "Look at the call on this page, and answer there.",
        "url": f"{face.console}waiting/{waiting['id']}",
    }
    asked: dict[str, Json] = {ASKED: {"method": "elicitation/create", "params": params}}
    return {"resultType": b'"input_required"', "inputRequests": dump(asked), "requestState": dump(waiting["id"])}


def _leads(request: Request, face: Face) -> bool:
    capabilities = request.meta.get(f"{META}clientCapabilities")
    elicitation = capabilities.get("elicitation") if isinstance(capabilities, dict) else None
    opens = isinstance(elicitation, dict) and isinstance(elicitation.get("url"), dict)
    return request.modern and opens and face.console is not None


def _action(request: Request) -> str | None:
    """`accept`, `decline` or `cancel`; None while the client has not been asked."""
    responses = request.params.get("inputResponses")
    given = responses.get(ASKED) if isinstance(responses, Mapping) else None
    action = given.get("action") if isinstance(given, Mapping) else None
    return action if isinstance(action, str) else None
