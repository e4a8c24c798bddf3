"""A value that does not show itself."""

import hmac
from collections.abc import Mapping
from typing import NoReturn, final

from agentos_runtime.frozen import dataclass
from agentos_runtime.security.authority import Grant

MASK = "********"
MARGIN = 60.0
"""Seconds before its end that a token is renewed, when it is good for long enough."""


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
class Life:
    """Until when a token is good; epoch seconds."""

    renew_at: float
    """When it should be renewed: a margin before its end."""
    expires_at: float

    @classmethod
    def of(cls, now: float, seconds: float) -> "Life":
        """Of a token given at `now` for `seconds`: renewed a minute before its end, or a tenth of its time."""
        return cls(now + seconds - min(MARGIN, seconds / 10), now + seconds)


@dataclass(frozen=True, slots=True)
class Credential:
    """What a call proves itself with."""

    fields: Mapping[str, Secret]
    """By the field's name: `key`, `token`, `username`, …"""
    source: str
    """`environment OPENROUTER_API_KEY`, `file /secrets/…`, `credentials.json` or `keyring`."""
    grants: frozenset[Grant] = frozenset()
    """What was shown and agreed to when this very credential was stored."""
    life: Life | None = None
    """None = nobody said that it ends."""
    renewable: bool = False
    """Whether a refresh token is stored beside it."""
    ended: bool = False
    """Whether the service will renew it no more: log in again."""
    held: bool = False
    """Whether it is a client's token that was there already."""
    stands_in: bool = False
    """Whether it is no credential, but what a simulation has in its place; it has no pieces."""


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
