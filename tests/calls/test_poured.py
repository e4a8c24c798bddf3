"""What a stream gives is the same however its bytes arrive, and whoever takes its deltas as they do."""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import pairwise
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentos_runtime.calls.call import Call, Event
from agentos_runtime.calls.messages import UpstreamResponse
from agentos_runtime.calls.plan import plan_call
from agentos_runtime.errors import UpstreamTruncated
from agentos_runtime.jq.pool import WorkerPool
from agentos_runtime.runtime.answering.streaming import EventStream, Sink
from agentos_runtime.runtime.answering.upstream_events import TOGETHER, UpstreamSource
from agentos_runtime.runtime.authorized import AuthorizedRequest
from agentos_runtime.runtime.clocks import Clocks
from agentos_runtime.runtime.context import CallContext, CallInputs, Services
from agentos_runtime.runtime.record import Record, Timer
from agentos_runtime.runtime.results import Results
from agentos_runtime.runtime.transport import Transport
from agentos_runtime.security.broker import CredentialBroker
from agentos_runtime.security.credentials.redactor import Redactor
from agentos_runtime.security.credentials.secret import Secret
from agentos_runtime.storage.activity.ledger import Ledger
from tests.chat.support import load
from tests.end_to_end.chat import ASK, HELLO, USAGE, chunk, sse
from tests.sizes import examples

KEY = "sk-or-canary-0123456789abcdef"
STOP = chunk("", "stop", usage=USAGE)
ODD = chunk("x", logprobs={"content": [{"token": "x", "logprob": -0.0}]})
ROOM = 40_000


def call_piece(text: str, **more: Any) -> dict[str, Any]:
    return chunk(None, tool_calls=[{"index": 0, "function": {"arguments": text}, **more}])


def odd(body: bytes) -> bytes:
    """With a whole negative zero: compiled programs leave events with one to a worker."""
    assert b": -0.0" in body
    return body.replace(b": -0.0", b": -0")


BODIES = {
    "hello": sse(*HELLO),
    "a key in pieces": sse(*map(chunk, (KEY[:9], KEY[9:20], KEY[20:] + " was", " it")), STOP),
    "the beginning of a key at the end": sse(chunk("it is " + KEY[:12]), STOP),
    "a call": sse(call_piece('{"a"', id="c", name="f"), call_piece(": 1}"), STOP),
    "half characters": b"".join(
        b"data: %b\n\n" % json.dumps(part).encode() for part in [chunk("a\ud83d"), chunk("\ude00b"), STOP]
    )
    + b"data: [DONE]\n\n",
    "numbers for a worker": odd(sse(ODD, *HELLO)),
    "numbers for a worker before the end": odd(sse(*HELLO[:2], ODD, STOP)),
    "numbers for a worker before an error": odd(sse(HELLO[0], ODD, {"error": {"code": 502, "message": "broke"}})),
    "comments and other line ends": b": hi\r\n\r\n" + sse(*HELLO).replace(b"\n", b"\r\n") + b": bye\r\n\r\n",
    "more than are read together": sse(*[chunk(f"{number} ") for number in range(3 * TOGETHER)], STOP),
    "an error in the middle": sse(HELLO[0], {"error": {"code": 502, "message": "broke"}}, HELLO[1]),
    "an error of that name": sse(HELLO[0], done=False) + b'event: error\ndata: {"message": "broke"}\n\n',
    "no JSON": sse(HELLO[0], done=False) + b"data: {oops\n\n" + sse(HELLO[1]),
    "no end": sse(*HELLO[:2], done=False),
    "nothing but an end": sse(),
}


class Arriving:
    """An answer whose pieces arrive one after the other; at the end it is cut, or not."""

    status = 200
    simulated = None

    def __init__(self, pieces: list[bytes], cut: bool) -> None:
        self.headers = {"content-type": "text/event-stream"}
        self._pieces = pieces
        self._cut = cut

    def _left(self) -> Iterator[bytes]:
        while self._pieces:
            yield self._pieces.pop(0)
        if self._cut:
            raise UpstreamTruncated("cut")

    def arrived(self) -> bytes:
        return self._pieces.pop(0) if self._pieces else b""

    async def listen(self, take: Callable[[bytes], bool]) -> None:
        for piece in self._left():
            if not take(piece):
                return

    async def chunks(self) -> AsyncIterator[bytes]:
        for piece in self._left():
            yield piece

    def hurry(self, seconds: float) -> None:
        """It never waits."""

    async def whole(self, timeout: float) -> UpstreamResponse:
        raise AssertionError

    def abort(self) -> None:
        self._pieces.clear()

    async def drain(self) -> None:
        """Nothing is left."""


