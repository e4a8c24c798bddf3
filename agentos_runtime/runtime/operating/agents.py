"""The agents: their tokens, what each may do, what it has used; stopped, and let go on."""

from collections.abc import Iterable

from agentos_runtime.errors import InvalidParams, NotFound, ParamProblem
from agentos_runtime.jsontext import Json
from agentos_runtime.limits.enforcement import Limits
from agentos_runtime.limits.messages import shown
from agentos_runtime.limits.report import Use
from agentos_runtime.limits.rules import TOTAL, Rule, patterns_text
from agentos_runtime.limits.windows import iso
from agentos_runtime.security.agents import Agents


def list_agents(agents: Agents, limits: Limits, also: Iterable[str] = ()) -> dict[str, Json]:
    """`{"agents": [...], "total": [...]}`: those with a token or own limits, the stopped, and `also` these.

    Raises PrivateFileError, DatabaseTrouble.
    """
    bound = {each.name: each for each in agents.list()}
    stopped, rules = agents.stopped(), limits.rules
    rows: list[Json] = []
    for name in sorted({*bound, *stopped, *rules.agents, *also}):
        row: dict[str, Json] = {
            "agent": name,
            "bound": name in bound,
            "added_at": bound[name].added_at if name in bound else None,
            "stopped_at": stopped.get(name),
            "may": may(rules.of(name)),
            "limits": used(limits.uses(name)),
        }
        rows.append(row)
    return {"agents": rows, "total": used(limits.uses(TOTAL))}


def list_limits(limits: Limits) -> dict[str, Json]:
    """`{"problem", "default", "agents", "total"}`: what `config.toml` says now, and what is used of it.

    Raises DatabaseTrouble.
    """
    rules = limits.rules
    own: dict[str, Json] = {
        name: {"may": may(rule), "limits": used(limits.uses(name))} for name, rule in rules.agents.items()
    }
    return {
        "problem": limits.problem,
        "default": {"may": may(rules.default), "limits": allowed(rules.default)},
        "agents": own,
        "total": {"limits": used(limits.uses(TOTAL))},
    }


def add_agent(agents: Agents, name: str) -> dict[str, Json]:
    """`{agent, token}`: the token is shown here once; an older one of that name ends. Raises InvalidParams."""
    try:
        return {"agent": name, "token": agents.add(name)}
    except ValueError as error:
        raise InvalidParams(f"{name!r} cannot be bound: {error}", problems=[_problem(error)]) from None


def remove_agent(agents: Agents, name: str) -> None:
    """End a token. Raises NotFound."""
    if not agents.remove(name):
        raise NotFound(f"No token is bound to {name!r}.")


def stop_agent(agents: Agents, name: str) -> dict[str, Json]:
    """Let no call of this name be made, and end its streams: `{agent, stopped_at}`. Raises InvalidParams."""
    try:
        return {"agent": name, "stopped_at": agents.stop(name)}
    except ValueError as error:
        raise InvalidParams(f"{name!r} cannot be stopped: {error}", problems=[_problem(error)]) from None


def resume_agent(agents: Agents, name: str) -> None:
    """Let it call again. Raises NotFound when it is not stopped."""
    if not agents.resume(name):
        raise NotFound(f"The agent {name!r} is not stopped.")


def may(rule: Rule) -> dict[str, Json]:
    """What a rule lets an agent call; `allow` is null where that is everything."""
    return {
        "allow": None if rule.allow is None else patterns_text(rule.allow),
        "deny": patterns_text(rule.deny),
        "ask_person": patterns_text(rule.ask_person),
        "ask_person_in": "console" if rule.console_only else "any",
    }


def used(uses: Iterable[Use]) -> list[Json]:
    """Each limit with what is used and when it resets."""
    return [
        {
            "limit": use.key,
            "used": shown(use.key, use.used),
            "allowed": shown(use.key, use.most),
            "resets_at": None if use.resets_at is None else iso(use.resets_at),
        }
        for use in uses
    ]


def allowed(rule: Rule) -> dict[str, Json]:
    """Each limit of a rule by its key."""
    numbers = {"calls_per_minute": rule.calls_per_minute, "concurrent": rule.concurrent, "max_cost": rule.max_cost}
    numbers |= {budget.name: budget.most for budget in rule.budgets}
    return {key: shown(key, most) for key, most in numbers.items() if most is not None}


def _problem(error: ValueError) -> ParamProblem:
    return ParamProblem("agent", str(error))
