"""The bare pass-through again, with our own HTTP client below: what the client's guards and deadlines cost."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from agentos_runtime.config.settings import Settings
from agentos_runtime.http_client import Upstream, UpstreamRequest, UpstreamStream

ORIGIN = "https://openrouter.ai"
HEADERS = (("content-type", "application/json"),)


@asynccontextmanager
async def _client(app: Starlette) -> AsyncIterator[dict[str, Upstream]]:
    settings = Settings(home=Path.cwd(), rewrite={ORIGIN: os.environ["BENCH_UPSTREAM"]})
    async with Upstream(settings) as upstream:
        yield {"upstream": upstream}


async def _chat(request: Request) -> Response:
    upstream: Upstream = request.state.upstream
    body = await request.body()
    asked = UpstreamRequest("POST", f"{ORIGIN}/api/v1/chat/completions", HEADERS, body)
    if b'"stream": true' in body:
        stream = await upstream.open(asked, timeout=600, idle_timeout=120)
        return StreamingResponse(_chunks(stream), stream.status, media_type="text/event-stream")
    answer = await upstream.send(asked, timeout=600)
    return Response(answer.body, answer.status, media_type="application/json")


async def _chunks(stream: UpstreamStream) -> AsyncIterator[bytes]:
    try:
        async for chunk in stream.chunks():
            yield chunk
    finally:
        await stream.close()


app = Starlette(routes=[Route("/chat", _chat, methods=["POST"])], lifespan=_client)
