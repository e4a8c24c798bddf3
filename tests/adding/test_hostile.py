"""Sources that could do harm are refused whole: nothing of them is written, and nothing outside is read."""

import gzip
import io
import json
import os
import tarfile
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentos_runtime.skills.sources.archives import read_archive
from agentos_runtime.skills.sources.listing import Listing, NotAdded
from tests.adding.sources import KENNEL, commit, entry, git, tar, tree, zipped
from tests.cli.console import Console
from tests.sizes import examples

GOOD = {"kennel/readme.md": KENNEL}
MEGABYTE = 1024 * 1024
LINK, HARD, DEVICE, PIPE = tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE

TARS: dict[str, tuple[tarfile.TarInfo, ...]] = {
    "leads out of it": (entry("kennel/../../x.md"),),
    "absolute path": (entry("/etc/cron.d/x"),),
    "C:/x.md' is|an absolute path": (entry("C:/x.md"),),
    "is a link that leads out of it": (entry("kennel/x.md", kind=LINK, target="../../secret"),),
    "leads out of it, to /etc/passwd": (entry("kennel/x.md", kind=LINK, target="/etc/passwd"),),
    "x.md is a link that leads out": (entry("kennel/x.md", kind=HARD, target="../secret"),),
    "which is no file of it": (entry("kennel/x.md", kind=LINK, target="none.md"),),
    "is a device, a pipe": (entry("kennel/x.md", kind=DEVICE),),
    "a device, a pipe or": (entry("kennel/x.md", kind=PIPE),),
    "would be one file on some disks": (entry("kennel/A.md"), entry("kennel/a.md")),
    "be one file on some": (entry("Kennel/b.md"),),
    "one file on some disks": (entry("kennel/é.md"), entry("kennel/e\u0301.md")),
    "be one file": (entry("kennel/readme.md/x.md"),),
    "is in it twice": (entry("kennel/readme.md"),),
    "no path that all disks read": (entry("kennel/x\x1b[2J.md"),),
    "is no path that all disks": (entry("kennel\\x.md"),),
    "no path that all": (entry("kennel/x."),),
    "lies too deep": (entry("a/" * 40 + "x"),),
    "unpacks to more than 64 MB": (entry("kennel/x.bin", 65 * MEGABYTE),),
    "larger than 4 MB": (entry("kennel/x.bin", 5 * MEGABYTE),),
    "the skill is larger than": tuple(entry(f"kennel/{n}.bin", 4 * MEGABYTE) for n in range(9)),
    "more than 2000 files": tuple(entry(f"kennel/{n}.md") for n in range(2_001)),
    "more than 20000 files": tuple(entry(f"{n}.md") for n in range(20_001)),
}
ARCHIVES: dict[str, Callable[[], bytes]] = {
    "leads out of it": lambda: zipped({**GOOD, "../x.md": ""}),
    "is an absolute path": lambda: zipped({**GOOD, "/x.md": ""}),
    "is a link that leads out": lambda: zipped({**GOOD, "kennel/x.md": "../../up"}, {"kennel/x.md": 0o120777}),
    "a device": lambda: zipped({**GOOD, "kennel/x.md": ""}, {"kennel/x.md": 0o020666}),
    "one file on some disks": lambda: zipped({**GOOD, "kennel/README.MD": ""}),
    "more than 64 MB": lambda: zipped({**GOOD, "kennel/x.bin": "0" * 70 * MEGABYTE}),
    "damaged": lambda: tar(GOOD)[:-30],
    "archive is damaged": lambda: b"\x1f\x8b" + bytes(40),
    "the archive is damaged": lambda: b"PK\x03\x04" + bytes(40),
    "unpacks to more": lambda: _endless_header(),
}


def _endless_header() -> bytes:
    """A tar whose first header says that its extended header is larger than all that may come."""
    head = entry("x", 90 * MEGABYTE, kind=tarfile.XHDTYPE).tobuf(tarfile.USTAR_FORMAT)
    return gzip.compress(head + bytes(90 * MEGABYTE), 1)


def refused(console: Console, data: bytes, name: str) -> str:
    """What is said of an archive; nothing may be written for it."""
    file = console.home.parent / name
    file.write_bytes(data)
    before = tree(console.home)
    done = console.run("add", file, "--yes")
    assert (done.code, done.out) == (1, "")
    assert {path for path, of in tree(console.home).items() if of is not None} == {*filter(before.get, before)}
    return done.err


@pytest.mark.parametrize("said", TARS)
def test_a_tar_that_could_do_harm_is_refused_whole(console: Console, said: str) -> None:
    told = refused(console, tar(GOOD, *TARS[said]), "source.tar.gz")
    assert said.rpartition("|")[2] in told
    assert "\x1b" not in told


@pytest.mark.parametrize("said", ARCHIVES)
def test_an_archive_that_could_do_harm_is_refused_whole(console: Console, said: str) -> None:
    assert said in refused(console, ARCHIVES[said](), "source.zip")


