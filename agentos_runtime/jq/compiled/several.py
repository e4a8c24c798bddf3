"""Nodes with any number of outputs: `leaf` writes what is done with one, at each place where one comes up."""

from collections.abc import Callable, Mapping

from agentos_runtime.jq.compiled import conditions
from agentos_runtime.jq.compiled.cardinality import MANY, ONE, expanded_call, outputs_of
from agentos_runtime.jq.compiled.errors import Unsupported
from agentos_runtime.jq.compiled.language.syntax import (
    Alternative,
    Arithmetic,
    Bind,
    Call,
    Comma,
    Compare,
    Const,
    Each,
    Empty,
    Evaluated,
    First,
    Foreach,
    If,
    Index,
    Let,
    Negate,
    Node,
    Object,
    Pipe,
    Range,
    Recurse,
    Slice,
    Try,
    Variable,
)
from agentos_runtime.jq.compiled.making import Leaf, Make
from agentos_runtime.jq.compiled.scope import Definition, Param, Scope
from agentos_runtime.jq.compiled.writer import Cost

_ONE_PLACE = (Each, Recurse, Range, Index, Slice, First, Try, Object, Negate, Arithmetic, Compare)


def has_one_place(node: Node, scope: Scope) -> bool:
    """Whether the outputs of a node come up at one place of its code."""
    if isinstance(node, Pipe):
        return outputs_of(node.right, scope) is ONE or has_one_place(node.right, scope)
    if isinstance(node, If):
        branches = [each for each in (node.then, node.otherwise) if not isinstance(each, Empty)]
        return len(branches) == 1 and (outputs_of(branches[0], scope) is ONE or has_one_place(branches[0], scope))
    if isinstance(node, Call) and scope.function(node) is None:
        expanded = expanded_call(node, scope)
        return expanded is not None and has_one_place(expanded, scope)
    if isinstance(node, Call):
        return True
    if isinstance(node, Bind):
        return outputs_of(node.body, scope) is ONE or has_one_place(node.body, scope)
    if isinstance(node, Foreach):
        return outputs_of(node.extract, scope) is ONE or has_one_place(node.extract, scope)
    return isinstance(node, _ONE_PLACE)


def _each(make: Make, node: Each, source: str, scope: Scope, leaf: Leaf) -> None:
    def loop(target: str) -> None:
        found = make.fresh()
        with make.counted(f"for {found} in jq_items(meter, {target}, ", Cost(), "):"):
            leaf(found)

    make.each(node.target, source, scope, loop)


def _recurse(make: Make, node: Recurse, source: str, scope: Scope, leaf: Leaf) -> None:
    found = make.fresh()
    with make.counted(f"for {found} in jq_inner(meter, {source}):"):
        leaf(found)


def _range(make: Make, node: Range, source: str, scope: Scope, leaf: Leaf) -> None:
    bounds = [make.atom(bound, source, scope) for bound in (node.low, node.high)]
    found = make.fresh()
    with make.counted(f"for {found} in jq_counted(meter, {bounds[0]}, {bounds[1]}, ", Cost(), "):"):
        leaf(found)


def _pipe(make: Make, node: Pipe, source: str, scope: Scope, leaf: Leaf) -> None:
    make.each(node.left, source, scope, lambda value: make.outputs(node.right, value, scope, leaf))


def _comma(make: Make, node: Comma, source: str, scope: Scope, leaf: Leaf) -> None:
    make.outputs(node.left, source, scope, leaf)
    make.outputs(node.right, source, scope, leaf)


def _empty(make: Make, node: Empty, source: str, scope: Scope, leaf: Leaf) -> None:
    """Nothing comes."""


def _branches(make: Make, node: If, source: str, scope: Scope, leaf: Leaf) -> None:
    def choose(test: str) -> None:
        with make.block(f"if {test}:"):
            make.outputs(node.then, source, scope, leaf)
        if not isinstance(node.otherwise, Empty):
            with make.block("else:"):
                make.outputs(node.otherwise, source, scope, leaf)

    if outputs_of(node.condition, scope) is ONE:
        choose(conditions.truth(make, node.condition, source, scope))
    else:
        make.each(
            node.condition, source, scope, lambda value: choose(f"{value} is not None and {value} is not False")
        )


def _alternative(make: Make, node: Alternative, source: str, scope: Scope, leaf: Leaf) -> None:
    found = make.fresh()
    make.line(f"{found} = False")

    def keep(value: str) -> None:
        with make.block(f"if {value} is not None and {value} is not False:"):
            make.line(f"{found} = True")
            leaf(value)

    make.each(node.left, source, scope, keep)
    with make.block(f"if not {found}:"):
        make.outputs(node.right, source, scope, leaf)


def _try(make: Make, node: Try, source: str, scope: Scope, leaf: Leaf) -> None:
    handler = node.handler
    fails = conditions.is_failure(handler, scope)
    is_silent = handler is None or isinstance(handler, Const | Variable | Empty) or _is_empty(handler, scope)
    many = outputs_of(node.body, scope) is MANY
    if not is_silent and (many or not fails):
        raise Unsupported("a handler that may look at the message")
    if many:
        _try_many(make, node, source, scope, leaf)
        return
    found = make.fresh()
    make.line(f"{found} = MISSING")
    with make.block("try:"):
        make.outputs(node.body, source, scope, lambda value: make.line(f"{found} = {value}"))
    with make.block("except JqError:"):
        if isinstance(handler, Const | Variable):
            make.line(f"{found} = {make.value(handler, source, scope)}")
        elif fails:
            make.line("raise")
    with make.block(f"if {found} is not MISSING:"):
        leaf(found)


