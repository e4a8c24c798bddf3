"""Rows that the database has not taken yet, in the home: they outlive a process that is killed meanwhile.

Written without waiting for the disk: what the kernel has is lost with the machine, and not with the process.
"""

import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json, JsonTextError, dump, parse
from agentos_runtime.storage.private_files import PrivateFileError, check_private, make_private_folder, try_lock

MOST_BYTES = 64 * 1024 * 1024
_NAME = "journal-*.jsonl"


class Journal:
    """That of this process: a file from the first row on, which is locked while the process lives.

    A line is a list: of a call that ended its row, of one that began what says whose it is, which is shorter.
    """

    def __init__(self, folder: Path, most: int = MOST_BYTES) -> None:
        self._folder = folder
        self._most = most
        self._path: Path | None = None
        self._descriptor = -1
        self.size = 0
        """Bytes."""
        self.trouble: str | None = None
        """Why rows are in memory alone."""

    def put(self, lines: Sequence[Sequence[Json]]) -> bool:
        """Append lines, all or none; false when they are not there."""
        if not lines:
            return True
        data = b"".join(dump([*line]) + b"\n" for line in lines)
        if self.size + len(data) > self._most:
            self.trouble = f"the journal in {self._folder} is full"
            return False
        try:
            self._open()
            written = os.write(self._descriptor, data)
            if written < len(data):
                os.ftruncate(self._descriptor, self.size)
                raise OSError(None, "the disk is full")
        except (OSError, PrivateFileError) as error:
            self.trouble = f"the journal in {self._folder} cannot be written: {getattr(error, 'strerror', error)}"
            return False
        self.size += written
        self.trouble = None
        return True

    def lines(self) -> list[list[Json]]:
        """All that is in it."""
        return _lines(self._descriptor) if self.size else []

    def clear(self) -> None:
        """The database has all of it."""
        self.trouble = None
        if self.size:
            with suppress(OSError):
                os.ftruncate(self._descriptor, 0)
                self.size = 0

    def close(self) -> None:
        """An empty one is removed; what is in one is sent by whoever starts next over this home."""
        if self._path is not None:
            if not self.size:
                self._path.unlink(missing_ok=True)
            os.close(self._descriptor)
            self._path, self._descriptor = None, -1

    def _open(self) -> None:
        if self._path is not None:
            return
        make_private_folder(self._folder)
        path = self._folder / _NAME.replace("*", secrets.token_hex(8))
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        if not try_lock(descriptor):
            os.close(descriptor)
            raise OSError(None, "another process has it")
        self._path, self._descriptor, self.size = path, descriptor, 0


@dataclass(frozen=True, slots=True)
class Left:
    """The journal of a process that is dead; nobody else has it until it is removed or released."""

    path: Path
    descriptor: int

    def lines(self) -> list[list[Json]]:
        """What is in it; a line that was cut off is not."""
        return _lines(self.descriptor)

    def remove(self) -> None:
        """The database has all of it."""
        self.path.unlink(missing_ok=True)

    def release(self) -> None:
        os.close(self.descriptor)


def left_behind(folder: Path) -> Iterator[Left]:
    """Those of dead processes of this home; each to be released. What is not this user's alone is passed over."""
    for path in sorted(folder.glob(_NAME)):
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            continue
        try:
            check_private(path, os.fstat(descriptor))
        except PrivateFileError:
            os.close(descriptor)
            continue
        if try_lock(descriptor) and path.exists():
            yield Left(path, descriptor)
        else:
            os.close(descriptor)


def _lines(descriptor: int) -> list[list[Json]]:
    parts, at = [], 0
    while part := os.pread(descriptor, 1024 * 1024, at):
        parts.append(part)
        at += len(part)
    found = []
    for line in b"".join(parts).split(b"\n"):
        with suppress(JsonTextError):
            value = parse(line)
            if isinstance(value, list) and value:
                found.append(value)
    return found
