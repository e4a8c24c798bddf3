"""Runtime.invoke and Runtime.stream."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from agentos_runtime.calls.call import Call, Reply
from agentos_runtime.calls.requests.given import known_params
from agentos_runtime.errors import AgentOSError, NotAllowed, NotFound, NotStreamable, Unauthorized
from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json
from agentos_runtime.limits.idempotency.replays import Keyed
from agentos_runtime.limits.rules import FREE
from agentos_runtime.manifest.model import Auth
from agentos_runtime.metrics.measured import Measured
from agentos_runtime.runtime.answering.answers import answer_of
from agentos_runtime.runtime.answering.held import HeldSource
from agentos_runtime.runtime.answering.local import LocalParts, ThisMachine
from agentos_runtime.runtime.answering.streaming import FIRST_EVENT, EventStream, Source
from agentos_runtime.runtime.asking import Asking
from agentos_runtime.runtime.authorizing import check_again, preview_of
from agentos_runtime.runtime.clocks import Clocks
from agentos_runtime.runtime.context import CallContext, CallInputs, Services
from agentos_runtime.runtime.home.parts import Home
from agentos_runtime.runtime.judging import judge
from agentos_runtime.runtime.operating.following import Following
from agentos_runtime.runtime.plans import check_runs_on
from agentos_runtime.runtime.ports import Ledger, Upstream, Workers
from agentos_runtime.runtime.preview import Preview
from agentos_runtime.runtime.recall import Recalls
from agentos_runtime.runtime.record import Record, Timer, check_given
from agentos_runtime.runtime.results import Results
from agentos_runtime.runtime.safeguards import Safeguards
from agentos_runtime.runtime.selecting import Selection, checked_selection
from agentos_runtime.runtime.telling.exporting import Traces
from agentos_runtime.runtime.telling.figures import Figures
from agentos_runtime.runtime.telling.watched import Telling
from agentos_runtime.runtime.tracing import Trace
from agentos_runtime.runtime.transport import Transport
from agentos_runtime.security.agents import ANONYMOUS, Caller
from agentos_runtime.security.broker import CredentialBroker
from agentos_runtime.security.login.renewing import Renewals
from agentos_runtime.skills.catalog import Catalog
from agentos_runtime.skills.entries import broken_error
from agentos_runtime.skills.registry import Registry
from agentos_runtime.skills.visibility import VisibleSkills, callable_name
from agentos_runtime.storage.activity.queries import LARGEST_LIMIT
from agentos_runtime.storage.activity.sight import EVERYTHING, Sight
from agentos_runtime.storage.private_files import PrivateFileError
from agentos_runtime.version import __version__
from agentos_runtime.waiting.desk import Desk
from agentos_runtime.waiting.notifying import Notifier


@dataclass(frozen=True, slots=True)
class Parts:
    """What the one pipeline of calls is made of, for calls that are none of a utility: see `proxy/`."""

    registry: Registry
    ledger: Ledger
    safeguards: Safeguards
    services: Services
    telling: Telling
    asking: Asking
    check_stopped: Callable[[str], None]
    """Raises when the operator stopped an agent."""


class Runtime:
    """Calls utilities, plain and streamed. Made by `open_runtime`.

    platform: `linux` or `macos`, what a skill's `platforms` is compared with.
    """

    def __init__(
        self,
        *,
        registry: Registry,
        workers: Workers,
        broker: CredentialBroker,
        upstream: Upstream,
        ledger: Ledger,
        home: Home,
        safeguards: Safeguards,
        desk: Desk,
        notifier: Notifier | None = None,
        platform: str,
        max_reply: int,
        clocks: Clocks | None = None,
        renewals: Renewals | None = None,
        machine: LocalParts | None = None,
        traces: Traces = Traces(),
        unready: Callable[[], bool] | None = None,
    ) -> None:
        self.registry = registry
        self.ledger = ledger
        self.home = home
        self._unready = unready
        self.limits = safeguards.limits
        self._agents = home.agents
        self._broker = broker
        self._safeguards = safeguards
        self._notifier = notifier
        self.telling = Telling(Measured(), registry, safeguards.limits, home.agents)  # hears how calls go
        self._exporter = traces.exporter
        if traces.exporter is not None:
            self.telling.listeners.append(traces.exporter.tell)
        measured = self.telling.measured
        self._figures = Figures(measured, registry, broker, safeguards, home.agents, ledger, workers)
        clocks, transport = clocks or Clocks(), Transport(upstream, safeguards.circuit_breakers, traces.told)
        local = ThisMachine(registry, broker, machine, self.invoke) if machine else None
        recalls = self._recalls = Recalls(lambda: (broker.stamps(), home.agents.stamp()), clocks.sleep)
        self._services = Services(
            workers, broker, transport, clocks, max_reply, renewals, local, recalls, self._check_stopped, platform
        )
        self.asking = Asking(desk, safeguards.limits, registry, self._check_stopped, self.is_bound)

    @property
    def parts(self) -> Parts:
        """What calls are made with."""
        return Parts(
            self.registry,
            self.ledger,
            self._safeguards,
            self._services,
            self.telling,
            self.asking,
            self._check_stopped,
        )

    async def aclose(self) -> None:
        """No call begins any more, and streams that nobody closed are closed."""
        await self._recalls.close()

    @property
    def wants_calls(self) -> bool:
        """False when a balancer should send calls elsewhere: the database has been away for long."""
        return self._unready is None or not self._unready()

    def is_loading(self) -> bool:
        """Whether skills are being read or checked."""
        return self.registry.is_loading

    def health(self) -> dict[str, Json]:
        """The body of `GET /api/health`."""
        health: dict[str, Json] = {
            "status": "ok",
            "version": __version__,
            "skills": Catalog(VisibleSkills(self.registry), self._broker).health(),
            "skills_digest": self.registry.digest(),
        }
        if self.registry.troubles:
            health["watcher"] = [*self.registry.troubles]
        if self.ledger.degraded:
            health["ledger"] = self.ledger.degraded
        if problem := self._safeguards.limits.problem:
            health["limits"] = problem
        if self._notifier is not None and self._notifier.troubles:
            health["notify"] = [*self._notifier.troubles]
        if self._exporter is not None and self._exporter.trouble:
            health["telemetry"] = self._exporter.trouble
        return health

    async def ready(self, skill: str) -> None:
        """Wait for a while when the skill is being loaded, so that who asks for it at the start finds it."""
        await self.registry.ready(skill)

    async def owns_param(self, skill: str, utility: str, name: str) -> bool:
        """Whether the utility declares a param of this name itself; False for unknown ones."""
        await self.registry.ready(skill)
        entry = self.registry.find(skill)
        found = entry.skill.utilities.get(callable_name(entry.skill, utility)) if entry and entry.skill else None
        properties = found.params.get("properties") if found else None
        return isinstance(properties, dict) and name in properties

    def catalog(self, caller: Caller | str, *, everything: bool = False) -> Catalog:
        """The skills as the caller sees them: what its name may call, or everything, which is for the operator.

        caller: also an agent's name alone.
        """
        caller = Caller(caller) if isinstance(caller, str) else caller
        if everything and caller.operator:
            return Catalog(VisibleSkills(self.registry, FREE, caller.agent), self._broker)
        return Catalog(self.visible(caller.agent), self._broker)

    def visible(self, agent: str) -> VisibleSkills:
        """The skills themselves, cut to what the agent may call."""
        return VisibleSkills(self.registry, self._safeguards.limits.rule_of(agent), agent)

    def is_bound(self, agent: str) -> bool:
        """Whether the name is bound to a token. Raises Unauthorized when that cannot be known."""
        try:
            return self._agents.is_bound(agent)
        except PrivateFileError as error:
            raise Unauthorized(f"Whether {agent} is bound to a token cannot be checked: {error}") from None

    async def selection(self, source: str) -> Selection:
        """A caller's own jq for a reply, checked. Raises InvalidParams, Overloaded."""
        return await checked_selection(self._services.workers, source)

    async def credentials_of(self, skill: str, agent: str) -> Sequence[Auth]:
        """What the skill's calls carry. Raises UnknownSkill, SkillBroken, NotAllowed, Overloaded."""
        await self.registry.ready(skill)
        entry = self.visible(agent).entry(skill)
        if entry.skill is None:
            raise broken_error(entry)
        return tuple(entry.skill.auth.values())

    async def metrics(self, caller: Caller | None) -> str:
        """The body of `GET /metrics`; caller: None where everybody may read it.

        Raises NotAllowed for who may not see what all agents do, Unauthorized.
        """
        if caller is not None and self._sight(caller) != EVERYTHING:
            raise NotAllowed(
                "Figures of all agents are for the operator, since agents are bound to tokens here: send "
                "AGENTOS_OPERATOR_TOKEN as Authorization: Bearer …, or set open under [metrics] in config.toml."
            )
        return await self._figures.written()

    async def activity(
        self, filters: Mapping[str, str], caller: Caller, most: int = LARGEST_LIMIT
    ) -> dict[str, Json]:
        """The body of `GET /api/activity`, of rows that the caller may see. Raises InvalidParams, Unauthorized."""
        return await self.ledger.reader.rows(filters, self._sight(caller), most)

    async def usage(self, filters: Mapping[str, str], caller: Caller) -> dict[str, Json]:
        """The body of `GET /api/usage`, of rows that the caller may see. Raises InvalidParams, Unauthorized."""
        return await self.ledger.reader.usage(filters, self._sight(caller))

    async def activity_row(self, number: int, caller: Caller) -> dict[str, Json]:
        """One row. Raises NotFound when there is none that the caller may see, Unauthorized."""
        row = await self.ledger.reader.row(number, self._sight(caller))
        if row is None:
            raise NotFound(f"There is no row {number}, or not any more.")
        return row

    async def follow(self, filters: Mapping[str, str], caller: Caller, resume: str | None = None) -> Following:
        """Rows that the caller may see, as they begin, change and end. Raises InvalidParams, Unauthorized."""
        return await Following(self.ledger, self._sight(caller), filters, resume).ready()

    def _sight(self, caller: Caller) -> Sight:
        """The operator sees all rows, a bound agent its own, everybody else those of names that are not bound."""
        if caller.operator:
            return EVERYTHING
        if caller.bound:
            return Sight(only=caller.agent)
        try:
            return Sight(without=tuple(each.name for each in self._agents.list()))
        except PrivateFileError as error:
            raise Unauthorized(f"Whose rows may be shown cannot be checked: {error}") from None

    async def invoke(self, call: Call, *, trace: Trace | None = None) -> Reply:
        """One plain call, its stages told to `trace`. Raises AgentOSError; its row is closed whatever happens."""
        entry = self.registry.find(call.skill)
        if entry is None:
            await self.registry.ready(call.skill)
        if entry is None or entry.skill is None or call.utility not in entry.skill.utilities:
            call = self._named(call)
        record = self._record(call)
        await record.open()
        try:
            ctx = self._context(call, record, streaming=False, trace=trace)
            if ctx.plan.params is not None:
                await judge(ctx)
            if call.idempotency_key is None:
                reply = await self._reply(ctx)
            else:
                keyed = Keyed(partial(self._reply, ctx), ctx.timings, ctx.is_repeatable, record.may_have_happened)
                reply = await self._safeguards.replays.once(call, keyed)
        except BaseException as error:
            await record.close(error)
            raise
        if not record.goes_on_outside:
            await record.close()
        if record.cost is None and not record.ignored and record.simulated is None:
            return reply
        return reply.told(record.ignored, record.simulated, record.cost)

    async def stream(self, call: Call, *, trace: Trace | None = None) -> EventStream:
        """One streamed call, its first events already there (waited for 10 s at most).

        Raises AgentOSError for everything that fails before; afterwards the stream itself ends with one terminal
        event. The caller closes it, also when it leaves early.
        """
        await self.registry.ready(call.skill)
        call = self._named(call)
        record = self._record(call)
        await record.open()
        record.note_stream()
        try:
            ctx = self._context(call, record, streaming=True, trace=trace)
            await judge(ctx)
            try:
                return await (self._hold(ctx) if self._may_be_held(ctx) else self._begin(ctx))
            except AgentOSError as error:
                raise ctx.results.error(error) from None
        except BaseException as error:
            await record.close(error)
            raise

    async def preview(self, call: Call, *, streaming: bool = False) -> Preview:
        """The request as it would be sent, without secrets; nothing is sent or recorded. Raises AgentOSError."""
        await self.registry.ready(call.skill)
        call = self._named(call)
        ctx = self._context(call, self._record(call), streaming=streaming)
        await judge(ctx)
        return await preview_of(ctx)

    def _named(self, call: Call) -> Call:
        """The call under the name that the file gives its callable, for limits, the ledger and idempotency keys."""
        entry = self.registry.find(call.skill)
        name = callable_name(entry.skill, call.utility) if entry and entry.skill else call.utility
        return call if name == call.utility else replace(call, utility=name)

    def _record(self, call: Call) -> Record:
        """The call's row, not yet opened. Raises InvalidAgent, InvalidParams, RuntimeError when it is closed."""
        self._recalls.check_open()
        check_given(call)
        timer, results = Timer(self._services.clocks.monotonic), Results(call)
        return Record(self.ledger, call, timer, results, watched=self.telling.watch(call))

    def _context(self, call: Call, record: Record, *, streaming: bool, trace: Trace | None = None) -> CallContext:
        """The call with its plan and its validated inputs; `judge` is yet to be asked. Raises AgentOSError."""
        self._check_stopped(call.agent)
        plan = self._services.plans.plan(self.visible(call.agent).utility(call.skill, call.utility))
        check_runs_on(plan, self._services.platform)
        if streaming and not plan.utility.streams:
            raise NotStreamable(
                f"{call.skill}/{call.utility} does not stream; call it without stream",
                details={"skill": call.skill, "utility": call.utility},
            )
        given, record.ignored = known_params(plan.utility, call.params)
        inputs = CallInputs.of(plan, given, call.text)
        record.metering_sources.append({"model": inputs.params.get("model")})
        record.reads = plan.utility.effect == "read"
        ctx = CallContext(call, plan, inputs, self._services, record, streaming, trace)
        if trace is not None:
            ctx.trace_stages([("params", {**inputs.params, **inputs.runtime_params})])
        return ctx

    def _check_stopped(self, agent: str) -> None:
        """Raises NotAllowed when the operator stopped the agent, Unauthorized when that cannot be known."""
        try:
            since = self._agents.stopped_at(agent)
        except PrivateFileError as error:
            if agent == ANONYMOUS:  # who proves nothing anyway needs no file
                return
            raise Unauthorized(f"Whether {agent} is stopped cannot be checked: {error}") from None
        if since is not None:
            raise NotAllowed(
                f'The agent "{agent}" was stopped ({since}), so nothing is called. '
                "Ask the person who runs this server; they let it go on with: agentos agents resume"
            )

    async def _reply(self, ctx: CallContext) -> Reply:
        try:
            permit = await self.asking.admit(ctx, self._safeguards)
            reply = await answer_of(ctx.plan, streaming=False).reply(ctx)
        except AgentOSError as error:
            raise ctx.results.error(error) from None
        return replace(reply, warning=permit.warning) if permit.warning else reply

    async def _begin(self, ctx: CallContext) -> EventStream:
        """A stream with its first events."""
        permit = await self.asking.admit(ctx, self._safeguards)
        stream = self._watched(ctx, await answer_of(ctx.plan, streaming=True).open(ctx))
        await stream.begin()
        permit.can_stop(stream.interrupt)
        return stream

    def _may_be_held(self, ctx: CallContext) -> bool:
        """Whether a stream may begin while a person is yet to be asked."""
        return ctx.call.patience != 0 and self.asking.concerns(ctx)

    async def _hold(self, ctx: CallContext) -> EventStream:
        """A stream that begins within the caller's patience, and hears as a stream what a person says."""
        held = replace(ctx, call=replace(ctx.call, patience=None))

        async def begin() -> Source:
            permit = await self.asking.admit(held, self._safeguards)
            permit.can_stop(stream.interrupt)
            return await answer_of(held.plan, streaming=True).open(held)

        stream = self._watched(held, HeldSource(begin, held.results))
        patience = ctx.call.patience
        return await stream.begin(FIRST_EVENT if patience is None else min(patience, FIRST_EVENT))

    def _watched(self, ctx: CallContext, source: Source) -> EventStream:
        """A stream that ends when its approval is taken back, or its agent is stopped."""
        stream, again = EventStream(source, ctx.record), partial(self._check_again, ctx, source)
        stream.when_closed(self._recalls.watch(again, stream.interrupt, stream.aclose))
        return stream

    def _check_again(self, ctx: CallContext, source: Source) -> None:
        if source.authorized is None:
            self._check_stopped(ctx.call.agent)
        else:
            check_again(ctx, source.authorized)
