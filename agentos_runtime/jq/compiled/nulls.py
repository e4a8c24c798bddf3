"""What a function of a skill makes of null, found out while it is compiled: most of what may be in a call, or in an
answer, is not there, and a call of a function costs more than to see that."""

from collections.abc import Callable, Mapping
from typing import Any, Literal

from agentos_runtime.frozen import dataclass
from agentos_runtime.jq.compiled.language.syntax import (
    Alternative,
    Bind,
    Call,
    Compare,
    Const,
    Identity,
    If,
    Index,
    Logic,
    Node,
    Pipe,
    Slice,
    Try,
    Variable,
)
from agentos_runtime.jq.compiled.scope import Definition, Known, Scope
from agentos_runtime.jsontext import Json

_DEEPEST = 40
"""Functions that call each other."""
_SIMPLE = (bool, str, type(None))
_KINDS: Mapping[type, str] = {bool: "boolean", str: "string", type(None): "null"}
"""Of the values that are followed; nothing is said of the others."""


class _Unknown(Exception):
    """It takes a run to know."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a node is evaluated: its functions, its variables that are known, and how deep it stands."""

    scope: Scope
    variables: Mapping[str, Json]
    depth: int = 0


def of_null(definition: Definition) -> Known | None:
    """What the function gives for null, whatever else there is; None when that is not certain."""
    if definition.define.params:
        return None
    if definition.null is None:
        definition.null = _found(definition)
    return definition.null or None


def _found(definition: Definition) -> Known | Literal[False]:
    try:
        return Known(_called(definition, None, 0))
    except _Unknown:
        return False


def _called(definition: Definition, value: Json, depth: int) -> Json:
    if depth > _DEEPEST or definition.define.params:
        raise _Unknown
    define = definition.define
    scope = definition.scope.add({(define.name, 0): definition})
    return _value(define.body, value, _Place(scope, {}, depth + 1))


def _value(node: Node, value: Json, place: _Place) -> Json:
    """The one output of a node. Raises _Unknown for what may fail, and for all that is not simple."""
    rule: Callable[[Any, Json, _Place], Json] | None = _RULES.get(type(node))
    if rule is None:
        raise _Unknown
    found = rule(node, value, place)
    if not isinstance(found, _SIMPLE):
        raise _Unknown
    return found


def _is_true(node: Node, value: Json, place: _Place) -> bool:
    found = _value(node, value, place)
    return found is not None and found is not False


def _variable(node: Variable, value: Json, place: _Place) -> Json:
    if node.name not in place.variables:
        raise _Unknown
    return place.variables[node.name]


def _of_null(node: Index | Slice, value: Json, place: _Place) -> Json:
    """Whatever is taken of null by a literal name or place is null."""
    keys = (node.key,) if isinstance(node, Index) else (node.low, node.high)
    if any(key is not None and not (isinstance(key, Const) and type(key.value) in (str, int)) for key in keys):
        raise _Unknown
    if _value(node.target, value, place) is not None:
        raise _Unknown
    return None


def _branch(node: If, value: Json, place: _Place) -> Json:
    return _value(node.then if _is_true(node.condition, value, place) else node.otherwise, value, place)


def _alternative(node: Alternative, value: Json, place: _Place) -> Json:
    left = _value(node.left, value, place)
    return left if left is not None and left is not False else _value(node.right, value, place)


def _logic(node: Logic, value: Json, place: _Place) -> Json:
    left = _is_true(node.left, value, place)
    return left if left is (node.operator == "or") else _is_true(node.right, value, place)


def _compared(node: Compare, value: Json, place: _Place) -> Json:
    if node.operator not in ("==", "!="):
        raise _Unknown
    sides = [
        each.value if isinstance(each, Const) else _value(each, value, place) for each in (node.left, node.right)
    ]
    if not any(isinstance(side, _SIMPLE) for side in sides):
        raise _Unknown
    same = type(sides[0]) is type(sides[1]) and sides[0] == sides[1]
    return same if node.operator == "==" else not same


def _bound(node: Bind, value: Json, place: _Place) -> Json:
    if not isinstance(node.pattern, str):
        raise _Unknown
    variables = {**place.variables, node.pattern: _value(node.source, value, place)}
    return _value(node.body, value, _Place(place.scope, variables, place.depth))


def _call(node: Call, value: Json, place: _Place) -> Json:
    function = place.scope.function(node)
    if isinstance(function, Definition):
        return _called(function, value, place.depth)
    if function is not None or node.args:
        raise _Unknown
    if node.name == "not":
        return value is None or value is False
    if node.name == "type":
        return _KINDS[type(value)]
    raise _Unknown


_RULES: Mapping[type, Callable[[Any, Json, _Place], Json]] = {
    Identity: lambda node, value, place: value,
    Const: lambda node, value, place: node.value,
    Variable: _variable,
    Index: _of_null,
    Slice: _of_null,
    Pipe: lambda node, value, place: _value(node.right, _value(node.left, value, place), place),
    If: _branch,
    Alternative: _alternative,
    Logic: _logic,
    Compare: _compared,
    Bind: _bound,
    Try: lambda node, value, place: _value(node.body, value, place),
    Call: _call,
}
