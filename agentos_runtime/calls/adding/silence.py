"""What is told of a chat without being a piece of an answer."""

from agentos_runtime.jsontext import Json


def says_nothing(told: Json) -> bool:
    """Whether there is no piece of an answer, and no reason why it stopped."""
    if not isinstance(told, dict) or told.get("content") is not None:
        return False
    return not any(value for key, value in told.items() if key not in _BESIDE_AN_ANSWER)


_BESIDE_AN_ANSWER = frozenset(
    {"id", "model", "provider", "created", "usage", "service_tier", "system_fingerprint", "debug", "native"}
)
"""What is told of a generation, whatever it said; `native` is for the reply, which says what was in it."""
