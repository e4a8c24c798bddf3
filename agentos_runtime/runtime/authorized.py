"""A request that may be sent: what it carries and what was decided about it, as one value."""

from collections.abc import Awaitable, Callable
from dataclasses import field
from typing import TypeAlias

from agentos_runtime.calls.messages import UpstreamRequest
from agentos_runtime.frozen import dataclass
from agentos_runtime.security.broker import Authorization

Renewed: TypeAlias = Callable[[], Awaitable["AuthorizedRequest | None"]]
"""Makes a request with a renewed credential."""


@dataclass(frozen=True, slots=True)
class AuthorizedRequest:
    """Made by `authorizing.authorize` alone, which has told the call's results every secret in it.

    It is the only thing that the transport sends. Each request of a call has its own: where the connection may end
    belongs to the request, not to the call.
    """

    request: UpstreamRequest = field(repr=False)
    origin: str
    authorization: Authorization = field(repr=False)
    renewed: "Renewed | None" = field(default=None, repr=False)
    """Makes the same request with a renewed credential after a 401; None, or its None = there is none."""
