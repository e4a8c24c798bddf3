"""What the manifest says of the params before a request is made: refused, or taken and not sent."""

from collections.abc import Iterable, Mapping

from agentos_runtime.calls.evaluate import (
    Empty,
    Evaluator,
    Inputs,
    Slots,
    evaluator,
    expression_failed,
    jq_nodes,
)
from agentos_runtime.errors import InvalidParams, ParamProblem
from agentos_runtime.frozen import dataclass
from agentos_runtime.jq.program import Program, request_program
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.model import Expression, Jq, Rest, Skill
from agentos_runtime.manifest.shapes import LONGEST_PATH

LONGEST = 1000
"""Characters of a refusal that the caller is told."""


@dataclass(frozen=True, slots=True)
class ParamsPlan:
    """`rest.refuse` and `rest.ignored` of one utility, compiled once."""

    rest: Rest
    program: Program | None
    """Their jq in one program; None for plain paths."""
    nodes: tuple[Jq, ...]
    refuse: Evaluator | None
    ignored: Evaluator | None


def plan_params(skill: Skill, rest: Rest) -> ParamsPlan | None:
    """Compile them; None when the manifest says neither. Pure."""
    if rest.refuse is None and rest.ignored is None:
        return None
    nodes = (*jq_nodes(rest.refuse), *jq_nodes(rest.ignored))
    slots: Slots = {node: index for index, node in enumerate(nodes)}
    return ParamsPlan(
        rest=rest,
        program=request_program(skill.definitions, [node.source for node in nodes]) if nodes else None,
        nodes=nodes,
        refuse=_evaluator(rest.refuse, slots),
        ignored=_evaluator(rest.ignored, slots),
    )


def seen_by(params: dict[str, Json], settings: Mapping[str, Json], given: Iterable[str]) -> dict[str, Json]:
    """What both expressions see: no credential."""
    return {"params": params, "settings": dict(settings), "given": [*given], "auth": {}}


def check_refusal(plan: ParamsPlan, inputs: Inputs) -> None:
    """Raise InvalidParams with the manifest's own sentence. Raises ExpressionFailed for what is none."""
    if plan.refuse is None or plan.rest.refuse is None:
        return
    said = plan.refuse(inputs)
    if isinstance(said, Empty) or said is None:
        return
    path, words = (said.get("path"), said.get("message")) if isinstance(said, dict) else ("", said)
    if not isinstance(path, str) or not isinstance(words, str) or not words.strip():
        raise expression_failed(plan.rest.refuse, "gives neither null nor a sentence nor {path, message}")
    sentence = words.strip()[:LONGEST]
    if not path:
        raise InvalidParams(sentence)
    place = path[:LONGEST_PATH]
    raise InvalidParams(f"{place}: {sentence}", problems=[ParamProblem(place, sentence)])


def ignored_params(plan: ParamsPlan, inputs: Inputs, given: Mapping[str, Json]) -> tuple[str, ...]:
    """The names of params that the caller gave and that are not sent, each once. Raises ExpressionFailed."""
    if plan.ignored is None or plan.rest.ignored is None:
        return ()
    said = plan.ignored(inputs)
    names = [] if isinstance(said, Empty) or said is None else said if isinstance(said, list) else [said]
    if not all(isinstance(name, str) for name in names):
        raise expression_failed(plan.rest.ignored, "gives neither null nor names of params")
    texts = (name for name in names if isinstance(name, str))
    return tuple(dict.fromkeys(name for name in texts if given.get(name.partition(".")[0]) is not None))


def _evaluator(expression: Expression | None, slots: Slots) -> Evaluator | None:
    return None if expression is None else evaluator(expression, slots)
