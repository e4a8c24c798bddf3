"""A skill from elsewhere is looked at, and then put among those of the home, or in the place of what it was before.

Nothing of it runs: its files are written beside the others, checked, and the folder gets its name in one step.
"""

import shutil
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path, PurePosixPath
from tempfile import mkdtemp

from agentos_runtime.config.settings import Settings
from agentos_runtime.diagnostics import Problem
from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.model import Skill
from agentos_runtime.manifest.result import slug
from agentos_runtime.manifest.schema import ManifestSchema
from agentos_runtime.resources import read_schema
from agentos_runtime.security.authority import Authority, authority_of
from agentos_runtime.security.bundled import read_bundled
from agentos_runtime.skills.checking import CheckedFile, CheckedSkill, check_skills
from agentos_runtime.skills.files import SKILL_FILES, NotRead, SkillFile, SkillFolder, is_there, skill_folders
from agentos_runtime.skills.opening import LazyChecker
from agentos_runtime.skills.sources.listing import MOST_FILES, NotAdded
from agentos_runtime.skills.sources.memory import FILE, Memory, digests, recall
from agentos_runtime.skills.sources.source import Source, choose, open_source
from agentos_runtime.storage.file_threads import aside
from agentos_runtime.storage.private_files import make_private_folder

_STAGE = ".adding-"


class BrokenSource(NotAdded):
    """What came is no skill that works: `problems`, placed in `files` by their names."""

    def __init__(self, checked: CheckedFile, files: Mapping[str, bytes]) -> None:
        super().__init__("what came is broken, so it was left where it is")
        self.files = files
        self.problems = tuple(_placed(problem, checked.file.path.parent) for problem in checked.problems)


@dataclass(frozen=True, slots=True)
class Installed:
    """A skill that lies in a folder of skills, and what is remembered of it."""

    id: str
    path: Path
    files: Mapping[str, bytes]
    memory: Memory | None
    skill: Skill | None
    """None when it is broken."""

    @property
    def edited(self) -> tuple[str, ...]:
        """Files that are not as they were added."""
        was = self.memory.files if self.memory else {}
        now = digests(self.files)
        return tuple(sorted(name for name in {*was, *now} if was.get(name) != now.get(name)))


@dataclass(frozen=True, slots=True)
class Candidate:
    """A skill that was fetched, loaded and checked, and is not installed yet."""

    source: Source
    commit: str | None
    skill: Skill
    checked: CheckedFile
    files: Mapping[str, bytes]
    folder: Path
    """The folder of skills that it would be put into."""
    stage: Path
    before: Installed | None
    """What it would take the place of."""

    @property
    def path(self) -> Path:
        return self.folder / self.skill.id

    @property
    def authority(self) -> Authority:
        return authority_of(self.skill)

    @property
    def shadows(self) -> bool:
        """Whether a skill that ships has the same id."""
        return self.skill.id in read_bundled()

    @property
    def changes(self) -> tuple[str, ...]:
        """What it may do that it might not before, and the other way round."""
        was = authority_of(self.before.skill) if self.before and self.before.skill else Authority()
        return was.diff(self.authority)

    @property
    def changed_files(self) -> tuple[str, ...]:
        was: Mapping[str, bytes] = self.before.files if self.before else {}
        return tuple(sorted(name for name in {*was, *self.files} if was.get(name) != self.files.get(name)))

    def as_json(self) -> dict[str, Json]:
        return {
            "id": self.skill.id,
            "name": self.skill.name,
            "source": str(self.source),
            "commit": self.commit,
            "digest": self.skill.digest,
            "files": [*self.files],
            "changed_files": [*self.changed_files],
            "authority": self.authority.as_json(),
            "authority_changes": [*self.changes],
            "folder": str(self.path),
            "takes_the_place_of_a_bundled_skill": self.shadows,
        }


@asynccontextmanager
async def candidate(
    source: Source, settings: Settings, environ: Mapping[str, str], folder: Path | None = None
) -> AsyncIterator[Candidate]:
    """Fetch a skill and look at it; what was written for that is gone afterwards unless it was installed.

    folder: the folder of skills to put it into; None = `skills` in the home. Reads, fetches and writes in a thread.
    Raises NotAdded; BrokenSource when its text has errors; PrivateFileError; JqUnusable.
    """
    files, name, commit = await aside(partial(_fetched, source, settings, environ))
    place = folder if folder is not None else await aside(partial(_home_of_skills, settings))
    stage = await aside(partial(_staged, place, name, files))
    try:
        checked = await _checked(SkillFolder(stage), stage / name)
        if checked.skill is None:
            raise BrokenSource(checked.checked, files)
        skill = checked.skill
        before = await installed(SkillFolder(place, (settings.home, *settings.other_homes)), place / skill.id)
        yield Candidate(source, commit, skill, checked.checked, files, place, stage / name, before)
    finally:
        await aside(partial(shutil.rmtree, stage, ignore_errors=True))


