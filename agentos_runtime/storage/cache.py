"""What can be made anew at any time, kept in the home so that a start is quicker, or beside it until there is one.

An entry proves itself: its digest covers what made it, what it was made of and what it holds. One that is damaged,
open to others or of another program is as good as none.
"""

import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from hashlib import sha256
from pathlib import Path

from agentos_runtime.storage.private_files import PrivateFileError, check_private

MOST_ENTRIES = 20_000
"""When there are more, all are made anew."""
LARGEST = 64 * 1024 * 1024
"""Bytes of one entry."""
_DIGEST = sha256().digest_size


class Cache:
    """A private folder (0700) of entries (0600), one for each name. It is made where the folder around it is there.

    maker: says what makes the entries; those of another maker are none. It is asked once, when it is needed.
    spare: another such folder, of which what is missing is taken, and in which things are kept while the folder
    around the first is not there.
    """

    def __init__(self, folder: Path, maker: Callable[[], bytes], spare: Path | None = None) -> None:
        self._folder = folder
        self._make = maker
        self._spare = spare

    @cached_property
    def _maker(self) -> bytes:
        return self._make()

    def find(self, name: str, of: bytes) -> bytes | None:
        """What was kept under the name for exactly this."""
        found = self._found(self._folder, name, of)
        return self._found(self._spare, name, of) if found is None and self._spare else found

    def _found(self, folder: Path, name: str, of: bytes) -> bytes | None:
        path = folder / _file_of(name)
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError:
            return None
        try:
            check_private(path, os.fstat(descriptor))
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                entry = file.read(LARGEST + 1)
        except (OSError, PrivateFileError):
            return None
        finally:
            os.close(descriptor)
        data = entry[_DIGEST:]
        whole = len(entry) <= LARGEST and secrets.compare_digest(entry[:_DIGEST], self._digest(name, of, data))
        return data if whole else None

    def keep(self, name: str, of: bytes, data: bytes) -> None:
        """Keep it in place of what was kept under the name; where that cannot be done it is not kept."""
        folder = self._folder if self._folder.parent.is_dir() else self._spare
        if folder is None or len(data) > LARGEST - _DIGEST:
            return
        path = folder / _file_of(name)
        temporary = path.with_name(f".{secrets.token_hex(8)}")
        with suppress(OSError):
            if folder is self._spare and not _made_by_us(folder.parent):
                return
            folder.mkdir(mode=0o700, exist_ok=True)
            _make_room(folder)
            try:
                descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
                with open(descriptor, "wb") as file:
                    file.write(self._digest(name, of, data) + data)
                temporary.replace(path)
            finally:
                temporary.unlink(missing_ok=True)

    def _digest(self, name: str, of: bytes, data: bytes) -> bytes:
        parts = (self._maker, name.encode("utf-8", "surrogateescape"), of)
        head = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
        return sha256(head + data).digest()


def _made_by_us(folder: Path) -> bool:
    """Whether a user's folder is there, or was made, for the user that this process is: `sudo` may keep the name of
    another's. Raises OSError.
    """
    if not folder.is_dir() and folder.parent.stat().st_uid == os.geteuid():
        folder.mkdir(mode=0o700, exist_ok=True)
    return folder.stat().st_uid == os.geteuid()


def _make_room(folder: Path) -> None:
    entries = os.listdir(folder)
    for entry in entries if len(entries) >= MOST_ENTRIES else ():
        (folder / entry).unlink(missing_ok=True)


def _file_of(name: str) -> str:
    return sha256(name.encode("utf-8", "surrogateescape")).hexdigest()
