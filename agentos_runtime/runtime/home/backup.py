"""A copy of the home in one file, as it is at one moment; the keys apart."""

import io
import posixpath
import stat
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from agentos_runtime.config.settings import Settings
from agentos_runtime.frozen import dataclass
from agentos_runtime.limits import tables as limits
from agentos_runtime.limits.idempotency import store as idempotency
from agentos_runtime.storage.activity import database as activity
from agentos_runtime.storage.private_files import PrivateFile, PrivateFileError, write_new
from agentos_runtime.storage.sqlite.files import DatabaseTrouble, PrivateDatabase, Schema, copy_of_one_moment
from agentos_runtime.waiting import tables as waiting

SKILLS = "skills"
_COMPRESSED = frozenset({".gz", ".tgz"})


class BackupFailed(Exception):
    """No backup was written; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Backup:
    """What was written. Files by their names in the home; skills as paths below it."""

    files: tuple[str, ...]
    skills: tuple[str, ...]
    outside: Mapping[str, str]
    """Links among the skills to what is not in it, and where they lead."""


def databases_of(settings: Settings) -> Mapping[str, PrivateDatabase]:
    """Every SQLite file of a home by its name."""
    schemas: Mapping[Path, Schema] = {
        settings.activity_file: activity.SCHEMA,
        settings.limits_file: limits.SCHEMA,
        settings.idempotency_file: idempotency.SCHEMA,
        settings.waiting_file: waiting.SCHEMA,
    }
    return {file.name: PrivateDatabase(file, schema) for file, schema in schemas.items()}


def back_up(settings: Settings, target: Path) -> Backup:
    """Write all of the home but its keys to a new tar file (0600), compressed if its name ends in `.gz`, `.tgz`.

    The databases are of one moment, also under running servers. Raises BackupFailed.
    """
    _check_target(target)
    if not settings.home.is_dir():
        raise BackupFailed(f"There is nothing to back up: {settings.home} is not there")
    if (settings.home / SKILLS).resolve() in target.resolve().parents:
        raise BackupFailed(f"{target} lies in the folder of skills, which is part of the backup: name another file")
    written: list[Backup] = []
    try:
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".agentos-backup-") as folder:
            copied = copy_of_one_moment(databases_of(settings), Path(folder))
            texts = _texts(settings)

            def write(file: BinaryIO) -> None:
                mode = "w:gz" if target.suffix in _COMPRESSED else "w:"
                with tarfile.open(fileobj=file, mode=mode) as archive:  # type: ignore[call-overload]
                    for name in copied:
                        archive.add(Path(folder) / name, name)
                    for name, data in texts.items():
                        _add(archive, name, data)
                    written.append(Backup((*copied, *texts), *_add_skills(archive, settings.home / SKILLS)))

            write_new(target, write)
    except (DatabaseTrouble, PrivateFileError) as error:
        raise BackupFailed(str(error)) from None
    except (OSError, tarfile.TarError) as error:
        raise BackupFailed(f"{target} could not be written: {error}") from None
    return written[0]


def back_up_credentials(settings: Settings, target: Path) -> None:
    """Copy `credentials.json` to a new file (0600). Raises BackupFailed."""
    _check_target(target)
    try:
        contents = PrivateFile(settings.credentials_file).read()
        if contents is None:
            raise BackupFailed(f"No key is stored in {settings.credentials_file}")
        write_new(target, lambda file: file.write(contents.data))
    except PrivateFileError as error:
        raise BackupFailed(str(error)) from None


def _check_target(target: Path) -> None:
    if target.is_symlink() or target.exists():
        raise BackupFailed(f"{target} is there already and stays as it is: name another file")
    if not target.parent.is_dir():
        raise BackupFailed(f"{target.parent} is no folder: make it, or name another file")


def _texts(settings: Settings) -> dict[str, bytes]:
    """The files that are no databases and hold no key."""
    found: dict[str, bytes] = {}
    for path in (settings.lock_file, settings.agents_file):
        contents = PrivateFile(path).read()
        if contents is not None:
            found[path.name] = contents.data
    if settings.config_file.is_file():
        found[settings.config_file.name] = settings.config_file.read_bytes()
    return found


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(data), 0o600
    archive.addfile(entry, io.BytesIO(data))


def _add_skills(archive: tarfile.TarFile, folder: Path) -> tuple[tuple[str, ...], dict[str, str]]:
    """Files, folders and links as they are; links are not followed, and what is nothing of these is left out.

    Gives what was added, and the links that lead out of the folder.
    """
    added: list[str] = []
    outside: dict[str, str] = {}

    def plain(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
        if not (entry.isreg() or entry.isdir() or entry.issym()):
            return None
        if not entry.isdir():
            added.append(entry.name)
        if entry.issym() and _leads_out(entry):
            outside[entry.name] = entry.linkname
        return entry

    if folder.is_symlink() or (folder.exists() and stat.S_ISDIR(folder.stat().st_mode)):
        archive.add(folder, SKILLS, filter=plain)
    return tuple(added), outside


def _leads_out(link: tarfile.TarInfo) -> bool:
    """Whether it leads elsewhere than to what is restored beside it."""
    target = posixpath.normpath(posixpath.join(posixpath.dirname(link.name), link.linkname))
    return not target.startswith(f"{SKILLS}/")
