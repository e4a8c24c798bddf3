"""Calls made through the server that runs on this machine."""

import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, closing, contextmanager
from typing import Any
from urllib.parse import quote, unquote

import httpx

from agentos_runtime.calls.call import Call, Event, RawReply
from agentos_runtime.calls.events import DECODERS, UpstreamEvent
from agentos_runtime.cli.calls.backend import UNKNOWN, Answer, CallFailed
from agentos_runtime.cli.terminal.identity import headers_for
from agentos_runtime.cli.terminal.shell import Failed
from agentos_runtime.config.settings import Settings
from agentos_runtime.errors import UnknownSkill, UnknownUtility
from agentos_runtime.jsontext import Json, JsonTextError, dump, parse
from agentos_runtime.server.connections.peer import Peers

PATIENCE = 1.0
"""Seconds that connecting to a server on this machine may take; a call has the time that the server gives it."""
BUSY = 10.0
"""Seconds until one that took the connection says what it is: a busy machine is no reason to go past it."""
ACCEPTED = 202
"""A person has to be asked first."""
_NO_NAMES = frozenset({"", ".", ".."})
"""In a path they mean another one."""
ANY_ADDRESS: Mapping[str, str] = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104


class ThroughServer:
    """A backend over HTTP; the headers say who calls, whatever the call's own agent."""

    def __init__(self, client: httpx.AsyncClient, settings: Settings, named: str | None) -> None:
        self._client = client
        self._most = settings.max_reply
        self._headers = headers_for(settings, named)

    async def utility(self, skill: str, name: str) -> Any:
        try:
            with self._talking():
                response = await self._send(
                    self._client.build_request("GET", _path(skill, name), headers=self._headers)
                )
                return parse(await response.aread())
        except CallFailed:
            return UNKNOWN

    async def invoke(self, call: Call) -> Answer:
        with self._talking():
            response = await self._send(self._request(call, "application/json"))
            body = await response.aread()
            told = response.headers.get("x-ignored-params")
            ignored = tuple(map(unquote, told.split(","))) if told else ()
            if "content-security-policy" in response.headers:  # every reply of bytes has it, and no other
                return Answer(None, RawReply(body, response.headers.get("content-type", "")), ignored=ignored)
            return Answer(parse(body), more=response.headers.get("x-more-rows") == "true", ignored=ignored)

    async def waiting(self, entry_id: str, seconds: float) -> Any:
        with self._talking():
            path, query = f"/api/waiting/{quote(entry_id, safe='')}", {"wait": f"{seconds:.1f}"}
            request = self._client.build_request("GET", path, params=query, headers=self._headers)
            return parse(await (await self._send(request)).aread())

    async def stream(self, call: Call) -> AsyncIterator[Event]:
        with self._talking():
            response = await self._send(self._request(call, "text/event-stream"))
            decoder, ended = DECODERS["sse"](self._most), False
            async for chunk in response.aiter_bytes():
                for sent in decoder.feed(chunk):
                    event = _event(sent)
                    ended = event.name == "done"
                    yield event
        if not ended:
            raise self._failed("ended the stream without saying how the call ended")

    def _request(self, call: Call, accept: str) -> httpx.Request:
        headers = {
            "Content-Type": "application/json",
            "Accept": accept,
            "X-Request-Id": call.request_id,
            "Prefer": "respond-async",
        }
        if call.waiting_id is not None:
            headers["Waiting-Id"] = call.waiting_id
        return self._client.build_request(
            "POST", _path(call.skill, call.utility), content=dump(call.params), headers=headers | self._headers
        )

    async def _send(self, request: httpx.Request) -> httpx.Response:
        response = await self._client.send(request, stream=True)
        if response.status_code >= 300 or response.status_code == ACCEPTED:
            raise CallFailed(_body(await response.aread()))
        return response

    @contextmanager
    def _talking(self) -> Iterator[None]:
        """Raises Failed when the server goes away or says what an agentos does not."""
        try:
            yield
        except httpx.HTTPError:
            raise self._failed("went away during the call") from None
        except JsonTextError:
            raise self._failed("did not answer as an agentos does") from None

    def _failed(self, what: str) -> Failed:
        return Failed(f"The server at {self._client.base_url} {what}. To call without it, add --local.")


@asynccontextmanager
async def through_server(settings: Settings, named: str | None = None) -> AsyncIterator[ThroughServer | None]:
    """A backend for the server at the settings' host and port; None when there is none that is ours.

    named: the agent that calls, when `--agent` says.
    """
    async with server_client(settings) as client:
        yield None if client is None else ThroughServer(client, settings, named)


@asynccontextmanager
async def server_client(settings: Settings) -> AsyncIterator[httpx.AsyncClient | None]:
    """A client of the server at the settings' host and port; None when there is none that is ours."""
    no_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # trusts nobody; reading all certificates would take 30 ms
    async with httpx.AsyncClient(
        base_url=base_url(settings), trust_env=False, verify=no_tls, timeout=httpx.Timeout(None, connect=PATIENCE)
    ) as client:
        yield client if await is_ours(client) else None


async def is_ours(client: httpx.AsyncClient) -> bool:
    """Whether an agentos of this user answers there; asked without the token, and before any param is sent.

    Raises Failed when something took the connection and says nothing: it may be a server with settings and keys of
    its own, so nothing is done without it unasked.
    """
    try:
        async with client.stream("GET", "/api/health", timeout=httpx.Timeout(BUSY, connect=PATIENCE)) as response:
            health = parse(await response.aread())
            if not isinstance(health, dict) or not {"status", "version", "skills"} <= health.keys():
                return False
            return health["status"] == "ok" and not _is_foreign(response)
    except httpx.ReadTimeout:
        raise Failed(
            f"What listens at {client.base_url} has said nothing for {BUSY:g} s, so it is not known whether it is "
            "your server. Try again; `agentos call --local` makes a call without it."
        ) from None
    except (httpx.HTTPError, JsonTextError):
        return False


def base_url(settings: Settings) -> str:
    host = ANY_ADDRESS.get(settings.host, settings.host)
    return f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"


def _is_foreign(response: httpx.Response) -> bool:
    wire = response.extensions["network_stream"].get_extra_info("socket")
    with closing(Peers()) as peers:
        return peers.is_foreign(wire.getpeername(), wire.getsockname())


def error_of(data: bytes) -> dict[str, Json]:
    """The error body of an answer, also of one in the form of another wire."""
    body = _body(data)
    wired = body.get("error")
    if not isinstance(wired, dict):
        return body
    return {"error": wired.get("message"), "code": wired.get("code") or wired.get("type")}


def _path(skill: str, utility: str) -> str:
    """Raises CallFailed for names that would be another path."""
    if skill in _NO_NAMES:
        raise CallFailed({"error": f"There is no skill {skill!r}", "code": UnknownSkill.code})
    if utility in _NO_NAMES:
        raise CallFailed({"error": f"{skill} has no utility {utility!r}", "code": UnknownUtility.code})
    return f"/api/skills/{quote(skill, safe='')}/{quote(utility, safe='')}"


def _event(sent: UpstreamEvent) -> Event:
    data = parse(sent.data)
    if sent.name == "error":
        raise CallFailed(data if isinstance(data, dict) else {})
    return Event("done" if sent.name == "done" else "delta", data)


def _body(data: bytes) -> dict[str, Json]:
    try:
        body = parse(data)
    except JsonTextError:
        body = None
    return body if isinstance(body, dict) else {"error": "The server answered with something else than JSON."}
