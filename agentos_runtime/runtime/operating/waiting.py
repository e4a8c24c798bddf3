"""What waits for a person's yes: looked at, waited for, answered. An agent sees its own, the operator all."""

from collections.abc import Collection

from agentos_runtime.errors import InvalidParams, NotAllowed, NotFound, ParamProblem
from agentos_runtime.jsontext import Json
from agentos_runtime.runtime.service import Runtime
from agentos_runtime.security.agents import Caller
from agentos_runtime.waiting.entries import LONGEST_REASON, MOST_MINUTES, OPEN, Decider, Entry, State

LONGEST_LOOK = 50.0
"""Seconds for which somebody who looks at one entry may wait for its answer."""
COMMAND = Decider("operator", "command")
"""Whoever opens the home."""


async def list_waiting(runtime: Runtime, caller: Caller, states: Collection[State] = OPEN) -> dict[str, Json]:
    """`{"waiting": [...], "standing": [...]}`, the newest first. Raises Overloaded."""
    agent = None if caller.operator else caller.agent
    entries, standing = await runtime.asking.desk.listed(states, agent, runtime.asking.holds)
    return {"waiting": [each.as_json() for each in entries], "standing": [each.as_json() for each in standing]}


async def show_waiting(runtime: Runtime, caller: Caller, entry_id: str, wait: float = 0.0) -> dict[str, Json]:
    """One of them, once it is answered or after `wait` seconds. Raises NotFound, Overloaded."""
    asking = runtime.asking
    entry = await asking.desk.look(entry_id, asking.holds)
    if entry is None or not (caller.operator or entry.agent == caller.agent):
        raise NotFound(f"Nothing waits under the id {entry_id!r}.")
    if entry.state == "pending" and wait > 0:
        entry = await asking.desk.wait(entry, min(wait, LONGEST_LOOK), asking.holds)
    return entry.as_json()


async def decide(
    runtime: Runtime,
    decider: Decider,
    entry_id: str,
    *,
    yes: bool,
    reason: str | None = None,
    minutes: int | None = None,
) -> dict[str, Json]:
    """Answer for the operator; the first answer counts. The entry as it is then.

    minutes: with a yes, for all calls of this agent and utility, so long. Raises NotFound, InvalidParams,
    AlreadyDecided with who and when, NotAllowed where only the console may say yes, Overloaded.
    """
    _check(yes=yes, reason=reason, minutes=minutes)
    entry: Entry = await runtime.asking.desk.decide(
        entry_id, yes=yes, decider=decider, reason=reason, minutes=minutes, current=runtime.asking.holds
    )
    return entry.as_json()


async def end_standing(runtime: Runtime, entry_id: str) -> None:
    """End a yes for some minutes, which has the id of the entry that it answered. Raises NotFound, Overloaded."""
    await runtime.asking.desk.end_standing(entry_id)


def decider_of(caller: Caller) -> Decider:
    """Who answers, and by which way. Raises NotAllowed for whoever is not the operator."""
    if not caller.operator:
        raise NotAllowed("Only the operator answers, never an agent: in the console, or with agentos waiting.")
    return Decider("operator", "token") if caller.session is None else Decider(caller.session, "console")


def _check(*, yes: bool, reason: str | None, minutes: int | None) -> None:
    problems = []
    if reason is not None and len(reason) > LONGEST_REASON:
        problems.append(ParamProblem("reason", f"must have at most {LONGEST_REASON} characters"))
    if minutes is not None and not (yes and 1 <= minutes <= MOST_MINUTES):
        problems.append(ParamProblem("minutes", f"goes with a yes, and is a whole number from 1 to {MOST_MINUTES}"))
    if problems:
        raise InvalidParams(
            f"The answer cannot be taken: {problems[0].path} {problems[0].message}", problems=problems
        )
