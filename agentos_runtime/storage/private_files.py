"""Files that only their owner may read: written whole or not at all, and never readable by others for a moment."""

import fcntl
import os
import secrets
import stat
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, TypeAlias

from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import parse
from agentos_runtime.storage.glances import Glance

LOCK_WAIT = 5.0
"""Seconds to wait for another process that is changing the same file."""
# Closing any descriptor of a file drops all locks that this process has on it. A file that was just made must be
# closed before another thread can find it there and lock it.
_MAKING = threading.Lock()

Stamp: TypeAlias = tuple[int, ...]
"""What changes whenever a file changes: inode, times, size, mode, owner."""


class PrivateFileError(Exception):
    """A private file cannot be trusted, read or written; the message names it and says what to do."""


@dataclass(frozen=True, slots=True)
class Contents:
    """The bytes of a file and the stamp they were read under."""

    data: bytes
    stamp: Stamp


class PrivateFile:
    """One file of mode 0600 that several processes read and change; a change waits `lock_wait` seconds at most."""

    def __init__(self, path: Path, *, lock_wait: float = LOCK_WAIT) -> None:
        self.path = path
        self._lock_wait = lock_wait
        self._name = os.fspath(path)
        self._glance = Glance(self.stamp)

    def stamp(self) -> Stamp | None:
        """One `lstat`; None when the file is not there. One that cannot be reached has a stamp of its own."""
        try:
            return _stamp(os.lstat(self._name))
        except FileNotFoundError:
            return None
        except OSError as error:
            return (error.errno or 0,)

    def glance(self) -> Stamp | None:
        """The stamp that all see in this turn of the event loop, if nobody changed the file through this object."""
        return self._glance.now()

    def now(self) -> float:
        """Epoch seconds, on the clock of all who share the file."""
        return time.time()

    def read(self) -> Contents | None:
        """The whole file; None when it is not there.

        Raises PrivateFileError for a link, a foreign owner, a mode wider than 0600, or when it cannot be read.
        """
        try:
            descriptor = os.open(self._name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise PrivateFileError(self._unopenable(error)) from None
        try:
            status = os.fstat(descriptor)
            check_private(self.path, status)  # first: Python opens no folder
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                return Contents(file.read(), _stamp(status))
        finally:
            os.close(descriptor)

    def update(self, change: Callable[[bytes | None], bytes]) -> None:
        """Replace the contents by what `change` makes of them, alone among all processes.

        The folder is made (0700) when missing. `change` gets None when there is no file, and may raise: then,
        and on every PrivateFileError, the file is as it was.
        """
        make_private_folder(self.path.parent)
        with locked(self.path, self._lock_wait):
            self._remove_leftovers()
            contents = self.read()
            self._write(change(contents.data if contents else None))
            self._glance.forget()

    def sweep(self) -> None:
        """Remove what writers that were killed left behind; does nothing while somebody is writing."""
        if not self._leftovers():
            return
        with suppress(PrivateFileError), locked(self.path, 0.0):
            self._remove_leftovers()

    def _unopenable(self, error: OSError) -> str:
        if self.path.is_symlink():
            return f"{self.path} is a symbolic link and is not read: put the file itself there"
        return f"{self.path} cannot be read: {error.strerror}"

    def _leftovers(self) -> list[Path]:
        return list(self.path.parent.glob(f".{self.path.name}.*.tmp"))

    def _remove_leftovers(self) -> None:
        for leftover in self._leftovers():
            with suppress(OSError):
                leftover.unlink()

    def _write(self, data: bytes) -> None:
        temporary = self.path.parent / f".{self.path.name}.{secrets.token_hex(8)}.tmp"
        try:
            try:
                _fill(temporary, lambda file: file.write(data))
                temporary.replace(self.path)
                _sync_folder(self.path.parent)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
        except OSError as error:
            raise PrivateFileError(f"{self.path} could not be written and is as it was: {error.strerror}") from None


@contextmanager
def locked(path: Path, wait: float = LOCK_WAIT) -> Iterator[None]:
    """Alone among all processes that change the file so. Raises PrivateFileError after so many seconds."""
    lock = path.parent / f".{path.name}.lock"
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise PrivateFileError(f"{path} cannot be changed: {lock}: {error.strerror}") from None
    try:
        deadline = time.monotonic() + wait
        while not try_lock(descriptor):
            if time.monotonic() >= deadline:
                raise PrivateFileError(f"another process is changing {path}: try again when it is done")
            time.sleep(0.005)
        yield
    finally:
        os.close(descriptor)


def try_lock(descriptor: int) -> bool:
    """Take the lock of an open file if nobody holds it; it lasts until the file is closed or the process ends."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def make_private_folder(folder: Path) -> str | None:
    """Make the folder with mode 0700 unless it is there; the warning to show when others can enter it.

    Raises PrivateFileError when it cannot be made.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        status = folder.stat()
    except OSError as error:
        raise PrivateFileError(f"the folder {folder} cannot be used: {error.strerror}") from None
    if not stat.S_ISDIR(status.st_mode):
        raise PrivateFileError(f"{folder} is not a folder")
    if status.st_mode & 0o077:
        mode = stat.S_IMODE(status.st_mode)
        return f"{folder} can be entered by other users (mode {mode:04o}): run chmod 700 {folder}"
    return None


def make_private_file(path: Path) -> None:
    """Make an empty file of mode 0600 unless it is there; one that is there is never opened, and narrowed if wider.

    Raises OSError, or PrivateFileError for what is no file of this user's own under this name alone.
    """
    with _MAKING:
        with suppress(FileExistsError):
            os.close(_new(path))
        status = os.lstat(path)
    check_only_name(path, status)
    _check_owner(path, status)
    if stat.S_ISDIR(status.st_mode):
        raise PrivateFileError(f"{path} is a folder, and a file is needed there: move it away, then try again")
    if status.st_mode & 0o077:
        path.chmod(0o600)


def check_only_name(path: Path, status: os.stat_result) -> None:
    """Raises PrivateFileError unless it is a regular file that stands under this name alone."""
    _check_regular(path, status)
    if status.st_nlink > 1:
        raise PrivateFileError(
            f"{path} has a second name (a hard link), and what is written under one is lost under the other: "
            "copy it and put the copy in its place"
        )


def check_private(path: Path, status: os.stat_result) -> None:
    """Raises PrivateFileError unless it is a regular file of this user that nobody else can touch."""
    _check_owner(path, status)
    if status.st_mode & 0o077:
        mode = stat.S_IMODE(status.st_mode)
        raise PrivateFileError(
            f"{path} is open to other users (mode {mode:04o}) and is not read: run chmod 600 {path}"
        )


def refuse_newer(path: Path, data: bytes, known: int) -> None:
    """Raises PrivateFileError when a JSON file's `version` is larger than the one this program knows."""
    try:
        document = parse(data)
    except ValueError:
        return
    version = document.get("version") if isinstance(document, dict) else None
    if isinstance(version, int) and version > known:
        raise PrivateFileError(newer_than_known(path, version, known))


def write_new(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Make a file of mode 0600, whole or not at all. Raises PrivateFileError, also when something is there."""
    temporary = path.parent / f".{path.name}.{secrets.token_hex(8)}.tmp"
    try:
        try:
            _fill(temporary, write)
            os.close(_new(path))  # fails when something is there, and keeps the name for us
            temporary.replace(path)
            _sync_folder(path.parent)
        finally:
            temporary.unlink(missing_ok=True)
    except FileExistsError:
        raise PrivateFileError(f"{path} is there already and stays as it is: name another file") from None
    except OSError as error:
        raise PrivateFileError(f"{path} could not be written: {error.strerror or error}") from None


def newer_than_known(path: Path, version: object, known: int) -> str:
    """What to say of a file that a newer version of this program wrote."""
    return (
        f"{path} was written by a newer agentos-runtime (version {version} of the file, this one knows {known}): "
        "update agentos-runtime, or move the file away"
    )


def _check_regular(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        kind = next((name for is_kind, name in _KINDS if is_kind(status.st_mode)), "something else")
        raise PrivateFileError(f"{path} is not a regular file but {kind}: move it away")


def _check_owner(path: Path, status: os.stat_result) -> None:
    _check_regular(path, status)
    if status.st_uid != os.geteuid():
        raise PrivateFileError(f"{path} belongs to another user (uid {status.st_uid}) and is not used")


_KINDS: Sequence[tuple[Callable[[int], bool], str]] = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISLNK, "a symbolic link"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
)


def _stamp(status: os.stat_result) -> Stamp:
    return (
        status.st_ino,
        status.st_mtime_ns,
        status.st_ctime_ns,
        status.st_size,
        status.st_mode,
        status.st_uid,
    )


def _fill(path: Path, write: Callable[[BinaryIO], object]) -> None:
    with open(_new(path), "wb") as file:
        write(file)
        file.flush()
        os.fsync(file.fileno())


def _new(path: Path) -> int:
    """The descriptor of a file that was not there before."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
