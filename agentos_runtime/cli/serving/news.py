"""What became of the skills while a server runs: loaded, reloaded, broken, mended, gone."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from agentos_runtime.cli.serving.log import Log
from agentos_runtime.cli.terminal.output import plain, style
from agentos_runtime.diagnostics import Problem, problem_json
from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json
from agentos_runtime.skills.catalog import Catalog
from agentos_runtime.skills.entries import SkillEntry
from agentos_runtime.skills.registry import Registry

LOOK = 0.25
"""Seconds between two looks at the registry; a look is a comparison of numbers while nothing was saved."""


@dataclass(frozen=True, slots=True)
class Missing:
    """What keeps a skill from being called, in words and as it is called in its state; what mends it."""

    state: str
    words: str
    then: str
    """A command, `{}` in the place of the skill's id."""


Needs: TypeAlias = Callable[[str], Missing | None]


def missing_of(entry: Any, catalog: Catalog) -> Missing | None:
    """What a skill needs that is listed so."""
    state, registry = entry["state"], catalog.skills.registry
    found = registry.find(entry["id"]) if state in ("needs_credential", "needs_approval") else None
    if found is None or found.skill is None:
        return None
    command = found.skill.key_command
    words = "without a login" if command == "login" else "without a key"
    if state == "needs_approval":
        command, words = "approve", "not approved"
    return Missing(state, words, "agentos doctor" if state in catalog.unreadable() else f"agentos {command} {{}}")


@dataclass(frozen=True, slots=True)
class State:
    """A skill as far as there is news in a change of it."""

    digest: str | None
    """Of the version that serves; None = none does."""
    problems: tuple[Problem, ...]
    utilities: int

    @classmethod
    def of(cls, entry: SkillEntry) -> "State":
        skill = entry.skill
        errors = tuple(problem for problem in entry.problems if problem.severity == "error")
        return cls(skill.digest if skill else None, errors, len(skill.utilities) if skill else 0)


def states(registry: Registry) -> dict[str, State]:
    """By file, since two files may want one id."""
    return {f"{entry.id} {entry.file}": State.of(entry) for entry in registry.entries}


async def tell_news(registry: Registry, log: Log, needs: Needs) -> None:
    """For ever."""
    generation, known = registry.generation, states(registry)
    while True:
        await asyncio.sleep(LOOK)
        if registry.generation != generation:
            generation, before, known = registry.generation, known, states(registry)
            _tell_changes(before, known, log, needs)


def _tell_changes(before: Mapping[str, State], now: Mapping[str, State], log: Log, needs: Needs) -> None:
    for key in sorted({*before, *now}):
        name = key.partition(" ")[0]
        old, new = before.get(key), now.get(key)
        if new is None:
            log.tell("skill_removed", f"{plain(name)} is gone", {"skill": name})
        elif old is None or old != new:
            _tell_change(name, old, new, log, needs)


def _tell_change(name: str, old: State | None, new: State, log: Log, needs: Needs) -> None:
    if new.problems and (old is None or old.problems != new.problems):
        _tell_broken(name, old, new, log)
    elif old is None:
        missing = needs(name)
        more = f", {missing.words} ({missing.then.format(plain(name))})" if missing else ""
        about: dict[str, Json] = {"skill": name}
        if missing:
            about["state"] = missing.state
        log.tell("skill_loaded", f"{plain(name)} is loaded: {_count(new)}{more}", about)
    elif old.problems and not new.problems:
        mended = style("mended", fg="green")
        log.tell("skill_mended", f"{plain(name)} is {mended}: {_count(new)}", {"skill": name})
    elif old.digest != new.digest:
        log.tell("skill_reloaded", f"{plain(name)} is reloaded: {_count(new)}", {"skill": name})


def _tell_broken(name: str, old: State | None, new: State, log: Log) -> None:
    first, more = new.problems[0], len(new.problems) - 1
    if new.digest is None:
        serves = "nothing of it serves"
    elif old is not None and old.digest == new.digest:
        serves = "its last good version serves"
    else:
        serves = "what is right of it serves"
    text = (
        f"{plain(name)} is {style('broken', fg='red')}, {serves}: {plain(str(first))}"
        f"{f' ({more} more: agentos check)' if more else ''}"
    )
    problems = [problem_json(problem) for problem in new.problems]
    log.tell("skill_broken", text, {"skill": name, "serves": serves, "problems": [*problems]})


def _count(state: State) -> str:
    return f"{state.utilities} {'utility' if state.utilities == 1 else 'utilities'}"
