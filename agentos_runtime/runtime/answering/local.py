"""What runs on this machine, as a part of a call: asked for, approved, run, and read like a service's answer."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from agentos_runtime.calls.call import Call, Reply, new_request_id
from agentos_runtime.calls.evaluate import Empty
from agentos_runtime.calls.messages import UpstreamResponse
from agentos_runtime.calls.requests.drafting import Draft
from agentos_runtime.calls.requests.local import local_body
from agentos_runtime.errors import InvalidParams, UnknownSkill
from agentos_runtime.executors.places import Places, places_of
from agentos_runtime.executors.running import Executors, Form
from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.model import Local, Utility
from agentos_runtime.runtime.context import CallContext
from agentos_runtime.runtime.tracing import response_stages
from agentos_runtime.security.broker import CredentialBroker
from agentos_runtime.skills.pinning import Pinning, folder_of
from agentos_runtime.skills.registry import Registry

DEEPEST = 4
"""Calls inside of calls: a function that calls a sibling that calls a sibling …"""
Invoke: TypeAlias = Callable[[Call], Awaitable[Reply]]


@dataclass(frozen=True, slots=True)
class LocalParts:
    """What programs are run with."""

    executors: Executors
    pinning: Pinning


class ThisMachine:
    """Runs what was approved. Made once for a runtime."""

    def __init__(self, registry: Registry, broker: CredentialBroker, parts: LocalParts, invoke: Invoke) -> None:
        self._registry = registry
        self._broker = broker
        self._executors = parts.executors
        self._pinning = parts.pinning
        self._invoke = invoke

    async def send(self, ctx: CallContext, body: Mapping[str, Json], timeout: float) -> UpstreamResponse:
        """Run it within `timeout` seconds. Raises ApprovalRequired, NotAvailable, and as `Executors.run` does."""
        utility = ctx.plan.utility
        local = _local(utility)
        places = self._allowed(ctx, body)
        timer = ctx.record.timer
        started = timer.clock()
        ctx.record.made = ctx.record.made or utility.effect != "read"
        try:
            response, errors = await self._executors.run(
                local,
                body,
                places,
                what=f"{ctx.plan.skill.id}/{ctx.call.utility}",
                seconds=timeout,
                form=_form(utility),
                nested=ctx.call.depth > 0,
                sibling=lambda name, params: self._sibling(ctx, name, params),
            )
        finally:
            timer.upstream += timer.clock() - started
        if errors:
            ctx.trace_stages([("stderr", errors[-2000:])])
        ctx.trace_stages(response_stages(response.status, response.headers, response.body))
        return response

    def check(self, ctx: CallContext, body: Mapping[str, Json]) -> None:
        """Raise ApprovalRequired, NotAvailable where `send` would."""
        self._allowed(ctx, body)

    def _allowed(self, ctx: CallContext, body: Mapping[str, Json]) -> Places:
        """Where everything is that is asked for, if all of it was approved."""
        skill, utility = ctx.plan.skill, ctx.plan.utility
        entry = self._registry.find(skill.id)
        if entry is None:
            raise UnknownSkill(f"There is no skill {skill.id!r}", details={"skill": skill.id})
        folder = folder_of(skill)
        places = places_of(_local(utility), body, folder, self._pinning.environ)
        files = self._pinning.files(skill, entry.folder)
        needed = self._pinning.of_call(skill, utility, body, places, ctx.settings)
        self._broker.authorize_local(skill, utility, needed, files if _has_files(utility) else None)
        return places

    async def _sibling(self, ctx: CallContext, name: str, params: dict[str, Json]) -> Json:
        """Call another callable of the skill as the same agent: through its limits, and with a row of its own."""
        call = ctx.call
        if call.depth >= DEEPEST:
            raise InvalidParams(f"{call.skill}/{name} was not called: {DEEPEST} calls are inside of each other")
        nested = Call(call.skill, name, params, call.agent, new_request_id(), depth=call.depth + 1)
        reply = await self._invoke(nested)
        if reply.raw is not None:
            return reply.raw.body.decode("utf-8", "replace")
        value: Json = reply.value
        ctx.record.counted_elsewhere |= reply.cost is not None or (isinstance(value, dict) and "usage" in value)
        return value


def asked_of(ctx: CallContext, draft: Draft) -> dict[str, Json]:
    """What a draft asks of this machine. Raises InvalidParams, NotAvailable."""
    utility = ctx.plan.utility
    if _local(utility).executor == "steps":
        return {"steps": [step.id for step in _local(utility).steps]}
    drafted = None if isinstance(draft.body, Empty) else draft.body
    return local_body(_local(utility), drafted, ctx.params, ctx.settings, ctx.services.platform)


def _local(utility: Utility) -> Local:
    assert utility.local is not None
    return utility.local


def _form(utility: Utility) -> Form:
    """What a program's output is taken for: a text where that is promised and nothing is made of it."""
    response = utility.rest.response
    if response.raw:
        return "raw"
    made = response.root is not None or response.transform is not None or response.mapping
    return "text" if not made and (utility.returns or {}).get("type") == "string" else "json"


def _has_files(utility: Utility) -> bool:
    return _local(utility).executor in ("command", "python")
