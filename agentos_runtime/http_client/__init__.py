"""HTTP out: bounded, guarded, at most as often as is safe. httptools stays inside this package."""

from agentos_runtime.calls.messages import UpstreamRequest, UpstreamResponse
from agentos_runtime.http_client.client import Upstream
from agentos_runtime.http_client.connections import Resolve
from agentos_runtime.http_client.streams import UpstreamStream

__all__ = ["Resolve", "Upstream", "UpstreamRequest", "UpstreamResponse", "UpstreamStream"]
