"""Skill files as they lie on the disk: found, and read with what stands beside them."""

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from hashlib import sha256
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from agentos_runtime.diagnostics import Place, Position, Problem
from agentos_runtime.errors import Overloaded
from agentos_runtime.frozen import dataclass
from agentos_runtime.manifest.result import LoadResult, ShapeCheck, slug
from agentos_runtime.skills.files import (
    LARGEST_ICON,
    SKILL_FILES,
    NotRead,
    SkillFolder,
    Stamp,
    TooMany,
    is_there,
    stamp,
)
from agentos_runtime.skills.kept import KeptSkills, Used

READER = "agentos_runtime.manifest.load"
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds before what could not be read or checked is tried again although it did not change."""
MOST_TOGETHER = 16 * 1024 * 1024
"""Bytes of all parts of a skill."""
NAMES = 1000
"""Of the files beside a manifest, so many are compared with a name that is not there."""


@dataclass(frozen=True, slots=True)
class Retry:
    """When a file is tried again, with pauses that grow."""

    due: float | None = None
    pause: float = FIRST_PAUSE

    def after(self, now: float) -> "Retry":
        """It came to nothing once more."""
        return Retry(now + self.pause, min(2 * self.pause, LONGEST_PAUSE))


@dataclass(frozen=True, slots=True)
class Loading:
    """A skill of which nothing is known yet but what its file says, if even that."""

    id: str
    name: str
    description: str
    read: bool = True
    """Its file was read, so the id is certain."""
    problem: Problem | None = None
    """What keeps it from being known, once it did not come to an end in one go."""

    @property
    def problems(self) -> tuple[Problem, ...]:
        return (self.problem,) if self.problem else ()

    @classmethod
    def unread(cls, path: Path, problem: Problem | None = None) -> "Loading":
        """What the place of a file gives."""
        name = _named_by_place(path)
        return cls(name, name, "", read=False, problem=problem)

    @classmethod
    def of(cls, result: LoadResult, problem: Problem | None = None) -> "Loading":
        """What its file says."""
        return cls(result.id, result.name, result.description, problem=problem)


def early(skill_id: str, loading: Sequence[Loading]) -> Overloaded | None:
    """What a call is told whose skill may be one of these."""
    own = next((each for each in loading if each.id == skill_id), None)
    if own is None and all(each.read for each in loading):
        return None
    sentence = f"Skills are still being loaded, and {skill_id!r} may be one of them"
    if own:
        why = f": {own.problem.message}. It is tried again" if own.problem else ""
        sentence = f"The skill {skill_id} is not ready yet{why}"
    return Overloaded(f"{sentence}; try again in a second", retry_after=1, details={"skill": skill_id})


class Seen(NamedTuple):
    """A skill file, and the files beside it that it was read with, as they stand on disk."""

    stamp: Stamp
    beside: Mapping[Path, Stamp | None]


class Scanned(NamedTuple):
    """The skill files of a folder; and the rest, if there were too many entries to look at all."""

    files: Mapping[Path, Seen]
    rest: TooMany | None


def scan(folder: SkillFolder, beside: Mapping[Path, Sequence[Path]]) -> Scanned:
    """Look for the skill files of a folder; one that is not there has none. Raises OSError for one that is closed.

    beside: for the files that are known, what each was read with.
    """
    files: dict[Path, Seen] = {}
    try:
        for file, own in folder.seen():
            found = own or (stamp(file.parent) if file.parent != folder.path else None)
            if found:  # else it has gone since
                files[file] = Seen(found, {each: stamp(each) for each in beside.get(file, ())})
    except FileNotFoundError:
        return Scanned({}, None)
    except TooMany as rest:
        return Scanned(files, rest)
    return Scanned(files, None)


class Beside:
    """The files beside a manifest: read through its folder of skills, with what they looked like before.

    `used` is what was made of them since `begin`.
    """

    def __init__(self, folder: SkillFolder, place: Path) -> None:
        self.folder = folder
        self.names = Names(folder, place, self)
        self.stamps: dict[Path, Stamp | None] = {}
        self._place = place
        self.begin()

    def begin(self) -> None:
        """They are read from the first on."""
        self.used = Used()
        self._room = MOST_TOGETHER

    def read(self, name: str) -> bytes:
        """The bytes of a part. Raises OSError."""
        path = self._noted(name)
        with self._certain():
            data = self.folder.read(path)
        self.used.parts[name] = sha256(data).hexdigest()
        self._room -= len(data)
        if self._room < 0:
            raise NotRead(
                f"together the parts are larger than {MOST_TOGETHER // (1024 * 1024)} MB", "Move some elsewhere"
            )
        return data

    def check_icon(self, name: str) -> None:
        """Raises OSError when the icon could not be shown."""
        path = self._noted(name)
        with self._certain():
            self.folder.check(path, LARGEST_ICON)
        self.used.icons.append(name)

    def are(self, used: Used) -> bool:
        """Whether they are what a manifest was read with before. Notes all that it looks at."""
        try:
            for name in used.icons:
                self.check_icon(name)
            read = all(sha256(self.read(name)).hexdigest() == digest for name, digest in used.parts.items())
            return read and all((name in self.names) == there for name, there in used.names.items())
        except OSError:
            return False

    @contextmanager
    def _certain(self) -> Iterator[None]:
        """What cannot be read now may be read the next time."""
        try:
            yield
        except OSError:
            self.used.certain = False
            raise

    def _noted(self, name: str) -> Path:
        path = self._place / name
        self.stamps[path] = stamp(path)
        return path


class Names(Collection[str]):
    """What lies in a folder, looked up when it is asked for: there may be very much."""

    def __init__(self, folder: SkillFolder, place: Path, asked: Beside) -> None:
        self._folder = folder
        self._place = place
        self._asked = asked

    def __contains__(self, name: object) -> bool:
        if not isinstance(name, str):
            return False
        there = self._asked.used.names[name] = is_there(self._place / name)
        return there

    def __iter__(self) -> Iterator[str]:
        self._asked.used.certain = False
        try:
            entries = self._folder.entries(self._place)
        except OSError:
            return
        yield from (entry.name for entry in islice(entries, NAMES))

    def __len__(self) -> int:
        return sum(1 for _ in self)


@dataclass(frozen=True, slots=True)
class Reading:
    """A file being read, as it was when that began."""

    stamp: Stamp | None
    beside: Beside
    result: "asyncio.Task[LoadResult]"


def read_skill(
    path: Path,
    schema: ShapeCheck,
    beside: Beside,
    faultless: Collection[str] = (),
    kept: KeptSkills | None = None,
) -> LoadResult:
    """Load one skill file and its parts from disk. Raises OSError when the file itself cannot be read.

    faultless: as `load_skill` takes it. kept: where it is found if all its files are as they were.
    """
    data = beside.folder.read(path)
    found = kept.find(path, data) if kept else None
    if found and beside.are(found[1]):
        skill = found[0]
        return LoadResult(skill, (), skill.id, skill.name, skill.description, ())
    beside.begin()
    result: LoadResult = import_module(READER).load_skill(
        data,
        schema=schema,
        file=path,
        folder=path.parent if path.name in SKILL_FILES else None,
        siblings=beside.names,
        read_part=beside.read,
        check_icon=beside.check_icon,
        faultless=faultless,
    )
    if kept is None or result.skill is None:
        return result
    return replace(result, keep=partial(kept.keep, path, result.skill, beside.used))


def unreadable(path: Path, error: OSError) -> LoadResult:
    """What is known of a skill whose file cannot be read: the name that its place gives it, and why."""
    reason = error.strerror or "it cannot be read"
    fix = error.fix if isinstance(error, NotRead) else "Check that it exists and may be read"
    problem = Problem(f"The file cannot be read: {reason}", Place("", Position(str(path), 1, 1)), fix=fix)
    skill_id = _named_by_place(path)
    return LoadResult(None, (problem,), skill_id, skill_id, "", ())


def _named_by_place(path: Path) -> str:
    return slug(path.parent.name if path.name in SKILL_FILES else path.stem)