def _try_many(make: Make, node: Try, source: str, scope: Scope, leaf: Leaf) -> None:
    """A generator of its own: what fails in `leaf` is not caught."""
    name, found = make.fresh("g"), make.fresh()
    with make.counted(f"def {name}():"):
        with make.block("try:"):
            make.outputs(node.body, source, scope, lambda value: make.line(f"yield {value}"))
        with make.block("except JqError:"):
            if isinstance(node.handler, Const | Variable):
                make.line(f"yield {make.value(node.handler, source, scope)}")
        make.line("if False: yield")
    with make.counted(f"for {found} in {name}():"):
        leaf(found)


def _is_empty(node: Node, scope: Scope) -> bool:
    return isinstance(node, Call) and node.name == "empty" and not node.args and scope.function(node) is None


def _first(make: Make, node: First, source: str, scope: Scope, leaf: Leaf) -> None:
    found = make.set(f"next({make.generator(node.body, source, scope)}(), MISSING)")
    with make.block(f"if {found} is not MISSING:"):
        leaf(found)


def _foreach(make: Make, node: Foreach, source: str, scope: Scope, leaf: Leaf) -> None:
    total = make.fresh()
    make.line(f"{total} = {make.value(node.start, source, scope)}")

    def step(value: str) -> None:
        inner = make.bind(node.pattern, value, scope)
        make.line(f"{total} = {make.value(node.update, total, inner)}")
        make.each(node.extract, make.set(f"({total})"), inner, leaf)

    make.each(node.source, source, scope, step)


def _bind(make: Make, node: Bind, source: str, scope: Scope, leaf: Leaf) -> None:
    def bound(value: str) -> None:
        make.outputs(node.body, source, make.bind(node.pattern, value, scope), leaf)

    make.each(node.source, source, scope, bound)


def _let(make: Make, node: Let, source: str, scope: Scope, leaf: Leaf) -> None:
    make.outputs(node.body, source, make.define(node.define, scope), leaf)


def _index(make: Make, node: Index, source: str, scope: Scope, leaf: Leaf) -> None:
    """jq takes the key first, and for each of its outputs those of the target."""

    def with_key(key: str) -> None:
        make.each(node.target, source, scope, lambda target: leaf(make.set(f"jq_index(meter, {target}, {key})")))

    make.each(node.key, source, scope, with_key)


def _slice(make: Make, node: Slice, source: str, scope: Scope, leaf: Leaf) -> None:
    bounds = ["None" if bound is None else make.atom(bound, source, scope) for bound in (node.low, node.high)]
    make.each(
        node.target,
        source,
        scope,
        lambda target: leaf(make.set(f"jq_slice_of(meter, {target}, {bounds[0]}, {bounds[1]})")),
    )


def _two_sided(make: Make, node: Arithmetic | Compare, source: str, scope: Scope, leaf: Leaf) -> None:
    """jq takes the right side first, and for each of its outputs those of the left side."""

    def with_right(right: str) -> None:
        def with_both(left: str) -> None:
            made = type(node)(node.operator, Evaluated(left), Evaluated(right))
            leaf(make.atom(made, source, scope))

        make.each(node.left, source, scope, with_both)

    make.each(node.right, source, scope, with_right)


def _negate(make: Make, node: Negate, source: str, scope: Scope, leaf: Leaf) -> None:
    make.each(node.body, source, scope, lambda value: leaf(make.set(f"jq_negative(meter, {value})")))


def _object(make: Make, node: Object, source: str, scope: Scope, leaf: Leaf) -> None:
    """Of the fields, one may have several values; those before it are evaluated before it, whatever it gives."""
    at = [number for number, (_, value) in enumerate(node.entries) if outputs_of(value, scope) is not ONE]
    if len(at) != 1 or any(outputs_of(key, scope) is not ONE for key, _ in node.entries):
        raise Unsupported("an object with several values in several places")
    before: list[tuple[Node, Node]] = []
    for key, value in node.entries[: at[0]]:
        name = Evaluated(make.set(f"jq_object_key({make.value(key, source, scope)})"))
        before.append((name, Evaluated(make.atom(value, source, scope))))
    key, value = node.entries[at[0]]
    name = Evaluated(make.atom(key, source, scope))
    after = node.entries[at[0] + 1 :]

    def with_value(found: str) -> None:
        leaf(make.atom(Object((*before, (name, Evaluated(found)), *after)), source, scope))

    make.each(value, source, scope, with_value)


def _call(make: Make, node: Call, source: str, scope: Scope, leaf: Leaf) -> None:
    function = scope.function(node)
    if function is None:
        expanded = expanded_call(node, scope)
        if expanded is None:
            raise Unsupported(f"{node.name}/{len(node.args)} of several values")
        make.outputs(expanded, source, scope, leaf)
        return
    if isinstance(function, Param):
        made = f"{function.code}({source})"
    else:
        assert isinstance(function, Definition)
        made = make.called(function, node.args, source, scope)
    found = make.fresh()
    with make.counted(f"for {found} in {made}:"):
        leaf(found)


OUTPUTS: Mapping[type, Callable[..., None]] = {
    Each: _each,
    Recurse: _recurse,
    Range: _range,
    Pipe: _pipe,
    Comma: _comma,
    Empty: _empty,
    If: _branches,
    Alternative: _alternative,
    Try: _try,
    First: _first,
    Foreach: _foreach,
    Bind: _bind,
    Let: _let,
    Index: _index,
    Slice: _slice,
    Arithmetic: _two_sided,
    Compare: _two_sided,
    Negate: _negate,
    Object: _object,
    Call: _call,
}
