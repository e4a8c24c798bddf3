"""Nodes of a manifest become values: literals and plain paths here, jq from a worker's outputs."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from agentos_runtime.calls.requests.urls import compile_url, fill_url
from agentos_runtime.errors import ExpressionFailed, ExpressionLimit, Overloaded
from agentos_runtime.frozen import dataclass
from agentos_runtime.jq.program import PathError, walk
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.model import (
    Expression,
    Fields,
    Items,
    Jq,
    Literal,
    Node,
    PlainPath,
    TemplateParam,
    UrlTemplate,
)


class Empty:
    """What an expression without output gives; a field that is Empty is left out."""

    def __repr__(self) -> str:
        return "EMPTY"


EMPTY = Empty()
Value: TypeAlias = Json | Empty
Slots: TypeAlias = Mapping[Jq, int]


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a request's nodes are evaluated over: the document plain paths walk, and the worker's outputs."""

    document: dict[str, Json]
    outputs: Sequence[Json]

    @property
    def params(self) -> dict[str, Json]:
        params = self.document["params"]
        assert isinstance(params, dict)
        return params


Evaluator: TypeAlias = Callable[[Inputs], Value]


def single(outputs: Json, expression: Expression) -> Value:
    """The one value of an expression's outputs (`[limit(2; …)]`), or EMPTY. Raises ExpressionFailed for two."""
    if not isinstance(outputs, list) or len(outputs) > 1:
        raise expression_failed(
            expression, "gives several outputs where one is needed; wrap it in [ … ] or first( … )"
        )
    return outputs[0] if outputs else EMPTY


def walked(path: PlainPath, document: Json) -> Json:
    """A plain path's value. Raises ExpressionFailed where jq would fail."""
    try:
        return walk(path.steps, document)
    except PathError as error:
        raise expression_failed(path, str(error)) from None


def expression_failed(expression: Expression, reason: str) -> ExpressionFailed:
    place = expression.place
    return ExpressionFailed(
        f"The manifest's expression {place.key} failed: {reason} ({place.position})",
        details={"key": place.key, "line": place.position.line},
    )


def expression_limit(expression: Expression, reason: str) -> ExpressionLimit:
    place = expression.place
    return ExpressionLimit(
        f"The manifest's expression {place.key} was stopped: {reason} ({place.position})",
        details={"key": place.key, "line": place.position.line},
    )


def expression_not_run(expression: Expression, reason: str) -> Overloaded:
    """Nothing was sent yet, so the call may be made again."""
    place = expression.place
    return Overloaded(
        f"The manifest's expression {place.key} could not be run: {reason}. This says nothing about the "
        f"expression, and nothing was sent: try again ({place.position})",
        retry_after=1,
        details={"key": place.key, "line": place.position.line},
    )


def evaluator(node: Node, slots: Slots, keep_null: frozenset[str] = frozenset(), path: str = "") -> Evaluator:
    """Compile a node once, so that a call only walks closures. Urls have their own rules: see `urls`."""
    compiler: Any = _COMPILERS[type(node)]
    compiled: Evaluator = compiler(node, slots, keep_null, path)
    return compiled


def jq_nodes(node: Node | None) -> list[Jq]:
    """All jq expressions below a node, in order."""
    if isinstance(node, Jq):
        return [node]
    if isinstance(node, Fields):
        return [found for _, child in node.entries for found in jq_nodes(child)]
    if isinstance(node, Items):
        return [found for child in node.entries for found in jq_nodes(child)]
    return []


def _literal(node: Literal, slots: Slots, keep_null: frozenset[str], path: str) -> Evaluator:
    return lambda inputs: node.value


def _plain_path(node: PlainPath, slots: Slots, keep_null: frozenset[str], path: str) -> Evaluator:
    return lambda inputs: walked(node, inputs.document)


def _jq(node: Jq, slots: Slots, keep_null: frozenset[str], path: str) -> Evaluator:
    index = slots[node]

    def evaluate(inputs: Inputs) -> Value:
        found = inputs.outputs[index]
        return found[0] if isinstance(found, list) and len(found) == 1 else single(found, node)

    return evaluate


def _url_template(node: UrlTemplate, slots: Slots, keep_null: frozenset[str], path: str) -> Evaluator:
    """A url that is a value: null, so that its field is left out, when a param of its path is not set."""
    url = compile_url(node)
    needed = [part.name for part in url.path if isinstance(part, TemplateParam)]

    def evaluate(inputs: Inputs) -> Value:
        params = inputs.params
        return fill_url(url, params) if all(params.get(name) is not None for name in needed) else None

    return evaluate


def _fields(node: Fields, slots: Slots, keep_null: frozenset[str], path: str) -> Evaluator:
    position = {name: at for at, (name, _) in enumerate(node.entries)}
    handed_on: dict[str, str] = {}
    expressions: list[tuple[str, int, Evaluator]] = []
    others: list[tuple[str, Evaluator, bool]] = []
    for name, child, below in _below(node, path):
        keeps_null = name in keep_null or below in keep_null
        param = _param_of(child)
        if param is not None and param not in handed_on and not keeps_null:
            handed_on[param] = name
        elif isinstance(child, Jq) and not keeps_null:
            expressions.append((name, slots[child], evaluator(child, slots, keep_null, below)))
        else:
            others.append((name, evaluator(child, slots, keep_null, below), keeps_null))
    in_order = not handed_on and not (expressions and others)

    def evaluate(inputs: Inputs) -> Value:
        # Most fields of most bodies hand one param on, or are null: these cost next to nothing.
        fields = _handed_on(inputs.params, handed_on) if handed_on else {}
        outputs, null = inputs.outputs, [None]
        for name, at, child in expressions:
            given: Any = outputs[at]
            if given != null:
                one = given.__class__ is list and len(given) == 1  # as nearly all expressions give
                _add(fields, name, given[0] if one else child(inputs), keeps_null=False)
        for name, child, keeps_null in others:
            _add(fields, name, child(inputs), keeps_null=keeps_null)
        return fields if in_order else {name: fields[name] for name in sorted(fields, key=position.__getitem__)}

    return evaluate


def _handed_on(params: dict[str, Json], names: Mapping[str, str]) -> dict[str, Json]:
    """The params that are set, under the names of their fields."""
    return {names[param]: value for param, value in params.items() if value is not None and param in names}


def _add(fields: dict[str, Json], name: str, value: Any, *, keeps_null: bool) -> None:
    if (value is not None or keeps_null) and value.__class__ is not Empty:
        fields[name] = value


def _below(node: Fields, path: str) -> Iterator[tuple[str, Node, str]]:
    for name, child in node.entries:
        yield name, child, f"{path}.{name}" if path else name


def _param_of(node: Node) -> str | None:
    """The param that the node hands on as it is, if that is all it does."""
    if isinstance(node, PlainPath) and len(node.steps) == 2 and node.steps[0] == "params":
        return node.steps[1] if isinstance(node.steps[1], str) else None
    return None


def _items(node: Items, slots: Slots, keep_null: frozenset[str], path: str) -> Evaluator:
    compiled = [evaluator(child, slots, keep_null, f"{path}[{i}]") for i, child in enumerate(node.entries)]

    def evaluate(inputs: Inputs) -> Value:
        values = [child(inputs) for child in compiled]
        return [value for value in values if not isinstance(value, Empty)]

    return evaluate


_COMPILERS: Mapping[type, Any] = {
    Literal: _literal,
    PlainPath: _plain_path,
    Jq: _jq,
    UrlTemplate: _url_template,
    Fields: _fields,
    Items: _items,
}
