"""What names mean at a place of an expression, and how many outputs a node has there."""

from collections.abc import Mapping
from dataclasses import field
from enum import IntEnum
from typing import Literal, TypeAlias

from agentos_runtime.frozen import dataclass
from agentos_runtime.jq.compiled.language.syntax import Call, Define, Let, Node
from agentos_runtime.jq.compiled.writer import Lines
from agentos_runtime.jsontext import Json


class Outputs(IntEnum):
    """How many outputs: exactly one, at most one, any number."""

    ONE = 0
    OPTIONAL = 1
    MANY = 2


@dataclass(frozen=True, slots=True)
class Known:
    """A value that is certain: null, true, false or a text."""

    value: Json


@dataclass(frozen=True, slots=True, eq=False)
class Param:
    """A function that was handed in: its name in the generated code, and how many outputs it has."""

    code: str
    outputs: Outputs


@dataclass(frozen=True, slots=True, eq=False)
class Given:
    """A value that was handed in. Called like a function it is no value: in jq it is what the caller wrote, of the
    input at the place of the call."""


@dataclass(slots=True, eq=False)
class Definition:
    """A function of the skill. It is generated once for each kind of functions that it is handed."""

    define: Define
    scope: "Scope"
    """Where it stands; it is not part of it."""
    place: Lines
    """Where its code goes."""
    indent: int
    outputs: "dict[tuple[Outputs, ...], Outputs | None]" = field(default_factory=dict)
    """None while it is found out."""
    generated: "dict[tuple[Outputs, ...], str | None]" = field(default_factory=dict)
    fields: "dict[tuple[Outputs | int | None, ...], int | None]" = field(default_factory=dict)
    """Of its output, where that is an object: how many at most; for such arguments, and so many of its input."""
    null: Known | Literal[False] | None = None
    """What it makes of null; False when that is not certain, None while nobody asked."""
    boolean: bool | None = None
    """Whether its output is true or false; None while nobody asked."""
    leaf: bool | None = None
    """Whether its code may stand where it is called; None while nobody asked."""


Function: TypeAlias = Definition | Param | Given
Signature: TypeAlias = tuple[str, int]


@dataclass(frozen=True, slots=True, eq=False)
class Scope:
    """The functions and variables that a node sees; variables by their names in the generated code."""

    functions: Mapping[Signature, Function]
    variables: Mapping[str, str]
    known: dict[Node, Outputs] = field(default_factory=dict)
    """Shared by all scopes with the same functions."""
    lets: "dict[Let, Scope]" = field(default_factory=dict)

    def bind(self, variables: Mapping[str, str]) -> "Scope":
        return Scope(self.functions, {**self.variables, **variables}, self.known, {})

    def function(self, call: Call) -> Function | None:
        """What a call is of; None when it is one of jq's own."""
        return None if call.is_jqs else self.functions.get((call.name, len(call.args)))

    def add(self, functions: Mapping[Signature, Function], variables: Mapping[str, str] | None = None) -> "Scope":
        return Scope({**self.functions, **functions}, {**self.variables, **(variables or {})})
