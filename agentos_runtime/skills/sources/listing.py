"""What a source holds, as it is listed: the first thing that could do harm ends it, and nothing has been written.

Sources come from strangers. Nothing here touches a disk: paths are texts that are checked, and links are too.
"""

import posixpath
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field

from agentos_runtime.frozen import dataclass
from agentos_runtime.regexes import regex
from agentos_runtime.skills.files import MOST_BYTES, SKILL_FILES
from agentos_runtime.visible import visible

MOST_ENTRIES = 20_000
"""Files, folders and links of a source."""
MOST_UNPACKED = 64 * 1024 * 1024
"""Bytes of all that a source holds."""
MOST_FILES = 2_000
"""Of one skill."""
MOST_OF_SKILL = 32 * 1024 * 1024
DEEPEST = 32
LONGEST_NAME = 255
LONGEST_PATH = 1_000
_DRIVE = regex(r"[A-Za-z]:")


class NotAdded(ValueError):
    """Nothing was written; the message says why and what to do."""


Read = Callable[[Sequence[str]], Mapping[str, bytes]]
"""The bytes of files by their paths, read at once."""


@dataclass(slots=True)
class Listing:
    """The files and links of a source by their paths, `/` between the parts; filled by whoever reads the source.

    Every method that takes a path raises NotAdded for one that would lie, or lead, outside of the folder that it
    is unpacked into, or would be the same file as another on some disks.
    """

    read: Read
    files: dict[str, int] = field(default_factory=dict)
    """Bytes by path."""
    links: dict[str, str] = field(default_factory=dict)
    """What each link names, from the top of the source."""
    _kinds: dict[str, tuple[str, str]] = field(default_factory=dict)
    _count: int = 0
    _bytes: int = 0

    def add_folder(self, path: str) -> None:
        self._take(path.rstrip("/"), "folder")

    def add_file(self, path: str, size: int) -> None:
        self._take(path, "file")
        self._bytes += size
        if size < 0 or self._bytes > MOST_UNPACKED:
            raise NotAdded(f"it unpacks to more than {MOST_UNPACKED // (1024 * 1024)} MB")
        self.files[path] = size

    def add_link(self, path: str, target: str, *, from_top: bool = False) -> None:
        """from_top: the target is named from the top of the source, as hard links of archives are."""
        self._take(path, "file")
        named = posixpath.normpath(target if from_top else posixpath.join(posixpath.dirname(path), target))
        if not target or target.startswith("/") or named.startswith(("/", "..")) or not _is_plain(target):
            raise NotAdded(f"{_shown(path)} is a link that leads out of it, to {_shown(target)}")
        self.links[path] = named

    def add_other(self, path: str, what: str) -> None:
        """Raises NotAdded."""
        raise NotAdded(f"{_shown(path)} is {what}, and a skill is plain files")

    def skills(self) -> list[str]:
        """Paths of files that are, by their name and beginning, skills of their own; parts of others are none."""
        main = [path for path in self._readable() if posixpath.basename(path) in SKILL_FILES]
        texts = self.read(main)
        folders = sorted({posixpath.dirname(path) for path in main if _has_front_matter(texts[path])}, key=len)
        tops = [each for each in folders if not any(_is_below(each, other) for other in folders if other != each)]
        single = [
            path
            for path in self._readable()
            if path.endswith(".md")
            and posixpath.basename(path).lower() != "readme.md"
            and not any(_is_below(path, top) for top in tops)
        ]
        texts = self.read(single)
        found = [self.main_of(top) for top in tops]
        return sorted([*filter(None, found), *(path for path in single if _is_skill(texts[path]))])

    def main_of(self, folder: str) -> str | None:
        """The skill file of a folder, the first of the names it may have."""
        return next((path for name in SKILL_FILES if (path := posixpath.join(folder, name)) in self.files), None)

    def of_skill(self, main: str) -> dict[str, bytes]:
        """The files of one skill by their paths in its folder; hidden ones are left out. Raises NotAdded.

        A link in it is the file that it names.
        """
        if posixpath.basename(main) not in SKILL_FILES:
            return {SKILL_FILES[0]: self._bytes_of({main: main})[main]}
        folder = posixpath.dirname(main)
        wanted = {
            posixpath.relpath(path, folder or "."): self._resolved(path)
            for path in [*self.files, *self.links]
            if _is_below(path, folder) and not _is_hidden(posixpath.relpath(path, folder or "."))
        }
        if len(wanted) > MOST_FILES:
            raise NotAdded(f"the skill has more than {MOST_FILES} files")
        return self._bytes_of(wanted)

    def _bytes_of(self, wanted: Mapping[str, str]) -> dict[str, bytes]:
        for path in wanted.values():
            if self.files[path] > MOST_BYTES:
                raise NotAdded(f"{_shown(path)} is larger than {MOST_BYTES // (1024 * 1024)} MB")
        if sum(self.files[path] for path in wanted.values()) > MOST_OF_SKILL:
            raise NotAdded(f"the skill is larger than {MOST_OF_SKILL // (1024 * 1024)} MB")
        texts = self.read([*wanted.values()])
        return {name: texts[path] for name, path in sorted(wanted.items())}

    def _resolved(self, path: str) -> str:
        if path in self.files:
            return path
        if self.links[path] not in self.files:
            raise NotAdded(f"{_shown(path)} is a link to {_shown(self.links[path])}, which is no file of it")
        return self.links[path]

    def _readable(self) -> Iterator[str]:
        return (path for path, size in self.files.items() if size <= MOST_BYTES and not _is_hidden(path))

    def _take(self, path: str, kind: str) -> None:
        self._count += 1
        if self._count > MOST_ENTRIES:
            raise NotAdded(f"it holds more than {MOST_ENTRIES} files")
        if path in ("", ".") and kind == "folder":
            return
        parts = _checked(path)
        for depth in range(1, len(parts) + 1):
            self._check_same("/".join(parts[:depth]), kind if depth == len(parts) else "folder")

    def _check_same(self, path: str, kind: str) -> None:
        """Disks exist for which `A` and `a` are one file; no two paths may be one there."""
        key = unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())
        known = self._kinds.setdefault(key, (path, kind))
        if known != (path, kind):
            raise NotAdded(f"{_shown(known[0])} and {_shown(path)} would be one file on some disks")
        if kind == "file" and (path in self.files or path in self.links):
            raise NotAdded(f"{_shown(path)} is in it twice")


