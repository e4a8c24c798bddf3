"""jq's own functions that take functions, said with nodes. What a skill defines under the same name comes first."""

from collections.abc import Callable, Mapping, Sequence

from agentos_runtime.jq.compiled.language.syntax import (
    Array,
    Bind,
    ByKey,
    Call,
    Comma,
    Compare,
    Const,
    Delete,
    Each,
    Empty,
    Fail,
    First,
    Identity,
    If,
    Index,
    Logic,
    MapValues,
    Node,
    Pipe,
    Range,
    Recurse,
    Some,
    Sum,
    Variable,
)

_OPERATORS = ("plus", "minus", "multiply", "divide", "mod", "equal", "notequal", "less", "lesseq", "greater")
CALLED_BY_SIGNS: frozenset[tuple[str, int]] = frozenset(
    {
        *((f"_{operator}", 2) for operator in (*_OPERATORS, "greatereq", "assign", "modify")),
        *(("_negate", 0), ("recurse", 0), ("format", 1)),
    }
)
"""What `..`, `@text`, `+` and the like mean in jq: the function of that name that is seen there, a skill's too."""

_HERE = "in IN"
"""The variable of `IN`; no skill's variable has a blank in its name."""


def is_called_by_a_sign(name: str, params: Sequence[str]) -> bool:
    """Whether a function of this name, or one that is handed to it, takes the place of one that a sign calls."""
    defined = {(name, len(params)), *((param.removeprefix("$"), 0) for param in params)}
    return not defined.isdisjoint(CALLED_BY_SIGNS)


def expand(name: str, args: tuple[Node, ...]) -> Node | None:
    """What a call of jq's own function stands for; None when it is not made of others."""
    make = _EXPANSIONS.get((name, len(args)))
    return make(*args) if make else None


def _own(name: str) -> Node:
    """A function of jq's own, also where the skill has one of that name."""
    return Call(name, (), is_jqs=True)


def _select(condition: Node) -> Node:
    return If(condition, Identity(), Empty())


def _kind(*kinds: str) -> Callable[[], Node]:
    """`objects`, `strings` and the like."""
    return lambda: _select(_one_of([Compare("==", _own("type"), Const(kind)) for kind in kinds]))


def _one_of(tests: list[Node]) -> Node:
    found = tests.pop()
    while tests:
        found = If(tests.pop(), Const(value=True), found)
    return found


def _negated(found: Node) -> Node:
    return Pipe(found, _own("not"))


def _map(body: Node) -> Node:
    return Array(Pipe(Each(Identity()), body))


def _with_entries(body: Node) -> Node:
    return Pipe(_own("to_entries"), Pipe(_map(body), _own("from_entries")))


def _all(source: Node, condition: Node) -> Node:
    return _negated(Some(Pipe(source, condition), wanted=False))


def _in(values: Node) -> Node:
    literals = _literals(values)
    if literals is not None:
        found: Node = Compare("==", Variable(_HERE), literals[-1])
        for literal in literals[-2::-1]:
            found = Logic("or", Compare("==", Variable(_HERE), literal), found)
        return Bind(Identity(), _HERE, found)
    return Bind(Identity(), _HERE, Some(Pipe(values, Compare("==", Identity(), Variable(_HERE))), wanted=True))


def _literals(values: Node) -> list[Const] | None:
    """The literals that a comma stands between; None where anything else stands there."""
    if isinstance(values, Const):
        return [values]
    if isinstance(values, Comma):
        left, right = _literals(values.left), _literals(values.right)
        return None if left is None or right is None else left + right
    return None


_EXPANSIONS: Mapping[tuple[str, int], Callable[..., Node]] = {
    ("empty", 0): Empty,
    ("error", 0): Fail,
    ("error", 1): lambda message: Pipe(message, Fail()),
    ("recurse", 0): Recurse,
    ("select", 1): _select,
    ("values", 0): lambda: _select(Compare("!=", Identity(), Const(None))),
    ("nulls", 0): _kind("null"),
    ("booleans", 0): _kind("boolean"),
    ("numbers", 0): _kind("number"),
    ("strings", 0): _kind("string"),
    ("arrays", 0): _kind("array"),
    ("objects", 0): _kind("object"),
    ("iterables", 0): _kind("array", "object"),
    ("scalars", 0): _kind("null", "boolean", "number", "string"),
    ("map", 1): _map,
    ("map_values", 1): MapValues,
    ("with_entries", 1): _with_entries,
    ("sort_by", 1): lambda key: ByKey("sort_by", key),
    ("group_by", 1): lambda key: ByKey("group_by", key),
    ("unique_by", 1): lambda key: ByKey("unique_by", key),
    ("sort", 0): lambda: ByKey("sort_by", Identity()),
    ("unique", 0): lambda: ByKey("unique_by", Identity()),
    ("add", 1): Sum,
    ("del", 1): Delete,
    ("range", 1): lambda high: Range(Const(0), high),
    ("range", 2): Range,
    ("first", 0): lambda: Index(Identity(), Const(0)),
    ("last", 0): lambda: Index(Identity(), Const(-1)),
    ("first", 1): First,
    ("isempty", 1): lambda body: _negated(Some(Pipe(body, Const(value=True)), wanted=True)),
    ("any", 0): lambda: Some(Each(Identity()), wanted=True),
    ("any", 1): lambda condition: Some(Pipe(Each(Identity()), condition), wanted=True),
    ("any", 2): lambda source, condition: Some(Pipe(source, condition), wanted=True),
    ("all", 0): lambda: _negated(Some(Each(Identity()), wanted=False)),
    ("all", 1): lambda condition: _all(Each(Identity()), condition),
    ("all", 2): _all,
    ("IN", 1): _in,
}
