"""Archives are read in memory: tar, gzipped or not, and zip. Nothing is unpacked onto a disk."""

import gzip
import io
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Sequence
from typing import Protocol

from agentos_runtime.skills.sources.listing import MOST_ENTRIES, MOST_UNPACKED, Listing, NotAdded

LONGEST_LINK = 4096
_ENCRYPTED = 0x1
_UNIX = 3
_GZIP, _ZIP = b"\x1f\x8b", b"PK\x03\x04"
_TAR_MARK = slice(257, 262)
_DAMAGED = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    ValueError,
    RuntimeError,
    MemoryError,
)
"""What the readers raise for what is no archive; NotImplementedError, for odd compressions, is a RuntimeError."""


class _Bytes(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...


def is_archive(data: bytes) -> bool:
    """Whether the bytes begin as an archive that can be read."""
    return data.startswith((_GZIP, _ZIP)) or data[_TAR_MARK] == b"ustar"


def read_archive(data: bytes) -> Listing:
    """Everything in an archive. Raises NotAdded for what is none, or holds anything that could do harm."""
    kept: dict[str, bytes] = {}

    def read(paths: Sequence[str]) -> dict[str, bytes]:
        return {path: kept[path] for path in paths}

    listing = Listing(read)
    try:
        (_read_zip if data.startswith(_ZIP) else _read_tar)(data, listing, kept)
    except NotAdded:
        raise
    except _DAMAGED:
        raise NotAdded("the archive is damaged, encrypted, or packed in a way that is not read") from None
    return listing


class _Bounded(io.RawIOBase):
    """Gives at most what a source may hold; what is larger when it is unpacked is a bomb."""

    def __init__(self, inner: _Bytes) -> None:
        self._inner = inner
        self._left = MOST_UNPACKED + MOST_ENTRIES * tarfile.BLOCKSIZE * 2

    def read(self, size: int = -1, /) -> bytes:
        if size > self._left:
            raise NotAdded(f"it unpacks to more than {MOST_UNPACKED // (1024 * 1024)} MB")
        data = self._inner.read(size)
        self._left -= len(data)
        return data


def _read_tar(data: bytes, listing: Listing, kept: dict[str, bytes]) -> None:
    opened = gzip.GzipFile(fileobj=io.BytesIO(data)) if data.startswith(_GZIP) else io.BytesIO(data)
    with tarfile.open(fileobj=_Bounded(opened), mode="r|", encoding="utf-8", errors="strict") as archive:
        for member in archive:
            path = member.name.removeprefix("./")
            if member.isdir():
                listing.add_folder(path)
            elif member.issym() or member.islnk():
                listing.add_link(path, member.linkname, from_top=member.islnk())
            elif member.isreg() and not member.issparse():
                listing.add_file(path, member.size)
                content = archive.extractfile(member)
                kept[path] = content.read() if content else b""
                if len(kept[path]) != member.size:
                    raise NotAdded("the archive ends too soon")
            else:
                listing.add_other(path, "a device, a pipe or a file with holes")


def _read_zip(data: bytes, listing: Listing, kept: dict[str, bytes]) -> None:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for info in archive.infolist():
            path, mode = (
                info.orig_filename.removeprefix("./"),
                info.external_attr >> 16 if info.create_system == _UNIX else 0,
            )
            kind = stat.S_IFMT(mode)
            if info.flag_bits & _ENCRYPTED:
                listing.add_other(path, "encrypted")
            elif info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                listing.add_other(path, "packed in a way that is not bounded while it is unpacked")
            elif path.endswith("/") and kind in (0, stat.S_IFDIR):
                listing.add_folder(path)
            elif kind == stat.S_IFLNK:
                with archive.open(info) as opened:
                    listing.add_link(path, opened.read(LONGEST_LINK).decode())
            elif kind in (0, stat.S_IFREG):
                listing.add_file(path, info.file_size)
                with archive.open(info) as opened:
                    kept[path] = opened.read(info.file_size)
                if len(kept[path]) != info.file_size:
                    raise NotAdded("the archive ends too soon")
            else:
                listing.add_other(path, "a device, a pipe or a folder's double")
