"""HTTP out: bounded, guarded, at most as often as is safe. aiohttp stays inside this package."""

from agentos_runtime.calls.messages import UpstreamRequest, UpstreamResponse
from agentos_runtime.upstream.client import Upstream
from agentos_runtime.upstream.connections import Resolve
from agentos_runtime.upstream.streams import UpstreamStream

__all__ = ["Resolve", "Upstream", "UpstreamRequest", "UpstreamResponse", "UpstreamStream"]
