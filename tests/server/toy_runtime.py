"""A small runtime that does as it is told, for tests of the HTTP surface alone."""

import asyncio
import contextlib
from collections.abc import AsyncIterable, AsyncIterator, Callable, Hashable, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from agentos_runtime.calls.call import Call, Event, RawReply, Reply, Timings
from agentos_runtime.errors import (
    AgentOSError,
    InvalidParams,
    NotFound,
    UnknownSkill,
    UnknownUtility,
    UpstreamRateLimited,
)
from agentos_runtime.jq.checking import Verdict
from agentos_runtime.jsontext import Json, dump
from agentos_runtime.limits.rules import FREE
from agentos_runtime.mcp.ports import Selection
from agentos_runtime.runtime.service import Parts
from agentos_runtime.security.agents import Caller
from agentos_runtime.server.messages import error_body
from agentos_runtime.server.ports import Runtime
from agentos_runtime.skills.files import SkillFile, SkillFolder
from agentos_runtime.skills.registry import Registry
from agentos_runtime.skills.visibility import VisibleSkills


class ToyStream:
    """Yields the batches it was given, or pours them; waits for ever at None; says goodbye when interrupted."""

    warning: str | None = None
    ignored: tuple[str, ...] = ()
    simulated: str | None = None

    def __init__(self, runtime: "ToyRuntime", call: Call, batches: list[list[Event] | Exception | None]) -> None:
        self._runtime = runtime
        self._call = call
        self._batches = batches
        self._partial: list[str] = []
        self._sink: Callable[[list[Event]], bool] = lambda batch: False
        self._interrupted: asyncio.Future[AgentOSError] = asyncio.get_running_loop().create_future()

    @property
    def is_ready(self) -> bool:
        return not self._runtime.pours and isinstance((self._batches or [None])[0], list)

    def interrupt(self, error: AgentOSError) -> None:
        if not self._interrupted.done() and self._runtime.heeds_interrupts:
            self._interrupted.set_result(error)

    def pour(self, sink: Callable[[list[Event]], bool]) -> None:
        self._sink = sink

    async def __aiter__(self) -> AsyncIterator[list[Event]]:
        for batch in self._batches:
            if batch is None:
                error = await self._interrupted
                body = error_body(error, self._call.request_id)
                yield [Event("error", {**body, "partial": {"content": "".join(self._partial)}})]
                return
            if isinstance(batch, Exception):
                raise batch
            for event in batch:
                if event.name == "delta" and isinstance(event.data, dict):
                    self._partial.append(str(event.data.get("content", "")))
            if not self._is_poured(batch):
                yield batch

    def _is_poured(self, batch: list[Event]) -> bool:
        if not self._runtime.pours or batch[-1].name != "delta":
            return False
        poured = self._sink(batch)
        if not poured:
            self._runtime.log("not taken")
        return poured

    async def aclose(self) -> None:
        await self._runtime.before_closing()
        self._runtime.log("closed")


class ToyCatalog:
    rule: Hashable = None
    version: Hashable | None = None

    def __init__(self, icon: Path | None) -> None:
        self._icon = icon

    def loading(self) -> list[Json]:
        return []

    def unreadable(self) -> dict[str, str]:
        return {}

    def entries(self, q: str | None) -> list[Json]:
        return [{"id": "toy", "name": "Toy", "q": q}]

    def detail(self, skill: str) -> dict[str, Json]:
        if skill not in ("toy", "toy/x"):
            raise UnknownSkill(f"There is no skill {skill}.")
        return {"id": skill}

    def utility(self, skill: str, name: str) -> dict[str, Json]:
        self.detail(skill)
        if name != "echo":
            raise UnknownUtility(f"There is no utility {name}.")
        return {"description": "says it back"}

    def entities(self) -> list[Json]:
        return []

    def entity(self, entity_id: str) -> dict[str, Json]:
        raise NotFound(f"There is no entity {entity_id}")

    def icon(self, skill: str) -> SkillFile | None:
        self.detail(skill)
        return SkillFile(SkillFolder(self._icon.parent), self._icon) if self._icon else None


class NoChecks:
    """Nothing is loaded, so nothing is checked."""

    async def check(self, *_: object) -> list[Verdict]:
        return []


