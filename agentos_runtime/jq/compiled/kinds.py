"""What is known of a node's value before it is evaluated: that it is an object, and of how many fields at most."""

from collections.abc import Callable, Mapping
from typing import Any

from agentos_runtime.jq.compiled.cardinality import (
    ONE,
    body_scope,
    expanded_call,
    inner_scope,
    outputs_of,
    signature_of,
)
from agentos_runtime.jq.compiled.language.syntax import (
    Alternative,
    Arithmetic,
    Bind,
    Call,
    Comma,
    Compare,
    Const,
    Delete,
    Each,
    Identity,
    If,
    Index,
    Let,
    Node,
    Object,
    Pipe,
    Slice,
)
from agentos_runtime.jq.compiled.scope import Definition, Scope

MANY_FIELDS = 64
"""An object that may have more is not known: what is put together of such in one place stays small."""
ANY = 1 << 20
"""Fields of an object of which only that is known."""


def most_fields(node: Node, scope: Scope, source: int | None = None) -> int | None:
    """How many fields the node's one output has at most; None when it may be no object. source: of its input."""
    if outputs_of(node, scope) is not ONE:
        return None
    rule: Callable[[Any, Scope, int | None], int | None] | None = _RULES.get(type(node))
    return rule(node, scope, source) if rule else None


def is_small(fields: int | None) -> bool:
    return fields is not None and fields <= MANY_FIELDS


def _const(node: Const, scope: Scope, source: int | None) -> int | None:
    return len(node.value) if isinstance(node.value, dict) else None


def _either(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else max(one, other)


def _pipe(node: Pipe, scope: Scope, source: int | None) -> int | None:
    return most_fields(node.right, scope, most_fields(node.left, scope, source))


def _if(node: If, scope: Scope, source: int | None) -> int | None:
    then = ANY if source is None and _asks_for_object(node.condition, scope) else source
    return _either(most_fields(node.then, scope, then), most_fields(node.otherwise, scope, source))


def _asks_for_object(node: Node, scope: Scope) -> bool:
    """Whether it is `type == "object"`."""
    if not isinstance(node, Compare) or node.operator != "==":
        return False
    asked, wanted = node.left, node.right
    return (
        isinstance(asked, Call)
        and asked.name == "type"
        and not asked.args
        and scope.function(asked) is None
        and isinstance(wanted, Const)
        and wanted.value == "object"
    )


def _sum(node: Arithmetic, scope: Scope, source: int | None) -> int | None:
    if node.operator != "+":
        return None
    left, right = most_fields(node.left, scope, source), most_fields(node.right, scope, source)
    return None if left is None or right is None else min(left + right, ANY)


def _deleted(node: Delete, scope: Scope, source: int | None) -> int | None:
    return source if _is_inside(node.path) else None


def _is_inside(path: Node) -> bool:
    """Whether a path leads to something in the value, and never to the value itself."""
    if isinstance(path, Pipe):
        return _is_inside(path.left) or _is_inside(path.right)
    if isinstance(path, Comma):
        return _is_inside(path.left) and _is_inside(path.right)
    return isinstance(path, Each | Index | Slice)


def _alternative(node: Alternative, scope: Scope, source: int | None) -> int | None:
    return _either(most_fields(node.left, scope, source), most_fields(node.right, scope, source))


def _let(node: Let, scope: Scope, source: int | None) -> int | None:
    return most_fields(node.body, inner_scope(node, scope), source)


def _call(node: Call, scope: Scope, source: int | None) -> int | None:
    """Of a skill's own function; found out once for each kind of functions that it is handed."""
    function = scope.function(node)
    if function is None:
        expanded = expanded_call(node, scope)
        return None if expanded is None else most_fields(expanded, scope, source)
    if not isinstance(function, Definition):
        return None
    signature = signature_of(function, node.args, scope)
    at = (*signature, None if source is None else min(source, ANY))
    if at not in function.fields:
        function.fields[at] = None
        codes = ("",) * len(signature)
        body = function.define.body
        function.fields[at] = most_fields(body, body_scope(function, signature, codes), source)
    return function.fields[at]


_RULES: Mapping[type, Callable[[Any, Scope, int | None], int | None]] = {
    Const: _const,
    Identity: lambda node, scope, source: source,
    Object: lambda node, scope, source: len(node.entries),
    Pipe: _pipe,
    If: _if,
    Arithmetic: _sum,
    Alternative: _alternative,
    Bind: lambda node, scope, source: most_fields(node.body, scope, source),
    Delete: _deleted,
    Let: _let,
    Call: _call,
}
