"""The files of a skill that an import writes: read as they lie there, replaced whole or not at all."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

import click

from agentos_runtime.importing.api import ImportProblem
from agentos_runtime.importing.cases import SUFFIX
from agentos_runtime.importing.parts import MAIN
from agentos_runtime.importing.skill_file import read_file
from agentos_runtime.importing.update import Disk, Plan
from agentos_runtime.private_files import make_private_folder
from agentos_runtime.skills import SKILL_FILES
from agentos_runtime.surfaces.cli.shell import Failed, Shell

IMPORTED = ".imported"
"""The folder beside a skill that holds what the last import made, so that hand edits can be told apart."""
_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,100}\.md")


@dataclass(frozen=True, slots=True)
class SkillFolder:
    """A skill's folder, what lies there, and what its first file is called."""

    skill_id: str
    path: Path
    main: str
    disk: Disk

    def file(self, name: str) -> Path:
        return self.path / (self.main if name == MAIN else name)

    def write(self, plan: Plan) -> list[Path]:
        """Write what differs; the skill first, then what was imported. Raises Failed."""
        written: list[Path] = []
        try:
            for name, text in plan.files.items():
                if self.disk.mine.get(name) != text:
                    _replace(self.file(name), text)
                    written.append(self.file(name))
            for name, text in plan.base.items():
                if self.disk.base.get(name) != text:
                    _replace(self.path / IMPORTED / name, text)
            written += self._write_cases(plan)
        except OSError as error:
            raise Failed(f"{self.path} cannot be written: {error.strerror}. Choose another --folder") from None
        return written

    def _write_cases(self, plan: Plan) -> list[Path]:
        """The cases that belong to the import; those that nothing says any more go."""
        if plan.cases is None:
            return []
        wanted = {
            self.path / "cases" / f"{name.replace('_', '-')}{SUFFIX}": text for name, text in plan.cases.items()
        }
        for file in (self.path / "cases").glob(f"*{SUFFIX}"):
            if file not in wanted:
                file.unlink()
        changed = [file for file, text in wanted.items() if not file.is_file() or file.read_text("utf-8") != text]
        for file in changed:
            _replace(file, wanted[file])
        return changed


def open_folder(shell: Shell, skill_id: str, folder: Path | None, *, force: bool) -> SkillFolder:
    """The folder of a skill. Raises Failed for one that no import made, unless forced."""
    if not re.fullmatch("[a-z][a-z0-9-]*", skill_id):
        raise click.UsageError(
            "an ID has lower-case letters, digits and hyphens, and begins with a letter: my-skill"
        )
    settings = shell.settings()
    served = settings.skills or (settings.home / "skills",)
    if folder is None:
        make_private_folder(settings.home)
    path = (folder or served[0]) / skill_id
    found = next((name for name in SKILL_FILES if (path / name).is_file()), None)
    try:
        mine = _texts(path, found) if found else {}
        base = {file.name: file.read_text("utf-8") for file in (path / IMPORTED).glob("*.md")} if found else {}
    except (OSError, UnicodeDecodeError, ImportProblem) as error:
        raise Failed(f"{path} cannot be read: {error}") from None
    if found and MAIN not in base and not force:
        raise Failed(
            f"{path / found} was not made by an import and stays as it is. Choose another --id, "
            "or add to it with --force: what stands there is kept"
        )
    return SkillFolder(skill_id, path, found or MAIN, Disk(mine, base))


def _texts(path: Path, main: str) -> dict[str, str]:
    """The skill's first file and the parts that it names."""
    text = (path / main).read_text("utf-8")
    listed = read_file(text, str(path / main)).values.get("parts")
    parts = [name for name in listed if isinstance(name, str)] if isinstance(listed, list) else []
    for name in parts:
        if not _PART.fullmatch(name):
            raise ImportProblem(f"the part {name!r} is no plain file name")
    return {MAIN: text} | {name: (path / name).read_text("utf-8") for name in parts if (path / name).is_file()}


def _replace(file: Path, text: str) -> None:
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
