"""Which operations of a service are imported, and what earlier imports of the skill said about it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace
from fnmatch import fnmatchcase

from agentos_runtime.frozen import dataclass
from agentos_runtime.importers.api import Api, ImportProblem, Losses, Operation
from agentos_runtime.importers.build import Source
from agentos_runtime.importers.names.choosing import is_utility_name, suggested
from agentos_runtime.importers.parts import MAIN
from agentos_runtime.importers.skill_file import read_file
from agentos_runtime.importers.update import Disk
from agentos_runtime.jsontext import Json

READS = ("GET", "HEAD")
MANY = 60
"""Utilities of which an agent can still choose the right one."""


def selected(api: Api, source: Source, skill_id: str, losses: Losses) -> Api:
    """The Api with the operations that were asked for; what is left out unasked is told. Raises ImportProblem."""
    services = (skill_id, api.title)
    if not api.operations:
        raise ImportProblem("The description describes no operation that a manifest can call")
    found = [
        one
        for one in api.operations
        if (not source.include or any(_matches(one, pattern, services) for pattern in source.include))
        and not any(_matches(one, pattern, services) for pattern in source.exclude)
        and (not source.methods or one.method in source.methods)
    ]
    if not found:
        tags = ", ".join(sorted({one.tag for one in api.operations if one.tag})[:20])
        wanted = ", ".join((*source.include, *source.methods)) or "what is not excluded"
        raise ImportProblem(f"No operation matches {wanted}. The tags are: {tags or 'none'}")
    kept = found if source.deprecated or source.include else [one for one in found if not one.deprecated]
    for one in found if kept and len(kept) < len(found) else ():
        if one.deprecated:
            losses.add("deprecated operations are left out (--deprecated takes them)", one.label)
    return replace(api, operations=tuple(kept or found))


def advice(source: Source, count: int) -> str | None:
    """What to do about more utilities than anybody can choose from; None for few."""
    if count <= MANY or source.include:
        return None
    return (
        f"{count} utilities are more than an agent chooses well from: take a part with --include TAG, "
        "--exclude PATTERN, --methods GET or --read-only"
    )


def _matches(one: Operation, pattern: str, services: Sequence[str]) -> bool:
    """A pattern such as `/keys*`, `GET /models`, `Chat`, `list_*`, without regard to case."""
    names = (one.path, one.label, one.tag, one.id, suggested(one, services))
    return any(fnmatchcase(name.lower(), pattern.lower()) for name in names)


@dataclass(frozen=True, slots=True)
class Remembered:
    """What the skill says under `sources` about its last import."""

    include: tuple[str, ...] = ()
    names: Mapping[str, str] | None = None
    exclude: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    deprecated: bool = False
    auth: str | None = None
    own_names: bool = False
    base_url: str | None = None
    servers: Mapping[str, str] = field(default_factory=dict)


def remembered(disk: Disk, kind: str) -> Remembered:
    """Patterns and names of earlier imports of this kind."""
    values = read_file(disk.mine[MAIN], MAIN).values if MAIN in disk.mine else {}
    sources = values.get("sources")
    said = sources.get(kind) if isinstance(sources, dict) else None
    if not isinstance(said, dict):
        return Remembered()
    auth, base_url = said.get("auth"), said.get("base_url")
    return Remembered(
        _texts(said.get("include")),
        _pairs(said.get("names")),
        _texts(said.get("exclude")),
        _texts(said.get("methods")),
        said.get("deprecated") is True,
        auth if isinstance(auth, str) else None,
        said.get("naming") == "operation-id",
        base_url if isinstance(base_url, str) else None,
        _pairs(said.get("servers")),
    )


def _pairs(value: Json) -> dict[str, str]:
    return {key: str(below) for key, below in value.items()} if isinstance(value, dict) else {}


def _texts(value: Json) -> tuple[str, ...]:
    return tuple(str(one) for one in value) if isinstance(value, list) else ()


@dataclass(frozen=True, slots=True)
class Choice:
    """Which operations are taken, what they are called, and how they prove themselves; empty = as last time."""

    include: tuple[str, ...] = ()
    """Patterns of operations; none = all."""
    exclude: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    deprecated: bool = False
    names: Mapping[str, str] = field(default_factory=dict)
    """A utility's name in the description → the name it gets."""
    auth: str | None = None
    """`bearer`, `basic`, `header:NAME`, `query:NAME`, `none` or the name of a security scheme."""
    own_names: bool | None = None
    """Utilities are called as the description's operation ids say; None = as last time."""
    base_url: str | None = None
    """Where the service is, in place of what the description says."""
    servers: Mapping[str, str] = field(default_factory=dict)
    """What variables of the description's servers are."""


def source_of(kind: str, address: str, choice: Choice, disk: Disk) -> Source:
    """Where the import comes from: what is said now, over what was said last time."""
    before = remembered(disk, kind)
    return Source(
        kind,
        address,
        choice.include or before.include,
        {**(before.names or {}), **choice.names},
        choice.exclude or before.exclude,
        tuple(method.upper() for method in choice.methods) or before.methods,
        choice.deprecated or before.deprecated,
        choice.auth or before.auth,
        before.own_names if choice.own_names is None else choice.own_names,
        choice.base_url or (None if choice.servers else before.base_url),
        {} if choice.base_url else {**before.servers, **choice.servers},
    )


def read_names(pairs: Iterable[str]) -> dict[str, str]:
    """`OLD=NEW` pairs. Raises ImportProblem."""
    names: dict[str, str] = {}
    for pair in pairs:
        old, equals, new = pair.rpartition("=")
        if not equals or not old or not is_utility_name(new):
            raise ImportProblem(f"--name {pair}: write OLD=NEW, where NEW is like list_things")
        names[old] = new
    return names
