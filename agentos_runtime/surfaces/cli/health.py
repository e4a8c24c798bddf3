"""What is in order and what is not, and the command that mends it."""

import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import click

from agentos_runtime.jsontext import Json
from agentos_runtime.private_files import PrivateFileError, check_private
from agentos_runtime.settings import Settings
from agentos_runtime.surfaces.cli.output import plain

State: TypeAlias = Literal["fine", "note", "wrong"]
MARKS: Mapping[str, tuple[str, str]] = {
    "fine": ("ok", "green"),
    "note": ("note", "yellow"),
    "wrong": ("wrong", "red"),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    name: str
    state: State
    text: str

    def as_json(self) -> dict[str, Json]:
        return {"name": self.name, "state": self.state, "text": self.text}


def print_findings(findings: Iterable[Finding]) -> None:
    for found in findings:
        mark, colour = MARKS[found.state]
        click.echo(f"{click.style(f'{mark:>5}', fg=colour)}  {found.name}: {plain(found.text)}")


def home_findings(settings: Settings) -> list[Finding]:
    """The home folder and its private files: whether others can read them."""
    files = (settings.credentials_file, settings.lock_file, settings.activity_file)
    return [_folder(settings.home), *(_file(path) for path in files)]


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
