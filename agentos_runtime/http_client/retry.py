"""What may be repeated, and how long to wait before. Pure: the loop that obeys is in `client`.

A request is repeated only when that cannot make something happen twice: GET and HEAD; anything that never left this
machine; what the upstream refused unprocessed (429 and 503 that say when to come back); and what carries an
idempotency key that the manifest says the API honours.
"""

from typing import Self

from agentos_runtime.calls.messages import SAFE_METHODS, UpstreamRequest
from agentos_runtime.frozen import dataclass
from agentos_runtime.manifest.model import Retry

_NOTHING: frozenset[int] = frozenset()
_REFUSED = frozenset({429, 503})
_PASSING = frozenset({429, 502, 503, 504})
_FIRST_PAUSE = 0.25
_LONGEST_PAUSE = 8.0


@dataclass(frozen=True, slots=True)
class RetryPlan:
    """How often one request may be sent, and after what."""

    attempts: int
    """Sends in all, the first included."""
    unsent: bool
    """Repeat when no byte can have left."""
    sent: bool
    """Repeat when the request may have been processed."""
    statuses: frozenset[int]
    only_when_told: bool
    """Repeat after a status only when the upstream says when."""

    @classmethod
    def of(cls, request: UpstreamRequest, retry: Retry | None) -> Self:
        """The plan for a request; `retry` None = the manifest says nothing, then only a safe request is repeated,
        once, when its connection failed."""
        safe = request.method in SAFE_METHODS
        if retry is None:
            return cls(2, unsent=safe, sent=safe, statuses=_NOTHING, only_when_told=True)
        repeatable = safe or _has_key(request, retry.idempotency_header)
        return cls(
            retry.attempts,
            unsent=True,
            sent=repeatable,
            statuses=_PASSING if repeatable else _REFUSED,
            only_when_told=not repeatable,
        )

    def after_failure(self, attempt: int, *, sent: bool, jitter: float) -> float | None:
        """Seconds to wait after send number `attempt` lost its connection; None = give up. `jitter` is 0 to 1."""
        if attempt >= self.attempts or not (self.sent if sent else self.unsent):
            return None
        return _backoff(attempt, jitter)

    def after_status(self, attempt: int, status: int, told: float | None, *, jitter: float) -> float | None:
        """Seconds to wait after an answer; `told` is what the upstream said. None = pass the answer on."""
        if attempt >= self.attempts or status not in self.statuses:
            return None
        if told is not None:
            return told + jitter * min(1.0, told / 10)
        return None if self.only_when_told else _backoff(attempt, jitter)


def _has_key(request: UpstreamRequest, header: str | None) -> bool:
    return header is not None and any(name.lower() == header.lower() for name, _ in request.headers)


def _backoff(attempt: int, jitter: float) -> float:
    return min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** (attempt - 1)) * (1 + jitter) / 2
