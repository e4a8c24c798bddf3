"""Nodes with exactly one output: each becomes an expression of Python, after the statements that it needs."""

from collections.abc import Callable, Mapping

from agentos_runtime.jq.compiled import conditions, paths
from agentos_runtime.jq.compiled.cardinality import ONE, body_scope, expanded_call, outputs_of, signature_of
from agentos_runtime.jq.compiled.errors import Unsupported
from agentos_runtime.jq.compiled.functions.table import FUNCTIONS, KEYED, OPERATORS, code_name
from agentos_runtime.jq.compiled.functions.values import LARGEST
from agentos_runtime.jq.compiled.kinds import is_small, most_fields
from agentos_runtime.jq.compiled.language.syntax import (
    Alternative,
    Arithmetic,
    Array,
    Assign,
    Bind,
    ByKey,
    Call,
    Compare,
    Const,
    Delete,
    Each,
    Evaluated,
    Fail,
    First,
    Identity,
    If,
    Index,
    Let,
    Logic,
    MapValues,
    Negate,
    Node,
    Object,
    Pipe,
    Reduce,
    Slice,
    Some,
    Sum,
    Text,
    Try,
    Variable,
)
from agentos_runtime.jq.compiled.leaves import is_leaf
from agentos_runtime.jq.compiled.making import Make
from agentos_runtime.jq.compiled.nulls import of_null
from agentos_runtime.jq.compiled.scope import Definition, Param, Scope
from agentos_runtime.jq.compiled.writer import field_of


def _identity(make: Make, node: Identity, source: str, scope: Scope) -> str:
    return source


def _const(make: Make, node: Const, source: str, scope: Scope) -> str:
    return repr(node.value)


def _variable(make: Make, node: Variable, source: str, scope: Scope) -> str:
    if node.name == "ENV" and "ENV" not in scope.variables:
        return "{}"
    if node.name not in scope.variables:
        raise Unsupported(f"${node.name}")
    return scope.variables[node.name]


def _evaluated(make: Make, node: Evaluated, source: str, scope: Scope) -> str:
    return node.code


def _index(make: Make, node: Index, source: str, scope: Scope) -> str:
    target = make.atom(node.target, source, scope)
    if isinstance(node.key, Const) and isinstance(node.key.value, str):
        name = repr(node.key.value)
        ready = make.ready.get((target, name))
        if ready is not None:
            return ready
        call = f"jq_field({target}, {name})"
        return field_of(target, name, call) if target.isidentifier() else call
    call = f"jq_index(meter, {target}, {make.value(node.key, source, scope)})"
    if (
        isinstance(node.key, Const)
        and type(node.key.value) is int
        and node.key.value == 0
        and target.isidentifier()
    ):
        return f"(({target}[0] if {target} else None) if {target}.__class__ is list else {call})"
    return call


def _slice(make: Make, node: Slice, source: str, scope: Scope) -> str:
    bounds = ["None" if bound is None else make.atom(bound, source, scope) for bound in (node.low, node.high)]
    return f"jq_slice_of(meter, {make.value(node.target, source, scope)}, {bounds[0]}, {bounds[1]})"


def _pipe(make: Make, node: Pipe, source: str, scope: Scope) -> str:
    return make.value(node.right, make.atom(node.left, source, scope), scope)


def _branches(make: Make, node: If, source: str, scope: Scope) -> str:
    return conditions.chosen(make, node, source, scope, lambda branch: make.value(branch, source, scope))


def _fallback_value(make: Make, node: Alternative, source: str, scope: Scope) -> str:
    found = make.fresh()
    if outputs_of(node.left, scope) is ONE:
        make.line(f"{found} = {make.value(node.left, source, scope)}")
    else:
        make.line(f"{found} = None")
        make.each(node.left, source, scope, lambda value: make.line(f"{found} = {value}"))
    with make.block(f"if {found} is None or {found} is False:"):
        make.line(f"{found} = {make.value(node.right, source, scope)}")
    return found


def _truth(make: Make, node: Node, source: str, scope: Scope) -> str:
    return conditions.truth(make, node, source, scope)


