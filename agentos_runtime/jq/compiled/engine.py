"""Runs programs in this process, where that can be done; everything else is for a worker.

The rule that makes it safe: this gives a success or nothing. Whatever fails, is not certain or costs too much runs
again in a worker, which says what happens.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from agentos_runtime.frozen import dataclass
from agentos_runtime.jq.compiled.carried import carried, watched
from agentos_runtime.jq.compiled.code import Code, Expression, code_of
from agentos_runtime.jq.compiled.errors import Beyond, Costly, JqError, Unsupported
from agentos_runtime.jq.compiled.reading import Output, as_input
from agentos_runtime.jq.inputs import ProgramInput
from agentos_runtime.jq.outcome import COMPILED, LARGEST_INPUT, Outcome
from agentos_runtime.jq.program import Layout, Parts, Program
from agentos_runtime.jsontext import Json

if TYPE_CHECKING:
    from agentos_runtime.jq.compiled.building import Builder

GENERATOR = "agentos_runtime.jq.compiled.building"
BUDGET = 5_000
"""Units of one run without a look at the clock: about as many keys looked up, in 1 ms at most."""
TIME = 2_000_000
"""Nanoseconds of processor time that a run may take besides: no run takes more than 3 ms."""
_LEFT_ALONE = 50
"""Runs that a worker makes at once, after one of no larger input cost too much."""
PATIENCE = 0.25
"""Seconds for which a program that is being compiled is waited for; then a worker runs it."""
_KEPT = 4096
"""Programs."""
_KEPT_OF_CALLERS = 32
"""Each of theirs may be another, as long as they like: half a megabyte, compiled."""
_LONG_OF_CALLERS = 500
"""Characters of a caller's program that is compiled only when it comes again: of so many that takes 3 ms."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a program did not run here; a few words that quote no data."""

    reason: str


_NOT_YET = Refusal("it is yet to be compiled")
_FIRST = Refusal("it is long, and runs for the first time")
_VALUES = Refusal("compiled code leaves these values to it")
_COSTLY = Refusal("it costs more than may be spent here")


@dataclass(slots=True)
class _Known:
    parts: Parts
    code: Code | Refusal
    making: "asyncio.Future[Code | Refusal] | None" = None
    watched: Code | None = None
    """The same code, for a text that is not to be looked at."""
    costly: int = 0
    """Bytes of an input for which it cost too much."""
    left_alone: int = 0
    """Runs of such inputs, and larger ones, that a worker will make."""

    def is_costly(self, size: int) -> bool:
        """Whether it would probably cost too much, which is tried again now and then."""
        if not self.left_alone or size < self.costly:
            return False
        self.left_alone -= 1
        return True

    def cost_too_much(self, size: int) -> None:
        """It did, for an input of so many bytes."""
        self.costly, self.left_alone = size, _LEFT_ALONE

    def made(self, making: "asyncio.Future[Code | Refusal]") -> None:
        """It was compiled, or that was given up."""
        self.making = None
        if not making.cancelled() and making.exception() is None:
            self.code = making.result()


class KeptSources(Protocol):
    """Where what was generated is found by later processes: by a name, and for exactly what it was made of."""

    def find(self, name: str, of: bytes) -> bytes | None: ...

    def keep(self, name: str, of: bytes, data: bytes) -> None: ...


