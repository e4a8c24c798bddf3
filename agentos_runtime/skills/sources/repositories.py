"""A git repository at one commit: only listed and read, never checked out, so that nothing of it can run.

`git` is told to look at no configuration of this machine, to follow no redirect, to ask nobody, and to use no
program of the repository; what it may write is bounded, and so is its time.
"""

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from agentos_runtime.frozen import dataclass
from agentos_runtime.regexes import regex
from agentos_runtime.skills.sources.listing import Listing, NotAdded

SECONDS = 180.0
"""For all of one command of git."""
MOST_BLOCKS = 1024 * 1024
"""Of 512 bytes, in one file that git writes: 512 MB."""
COMMIT = regex(r"[0-9a-f]{40}|[0-9a-f]{64}")
REVISION = regex(r"(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9._/-]{0,200}")
_LINK, _MODULE = "120000", "160000"
_OPTIONS = (
    "core.hooksPath=/dev/null",
    "http.followRedirects=false",
    "transfer.fsckObjects=true",
    "fetch.fsckObjects=true",
    "submodule.recurse=false",
    "gc.auto=0",
)


@dataclass(frozen=True, slots=True)
class Repository:
    """What lies in a repository at a commit; readable while it is open."""

    commit: str
    listing: Listing


@contextmanager
def open_repository(address: str, revision: str | None, environ: Mapping[str, str]) -> Iterator[Repository]:
    """Fetch one commit into a folder that is gone afterwards. Raises NotAdded.

    revision: a whole commit id, a branch or a tag; None = what the repository shows first.
    environ: where `git` and `ssh` find themselves and an agent with keys; nothing else of it is handed on.
    """
    with TemporaryDirectory(prefix="agentos-git-") as folder:
        git = _Git(Path(folder), _surroundings(environ))
        git.run("init", "--quiet", "--bare", ".")
        git.fetch(address, revision)
        commit = git.run("rev-parse", "--verify", "--end-of-options", f"{git.fetched}^{{commit}}").decode().strip()
        if revision and COMMIT.fullmatch(revision) and commit != revision:
            raise NotAdded(f"the repository gave the commit {commit} in place of {revision}")
        yield Repository(commit, git.list(commit))


class _Git:
    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self._folder = folder
        self._environ = environ
        self._blobs: dict[str, str] = {}
        self.fetched = "FETCH_HEAD"

    def fetch(self, address: str, revision: str | None) -> None:
        quiet = ("fetch", "--quiet", "--no-tags", "--no-recurse-submodules")
        try:
            self.run(*quiet, "--depth=1", "--", address, revision or "HEAD")
        except NotAdded:
            if not (revision and COMMIT.fullmatch(revision)):
                raise
            self.run(*quiet, "--", address, "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
            self.fetched = revision

    def list(self, commit: str) -> Listing:
        listing = Listing(self._read)
        links: dict[str, str] = {}
        for line in self.run("ls-tree", "-r", "-z", "--long", "--full-tree", commit).split(b"\0")[:-1]:
            about, _, name = line.partition(b"\t")
            mode, _, blob, size = about.decode().split()
            path = name.decode("utf-8", "surrogateescape")
            if mode == _LINK:
                links[path] = blob
            elif mode != _MODULE:  # what a submodule holds is not part of the repository
                listing.add_file(path, int(size))
                self._blobs[path] = blob
        targets = self._contents([*links.values()])
        for path, blob in links.items():
            listing.add_link(path, targets[blob].decode("utf-8", "surrogateescape"))
        return listing

    def _read(self, paths: Sequence[str]) -> dict[str, bytes]:
        contents = self._contents([self._blobs[path] for path in paths])
        return {path: contents[self._blobs[path]] for path in paths}

    def _contents(self, blobs: Sequence[str]) -> dict[str, bytes]:
        answer = self.run("cat-file", "--batch", given="".join(f"{blob}\n" for blob in blobs).encode())
        found: dict[str, bytes] = {}
        while answer:
            head, _, rest = answer.partition(b"\n")
            blob, _, size = head.decode().split()
            found[blob], answer = rest[: int(size)], rest[int(size) + 1 :]
        return found

    def run(self, *words: str, given: bytes = b"") -> bytes:
        options = [word for option in _OPTIONS for word in ("-c", option)]
        bounded = ["/bin/sh", "-c", f'ulimit -f {MOST_BLOCKS}; exec "$@"', "sh", "git", *options, *words]
        try:
            process = subprocess.Popen(  # noqa: S603 - the words are ours, the address was checked
                bounded,
                cwd=self._folder,
                env=dict(self._environ),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            raise NotAdded(f"git cannot be started: {error.strerror}") from None
        out, told = _ended(process, given)
        if process.returncode == 127:
            raise NotAdded("git is not installed: install it, or name an archive")
        if process.returncode:
            said = told.decode("utf-8", "replace").strip().splitlines() or ["it said nothing"]
            raise NotAdded(f"git could not read it: {said[-1].removeprefix('fatal: ')[:300]}")
        return out


def _ended(process: "subprocess.Popen[bytes]", given: bytes) -> tuple[bytes, bytes]:
    """What it printed. Whatever happens here, it and what it started have ended. Raises NotAdded."""
    try:
        return process.communicate(given, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        raise NotAdded(f"git took longer than {SECONDS:g} s") from None
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


def _surroundings(environ: Mapping[str, str]) -> dict[str, str]:
    kept = {name: environ[name] for name in ("PATH", "HOME", "SSH_AUTH_SOCK", "SSL_CERT_FILE") if name in environ}
    if "SSL_CERT_FILE" in kept:
        kept["GIT_SSL_CAINFO"] = kept["SSL_CERT_FILE"]
    return kept | {
        "GIT_ALLOW_PROTOCOL": "https:http:ssh:file",
        "GIT_ASKPASS": "true",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_LFS_SKIP_SMUDGE": "1",
        "GIT_SSH_COMMAND": "ssh -o BatchMode=yes",
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C",
    }
