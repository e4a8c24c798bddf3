"""Which functions of a skill are so small that their code may stand in every place that calls them."""

from collections.abc import Iterator
from dataclasses import fields

from agentos_runtime.jq.compiled.language.syntax import Call, Define, Names, Node
from agentos_runtime.jq.compiled.scope import Definition, Scope

_LARGEST = 14
"""Nodes."""


def is_leaf(definition: Definition) -> bool:
    """Whether it is small and calls no function of a skill, so that code does not grow by it."""
    if definition.leaf is None:
        definition.leaf = _is_leaf(definition.define, definition.scope)
    return definition.leaf


def _is_leaf(define: Define, scope: Scope) -> bool:
    values = {(param[1:], 0) for param in define.params}
    own = {signature for signature in scope.functions if signature not in values} | {
        (define.name, len(define.params))
    }
    for number, node in enumerate(nodes_of(define.body)):
        if number >= _LARGEST or isinstance(node, Define):
            return False
        if isinstance(node, Call) and (node.name, len(node.args)) in own:
            return False
    return True


def nodes_of(node: Node | Define | Names) -> Iterator[object]:
    """The node and all in it."""
    yield node
    for field in fields(node):
        for inner in _inside(getattr(node, field.name)):
            yield from nodes_of(inner)


def _inside(value: object) -> Iterator[Node | Define | Names]:
    if isinstance(value, tuple):
        for each in value:
            yield from _inside(each)
    elif isinstance(value, Node | Define | Names):
        yield value
