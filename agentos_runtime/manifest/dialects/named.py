"""The callables of a dialect under the names that the file gives them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from agentos_runtime.manifest.dialects.agentos import Carried
from agentos_runtime.manifest.dialects.local.callables import Locals
from agentos_runtime.manifest.model import Effect, Literal, Local, Utility
from agentos_runtime.manifest.result import ExpressionCheck
from agentos_runtime.manifest.sections.reading import Reading

LOCAL = "local://"
"""Before the executor's name: the address of what runs on this machine, in cases and in what is shown."""


def of_dialect(carried: Carried | None, read: Mapping[str, Utility], reading: Reading) -> dict[str, Any]:
    """What of a Skill the dialect says, as its keyword arguments.

    The jq inside composed expressions is noted, to be compiled where it stands.
    """
    if carried is None:
        return {}
    locals_ = carried.locals
    utilities: dict[str, Utility] = {}
    inner = {
        name: _pruned(_local(utility, locals_), carried.graphql)
        for name, utility in read.items()
        if name in locals_.inner
    }
    for name, utility in read.items():
        if name in locals_.inner or _lacks_a_step(locals_.of.get(name), inner):
            continue
        written = carried.names.get(name, name)
        utilities[written] = replace(
            _pruned(_local(utility, locals_), carried.graphql),
            name=written,
            kind="operation" if name in carried.operations else "utility",
            alias=name if name != written else None,
            drops_unknown=True,
            entity=carried.entities.get(name),
            handles_urls=carried.handles_urls.get(name, ()),
            account_params=carried.account_params.get(name, frozenset()),
            deciding=carried.deciding.get(name, frozenset()),
            page=carried.pages.get(name),
        )
    for cursor in {each.value.start: each for each in carried.checked}.values():
        source = str(cursor.json)
        definitions = reading.used_by(source)
        reading.checks.append(ExpressionCheck(cursor.place, source, definitions, False, cursor.locator()))
    return {
        "utilities": utilities,
        "inner": inner,
        "mapped": {
            name: tuple((key, each.key_place, each.key_length) for key, each in mapping.items())
            for name, mapping in carried.transformers.items()
        },
        "unavailable": dict(carried.unavailable),
        "dialect": carried.dialect,
        "extras": {name: value for name, value in carried.extras.items() if name not in ("seed", "connects_to")},
        "seed": carried.extras.get("seed"),
        "connects_to": carried.extras.get("connects_to"),
    }


def _pruned(utility: Utility, graphql: frozenset[str]) -> Utility:
    """The same; of a GraphQL call a map whose fields are all left out is left out too."""
    return replace(utility, rest=replace(utility.rest, nested="brackets")) if utility.name in graphql else utility


def _local(utility: Utility, locals_: Locals) -> Utility:
    """The same as what runs on this machine, when that is what it does."""
    local = locals_.of.get(utility.name)
    if local is None:
        return utility
    rest = replace(utility.rest, url=Literal(f"{LOCAL}{local.executor}"))
    return replace(utility, rest=rest, local=local, effect=_effect(utility, local))


def _effect(utility: Utility, local: Local) -> Effect:
    """What a query does is known; of a program only its author knows."""
    return "read" if local.executor == "sql" and not local.write else utility.effect


def _lacks_a_step(local: Local | None, inner: Mapping[str, Utility]) -> bool:
    """Whether a step could not be read, which has been reported where it stands."""
    needed = [name for step in local.steps for name in (step.name, step.skip) if name] if local else []
    return any(name not in inner for name in needed)
