"""A value that does not show itself."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn, final

from agentos_runtime.authority import Grant

MASK = "********"


@final
class Secret:
    """A text that only `reveal` gives away: masked in repr, str and format; not to be pickled, copied or dumped."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"Secret({MASK})"

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(_bytes(self._text), _bytes(other._text))

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a Secret is not written anywhere: no pickle, no copy")


@dataclass(frozen=True, slots=True)
class Credential:
    """What a call proves itself with."""

    fields: Mapping[str, Secret]
    """By the field's name: `key`, `token`, `username`, …"""
    source: str
    """`environment OPENROUTER_API_KEY`, `credentials.json` or `keyring`."""
    grants: frozenset[Grant] = frozenset()
    """What was shown and agreed to when this very credential was stored."""


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
