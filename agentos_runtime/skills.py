"""Folders of skill files become skills that can be called, and stay right while the files are edited.

A save is live within a second. A bad save keeps the last good version serving and says so; a file that is away for
less than a second is being saved, not removed.
"""

import asyncio
import difflib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from errno import EACCES
from pathlib import Path
from typing import Literal, Protocol

from agentos_runtime.calls.plan import CallPlan, plan_call
from agentos_runtime.diagnostics import Place, Position, Problem
from agentos_runtime.errors import Gone, NotCallable, SkillBroken, UnknownSkill, UnknownUtility
from agentos_runtime.expressions.compiling import CompileProblem
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.load import ExpressionCheck, LoadResult, load_skill
from agentos_runtime.manifest.model import Skill
from agentos_runtime.manifest.parts import PartReader
from agentos_runtime.manifest.schema import ManifestSchema

SKILL_FILES = ("readme.md", "README.md", "SKILL.md")
SETTLE = 1.0
"""Seconds for which a file must be away, or no longer callable, before it is believed."""

Signature = tuple[int, int, int]
Signatures = Mapping[Path, Signature | None]
"""Each file as it was when it was read; None = it could not be."""


class ExpressionChecker(Protocol):
    """Compiles one expression and says what is wrong with it."""

    async def check(self, definitions: str, source: str, *, request: bool) -> CompileProblem | None: ...


@dataclass(frozen=True, slots=True)
class SkillFolder:
    """A folder with skills; those of a bundled folder ship with the runtime."""

    path: Path
    bundled: bool = False


@dataclass(frozen=True, slots=True)
class SkillEntry:
    """One skill as it stands now: the version that serves, and what is wrong with the newest save."""

    id: str
    file: Path
    bundled: bool
    skill: Skill | None
    """None = broken: no version ever loaded, or another file took the id."""
    plans: Mapping[str, CallPlan]
    problems: tuple[Problem, ...] = ()
    stale: bool = False
    name: str = ""
    description: str = ""

    @property
    def state(self) -> Literal["ready", "broken"]:
        return "ready" if self.skill else "broken"


@dataclass(slots=True)
class _File:
    """What is known of one file between two looks at it."""

    folder: SkillFolder
    signature: Signature | None = None
    parts: Signatures = field(default_factory=dict)
    entry: SkillEntry | None = None
    missing_since: float | None = None
    doubted_since: float | None = None
    """When its newest version was first seen to be no longer callable; a further change begins anew."""


