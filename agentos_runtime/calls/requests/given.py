"""Params that a call gives, against those that its utility declares."""

from collections.abc import Mapping
from typing import Any

from agentos_runtime.errors import InvalidParams, ParamProblem
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.model import Utility
from agentos_runtime.manifest.shapes import path_text


def known_params(utility: Utility, given: dict[str, Json]) -> tuple[dict[str, Json], tuple[str, ...]]:
    """What of `given` the utility is asked with, and the names of what it does not know and leaves out."""
    declared: Any = utility.params.get("properties", {})
    unknown = tuple(name for name in given if name not in declared) if utility.drops_unknown else ()
    return ({name: value for name, value in given.items() if name not in unknown} if unknown else given), unknown


def check_params(utility: Utility, given: Mapping[str, Json]) -> dict[str, Json]:
    """The params as expressions see them: validated, explicit nulls left out, then defaults put in.

    A null unsets: no default takes its place, and a required param counts as missing. `given` is not changed.
    Raises InvalidParams with every problem at once; no message contains a value.
    """
    params: dict[str, Json] = {name: value for name, value in given.items() if value is not None}
    problems = utility.shape.problems(params)
    if len(params) != len(given):
        problems += _unknown_nulls(utility, given)
    if problems:
        raise InvalidParams(_summary(utility, problems), problems=problems)
    params = utility.shape.whole(params)
    if utility.defaults:
        params |= {name: value for name, value in utility.defaults.items() if name not in given}
    return params


def _unknown_nulls(utility: Utility, given: Mapping[str, Json]) -> list[ParamProblem]:
    declared: Any = utility.params.get("properties", {})
    nulls: dict[str, Json] = {name: "" for name, value in given.items() if value is None and name not in declared}
    return (
        [problem for problem in utility.shape.problems(nulls) if problem.path in map(_path, nulls)] if nulls else []
    )


def _path(name: str) -> str:
    return path_text((name,))


def _summary(utility: Utility, problems: list[ParamProblem]) -> str:
    first = problems[0]
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    declared: Any = utility.params.get("properties", {})
    unknown = any(problem.message.startswith("is not known") and "." not in problem.path for problem in problems)
    within = ". What the service takes beside them goes into extra" if unknown and "extra" in declared else ""
    return f"The params of {utility.name} do not fit: {first.path} {first.message}{more}{within}"
