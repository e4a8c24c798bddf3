"""Which processes are alive: each holds the lock of a file of its own, which the kernel takes from the dead."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

from agentos_runtime.storage.private_files import try_lock


class Owner:
    """This process's mark beside a shared file; what it writes carries its `name`.

    Raises OSError when it cannot be made.
    """

    def __init__(self, shared: Path) -> None:
        while True:
            self.name = secrets.token_hex(8)
            self._path = _path(shared, self.name)
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            if try_lock(self._descriptor) and self._path.exists():
                return
            os.close(self._descriptor)  # taken for a dead one's before it was locked

    def release(self) -> None:
        with suppress(OSError):
            self._path.unlink(missing_ok=True)
        os.close(self._descriptor)


def living(shared: Path) -> frozenset[str]:
    """The names that are held; the marks of the dead are removed."""
    prefix = _path(shared, "").name
    return frozenset(mark.name.removeprefix(prefix) for mark in shared.parent.glob(f"{prefix}*") if _is_held(mark))


def _is_held(mark: Path) -> bool:
    try:
        descriptor = os.open(mark, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return mark.exists()
    try:
        if not try_lock(descriptor):
            return True
        mark.unlink(missing_ok=True)
        return False
    finally:
        os.close(descriptor)


def _path(shared: Path, name: str) -> Path:
    return shared.parent / f"{shared.name}-owner-{name}"
