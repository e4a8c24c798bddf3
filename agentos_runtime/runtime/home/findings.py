"""What was looked at in a home, and whether it is in order."""

import stat
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Literal, TypeAlias

from agentos_runtime.config.settings import Settings
from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json
from agentos_runtime.runtime.home.backup import databases_of
from agentos_runtime.security.agents import Agents
from agentos_runtime.security.approvals import Approvals
from agentos_runtime.security.credentials.store import CredentialStore
from agentos_runtime.skills.registry import Registry
from agentos_runtime.storage.private_files import PrivateFile, PrivateFileError, check_private
from agentos_runtime.storage.sqlite.files import FAILURES, DatabaseTrouble, PrivateDatabase

State: TypeAlias = Literal["fine", "note", "wrong"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    name: str
    state: State
    text: str
    """What is found, and what to do where it is not fine."""

    def as_json(self) -> dict[str, Json]:
        return {"name": self.name, "state": self.state, "text": self.text}


def key_command(registry: Registry, skill_id: str) -> str:
    """The command that gets a skill its usual key."""
    entry = registry.find(skill_id)
    command = entry.skill.key_command if entry is not None and entry.skill is not None else "keys set"
    return f"agentos {command} {skill_id}"


def any_wrong(findings: Iterable[Finding]) -> bool:
    return any(found.state == "wrong" for found in findings)


def home_findings(settings: Settings, approvals: Approvals) -> list[Finding]:
    """The home and its private files: whether others can read them, and we can. Nothing is made or changed."""
    reads: dict[Path, Callable[[], object]] = {
        settings.lock_file: approvals.lock,
        settings.credentials_file: CredentialStore(PrivateFile(settings.credentials_file)).entries,
        settings.agents_file: Agents(PrivateFile(settings.agents_file)).stopped,
    }
    databases = databases_of(settings).values()
    reads |= {database.file: partial(_looked_at, database) for database in databases}
    return [_folder(settings.home), *(_read(path, read) for path, read in reads.items())]


def _looked_at(database: PrivateDatabase) -> None:
    try:
        database.check()
    except FAILURES as error:
        raise database.trouble(error) from None


def _read(path: Path, read: Callable[[], object]) -> Finding:
    """Whether what the file says can be told."""
    found = _file(path)
    if found.state != "fine":
        return found
    try:
        read()
    except (PrivateFileError, DatabaseTrouble) as error:
        return Finding(found.name, "wrong", str(error))
    return found


def _folder(home: Path) -> Finding:
    try:
        mode = stat.S_IMODE(home.stat().st_mode)
    except FileNotFoundError:
        return Finding("home", "note", f"{home} is not there yet; it is made when it is needed")
    except OSError as error:
        return Finding("home", "wrong", f"{home} cannot be used: {error.strerror}")
    if mode & 0o077:
        return Finding("home", "note", f"{home} can be entered by others (mode {mode:04o}): run chmod 700 {home}")
    return Finding("home", "fine", f"{home} (mode {mode:04o})")


def _file(path: Path) -> Finding:
    try:
        status = path.lstat()
        check_private(path, status)
    except FileNotFoundError:
        return Finding(path.name, "fine", "not there yet")
    except PrivateFileError as error:
        return Finding(path.name, "wrong", str(error))
    except OSError as error:
        return Finding(path.name, "wrong", f"{path} cannot be looked at: {error.strerror}")
    return Finding(path.name, "fine", f"{path} (mode {stat.S_IMODE(status.st_mode):04o})")