def test_a_zip_that_is_packed_otherwise_is_refused_before_it_is_unpacked(console: Console) -> None:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("kennel/readme.md", KENNEL)
    assert "not bounded while it is unpacked" in refused(console, held.getvalue(), "source.zip")


def test_what_is_remembered_of_a_source_is_not_trusted(console: Console, tmp_path: Path) -> None:
    """A folder that somebody copied here may say that it came from anywhere."""
    own = console.home / "skills/kennel"
    own.mkdir(parents=True)
    (own / "readme.md").write_text(KENNEL, encoding="utf-8")
    for source, said in {
        "http://example.com/x.md": "begins with https://",
        "https://a:b@example.com/x.md": "with a password",
        f"{tmp_path}/pipe.tar": "it is a pipe",
    }.items():
        memory = {
            "version": 1,
            "source": source,
            "repository": False,
            "revision": None,
            "path": None,
            "commit": None,
        }
        (own / ".added.json").write_text(json.dumps(memory | {"added_at": "", "files": {}}), encoding="utf-8")
        if not (tmp_path / "pipe.tar").exists():
            os.mkfifo(tmp_path / "pipe.tar")
        done = console.run("update", "--yes")
        assert (done.code, said in done.err) == (1, True), done.err


def test_links_within_a_source_are_the_files_that_they_name(console: Console, tmp_path: Path) -> None:
    link = entry("kennel/more.md", kind=LINK, target="../shared/more.md")
    (tmp_path / "source.tar").write_bytes(tar({**GOOD, "shared/more.md": "# More\n"}, link, kind="w"))
    assert console.run("add", tmp_path / "source.tar", "--yes").code == 0
    found = console.home / "skills/kennel/more.md"
    assert (found.is_symlink(), found.read_text(encoding="utf-8")) == (False, "# More\n")


@pytest.mark.parametrize("target", ["../secret", "/proc/self/environ", "../home"])
def test_a_folder_with_a_link_that_leaves_it_is_refused(console: Console, tmp_path: Path, target: str) -> None:
    (tmp_path / "secret").write_text("canary", encoding="utf-8")
    (tmp_path / "source").mkdir()
    (tmp_path / "source/readme.md").write_text(KENNEL, encoding="utf-8")
    (tmp_path / "source/x.md").symlink_to(target)
    done = console.run("add", tmp_path / "source", "--yes")
    assert (done.code, (console.home / "skills/kennel").exists()) == (1, False)


def test_a_folder_with_a_pipe_is_refused_and_nobody_waits(console: Console, tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source/readme.md").write_text(KENNEL, encoding="utf-8")
    os.mkfifo(tmp_path / "source/x.md")
    assert "it is a pipe" in console.run("add", tmp_path / "source", "--yes").err


def test_a_repository_with_a_link_that_leaves_it_is_refused(console: Console, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "x.md").symlink_to("../../etc/passwd")
    commit(source, GOOD)
    done = console.run("add", f"git+file://{source}", "--yes")
    assert (done.code, "leads out of it" in done.err) == (1, True)


def test_nothing_of_a_repository_runs(console: Console, tmp_path: Path) -> None:
    """Neither its hooks, nor filters that its attributes name, nor another repository that it names."""
    source, ran = tmp_path / "source", tmp_path / "ran"
    commit(source, {**GOOD, ".gitattributes": "* filter=evil\n"})
    for hook in ("post-checkout", "reference-transaction", "post-update"):
        (source / ".git/hooks" / hook).write_text(f"#!/bin/sh\ntouch {ran}\n", encoding="utf-8")
        (source / ".git/hooks" / hook).chmod(0o755)
    git(source, "config", "filter.evil.smudge", f"touch {ran}")
    assert console.run("add", f"git+file://{source}", "--yes").code == 0
    assert not ran.exists()
    for address in (f"git+ext::sh -c touch% {ran}", "git+--upload-pack=touch x", f"git+fd::17/{ran}"):
        assert console.run("add", address, "--yes").code == 1
    assert not ran.exists()


NAMES = st.lists(st.sampled_from("aA./\\:é\u0301 ~\x00\x1b\u202e-"), max_size=8).map("".join)


@settings(max_examples=examples(80), suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.lists(NAMES, max_size=4))
def test_what_is_accepted_stays_inside_and_every_file_is_itself(names: list[str]) -> None:
    listing = Listing(lambda paths: {})
    for name in names:
        try:
            listing.add_file(name, 1)
        except NotAdded:
            return
    root = "/srv/of/all"
    placed = [os.path.normpath(os.path.join(root, name)) for name in listing.files]
    assert all(place.startswith(f"{root}/") for place in placed)
    assert len({place.casefold() for place in placed}) == len(names)
    assert not any(a != b and a.startswith(f"{b}/") for a in placed for b in placed)


@given(
    st.binary(max_size=600), st.sampled_from([b"", b"\x1f\x8b", b"PK\x03\x04", tar(GOOD)[:80], zipped(GOOD)[:90]])
)
def test_any_bytes_are_read_or_refused(tail: bytes, head: bytes) -> None:
    with suppress(NotAdded):
        read_archive(head + tail)
