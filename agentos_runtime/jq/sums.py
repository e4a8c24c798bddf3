"""What a text is put together of: how it always begins, and the params without which there is a hole in it.

Both are found without evaluating it, and hold for the expressions that are understood; of others nothing is known.
"""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass

from agentos_runtime.jq.compiled.errors import Unsupported
from agentos_runtime.jq.compiled.language.parser import parse_expression
from agentos_runtime.jq.compiled.language.syntax import (
    Alternative,
    Arithmetic,
    Array,
    Bind,
    Call,
    Comma,
    Const,
    Identity,
    If,
    Index,
    Let,
    Node,
    Pipe,
    Recurse,
    Text,
)

_AS_TEXT = frozenset({"tostring", "@uri", "@text", "ascii_downcase", "ascii_upcase"})
"""What a text is handed through, and null becomes `null` or stays nothing."""


def beginning(source: str) -> str:
    """The text with which every value of an expression begins; empty where that is not known."""
    node = _node(source)
    return _begins(node) if node is not None else ""


def needed(source: str) -> frozenset[str]:
    """The params that stand in a text as they are: where one is null, its place in the text is empty or `null`."""
    node = _node(source)
    return frozenset(_holes(node)) if node is not None else frozenset()


def deciding(source: str) -> frozenset[str]:
    """The params that only say which of several texts it is: they stand in conditions and in none of the texts."""
    node = _node(source)
    if node is None:
        return frozenset()
    conditions = [*_conditions(node)]
    left_out = frozenset(map(id, conditions))
    if _may_take_all(node, left_out):
        return frozenset()
    inside = {name for condition in conditions for name in _params(condition)}
    return frozenset(inside - {*_params(node, left_out)})


def _node(source: str) -> Node | None:
    try:
        return parse_expression(source)
    except Unsupported:
        return None


def _begins(node: Node) -> str:
    match node:
        case Const(value=str(text)):
            return text
        case Text(parts=(str(text), *_)):
            return text
        case Arithmetic(operator="+", left=Const(value=str(text)), right=right):
            return text + _begins(right)
        case Arithmetic(operator="+", left=left):
            return _begins(left)
        case Pipe(left=left, right=Identity() | Call(name="tostring", args=())):
            return _begins(left)
        case Pipe(left=Array(body=body), right=Call(name="join", args=(Const(value=str(between)),))):
            first, *others = _listed(body)
            start = _begins(first)
            return start + between if others and isinstance(first, Const) and start else start
        case Pipe(left=Array(body=body), right=Call(name="add", args=())):
            return _begins(_listed(body)[0])
        case If(then=one, otherwise=other) | Alternative(left=one, right=other):
            return _common(_begins(one), _begins(other))
        case Let(body=body) | Bind(body=body):
            return _begins(body)
    return ""


def _common(one: str, other: str) -> str:
    """What both begin with."""
    same = (index for index, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1])
    return one[: next(same, min(len(one), len(other)))]


def _holes(node: Node) -> Iterator[str]:
    match node:
        case Text(parts=parts):
            for part in parts:
                if not isinstance(part, str):
                    yield from _hole(part)
        case Arithmetic(operator="+") if any(map(_is_text, operands := [*_operands(node)])):
            for operand in operands:
                yield from _hole(operand)
        case Pipe(left=Array(body=body), right=Call(name="join" | "add")):
            for each in _listed(body):
                yield from _hole(each)
        case Pipe(left=left):
            yield from _holes(left)
        case Let(body=body):
            yield from _holes(body)


def _hole(node: Node) -> Iterator[str]:
    if (param := _param(node)) is not None:
        yield param
    match node:
        case Pipe(left=left, right=Call(name=name, args=())) if name in _AS_TEXT:
            yield from _hole(left)
        case Text() | Arithmetic() | Pipe() | Let():
            yield from _holes(node)


def _operands(node: Node) -> Iterator[Node]:
    if isinstance(node, Arithmetic) and node.operator == "+":
        yield from _operands(node.left)
        yield from _operands(node.right)
    else:
        yield node


def _is_text(node: Node) -> bool:
    return isinstance(node, Text) or (isinstance(node, Const) and isinstance(node.value, str))


def _listed(node: Node) -> list[Node]:
    return [*_listed(node.left), *_listed(node.right)] if isinstance(node, Comma) else [node]


def _conditions(node: Node) -> Iterator[Node]:
    """Those that decide between texts, and not inside of one."""
    match node:
        case If(condition=condition, then=then, otherwise=otherwise):
            yield condition
            yield from _conditions(then)
            yield from _conditions(otherwise)
        case Arithmetic(operator="+", left=left, right=right):
            yield from _conditions(left)
            yield from _conditions(right)
        case Pipe(left=left):
            yield from _conditions(left)
        case Let(body=body) | Bind(body=body):
            yield from _conditions(body)


def _params(node: object, but: frozenset[int] = frozenset()) -> Iterator[str]:
    """The params that stand anywhere in a node, except in those that are left out."""
    if id(node) in but:
        return
    name = _param(node)
    if name is not None:
        yield name
    for each in _inside(node):
        yield from _params(each, but)


def _param(node: object) -> str | None:
    """`name` of `.params.name`."""
    match node:
        case Index(target=Index(target=Identity(), key=Const(value="params")), key=Const(value=str(name))):
            return name
    return None


def _may_take_all(node: object, but: frozenset[int]) -> bool:
    """Whether a node may look at what it is evaluated over otherwise than by the name of a param."""
    if id(node) in but or _param(node) is not None:
        return False
    if isinstance(node, Identity | Recurse | Call):
        return True
    if isinstance(node, Pipe):
        return _may_take_all(node.left, but)
    return any(_may_take_all(each, but) for each in _inside(node))


def _inside(node: object) -> Iterator[object]:
    if isinstance(node, tuple):
        yield from node
    elif is_dataclass(node):
        yield from (getattr(node, each.name) for each in fields(node))
