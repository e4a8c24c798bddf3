"""A skill file of AgentOS's first dialects is written anew as one that loads."""

from pathlib import Path

from agentos_runtime.config.settings import Settings
from agentos_runtime.importers.agentos.convert import Converted, convert
from agentos_runtime.importers.api import ImportProblem
from agentos_runtime.importers.parts import MAIN
from agentos_runtime.manifest.source import MAX_BYTES
from agentos_runtime.skills.files import SKILL_FILES, is_there
from agentos_runtime.skills.imported_files import ImportedFiles, open_files, replace_files
from agentos_runtime.skills.installing import ImportReport


def convert_skill(
    source: Path, skill_id: str | None, settings: Settings, *, folder: Path | None = None, dry_run: bool = False
) -> ImportReport:
    """Read a file, or the skill file of a folder, and write it as a skill of that id; None = the one it has.

    Raises InvalidSkillId; ImportProblem for what cannot be read, converted or written, or would replace a skill;
    PrivateFileError when the home cannot be made.
    """
    file = next((source / name for name in SKILL_FILES if is_there(source / name)), source)
    try:
        with file.open("rb") as opened:
            data = opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise ImportProblem(f"{file} cannot be read: {error.strerror}") from None
    converted = convert(data, str(file))
    if skill_id is not None:
        converted = converted.called(skill_id)
    files = open_files(settings, converted.id, folder, force=True)
    if MAIN in files.disk.mine:
        raise ImportProblem(f"{files.file(MAIN)} is there already and stays as it is. Choose another --id")
    written = () if dry_run else (_write(files, converted),)
    return ImportReport(
        id=files.skill_id,
        folder=files.path,
        file=files.file(MAIN),
        new=True,
        written=written,
        utilities=len(converted.names),
        size=len(converted.text.encode()),
        added=converted.names,
        changed={},
        removed=(),
        kept=(),
        conflicts=(),
        losses=converted.losses,
    )


def _write(files: ImportedFiles, converted: Converted) -> Path:
    if is_there(files.path) and not files.around.holds(files.path):
        raise ImportProblem(f"{files.path} leads out of {files.around.path}: nothing was written")
    file = files.file(MAIN)
    try:
        replace_files({file: converted.text})
    except OSError as error:
        raise ImportProblem(f"{file} cannot be written: {error.strerror}") from None
    return file