def _arithmetic(make: Make, node: Arithmetic, source: str, scope: Scope) -> str:
    fields = most_fields(node.left, scope), most_fields(node.right, scope)
    right = make.atom(node.right, source, scope)
    left = make.value(node.left, source, scope)
    if node.operator == "+" and None not in fields:
        if not (is_small(fields[0]) and is_small(fields[1])):
            return f"jq_merged(meter, {left}, {right})"
        make.cost.nodes += (fields[0] or 0) + (fields[1] or 0)
        return f"{{{_spread(left)}, {_spread(right)}}}"
    return f"{code_name(OPERATORS[node.operator])}(meter, {left}, {right})"


def _spread(code: str) -> str:
    """An object of Python in a display of another."""
    is_display = code.startswith("{") and code.endswith("}") and code != "{}"
    return code[1:-1] if is_display else f"**{code}"


def _negate(make: Make, node: Negate, source: str, scope: Scope) -> str:
    return f"jq_negative(meter, {make.value(node.body, source, scope)})"


def _array(make: Make, node: Array, source: str, scope: Scope) -> str:
    if outputs_of(node.body, scope) is ONE:
        return f"[{make.value(node.body, source, scope)}]"
    found, append = make.fresh(), make.fresh()
    make.line(f"{found} = []")
    make.line(f"{append} = {found}.append")
    make.outputs(node.body, source, scope, lambda value: make.line(f"{append}({value})"))
    return found


def _object(make: Make, node: Object, source: str, scope: Scope) -> str:
    return "{" + ", ".join(_entry(make, key, value, source, scope) for key, value in node.entries) + "}"


def _entry(make: Make, key: Node, value: Node, source: str, scope: Scope) -> str:
    if isinstance(key, Const) and isinstance(key.value, str):
        name = repr(key.value)
    else:
        name = f"jq_object_key({make.value(key, source, scope)})"
    return f"{name}: {make.value(value, source, scope)}"


def _text(make: Make, node: Text, source: str, scope: Scope) -> str:
    shown = FUNCTIONS.get((node.form, 0))
    if shown is None:
        raise Unsupported(node.form)
    parts = [
        repr(part) if isinstance(part, str) else f"{code_name(shown)}(meter, {make.value(part, source, scope)})"
        for part in node.parts
    ]
    return f"jq_joined_parts(meter, {', '.join(parts)})"


def _fail(make: Make, node: Fail, source: str, scope: Scope) -> str:
    make.line("raise JqError")
    return "None"


def _caught(make: Make, node: Try, source: str, scope: Scope) -> str:
    if conditions.is_failure(node.handler, scope):  # whatever fails, a worker has the words
        return make.value(node.body, source, scope)
    found = make.fresh()
    with make.block("try:"):
        make.line(f"{found} = {make.value(node.body, source, scope)}")
    with make.block("except JqError:"):
        make.line(f"{found} = {_handled(make, node, source, scope)}")
    return found


def _handled(make: Make, node: Try, source: str, scope: Scope) -> str:
    """A handler that does not look at the message."""
    if not isinstance(node.handler, Const | Variable):
        raise Unsupported("a handler that may look at the message")
    return make.value(node.handler, source, scope)


def _first(make: Make, node: First, source: str, scope: Scope) -> str:
    return make.value(node.body, source, scope)


def _some(make: Make, node: Some, source: str, scope: Scope) -> str:
    name = make.fresh("g")
    with make.counted(f"def {name}():"):

        def leaf(value: str) -> None:
            test = f"{value} is not None and {value} is not False"
            with make.block(f"if {test}:" if node.wanted else f"if not ({test}):"):
                make.line("return True")

        make.outputs(node.body, source, scope, lambda value: leaf(make.set(value)))
        make.line("return False")
    return f"{name}()"


def _sum(make: Make, node: Sum, source: str, scope: Scope) -> str:
    return f"jq_added(meter, {make.value(Array(node.body), source, scope)})"


