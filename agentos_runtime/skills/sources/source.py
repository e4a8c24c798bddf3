"""Where a skill comes from, as a person names it, and how that is opened."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from agentos_runtime.config.settings import Settings
from agentos_runtime.frozen import dataclass
from agentos_runtime.importers.api import ImportProblem
from agentos_runtime.importers.samples.secrets import is_credential
from agentos_runtime.manifest.addresses import is_private_host
from agentos_runtime.manifest.secrets.shapes import find_secrets
from agentos_runtime.regexes import regex
from agentos_runtime.skills.descriptions import download
from agentos_runtime.skills.files import SkillFolder
from agentos_runtime.skills.sources.archives import is_archive, read_archive
from agentos_runtime.skills.sources.folders import read_folder, read_single, single
from agentos_runtime.skills.sources.listing import MOST_UNPACKED, Listing, NotAdded
from agentos_runtime.skills.sources.repositories import COMMIT, REVISION, open_repository

_SSH = regex(r"(?:ssh://)?git@[A-Za-z0-9.-]+(?::\d+)?[:/][\w./~-]+")
_PAGE = regex(r"https://github\.com/([\w.-]+)/([\w.-]+)/(blob|tree)/([^/]+)/?(.*)")
_ARCHIVES = (".tar.gz", ".tgz", ".tar", ".zip")


@dataclass(frozen=True, slots=True)
class Source:
    """What was named; `address` is an absolute path or a url, without anything secret."""

    address: str
    is_repository: bool = False
    revision: str | None = None
    """Of a repository: a whole commit id, a branch or a tag; None = what it shows first."""
    path: str | None = None
    """Which of several skills: its folder or its file, from the top of the source."""

    @property
    def is_pinned(self) -> bool:
        """Whether it can never say anything else."""
        return bool(self.revision and COMMIT.fullmatch(self.revision))

    def __str__(self) -> str:
        revision = f"@{self.revision}" if self.revision else ""
        return f"{'git+' if self.is_repository else ''}{self.address}{revision}" + (
            f" ({self.path})" if self.path else ""
        )


@dataclass(frozen=True, slots=True)
class Opened:
    """A source, read; `commit` is that of a repository."""

    source: Source
    listing: Listing
    name: str
    """What a skill without an id is called."""
    commit: str | None = None


def read_source(text: str, revision: str | None, path: str | None, folder: Path) -> Source:
    """What a person means: a folder, a file or an archive here; an address; a repository, `git+URL[@REVISION]`.

    folder: the one that relative paths are named from. Raises NotAdded.
    """
    is_repository = text.startswith("git+") or text.endswith(".git") or _SSH.fullmatch(text) is not None
    address = text.removeprefix("git+")
    if is_repository and (found := re.fullmatch(r"(.+?/.+?)@([\w./-]+)", address)) and revision is None:
        address, revision = found[1], found[2]
    if revision is not None and not (is_repository and REVISION.fullmatch(revision)):
        raise NotAdded("a revision is a commit, a branch or a tag of a git repository: git+https://…/repository")
    if path is not None:
        path = str(PurePosixPath(path))
    if "://" not in address and not _SSH.fullmatch(address):
        address = str((folder / Path(address).expanduser()).absolute())
    return Source(address, is_repository, revision, path)


@contextmanager
def open_source(source: Source, settings: Settings, environ: Mapping[str, str]) -> Iterator[Opened]:
    """Read what a source holds; nothing is written but what `git` needs for the time. Raises NotAdded.

    What was remembered of a source is checked again: the file that says it may be anybody's.
    """
    if "://" in source.address:
        _check_address(source.address, is_repository=source.is_repository)
    if source.revision is not None and not REVISION.fullmatch(source.revision):
        raise NotAdded("a revision is a commit, a branch or a tag")
    name = PurePosixPath(unquote(urlsplit(source.address).path)).name
    if source.is_repository:
        with open_repository(source.address, source.revision, environ) as repository:
            yield Opened(source, repository.listing, name.removesuffix(".git"), repository.commit)
        return
    homes = (settings.home, *settings.other_homes)
    if "://" in source.address:
        yield Opened(source, _of_bytes(name, _downloaded(source.address)), _stem(name))
    elif Path(source.address).is_dir():
        yield Opened(source, read_folder(Path(source.address), homes), name)
    elif name.endswith(_ARCHIVES):
        yield Opened(source, read_archive(_bytes_of(Path(source.address), homes)), _stem(name))
    else:
        yield Opened(source, read_single(Path(source.address), homes), _stem(name))


def choose(opened: Opened) -> str:
    """The path of the one skill that is meant. Raises NotAdded, which names those that there are."""
    listing, path = opened.listing, opened.source.path
    if path is not None:
        main = path if path in listing.files else listing.main_of("" if path == "." else path)
        if main is None:
            raise NotAdded(f"it holds no skill at {path}; {_named(listing.skills())}")
        return main
    found = listing.skills()
    if len(found) == 1:
        return found[0]
    raise NotAdded(f"{_named(found)}{': choose one with --path' if found else ''}")


def _named(found: list[str]) -> str:
    if not found:
        return "it holds no skill: a skill is a Markdown file that begins with ---, or a folder with a readme.md"
    shown = ", ".join(found[:12]) + (f" and {len(found) - 12} more" if len(found) > 12 else "")
    return f"it holds {len(found)} skills, {shown}" if len(found) > 1 else f"it holds {shown}"


def _of_bytes(name: str, data: bytes) -> Listing:
    if is_archive(data):
        return read_archive(data)
    if data.lstrip()[:1] == b"<":
        raise NotAdded("it answers with a page of the web, not with a skill: name the file itself, or an archive")
    return single(f"{_stem(name) or 'skill'}.md", data)


def _stem(name: str) -> str:
    ending = next((each for each in (*_ARCHIVES, ".md") if name.lower().endswith(each)), "")
    return name[: len(name) - len(ending)]


def _bytes_of(file: Path, homes: tuple[Path, ...]) -> bytes:
    try:
        return SkillFolder(file.parent, homes).read(file, MOST_UNPACKED)
    except OSError as error:
        raise NotAdded(f"{file} cannot be read: {error.strerror}") from None


def _downloaded(address: str) -> bytes:
    if page := _PAGE.fullmatch(address):
        raise NotAdded(_of_page(page))
    try:
        return download(address)
    except ImportProblem as error:
        raise NotAdded(str(error)) from None


def _of_page(page: re.Match[str]) -> str:
    """What to name instead of a page about a file or a folder."""
    owner, name, kind, revision, path = page.groups()
    if kind == "blob" and path.endswith(".md") and path.rpartition("/")[2].lower() not in ("readme.md", "skill.md"):
        return f"that is a page about the file: https://raw.githubusercontent.com/{owner}/{name}/{revision}/{path}"
    folder = path.rpartition("/")[0] if kind == "blob" else path
    where = f" --path {folder}" if folder else ""
    return f"that is a page about a repository: git+https://github.com/{owner}/{name}@{revision}{where}"


def _check_address(address: str, *, is_repository: bool) -> None:
    """Raises NotAdded. What is kept with a skill holds no secret, and nothing travels in the open."""
    parts = urlsplit(address)
    pairs = [pair.partition("=") for pair in parts.query.split("&") if pair]
    if parts.password or (parts.username and parts.scheme != "ssh") or find_secrets(address):
        raise NotAdded("an address with a password or a key in it is not used: it would be kept with the skill")
    if any(is_credential(name, value) for name, _, value in pairs):
        raise NotAdded("an address with a key in it is not used: it would be kept with the skill")
    near = is_private_host(parts.hostname or "")
    known = {"https"} | ({"http"} if near else set()) | ({"ssh", "file"} if is_repository else set())
    if parts.scheme not in known:
        raise NotAdded("an address begins with https:// (http:// only for this machine and its network)")
