"""What was looked at in a home, and whether it is in order."""

import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, TypeAlias

from agentos_runtime.config.settings import Settings
from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json
from agentos_runtime.security.approvals import Approvals
from agentos_runtime.skills.registry import Registry
from agentos_runtime.storage.private_files import PrivateFileError, check_private

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
    """The home folder and its private files: whether others can read them. Nothing is made or changed."""
    files = (
        settings.credentials_file,
        settings.agents_file,
        settings.activity_file,
        settings.limits_file,
        settings.idempotency_file,
        settings.waiting_file,
    )
    return [_folder(settings.home), _lock(settings.lock_file, approvals), *(_file(path) for path in files)]


def _lock(path: Path, approvals: Approvals) -> Finding:
    """Whether what was approved and refused can be told."""
    found = _file(path)
    try:
        approvals.lock()
    except PrivateFileError as error:
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
