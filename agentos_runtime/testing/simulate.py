"""An upstream that answers from cases: no network, no key, no money."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Protocol

from agentos_runtime.calls.messages import UpstreamRequest, UpstreamResponse
from agentos_runtime.manifest.model import Retry
from agentos_runtime.testing.model import Case, SimulatedAnswer
from agentos_runtime.testing.tokens import SimulatedTokens

Pause = Callable[[], Awaitable[object]]


async def no_pause() -> None:
    """Let others run, and go on at once."""
    await asyncio.sleep(0)


async def short_pause() -> None:
    """Long enough for a person to see the text arrive."""
    await asyncio.sleep(0.04)


class Chooser(Protocol):
    """Says which case answers a request."""

    def choose(self, request: UpstreamRequest, *, streaming: bool) -> Case:
        """Raises UpstreamUnreachable when no case does."""
        ...


class SimulatedUpstream:
    """`runtime.ports.Upstream` over cases; `pause` is waited for between the pieces of a stream."""

    def __init__(self, chooser: Chooser, *, pause: Pause = no_pause, tokens: SimulatedTokens | None = None) -> None:
        self._chooser = chooser
        self._pause = pause
        self._tokens = tokens

    async def send(
        self, request: UpstreamRequest, *, timeout: float, retry: Retry | None, allow_private: bool
    ) -> UpstreamResponse:
        """The whole answer of the case. Raises UpstreamUnreachable when there is none."""
        response = whole_answer(self._chooser.choose(request, streaming=False).answer)
        return self._tokens.hidden(request, response) if self._tokens else response

    async def open(
        self,
        request: UpstreamRequest,
        *,
        timeout: float,
        idle_timeout: float,
        retry: Retry | None,
        allow_private: bool,
    ) -> "SimulatedStream":
        """The answer of the case as a stream. Raises UpstreamUnreachable when there is none."""
        return SimulatedStream(self._chooser.choose(request, streaming=True).answer, self._pause)


class SimulatedStream:
    """`runtime.ports.OpenUpstream` over one answer."""

    def __init__(self, answer: SimulatedAnswer, pause: Pause) -> None:
        self._answer = answer
        self._pause = pause
        self._closed = False

    @property
    def status(self) -> int:
        return self._answer.status

    @property
    def headers(self) -> Mapping[str, str]:
        return self._answer.headers

    async def chunks(self) -> AsyncIterator[bytes]:
        for piece in pieces(self._answer):
            if self._closed:
                return
            yield piece
            await self._pause()

    async def whole(self, timeout: float) -> UpstreamResponse:
        return whole_answer(self._answer)

    def abort(self) -> None:
        self._closed = True

    async def drain(self) -> None:
        """Nothing is left on a line."""


def whole_answer(answer: SimulatedAnswer) -> UpstreamResponse:
    """The answer in one piece."""
    return UpstreamResponse(answer.status, answer.headers, b"".join(pieces(answer)))


def pieces(answer: SimulatedAnswer) -> list[bytes]:
    """A stream's bytes cut between and within events, as networks do; a plain answer is one piece."""
    if answer.events is None:
        return [answer.body] if answer.body else []
    cut = [(event[: len(event) // 2], event[len(event) // 2 :]) for event in answer.events]
    return [piece for halves in cut for piece in halves if piece]
