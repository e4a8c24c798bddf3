"""Nodes that are asked whether they are true: no value is made where a test of Python will do."""

from collections.abc import Callable, Mapping

from agentos_runtime.jq.compiled.booleans import is_boolean
from agentos_runtime.jq.compiled.cardinality import expanded_call
from agentos_runtime.jq.compiled.language.syntax import Call, Compare, Const, If, Logic, Node, Object, Pipe, Some
from agentos_runtime.jq.compiled.making import Make
from agentos_runtime.jq.compiled.scope import Scope

_FEW = 1 << 31
_BEGIN_LITERALS = "-0123456789'\""
"""How numbers and texts begin as `repr` writes them: Python warns of one that is compared by identity."""
_TYPES: Mapping[str, str] = {
    "null": "{} is None",
    "boolean": "{}.__class__ is bool",
    "string": "{}.__class__ is str",
    "array": "{}.__class__ is list",
    "object": "{}.__class__ is dict",
    "number": "({0}.__class__ is int or {0}.__class__ is float)",
}


def is_failure(handler: Node | None, scope: Scope) -> bool:
    """Whether a handler is jq's own `error` with a literal."""
    return (
        isinstance(handler, Call)
        and handler.name == "error"
        and len(handler.args) == 1
        and isinstance(handler.args[0], Const)
        and scope.function(handler) is None
    )


def truth(make: Make, node: Node, source: str, scope: Scope) -> str:
    """An expression of Python that is True or False, for a node with one output."""
    rule: Callable[..., str] | None = _TRUTHS.get(type(node))
    if rule is not None:
        return rule(make, node, source, scope)
    if isinstance(node, Call) and scope.function(node) is None:
        expanded = expanded_call(node, scope)
        if expanded is not None:
            return truth(make, expanded, source, scope)
    code = make.value(node, source, scope)
    if is_boolean(node, scope):
        return code
    if code.isidentifier():
        return f"({code} is not None and {code} is not False)"
    found = make.fresh()
    return f"(({found} := {code}) is not None and {found} is not False)"


def _piped(make: Make, node: Pipe, source: str, scope: Scope) -> str:
    if _is_own(node.right, "not", scope):
        return f"(not {truth(make, node.left, source, scope)})"
    return truth(make, node.right, make.atom(node.left, source, scope), scope)


def _is_own(node: Node, name: str, scope: Scope) -> bool:
    """Whether a node is a call of jq's own function."""
    return isinstance(node, Call) and node.name == name and not node.args and scope.function(node) is None


def chosen(make: Make, node: If, source: str, scope: Scope, written: Callable[[Node], str]) -> str:
    """A name for what `written` makes of the branch that the condition chooses."""
    found = make.fresh()
    with make.block(f"if {truth(make, node.condition, source, scope)}:"):
        make.line(f"{found} = {written(node.then)}")
    with make.block("else:"):
        make.line(f"{found} = {written(node.otherwise)}")
    return found


def _both_or_one(make: Make, node: Logic, source: str, scope: Scope) -> str:
    left = truth(make, node.left, source, scope)
    with make.aside() as lines:
        right = truth(make, node.right, source, scope)
    if not lines:
        return f"({left} {node.operator} {right})"
    found = make.fresh()
    make.line(f"{found} = {left}")
    with make.block(f"if {found}:" if node.operator == "and" else f"if not {found}:"):
        make.lines.append(lines)
        make.line(f"{found} = {right}")
    return found


def _compared(make: Make, node: Compare, source: str, scope: Scope) -> str:
    operator, left, right = node.operator, node.left, node.right
    if operator in ("==", "!="):
        if isinstance(left, Const):
            left, right = right, left
        same = _same(make, left, right, source, scope)
        return same if operator == "==" else f"(not {same})"
    if small_whole(right) is not None:
        return _less_than_literal(make, node, source, scope)
    other = make.atom(right, source, scope)
    one = make.atom(left, source, scope)
    first, second = (one, other) if operator in ("<", ">=") else (other, one)
    less = f"jq_less(meter, {first}, {second})"
    return less if operator in ("<", ">") else f"(not {less})"


def _less_than_literal(make: Make, node: Compare, source: str, scope: Scope) -> str:
    one, number = make.atom(node.left, source, scope), small_whole(node.right)
    if node.operator in ("<", ">="):
        less = f"({one} < {number} if {one}.__class__ is int else jq_less(meter, {one}, {number}))"
    else:
        less = f"({one} > {number} if {one}.__class__ is int else jq_less(meter, {number}, {one}))"
    return less if node.operator in ("<", ">") else f"(not {less})"


def small_whole(node: Node) -> int | None:
    """A literal number that every whole number can be compared with: what jq makes a double of is far from it."""
    value = node.value if isinstance(node, Const) else None
    return value if type(value) is int and 0 <= value < _FEW else None


def _of_type(code: str, wanted: str) -> str:
    return f"({_TYPES.get(wanted, '({0} is {0}) is False').format(code)})"


def _is_empty(code: str, wanted: object) -> str:
    """Most values are not empty, and then nothing is compared."""
    return f"(not {code} and {code}.__class__ is {type(wanted).__name__})"


def _same(make: Make, left: Node, right: Node, source: str, scope: Scope) -> str:
    if isinstance(right, Const):
        wanted = right.value
        if isinstance(wanted, str) and _is_own(left, "type", scope):
            return _of_type(source, wanted)
        if isinstance(wanted, str) and isinstance(left, Pipe) and _is_own(left.right, "type", scope):
            return _of_type(make.atom(left.left, source, scope), wanted)
        if wanted is None or isinstance(wanted, bool):
            one = make.value(left, source, scope)
            one = make.set(one) if one[0] in _BEGIN_LITERALS else one
            return f"({one} is {wanted!r})"
        if isinstance(wanted, str):
            return f"({make.value(left, source, scope)} == {wanted!r})"
        if wanted in ([], {}):
            return _is_empty(make.atom(left, source, scope), wanted)
        if small_whole(right) is not None:
            one = make.atom(left, source, scope)
            return f"({one} == {wanted} if {one}.__class__ is int else jq_equal(meter, {one}, {wanted}))"
    if isinstance(right, Object) and not right.entries:
        return _is_empty(make.atom(left, source, scope), {})
    other = make.atom(right, source, scope)
    one = make.atom(left, source, scope)
    if not (one.isidentifier() and other.isidentifier()):
        return f"jq_equal(meter, {one}, {other})"
    return f"(({one} is {other} and {one}.__class__ is int) or jq_equal(meter, {one}, {other}))"


_TRUTHS: Mapping[type, Callable[..., str]] = {
    Compare: _compared,
    Logic: _both_or_one,
    Some: lambda make, node, source, scope: make.value(node, source, scope),
    Const: lambda make, node, source, scope: repr(node.value is not None and node.value is not False),
    Pipe: _piped,
    If: lambda make, node, source, scope: chosen(
        make, node, source, scope, lambda branch: truth(make, branch, source, scope)
    ),
}
