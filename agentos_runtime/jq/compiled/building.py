"""Expressions become source of Python: parsed, and generated from tables."""

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence

from agentos_runtime.jq.compiled.cardinality import ONE, outputs_of
from agentos_runtime.jq.compiled.errors import Unsupported
from agentos_runtime.jq.compiled.generator import Generator
from agentos_runtime.jq.compiled.language.parser import parse_definitions, parse_expression
from agentos_runtime.jq.compiled.language.syntax import Call, Const, Define, Identity, Index, Node
from agentos_runtime.jq.compiled.leaves import nodes_of
from agentos_runtime.jq.compiled.scope import Definition, Scope
from agentos_runtime.jq.compiled.writer import field_of
from agentos_runtime.jq.compiling import LARGEST_SOURCE

_MOST_SOURCE = 160_000
"""Characters of what is generated: so much takes Python about 25 ms, in a thread. The longest program of a bundled
skill has 120,000, which take 19.
"""
_MOST_TOGETHER = 5_000
"""Characters of a function that gives the outputs of several expressions, from which on another one goes on."""
_ALWAYS = ("params", "settings")
"""Fields that the input of a request has: they can be taken before it is known that they are needed."""


class Builder:
    """Makes the source of programs. Those of one skill share their definitions, so the last ones are read once."""

    def __init__(self) -> None:
        self._read: tuple[str, tuple[Define, ...]] = ("", ())

    def generated(
        self, definitions: str, sources: Sequence[str], bound: Sequence[str], *, together: bool = False
    ) -> str:
        """The source of expressions that share definitions; `bound` are the variables that they have.

        together: they run of the same input, so that one function gives the outputs of all of them. Raises
        Unsupported for what is not in the subset.
        """
        if len(definitions) + sum(map(len, sources)) > LARGEST_SOURCE:
            raise Unsupported("too large")
        text, defines = self._read  # at once: threads build, too
        try:
            if text != definitions:
                defines = parse_definitions(definitions)
                self._read = definitions, defines
            source = _generated(defines, sources, bound, together=together)
        except (RecursionError, MemoryError) as error:
            raise Unsupported(f"nested too deeply: {type(error).__name__}") from None
        if len(source) > _MOST_SOURCE:
            raise Unsupported("too large")
        return source


def _generated(defines: Sequence[Define], sources: Sequence[str], bound: Sequence[str], *, together: bool) -> str:
    make = Generator()
    variables = make.place()
    scope = Scope({}, {name: f"bound_{name}" for name in bound})
    for define in defines:
        scope = make.define(define, scope)
    nodes = [parse_expression(source) for source in sources]
    make.remembered = frozenset(map(id, _called_again(nodes, scope)))
    names = [_together(make, nodes, scope)] if together else [_function(make, node, scope) for node in nodes]
    make.line(f"expressions = ({''.join(f'{name}, ' for name in names)})")
    needed = [name for name in bound if make.mentions(f"bound_{name}")]
    with make.elsewhere(variables, make.indent):
        _bind(make, needed)
    return make.source()


def _called_again(nodes: Sequence[Node], scope: Scope) -> Iterator[Definition]:
    """The skill's own functions that the expressions of a program call at several places, mostly of one value."""
    calls = (call for node in nodes for call in nodes_of(node) if isinstance(call, Call) and not call.args)
    for name, times in Counter(call.name for call in calls).items():
        found = scope.functions.get((name, 0))
        if times > 1 and isinstance(found, Definition):
            yield found


def _bind(make: Generator, names: Sequence[str]) -> None:
    """Where variables and what is remembered stand between runs, and what sets them for one."""
    for name in names:
        make.line(f"bound_{name} = None")
    for name in make.memory:
        make.line(f"{name} = MISSING")
    with make.block("def bind(bound):"):
        for name in names:
            make.line(f"global bound_{name}")
            make.line(f"bound_{name} = bound.get({name!r})")
        for name in make.memory:
            make.line(f"global {name}")
            make.line(f"{name} = MISSING")


def _function(make: Generator, node: Node, scope: Scope) -> str:
    """Gives the outputs of one expression."""
    name, source = make.fresh("f"), make.fresh()
    with make.counted(f"def {name}({source}):"):
        make.born(source)
        make.line(f"return {_list_of(make, node, source, scope)}")
    return name


def _together(make: Generator, nodes: Sequence[Node], scope: Scope) -> str:
    """Gives the outputs of each expression, in a list of lists."""
    left = deque(nodes)
    names = [_some_together(make, left, scope)]
    while left:
        names.append(_some_together(make, left, scope))
    if len(names) == 1:
        return names[0]
    name, source = make.fresh("f"), make.fresh()
    with make.counted(f"def {name}({source}):"):
        make.line(f"return [{', '.join([f'*{some}({source})' for some in names])}]")
    return name


def _some_together(make: Generator, left: deque[Node], scope: Scope) -> str:
    """The same of as many as one function may hold, which are taken."""
    name, source = make.fresh("f"), make.fresh()
    with make.counted(f"def {name}({source}):"):
        make.born(source)
        for part in sorted(_parts(left)):
            make.ready[source, repr(part)] = make.set(field_of(source, repr(part), f"jq_field({source}, {part!r})"))
        found: list[str] = []
        start = len(make.lines)
        while left and sum(map(len, found)) + make.written_since(start) < _MOST_TOGETHER:
            found.append(_list_of(make, left.popleft(), source, scope))
        make.line(f"return [{', '.join(found)}]")
    return name


def _parts(nodes: Iterable[Node]) -> set[str]:
    """The fields of the input that the expressions themselves name."""
    return {
        found.key.value
        for node in nodes
        for found in nodes_of(node)
        if isinstance(found, Index)
        and isinstance(found.target, Identity)
        and isinstance(found.key, Const)
        and found.key.value in _ALWAYS
    }


def _list_of(make: Generator, node: Node, source: str, scope: Scope) -> str:
    """An expression for the list of the outputs of a node."""
    if outputs_of(node, scope) is ONE:
        return f"[{make.value(node, source, scope)}]"
    found = make.set("[]")
    make.outputs(node, source, scope, lambda value: make.line(f"{found}.append({value})"))
    return found