def _by_key(make: Make, node: ByKey, source: str, scope: Scope) -> str:
    if outputs_of(node.key, scope) is not ONE:
        raise Unsupported("several keys to sort by")
    keys = make.atom(Array(Pipe(Each(Identity()), node.key)), source, scope)
    return f"{code_name(KEYED[node.name])}(meter, {source}, {keys})"


def _map_values(make: Make, node: MapValues, source: str, scope: Scope) -> str:
    return paths.updated(make, Each(Identity()), source, scope, lambda value: make.value(node.body, value, scope))


def _reduce(make: Make, node: Reduce, source: str, scope: Scope) -> str:
    total = make.fresh()
    make.line(f"{total} = {make.value(node.start, source, scope)}")

    def step(value: str) -> None:
        inner = make.bind(node.pattern, value, scope)
        make.line(f"{total} = {make.value(node.update, total, inner)}")

    make.each(node.source, source, scope, step)
    return total


def _bound(make: Make, node: Bind, source: str, scope: Scope) -> str:
    inner = make.bind(node.pattern, make.atom(node.source, source, scope), scope)
    return make.value(node.body, source, inner)


def _let(make: Make, node: Let, source: str, scope: Scope) -> str:
    return make.value(node.body, source, make.define(node.define, scope))


def _call(make: Make, node: Call, source: str, scope: Scope) -> str:
    function = scope.function(node)
    if isinstance(function, Param):
        return f"{function.code}({source})"
    if isinstance(function, Definition):
        return _of_skill(make, function, node.args, source, scope)
    expanded = expanded_call(node, scope)
    if expanded is not None:
        return make.value(expanded, source, scope)
    own = FUNCTIONS.get((node.name, len(node.args)))
    if own is None:
        raise Unsupported(f"{node.name}/{len(node.args)}")
    args = [make.atom(arg, source, scope) for arg in node.args]
    call = f"{code_name(own)}({', '.join(['meter', source, *args])})"
    return _quicker(node, source, call) if source.isidentifier() else call


def _quicker(node: Call, source: str, call: str) -> str:
    """A call of jq's own, or less where it is seen at once what it gives."""
    if node.name == "has" and isinstance(node.args[0], Const) and isinstance(node.args[0].value, str):
        return f"({node.args[0].value!r} in {source} if {source}.__class__ is dict else {call})"
    if node.name == "length":
        return f"(len({source}) if {source}.__class__ is list or {source}.__class__ is str else {call})"
    if node.name == "not":
        return f"({source} is None or {source} is False)"
    if node.name == "floor":
        return f"({source} if {source}.__class__ is int and -{LARGEST} < {source} < {LARGEST} else {call})"
    return call


def _of_skill(make: Make, definition: Definition, args: tuple[Node, ...], source: str, scope: Scope) -> str:
    """A skill's function: one that is small and calls no other stands where it is called."""
    if any(not param.startswith("$") for param in definition.define.params) or not is_leaf(definition):
        return _or_known(definition, source, make.called(definition, args, source, scope))
    signature = signature_of(definition, args, scope)
    codes = tuple(make.atom(arg, source, scope) for arg in args)
    return make.value(definition.define.body, source, body_scope(definition, signature, codes))


def _or_known(definition: Definition, source: str, call: str) -> str:
    """What the function makes of null is known mostly, and most of what may be there is not."""
    known = of_null(definition) if source.isidentifier() else None
    return call if known is None else f"({known.value!r} if {source} is None else {call})"


VALUES: Mapping[type, Callable[..., str]] = {
    Identity: _identity,
    Const: _const,
    Variable: _variable,
    Evaluated: _evaluated,
    Index: _index,
    Slice: _slice,
    Pipe: _pipe,
    If: _branches,
    Alternative: _fallback_value,
    Logic: _truth,
    Compare: _truth,
    Arithmetic: _arithmetic,
    Negate: _negate,
    Array: _array,
    Object: _object,
    Text: _text,
    Fail: _fail,
    Try: _caught,
    First: _first,
    Some: _some,
    Sum: _sum,
    MapValues: _map_values,
    ByKey: _by_key,
    Reduce: _reduce,
    Bind: _bound,
    Let: _let,
    Call: _call,
    Assign: paths.assigned,
    Delete: paths.deleted,
}