def _checked(path: str) -> list[str]:
    """The parts of a path. Raises NotAdded for one that leads elsewhere, or that disks read in different ways."""
    parts = path.split("/")
    if path.startswith("/") or _DRIVE.match(path):
        raise NotAdded(f"{_shown(path)} is an absolute path")
    if ".." in parts:
        raise NotAdded(f"{_shown(path)} leads out of it")
    odd = "" in parts or "." in parts or not _is_plain(path)
    if odd or any(part[-1] in " ." or len(part.encode()) > LONGEST_NAME for part in parts):
        raise NotAdded(f"{_shown(path)} is no path that all disks read in the same way")
    if len(parts) > DEEPEST or len(path) > LONGEST_PATH:
        raise NotAdded(f"{_shown(path)} lies too deep")
    return parts


def _is_plain(path: str) -> bool:
    """Without backslashes, and without characters that do not show or are no text."""
    return "\\" not in path and visible(path) == path and not any("\ud800" <= char <= "\udfff" for char in path)


def _shown(path: str) -> str:
    text = visible(path)
    return text if len(text) <= 120 else f"{text[:119]}…"


def _is_below(path: str, folder: str) -> bool:
    return not folder or path == folder or path.startswith(f"{folder}/")


def _is_hidden(path: str) -> bool:
    return any(part.startswith(".") for part in path.split("/"))


def _has_front_matter(data: bytes) -> bool:
    return data.removeprefix(b"\xef\xbb\xbf").startswith((b"---\n", b"---\r\n"))


def _is_skill(data: bytes) -> bool:
    """Whether a Markdown file that has a name of its own is a skill, and no page of a site."""
    front = data.partition(b"\n---")[0]
    return _has_front_matter(data) and b"\nname:" in front and b"\ndescription:" in front
