"""The demo's tour: a runtime and a simulated OpenRouter on free ports, and the calls that are made through them."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import httpx

from agentos_runtime.bootstrap import open_runtime
from agentos_runtime.calls.events import DECODERS
from agentos_runtime.calls.messages import UpstreamRequest
from agentos_runtime.config.settings import Settings
from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json, dump, parse
from agentos_runtime.resources import skills_folder
from agentos_runtime.runtime import Runtime
from agentos_runtime.security.credentials.secret import MASK
from agentos_runtime.server.connections.peer import Peers
from agentos_runtime.server.garbage import Collector
from agentos_runtime.server.limits import DEFAULT_LIMITS
from agentos_runtime.server.server import Server, listen, serve
from agentos_runtime.server.simulated import SimulatedService
from agentos_runtime.skills.registry import Registry
from agentos_runtime.testing.compare import Difference, differences, missing_parts
from agentos_runtime.testing.fake_credentials import stand_in
from agentos_runtime.testing.matching import read_body
from agentos_runtime.testing.model import Case, SimulatedAnswer
from agentos_runtime.testing.simulate import Pause
from agentos_runtime.testing.simulation import case_schema
from agentos_runtime.testing.store import CaseStore

SKILL = "openrouter"
ORIGIN = "https://openrouter.ai"
AGENT = "tourist"
SHOWN_HEADERS = ("authorization", "content-type", "x-openrouter-title")
CONNECTIONS = 64
LARGEST_EVENT = 1 << 20
LOOKING_AGAIN = 0.1


@dataclass(frozen=True, slots=True)
class Step:
    """One call of the tour; its params are those of a case."""

    title: str
    words: str
    case: str


STEPS: Sequence[Step] = (
    Step(
        "A question",
        "One shape for every model. The agent sends no key: the runtime puts it on, and only for openrouter.ai.",
        "plain",
    ),
    Step(
        "A tool call",
        "The model wants a tool called. Its input arrives as an object; OpenRouter sent a string of JSON.",
        "tools-1-call",
    ),
    Step(
        "The tool's result",
        "The agent appends the reply as it came and the result as it is, and asks again.",
        "tools-2-result",
    ),
    Step(
        "A stream",
        "The same call with stream: true. Deltas come as they arrive; done holds what the plain call returns.",
        "stream",
    ),
    Step(
        "An error",
        "OpenRouter answers 200 and says no more than 'Provider returned error'. "
        "The agent gets the true status, the provider's reason and when to try again.",
        "rate-limit",
    ),
)


@dataclass(slots=True)
class Taken:
    """A step that was taken: what was asked, what went upstream, what came back."""

    step: Step
    url: str
    params: Mapping[str, Json]
    sent: Mapping[str, Json] = field(default_factory=dict)
    answered: Mapping[str, Json] = field(default_factory=dict)
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Json = None
    events: list[tuple[str, Json]] = field(default_factory=list)
    wrong: tuple[Difference, ...] = ()
    """Where the answer is not what the case promises: nowhere, unless something is broken."""

    def as_json(self) -> dict[str, Json]:
        reply: dict[str, Json] = {"status": self.status, "headers": dict(self.headers)}
        events: list[Json] = [{"event": name, "data": data} for name, data in self.events]
        return {
            "title": self.step.title,
            "words": self.step.words,
            "asked": {"method": "POST", "url": self.url, "body": dict(self.params)},
            "upstream": {"request": dict(self.sent), "response": dict(self.answered)},
            "reply": reply | ({"events": events} if events else {"body": self.body}),
        }


class Watcher:
    """Is told of a step while it happens."""

    def asked(self, number: int, taken: Taken) -> None:
        """The call is about to be made."""

    def went(self, taken: Taken) -> None:
        """It went upstream, and the answer begins."""

    def event(self, name: str, data: Json) -> None:
        """One event of a stream."""

    def came(self, taken: Taken) -> None:
        """It is over."""


class Tour:
    """Makes the calls, one after the other, over HTTP."""

    def __init__(self, client: httpx.AsyncClient, service: SimulatedService, cases: Mapping[str, Case]) -> None:
        self._client = client
        self._service = service
        self._cases = cases

    @property
    def runtime_url(self) -> str:
        return str(self._client.base_url).rstrip("/")

    async def take(self, number: int, step: Step, watcher: Watcher) -> Taken:
        """One step. Raises httpx.HTTPError when the runtime does not answer."""
        case = self._cases[step.case]
        params: dict[str, Json] = {**case.params, **({"stream": True} if case.streams else {})}
        taken = Taken(step, f"{self.runtime_url}/api/skills/{SKILL}/chat", params)
        watcher.asked(number, taken)
        headers = {"Content-Type": "application/json", "X-Agent": AGENT}
        request = self._client.build_request("POST", taken.url, content=dump(params), headers=headers)
        response = await self._client.send(request, stream=True)
        try:
            self._note_upstream(taken)
            taken.status = response.status_code
            shown = ("content-type", "retry-after", "server-timing")
            taken.headers = {name: response.headers[name] for name in shown if name in response.headers}
            watcher.went(taken)
            await (_read_events(response, taken, watcher) if case.streams else _read_whole(response, taken))
        finally:
            await response.aclose()
        taken.wrong = tuple(_check(case, taken))
        watcher.came(taken)
        return taken

    async def activity(self) -> list[Any]:
        """The rows of the ledger, the oldest first."""
        rows: list[Any] = (await self._client.get("/api/activity")).json()["rows"]
        return rows[::-1]

    def _note_upstream(self, taken: Taken) -> None:
        taken.sent = _masked(self._service.arrived[-1])
        taken.answered = _as_json(self._service.answered[-1])


@asynccontextmanager
async def tour(pause: Pause) -> AsyncIterator[Tour]:
    """Both servers on free ports, with a home that is gone afterwards."""
    service = SimulatedService(ORIGIN, pause)
    with (
        TemporaryDirectory(prefix="agentos-demo-") as folder,
        closing(Peers()) as peers,
        closing(listen("127.0.0.1", 0)) as listener,
    ):
        elsewhere = f"http://127.0.0.1:{listener.getsockname()[1]}"
        settings = Settings(
            home=Path(folder) / "home",
            port=0,
            skills=(skills_folder(),),
            only_skills=True,
            rewrite={ORIGIN: elsewhere},
        )
        async with (
            Server(service, listener, peers, DEFAULT_LIMITS, CONNECTIONS, Collector(lambda: False)).running(),
            _serving(settings, service) as (url, store),
            httpx.AsyncClient(base_url=url, trust_env=False, timeout=30) as client,
        ):
            yield Tour(client, service, {case.name: case for case in store.cases() if case.skill == SKILL})


@asynccontextmanager
async def _serving(settings: Settings, service: SimulatedService) -> AsyncIterator[tuple[str, CaseStore]]:
    """The runtime's own server; its url, and the cases of what it serves."""
    stop, ready = asyncio.Event(), asyncio.get_running_loop().create_future()
    stores: list[CaseStore] = []

    @asynccontextmanager
    async def opened() -> AsyncIterator[Runtime]:
        async with open_runtime(settings, {"OPENROUTER_API_KEY": stand_in("key")}, watch=False) as runtime:
            await _loaded(runtime.registry)
            service.chooser = store = CaseStore(runtime.registry, case_schema())
            stores.append(store)
            yield runtime

    serving = asyncio.create_task(serve(opened, settings, ready=ready.set_result, notice=len, stop=stop))
    await asyncio.wait({serving, ready}, return_when=asyncio.FIRST_COMPLETED)
    try:
        if ready.done():
            with _cut_short_by(stop):
                yield ready.result(), stores[0]
    finally:
        stop.set()
        await serving


