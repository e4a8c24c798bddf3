"""JSON Pointers (RFC 6901) followed into a value."""

from collections.abc import Sequence

from agentos_runtime.jsontext import Json


class NothingThere(LookupError):
    """The pointer leads nowhere."""


def follow(tokens: Sequence[str], value: Json) -> Json:
    """What stands there. Raises NothingThere."""
    for token in tokens:
        if isinstance(value, dict) and token in value:
            value = value[token]
        elif isinstance(value, list) and token.isascii() and token.isdigit() and int(token) < len(value):
            value = value[int(token)]
        else:
            raise NothingThere("/" + "/".join(tokens))
    return value
