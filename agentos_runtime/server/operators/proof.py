"""Whether whoever asks over HTTP is the operator: the one question of all routes that only the operator may use."""

from agentos_runtime.errors import NotAllowed
from agentos_runtime.security.agents import Caller
from agentos_runtime.server.messages import Admitted

PROOF = "send AGENTOS_OPERATOR_TOKEN as Authorization: Bearer …"


def operator_of(request: Admitted) -> Caller:
    """The operator who sent the request: by the token of the operator, or a session of the console.

    Raises NotAllowed for everybody else, agents with their own token and whoever sends AGENTOS_TOKEN included.
    """
    if not request.caller.operator:
        raise NotAllowed(f"This is for the operator: {PROOF}, or use the command line (agentos --help).")
    return request.caller
