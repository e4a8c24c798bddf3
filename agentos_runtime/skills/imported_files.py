"""The files of a skill that an import writes: read as they lie there, replaced whole or not at all."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from agentos_runtime.config.settings import Settings
from agentos_runtime.importers.api import ImportProblem
from agentos_runtime.importers.cases import SUFFIX
from agentos_runtime.importers.parts import MAIN
from agentos_runtime.importers.skill_file import read_file
from agentos_runtime.importers.update import Disk, Plan
from agentos_runtime.manifest.sections.facts import RESERVED_IDS
from agentos_runtime.skills.files import SKILL_FILES, SkillFolder, is_there
from agentos_runtime.storage.private_files import make_private_folder

CASES = "cases"
IMPORTED = ".imported"
"""The folder beside a skill that holds what the last import made, so that hand edits can be told apart."""
_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,100}\.md")


class InvalidSkillId(ImportProblem):
    """What was given is no id of a skill."""


@dataclass(frozen=True, slots=True)
class ImportedFiles:
    """A skill's folder, what lies there, and what its first file is called."""

    skill_id: str
    path: Path
    main: str
    disk: Disk
    around: SkillFolder
    """The folder of skills that it lies in; nothing outside is read or written."""

    def file(self, name: str) -> Path:
        return self.path / (self.main if name == MAIN else name)

    def write(self, plan: Plan) -> list[Path]:
        """Write what differs; the skill first, then what was imported. Raises ImportProblem."""
        for place in (self.path, self.path / IMPORTED, self.path / CASES):
            if is_there(place) and not self.around.holds(place):
                raise ImportProblem(
                    f"{place} leads out of {self.around.path}: nothing was written. Put a folder in its place"
                )
        written: list[Path] = []
        try:
            for name, text in plan.files.items():
                if self.disk.mine.get(name) != text:
                    replace_file(self.file(name), text)
                    written.append(self.file(name))
            for name, text in plan.base.items():
                if self.disk.base.get(name) != text:
                    replace_file(self.path / IMPORTED / name, text)
            written += self._write_cases(plan)
        except OSError as error:
            raise ImportProblem(
                f"{self.path} cannot be written: {error.strerror}. Choose another --folder"
            ) from None
        return written

    def _write_cases(self, plan: Plan) -> list[Path]:
        """The cases that belong to the import; those that nothing says any more go."""
        if plan.cases is None:
            return []
        folder = self.path / CASES
        wanted = {folder / f"{name.replace('_', '-')}{SUFFIX}": text for name, text in plan.cases.items()}
        there = self.around.entries(folder) if is_there(folder) else []
        for file in (folder / entry.name for entry in there if entry.name.endswith(SUFFIX)):
            if file not in wanted:
                file.unlink()
        changed = [file for file, text in wanted.items() if not self._says(file, text)]
        for file in changed:
            replace_file(file, wanted[file])
        return changed

    def _says(self, file: Path, text: str) -> bool:
        try:
            return self.around.read(file) == text.encode()
        except OSError:
            return False


def open_files(settings: Settings, skill_id: str, folder: Path | None, *, force: bool) -> ImportedFiles:
    """The files of a skill, in this folder of skills or the one that the settings name first.

    Raises InvalidSkillId, PrivateFileError when the home cannot be made, and ImportProblem when the files cannot be
    read or no import made them, unless forced.
    """
    if not re.fullmatch("[a-z][a-z0-9-]*", skill_id):
        raise InvalidSkillId("an ID has lower-case letters, digits and hyphens, and begins with a letter: my-skill")
    if skill_id in RESERVED_IDS:
        raise InvalidSkillId(
            f"the id {skill_id} is reserved for the runtime itself: choose another, {skill_id}-api"
        )
    served = settings.skills or (settings.home / "skills",)
    if folder is None:
        make_private_folder(settings.home)
    around = SkillFolder(folder or served[0], (settings.home, *settings.other_homes))
    path = around.path / skill_id
    found = next((name for name in SKILL_FILES if is_there(path / name)), None)
    try:
        mine = _texts(around, path, found) if found else {}
        base = _imported(around, path / IMPORTED) if found else {}
    except (OSError, UnicodeDecodeError, ImportProblem) as error:
        raise ImportProblem(f"{path} cannot be read: {error}") from None
    if found and MAIN not in base and not force:
        raise ImportProblem(
            f"{path / found} was not made by an import and stays as it is. Choose another --id, "
            "or add to it with --force: what stands there is kept"
        )
    return ImportedFiles(skill_id, path, found or MAIN, Disk(mine, base), around)


def _texts(around: SkillFolder, path: Path, main: str) -> dict[str, str]:
    """The skill's first file and the parts that it names."""
    text = around.read(path / main).decode()
    listed = read_file(text, str(path / main)).values.get("parts")
    parts = [name for name in listed if isinstance(name, str)] if isinstance(listed, list) else []
    for name in parts:
        if not _PART.fullmatch(name):
            raise ImportProblem(f"the part {name!r} is no plain file name")
    return {MAIN: text} | {name: around.read(path / name).decode() for name in parts if is_there(path / name)}


def _imported(around: SkillFolder, path: Path) -> dict[str, str]:
    """What the last import made, by file."""
    names = [entry.name for entry in around.entries(path)] if is_there(path) else []
    return {name: around.read(path / name).decode() for name in names if name.endswith(".md")}


def replace_file(file: Path, text: str) -> None:
    """The whole new text or, whatever happens, the old one."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.{os.getpid()}.new")
    try:
        with draft.open("w", encoding="utf-8", newline="\n") as opened:
            opened.write(text)
            opened.flush()
            os.fsync(opened.fileno())
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)
