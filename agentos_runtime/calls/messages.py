"""What goes to the upstream and what comes back, as values."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import field

from agentos_runtime.frozen import dataclass

SAFE_METHODS = frozenset({"GET", "HEAD"})
"""What changes nothing: may be sent again, and needs no idempotency key (pages of a list must not share one)."""
NEAREST = "match=nearest"
"""The end of what is said of a simulated answer that is not about the very request."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A body that is sent while it arrives, and only once. length: in bytes; None = known at its end only."""

    pieces: AsyncIterator[bytes] = field(repr=False)
    length: int | None


@dataclass(frozen=True, slots=True, repr=False)
class UpstreamRequest:
    """One HTTP request, complete with its secrets: its repr shows neither header values nor the query."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    upload: Upload | None = None
    """In place of a body."""

    def __repr__(self) -> str:
        names = ", ".join(name for name, _ in self.headers)
        size = 0 if self.body is None else len(self.body)
        return f"<UpstreamRequest {self.method} {self.url.split('?', 1)[0]} headers: {names}; {size} bytes>"


@dataclass(frozen=True, slots=True)
class UpstreamResponse:
    """One whole HTTP response; header names are lower-case, the body is decoded and bounded."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    simulated: str | None = None
    """In a simulation: `plain; match=exact`, the case that answers, and whether it is about the very request."""
