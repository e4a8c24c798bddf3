"""The last look at a request's headers, when it is complete: what jq, a caller and the credential put there."""

from agentos_runtime.calls.messages import UpstreamRequest
from agentos_runtime.errors import CredentialNotFound, ExpressionFailed, InvalidParams
from agentos_runtime.manifest.headers.names import header_problem, value_problem


def sendable(request: UpstreamRequest, named: frozenset[str] = frozenset()) -> UpstreamRequest:
    """The request itself. No error quotes a value: it may hold the credential.

    named: names that were looked at when the skill was loaded.

    Raises ExpressionFailed for a name that no manifest may set, CredentialNotFound for a value: those that params
    and expressions gave were looked at when they came, so it is the credential's.
    """
    for name, text in request.headers:
        problem = None if name in named else header_problem(name)
        if problem is not None:
            raise ExpressionFailed(f"The header {ascii(name)[1:61]} {problem}", details={"key": "headers"})
        found = value_problem(text)
        if found is not None:
            raise CredentialNotFound(
                f"The credential cannot be sent in the header {name}: a header {found[1]}. Store it again, as the "
                "service shows it"
            )
    return request


def sendable_key(key: str) -> str:
    """A caller's `Idempotency-Key`. Raises InvalidParams for one that no header can carry on."""
    found = value_problem(key)
    if found is not None or not key:
        raise InvalidParams(
            f"The Idempotency-Key cannot be sent on: a header {found[1] if found else 'is not empty'}."
        )
    return key
