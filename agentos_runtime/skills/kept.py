"""Skills as they were read and checked, kept for the next process that reads the same texts.

What is kept is a value, not a verdict on trust: whoever may call what is asked again, of the skill as it is used.
"""

import importlib.util
import io
import os
import pickle
import sys
from collections.abc import Iterator, Mapping
from dataclasses import field
from hashlib import sha256
from pathlib import Path
from typing import Any

from agentos_runtime import diagnostics
from agentos_runtime.frozen import dataclass
from agentos_runtime.manifest import model
from agentos_runtime.manifest.model import Skill
from agentos_runtime.manifest.result import digest_of
from agentos_runtime.manifest.shapes import Shape
from agentos_runtime.resources import schemas_folder
from agentos_runtime.storage.cache import Cache
from agentos_runtime.version import __version__

PACKAGE = Path(__file__).resolve().parent.parent
_READS = (PACKAGE / "manifest", PACKAGE / "jq", PACKAGE / "skills", schemas_folder())
"""The parts of the program that decide what a text means."""


@dataclass(slots=True)
class Used:
    """What of the files beside a manifest made it what it is."""

    parts: dict[str, str] = field(default_factory=dict)
    """The sha256 of each part."""
    icons: list[str] = field(default_factory=list)
    """Files that are there and can be shown."""
    names: dict[str, bool] = field(default_factory=dict)
    """Whether there is a file of the name."""
    certain: bool = True
    """Nothing else did."""


class KeptSkills:
    """Finds and keeps skills by where they stand and what all their files say."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    def find(self, path: Path, data: bytes) -> tuple[Skill, Used] | None:
        """The skill that this manifest was, if the files beside it still are what `Used` says."""
        kept = self._cache.find(str(path), sha256(data).digest())
        if kept is None:
            return None
        try:
            skill, parts, icons, names = _Values(io.BytesIO(kept)).load()
        except (pickle.PickleError, ValueError, TypeError, LookupError, AttributeError, EOFError):
            return None
        files = (sha256(data).hexdigest(), *parts.values())
        if isinstance(skill, Skill) and (skill.file, skill.files, skill.digest) == (path, files, digest_of(files)):
            return skill, Used(parts, icons, names)
        return None

    def keep(self, path: Path, skill: Skill, used: Used) -> None:
        """Keep what was found to be right."""
        if used.certain:
            data = pickle.dumps((skill, used.parts, used.icons, used.names), protocol=5)
            self._cache.keep(str(path), bytes.fromhex(skill.files[0]), data)


class _Values(pickle.Unpickler):
    """Makes values of skills, and can reach nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _CLASSES[module, name]
        except KeyError:
            raise pickle.UnpicklingError("this is no part of a skill") from None


def _classes() -> Iterator[type]:
    for module in (model, diagnostics):
        yield from (each for each in vars(module).values() if isinstance(each, type))
    yield from (Shape, type(Path()))


_CLASSES: Mapping[tuple[str, str], type] = {(each.__module__, each.__qualname__): each for each in _classes()}


def this_program() -> bytes:
    """Differs where a text may mean something else: another release, another Python or jq, a changed file."""
    jq = importlib.util.find_spec("jq")
    files = sorted(_files())
    files += [Path(jq.origin)] if jq and jq.origin else []
    seen = [(str(file), status.st_size, status.st_mtime_ns) for file in files for status in [file.stat()]]
    return sha256(repr((__version__, sys.version, seen)).encode()).digest()


def _files() -> Iterator[Path]:
    for folder in _READS:
        for place, below, names in os.walk(folder):
            below[:] = [name for name in below if name != "__pycache__"]
            yield from (Path(place, name) for name in names)
