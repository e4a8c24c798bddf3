"""Replies that another process of the home may be asked for next, each for a while in a private file.

They hold payloads: nothing is written where no other process lives, and a process takes its own along when it ends.
"""

import os
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from agentos_runtime.regexes import regex
from agentos_runtime.storage.liveness import living
from agentos_runtime.storage.private_files import PrivateFile, PrivateFileError, make_private_folder

SECONDS = 600
"""For which a reply is kept."""
ROOM = 128 * 1024 * 1024
"""Bytes of all that are kept; the oldest go first."""
_NAME = regex(r"[0-9a-f]{24}")


class ReplyFiles:
    """folder: made when it is needed. shared: the file beside which the processes of the home have their marks."""

    def __init__(
        self, folder: Path, shared: Path, *, room: int = ROOM, wall: Callable[[], float] = time.time
    ) -> None:
        self._folder = folder
        self._shared = shared
        self._room = room
        self._wall = wall
        self._made: dict[str, float] = {}

    def __enter__(self) -> Self:
        with suppress(OSError):
            self._make_room(0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in self._made:
            with suppress(OSError):
                (self._folder / name).unlink(missing_ok=True)

    def put(self, name: str, data: bytes) -> None:
        """Write one, unless nobody else lives; what cannot be written is not there for others."""
        try:
            if not _NAME.fullmatch(name) or len(living(self._shared)) < 2:
                return
            make_private_folder(self._folder)
            self._make_room(len(data))
            now = self._wall()
            self._made = {each: at for each, at in self._made.items() if at + SECONDS > now} | {name: now}
            self._write(name, data)
        except (OSError, PrivateFileError):
            return

    def get(self, name: str) -> tuple[bytes, float] | None:
        """What was written, and for how many seconds it counts yet; None when there is nothing of that name."""
        if not _NAME.fullmatch(name):
            return None
        path = self._folder / name
        with suppress(OSError, PrivateFileError):
            left = path.lstat().st_mtime + SECONDS - self._wall()
            contents = PrivateFile(path).read() if left > 0 else None
            return (contents.data, left) if contents else None
        return None

    def _write(self, name: str, data: bytes) -> None:
        """Under its name only once it is whole."""
        beside = self._folder / f"{name}.{secrets.token_hex(4)}"
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
            beside.rename(self._folder / name)
        except OSError:
            beside.unlink(missing_ok=True)
            raise

    def _make_room(self, size: int) -> None:
        """Drop what counts no more, also of processes that were killed, and the oldest when there is too much."""
        with os.scandir(self._folder) as entries:
            found = sorted((entry.stat(follow_symlinks=False).st_mtime, entry.path, entry) for entry in entries)
        total = size + sum(entry.stat(follow_symlinks=False).st_size for _, _, entry in found)
        now = self._wall()
        for since, path, entry in found:
            if since + SECONDS > now and total <= self._room:
                break
            total -= entry.stat(follow_symlinks=False).st_size
            with suppress(OSError):
                os.unlink(path)