class Engine:
    """Programs compiled to Python when they first run."""

    def __init__(
        self,
        *,
        budget: int = BUDGET,
        time: int = TIME,
        kept: KeptSources | None = None,
        most: int = _KEPT,
        long: int | None = None,
    ) -> None:
        """long: characters from which on a program is compiled only when it comes again."""
        self._budget = budget
        self._time = time
        self._kept = kept
        self._most = most
        self._long = long
        self._known: OrderedDict[bytes, _Known] = OrderedDict()

    async def run(self, program: Program, data: bytes | ProgramInput) -> Outcome | Refusal:
        """What a program gives for JSON text, or why only a worker can say. Never raises for what it does."""
        known = self._known.get(program.digest)
        if known is None and self._long is not None and _length(program) > self._long:
            self._keep(program, _NOT_YET)
            return _FIRST
        if known is None or known.code is _NOT_YET:
            known = await self._prepare(program, known)
        return self._ran(known, program, data)

    def run_at_once(self, program: Program, data: bytes | ProgramInput) -> Outcome | None:
        """The same of a program that was compiled already; None where it was not, or only a worker can say."""
        known = self._known.get(program.digest)
        outcome = None if known is None else self._ran(known, program, data)
        return None if isinstance(outcome, Refusal) else outcome

    def carried(self, program: Program, document: dict[str, Json], event: Json) -> list[list[Json]] | None:
        """What each expression of a stream's program gives for an event in which an `unseen` text stands, where
        that only passes through; None also where the program was not compiled yet."""
        known = self._known.get(program.digest)
        if known is None or isinstance(known.code, Refusal):
            return None
        if known.watched is None:
            known.watched = watched(known.code)
        return carried(known.watched, document, event, self._budget)

    def _ran(self, known: _Known, program: Program, data: bytes | ProgramInput) -> Outcome | Refusal:
        if isinstance(known.code, Refusal):
            return known.code
        size = len(data) if isinstance(data, bytes) else data.size
        if known.left_alone and known.is_costly(size):
            return _COSTLY
        try:
            return self._answer(known, known.code, program, data, size)
        except Costly:
            known.cost_too_much(size)
            return _COSTLY
        except (JqError, Beyond, RecursionError, MemoryError):
            return _VALUES

    async def _prepare(self, program: Program, known: _Known | None) -> _Known:
        """Compile the program in a thread, once; whoever runs it meanwhile waits for a moment, too."""
        if known is None:
            known = self._keep(program, _NOT_YET)
        if known.making is None:
            loop = asyncio.get_running_loop()
            known.making = loop.run_in_executor(self._maker, self._compiled, program)
            known.making.add_done_callback(known.made)
        await asyncio.wait({known.making}, timeout=PATIENCE)
        return known

    def _keep(self, program: Program, code: Code | Refusal) -> _Known:
        known = self._known[program.digest] = _Known(program.parts, code)
        while len(self._known) > self._most:
            self._known.popitem(last=False)
        return known

    def _compile(self, program: Program) -> _Known:
        known = self._known.get(program.digest)
        if known is None or known.code is _NOT_YET:
            known = self._keep(program, self._compiled(program))
        return known

    def code(self, program: Program) -> Code | Refusal:
        """The code of a program, or why there is none."""
        return self._compile(program).code

    def _compiled(self, program: Program) -> Code | Refusal:
        """What the program is compiled to, or why it is not: as it was kept, or made now and kept."""
        name, of = f"jq {program.digest.hex()}", repr(program.parts).encode("utf-8", "surrogatepass")
        kept = self._kept.find(name, of) if self._kept else None
        if kept is not None:
            with suppress(Unsupported, UnicodeDecodeError):
                return code_of(kept.decode("utf-8", "surrogatepass"))
        try:
            source = self._generated(program.parts)
            code = code_of(source)
        except Unsupported as why:
            return Refusal(str(why))
        if self._kept:
            self._kept.keep(name, of, source.encode("utf-8", "surrogatepass"))
        return code

    def _generated(self, parts: Parts) -> str:
        """The source of a program. Raises Unsupported."""
        sources = [source for source in parts.sources if source is not None]
        together = parts.layout in _TOGETHER
        return self._builder.generated(parts.definitions, sources, parts.bound, together=together)

    @cached_property
    def _maker(self) -> ThreadPoolExecutor:
        """One thread: programs that several callers bring at once would hold up everybody else together."""
        return ThreadPoolExecutor(1, thread_name_prefix="jq")

    @cached_property
    def _builder(self) -> "Builder":
        builder: Builder = import_module(GENERATOR).Builder()
        return builder

    def answer(self, program: Program, data: bytes | ProgramInput) -> Outcome:
        """What a compiled program gives.

        Raises JqError where jq certainly fails, and Beyond where it is not known what it does or where that costs
        too much.
        """
        known = self._compile(program)
        if isinstance(known.code, Refusal):
            raise Beyond
        return self._answer(known, known.code, program, data, len(data) if isinstance(data, bytes) else data.size)

    def _answer(
        self, known: _Known, code: Code, program: Program, data: bytes | ProgramInput, size: int
    ) -> Outcome:
        parts = program.parts
        if size > LARGEST_INPUT or (known.parts is not parts and known.parts != parts):
            raise Beyond
        given = data if data.__class__ is ProgramInput and not data.odd else as_input(data)
        meter, document = code.meter, given.document
        if document.__class__ is not dict:
            raise Beyond
        meter.begin(self._budget, given.uncertain, self._time)
        try:
            code.bind(document)
            output = Output(meter, given)
            outputs = output.take_all(_LAYOUTS[parts.layout](parts, code.expressions, document))
            return Outcome(outputs, None, b"", COMPILED, output.size)
        finally:
            meter.end()
            code.bind({})  # it holds nothing of a call afterwards