async def installed(folder: SkillFolder, path: Path) -> Installed | None:
    """The skill in its folder as it is now; None when there is nothing. Raises NotAdded."""
    if not is_there(path):
        return None
    files = await aside(partial(_files_of, folder, path))
    checked = await _checked(folder, path)
    return Installed(path.name, path, files, recall(folder, path), checked.skill)


def added_skills(settings: Settings) -> dict[str, tuple[SkillFolder, Path]]:
    """Where each skill lies that was added from elsewhere, by its id; those that come first win."""
    found: dict[str, tuple[SkillFolder, Path]] = {}
    for folder in skill_folders(settings):
        try:
            entries = () if folder.bundled else folder.entries(folder.path)
        except OSError:
            continue
        for entry in entries:
            path = folder.path / entry.name
            if entry.is_folder and not entry.name.startswith(".") and recall(folder, path) is not None:
                found.setdefault(entry.name, (folder, path))
    return found


def install(chosen: Candidate, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Path:
    """Put what was looked at, and nothing else, in its place; what was there goes in the same step.

    Raises NotAdded.
    """
    path, aged = chosen.path, chosen.stage.parent / "before"
    memory = Memory(chosen.source, chosen.commit, now().isoformat(timespec="seconds"), digests(chosen.files))
    try:
        (chosen.stage / FILE).write_bytes(memory.as_bytes())
        if (chosen.before.files if chosen.before else None) != _now_at(path):
            raise NotAdded(f"{path} has changed meanwhile, and was left as it is")
        if chosen.before is not None:
            path.rename(aged)
        try:
            chosen.stage.rename(path)
        except OSError:
            if chosen.before is not None:
                aged.rename(path)
            raise
    except OSError as error:
        raise NotAdded(f"{path} cannot be written: {error.strerror}") from None
    return path / chosen.skill.file.name


def renamed(source: Source, revision: str) -> Source:
    """The same at another revision."""
    return replace(source, revision=revision)


def _placed(problem: Problem, folder: Path) -> Problem:
    """The problem with the name that the file has in its skill: where it was looked at is gone by then."""
    position = problem.place.position
    file = position.file.removeprefix(f"{folder}/")
    return replace(problem, place=replace(problem.place, position=replace(position, file=file)))


def _fetched(
    source: Source, settings: Settings, environ: Mapping[str, str]
) -> tuple[Mapping[str, bytes], str, str | None]:
    with open_source(source, settings, environ) as opened:
        main = choose(opened)
        path = PurePosixPath(main)
        named = path.parent.name if path.name in SKILL_FILES else path.stem
        return opened.listing.of_skill(main), slug(named or opened.name), opened.commit


def _home_of_skills(settings: Settings) -> Path:
    make_private_folder(settings.home)
    folder = settings.home / "skills"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _now_at(path: Path) -> dict[str, bytes] | None:
    return _files_of(SkillFolder(path.parent), path) if is_there(path) else None


def _staged(folder: Path, name: str, files: Mapping[str, bytes]) -> Path:
    """The files in a folder beside the others that no server looks into. Raises NotAdded."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        stage = Path(mkdtemp(prefix=_STAGE, dir=folder))
        try:
            for path, data in files.items():
                file = stage / name / path
                file.parent.mkdir(parents=True, exist_ok=True)
                with file.open("xb") as opened:
                    opened.write(data)
        except BaseException:
            shutil.rmtree(stage, ignore_errors=True)
            raise
    except OSError as error:
        raise NotAdded(f"{folder} cannot be written: {error.strerror}") from None
    return stage


async def _checked(folder: SkillFolder, path: Path) -> CheckedSkill:
    main = next((name for name in SKILL_FILES if is_there(path / name)), SKILL_FILES[0])
    async with LazyChecker() as checker:
        file = SkillFile(folder, path / main)
        [found] = await check_skills([file], ManifestSchema(read_schema("manifest")), checker)
        if checker.unusable is not None:
            raise checker.unusable
        return found


def _files_of(folder: SkillFolder, path: Path) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    waiting = [path]
    if path.is_symlink() or not path.is_dir():
        raise NotAdded(f"{path} is in the way: move it elsewhere")
    try:
        while waiting:
            inside = waiting.pop()
            for entry in folder.entries(inside):
                if entry.name == FILE and inside == path:
                    continue
                if entry.is_folder:
                    waiting.append(inside / entry.name)
                    continue
                found[str(PurePosixPath((inside / entry.name).relative_to(path)))] = folder.read(
                    inside / entry.name
                )
                if len(found) > MOST_FILES:
                    raise NotAdded(f"{path} holds more than {MOST_FILES} files")
    except OSError as error:
        fix = f". {error.fix}" if isinstance(error, NotRead) else ""
        raise NotAdded(f"{path} cannot be read: {error.strerror}{fix}") from None
    return found
