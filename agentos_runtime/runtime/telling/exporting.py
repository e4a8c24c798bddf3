"""Spans of calls go to a collector of OpenTelemetry, where the operator names one; no call waits for that."""

import asyncio
import secrets
from collections import deque
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Self

from agentos_runtime.calls.call import Call
from agentos_runtime.calls.messages import UpstreamRequest
from agentos_runtime.errors import AgentOSError
from agentos_runtime.frozen import dataclass
from agentos_runtime.manifest.origins import host_of
from agentos_runtime.metrics.spans import Span, Value, spans_text
from agentos_runtime.runtime.ports import Upstream
from agentos_runtime.runtime.telling.watched import Ended

MOST_WAITING = 2048
"""Spans that wait to be sent; further ones are dropped while the collector does not take them."""
TOGETHER = 512
EVERY = 2.0
"""Seconds between two requests to the collector."""
PATIENCE = 10.0
LAST_WORDS = 3.0
"""Seconds that the last spans have when the runtime is closed."""


@dataclass(frozen=True, slots=True)
class Traces:
    """Who gets to know the traces of calls: a collector, and services by their origins."""

    exporter: "Exporter | None" = None
    told: frozenset[str] = frozenset()


class Exporter:
    """Used as `async with`; `tell` is a listener of `Telling`. endpoint: the collector's `/v1/traces`."""

    def __init__(self, upstream: Upstream, endpoint: str) -> None:
        self.trouble: str | None = None
        """Why the last spans were lost; None while they arrive."""
        self._upstream = upstream
        self._endpoint = endpoint
        self._waiting: deque[Span] = deque()
        self._news = asyncio.Event()
        self._sending: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._sending = asyncio.create_task(self._go_on())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._sending is not None
        self._sending.cancel()
        await asyncio.wait({self._sending})
        try:
            async with asyncio.timeout(LAST_WORDS):
                while self._waiting:
                    await self._send()
        except TimeoutError:
            pass

    def tell(self, ended: Ended) -> None:
        """Have the spans of a call sent."""
        parent = ended.call.parent
        if parent is not None and not parent.sampled:
            return
        for span in spans_of(ended):
            if len(self._waiting) < MOST_WAITING:
                self._waiting.append(span)
            else:
                self.trouble = "spans are dropped: they come faster than the collector takes them"
        self._news.set()

    async def _go_on(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            while self._waiting:
                await self._send()
            await asyncio.sleep(EVERY)

    async def _send(self) -> None:
        spans = [self._waiting.popleft() for _ in range(min(TOGETHER, len(self._waiting)))]
        headers = (("Content-Type", "application/json"),)
        request = UpstreamRequest("POST", self._endpoint, headers, spans_text(spans))
        try:
            answer = await self._upstream.send(request, timeout=PATIENCE, retry=None, allow_private=True)
        except AgentOSError as error:
            self.trouble = f"spans were not sent: {error.message}"
            return
        taken = 200 <= answer.status < 300
        self.trouble = None if taken else f"the collector answers with status {answer.status}"


def spans_of(ended: Ended) -> Iterator[Span]:
    """The call, and below it each request to the service. Names and figures only: no param, body or key."""
    call, closing, parent = ended.call, ended.closing, ended.call.parent
    trace_id = parent.trace_id if parent is not None else secrets.token_hex(16)
    own = secrets.token_hex(8)
    failed = closing.outcome == "error"
    yield Span(
        trace_id,
        own,
        parent.span_id if parent is not None else None,
        _name(call, ended.utility),
        "server",
        ended.began,
        ended.ended,
        failed,
        {
            "agentos.agent": call.agent,
            "agentos.skill": ended.skill,
            "agentos.utility": ended.utility,
            "agentos.request_id": call.request_id,
            "agentos.outcome": closing.outcome,
            "agentos.surface": call.surface,
            "agentos.cost": closing.cost,
            "error.type": closing.code if failed else None,
            "http.response.status_code": closing.status if call.surface != "mcp" else None,
            **(_of_a_tool(ended) if call.surface == "mcp" else {}),
        },
    )
    for each in ended.exchanges:
        last = each is ended.exchanges[-1]
        said = _of_a_model(ended) if last else {}
        model = said.get("gen_ai.response.model")
        yield Span(
            trace_id,
            each.span or secrets.token_hex(8),
            own,
            f"{said['gen_ai.operation.name']} {model}" if model else f"call {host_of(each.origin)}",
            "client",
            each.began,
            each.ended,
            failed and last,
            {"server.address": host_of(each.origin), **(_status(ended) if last else {}), **said},
        )


def _name(call: Call, utility: str) -> str:
    if call.surface == "mcp":
        return f"tools/call {call.skill}_{utility}"
    return f"use {call.skill}" if call.surface in ("use", "face") else f"POST /api/skills/{call.skill}/{utility}"


def _of_a_tool(ended: Ended) -> Mapping[str, Value | None]:
    return {
        "mcp.method.name": "tools/call",
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": f"{ended.skill}_{ended.utility}",
    }


def _status(ended: Ended) -> Mapping[str, Value | None]:
    return {"http.response.status_code": ended.closing.upstream_status}


def _of_a_model(ended: Ended) -> Mapping[str, Value | None]:
    """What the service said of a generation; nothing of what is none."""
    closing = ended.closing
    if closing.input_tokens is None and closing.output_tokens is None:
        return {}
    return {
        "gen_ai.operation.name": "chat" if closing.output_tokens is not None else "embeddings",
        "gen_ai.provider.name": closing.provider or ended.skill,
        "gen_ai.response.model": closing.model,
        "gen_ai.response.id": closing.generation_id,
        "gen_ai.usage.input_tokens": closing.input_tokens,
        "gen_ai.usage.output_tokens": closing.output_tokens,
    }
