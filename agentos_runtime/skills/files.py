"""The one opener of what belongs to a skill: manifests, parts, icons, cases.

Skills come from strangers, and git carries symbolic links: a file is read only when the operating system says of
what was opened that it is a regular file, of a known size, inside the folder of skills that the operator named.
That folder may itself be a link, and links inside it work, as ConfigMaps and git-sync make them.
"""

import errno
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import BinaryIO, NamedTuple

from agentos_runtime.config.settings import Settings
from agentos_runtime.frozen import dataclass
from agentos_runtime.resources import skills_folder

if sys.platform == "darwin":
    import fcntl

SKILL_FILES = ("readme.md", "README.md", "SKILL.md")
MOST_BYTES = 4 * 1024 * 1024
"""Of one file; what is longer is no text of a skill."""
LARGEST_ICON = 1024 * 1024
MOST_ENTRIES = 20_000
"""Of one folder that is listed."""
NOT_SKILLS = frozenset({"lost+found"})
"""What file systems put into their top folder."""

Stamp = tuple[int, ...]
"""Differs when a file has changed, or a link leads elsewhere."""


def size_of(stamp: Stamp | None) -> int:
    """Bytes of the file that had the stamp; 0 where there was none."""
    return stamp[2] if stamp else 0


class NotRead(OSError):
    """Something is there and is not read; `strerror` says why, `fix` what to do."""

    def __init__(self, reason: str, fix: str) -> None:
        super().__init__(errno.EACCES, reason)
        self.fix = fix


class TooMany(NotRead):
    """A folder has more entries than are looked at."""


class Entry(NamedTuple):
    """What a folder lists: links are followed for `is_folder`."""

    name: str
    is_folder: bool
    is_link: bool


@dataclass(frozen=True, slots=True)
class SkillFolder:
    """A folder of skills that the operator named; all that is read of its skills is read through it.

    homes: folders with keys, of which nothing is read, unless `path` lies inside.
    """

    path: Path
    homes: tuple[Path, ...] = ()
    bundled: bool = False
    """Whether it is the one that ships with the runtime."""

    def read(self, file: Path, most: int = MOST_BYTES) -> bytes:
        """The bytes of a file below `path`, at most `most`. Raises OSError; NotRead for what must not be read."""
        with self._open(file, most) as opened:
            data = opened.read(most + 1)
        if len(data) > most:
            raise _too_large(most)
        return data

    def check(self, file: Path, most: int = MOST_BYTES) -> None:
        """Open what `read` would read, and leave it. Raises OSError as `read` does."""
        with self._open(file, most):
            pass

    def entries(self, folder: Path) -> list[Entry]:
        """What a folder at or below `path` lists, by name; of more than `MOST_ENTRIES` that many and one.

        Raises OSError; NotRead for what is no folder, or lies elsewhere.
        """
        with self._found(folder) as found:
            if not stat.S_ISDIR(os.fstat(found).st_mode):
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
            listed = _reopened(found)
            try:
                with os.scandir(listed) as entries:
                    return sorted(_entry(each) for each in islice(entries, MOST_ENTRIES + 1))
            finally:
                os.close(listed)

    def manifests(self, folder: Path | None = None) -> Iterator[Path]:
        """The skill files of a folder, as `seen` finds them."""
        for path, _ in self.seen(folder):
            yield path

    def seen(self, folder: Path | None = None) -> Iterator[tuple[Path, Stamp | None]]:
        """The skill files of a folder, with their stamps: `<name>.md`, and the readme or SKILL.md of each folder.

        Those that will turn out not to be readable too, so that somebody is told. Raises OSError as `entries` does,
        and in the end TooMany when not all of the folder was looked at. This is done several times a second, beside
        calls: what is there is asked for once.
        """
        folder = folder or self.path
        entries = self.entries(folder)
        for entry in entries[:MOST_ENTRIES]:
            child = folder / entry.name
            if entry.name.startswith(".") or entry.name in NOT_SKILLS:
                continue
            if entry.is_folder:
                yield from self._manifest_of(child, entry.is_link)
            elif child.suffix == ".md" and child.name.lower() != "readme.md":
                yield child, stamp(child)
        if len(entries) > MOST_ENTRIES:
            raise TooMany(f"it has more than {MOST_ENTRIES} entries, the rest is left out", "Use a smaller folder")

    def spans(self, path: Path) -> bool:
        """Whether the path, as it is written, lies in the folder."""
        return path.absolute().is_relative_to(self.path.absolute())

    def holds(self, path: Path) -> bool:
        """Whether what stands at the path, links followed, is there and lies in the folder."""
        try:
            with self._found(path):
                return True
        except OSError:
            return False

    def _manifest_of(self, child: Path, is_link: bool) -> Iterator[tuple[Path, Stamp | None]]:
        """The first that there is; of a link that leads elsewhere the first name, so that somebody is told."""
        leads_elsewhere = is_link and not self.holds(child)
        for path in map(child.joinpath, SKILL_FILES):
            found = stamp(path)
            if found or leads_elsewhere or is_there(path):
                yield path, found
                return

    @contextmanager
    def _open(self, file: Path, most: int) -> Iterator[BinaryIO]:
        with self._found(file) as found:
            status = os.fstat(found)
            _check_kind(status.st_mode)
            if status.st_size > most:
                raise _too_large(most)
            with os.fdopen(_reopened(found), "rb") as opened:
                yield opened

    @contextmanager
    def _found(self, path: Path) -> Iterator[int]:
        """A descriptor of what stands at the path, only for looking, once it is known to lie in the folder."""
        found = self._look_at(path)
        try:
            yield found
        finally:
            os.close(found)

    def _look_at(self, path: Path) -> int:
        """The descriptor is asked for its place: links that are changed meanwhile make no difference to it."""
        below = path.absolute().relative_to(self.path.absolute())
        folder = self._opened(self.path, self.path, None)
        try:
            found = self._opened(path, below, folder)
            try:
                self._check_place(path, _place_of(folder), _place_of(found))
            except BaseException:
                os.close(found)
                raise
        finally:
            os.close(folder)
        return found

    def _opened(self, path: Path, below: Path, folder: int | None) -> int:
        try:
            return _open_to_look(below, folder)
        except FileNotFoundError:
            self._explain(path)
            raise

    def _explain(self, path: Path) -> None:
        """Why there is nothing, when a link is the reason. Raises NotRead."""
        if path.is_symlink():
            raise NotRead("it is a link to something that is not there", "Put the file itself there") from None
        if path.parent != path and self.spans(path.parent):
            os.close(self._look_at(path.parent))

    def _check_place(self, path: Path, folder: Path, place: Path) -> None:
        if not place.is_relative_to(folder):
            raise NotRead(
                f"it is a link that leads out of {self.path}",
                "Put the file itself there, or name the folder that it lies in with --skills",
            )
        inner = place.relative_to(folder).parts
        if ".git" in inner or (inner and inner[-1].startswith(".") and inner[-1] != path.name):
            raise NotRead("it is a link to a hidden file", "Put the file itself there")
        for home in (Path(os.path.realpath(each)) for each in self.homes):
            if place.is_relative_to(home) and (folder == home or not folder.is_relative_to(home)):
                raise NotRead(f"it leads into {home}, where the keys are", "Keep skills in a folder of their own")


