"""An upstream that answers from cases: no network, no key, no money."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Protocol
from urllib.parse import quote

from agentos_runtime.calls.messages import NEAREST, UpstreamRequest, UpstreamResponse
from agentos_runtime.errors import UpstreamUnreachable
from agentos_runtime.manifest.model import Retry
from agentos_runtime.testing.matching import differing, is_exact, read_body, see
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

    def __init__(
        self,
        chooser: Chooser,
        *,
        pause: Pause = no_pause,
        tokens: SimulatedTokens | None = None,
        strict: bool = False,
    ) -> None:
        self._chooser = chooser
        self._strict = strict
        self._pause = pause
        self._tokens = tokens

    async def send(
        self, request: UpstreamRequest, *, timeout: float, retry: Retry | None, allow_private: bool
    ) -> UpstreamResponse:
        """The whole answer of the case. Raises UpstreamUnreachable when there is none."""
        case, said = self._choose(request, streaming=False)
        response = whole_answer(case.answer, said)
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
        case, said = self._choose(request, streaming=True)
        if case.streams and not asks_for_events(request):
            with suppress(UpstreamUnreachable):
                case, said = self._choose(request, streaming=False)
        return SimulatedStream(case.answer, self._pause, said)

    def _choose(self, request: UpstreamRequest, *, streaming: bool) -> tuple[Case, str]:
        """The case that answers, and what callers are told of it. Raises UpstreamUnreachable."""
        case = self._chooser.choose(request, streaming=streaming)
        if is_exact(case, seen := see(request)):
            return case, f"{quote(case.name)}; match=exact"
        if self._strict:
            differs = ", ".join(differing(case, seen))
            raise UpstreamUnreachable(
                "This is a strict simulation, and no case is about the very request "
                f"{seen.method} {seen.address.origin}{seen.address.path}. The nearest is "
                f"{case.skill}/{case.utility.name} {case.name}, which differs in {differs}."
            )
        return case, f"{quote(case.name)}; {NEAREST}"


def asks_for_events(request: UpstreamRequest) -> bool:
    """Whether a request says that it wants a stream; one that an agent makes itself may want the whole answer."""
    body = read_body(request.body)
    if isinstance(body, dict) and isinstance(body.get("stream"), bool):
        return body["stream"] is True
    accepts = any(name.lower() == "accept" and "event-stream" in text for name, text in request.headers)
    return accepts or "stream" in request.url.lower() or "alt=sse" in request.url


class SimulatedStream:
    """`runtime.ports.OpenUpstream` over one answer."""

    def __init__(self, answer: SimulatedAnswer, pause: Pause, simulated: str) -> None:
        self.simulated: str | None = simulated
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

    def arrived(self) -> bytes:
        return b""

    async def listen(self, take: Callable[[bytes], bool]) -> None:
        """Everything is to be read."""

    def hurry(self, seconds: float) -> None:
        """All of it is here."""

    async def whole(self, timeout: float) -> UpstreamResponse:
        return whole_answer(self._answer, self.simulated)

    def abort(self) -> None:
        self._closed = True

    async def drain(self) -> None:
        """Nothing is left on a line."""


def whole_answer(answer: SimulatedAnswer, simulated: str | None = None) -> UpstreamResponse:
    """The answer in one piece."""
    return UpstreamResponse(answer.status, answer.headers, b"".join(pieces(answer)), simulated)


def pieces(answer: SimulatedAnswer) -> list[bytes]:
    """A stream's bytes cut between and within events, as networks do; a plain answer is one piece."""
    if answer.events is None:
        return [answer.body] if answer.body else []
    cut = [(event[: len(event) // 2], event[len(event) // 2 :]) for event in answer.events]
    return [piece for halves in cut for piece in halves if piece]
