"""Assignments, `del` and `map_values`: a value with something else at a path, which is made of simple steps."""

from collections.abc import Callable
from typing import TypeAlias

from agentos_runtime.jq.compiled import conditions
from agentos_runtime.jq.compiled.cardinality import ONE, expanded_call, outputs_of
from agentos_runtime.jq.compiled.errors import Unsupported
from agentos_runtime.jq.compiled.language.syntax import (
    Alternative,
    Arithmetic,
    Assign,
    Call,
    Comma,
    Const,
    Delete,
    Each,
    Empty,
    Evaluated,
    Identity,
    If,
    Index,
    Node,
    Pipe,
    Variable,
)
from agentos_runtime.jq.compiled.making import Make
from agentos_runtime.jq.compiled.scope import Scope
from agentos_runtime.jq.compiled.writer import Cost, field_of

Change: TypeAlias = Callable[[str], str]
"""From the code of what stands at a path to the code of what shall stand there."""


def assigned(make: Make, node: Assign, source: str, scope: Scope) -> str:
    """`path = value`, `path |= value` and `path op= value`."""
    if node.operator == "|=":
        return updated(make, node.path, source, scope, lambda value: make.value(node.value, value, scope))
    new = make.atom(node.value, source, scope)
    if node.operator == "=":
        return updated(make, node.path, source, scope, lambda value: new)
    operator = node.operator[:-1]
    right = Evaluated(new)
    made = Alternative(Identity(), right) if operator == "//" else Arithmetic(operator, Identity(), right)
    return updated(make, node.path, source, scope, lambda value: make.value(made, value, scope))


def updated(make: Make, path: Node, source: str, scope: Scope, change: Change, *, below_key: bool = False) -> str:
    """The name of what `source` is when each place that the path leads to is changed.

    below_key: what `source` is stands under a key that may be missing, and would be set to null.
    """
    if isinstance(path, Identity):
        return make.set(change(source))
    if isinstance(path, Pipe):
        right, under = path.right, _ends_at_key(path.left, scope, below_key)
        return updated(
            make,
            path.left,
            source,
            scope,
            lambda value: updated(make, right, value, scope, change, below_key=under),
            below_key=below_key,
        )
    if isinstance(path, Index):
        return _updated_key(make, path, source, scope, change, below_key)
    if isinstance(path, Each):
        each: Change = lambda value: _updated_items(make, value, change)  # noqa: E731
        return updated(make, path.target, source, scope, each, below_key=below_key)
    if isinstance(path, If):
        return _updated_choice(make, path, source, scope, change, below_key)
    expanded = _expanded(path, scope)
    if expanded is not None:
        return updated(make, expanded, source, scope, change, below_key=below_key)
    raise Unsupported("an assignment to such a path")


def _expanded(path: Node, scope: Scope) -> If | Index | None:
    """What a function of jq's own is, where that is a path."""
    if isinstance(path, Call) and scope.function(path) is None:
        expanded = expanded_call(path, scope)
        if isinstance(expanded, If | Index):
            return expanded
    return None


def _ends_at_key(path: Node, scope: Scope, before: bool) -> bool:
    """Whether what a path leads to may be missing; items of `.[]` are there."""
    if isinstance(path, Index):
        return True
    if isinstance(path, Each):
        return False
    if isinstance(path, Pipe):
        return _ends_at_key(path.right, scope, _ends_at_key(path.left, scope, before))
    if isinstance(path, If):
        return any(_ends_at_key(branch, scope, before) for branch in (path.then, path.otherwise))
    expanded = _expanded(path, scope)
    return before if expanded is None else _ends_at_key(expanded, scope, before)


def _updated_key(make: Make, path: Index, source: str, scope: Scope, change: Change, below_key: bool) -> str:
    if outputs_of(path.key, scope) is not ONE or not isinstance(path.key, Const | Variable | Index):
        raise Unsupported("an assignment to several keys")
    is_name = isinstance(path.key, Const) and isinstance(path.key.value, str)
    key = make.value(path.key, source, scope) if is_name else make.atom(path.key, source, scope)

    def at_key(value: str) -> str:
        call = f"jq_index(meter, {value}, {key})"
        old = make.set(field_of(value, key, call) if is_name and value.isidentifier() else call)
        return make.set(f"jq_with_key(meter, {value}, {key}, {change(old)})")

    return updated(make, path.target, source, scope, at_key, below_key=below_key)


def _updated_items(make: Make, value: str, change: Change) -> str:
    value = make.set(value)
    found, each, name = make.fresh(), make.fresh(), make.fresh()
    with make.block(f"if {value}.__class__ is list:"):
        make.line(f"{found} = []")
        with make.counted(f"for {each} in jq_items(meter, {value}, ", Cost(), "):"):
            make.line(f"{found}.append({change(each)})")
    with make.block("else:"):
        make.line(f"{found} = {{}}")
        with make.counted(f"for {name}, {each} in jq_pairs(meter, {value}, ", Cost(), "):"):
            make.line(f"{found}[{name}] = {change(each)}")
    return found


def _updated_choice(make: Make, path: If, source: str, scope: Scope, change: Change, below_key: bool) -> str:
    found = make.fresh()

    def branch(path: Node) -> str:
        if not isinstance(path, Empty):
            return updated(make, path, source, scope, change, below_key=below_key)
        if below_key:  # jq sets no key then, not even to what it was
            raise Unsupported("an assignment to a path that may lead nowhere")
        return source

    with make.block(f"if {conditions.truth(make, path.condition, source, scope)}:"):
        make.line(f"{found} = {branch(path.then)}")
    with make.block("else:"):
        make.line(f"{found} = {branch(path.otherwise)}")
    return found


def deleted(make: Make, node: Delete, source: str, scope: Scope) -> str:
    """`del(.a, .b)` and `del(.[] | select(…))`"""
    names = _names(node.path)
    if names is not None:
        return f"jq_without_keys(meter, {source}, {names!r})"
    path = node.path
    if isinstance(path, Pipe) and isinstance(path.left, Each) and isinstance(path.left.target, Identity):
        chosen = path.right
        if isinstance(chosen, Call) and scope.function(chosen) is None:
            chosen = expanded_call(chosen, scope) or chosen
        if isinstance(chosen, If) and isinstance(chosen.then, Identity) and isinstance(chosen.otherwise, Empty):
            return _without_items(make, chosen.condition, source, scope)
    raise Unsupported("del of such a path")


def _without_items(make: Make, condition: Node, source: str, scope: Scope) -> str:
    found, each, name = make.fresh(), make.fresh(), make.fresh()
    with make.block(f"if {source}.__class__ is list:"):
        make.line(f"{found} = []")
        with make.counted(f"for {each} in jq_items(meter, {source}, ", Cost(), "):"):
            make.line(f"if not {conditions.truth(make, condition, each, scope)}: {found}.append({each})")
    with make.block("else:"):
        make.line(f"{found} = {{}}")
        with make.counted(f"for {name}, {each} in jq_pairs(meter, {source}, ", Cost(), "):"):
            make.line(f"if not {conditions.truth(make, condition, each, scope)}: {found}[{name}] = {each}")
    return found


def _names(path: Node) -> tuple[str, ...] | None:
    """The names of a path that is made of fields of the input only."""
    if isinstance(path, Comma):
        left, right = _names(path.left), _names(path.right)
        return None if left is None or right is None else left + right
    if isinstance(path, Index) and isinstance(path.target, Identity) and isinstance(path.key, Const):
        return (path.key.value,) if isinstance(path.key.value, str) else None
    return None
