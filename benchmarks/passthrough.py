"""The least a gateway can do: hand the body to the upstream and the answer back, plain or streamed.

`uvicorn benchmarks.passthrough:bare` is starlette over aiohttp, nothing else.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

URL = os.environ["BENCH_UPSTREAM"] + "/api/v1/chat/completions"


@asynccontextmanager
async def _session(app: Starlette) -> AsyncIterator[dict[str, aiohttp.ClientSession]]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        yield {"session": session}


async def _chat(request: Request) -> Response:
    body = await request.body()
    session: aiohttp.ClientSession = request.state.session
    upstream = await session.post(URL, data=body, headers={"content-type": "application/json"})
    if upstream.content_type == "text/event-stream":
        return StreamingResponse(_chunks(upstream), upstream.status, media_type="text/event-stream")
    async with upstream:
        return Response(await upstream.read(), upstream.status, media_type="application/json")


async def _chunks(upstream: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    async with upstream:
        async for chunk in upstream.content.iter_any():
            yield chunk


bare = Starlette(routes=[Route("/chat", _chat, methods=["POST"])], lifespan=_session)
