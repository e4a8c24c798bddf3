"""Where an address is called: through the server that runs, or in this process. The answers are the same."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TypeAlias

import httpx

from agentos_runtime.cli.calls.backend import CallFailed
from agentos_runtime.cli.calls.through_server import PATIENCE, error_of, server_client
from agentos_runtime.cli.runtimes import opened
from agentos_runtime.cli.terminal.identity import headers_for, name_here
from agentos_runtime.cli.terminal.output import say
from agentos_runtime.cli.terminal.shell import Failed, Shell
from agentos_runtime.config.settings import Settings
from agentos_runtime.errors import AgentOSError, DecisionPending
from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json
from agentos_runtime.proxy.service import Asked, Proxy, renamed

WAITS = "This call waits for a person's yes: agentos waiting"
Headers: TypeAlias = list[tuple[str, str]]
_OF_THE_SERVER = frozenset(
    {"cache-control", "cross-origin-resource-policy", "x-content-type-options", "content-security-policy"}
    | {"date", "transfer-encoding", "connection", "server-timing", "x-accel-buffering"}
)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer whose head is there."""

    status: int
    headers: Headers
    pieces: AsyncIterator[bytes]
    """Raises CallFailed when it breaks off."""


@asynccontextmanager
async def through_server(settings: Settings, named: str | None, asked: Asked) -> AsyncIterator[Answer | None]:
    """The server's answer; None when no server of this user is there. Raises CallFailed, Failed."""
    target = asked.target
    scheme, _, authority = target.origin.partition("://")
    path = f"/use/{'http/' if scheme == 'http' else ''}{authority}{target.path}"
    url = httpx.URL(raw_path=(path + (f"?{target.query}" if target.query else "")).encode("ascii"))
    chosen = {"X-Agentos-Skill": asked.skill, "X-Agentos-Credential": asked.credential}
    chosen["X-Agentos-Addresses"] = "as-given"  # as in this process
    own = headers_for(settings, named) | {name: value for name, value in chosen.items() if value}
    headers = [*asked.headers, *own.items(), ("X-Request-Id", asked.request_id)]
    async with server_client(settings) as client:
        if client is None:
            yield None
            return
        client.headers.clear()
        timeout = httpx.Timeout(asked.timeout, connect=PATIENCE)
        request = client.build_request(asked.method, url, headers=headers, content=asked.body, timeout=timeout)
        try:
            response, told = await client.send(request, stream=True), False
            while _is_pending(response):
                if not told:
                    say(WAITS, err=True)
                told = True
                await response.aclose()
                response = await client.send(request, stream=True)
            if "content-security-policy" not in response.headers:  # every answer of a service has it, and no other
                raise CallFailed(error_of(await response.aread()))
            shown = [(name, value) for name, value in response.headers.multi_items() if name not in _OF_THE_SERVER]
            yield Answer(response.status_code, shown, _pieces(response))
        except httpx.TimeoutException:
            raise Failed(f"The answer did not come within {asked.timeout:g} s.") from None
        except httpx.HTTPError:
            raise Failed("The server went away during the call. To call without it, add --local.") from None


def _is_pending(response: httpx.Response) -> bool:
    """Whether a person is yet to be asked: the server held the call as long as clients usually wait."""
    of_the_server = "content-security-policy" not in response.headers
    return of_the_server and response.status_code == DecisionPending.status and "retry-after" in response.headers


async def _pieces(response: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for piece in response.aiter_raw():
            yield piece
    except httpx.RemoteProtocolError:
        raise CallFailed({"error": "The answer broke off before its end.", "code": "upstream_truncated"}) from None


@asynccontextmanager
async def in_process(shell: Shell, settings: Settings, named: str | None, asked: Asked) -> AsyncIterator[Answer]:
    """The answer to a call that is made here. Raises CallFailed, Failed."""
    async with opened(shell, settings) as runtime:
        proxy = Proxy.of(runtime)
        asked = renamed(asked, name_here(settings, named))
        try:
            try:
                answering = await proxy.open(replace(asked, patience=0.0))
            except DecisionPending:
                say(WAITS, err=True)
                answering = await proxy.open(asked)
            async with answering as exchange:
                yield Answer(exchange.status, exchange.headers, exchange.pieces())
        except AgentOSError as error:
            body: dict[str, Json] = {**error.as_json(), "request_id": asked.request_id}
            raise CallFailed(body) from None
