"""The upstream behind its breakers."""

from agentos_runtime.breakers import Breakers
from agentos_runtime.calls.messages import UpstreamRequest, UpstreamResponse
from agentos_runtime.manifest.model import Retry
from agentos_runtime.origins import origin_of
from agentos_runtime.runtime.ports import OpenUpstream, Upstream


class BreakingUpstream:
    """An upstream whose origins are left alone for a while when they do not answer: UpstreamUnavailable then."""

    def __init__(self, inner: Upstream, breakers: Breakers) -> None:
        self._inner = inner
        self._breakers = breakers

    async def send(
        self, request: UpstreamRequest, *, timeout: float, retry: Retry | None, allow_private: bool
    ) -> UpstreamResponse:
        with self._breakers.attempt(origin_of(request.url) or "") as attempt:
            response = await self._inner.send(request, timeout=timeout, retry=retry, allow_private=allow_private)
            attempt.status = response.status
        return response

    async def open(
        self,
        request: UpstreamRequest,
        *,
        timeout: float,
        idle_timeout: float,
        retry: Retry | None,
        allow_private: bool,
    ) -> OpenUpstream:
        with self._breakers.attempt(origin_of(request.url) or "") as attempt:
            upstream = await self._inner.open(
                request, timeout=timeout, idle_timeout=idle_timeout, retry=retry, allow_private=allow_private
            )
            attempt.status = upstream.status
        return upstream
