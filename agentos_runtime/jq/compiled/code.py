"""Generated source becomes functions, with nothing but the table in reach."""

from collections.abc import Callable, Iterator
from types import CodeType
from typing import Any, TypeAlias

from agentos_runtime.frozen import dataclass
from agentos_runtime.jq.compiled.errors import Unsupported
from agentos_runtime.jq.compiled.functions.meter import Meter
from agentos_runtime.jq.compiled.functions.table import reachable
from agentos_runtime.jsontext import Json

Expression: TypeAlias = Callable[[Json], list[Json]]
"""From an input to all outputs. Raises JqError and Beyond."""
ATTRIBUTES = frozenset({"__class__", "append", "build", "charge", "get", "left", "more"})
"""All that generated code names besides the table and what is its own."""


@dataclass(frozen=True, slots=True)
class Code:
    """What was generated for some expressions. Its meter and variables are those of the one run under way."""

    source: str
    compiled: CodeType
    meter: Meter
    bind: Callable[[dict[str, Json]], None]
    """Sets the variables, for one run."""
    expressions: tuple[Expression, ...]


def code_of(source: str) -> Code:
    """The code of generated source. Raises Unsupported when it cannot be had, or would reach beyond the table."""
    try:
        code = compile(source, "<compiled jq>", "exec", dont_inherit=True)
    except (RecursionError, SyntaxError, ValueError, MemoryError) as error:
        raise Unsupported(f"nested too deeply: {type(error).__name__}") from None
    known = reachable()
    if not ATTRIBUTES.union(known).issuperset(_named(code)):
        raise Unsupported("it reaches beyond the table")
    return built(source, code, known)


def built(source: str, code: CodeType, known: dict[str, Any]) -> Code:
    """What compiled source builds, with the globals that it can reach. Raises Unsupported when that is nothing."""
    exec(code, known)  # noqa: S102  generated from tables; see `table`
    meter = Meter()
    if "build" not in known:
        raise Unsupported("it builds nothing")
    return Code(source, code, meter, *known["build"](meter))


def _named(code: CodeType) -> Iterator[str]:
    """The globals and attributes that code names; the names of its own variables are not among them."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _named(constant)
