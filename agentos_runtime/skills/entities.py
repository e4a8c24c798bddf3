"""Entities: what a community's skills call things, in an `entities` folder beside a folder of skills.

They give types to what is published and warnings to `agentos check`. They never refuse a reply.
"""

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import field
from importlib import import_module
from pathlib import Path
from typing import Any

from agentos_runtime.diagnostics import Problem
from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.model import Skill
from agentos_runtime.skills.files import SkillFolder, Stamp, stamp

FOLDER = "entities"
MOST_FILES = 1000
MOST_BYTES = 512 * 1024
"""Of one file."""
READER = "agentos_runtime.manifest.dialects.entity_files"
DEEPEST = 8
_EVERYWHERE = frozenset({"created_at", "updated_at", "id"})
_TYPES: Mapping[str, str] = {
    "string": "string", "integer": "integer", "number": "number", "boolean": "boolean", "array": "array",
    "object": "object", "datetime": "string", "date": "string", "url": "string",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Entity:
    """One document. `document` is as it is written."""

    id: str
    document: Mapping[str, Json]

    @property
    def extends(self) -> str | None:
        written = self.document.get("extends")
        return written if isinstance(written, str) else None

    @property
    def properties(self) -> Mapping[str, Json]:
        """Its own."""
        written = self.document.get("properties")
        return written if isinstance(written, dict) else {}

    def summary(self) -> dict[str, Json]:
        kept = ("id", "plural", "name", "description", "extends", "is_relationship", "from_type", "to_type")
        return {name: self.document[name] for name in kept if name in self.document}


@dataclass(frozen=True, slots=True)
class Known:
    """The entities of some folders; of those with one id the first."""

    of: Mapping[str, Entity] = field(default_factory=dict)

    def chain(self, entity_id: str) -> tuple[Entity, ...]:
        """An entity and what it extends, itself first."""
        found: list[Entity] = []
        while (entity := self.of.get(entity_id)) is not None and entity not in found:
            found.append(entity)
            entity_id = entity.extends or ""
        return tuple(found)

    def detail(self, entity_id: str) -> dict[str, Json] | None:
        """The document with inherited properties; None for an unknown id."""
        chain = self.chain(entity_id)
        if not chain:
            return None
        return {**chain[0].document, "properties": self._all(chain)}

    def schema(self, entity_id: str) -> dict[str, Json] | None:
        """JSON Schema of an entity's properties, for what is published; None for an unknown id."""
        chain = self.chain(entity_id)
        if not chain:
            return None
        properties: dict[str, Json] = {name: _schema(below) for name, below in self._all(chain).items()}
        return {"type": "object", "title": entity_id, "properties": properties}

    def _all(self, chain: Sequence[Entity]) -> dict[str, Json]:
        properties: dict[str, Json] = {}
        for entity in reversed(chain):
            properties |= entity.properties
        return properties


class Entities:
    """What lies beside the folders of skills; looked at again when it changes."""

    def __init__(self) -> None:
        self._found: dict[SkillFolder, tuple[Mapping[Path, Stamp | None], Mapping[str, Entity]]] = {}
        self.known = Known()

    @property
    def version(self) -> str:
        """Differs when they may be others."""
        text = repr(
            [(str(folder.path), sorted(map(str, seen.items()))) for folder, (seen, _) in self._found.items()]
        )
        return hashlib.sha256(text.encode()).hexdigest() if self.known.of else ""

    def look(self, folder: SkillFolder) -> None:
        """Read those beside `folder` when they are new or have changed; what cannot be read is left out."""
        beside = SkillFolder(folder.path.absolute().parent / FOLDER, folder.homes)
        seen = {path: stamp(path) for path in _files(beside)} if beside.path.is_dir() else {}
        if self._found.get(folder, ({}, {}))[0] == seen:
            return
        read = _read(beside, seen)
        self._found[folder] = (seen, read)
        every: dict[str, Entity] = {}
        for _, entities in self._found.values():
            every = {**entities, **every}
        self.known = Known(every)


def unknown_fields(skill: Skill, known: Known) -> Iterator[Problem]:
    """A warning for each field of a mapping that its entity has not."""
    for name, mapped in skill.mapped.items():
        chain = known.chain(name)
        if not chain:
            continue
        properties = {each for entity in chain for each in entity.properties} | _EVERYWHERE
        for written, place, length in mapped:
            first = written.partition(".")[0]
            if first in properties or first.startswith("_") or first in ("data", "content", "content_role"):
                continue
            message = f"`{written[:60]}` is no property of the entity `{name}`"
            fix = f"Put it below `data.`, or use one of {', '.join(sorted(properties - _EVERYWHERE)[:12])}"
            yield Problem(message, place, fix, "warning", length)


def _files(folder: SkillFolder) -> Iterator[Path]:
    waiting, count = [(folder.path, 0)], 0
    while waiting:
        place, depth = waiting.pop()
        try:
            entries = folder.entries(place)
        except OSError:
            continue
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_folder and not entry.is_link and depth < DEEPEST:
                waiting.append((place / entry.name, depth + 1))
            elif entry.name.endswith((".yaml", ".yml")) and count < MOST_FILES:
                count += 1
                yield place / entry.name


def _read(folder: SkillFolder, files: Collection[Path]) -> Mapping[str, Entity]:
    read: dict[str, Entity] = {}
    for file in files:
        with suppress(OSError):
            documents = import_module(READER).documents_of(folder.read(file, MOST_BYTES), str(file))
            read |= {one["id"]: Entity(one["id"], one) for one in documents}
    return read


def _schema(written: Any) -> Json:
    """The JSON Schema of one property; null is always allowed."""
    declared = written if isinstance(written, dict) else {"type": written}
    schema: dict[str, Json] = {}
    kind = _TYPES.get(str(declared.get("type")))
    if kind is not None:
        schema["type"] = [kind, "null"]
    if declared.get("type") in ("datetime", "date"):
        schema["format"] = "date-time" if declared["type"] == "datetime" else "date"
    for name in ("description", "format"):
        if isinstance(declared.get(name), str):
            schema[name] = declared[name]
    if isinstance(declared.get("items"), dict):
        schema["items"] = _schema(declared["items"])
    return schema
