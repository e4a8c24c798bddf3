"""What proves that an answer belongs to the question: the verifier (RFC 7636) and the state (RFC 6749, 10.12)."""

import base64
import hashlib
import secrets
from collections.abc import Callable
from dataclasses import field
from typing import Self

from agentos_runtime.frozen import dataclass

METHOD = "S256"
VERIFIER_BYTES = 48
"""64 characters; RFC 7636 allows 43 to 128."""
STATE_BYTES = 16


@dataclass(frozen=True, slots=True)
class Proof:
    """The secrets of one login; they are used once."""

    verifier: str = field(repr=False)
    """Known to this process alone until the code is exchanged."""
    state: str = field(repr=False)

    @classmethod
    def fresh(cls, random: Callable[[int], bytes] = secrets.token_bytes) -> Self:
        return cls(_base64url(random(VERIFIER_BYTES)), _base64url(random(STATE_BYTES)))

    @property
    def challenge(self) -> str:
        """What the service is shown first: it fits the verifier and does not give it away."""
        return _base64url(hashlib.sha256(self.verifier.encode("ascii")).digest())


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
