"""Runtime.invoke and Runtime.stream."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

from agentos_runtime import __version__
from agentos_runtime.activity.ledger import Ledger
from agentos_runtime.calls.call import Call, RawReply, Reply
from agentos_runtime.calls.messages import UpstreamRequest, UpstreamResponse
from agentos_runtime.calls.plan import CallPlan
from agentos_runtime.calls.reply import error_input, failed_response, is_failed, read_body, read_reply, reply_input
from agentos_runtime.catalog import Catalog
from agentos_runtime.errors import AgentOSError, NotStreamable, UnsupportedPlatform
from agentos_runtime.jsontext import Json, dump
from agentos_runtime.manifest.params import check_params
from agentos_runtime.origins import origin_of
from agentos_runtime.runtime.ports import Upstream, Workers
from agentos_runtime.runtime.preview import Preview
from agentos_runtime.runtime.record import Record, Watch
from agentos_runtime.runtime.safeguards import Safeguards
from agentos_runtime.runtime.session import Session
from agentos_runtime.runtime.streaming import EventStream, UpstreamSource, WholeSource, is_stream
from agentos_runtime.runtime.tracing import Trace, reply_stages, response_stages
from agentos_runtime.skills import Registry
from agentos_runtime.vault import Vault


@dataclass(frozen=True, slots=True)
class Clocks:
    """Seams for time: epoch seconds, and seconds that only go forward."""

    wall: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic


class Runtime:
    """Calls utilities, plain and streamed. Made by `bootstrap.open_runtime`.

    platform: `linux` or `macos`, what a skill's `platforms` is compared with.
    """

    def __init__(
        self,
        *,
        registry: Registry,
        workers: Workers,
        vault: Vault,
        upstream: Upstream,
        ledger: Ledger,
        safeguards: Safeguards,
        platform: str,
        max_reply: int,
        clocks: Clocks = Clocks(),
    ) -> None:
        self.registry = registry
        self.ledger = ledger
        self.catalog = Catalog(registry, vault)
        self._vault = vault
        self._workers = workers
        self._upstream = upstream
        self._safeguards = safeguards
        self._platform = platform
        self._max_reply = max_reply
        self._clocks = clocks

    def health(self) -> dict[str, Json]:
        """The body of `GET /api/health`."""
        health: dict[str, Json] = {
            "status": "ok",
            "version": __version__,
            "skills": self.catalog.health(),
        }
        if self.ledger.degraded:
            health["ledger"] = self.ledger.degraded
        if problem := self._safeguards.limits.problem:
            health["limits"] = problem
        return health

    def owns_param(self, skill: str, utility: str, name: str) -> bool:
        """Whether the utility declares a param of this name itself; False for unknown ones."""
        try:
            plan = self.registry.plan(skill, utility)
        except AgentOSError:
            return False
        properties = plan.utility.params.get("properties")
        return isinstance(properties, dict) and name in properties

    async def activity(self, filters: Mapping[str, str]) -> dict[str, Json]:
        """The body of `GET /api/activity`. Raises InvalidParams."""
        return await self.ledger.rows(filters)

    async def usage(self, filters: Mapping[str, str]) -> dict[str, Json]:
        """The body of `GET /api/usage`. Raises InvalidParams."""
        return await self.ledger.usage(filters)

    async def invoke(self, call: Call, *, trace: Trace | None = None) -> Reply:
        """One plain call, its stages told to `trace`. Raises AgentOSError; its row is closed whatever happens."""
        async with Record(self.ledger, call, Watch(self._clocks.monotonic)) as record:
            session = self._session(call, record, streaming=False, trace=trace)
            make = partial(self._call, session, record)
            return await self._safeguards.replays.once(call, record.watch.timings, make)

    async def stream(self, call: Call, *, trace: Trace | None = None) -> EventStream:
        """One streamed call, its first events already there (waited for 10 s at most).

        Raises AgentOSError for everything that fails before; afterwards the stream itself ends with one terminal
        event. The caller closes it, also when it leaves early.
        """
        record = Record(self.ledger, call, Watch(self._clocks.monotonic))
        await record.__aenter__()
        try:
            session = self._session(call, record, streaming=True, trace=trace)
            try:
                record.passage = await self._safeguards.admit(call.agent, session.plan)
                stream = await self._open(session, record)
                record.passage.can_stop(stream.interrupt)
                return stream
            except AgentOSError as error:
                raise session.clean_error(error) from None
        except BaseException as error:
            await record.close(error)
            raise

    async def preview(self, call: Call, *, streaming: bool = False) -> Preview:
        """The request as it would be sent, without secrets; nothing is sent or recorded. Raises AgentOSError."""
        return await self._session(call, None, streaming=streaming).preview()

    def _session(
        self, call: Call, record: Record | None, *, streaming: bool, trace: Trace | None = None
    ) -> Session:
        plan = self.registry.plan(call.skill, call.utility)
        self._safeguards.limits.check_allowed(call.agent, plan.skill.id, plan.utility.name)
        self._check_platform(plan)
        if streaming and plan.stream is None:
            raise NotStreamable(
                f"{call.skill}/{call.utility} does not stream; call it without stream",
                details={"skill": call.skill, "utility": call.utility},
            )
        params = check_params(plan.utility, call.params)
        if record:
            record.said.append(params)
        watch = record.watch if record else Watch(self._clocks.monotonic)
        session = Session(plan, params, self._workers, self._vault, watch, streaming, trace=trace)
        session.tell([("params", params)])
        return session

    def _check_platform(self, plan: CallPlan) -> None:
        platforms = plan.skill.platforms
        if platforms and self._platform not in platforms:
            raise UnsupportedPlatform(
                f"The skill {plan.skill.id} runs on {', '.join(platforms)} only, and this is {self._platform}"
            )

    async def _call(self, session: Session, record: Record) -> Reply:
        try:
            record.passage = await self._safeguards.admit(record.call.agent, session.plan)
            request = await session.request()
            response = await self._send(session, request, record)
            reply = await self._reply(session, response, record)
        except AgentOSError as error:
            raise session.clean_error(error) from None
        warning = record.passage.warning
        return replace(reply, warning=warning) if warning else reply

    async def _send(self, session: Session, request: UpstreamRequest, record: Record) -> UpstreamResponse:
        started = self._clocks.monotonic()
        rest = session.plan.utility.rest
        try:
            with self._safeguards.breakers.attempt(origin_of(request.url) or "") as attempt:
                response = await self._upstream.send(
                    request, timeout=rest.timeout, retry=rest.retry, allow_private=session.allow_private
                )
                attempt.status = response.status
        finally:
            record.watch.upstream += self._clocks.monotonic() - started
        record.upstream_status = response.status
        session.tell(response_stages(response.status, response.headers, response.body))
        return response

    async def _open(self, session: Session, record: Record) -> EventStream:
        plan = session.plan.stream
        assert plan is not None
        request = await session.request()
        rest, clock = session.plan.utility.rest, session.watch.clock
        started = clock()
        idle = plan.stream.idle_timeout
        with self._safeguards.breakers.attempt(origin_of(request.url) or "") as attempt:
            upstream = await self._upstream.open(
                request, timeout=idle, idle_timeout=idle, retry=rest.retry, allow_private=session.allow_private
            )
            attempt.status = upstream.status
        session.watch.upstream += clock() - started
        record.upstream_status = upstream.status
        session.tell(response_stages(upstream.status, upstream.headers))
        if is_stream(plan, upstream):
            wall = self._clocks.wall
            source = UpstreamSource(plan, session, record, upstream, wall=wall, max_reply=self._max_reply)
            return await EventStream(source, record).begin()
        reply = await self._reply(session, await upstream.whole(rest.timeout), record)
        return await EventStream(WholeSource(reply.value), record).begin()

    async def _reply(self, session: Session, response: UpstreamResponse, record: Record) -> Reply:
        plan = session.plan.reply
        now = self._clocks.wall()
        if is_failed(response):
            text = error_input(plan, response, session.settings)
            said = await session.run(plan.error_program, text) if plan.error_program and text else None
            raise failed_response(plan, response, said, now)
        if plan.response.raw:
            return Reply(None, b"null", raw_reply(session, response, now), record.watch.timings())
        body = read_body(plan, response, now)
        record.said.append(body.whole)
        outcome = None
        if plan.program is not None:
            outcome = await session.run(plan.program, reply_input(plan, body, session.params, session.settings))
        session.tell(reply_stages(plan, body, outcome))
        value = read_reply(plan, body, outcome, now)
        record.said.append(value)
        text = dump(value)
        if session.redactor.found_in(text):
            value = session.redactor.clean(value)
            text = dump(value)
        return Reply(value, text, None, record.watch.timings())


def raw_reply(session: Session, response: UpstreamResponse, now: float) -> RawReply:
    """Bytes handed on. Raises the upstream's error when a JSON body holds one instead of the bytes."""
    content_type = response.headers.get("content-type", "application/octet-stream")
    if content_type.split(";")[0].strip().lower() == "application/json":
        read_body(session.plan.reply, response, now)
    return RawReply(session.redactor.clean_bytes(response.body), content_type)
