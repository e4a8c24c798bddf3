"""GraphQL queries are read when their file is loaded: what is wrong with one is told at its character."""

from collections.abc import Iterator
from importlib import import_module
from typing import Any

from agentos_runtime.manifest.dialects.told import Told
from agentos_runtime.manifest.yaml.values import Cursor

_LIBRARY = "graphql"
MOST_TOKENS = 10_000


def mistakes_of(executor: Cursor, path: str) -> Iterator[Told]:
    """What is wrong with the query of `graphql`, and with what its variables are given.

    path: the key of the callable, as it is after it was carried over.
    """
    query = executor.get("query")
    if query is None or not isinstance(query.json, str):
        return
    library: Any = import_module(_LIBRARY)
    try:
        document = library.parse(query.json, max_tokens=MOST_TOKENS)
    except library.GraphQLSyntaxError as error:
        index = error.positions[0] if error.positions else 0
        said = error.message.removeprefix("Syntax Error: ").rstrip(".")
        yield Told(query, f"this is no GraphQL: {said}", "Correct the query", index=index, path=f"{path}.query")
        return
    except RecursionError:
        yield Told(query, "this query nests too deeply", "Make it flatter", index=0, path=f"{path}.query")
        return
    operations = [each for each in document.definitions if each.kind == "operation_definition"]
    if len(operations) != 1 or operations[0].operation.value == "subscription":
        what = "a subscription" if len(operations) == 1 else f"{len(operations)} operations"
        yield Told(
            query,
            f"a query of `graphql` is one query or mutation, and this is {what}",
            "Keep one",
            index=0,
            path=f"{path}.query",
        )
        return
    yield from _variables(executor, query, operations[0], path)


def _variables(executor: Cursor, query: Cursor, operation: Any, path: str) -> Iterator[Told]:
    declared = {each.variable.name.value: each for each in operation.variable_definitions or ()}
    given = executor.get("variables")
    names = dict(given.items()) if given else {}
    for name, cursor in names.items():
        if name not in declared:
            known = ", ".join(f"${each}" for each in declared) or "no variables"
            yield Told(
                cursor, f"the query declares no `${name[:60]}`", f"It declares {known}", path=f"{path}.variables"
            )
    for name, each in declared.items():
        needed = each.type.kind == "non_null_type" and each.default_value is None
        if needed and name not in names:
            yield Told(
                query,
                f"the query needs `${name}`, and `variables` does not give it",
                f"Add `{name}: .params.{name}` to `variables`",
                index=each.loc.start,
                path=f"{path}.variables",
            )
