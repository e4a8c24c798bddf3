"""The files of a skill that an import writes: read as they lie there, replaced whole or not at all."""

import os
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from agentos_runtime.config.settings import Settings
from agentos_runtime.frozen import dataclass
from agentos_runtime.importers.api import ImportProblem
from agentos_runtime.importers.cases import SUFFIX
from agentos_runtime.importers.parts import MAIN
from agentos_runtime.importers.skill_file import read_file
from agentos_runtime.importers.update import Disk, Plan
from agentos_runtime.manifest.sections.facts import RESERVED_IDS
from agentos_runtime.regexes import regex
from agentos_runtime.skills.files import SKILL_FILES, SkillFolder, is_there
from agentos_runtime.storage.private_files import make_private_folder

CASES = "cases"
IMPORTED = ".imported"
"""The folder beside a skill that holds what the last import made, so that hand edits can be told apart."""
_PART = regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,100}\.md")


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
        """Write what differs, all of it or nothing: parts before the file that names them. Raises ImportProblem."""
        for place in (self.path, self.path / IMPORTED, self.path / CASES):
            if is_there(place) and not self.around.holds(place):
                raise ImportProblem(
                    f"{place} leads out of {self.around.path}: nothing was written. Put a folder in its place"
                )
        names = sorted(plan.files, key=lambda name: name == MAIN)
        skill = {
            self.file(name): plan.files[name] for name in names if self.disk.mine.get(name) != plan.files[name]
        }
        base = {
            self.path / IMPORTED / name: text
            for name, text in plan.base.items()
            if self.disk.base.get(name) != text
        }
        cases = self._cases(plan)
        changed = {file: text for file, text in cases.items() if not self._says(file, text)}
        try:
            replace_files({**skill, **base, **changed}, self._cases_that_go(plan, cases))
        except OSError as error:
            raise ImportProblem(
                f"{self.path} cannot be written: {error.strerror}. Nothing was changed; choose another --folder"
            ) from None
        return [*sorted(skill, key=lambda file: file != self.file(MAIN)), *changed]

    def _cases(self, plan: Plan) -> dict[Path, str]:
        """The cases that belong to the import."""
        folder = self.path / CASES
        return {folder / f"{name.replace('_', '-')}{SUFFIX}": text for name, text in (plan.cases or {}).items()}

    def _cases_that_go(self, plan: Plan, wanted: Mapping[Path, str]) -> list[Path]:
        """Cases of earlier imports that nothing says any more."""
        folder = self.path / CASES
        if plan.cases is None or not is_there(folder):
            return []
        there = [folder / entry.name for entry in self.around.entries(folder) if entry.name.endswith(SUFFIX)]
        return [file for file in there if file not in wanted]

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


def replace_files(wanted: Mapping[Path, str], gone: Iterable[Path] = (), *, mode: int = 0o666) -> None:
    """All the new texts or, whatever happens, all the old ones. mode: of files that are new. Raises OSError."""
    drafts = {file: file.with_name(f".{file.name}.{os.getpid()}.new") for file in wanted}
    before: dict[Path, bytes | None] = {}
    try:
        for file, draft in drafts.items():
            file.parent.mkdir(parents=True, exist_ok=True)
            with _opened(draft, file, mode) as opened:
                opened.write(wanted[file])
                opened.flush()
                os.fsync(opened.fileno())
        for file in [*wanted, *gone]:
            before[file] = file.read_bytes() if file.is_file() else None
        _put(drafts, gone, before)
    finally:
        for draft in drafts.values():
            draft.unlink(missing_ok=True)


def _opened(draft: Path, file: Path, mode: int) -> TextIO:
    """A draft that is never open to more than the file is in whose place it is put."""
    known = file.stat().st_mode & 0o777 if file.exists() else None
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
    descriptor = os.open(draft, flags, mode if known is None else known)
    if known is not None:
        os.fchmod(descriptor, known)
    return os.fdopen(descriptor, "w", encoding="utf-8", newline="\n")


def _put(drafts: Mapping[Path, Path], gone: Iterable[Path], before: Mapping[Path, bytes | None]) -> None:
    """Drafts in their places; when one cannot be put there, those before it are taken back."""
    done: list[Path] = []
    try:
        for file, draft in drafts.items():
            done.append(file)
            draft.replace(file)
        for file in gone:
            done.append(file)
            file.unlink()
    except OSError:
        for file in reversed(done):
            with suppress(OSError):
                text = before[file]
                if text is None:
                    file.unlink(missing_ok=True)
                else:
                    file.write_bytes(text)
        raise