async def _loaded(registry: Registry) -> None:
    """Wait for the skill: on a machine that is busy a file is first known to be slow."""
    while registry.find(SKILL) is None:
        await asyncio.sleep(LOOKING_AGAIN)
        await registry.refresh()


@contextmanager
def _cut_short_by(stop: asyncio.Event) -> Iterator[None]:
    """The server hears Ctrl-C and stops; the tour then ends with it. Raises click.Abort."""
    task = asyncio.current_task()
    assert task is not None
    waiting = asyncio.create_task(stop.wait())
    waiting.add_done_callback(lambda done: None if done.cancelled() else task.cancel())
    try:
        yield
    except asyncio.CancelledError:
        raise click.Abort from None
    finally:
        waiting.cancel()


async def _read_whole(response: httpx.Response, taken: Taken) -> None:
    taken.body = parse(await response.aread())


async def _read_events(response: httpx.Response, taken: Taken, watcher: Watcher) -> None:
    decoder = DECODERS["sse"](LARGEST_EVENT)
    async for chunk in response.aiter_bytes():
        for sent in decoder.feed(chunk):
            data = parse(sent.data)
            taken.events.append((sent.name, data))
            watcher.event(sent.name, data)


def _check(case: Case, taken: Taken) -> list[Difference]:
    body = taken.events[-1][1] if taken.events else taken.body
    if case.error is None:
        return list(differences(case.reply, body, "reply"))
    found = {**body, "status": taken.status} if isinstance(body, dict) else {}
    return list(missing_parts(case.error, found, "error"))


def _masked(request: UpstreamRequest) -> dict[str, Json]:
    headers: dict[str, Json] = {
        name: text.replace(stand_in("key"), MASK) for name, text in request.headers if name in SHOWN_HEADERS
    }
    return {"method": request.method, "url": request.url, "headers": headers, "body": read_body(request.body)}


def _as_json(answer: SimulatedAnswer) -> dict[str, Json]:
    body: Json = read_body(answer.body)
    if answer.events is not None:
        body = [event.decode().strip() for event in answer.events]
    return {"status": answer.status, "body": body}
