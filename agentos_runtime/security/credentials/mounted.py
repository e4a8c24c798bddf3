"""Credentials in files that something else puts there: a container's secrets, mounted into a folder."""

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from agentos_runtime.security.credentials.secret import Credential, Secret
from agentos_runtime.storage.private_files import Stamp

LARGEST = 64 * 1024
"""Bytes of one file."""


class UnreadableMount(Exception):
    """A file is there and cannot be taken; the message names it and quotes nothing of it."""


class MountedCredentials:
    """`<skill>__<credential>__<field>` in one folder, each with one field's value.

    Who mounts secrets swaps links (Kubernetes: every file is one through `..data`), so files are judged by what
    stands behind links, which may not leave the folder. Who may read the folder is its owner's affair: mounted
    secrets belong to root and to a group.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __repr__(self) -> str:
        return "MountedCredentials()"

    def stamp(self) -> Stamp:
        """Differs when `find` may answer otherwise."""
        try:
            names = sorted(os.listdir(self._folder))
        except OSError:
            return ()
        return tuple(part for name in names if "__" in name for part in _stamp(self._folder / name))

    def find(self, skill_id: str, credential: str, fields: Sequence[str]) -> Credential | None:
        """The credential with all its fields; None when a file is missing. Raises UnreadableMount."""
        files = {field: self._folder / f"{skill_id}__{credential}__{field}" for field in fields}
        if not files or not all(os.path.lexists(file) for file in files.values()):
            return None
        values = {field: Secret(self._read(file)) for field, file in files.items()}
        return Credential(values, "file " + ", ".join(str(file) for file in files.values()))

    def _read(self, file: Path) -> str:
        """Without the one line break that editors and `echo` put at the end."""
        try:
            place = file.resolve(strict=True)
            if not place.is_relative_to(self._folder.resolve()):
                raise UnreadableMount(f"{file} is a link that leads out of {self._folder}: mount the file itself")
            descriptor = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            with os.fdopen(descriptor, "rb") as opened:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise UnreadableMount(f"{file} is no plain file")
                data = opened.read(LARGEST + 1)
        except OSError as error:
            raise UnreadableMount(f"{file} cannot be read: {error.strerror}") from None
        if len(data) > LARGEST:
            raise UnreadableMount(f"{file} is larger than {LARGEST // 1024} KB")
        try:
            return data.decode().removesuffix("\n").removesuffix("\r")
        except UnicodeDecodeError:
            raise UnreadableMount(f"{file} is no text in UTF-8") from None


def _stamp(file: Path) -> Stamp:
    try:
        found = file.stat()
    except OSError:
        return (-1,)
    return (found.st_dev, found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size)