def _length(program: Program) -> int:
    """Characters of its expressions."""
    return sum(len(source) for source in program.parts.sources if source is not None)


def engine_for(mode: str, kept: KeptSources | None) -> Engine | None:
    """`auto`: programs are compiled; `worker`: never."""
    return None if mode == "worker" else Engine(kept=kept)


def engine_for_callers(mode: str) -> Engine | None:
    """The same for programs that callers write: few are held, and none is kept for later processes."""
    return None if mode == "worker" else Engine(most=_KEPT_OF_CALLERS, long=_LONG_OF_CALLERS)


_Found: TypeAlias = "list[list[Json]]"


_TOGETHER: frozenset[Layout] = frozenset({"request", "compared"})
"""Of these, one function gives the outputs of all expressions."""


def _request(parts: Parts, expressions: tuple[Expression, ...], document: dict[str, Json]) -> _Found:
    return _all_of(expressions, document)


def _compared(parts: Parts, expressions: tuple[Expression, ...], document: dict[str, Json]) -> _Found:
    found = []
    for auth in _list(document, "auths"):
        seen = {name: document.get(name) for name in ("params", "settings", "given")} | {"auth": auth}
        found += _all_of(expressions, seen)
    return found


def _all_of(expressions: tuple[Expression, ...], document: dict[str, Json]) -> _Found:
    found: Any = expressions[0](document)
    return found  # type: ignore[no-any-return]


def _reply(parts: Parts, expressions: tuple[Expression, ...], document: dict[str, Json]) -> _Found:
    whole = document.get("whole")
    body = document.get("body") if "body" in document else whole
    error, transform, *_ = parts.sources
    left = list(expressions)
    found = [] if error is None else [left.pop(0)(whole)]
    if transform is not None:
        given = left.pop(0)(body)
        found.append(given)
        if len(given) != 1:
            return found
        body = given[0]
    return found + [each(body) for each in left]


def _stream(parts: Parts, expressions: tuple[Expression, ...], document: dict[str, Json]) -> _Found:
    events = document.get("events")
    if events.__class__ is not list:
        raise Beyond
    if len(expressions) == 1:
        (only,) = expressions
        return [only(event) for event in events]
    return [each(event) for event in events for each in expressions]


def _value(parts: Parts, expressions: tuple[Expression, ...], document: dict[str, Json]) -> _Found:
    return [each(document.get("body")) for each in expressions]


def _list(document: dict[str, Json], name: str) -> list[Json]:
    found = document.get(name)
    if not isinstance(found, list):
        raise Beyond
    return found


_LAYOUTS: Mapping[Layout, Callable[[Parts, tuple[Expression, ...], dict[str, Json]], _Found]] = {
    "request": _request,
    "compared": _compared,
    "reply": _reply,
    "stream": _stream,
    "value": _value,
}
