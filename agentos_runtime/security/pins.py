"""What a skill may run on this machine, as it was when it was approved: any change of it asks again."""

import hashlib
from collections.abc import Iterable
from typing import Any, Self

from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json, dump
from agentos_runtime.manifest.model import Local, Skill, Utility


class PinError(ValueError):
    """What was read is no pin."""


@dataclass(frozen=True, slots=True)
class Pin:
    """One thing: kind `text` (a script or query, by sha256), `file` (of the skill's folder, by sha256), `program`,
    `database`, `folder` (by resolved path), `write` (a database that may be changed) or `env` (a variable)."""

    kind: str
    name: str
    """As the file says it; of a text the callable's name."""
    value: str = ""

    def __lt__(self, other: "Pin") -> bool:
        return (self.kind, self.name, self.value) < (other.kind, other.name, other.value)

    def __str__(self) -> str:
        match self.kind:
            case "text":
                return f"run {self.name} as it stands (sha256 {self.value[:12]})"
            case "file":
                return f"use the file {self.name} of its folder (sha256 {self.value[:12]})"
            case "program":
                return f"run the program {self.name} ({self.value})"
            case "database":
                return f"read the database {self.name} ({self.value})"
            case "write":
                return f"change the database {self.name} ({self.value})"
            case "folder":
                return f"work in the folder {self.name} ({self.value})"
        return f"see the variable {self.name}"

    def as_json(self) -> dict[str, Json]:
        return {"kind": self.kind, "name": self.name, "value": self.value}

    @classmethod
    def from_json(cls, value: Json) -> Self:
        """Raises PinError."""
        if not isinstance(value, dict) or value.keys() != {"kind", "name", "value"}:
            raise PinError("a pin has kind, name and value")
        texts: Any = value
        if not all(isinstance(text, str) for text in texts.values()):
            raise PinError("a pin's kind, name and value are texts")
        return cls(**texts)


def text_pin(utility: Utility) -> Pin:
    """What a callable runs, as its file says it."""
    assert utility.local is not None
    local = utility.local
    text = dump([local.executor, local.source, _sorted(local)])
    return Pin("text", utility.name, hashlib.sha256(text).hexdigest())


def code_of(local: Local) -> str:
    """What is run, as its file says it, for people."""
    if local.executor == "sql":
        return local.fixed["query"]
    if local.executor == "python":
        return f"{local.fixed['function']} of {local.fixed['module']}"
    words = (argument.text if argument.text is not None else "(a param)" for argument in local.arguments)
    return " ".join([local.fixed["binary"], *words])


def _sorted(local: Local) -> Json:
    """What a skill's other keys say of it: a database that all queries share, the words that are run."""
    databases: dict[str, Json] = {
        name: {platform: [str(part) for part in parts] for platform, parts in path.by_platform.items()}
        for name, path in local.databases.items()
    }
    arguments: list[Json] = [argument.text for argument in local.arguments]
    return [dict(local.fixed), databases, arguments]


def local_callables(skill: Skill) -> tuple[Utility, ...]:
    """The callables and steps that run on this machine, steps that only hold others together left out."""
    every = (*skill.utilities.values(), *skill.inner.values())
    return tuple(each for each in every if each.local is not None and each.local.executor != "steps")


def runs_here(skill: Skill, utility: Utility) -> bool:
    """Whether a call of it runs something on this machine, be it in one of its steps."""
    local = utility.local
    if local is None or local.executor != "steps":
        return local is not None
    return any(skill.inner[step.name].local is not None for step in local.steps if step.name in skill.inner)


def text_pins(skill: Skill) -> frozenset[Pin]:
    """Those that are known without looking at the disk."""
    return frozenset(map(text_pin, local_callables(skill)))


def changes(before: Iterable[Pin], after: Iterable[Pin]) -> tuple[str, ...]:
    """What differs, a line each: `+ …` is new, `- …` is gone."""
    old, new = set(before), set(after)
    return (*(f"+ {pin}" for pin in sorted(new - old)), *(f"- {pin}" for pin in sorted(old - new)))
