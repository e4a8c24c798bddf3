"""Calls of one address that a key of its query tells apart (`?action=balance`) are calls of their own."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from urllib.parse import quote

from agentos_runtime.importers.graphql import Called, called, named, written
from agentos_runtime.importers.names.routes import route
from agentos_runtime.importers.names.verbs import VERBS
from agentos_runtime.importers.samples.operations import ReadSample
from agentos_runtime.regexes import regex

_TELLING = frozenset({
    "action", "method", "function", "func", "module", "op", "operation", "cmd", "command", "do", "act", "request",
    "service", "operationname",
})  # fmt: skip
"""Keys that name what is called rather than a value of it, in lower case."""
_WORD = regex(r"[A-Za-z][\w.:-]{0,80}")


def told_apart(read: Iterable[ReadSample]) -> list[ReadSample]:
    """The same requests; of those that differ in what such a key says, it stands in the address."""
    groups: dict[tuple[str, str, str], list[ReadSample]] = {}
    for one in read:
        key = (one.origin, *route(one.operation.method, one.operation.path))
        groups.setdefault(key, []).append(one)
    return [told for group in groups.values() for told in _apart(group)]


def _apart(group: list[ReadSample]) -> list[ReadSample]:
    operations = [_called(one) for one in group]
    if len({*operations}) > 1:
        return [
            one if operation is None else _as_operation(one, operation)
            for one, operation in zip(group, operations, strict=True)
        ]
    return [_with(one, _telling(group)) for one in group]


def _called(one: ReadSample) -> Called | None:
    """The operation of GraphQL that a request calls."""
    said = {field.name: field.declaration.get("default") for field in one.operation.fields if field.place == "body"}
    if one.operation.body.encoding != "json" or one.operation.body.whole:
        return None
    return called(said.get("query"), said.get("operationName"))


def _as_operation(one: ReadSample, operation: Called) -> ReadSample:
    """The request with its query as a part of what is called: callers give the variables."""
    fields = tuple(
        replace(field, write=written(str(field.declaration["default"])), required=False)
        if field.place == "body" and field.name in ("query", "operationName") and "default" in field.declaration
        else field
        for field in one.operation.fields
    )
    before = one.operation
    told = f"GraphQL: {operation.kind or 'operation'} {operation.name}"
    made = replace(
        before,
        path=f"{before.path}#{operation.name}",
        fields=fields,
        id=before.id or named(operation, VERBS),
        description=told if before.description == before.label else before.description,
        reads=operation.kind == "query",
    )
    return replace(one, operation=made)


def _telling(group: list[ReadSample]) -> list[str]:
    """The keys that all of them have, and not all with one value."""
    said = [_words(one) for one in group]
    shared = [name for name in said[0] if all(name in words for words in said)]
    return [name for name in shared if len({words[name] for words in said}) > 1]


def _words(one: ReadSample) -> Mapping[str, str]:
    fields = (field for field in one.operation.fields if field.place == "query" and field.name.lower() in _TELLING)
    defaults = {field.name: field.declaration.get("default") for field in fields}
    return {name: word for name, word in defaults.items() if isinstance(word, str) and _WORD.fullmatch(word)}


def _with(one: ReadSample, names: list[str]) -> ReadSample:
    if not names:
        return one
    words, path = _words(one), one.operation.path
    told = "&".join(f"{name}={quote(words[name], safe='')}" for name in names)
    fields = tuple(field for field in one.operation.fields if field.place != "query" or field.name not in names)
    made = replace(one.operation, path=f"{path}{'&' if '?' in path else '?'}{told}", fields=fields)
    if made.description == one.operation.label:
        made = replace(made, description=made.label)
    return replace(one, operation=replace(made, id=made.id or " ".join(words[name] for name in names)))