class Gathering:
    """A sink that takes what it is given, but for every second time, third, or whichever."""

    def __init__(self, refuses_every: int) -> None:
        self.told: list[Event] = []
        self._refuses_every = refuses_every
        self.batches = 0
        self._asked = 0

    def __call__(self, events: list[Event]) -> bool:
        self._asked += 1
        if self._refuses_every and self._asked % self._refuses_every == 0:
            return False
        self.told += events
        self.batches += 1
        return True


async def told(
    pool: WorkerPool, body: bytes, edges: list[int], sink: Gathering | None, cut: bool, of: str = "openrouter"
) -> list[Event]:
    """Every event that a caller sees; of: which skill's chat it is."""
    skill = load(of).skill
    assert skill is not None
    plan = plan_call(skill, skill.utilities["chat"], skill.settings)
    call = Call(of, "chat", ASK | ({"api": "completions"} if of == "openai" else {}))
    results = Results(call)
    results.learn(Redactor([Secret(KEY)]))
    record = Record(cast(Ledger, None), call, Timer(time.monotonic), results)
    services = Services(pool, cast(CredentialBroker, None), cast(Transport, None), Clocks(), max_reply=ROOM)
    ctx = CallContext(call, plan, CallInputs.of(plan, call.params), services, record, streaming=True)
    upstream = Arriving([body[a:b] for a, b in pairwise([0, *sorted(edges), len(body)]) if a < b], cut)
    assert plan.stream is not None
    source = UpstreamSource(ctx, plan.stream, upstream, cast(AuthorizedRequest, None))
    events = sink.told if sink else []
    async with EventStream(source, record) as stream:
        if sink is not None:
            stream.pour(cast(Sink, sink))
        async for batch in stream:
            events += batch
    return events


def plain(events: list[Event]) -> list[tuple[str, Any]]:
    return [
        (event.name, {**event.data, "request_id": ""} if event.name == "error" else event.data) for event in events
    ]


@pytest.fixture(scope="module")
def run() -> Iterator[Callable[..., list[tuple[str, Any]]]]:
    with asyncio.Runner() as runner:
        pool = WorkerPool(size=1, mode="auto")
        runner.run(pool.__aenter__())

        def run_one(*args: Any) -> list[tuple[str, Any]]:
            return plain(runner.run(told(pool, *args)))

        run_one(BODIES["hello"], [], None, False)
        yield run_one
        runner.run(pool.__aexit__(None, None, None))


@pytest.mark.parametrize("cut", [False, True], ids=["ended", "cut"])
@pytest.mark.parametrize("name", BODIES)
def test_a_stream_is_the_same_however_it_arrives_and_whoever_takes_it(
    run: Callable[..., list[tuple[str, Any]]], name: str, cut: bool
) -> None:
    body = BODIES[name]
    whole = run(body, [], None, cut)
    assert KEY not in json.dumps(whole)
    assert [kind for kind, _ in whole].index(whole[-1][0]) == len(whole) - 1

    @settings(max_examples=examples(12), deadline=None)
    @given(
        edges=st.sampled_from([ends_of_events(body), ends_of_events(body)[:1]])
        | st.lists(st.integers(0, len(body)), max_size=6),
        refuses_every=st.integers(0, 3),
    )
    def arrives(edges: list[int], refuses_every: int) -> None:
        assert run(body, edges, Gathering(refuses_every), cut) == whole
        assert run(body, edges, None, cut) == whole

    arrives()


@pytest.mark.parametrize("refuses_every", range(3))
def test_deltas_that_are_taken_have_the_bound_of_all_others(
    run: Callable[..., list[tuple[str, Any]]], refuses_every: int
) -> None:
    body = sse(*[chunk("x" * (ROOM // 8)) for _ in range(12)], STOP)
    kind, error = run(body, ends_of_events(body), Gathering(refuses_every), False)[-1]
    assert (kind, error["code"]) == ("error", "upstream_invalid")
    assert len(error["partial"]["content"]) <= ROOM


def test_deltas_are_taken_as_they_arrive(run: Callable[..., list[tuple[str, Any]]]) -> None:
    body = sse(*[chunk(f"{number} ") for number in range(20)], STOP)
    taking = Gathering(0)
    given = run(body, ends_of_events(body), taking, False)
    assert taking.batches == 20, "what came behind the first delta was iterated"
    assert [kind for kind, _ in given] == ["delta"] * 21 + ["done"]


def ends_of_events(body: bytes) -> list[int]:
    """Where one ends in it."""
    return [found.end() for found in re.finditer(rb"\r?\n\r?\n", body)]
