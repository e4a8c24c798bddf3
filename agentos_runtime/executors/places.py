"""What a program of this machine needs, looked up: databases, the program itself, folders, variables."""

import os
import shutil
import stat
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Any

from agentos_runtime.errors import NotAvailable
from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.model import KEEPS_PATH, Local

DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin"
_ALWAYS = ("PATH", "HOME", "LANG")


@dataclass(frozen=True, slots=True)
class Places:
    """Resolved paths, links followed."""

    databases: Mapping[str, str] = field(default_factory=dict)
    """By the path that was asked for."""
    program: str | None = None
    cwd: str = "/"
    env: Mapping[str, str] = field(default_factory=dict, repr=False)


def places_of(local: Local, body: Mapping[str, Json], folder: Path | None, environ: Mapping[str, str]) -> Places:
    """Look everything up that is asked for in `body`. Raises NotAvailable, naming what is not there.

    folder: the skill's own; None for a skill that has none.
    """
    asked: Any = body
    home = environ.get("HOME") or str(Path.home())
    if local.executor == "sql":
        paths = [asked["database"], *asked.get("attach", {}).values()]
        return Places({path: database(path, home) for path in paths})
    if local.executor == "python":
        return Places(cwd=str(_own(folder, "python")))
    env = {name: environ[name] for name in (*_ALWAYS, *local.env) if name in environ}
    env |= {"HOME": home, "PATH": env.get("PATH") or DEFAULT_PATH}
    env.setdefault("LANG", "C.UTF-8")
    if any((argument.text or "").startswith(KEEPS_PATH) for argument in local.arguments):
        env["AGENTOS_PATH"] = env["PATH"]
    cwd = _cwd(asked.get("working_dir"), folder, home)
    return Places(program=_program(asked["binary"], folder, home, env["PATH"]), cwd=cwd, env=env)


def database(written: str, home: str) -> str:
    """Where a database lies. Raises NotAvailable when no file is there."""
    path = os.path.realpath(expanded(written, home))
    try:
        mode = os.stat(path).st_mode
    except OSError:
        raise NotAvailable(f"The database {written} is not there") from None
    if not stat.S_ISREG(mode):
        raise NotAvailable(f"The database {written} is no file")
    if not os.access(path, os.R_OK):
        raise NotAvailable(f"The database {written} may not be read by this user")
    return path


def expanded(written: str, home: str) -> str:
    """A path with the home in place of `~`."""
    return f"{home}{written[1:]}" if written == "~" or written.startswith("~/") else written


def _own(folder: Path | None, what: str) -> Path:
    if folder is None:
        raise NotAvailable(
            f"`{what}` needs a folder of the skill's own: put the file there as readme.md, beside what it runs"
        )
    return Path(os.path.realpath(folder))


def _cwd(written: str | None, folder: Path | None, home: str) -> str:
    if written is None:
        return "/" if folder is None else str(_own(folder, "command"))
    whole = expanded(written, home)
    path = os.path.realpath(whole if os.path.isabs(whole) else _own(folder, "working_dir") / whole)
    if not os.path.isdir(path):
        raise NotAvailable(f"The folder {written} is not there")
    return path


def _program(written: str, folder: Path | None, home: str, path: str) -> str:
    if "/" in written:
        whole = expanded(written, home)
        found: str | None = whole if os.path.isabs(whole) else str(_own(folder, "command") / whole)
        found = found if found and os.access(found, os.X_OK) and os.path.isfile(found) else None
    else:
        found = shutil.which(written, path=path)
    if found is None:
        raise NotAvailable(f"The program {written} is not there, or may not be run by this user")
    resolved = os.path.realpath(found)
    _check_owner(written, resolved)
    return resolved


def _check_owner(written: str, path: str) -> None:
    """Raise NotAvailable for a program that somebody else could replace."""
    for place in (path, os.path.dirname(path)):
        status = os.stat(place)
        others = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
        if status.st_uid not in (0, os.getuid()) or (others and not status.st_mode & stat.S_ISVTX):
            raise NotAvailable(f"The program {written} ({path}) is not run: others than you and root may change it")
