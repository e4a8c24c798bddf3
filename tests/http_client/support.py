"""Short ways to call an upstream in tests."""

import asyncio
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agentos_runtime.config.settings import Settings
from agentos_runtime.http_client import Upstream, UpstreamRequest, UpstreamResponse
from agentos_runtime.manifest.model import Retry

SECRET = "sk-canary-0123456789"
NOTICED = 2.5
"""Five times the 0.5 s within which an upstream sees that somebody left."""


def settings(
    *,
    rewrite: Mapping[str, str] | None = None,
    proxy: str | None = None,
    proxy_resolves: bool = False,
    max_reply: int = 1 << 20,
) -> Settings:
    return Settings(
        home=Path("unused"),
        rewrite=rewrite or {},
        proxy=proxy,
        proxy_resolves=proxy_resolves,
        max_reply=max_reply,
    )


def upstream(given: Settings | None = None, **seams: Any) -> Upstream:
    return Upstream(given or settings(), **seams)


def request(url: str, method: str = "GET", body: bytes | None = None) -> UpstreamRequest:
    headers = [("Authorization", f"Bearer {SECRET}")]
    if body is not None:
        headers.append(("Content-Type", "application/json"))
    return UpstreamRequest(method, url, tuple(headers), body)


def post(url: str, body: bytes = b'{"q":1}') -> UpstreamRequest:
    return request(url, "POST", body)


async def send(
    wanted: UpstreamRequest,
    given: Settings | None = None,
    *,
    timeout: float = 10,
    retry: Retry | None = None,
    private: bool = True,
    **seams: Any,
) -> UpstreamResponse:
    """One send through an Upstream of its own; the toy's address needs `private`."""
    async with upstream(given, **seams) as out:
        return await out.send(wanted, timeout=timeout, retry=retry, allow_private=private)


async def happens(event: threading.Event) -> bool:
    """Whether the other side notices in time."""
    return await asyncio.to_thread(event.wait, NOTICED)
