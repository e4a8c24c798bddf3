"""The generator, as the parts that know the nodes see it."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol, TypeAlias

from agentos_runtime.jq.compiled.language.syntax import Define, Node, Pattern
from agentos_runtime.jq.compiled.scope import Definition, Scope
from agentos_runtime.jq.compiled.writer import Cost, Lines

Leaf: TypeAlias = Callable[[str], None]


class Make(Protocol):
    """Writes Python for nodes; what each method does is said at the generator."""

    cost: Cost
    lines: Lines

    def aside(self) -> AbstractContextManager[Lines]: ...

    def fresh(self, kind: str = "v") -> str: ...

    def line(self, before: str, cost: Cost | None = None, after: str = "") -> None: ...

    def set(self, value: str) -> str: ...

    def block(self, head: str) -> AbstractContextManager[None]: ...

    def counted(self, head: str, cost: Cost | None = None, after: str = "") -> AbstractContextManager[None]: ...

    def value(self, node: Node, source: str, scope: Scope) -> str: ...

    def atom(self, node: Node, source: str, scope: Scope) -> str: ...

    def each(self, node: Node, source: str, scope: Scope, leaf: Leaf) -> None: ...

    def outputs(self, node: Node, source: str, scope: Scope, leaf: Leaf) -> None: ...

    def generator(self, node: Node, source: str, scope: Scope) -> str: ...

    def define(self, define: Define, scope: Scope) -> Scope: ...

    def called(self, definition: Definition, args: tuple[Node, ...], source: str, scope: Scope) -> str: ...

    def bind(self, pattern: Pattern, value: str, scope: Scope) -> Scope: ...


def field_or(target: str, name: str, call: str) -> str:
    """A field of an object by its name, as `repr` writes it; `call` for what else has fields, or fails."""
    return f"({target}.get({name}) if {target}.__class__ is dict else {call})"  # most of what expressions do