class Registry:
    """All skills of some folders; earlier folders win an id."""

    def __init__(
        self,
        folders: Sequence[SkillFolder],
        checker: ExpressionChecker,
        schema: ManifestSchema,
        *,
        settings: Mapping[str, Mapping[str, Json]] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folders = tuple(folders)
        self._checker = checker
        self._schema = schema
        self._settings = settings or {}
        self._clock = clock
        self._files: dict[Path, _File] = {}
        self._entries: tuple[SkillEntry, ...] = ()
        self._by_id: Mapping[str, SkillEntry] = {}

    @property
    def entries(self) -> tuple[SkillEntry, ...]:
        """Every skill, the losers of an id included, sorted by id."""
        return self._entries

    def plan(self, skill_id: str, utility: str) -> CallPlan:
        """The call's plan. Raises UnknownSkill, SkillBroken, Gone, NotCallable, UnknownUtility."""
        entry = self.entry(skill_id)
        plan = entry.plans.get(utility)
        if plan is not None:
            return plan
        if entry.skill is None:
            raise broken_error(entry)
        if instead := entry.skill.gone.get(utility):
            raise Gone(f"{skill_id}/{utility} is gone: {instead}", details={"skill": skill_id, "utility": utility})
        if not entry.plans:
            raise NotCallable(
                f"{skill_id} has instructions only, nothing to call; read them at GET /api/skills/{skill_id}",
                details={"skill": skill_id},
            )
        raise UnknownUtility(
            f"{skill_id} has no utility {utility!r}{nearest(utility, entry.plans)}",
            details={"skill": skill_id, "utility": utility},
        )

    def entry(self, skill_id: str) -> SkillEntry:
        """The entry that owns the id. Raises UnknownSkill."""
        entry = self._by_id.get(skill_id)
        if entry is None:
            raise UnknownSkill(
                f"There is no skill {skill_id!r}{nearest(skill_id, self._by_id)}", details={"skill": skill_id}
            )
        return entry

    async def refresh(self) -> None:
        """Look at every file once and load what changed."""
        parts = {path: tuple(file.parts) for path, file in self._files.items()}
        found = await asyncio.to_thread(_scan, self._folders, parts)
        now = self._clock()
        changed = [self._note(path, seen) for path, seen in found.items()]
        await asyncio.gather(*(self._load(path, now) for path in changed if path is not None))
        gone = [path for path in self._files if path not in found and self._is_gone(path, now)]
        for path in gone:
            del self._files[path]
        if gone or any(changed) or not self._entries:
            self._resolve()

    async def watch(self, interval: float = 0.3) -> None:
        """Refresh for ever."""
        while True:
            await asyncio.sleep(interval)
            await self.refresh()

    def _note(self, path: Path, seen: "_Seen") -> Path | None:
        """Remember that the file is there; gives its path when it must be loaded."""
        file = self._files.setdefault(path, _File(seen.folder))
        file.missing_since = None
        changed = file.signature != seen.signature or file.parts != seen.parts
        if changed:
            file.doubted_since = None
        elif file.doubted_since is None:
            return None
        file.signature = seen.signature
        return path

    def _is_gone(self, path: Path, now: float) -> bool:
        file = self._files[path]
        if file.missing_since is None:
            file.missing_since = now
        return now - file.missing_since >= SETTLE

    async def _load(self, path: Path, now: float) -> None:
        file = self._files[path]
        parts = Parts(path.parent)
        try:
            result = await asyncio.to_thread(read_skill, path, self._schema, parts)
        except OSError as error:
            result = unreadable(path, error)
        file.parts = parts.signatures
        problems = (*result.problems, *await check_expressions(self._checker, result.checks))
        loaded = None if problems else result.skill
        before = file.entry.skill if file.entry else None
        if loaded and before and before.kind == "callable" and loaded.kind != "callable":
            if file.doubted_since is None:
                file.doubted_since = now
            if now - file.doubted_since < SETTLE:
                return
        file.doubted_since = None
        if loaded is None:
            file.entry = _unloaded_entry(path, file, result, problems)
        else:
            settings = {**loaded.settings, **self._settings.get(loaded.id, {})}
            file.entry = _loaded_entry(file, loaded, settings)

    def _resolve(self) -> None:
        """Give every id to the first file that wants it; the others are broken, and say why.

        Earlier folders come first, and in one folder those that load: a broken copy takes nobody's id.
        """
        order = {folder.path: index for index, folder in enumerate(self._folders)}
        known = [(order[file.folder.path], file.entry) for file in self._files.values() if file.entry]
        winners: dict[str, SkillEntry] = {}
        entries: list[SkillEntry] = []
        for _, entry in sorted(known, key=lambda one: (one[0], one[1].skill is None, str(one[1].file))):
            winner = winners.setdefault(entry.id, entry)
            entries.append(entry if winner is entry else _loser(entry, winner))
        self._entries = tuple(sorted(entries, key=lambda entry: entry.id))
        self._by_id = winners


def nearest(name: str, known: Iterable[str]) -> str:
    """`; did you mean a, b?` for an error text, or nothing."""
    close = difflib.get_close_matches(name, list(known), n=3, cutoff=0.5)
    return f"; did you mean {', '.join(close)}?" if close else ""


def broken_error(entry: SkillEntry) -> SkillBroken:
    errors = [problem for problem in entry.problems if problem.severity == "error"] or entry.problems
    first = errors[0] if errors else None
    count = len(errors)
    summary = f": {first}" if first else ""
    return SkillBroken(
        f"The skill {entry.id} cannot be used until its manifest is mended "
        f"({count} problem{'' if count == 1 else 's'}){summary}",
        details={"skill": entry.id, "problems": [problem_json(problem) for problem in entry.problems]},
    )


def problem_json(problem: Problem) -> dict[str, Json]:
    position = problem.place.position
    return {
        "path": problem.place.key,
        "message": problem.message,
        "fix": problem.fix,
        "severity": problem.severity,
        "file": position.file,
        "line": position.line,
        "column": position.column,
    }


async def check_expressions(checker: ExpressionChecker, checks: Sequence[ExpressionCheck]) -> tuple[Problem, ...]:
    """Compile every expression; the problems stand at the very character in the file."""
    found = await asyncio.gather(
        *(checker.check(check.definitions, check.source, request=check.request) for check in checks)
    )
    return tuple(
        _compile_problem(check, problem)
        for check, problem in zip(checks, found, strict=True)
        if problem is not None
    )


def unreadable(path: Path, error: OSError) -> LoadResult:
    reason = error.strerror or "it cannot be read"
    place = Place("", Position(str(path), 1, 1))
    problem = Problem(f"The file cannot be read: {reason}", place, fix="Check that it exists and may be read")
    skill_id = path.parent.name if path.name in SKILL_FILES else path.stem
    return LoadResult(None, (problem,), skill_id.lower(), skill_id, "", ())


def _compile_problem(check: ExpressionCheck, problem: CompileProblem) -> Problem:
    position = check.locate(problem.line, problem.column)
    return Problem(f"jq: {problem.message}", replace(check.place, position=position), length=problem.length)


@dataclass(frozen=True, slots=True)
class _Seen:
    """A skill file, and the parts that it was known to have, as they stand on disk."""

    folder: SkillFolder
    signature: Signature
    parts: Signatures


def _scan(folders: Sequence[SkillFolder], parts: Mapping[Path, Sequence[Path]]) -> dict[Path, _Seen]:
    found: dict[Path, _Seen] = {}
    for folder in folders:
        for path in skill_files(folder.path):
            signature = _signature(path)
            if signature is not None:
                known = {part: _signature(part) for part in parts.get(path, ())}
                found.setdefault(path, _Seen(folder, signature, known))
    return found


def _signature(path: Path) -> Signature | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


class Parts:
    """Reads the files beside a manifest that it names as its parts, and remembers what they looked like before."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.signatures: dict[Path, Signature | None] = {}

    def __call__(self, name: str) -> bytes:
        """The part's bytes. Raises OSError; also for a link that leads out of the folder."""
        path = self._folder / name
        self.signatures[path] = _signature(path)
        if not path.resolve().is_relative_to(self._folder.resolve()):
            raise PermissionError(EACCES, "it is a link to somewhere else")
        return path.read_bytes()


def skill_files(folder: Path) -> Iterable[Path]:
    """The skill files of a folder: `<name>.md`, and the readme or SKILL.md of each folder in it."""
    try:
        children = sorted(folder.iterdir())
    except OSError:
        return
    for child in children:
        if child.name.startswith("."):
            continue
        if child.is_dir():
            names = {name.name for name in _listed(child)}
            yield from (child / name for name in [n for n in SKILL_FILES if n in names][:1])
        elif child.suffix == ".md" and child.name.lower() != "readme.md":
            yield child


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def read_skill(path: Path, schema: ManifestSchema, parts: PartReader | None = None) -> LoadResult:
    """Load one skill file and its parts from disk. Raises OSError when the file itself cannot be read."""
    in_folder = path.name in SKILL_FILES
    siblings = frozenset(child.name for child in _listed(path.parent))
    return load_skill(
        path.read_bytes(),
        schema=schema,
        file=path,
        folder=path.parent if in_folder else None,
        siblings=siblings,
        read_part=parts or Parts(path.parent),
    )


def _loaded_entry(file: _File, skill: Skill, settings: Mapping[str, Json]) -> SkillEntry:
    return SkillEntry(
        id=skill.id,
        file=skill.file,
        bundled=file.folder.bundled,
        skill=skill,
        plans={name: plan_call(skill, utility, settings) for name, utility in skill.utilities.items()},
        problems=skill.warnings,
        name=skill.name,
        description=skill.description,
    )


def _unloaded_entry(path: Path, file: _File, result: LoadResult, problems: tuple[Problem, ...]) -> SkillEntry:
    """The last good version goes on serving, if there was one."""
    if file.entry and file.entry.skill:
        return replace(file.entry, problems=problems, stale=True)
    return SkillEntry(
        id=result.id,
        file=path,
        bundled=file.folder.bundled,
        skill=None,
        plans={},
        problems=problems,
        name=result.name,
        description=result.description,
    )


def _loser(entry: SkillEntry, winner: SkillEntry) -> SkillEntry:
    place = Place("id", Position(str(entry.file), 1, 1))
    problem = Problem(
        f"The id {entry.id} is already taken by {winner.file}; {entry.file} is not served",
        place,
        fix="Give one of the two another id, or remove one",
    )
    return replace(entry, skill=None, plans={}, problems=(problem,), stale=False)
