"""Numbers as they stand in expressions."""

from agentos_runtime.jq.compiled.errors import Unsupported
from agentos_runtime.jq.compiled.language.syntax import Const, Negate, Node

_EXACT = 1 << 53
_SMALLEST = 1e-99


def negated(body: Node) -> Node:
    """The node with a minus in front of it."""
    value = body.value if isinstance(body, Const) else None
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < _EXACT:
        return Const(-value)
    return Negate(body)


def number(text: str) -> int | float:
    """The value of a literal. Raises Unsupported where jq may write or compare it otherwise than Python."""
    if text.isdigit() and len(text) <= 300:
        return int(text)
    found = float(text)
    if len(text) > 15 or found > 1e15 or found < _SMALLEST or found.is_integer():
        raise Unsupported("a number that jq may write in another way")
    return found
