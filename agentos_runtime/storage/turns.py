"""One at a time over all processes of a home: a turn is a locked file, and a note for whoever has the next one."""

import json
import os
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from agentos_runtime.jsontext import Json, JsonTextError, parse
from agentos_runtime.storage.private_files import PrivateFileError, make_private_folder, try_lock
from agentos_runtime.storage.sqlite.files import DatabaseTrouble

LONGEST_NOTE = 16 * 1024


class TurnLost(Exception):
    """The turn has ended before what it was for was begun: another may have it by now."""


class Turn(Protocol):
    """A turn that was taken; it ends with the block. The note must hold no secret."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def note(self) -> dict[str, Json]:
        """What the turn before left; empty for nothing, and for what was cut off while it was written."""
        ...

    async def leave(self, note: Mapping[str, Json]) -> None:
        """Put the note in place of the one there was; it is on disk when this returns, and the turn is still held.

        Raises PrivateFileError, DatabaseTrouble, TurnLost.
        """
        ...


class Turns(Protocol):
    """Where turns are taken. look: seconds between two looks whether one has ended."""

    look: float

    async def take(self, name: str) -> Turn | None:
        """Take the turn of this name; None while another has it. Raises PrivateFileError, DatabaseTrouble."""
        ...


class FileTurns:
    """Turns among the processes of one machine: a turn ends with its process too."""

    look = 0.02

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def take(self, name: str) -> "FileTurn | None":
        """See Turns.take."""
        path = self._folder / f".{name}.lock"
        make_private_folder(path.parent)
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise PrivateFileError(f"{path} cannot be used: {error.strerror}") from None
        if try_lock(descriptor):
            return FileTurn(path, descriptor)
        os.close(descriptor)
        return None


class FileTurn:
    """One of them."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)

    def note(self) -> dict[str, Json]:
        """See Turn.note."""
        try:
            return read_note(os.pread(self._descriptor, LONGEST_NOTE, 0))
        except OSError:
            return {}

    async def leave(self, note: Mapping[str, Json]) -> None:
        """See Turn.leave."""
        try:
            data = json.dumps(note).encode()
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, data, 0)
            os.fsync(self._descriptor)
        except OSError as error:
            raise PrivateFileError(f"{self._path} could not be written: {error.strerror}") from None


def read_note(data: bytes) -> dict[str, Json]:
    """A note as it was written; empty for what is none."""
    try:
        value = parse(data)
    except JsonTextError:
        return {}
    return value if isinstance(value, dict) else {}


async def wait_for_turn(
    turns: Turns, name: str, patience: float, sleep: Callable[[float], Awaitable[object]]
) -> Turn | None:
    """The turn, waited for; None when it did not come in `patience` seconds. Raises as Turns.take."""
    waited = 0.0
    while (turn := await turns.take(name)) is None and waited < patience:
        await sleep(turns.look)
        waited += turns.look
    return turn


async def leave_if_possible(turn: Turn, note: Mapping[str, Json]) -> None:
    """Leave a note that nothing depends on: what was done in the turn counts without it."""
    with suppress(PrivateFileError, DatabaseTrouble, TurnLost):
        await turn.leave(note)
