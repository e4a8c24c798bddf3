"""Calls of addresses: by the pipeline that calls of utilities go through, without its expressions."""

from collections.abc import AsyncIterator, Hashable
from dataclasses import field, replace
from functools import partial
from typing import Protocol, Self

from agentos_runtime.calls.call import Call, Surface
from agentos_runtime.calls.evaluate import EMPTY
from agentos_runtime.calls.messages import Upload
from agentos_runtime.calls.plan import CallPlan, plan_call
from agentos_runtime.calls.requests.drafting import Draft
from agentos_runtime.calls.trace_context import TraceParent
from agentos_runtime.diagnostics import Place, Position
from agentos_runtime.errors import AgentOSError
from agentos_runtime.frozen import dataclass
from agentos_runtime.limits.rules import Rule
from agentos_runtime.manifest.model import Effect, Literal, Rest, Retry, Skill, Utility
from agentos_runtime.manifest.places import placements
from agentos_runtime.manifest.shapes import Shape
from agentos_runtime.proxy.asking import matter_of
from agentos_runtime.proxy.exchange import Bounds, Exchange, is_stream
from agentos_runtime.proxy.finding import UTILITY, Found, Known, Origins, asking, carried, settle
from agentos_runtime.proxy.headers import Passing, headers_up
from agentos_runtime.proxy.targets import SHORT, Target
from agentos_runtime.runtime.asking import AddressMatter
from agentos_runtime.runtime.authorized import AuthorizedRequest
from agentos_runtime.runtime.authorizing import authorize, check_again, preview_draft
from agentos_runtime.runtime.context import CallContext, CallInputs
from agentos_runtime.runtime.preview import Preview
from agentos_runtime.runtime.record import Record, Timer
from agentos_runtime.runtime.results import Results
from agentos_runtime.runtime.safeguards import Permit
from agentos_runtime.runtime.service import Parts, Runtime
from agentos_runtime.skills.visibility import VisibleSkills

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
WHOLE = 600.0
"""Seconds for one call."""
IDLE = 120.0
"""Seconds without a byte, once an answer has begun."""
MOST_PLANS = 4096
_ONCE = Retry(attempts=1)
"""Whoever calls an address knows what may be repeated."""


