"""Which operations of a service are imported, and what earlier imports of the skill said about it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from agentos_runtime.importers.api import Api, ImportProblem, Operation
from agentos_runtime.importers.build import Source
from agentos_runtime.importers.naming import is_utility_name, suggested
from agentos_runtime.importers.parts import MAIN
from agentos_runtime.importers.skill_file import read_file
from agentos_runtime.importers.update import Disk


def selected(api: Api, patterns: Sequence[str], skill_id: str) -> Api:
    """The Api with the operations that a pattern matches; all of them without patterns. Raises ImportProblem."""
    if not patterns:
        return api
    found = tuple(
        one for one in api.operations if any(_matches(one, pattern, (skill_id, api.title)) for pattern in patterns)
    )
    if not found:
        tags = ", ".join(sorted({one.tag for one in api.operations if one.tag})[:20])
        raise ImportProblem(f"No operation matches {', '.join(patterns)}. The tags are: {tags or 'none'}")
    return replace(api, operations=found)


def _matches(one: Operation, pattern: str, services: Sequence[str]) -> bool:
    """A pattern such as `/keys*`, `GET /models`, `Chat`, `list_*`, without regard to case."""
    names = (one.path, one.label, one.tag, one.id, suggested(one, services))
    return any(fnmatchcase(name.lower(), pattern.lower()) for name in names)


@dataclass(frozen=True, slots=True)
class Remembered:
    """What the skill says under `sources` about its last import."""

    include: tuple[str, ...] = ()
    names: Mapping[str, str] | None = None


def remembered(disk: Disk, kind: str) -> Remembered:
    """Patterns and names of earlier imports of this kind."""
    values = read_file(disk.mine[MAIN], MAIN).values if MAIN in disk.mine else {}
    sources = values.get("sources")
    said = sources.get(kind) if isinstance(sources, dict) else None
    if not isinstance(said, dict):
        return Remembered()
    include, names = said.get("include"), said.get("names")
    return Remembered(
        tuple(str(pattern) for pattern in include) if isinstance(include, list) else (),
        {old: str(new) for old, new in names.items()} if isinstance(names, dict) else {},
    )


def source_of(kind: str, address: str, include: Sequence[str], names: Mapping[str, str], disk: Disk) -> Source:
    """Where the import comes from: what is said now, over what was said last time."""
    before = remembered(disk, kind)
    return Source(kind, address, tuple(include) or before.include, {**(before.names or {}), **names})


def read_names(pairs: Iterable[str]) -> dict[str, str]:
    """`OLD=NEW` pairs. Raises ImportProblem."""
    names: dict[str, str] = {}
    for pair in pairs:
        old, equals, new = pair.rpartition("=")
        if not equals or not old or not is_utility_name(new):
            raise ImportProblem(f"--name {pair}: write OLD=NEW, where NEW is like list_things")
        names[old] = new
    return names
