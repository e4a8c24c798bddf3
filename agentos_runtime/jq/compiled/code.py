"""Generated source becomes functions, with nothing but the table in reach."""

from collections.abc import Callable, Iterator
from types import CodeType
from typing import Any, TypeAlias

from agentos_runtime.frozen import dataclass
from agentos_runtime.jq.compiled.errors import Unsupported
from agentos_runtime.jq.compiled.functions.meter import Meter
from agentos_runtime.jq.compiled.functions.table import reachable
from agentos_runtime.jsontext import Json
from agentos_runtime.regexes import regex

Expression: TypeAlias = Callable[[Json], list[Json]]
"""From an input to all outputs. Raises JqError and Beyond."""
ATTRIBUTES = frozenset({"__class__", "append", "charge", "get", "left", "more"})
"""All that generated code names besides the table and what is its own."""
_STATEMENTS = regex(r"(?m)^(?! )")


_OWN = regex(r"[fm]\d+|bound_\w+|bind|expressions|meter")
"""Names that generated code gives itself, or is given for its own; the table has none such."""
_PIECE = 4_000
"""Characters of short statements that are compiled together."""
_LARGEST_PIECE = 32_000
"""Characters. Python compiles a piece in one go, while nothing else of the process runs: so much takes it
some 4 ms. The longest function of a bundled skill has 26,300, of a chat 10,500.
"""


@dataclass(frozen=True, slots=True)
class Code:
    """What was generated for some expressions. Its meter and variables are those of the one run under way."""

    source: str
    compiled: tuple[CodeType, ...]
    meter: Meter
    bind: Callable[[dict[str, Json]], None]
    """Sets the variables, for one run."""
    expressions: tuple[Expression, ...]


def code_of(source: str) -> Code:
    """The code of generated source. Raises Unsupported when it cannot be had, or would reach beyond the table."""
    pieces: list[CodeType] = []
    try:
        for piece in _pieces(source):
            if len(piece) > _LARGEST_PIECE:
                raise Unsupported("too large")
            pieces.append(compile(piece, "<compiled jq>", "exec", dont_inherit=True))
    except (RecursionError, SyntaxError, ValueError, MemoryError) as error:
        raise Unsupported(f"nested too deeply: {type(error).__name__}") from None
    known = reachable()
    allowed = ATTRIBUTES.union(known)
    if not all(name in allowed or _OWN.fullmatch(name) for piece in pieces for name in _named(piece)):
        raise Unsupported("it reaches beyond the table")
    return built(source, tuple(pieces), known)


def built(source: str, compiled: tuple[CodeType, ...], known: dict[str, Any]) -> Code:
    """What compiled source defines, with the globals that it can reach. Raises Unsupported when that is nothing."""
    known["meter"] = meter = Meter()
    for piece in compiled:
        exec(piece, known)  # noqa: S102  generated from tables; see `table`
    if "bind" not in known or "expressions" not in known:
        raise Unsupported("it defines nothing")
    return Code(source, compiled, meter, known["bind"], known["expressions"])


def _pieces(source: str) -> Iterator[str]:
    """Whole statements, several where they are short: what is compiled in one go."""
    piece = ""
    for statement in _STATEMENTS.split(source):
        if piece and len(piece) + len(statement) > _PIECE:
            yield piece
            piece = ""
        piece += statement
    yield piece


def _named(code: CodeType) -> Iterator[str]:
    """The globals and attributes that code names; the names of its own variables are not among them."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _named(constant)
