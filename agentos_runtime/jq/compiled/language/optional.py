"""A step with a `?` behind it: `.a?`, `.[0]?`, `.[1:]?`, `.[]?`."""

from agentos_runtime.jq.compiled.language.syntax import (
    Bind,
    Const,
    Each,
    Identity,
    Index,
    Node,
    Slice,
    Try,
    Variable,
)

_CERTAIN = (Identity, Const, Variable)
"""Nodes that cannot fail."""


def optional(step: Index | Slice | Each) -> Node:
    """The step where it is possible; what fails in its target or in its keys, which come first, is not forgiven."""
    found: Node
    if isinstance(step, Each):
        found = Try(Each(_held(step.target, "target")), None)
        return _holding(found, ("target", step.target))
    if isinstance(step, Index):
        found = Try(Index(_held(step.target, "target"), _held(step.key, "key")), None)
        return _holding(found, ("target", step.target), ("key", step.key))
    low = None if step.low is None else _held(step.low, "low")
    high = None if step.high is None else _held(step.high, "high")
    found = Try(Slice(_held(step.target, "target"), low, high), None)
    return _holding(found, ("target", step.target), ("high", step.high), ("low", step.low))


def _held(node: Node, name: str) -> Node:
    """What stands for a part of a step once that is evaluated; no skill's variable has a blank in its name."""
    return node if isinstance(node, _CERTAIN) else Variable(f"the {name}")


def _holding(found: Node, *parts: tuple[str, Node | None]) -> Node:
    """The node with its parts evaluated before it, the last of them first."""
    for name, part in parts:
        if part is not None and not isinstance(part, _CERTAIN):
            found = Bind(part, f"the {name}", found)
    return found
