"""One at a time over all processes of a home: a turn is a locked file, and a note for whoever has the next one."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from agentos_runtime.jsontext import Json, JsonTextError, parse
from agentos_runtime.storage.private_files import PrivateFileError, make_private_folder, try_lock

LONGEST_NOTE = 16 * 1024


class Turn:
    """A turn that was taken; it ends with the block, or with the process. The note must hold no secret."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)

    def note(self) -> dict[str, Json]:
        """What the turn before left; empty for nothing, and for what was cut off while it was written."""
        try:
            value = parse(os.pread(self._descriptor, LONGEST_NOTE, 0))
        except (OSError, JsonTextError):
            return {}
        return value if isinstance(value, dict) else {}

    def leave(self, note: Mapping[str, Json]) -> None:
        """Put the note in place of the one there was; it is on disk then. Raises PrivateFileError."""
        try:
            data = json.dumps(note).encode()
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, data, 0)
            os.fsync(self._descriptor)
        except OSError as error:
            raise PrivateFileError(f"{self._path} could not be written: {error.strerror}") from None


def try_turn(path: Path) -> Turn | None:
    """Take the turn of this file; None while another has it. Raises PrivateFileError."""
    make_private_folder(path.parent)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise PrivateFileError(f"{path} cannot be used: {error.strerror}") from None
    if try_lock(descriptor):
        return Turn(path, descriptor)
    os.close(descriptor)
    return None
