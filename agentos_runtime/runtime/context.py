"""One call under way: everything that belongs to it, known before the first step that can leave the process."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from types import MappingProxyType
from typing import Protocol

from agentos_runtime.calls.call import Call, Timings
from agentos_runtime.calls.messages import SAFE_METHODS, UpstreamResponse
from agentos_runtime.calls.plan import CallPlan
from agentos_runtime.calls.requests.files import NO_UPLOADS, Uploads, take_files
from agentos_runtime.calls.requests.given import check_params
from agentos_runtime.calls.requests.planning import RequestPlan
from agentos_runtime.errors import InvalidParams, ParamProblem
from agentos_runtime.frozen import dataclass
from agentos_runtime.jq.inputs import ProgramInput, Spelling
from agentos_runtime.jq.outcome import LARGEST_INPUT, Outcome
from agentos_runtime.jq.program import Program
from agentos_runtime.jsontext import Json, dump, parse
from agentos_runtime.runtime.clocks import Clocks
from agentos_runtime.runtime.plans import Plans
from agentos_runtime.runtime.ports import Workers
from agentos_runtime.runtime.recall import Recalls
from agentos_runtime.runtime.record import Record
from agentos_runtime.runtime.results import Results
from agentos_runtime.runtime.tracing import Trace
from agentos_runtime.runtime.transport import Transport
from agentos_runtime.security.broker import CredentialBroker
from agentos_runtime.security.login.renewing import Renewals


class Machine(Protocol):
    """What runs programs of this machine: `runtime.answering.local.ThisMachine`."""

    async def send(self, ctx: "CallContext", body: Mapping[str, Json], timeout: float) -> UpstreamResponse:
        """Run what is asked, within `timeout` seconds, if it was approved. Raises AgentOSError."""
        ...

    def check(self, ctx: "CallContext", body: Mapping[str, Json]) -> None:
        """Raise ApprovalRequired, NotAvailable where `send` would."""
        ...


@dataclass(frozen=True, slots=True)
class Services:
    """What calls of one runtime share. max_reply: bytes that a reply may have."""

    workers: Workers
    broker: CredentialBroker
    transport: Transport
    clocks: Clocks
    max_reply: int
    renewals: Renewals | None = None
    """None where credentials do not end: in simulations."""
    machine: Machine | None = None
    """None where cases answer for programs, too."""
    recalls: Recalls | None = None
    """Ends what is open when its approval is taken back; None where nothing stays open."""
    check_stopped: Callable[[str], None] = lambda agent: None
    """Raises when the operator stopped an agent."""
    platform: str = "linux"
    plans: Plans = field(default_factory=Plans)


_NOTHING: Mapping[str, Json] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class CallInputs:
    """What the caller gave, validated and completed."""

    params: dict[str, Json]
    """What expressions see."""
    runtime_params: Mapping[str, Json] = field(default_factory=dict)
    """The params that belong to the runtime: `limit`, `all`, `wait`."""
    uploads: Uploads = field(default_factory=dict)
    results: Mapping[str, Json] = field(default_factory=dict)
    """What earlier steps of the call gave, by their ids."""
    spelling: Spelling | None = None
    """Of the texts that the params and the plan's values come from; None: that of the plan's values says it all."""

    @classmethod
    def of(cls, plan: CallPlan, given: dict[str, Json], text: bytes | None = None) -> "CallInputs":
        """text: what the params were read from. Raises InvalidParams with every problem."""
        utility = plan.utility
        params = check_params(utility, given)
        runtime_params, uploads = _NOTHING, NO_UPLOADS
        if utility.runtime_params:
            runtime_params = {name: params.pop(name) for name in utility.runtime_params & params.keys()}
        if utility.files:
            params, uploads = take_files(utility, params)
        if text is not None and not uploads:
            spelling = Spelling(text)
        else:
            params, spelling = _settled(params)
        return cls(params, runtime_params, uploads, _NOTHING, Spelling.both(spelling, plan.spelling))


def _settled(params: dict[str, Json]) -> tuple[dict[str, Json], Spelling]:
    """The same in the types that a JSON text has, so that expressions may see them without reading them again, and
    how they are spelled there. What is too large for that is left as it is.
    """
    text = _written(params)
    settled = parse(text) if len(text) <= LARGEST_INPUT else params
    assert isinstance(settled, dict)
    return settled, Spelling(text)


def _written(params: dict[str, Json]) -> bytes:
    """The params as JSON. Raises InvalidParams for what a program gave that is none."""
    try:
        return dump(params)
    except (TypeError, ValueError, RecursionError):
        problems = [ParamProblem(name, problem) for name, each in params.items() if (problem := _unwritable(each))]
        told = "; ".join(f"{each.path} {each.message}" for each in problems)
        raise InvalidParams(
            f"The params are no JSON: {told or 'they are nested too deeply'}", problems=problems
        ) from None


def _unwritable(value: Json) -> str | None:
    try:
        dump(value)
    except (TypeError, ValueError, RecursionError) as error:
        return f"cannot be written as JSON: {error}"
    return None


@dataclass(frozen=True, slots=True)
class CallContext:
    """A call with its plan and inputs. Nothing in it is replaced while the call goes on.

    What changes is in three objects with one duty each: the record that becomes the ledger's row, the timer that is
    added to, and the results, which learn of secrets and never forget one.
    """

    call: Call
    plan: CallPlan
    inputs: CallInputs
    services: Services
    record: Record
    streaming: bool = False
    trace: Trace | None = field(default=None, repr=False)

    @property
    def results(self) -> Results:
        """Whatever the call gives is made here."""
        return self.record.results

    @property
    def params(self) -> dict[str, Json]:
        return self.inputs.params

    @property
    def settings(self) -> Mapping[str, Json]:
        return self.plan.settings

    def input_of(self, document: dict[str, Json], write: Callable[[], bytes], *texts: bytes) -> ProgramInput:
        """A program's input, which is made of params, settings and what `texts` say. write: gives it as text."""
        known = self.inputs.spelling or self.plan.spelling
        return ProgramInput(document, (known, *map(Spelling, texts)), write)

    @property
    def wants_events(self) -> bool:
        """Whether the upstream is asked for a stream of events."""
        return self.streaming and self.plan.stream is not None

    @property
    def request_plan(self) -> RequestPlan:
        """How the first request is built."""
        return self.plan.stream_request if self.wants_events else self.plan.request

    @property
    def is_repeatable(self) -> bool:
        """Whether the call may be made twice: it changes nothing, or the API knows its idempotency key again."""
        rest = self.plan.utility.rest
        return rest.method in SAFE_METHODS or (rest.retry is not None and rest.retry.idempotency_header is not None)

    def timings(self) -> Timings:
        """Where its time went until now."""
        return self.record.timer.timings()

    async def run(self, program: Program, data: bytes | ProgramInput) -> Outcome:
        """Run a program, its time counted."""
        timer = self.record.timer
        started = timer.clock()
        outcome = await self.services.workers.run(program, data)
        timer.expressions += timer.clock() - started
        if self.trace is not None:
            self.trace_stages([("jq", {"of": program.parts.layout, "ran": outcome.way})])
        return outcome

    def run_at_once(self, program: Program, data: ProgramInput) -> Outcome | None:
        """The same where it needs no waiting; else None. Tells no trace."""
        timer = self.record.timer
        started = timer.clock()
        outcome = self.services.workers.run_at_once(program, data)
        timer.expressions += timer.clock() - started
        return outcome

    def trace_stages(self, stages: Iterable[tuple[str, Json]]) -> None:
        """Hand stages to the trace, if there is one."""
        if self.trace is not None:
            self.results.trace_stages(self.trace, stages)