@dataclass(frozen=True, slots=True)
class SkillFile:
    """A file, and the folder of skills through which it is read."""

    folder: SkillFolder
    path: Path

    def read(self, most: int = MOST_BYTES) -> bytes:
        """Raises OSError as `SkillFolder.read` does."""
        return self.folder.read(self.path, most)

    def below(self, name: str) -> "SkillFile":
        """The file of this name in the folder that `path` is."""
        return SkillFile(self.folder, self.path / name)


def skill_folders(settings: Settings) -> tuple[SkillFolder, ...]:
    """The folders skills are loaded from, each once; earlier ones win an id."""
    others = () if settings.only_skills else (settings.home / "skills", skills_folder())
    folders: dict[str, Path] = {}
    for path in (*settings.skills, *others):
        folders.setdefault(os.path.realpath(path), path)
    homes, ships = (settings.home, *settings.other_homes), os.path.realpath(skills_folder())
    return tuple(SkillFolder(path, homes, bundled=real == ships) for real, path in folders.items())


def is_there(path: Path) -> bool:
    """Whether the name is taken, by whatever; also where nobody may look."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def stamp(path: Path) -> Stamp | None:
    """The stamp of a file, or of a link that leads nowhere; None when there is nothing."""
    for look in (os.stat, os.lstat):
        try:
            status = look(path)
        except OSError:
            continue
        times = (status.st_mtime_ns, status.st_ctime_ns)
        return (*times, status.st_size, status.st_ino, status.st_dev)
    return None


if sys.platform == "darwin":

    def _place_of(descriptor: int) -> Path:
        found: bytes = fcntl.fcntl(descriptor, fcntl.F_GETPATH, bytes(1024))
        return Path(os.fsdecode(found.split(b"\0", 1)[0]))

    def _open_to_look(path: Path, folder: int | None) -> int:
        """Here looking opens: what is no file or folder is known, and left alone, before."""
        mode = os.stat(path, dir_fd=folder).st_mode
        if not stat.S_ISDIR(mode):
            _check_kind(mode)
        return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC, dir_fd=folder)

    def _reopened(descriptor: int) -> int:
        return os.dup(descriptor)

else:

    def _place_of(descriptor: int) -> Path:
        try:
            place = os.readlink(f"/proc/self/fd/{descriptor}")
        except FileNotFoundError:
            raise NotRead("without /proc nobody can tell where it lies", "Mount /proc") from None
        return Path(place)

    def _open_to_look(path: Path, folder: int | None) -> int:
        return os.open(path, os.O_PATH | os.O_CLOEXEC, dir_fd=folder)

    def _reopened(descriptor: int) -> int:
        """Open for reading what was looked at, and nothing else that took its name."""
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
        return os.open(f"/proc/self/fd/{descriptor}", flags)


def _check_kind(mode: int) -> None:
    if not stat.S_ISREG(mode):
        kinds = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
        what = kinds.get(stat.S_IFMT(mode), "a device")
        raise NotRead(f"it is {what}, not a file", "Put a plain file there")


def _too_large(most: int) -> NotRead:
    size = f"{most // (1024 * 1024)} MB"
    return NotRead(f"it is larger than {size}", "A skill is a few short files; move the rest elsewhere")


def _entry(entry: "os.DirEntry[str]") -> Entry:
    try:
        is_folder = entry.is_dir()
    except OSError:
        is_folder = False
    return Entry(entry.name, is_folder, entry.is_symlink())
