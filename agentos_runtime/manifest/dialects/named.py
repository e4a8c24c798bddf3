"""The callables of a dialect under the names that the file gives them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from agentos_runtime.manifest.dialects.agentos import Carried
from agentos_runtime.manifest.model import Utility
from agentos_runtime.manifest.sections.reading import ExpressionCheck, Reading


def of_dialect(carried: Carried | None, read: Mapping[str, Utility], reading: Reading) -> dict[str, Any]:
    """What of a Skill the dialect says, as its keyword arguments.

    The jq inside composed expressions is noted, to be compiled where it stands.
    """
    if carried is None:
        return {}
    utilities: dict[str, Utility] = {}
    for name, utility in read.items():
        written = carried.names.get(name, name)
        utilities[written] = replace(
            utility,
            name=written,
            kind="operation" if name in carried.operations else "utility",
            alias=name if name != written else None,
            drops_unknown=True,
        )
    for cursor in {each.value.start: each for each in carried.checked}.values():
        source = str(cursor.json)
        definitions = reading.used_by(source)
        reading.checks.append(ExpressionCheck(cursor.place, source, definitions, False, cursor.locator()))
    return {
        "utilities": utilities,
        "unavailable": dict(carried.unavailable),
        "dialect": carried.dialect,
        "extras": {name: value for name, value in carried.extras.items() if name not in ("seed", "connects_to")},
        "seed": carried.extras.get("seed"),
        "connects_to": carried.extras.get("connects_to"),
    }
