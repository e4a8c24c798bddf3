"""How many outputs a node has: what has exactly one becomes a plain expression of Python."""

from collections.abc import Callable, Mapping
from typing import Any

from agentos_runtime.jq.compiled.errors import Unsupported
from agentos_runtime.jq.compiled.language.library import expand
from agentos_runtime.jq.compiled.language.syntax import (
    Alternative,
    Arithmetic,
    Bind,
    Call,
    Comma,
    Compare,
    Each,
    Empty,
    First,
    Foreach,
    If,
    Index,
    Let,
    Logic,
    Negate,
    Node,
    Object,
    Pipe,
    Range,
    Recurse,
    Slice,
    Try,
)
from agentos_runtime.jq.compiled.scope import Definition, Given, Outputs, Param, Scope

ONE, OPTIONAL, MANY = Outputs.ONE, Outputs.OPTIONAL, Outputs.MANY


def outputs_of(node: Node, scope: Scope) -> Outputs:
    """How many outputs the node has for one input. Raises Unsupported for recursion."""
    known = scope.known.get(node)
    if known is None:
        rule: Callable[[Any, Scope], Outputs] | None = _RULES.get(type(node))
        known = scope.known[node] = rule(node, scope) if rule else ONE
    return known


def inner_scope(let: Let, scope: Scope) -> Scope:
    """What the body of a `def …; body` sees when only the number of its outputs is asked for."""
    inner = scope.lets.get(let)
    if inner is None:
        define = let.define
        definition = Definition(define, scope, [], 0)
        inner = scope.lets[let] = scope.add({(define.name, len(define.params)): definition})
    return inner


def signature_of(definition: Definition, args: tuple[Node, ...], scope: Scope) -> tuple[Outputs, ...]:
    """How many outputs each argument has; a value has one, or the call is not supported."""
    found = []
    for param, arg in zip(definition.define.params, args, strict=True):
        outputs = outputs_of(arg, scope)
        if param.startswith("$") and outputs is not ONE:
            raise Unsupported("an argument that has several values")
        found.append(outputs)
    return tuple(found)


def body_scope(definition: Definition, signature: tuple[Outputs, ...], codes: tuple[str, ...]) -> Scope:
    """What the body of a function sees, with the names of its arguments in the generated code."""
    define = definition.define
    functions: dict[tuple[str, int], Definition | Param | Given] = {(define.name, len(define.params)): definition}
    variables = {}
    for param, outputs, code in zip(define.params, signature, codes, strict=True):
        if param.startswith("$"):
            variables[param[1:]] = code
            functions[param[1:], 0] = Given()
        else:
            functions[param, 0] = Param(code, outputs)
    return definition.scope.add(functions, variables)


def _widest(*nodes_of: str) -> Callable[[Any, Scope], Outputs]:
    """The widest of some fields of a node."""

    def rule(node: Any, scope: Scope) -> Outputs:
        inner = [getattr(node, name) for name in nodes_of]
        return max(outputs_of(each, scope) for each in inner if each is not None)

    return rule


def _object(node: Object, scope: Scope) -> Outputs:
    return max(outputs_of(each, scope) for entry in node.entries for each in entry)


def _alternative(node: Alternative, scope: Scope) -> Outputs:
    left = outputs_of(node.left, scope)
    return MANY if left is MANY else outputs_of(node.right, scope)


def _try(node: Try, scope: Scope) -> Outputs:
    body = outputs_of(node.body, scope)
    if node.handler is None:
        return max(body, OPTIONAL)
    return max(body, outputs_of(node.handler, scope))


def _let(node: Let, scope: Scope) -> Outputs:
    return outputs_of(node.body, inner_scope(node, scope))


def _call(node: Call, scope: Scope) -> Outputs:
    function = scope.function(node)
    if isinstance(function, Given):
        raise Unsupported("a value that is called like a function")
    if isinstance(function, Param):
        return function.outputs
    if function is not None:
        return _defined(function, signature_of(function, node.args, scope))
    expanded = expanded_call(node, scope)
    if expanded is not None:
        return outputs_of(expanded, scope)
    return max((outputs_of(arg, scope) for arg in node.args), default=ONE)


def expanded_call(node: Call, scope: Scope) -> Node | None:
    """What a call of jq's own stands for."""
    return expand(node.name, node.args)


def _defined(definition: Definition, signature: tuple[Outputs, ...]) -> Outputs:
    if signature not in definition.outputs:
        definition.outputs[signature] = None
        codes = ("",) * len(signature)
        definition.outputs[signature] = outputs_of(definition.define.body, body_scope(definition, signature, codes))
    found = definition.outputs[signature]
    if found is None:
        raise Unsupported("recursion")
    return found


_RULES: Mapping[type, Callable[[Any, Scope], Outputs]] = {
    Each: lambda node, scope: MANY,
    Recurse: lambda node, scope: MANY,
    Range: lambda node, scope: MANY,
    Comma: lambda node, scope: MANY,
    Foreach: lambda node, scope: MANY,
    Empty: lambda node, scope: OPTIONAL,
    First: lambda node, scope: min(outputs_of(node.body, scope), OPTIONAL),
    Alternative: _alternative,
    Try: _try,
    Object: _object,
    Let: _let,
    Call: _call,
    If: _widest("condition", "then", "otherwise"),
    Pipe: _widest("left", "right"),
    Bind: _widest("source", "body"),
    Index: _widest("target", "key"),
    Slice: _widest("target", "low", "high"),
    Negate: _widest("body"),
    Logic: _widest("left", "right"),
    Compare: _widest("left", "right"),
    Arithmetic: _widest("left", "right"),
}
