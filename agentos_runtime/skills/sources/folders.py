"""Skills in a folder or a file of this machine, read by the rules for all files of skills."""

from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from agentos_runtime.skills.files import SKILL_FILES, NotRead, SkillFolder, is_there
from agentos_runtime.skills.sources.listing import MOST_FILES, Listing, NotAdded


def read_folder(path: Path, homes: tuple[Path, ...]) -> Listing:
    """The skill in a folder, or the skills in the folders below it. Raises NotAdded."""
    folder = SkillFolder(path, homes)

    def read(paths: Sequence[str]) -> dict[str, bytes]:
        try:
            return {each: folder.read(path / each) for each in paths}
        except OSError as error:
            raise NotAdded(_why(path, error)) from None

    listing = Listing(read)
    try:
        if any(is_there(path / name) for name in SKILL_FILES):
            _list(folder, path, listing)
            return listing
        for manifest in folder.manifests():
            if manifest.parent == path:
                _list_file(folder, manifest, listing)
            else:
                _list(folder, manifest.parent, listing)
    except OSError as error:
        raise NotAdded(_why(path, error)) from None
    return listing


def read_single(path: Path, homes: tuple[Path, ...]) -> Listing:
    """A skill that is one file. Raises NotAdded."""
    folder = SkillFolder(path.parent, homes)
    try:
        data = folder.read(path)
    except OSError as error:
        raise NotAdded(_why(path, error)) from None
    return single(path.name, data)


def single(name: str, data: bytes) -> Listing:
    """One file."""
    listing = Listing(lambda paths: dict.fromkeys(paths, data))
    listing.add_file(name, len(data))
    return listing


def _list(folder: SkillFolder, inside: Path, listing: Listing) -> None:
    for file in _files(folder, inside):
        _list_file(folder, file, listing)
        if len(listing.files) > MOST_FILES:
            raise NotAdded(f"{inside} holds more than {MOST_FILES} files")


def _list_file(folder: SkillFolder, file: Path, listing: Listing) -> None:
    folder.check(file)
    listing.add_file(str(PurePosixPath(file.relative_to(folder.path))), file.stat().st_size)


def _files(folder: SkillFolder, inside: Path) -> Iterator[Path]:
    for entry in folder.entries(inside):
        if entry.name.startswith("."):
            continue
        if entry.is_folder and entry.is_link:
            raise NotRead(f"{entry.name} is a link to a folder", "Put the folder itself there")
        if entry.is_folder:
            yield from _files(folder, inside / entry.name)
        else:
            yield inside / entry.name


def _why(path: Path, error: OSError) -> str:
    fix = f". {error.fix}" if isinstance(error, NotRead) else ""
    below = path / str(error.filename or "")
    where = below if is_there(below) else path
    return f"{where} cannot be read: {error.strerror}{fix}"
