"""Nodes become Python source. A node with exactly one output is an expression; others call `leaf` for each output.

Where a node may have several outputs and something is done with each, it becomes a generator of Python, so that
nothing is evaluated that jq would not evaluate, and what fails in the one is never caught in the other.
"""

from collections.abc import Callable, Iterator
from typing import TypeAlias

from agentos_runtime.jq.compiled import several, single
from agentos_runtime.jq.compiled.cardinality import (
    ONE,
    OPTIONAL,
    body_scope,
    outputs_of,
    signature_of,
)
from agentos_runtime.jq.compiled.errors import Unsupported
from agentos_runtime.jq.compiled.language.syntax import Define, Node, Pattern
from agentos_runtime.jq.compiled.scope import Definition, Outputs, Scope
from agentos_runtime.jq.compiled.writer import Writer, field_of

Leaf: TypeAlias = Callable[[str], None]
_PAID_BEFORE = 100
"""Nodes of a function whose cost belongs to what it costs to call it."""
_MOST_NODES = 20_000
"""Evaluated nodes in the source of one program: what is larger takes too long to compile."""


class Generator(Writer):
    """Generates the code of one program."""

    def __init__(self) -> None:
        super().__init__()
        self.nodes = 0
        self.remembered: frozenset[int] = frozenset()
        """The ids of definitions that keep their last result for when they are called of the same value again."""
        self.memory: list[str] = []
        """The variables in which they do."""
        self.ready: dict[tuple[str, str], str] = {}
        """Names of fields that were taken already, by the names of objects and the `repr` of their own names."""
        self._paid: dict[str, int] = {}
        """What calls of functions cost that do not charge it themselves, in nodes."""

    # ------------------------------------------------------------------ the three ways to evaluate

    def value(self, node: Node, source: str, scope: Scope) -> str:
        """An expression of Python for the one output of a node over the value called `source`."""
        if outputs_of(node, scope) is not ONE:
            raise Unsupported("several values where one is supported")
        self._count()
        generate: Callable[..., str] | None = single.VALUES.get(type(node))
        if generate is None:
            raise Unsupported(type(node).__name__)
        return generate(self, node, source, scope)

    def atom(self, node: Node, source: str, scope: Scope) -> str:
        """The same with a name, so that it can be used several times."""
        return self.set(self.value(node, source, scope))

    def each(self, node: Node, source: str, scope: Scope, leaf: Leaf) -> None:
        """Call `leaf`, once, inside of code that runs for each output."""
        outputs = outputs_of(node, scope)
        if outputs is ONE:
            leaf(self.atom(node, source, scope))
        elif several.has_one_place(node, scope):
            self.outputs(node, source, scope, leaf)
        elif outputs is OPTIONAL:
            found = self.fresh()
            self.line(f"{found} = MISSING")
            self.outputs(node, source, scope, lambda value: self.line(f"{found} = {value}"))
            with self.block(f"if {found} is not MISSING:"):
                leaf(found)
        else:
            made, found = self.generator(node, source, scope), self.fresh()
            with self.counted(f"for {found} in {made}():"):
                leaf(found)

    def outputs(self, node: Node, source: str, scope: Scope, leaf: Leaf) -> None:
        """Call `leaf` at every place where an output comes up; it may be called many times, so it must be small."""
        if outputs_of(node, scope) is ONE:
            leaf(self.atom(node, source, scope))
            return
        self._count()
        generate: Callable[..., None] | None = several.OUTPUTS.get(type(node))
        if generate is None:
            raise Unsupported(type(node).__name__)
        generate(self, node, source, scope, leaf)

    def generator(self, node: Node, source: str, scope: Scope) -> str:
        """The name of a generator of all outputs."""
        name = self.fresh("g")
        with self.counted(f"def {name}():"):
            self.outputs(node, source, scope, lambda value: self.line(f"yield {value}"))
            self.line("if False: yield")
        return name

    def _count(self) -> None:
        self.cost.nodes += 1
        self.nodes += 1
        if self.nodes > _MOST_NODES:
            raise Unsupported("too large")

    # ------------------------------------------------------------------ functions

    def define(self, define: Define, scope: Scope) -> Scope:
        """What follows a definition sees it; its code comes to stand here."""
        definition = Definition(define, scope, self.place(), self.indent)
        return scope.add({(define.name, len(define.params)): definition})

    def called(self, definition: Definition, args: tuple[Node, ...], source: str, scope: Scope) -> str:
        """A call of a skill's function: of its one output, or an iterator of its outputs."""
        signature = signature_of(definition, args, scope)
        codes = [
            self.value(arg, source, scope)
            if param.startswith("$")
            else self.function(arg, scope, self.fresh(), outputs)
            for param, arg, outputs in zip(definition.define.params, args, signature, strict=True)
        ]
        name = self.defined(definition, signature)
        self.cost.nodes += self._paid.get(name, 0)
        return f"{name}({', '.join([source, *codes])})"

    def defined(self, definition: Definition, signature: tuple[Outputs, ...]) -> str:
        """The name of a skill's function for such arguments; it is generated when it is first called."""
        if signature not in definition.generated:
            definition.generated[signature] = None
            codes = tuple(self.fresh("a") for _ in signature)
            inner = body_scope(definition, signature, codes)
            body = definition.define.body
            with self.elsewhere(definition.place, definition.indent):
                outputs = outputs_of(body, inner)
                code = self.function(body, inner, self.fresh(), outputs, codes, counted=False)
                remembers = id(definition) in self.remembered and outputs is ONE
                definition.generated[signature] = self._remembering(code) if remembers else code
        name = definition.generated[signature]
        if name is None:
            raise Unsupported("recursion")
        return name

    def _remembering(self, function: str) -> str:
        """The name of a function that calls another, unless the value is the very one of its last call: nothing
        that a program has made is ever changed."""
        name, source, given, found = self.fresh("f"), self.fresh(), self.fresh("m"), self.fresh("m")
        self.memory += [given, found]
        with self.counted(f"def {name}({source}):"):
            self.line(f"global {given}, {found}")
            with self.block(f"if {source} is not {given}:"):
                self.cost.nodes += self._paid.get(function, 0)
                self.line(f"{found} = {function}({source})")
                self.line(f"{given} = {source}")
            self.line(f"return {found}")
        return name

    def function(
        self,
        body: Node,
        scope: Scope,
        source: str,
        outputs: Outputs,
        params: tuple[str, ...] = (),
        *,
        counted: bool = True,
    ) -> str:
        """The name of a function of Python: it returns the one output, or it is a generator.

        counted: it charges what it costs, whoever calls it; else those who call it may pay for what costs little.
        """
        name = self.fresh("f")
        with self.counted(f"def {name}({', '.join([source, *params])}):") as charge:
            self.born(source)
            if outputs is ONE:
                self.line(f"return {self.value(body, source, scope)}")
                if not counted and self.cost.nodes <= _PAID_BEFORE:
                    charge.clear()
                    self._paid[name] = self.cost.nodes
            else:
                self.outputs(body, source, scope, lambda value: self.line(f"yield {value}"))
                self.line("if False: yield")
        return name

    # ------------------------------------------------------------------ variables

    def bind(self, pattern: Pattern, value: str, scope: Scope) -> Scope:
        """What sees the variables of a pattern; `value` is a name."""
        if isinstance(pattern, str):
            return scope.bind({pattern: value})
        names = [*_names(pattern)]
        if len(set(names)) < len(names):
            raise Unsupported("a variable that stands twice in a pattern")
        for key, inner in pattern.entries:
            call = f"jq_index(meter, {value}, {key!r})"
            found = self.set(field_of(value, repr(key), call) if isinstance(key, str) else call)
            scope = self.bind(inner, found, scope)
        return scope


def _names(pattern: Pattern) -> Iterator[str]:
    """The variables of a pattern."""
    if isinstance(pattern, str):
        yield pattern
        return
    for _, inner in pattern.entries:
        yield from _names(inner)
