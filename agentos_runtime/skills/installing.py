"""A skill is made of another description of a service, or brought up to date; what came of it is a value."""

from collections.abc import Mapping
from pathlib import Path

from agentos_runtime.config.settings import Settings
from agentos_runtime.frozen import dataclass
from agentos_runtime.importers.api import Losses
from agentos_runtime.importers.parts import MAIN
from agentos_runtime.importers.service import (
    CurlImport,
    Import,
    Imported,
    Progress,
    import_curl,
    import_service,
    silent,
)
from agentos_runtime.jsontext import Json
from agentos_runtime.skills.descriptions import Agree, always, open_description
from agentos_runtime.skills.imported_files import ImportedFiles, open_files


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did, or would do; utilities and keys by their names in the skill's files."""

    id: str
    folder: Path
    file: Path
    """The skill's first file."""
    new: bool
    """There was no such skill before."""
    written: tuple[Path, ...]
    """The files that are different now; none when nothing changed, or nothing was to be written."""
    utilities: int
    """Of the whole skill."""
    size: int
    """Bytes of all its files."""
    added: tuple[str, ...]
    changed: Mapping[str, tuple[str, ...]]
    """Utility or top-level key → what of it."""
    removed: tuple[str, ...]
    kept: tuple[str, ...]
    """Gone from the source, but edited by hand."""
    conflicts: tuple[str, ...]
    """Edited by hand and changed in the source: the edit stays."""
    losses: Losses
    """What the files cannot say of the source."""

    def as_json(self) -> dict[str, Json]:
        return {
            "id": self.id,
            "file": str(self.file),
            "written": [str(file) for file in self.written],
            "utilities": self.utilities,
            "bytes": self.size,
            "added": [*self.added],
            "changed": {name: [*what] for name, what in self.changed.items()},
            "removed": [*self.removed],
            "kept": [*self.kept],
            "conflicts": [*self.conflicts],
            "not_expressed": [
                {"what": what, "where": [place for place in places if place]}
                for what, places in self.losses.found.items()
            ],
        }


def import_skill(
    wanted: Import,
    skill_id: str,
    settings: Settings,
    *,
    folder: Path | None = None,
    force: bool = False,
    dry_run: bool = False,
    progress: Progress = silent,
    agree: Agree = always,
) -> ImportReport:
    """Read the source, merge it into the skill's files, and write those that differ.

    folder: the folder of skills to write into; None = the first of the settings, else `skills` in the home.
    force: also add to a skill that no import made. dry_run: write nothing. progress: told what begins. agree: asked
    before an address that the description refers to is fetched.
    Reads, fetches and writes in the calling
    thread. Raises InvalidSkillId; ImportProblem for what cannot be read, imported or written; PrivateFileError when
    the home cannot be made.
    """
    files = open_files(settings, skill_id, folder, force=force)
    imported = _imported(wanted, files, progress, agree)
    written = [] if dry_run else files.write(imported.plan)
    return _report(files, imported, written)


def _imported(wanted: Import, files: ImportedFiles, progress: Progress, agree: Agree) -> Imported:
    if isinstance(wanted, CurlImport):
        return import_curl(wanted, files.skill_id, files.disk)
    progress(f"reading {wanted.source}")
    return import_service(wanted, files.skill_id, open_description(wanted.source, agree), files.disk, progress)


def _report(files: ImportedFiles, imported: Imported, written: list[Path]) -> ImportReport:
    changes = imported.plan.changes
    return ImportReport(
        id=files.skill_id,
        folder=files.path,
        file=files.file(MAIN),
        new=MAIN not in files.disk.mine,
        written=tuple(written),
        utilities=imported.plan.utilities,
        size=sum(len(text.encode()) for text in imported.plan.files.values()),
        added=tuple(changes.added),
        changed={name: tuple(what) for name, what in changes.changed.items()},
        removed=tuple(changes.removed),
        kept=tuple(changes.kept),
        conflicts=tuple(changes.conflicts),
        losses=imported.losses,
    )