class Arriving(Protocol):
    """A body that is yet to be read: by one of these, once."""

    @property
    def length(self) -> int | None: ...

    def pieces(self) -> AsyncIterator[bytes]: ...

    async def whole(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Asked:
    """One request of an agent's own."""

    method: str
    """One of METHODS."""
    target: Target
    agent: str
    request_id: str
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: bytes | None = field(default=None, repr=False)
    skill: str | None = None
    """Whose key is meant, where several skills name the host."""
    credential: str | None = None
    """None = that of the utility which is called so, else the usual one."""
    timeout: float = WHOLE
    surface: Surface = "use"
    parent: TraceParent | None = None
    """The trace that it belongs to, as its caller says in `traceparent`."""
    patience: float | None = None
    """Seconds for which it is held while a person is asked; None = until that is over."""
    waiting_id: str | None = None
    """What the same call was told to wait for."""
    arriving: Arriving | None = field(default=None, repr=False)
    """A body that is sent while it arrives, in place of `body`."""


def renamed(asked: Asked, agent: str) -> Asked:
    """The same request of another agent."""
    return replace(asked, agent=agent)


@dataclass(frozen=True, slots=True)
class _Decision:
    """What an agent's calls of one address are, under one rule."""

    known: Known
    rule: Rule
    plan: CallPlan
    asks: tuple[str, Effect] | None


@dataclass(frozen=True, slots=True)
class Previewed:
    """A request that would be sent: whose it is, which key it carries, and where."""

    skill: str
    credential: str | None
    places: tuple[str, ...]
    preview: Preview


class Proxy:
    """Makes such calls, with the limits, keys, approvals, breakers and ledger of the runtime."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._origins = Origins(parts.registry)
        self._plans: dict[Hashable, tuple[Skill, CallPlan]] = {}
        self._decisions: dict[Hashable, _Decision] = {}

    @classmethod
    def of(cls, runtime: Runtime) -> Self:
        return cls(runtime.parts)

    async def open(self, asked: Asked) -> Exchange:
        """The answer, once its head is there.

        Raises AgentOSError for everything that fails before. The caller closes the exchange, also when it leaves
        early; its row is closed whatever happens.
        """
        skills = self._visible(asked.agent)
        known, origin = await self._origins.find(asked.target, skills, asked.skill)
        call = Call(
            known.skill.id,
            UTILITY,
            {},
            asked.agent,
            asked.request_id,
            patience=asked.patience,
            waiting_id=asked.waiting_id,
            surface=asked.surface,
            parent=asked.parent,
        )
        record = self._record(call)
        await record.open()
        try:
            try:
                ctx, asks = self._context(asked, known, origin, call, record, skills)
                return await self._opened(asked, ctx, known.passing, asks)
            except AgentOSError as error:
                raise record.results.error(error) from None
        except BaseException as error:
            await record.close(error)
            raise

    async def preview(self, asked: Asked) -> Previewed:
        """The request as it would be sent, without secrets; nothing is sent or recorded. Raises AgentOSError."""
        skills = self._visible(asked.agent)
        known, origin = await self._origins.find(asked.target, skills, asked.skill)
        call = Call(known.skill.id, UTILITY, {}, asked.agent, asked.request_id)
        ctx, _ = self._context(asked, known, origin, call, self._record(call), skills)
        credential = ctx.plan.utility.credential
        auth = known.skill.auth.get(credential) if credential else None
        places = placements(auth, ctx.plan.utility.rest) if auth else frozenset[str]()
        shown = preview_draft(ctx, _draft(asked, ctx.plan, known.passing))
        return Previewed(known.skill.id, credential, tuple(sorted(places)), shown)

    def _record(self, call: Call) -> Record:
        """The call's row, not yet opened."""
        parts, timer = self._parts, Timer(self._parts.services.clocks.monotonic)
        return Record(parts.ledger, call, timer, Results(call), watched=parts.telling.watch(call))

    def _visible(self, agent: str) -> VisibleSkills:
        return VisibleSkills(self._parts.registry, self._parts.safeguards.limits.rule_of(agent), agent)

    def _context(
        self, asked: Asked, known: Known, origin: str, call: Call, record: Record, skills: VisibleSkills
    ) -> tuple[CallContext, tuple[str, Effect] | None]:
        """The call with its plan, and by which name a person is asked about it.

        Raises NotAllowed, ApprovalRequired, InvalidParams, NotSupported.
        """
        self._parts.check_stopped(asked.agent)
        decision = self._decide(asked, known, origin, skills)
        ctx = CallContext(call, decision.plan, CallInputs({}), self._parts.services, record)
        return ctx, decision.asks

    def _decide(self, asked: Asked, known: Known, origin: str, skills: VisibleSkills) -> "_Decision":
        """What holds for all requests of the same address, as long as neither the skill nor the rule is another."""
        target = asked.target
        key = (origin, asked.method, target.origin, target.path, asked.credential, skills.agent)
        kept = None if target.overrides else self._decisions.get(key)
        if kept is not None and kept.known is known and kept.rule is skills.rule:
            return kept
        addresses = settle(known, asked.method, target, skills)
        found = carried(known, origin, asked.method, target, addresses, asked.credential)
        decision = _Decision(known, skills.rule, self._plan(found), asking(known, target, addresses, skills))
        if not target.overrides and len(target.path) <= SHORT:
            if len(self._decisions) >= MOST_PLANS:
                self._decisions.clear()
            self._decisions[key] = decision
        return decision

    def _plan(self, found: Found) -> CallPlan:
        """The plan of a skill's `use`; as of any utility, made once."""
        skill = found.known.skill
        key = (skill.id, found.credential, found.asks)
        kept = self._plans.get(key)
        if kept is None or kept[0] is not skill:
            if len(self._plans) >= MOST_PLANS:
                self._plans.clear()
            kept = self._plans[key] = skill, plan_call(skill, _utility(found), found.known.settings)
        return kept[1]

    async def _opened(
        self, asked: Asked, ctx: CallContext, passing: Passing, asks: tuple[str, Effect] | None
    ) -> Exchange:
        matter = None
        if asks is not None and asked.arriving is not None:  # a person is asked about all of it
            asked = replace(asked, body=await asked.arriving.whole(), arriving=None)
        draft = _draft(asked, ctx.plan, passing)
        if asks is not None:
            matter = matter_of(ctx.plan.skill, *asks, draft)
        permit = await self._admit(ctx, matter)
        clock = ctx.record.timer.clock
        ends = clock() + asked.timeout
        authorized = await authorize(ctx, draft)
        upstream = await ctx.services.transport.open(
            authorized,
            ctx.record,
            ctx.trace_stages,
            retry=_ONCE,
            idle=min(IDLE, asked.timeout),
            timeout=asked.timeout,
        )
        bounds = Bounds(ctx.services.max_reply, ends, asked.timeout)
        if is_stream(upstream):
            ctx.record.note_stream()
        exchange = Exchange(ctx, upstream, asked.body, bounds)
        permit.can_stop(exchange.interrupt)
        recalls = ctx.services.recalls
        if recalls is not None and exchange.lasts:  # what is over in a moment ends before anybody could look again
            again = partial(self._check_again, ctx, authorized)
            exchange.when_closed(recalls.watch(again, exchange.interrupt, exchange.aclose))
        return exchange

    async def _admit(self, ctx: CallContext, matter: AddressMatter | None) -> Permit:
        """As calls of utilities; those that nobody is asked about take the short way."""
        parts = self._parts
        if matter is not None:
            return await parts.asking.admit(ctx, parts.safeguards, matter)
        permit = await parts.safeguards.admit(ctx.call.agent, ctx.plan, ctx.record.row)
        ctx.record.permit = permit
        return permit

    def _check_again(self, ctx: CallContext, authorized: AuthorizedRequest) -> None:
        self._parts.check_stopped(ctx.call.agent)
        check_again(ctx, authorized)


def _draft(asked: Asked, plan: CallPlan, passing: Passing) -> Draft:
    """The request as it was asked for, without what the key replaces."""
    return Draft(
        plan=plan.request,
        method=asked.method,
        url=asked.target.url(passing.query),
        headers=headers_up(asked.headers, passing.headers),
        query=(),
        body=EMPTY,
        encoding="binary",
        raw=asked.body,
        upload=Upload(asked.arriving.pieces(), asked.arriving.length) if asked.arriving else None,
    )


def _utility(found: Found) -> Utility:
    skill = found.known.skill
    place = Place(UTILITY, Position(str(skill.file), 1, 1))
    return Utility(
        name=UTILITY,
        description="Addresses of the service, as agents call them.",
        params={},
        shape=Shape({}),
        defaults={},
        returns=None,
        reply_shape=None,
        void=False,
        rest=Rest("POST", Literal(f"{found.asks[0].replace('*.', '')}/"), place, timeout=WHOLE),
        credential=found.credential,
        web_url=None,
        place=place,
        effect="write",
        asks=found.asks,
    )
