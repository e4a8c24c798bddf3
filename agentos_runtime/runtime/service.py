"""Runtime.invoke and Runtime.stream."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from agentos_runtime import __version__
from agentos_runtime.activity.ledger import Ledger
from agentos_runtime.calls.call import Call, Reply
from agentos_runtime.calls.files import take_files
from agentos_runtime.calls.plan import CallPlan
from agentos_runtime.catalog import Catalog
from agentos_runtime.errors import AgentOSError, NotStreamable, UnsupportedPlatform
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.params import check_params
from agentos_runtime.runtime.breaking import BreakingUpstream
from agentos_runtime.runtime.clocks import Clocks
from agentos_runtime.runtime.exchange import Exchange
from agentos_runtime.runtime.jobs import follow_job
from agentos_runtime.runtime.pages import PagesSource, open_pages, read_pages
from agentos_runtime.runtime.ports import Upstream, Workers
from agentos_runtime.runtime.preview import Preview
from agentos_runtime.runtime.record import Record, Watch
from agentos_runtime.runtime.safeguards import Safeguards
from agentos_runtime.runtime.session import Session
from agentos_runtime.runtime.streaming import EventStream, UpstreamSource, WholeSource, is_stream
from agentos_runtime.runtime.tracing import Trace, response_stages
from agentos_runtime.skills import Registry
from agentos_runtime.vault import Vault


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
        clocks: Clocks | None = None,
    ) -> None:
        self.registry = registry
        self.ledger = ledger
        self.catalog = Catalog(registry, vault)
        self._vault = vault
        self._workers = workers
        self._upstream = BreakingUpstream(upstream, safeguards.breakers)
        self._safeguards = safeguards
        self._platform = platform
        self._max_reply = max_reply
        self._clocks = clocks or Clocks()

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
        if streaming and not plan.utility.streams:
            raise NotStreamable(
                f"{call.skill}/{call.utility} does not stream; call it without stream",
                details={"skill": call.skill, "utility": call.utility},
            )
        params = check_params(plan.utility, call.params)
        owned = {name: params.pop(name) for name in plan.utility.owned & params.keys()}
        params, uploads = take_files(plan.utility, params)
        if record:
            record.said.append(params)
        watch = record.watch if record else Watch(self._clocks.monotonic)
        session = Session(plan, params, self._workers, self._vault, watch, streaming, trace=trace)
        session.idempotency_key, session.owned, session.uploads = call.idempotency_key, owned, uploads
        session.tell([("params", {**params, **owned})])
        if record:
            record.clean = session.clean_text
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
            reply = await self._answer(self._exchange(session, record))
        except AgentOSError as error:
            raise session.clean_error(error) from None
        warning = record.passage.warning
        return replace(reply, warning=warning) if warning else reply

    def _exchange(self, session: Session, record: Record) -> Exchange:
        return Exchange(session, record, self._upstream, self._clocks)

    async def _answer(self, exchange: Exchange) -> Reply:
        plan = exchange.session.plan
        if plan.pages is not None:
            return await read_pages(exchange, self._max_reply)
        if plan.poll is not None:
            return await follow_job(exchange)
        request = await exchange.session.request()
        return await exchange.reply(await exchange.send(request, plan.utility.rest.timeout))

    async def _open(self, session: Session, record: Record) -> EventStream:
        plan, exchange = session.plan.stream, self._exchange(session, record)
        if plan is None:
            reader = await open_pages(exchange, self._max_reply)
            return await EventStream(PagesSource(exchange, reader), record).begin()
        request = await session.request()
        rest, clock = session.plan.utility.rest, session.watch.clock
        started = clock()
        idle = plan.stream.idle_timeout
        upstream = await self._upstream.open(
            request, timeout=idle, idle_timeout=idle, retry=rest.retry, allow_private=session.allow_private
        )
        session.watch.upstream += clock() - started
        record.upstream_status = upstream.status
        session.tell(response_stages(upstream.status, upstream.headers))
        if is_stream(plan, upstream):
            source = UpstreamSource(
                plan,
                session,
                record,
                upstream,
                plain=exchange.value_of,
                wall=self._clocks.wall,
                max_reply=self._max_reply,
            )
            return await EventStream(source, record).begin()
        reply = await exchange.reply(await upstream.whole(rest.timeout))
        return await EventStream(WholeSource(reply.value), record).begin()
