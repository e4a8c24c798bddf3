"""What needs the operator: each with a sentence, what it is about, and the command that leads to the fix."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from agentos_runtime.jsontext import Json
from agentos_runtime.limits.messages import quantity, who
from agentos_runtime.limits.rules import TOTAL
from agentos_runtime.runtime.home.findings import key_command
from agentos_runtime.runtime.service import Runtime
from agentos_runtime.security.agents import ANONYMOUS, Caller
from agentos_runtime.security.credentials.store import KeyringError
from agentos_runtime.skills.registry import Registry
from agentos_runtime.storage.file_threads import aside
from agentos_runtime.storage.private_files import PrivateFileError
from agentos_runtime.storage.sqlite.files import DatabaseTrouble
from agentos_runtime.waiting.entries import OPEN, Entry

NEARLY = 0.8
"""The part of a budget from which on it needs attention."""


async def all_attention(runtime: Runtime) -> list[Json]:
    """What `attention` gives, and before it the calls that wait for a yes, kind `waiting`. Raises Overloaded."""
    asking = runtime.asking
    entries, _ = await asking.desk.listed(OPEN[:1], None, asking.holds)
    return [*map(_of_waiting, reversed(entries)), *await aside(partial(attention, runtime))]


def attention(runtime: Runtime) -> list[Json]:
    """`[{kind, text, command, skill?, agent?, …}]`, the most urgent kinds first.

    Kinds: `runtime`, `broken`, `stale`, `approval`, `credential`, `budget`, `stopped`.
    """
    unreadable = _of_files(runtime)
    skills = (each for each in _of_skills(runtime) if each["kind"] not in unreadable)
    stopped = () if "stopped" in unreadable else _of_stopped(runtime)
    return [*_of_runtime(runtime), *unreadable.values(), *skills, *_of_budgets(runtime), *stopped]


def _of_waiting(entry: Entry) -> Json:
    what = f"{entry.skill}/{entry.utility}"
    about: dict[str, Json] = {"skill": entry.skill, "agent": entry.agent, "id": entry.id}
    text = f'The agent "{entry.agent}" waits for your yes to {what}'
    return about | {"kind": "waiting", "text": text, "command": f"agentos waiting yes {entry.id}"}


def _of_runtime(runtime: Runtime) -> Iterator[Json]:
    """The ledger, the limits and the watcher of skills, where they do not work."""
    health = runtime.health()
    for name in ("ledger", "limits", "watcher", "notify"):
        said = health.get(name)
        for text in said if isinstance(said, list) else [said] if said else []:
            yield {"kind": "runtime", "text": str(text), "command": "agentos doctor", "part": name}


def _of_files(runtime: Runtime) -> dict[Json, Json]:
    """Files of the home that cannot be read, by the kind of what is not known, or all skills lack, for that."""
    found: dict[Json, Json] = {}
    keys = runtime.home.keys
    reads: list[tuple[str, Callable[[], object]]] = [("stopped", runtime.home.agents.stopped)]
    if keys is not None:
        reads += [("approval", keys.approvals.lock), ("credential", keys.credentials.list)]
    for kind, read in reads:
        try:
            read()
        except (PrivateFileError, KeyringError) as error:
            found[kind] = {"kind": "runtime", "text": str(error), "command": "agentos doctor", "part": kind}
    return found


def _of_skills(runtime: Runtime) -> Iterator[dict[str, Json]]:
    operator = Caller(ANONYMOUS, operator=True)
    entries: list[Any] = runtime.catalog(operator, everything=True).entries()
    order = ("broken", "stale", "approval", "credential")
    found = [each for entry in entries if (each := _of_skill(entry, runtime.registry)) is not None]
    yield from sorted(found, key=lambda each: order.index(str(each["kind"])))


def _of_skill(entry: Any, registry: Registry) -> dict[str, Json] | None:
    name, skill_id = entry["name"], entry["id"]
    errors = [problem for problem in entry.get("problems", ()) if problem["severity"] == "error"]
    about: dict[str, Json] = {"skill": skill_id, "name": name}
    if entry["state"] == "broken":
        text = f"{name} is broken: {errors[0]['message'] if errors else 'its file cannot be read'}"
        return about | {"kind": "broken", "text": text, "command": f"agentos check {skill_id}"}
    if entry.get("stale") or errors:
        what = "serves as it was before its last save" if entry.get("stale") else "serves without a part of it"
        text = f"{name} {what}: {errors[0]['message'] if errors else 'the save is broken'}"
        return about | {"kind": "stale", "text": text, "command": f"agentos check {skill_id}"}
    if entry["state"] == "needs_approval":
        text = f"{name} asks for something that nobody approved"
        return about | {"kind": "approval", "text": text, "command": f"agentos approve {skill_id}"}
    if entry["state"] == "needs_credential":
        text = f"{name} has no key"
        return about | {"kind": "credential", "text": text, "command": key_command(registry, skill_id)}
    return None


def _of_budgets(runtime: Runtime) -> Iterator[Json]:
    limits = runtime.limits
    for name in [*sorted(limits.rules.agents), TOTAL]:
        try:
            uses = limits.uses(name)
        except DatabaseTrouble as error:
            yield {"kind": "runtime", "text": str(error), "command": "agentos doctor", "part": "limits"}
            return
        for use in uses:
            if use.resets_at is not None and use.most and use.used >= NEARLY * use.most:
                text = f"{who(name, name)} used {quantity(use.key, use.used)} of {quantity(use.key, use.most)}"
                about: dict[str, Json] = {"agent": name or None, "limit": use.key}
                yield about | {"kind": "budget", "text": f"{text} ({use.key})", "command": "agentos agents list"}


def _of_stopped(runtime: Runtime) -> Iterator[Json]:
    for name, since in runtime.home.agents.stopped().items():
        text = f'The agent "{name}" is stopped since {since}'
        yield {"kind": "stopped", "text": text, "command": f"agentos agents resume {name}", "agent": name}
