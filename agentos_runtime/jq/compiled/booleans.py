"""Which nodes give true or false and nothing else, so that a test of Python may take them as they are."""

from collections.abc import Callable, Mapping
from typing import Any

from agentos_runtime.jq.compiled.cardinality import expanded_call, inner_scope
from agentos_runtime.jq.compiled.language.syntax import (
    Bind,
    Call,
    Compare,
    Const,
    If,
    Let,
    Logic,
    Node,
    Pipe,
    Some,
)
from agentos_runtime.jq.compiled.scope import Definition, Scope

_OWN = frozenset({("not", 0), ("has", 1), ("startswith", 1), ("endswith", 1)})


def is_boolean(node: Node, scope: Scope) -> bool:
    """Whether the node's one output is certainly true or false."""
    rule: Callable[[Any, Scope], bool] | None = _RULES.get(type(node))
    return rule is not None and rule(node, scope)


def _always(node: Node, scope: Scope) -> bool:
    return True


def _call(node: Call, scope: Scope) -> bool:
    function = scope.function(node)
    if isinstance(function, Definition):
        if function.boolean is None:
            function.boolean = False  # as long as it is looked at
            define = function.define
            inner = function.scope.add({(define.name, len(define.params)): function})
            function.boolean = not define.params and is_boolean(define.body, inner)
        return function.boolean
    if function is not None:
        return False
    expanded = expanded_call(node, scope)
    return is_boolean(expanded, scope) if expanded is not None else (node.name, len(node.args)) in _OWN


_RULES: Mapping[type, Callable[[Any, Scope], bool]] = {
    Compare: _always,
    Logic: _always,
    Some: _always,
    Const: lambda node, scope: isinstance(node.value, bool),
    Pipe: lambda node, scope: is_boolean(node.right, scope),
    Bind: lambda node, scope: is_boolean(node.body, scope),
    Let: lambda node, scope: is_boolean(node.body, inner_scope(node, scope)),
    If: lambda node, scope: is_boolean(node.then, scope) and is_boolean(node.otherwise, scope),
    Call: _call,
}
