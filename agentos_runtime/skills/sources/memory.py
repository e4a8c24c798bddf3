"""What is remembered of a skill that was added: where it came from, and what its files were then.

It lies in the skill's own folder, so that the text and what is known of it change in one step.
"""

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json, JsonTextError, dump, parse
from agentos_runtime.skills.files import SkillFolder
from agentos_runtime.skills.sources.source import Source

FILE = ".added.json"
VERSION = 1


@dataclass(frozen=True, slots=True)
class Memory:
    """Where a skill's files came from, and when; `files` are their sha256."""

    source: Source
    commit: str | None
    added_at: str
    files: Mapping[str, str]

    def as_bytes(self) -> bytes:
        said: dict[str, Json] = {
            "version": VERSION,
            "source": self.source.address,
            "repository": self.source.is_repository,
            "revision": self.source.revision,
            "path": self.source.path,
            "commit": self.commit,
            "added_at": self.added_at,
            "files": {**self.files},
        }
        return dump(said) + b"\n"

    @classmethod
    def from_json(cls, value: Any) -> "Memory | None":
        """None for what no version that is known has written."""
        texts = ("source", "added_at")
        maybe = ("revision", "path", "commit")
        if not isinstance(value, dict) or value.get("version") != VERSION:
            return None
        known = all(isinstance(value.get(name), str) for name in texts) and all(
            value.get(name) is None or isinstance(value[name], str) for name in maybe
        )
        files = value.get("files")
        if not known or not isinstance(files, dict) or not isinstance(value.get("repository"), bool):
            return None
        source = Source(value["source"], value["repository"], value["revision"], value["path"])
        return cls(source, value["commit"], value["added_at"], {str(name): str(of) for name, of in files.items()})


def recall(folder: SkillFolder, skill: Path) -> Memory | None:
    """What is remembered of the skill in a folder; None when it was not added, or that cannot be read."""
    try:
        return Memory.from_json(parse(folder.read(skill / FILE)))
    except (OSError, JsonTextError):
        return None


def digests(files: Mapping[str, bytes]) -> dict[str, str]:
    return {name: sha256(data).hexdigest() for name, data in files.items()}
