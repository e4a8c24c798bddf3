"""Skill files are found, loaded once, and checked to the last expression; what came of it is a value."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from agentos_runtime.config.settings import Settings
from agentos_runtime.diagnostics import Place, Position, Problem, problem_json
from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.model import Skill
from agentos_runtime.manifest.result import LoadResult
from agentos_runtime.manifest.schema import ManifestSchema
from agentos_runtime.skills.checks import ExpressionChecker, check_expressions
from agentos_runtime.skills.entities import Entities, Known, unknown_fields
from agentos_runtime.skills.files import SKILL_FILES, SkillFile, SkillFolder, is_there, skill_folders
from agentos_runtime.skills.loading import Beside, read_skill, unreadable
from agentos_runtime.storage.file_threads import aside


class NotChecked(ValueError):
    """The check cannot be made; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """One file and everything wrong with it, in the order of the file."""

    file: SkillFile
    id: str
    """Of the skill that it describes or belongs to."""
    problems: tuple[Problem, ...]
    dialect: str | None = None
    """Of AgentOS, for a file that is written in one."""

    @property
    def errors(self) -> int:
        return sum(problem.severity == "error" for problem in self.problems)

    @property
    def warnings(self) -> int:
        return sum(problem.severity == "warning" for problem in self.problems)

    def as_json(self) -> dict[str, Json]:
        problems: list[Json] = [{**problem_json(p), "length": p.length} for p in self.problems]
        dialect: dict[str, Json] = {"dialect": self.dialect} if self.dialect else {}
        return {"file": str(self.file.path), "id": self.id, "ok": not self.errors, "problems": problems, **dialect}


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What a check found, file by file."""

    files: tuple[CheckedFile, ...]

    @property
    def errors(self) -> int:
        return sum(each.errors for each in self.files)

    @property
    def warnings(self) -> int:
        return sum(each.warnings for each in self.files)

    def as_json(self) -> dict[str, Json]:
        files: list[Json] = [each.as_json() for each in self.files]
        return {"files": files, "errors": self.errors, "warnings": self.warnings}


@dataclass(frozen=True, slots=True)
class CheckedSkill:
    """A checked manifest, and the skill that it loaded as: None when it did not."""

    checked: CheckedFile
    skill: Skill | None
    doubtful: Skill | None = None
    """Where it did not load, what could be read beside its mistakes."""


def find_skill_files(paths: Sequence[Path], settings: Settings) -> list[SkillFile]:
    """The skill files that the paths mean, or without any all that would be served; each once.

    A path in one of the folders that are served is read as it is when it is served; elsewhere a folder that is
    named, and the folder of a file that is named, is the one that no link may leave. Raises NotChecked when a
    folder cannot be listed, and when there is none in the paths.
    """
    folders, homes = skill_folders(settings), (settings.home, *settings.other_homes)
    found: dict[SkillFile, None] = {}
    for path in paths:
        named = SkillFolder(path if path.is_dir() else path.parent, homes)
        place = SkillFile(next((each for each in folders if each.spans(path)), named), path)
        found |= dict.fromkeys(_skill_files(place) if path.is_dir() else [_skill_of(place, homes)])
    for folder in () if paths else folders:
        found |= dict.fromkeys(_manifests(SkillFile(folder, folder.path)))
    if paths and not found:
        raise NotChecked(
            f"There is no skill file in {', '.join(map(str, paths))}: a skill is a folder with a readme.md"
        )
    return list(found)


async def check_skills(
    files: Sequence[SkillFile], schema: ManifestSchema, checker: ExpressionChecker
) -> list[CheckedSkill]:
    """Load each file once and compile its expressions; an id that two files want is an error of the second.

    A bundled skill that loses its id is shadowed, which is no error.
    """
    owners: dict[str, SkillFile] = {}
    found = []
    beside: dict[Path, Known] = {}
    for file in files:
        place = file.path.parent.parent if file.path.name in SKILL_FILES else file.path.parent
        if place not in beside:
            beside[place] = await aside(partial(_entities_beside, SkillFolder(place, file.folder.homes)))
        one = await _check_skill(file, schema, checker, beside[place])
        owner = owners.setdefault(one.checked.id, file)
        shadowed = file.folder.bundled and not owner.folder.bundled
        found.append(one if owner is file or shadowed else _with(one, _taken(one.checked, owner)))
    return found


async def _check_skill(
    file: SkillFile, schema: ManifestSchema, checker: ExpressionChecker, known: Known
) -> CheckedSkill:
    result = await aside(partial(_read, file, schema))
    warnings = result.skill.warnings if result.skill else ()
    expressions = await check_expressions(checker, result.checks)
    beside = unknown_fields(result.skill, known) if result.skill else ()
    hints = await aside(partial(_hints, file, result.skill))
    told = _each_once(result.problems, expressions.told, (*warnings, *beside))
    problems = (*told, *hints)
    loaded = result.skill or result.doubtful
    dialect = loaded.dialect if loaded else None
    checked = CheckedFile(file, result.id, tuple(sorted(problems, key=_order)), dialect)
    return CheckedSkill(checked, result.skill, result.doubtful)


def _each_once(
    problems: Sequence[Problem], of_jq: Sequence[Problem], warnings: Sequence[Problem]
) -> Iterator[Problem]:
    """What is wrong, without what only follows: warnings of jq that does not compile, and empty jq twice."""
    wrong, broken = ({problem.place.key for problem in found} for found in (problems, of_jq))
    yield from problems
    yield from (one for one in of_jq if one.place.key not in wrong or "is empty" not in one.message)
    yield from (one for one in warnings if one.place.key not in broken)


def _entities_beside(folder: SkillFolder) -> Known:
    entities = Entities()
    entities.look(folder)
    return entities.known


def _hints(file: SkillFile, skill: Skill | None) -> list[Problem]:
    """What could be called beside instructions: a LAP file that describes it."""
    if skill is None or skill.kind != "instructions" or file.path.name not in SKILL_FILES:
        return []
    here = file.path.parent
    for folder in (here, here / "references"):
        with suppress(OSError):
            for entry in file.folder.entries(folder) if is_there(folder) else ():
                if entry.name.endswith(".lap") and not entry.is_folder:
                    place = Place("", Position(str(file.path), 1, 1))
                    message = f"nothing can be called here, and {entry.name} beside it describes what could"
                    fix = f"Make a skill of it: agentos import lap {folder / entry.name} --id {skill.id}-calls"
                    return [Problem(message, place, fix, "warning", 3)]
    return []


def _read(file: SkillFile, schema: ManifestSchema) -> LoadResult:
    try:
        return read_skill(file.path, schema, Beside(file.folder, file.path.parent))
    except OSError as error:
        return unreadable(file.path, error)


def _skill_files(place: SkillFile) -> list[SkillFile]:
    """The skill in a folder of its own, or those that lie in it."""
    own = [place.below(name) for name in SKILL_FILES if is_there(place.path / name)][:1]
    return own if own and _is_skill(own[0]) else _manifests(place) or own


def _skill_of(file: SkillFile, homes: tuple[Path, ...]) -> SkillFile:
    """The skill that a case or a part belongs to; of any other file itself."""
    path = file.path
    is_case = path.suffix in (".yaml", ".yml") and path.parent.name == "cases"
    own = path.parent.parent if is_case else path.parent
    if path.name in SKILL_FILES or not (is_case or path.suffix == ".md"):
        return file
    folder = file.folder if file.folder.spans(own) else SkillFolder(own, homes)
    for name in SKILL_FILES:
        manifest = SkillFile(folder, own / name)
        if is_there(manifest.path) and (is_case or _names(manifest, path.name)):
            return manifest
    return file


def _names(manifest: SkillFile, part: str) -> bool:
    """Whether the file of a skill has parts, and this one among them."""
    try:
        text = manifest.read().decode("utf-8", "replace")
    except OSError:
        return False
    return "\nparts:" in text and part in text.partition("\nparts:")[2]


def _is_skill(file: SkillFile) -> bool:
    """Whether it is no readme about a folder of skills."""
    try:
        return file.path.name == "SKILL.md" or file.read().startswith(b"---")
    except OSError:
        return True


def _manifests(place: SkillFile) -> list[SkillFile]:
    """The skill files in a folder. Raises NotChecked when it cannot be listed."""
    try:
        return [SkillFile(place.folder, file) for file in place.folder.manifests(place.path)]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise NotChecked(f"{place.path} cannot be looked at: {error.strerror}") from None


def _with(one: CheckedSkill, problem: Problem) -> CheckedSkill:
    return replace(one, checked=replace(one.checked, problems=(problem, *one.checked.problems)))


def _taken(checked: CheckedFile, owner: SkillFile) -> Problem:
    place = Place("id", Position(str(checked.file.path), 1, 1))
    return Problem(f"The id {checked.id} is already taken by {owner.path}", place, "Give one of the two another id")


def _order(problem: Problem) -> tuple[str, int, int]:
    position = problem.place.position
    return position.file, position.line, position.column