class NoShapes:
    def check(self, *_: object) -> None: ...

    def check_part(self, *_: object) -> None: ...


class ToyRuntime:
    """Utilities: echo, raw, nothing, refuse, bug, slow (till cancelled), patient (till told), and the `streams`."""

    def __init__(
        self,
        streams: Mapping[str, list[list[Event] | Exception | None]] | None = None,
        icon: Path | None = None,
        heeds_interrupts: bool = True,
        closes_slowly: bool = False,
        pours: bool = False,
    ) -> None:
        self.pours = pours
        self._catalog = ToyCatalog(icon)
        self.streams = dict(streams or {})
        self.heeds_interrupts = heeds_interrupts
        self._closes_slowly = closes_slowly
        self.calls: list[Call] = []
        self._patience = asyncio.Event()
        self.secret = "secret-in-a-bug"
        self.happened: list[str] = []
        self.on_log: Callable[[str], object] = self.happened.append

    def log(self, what: str) -> None:
        self.on_log(what)

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[Runtime]:
        yield self
        self.log("runtime closed")

    async def invoke(self, call: Call) -> Reply:
        self.calls.append(call)
        timings = Timings(1.5, 1.25, 0.125)
        if call.utility == "raw":
            return Reply(None, b"null", RawReply(b"\x00\xff", str(call.params.get("type", "audio/mpeg"))), timings)
        if call.utility == "nothing":
            return Reply(None, b"null", None, timings)
        if call.utility == "refuse":
            raise UpstreamRateLimited("Slow down.", retry_after=6.2)
        if call.utility == "bug":
            raise KeyError(self.secret)
        if call.utility == "slow":
            await self._wait_until_cancelled()
        if call.utility == "patient":
            self.log("patient")
            await self._patience.wait()
        said: Json = {"params": call.params, "agent": call.agent}
        return Reply(said, dump(said), None, timings)

    def finish_patient_calls(self) -> None:
        self._patience.set()

    async def before_closing(self) -> None:
        if self._closes_slowly:
            self.log("closing")
            await self._patience.wait()

    async def _wait_until_cancelled(self) -> None:
        self.log("waiting")
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            self.log("cancelled")
            raise

    async def stream(self, call: Call) -> ToyStream:
        self.calls.append(call)
        if call.utility == "refuse":
            raise UpstreamRateLimited("Slow down.", retry_after=6.2)
        if call.utility == "slow":
            await self._wait_until_cancelled()
        return ToyStream(self, call, self.streams[call.utility])

    async def ready(self, skill: str) -> None:
        """All of its skills are."""

    def visible(self, agent: str) -> VisibleSkills:
        """None at all."""
        return VisibleSkills(Registry((), NoChecks(), NoShapes()), FREE, agent)

    def is_bound(self, agent: str) -> bool:
        return False

    async def selection(self, source: str) -> Selection:
        raise InvalidParams("nothing is selected here")

    async def owns_param(self, skill: str, utility: str, name: str) -> bool:
        return utility == "owner"

    def is_loading(self) -> bool:
        return False

    @property
    def wants_calls(self) -> bool:
        return True

    def health(self) -> dict[str, Json]:
        return {"status": "ok", "version": "0", "skills": {"loaded": 1, "broken": 0}}

    def catalog(self, caller: Caller, *, everything: bool = False) -> ToyCatalog:
        return self._catalog

    @property
    def parts(self) -> Parts:
        raise AssertionError("no address of a service is called here")

    async def metrics(self, caller: Caller | None) -> str:
        return "toys_total 1\n"

    async def activity(self, filters: Mapping[str, str], caller: Caller, most: int = 1) -> dict[str, Json]:
        return {"rows": [dict(filters)], "next_cursor": None}

    async def activity_row(self, number: int, caller: Caller) -> dict[str, Json]:
        return {"id": number}

    async def follow(
        self, filters: Mapping[str, str], caller: Caller, resume: str | None = None
    ) -> AsyncIterable[list[tuple[str, dict[str, Json]]]]:
        raise NotImplementedError

    async def usage(self, filters: Mapping[str, str], caller: Caller) -> dict[str, Json]:
        return {"rows": [dict(filters)]}


def opener(runtime: ToyRuntime) -> Callable[[], AbstractAsyncContextManager[Runtime]]:
    return runtime.open
