"""Archives that are many files or much more than they seem: refused within bounds that the kernel keeps."""

import gzip
import io
import os
import resource
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.adding.sources import KENNEL, entry, tree
from tests.cli.console import Console

ENTRIES = int(os.environ.get("AGENTOS_TEST_ENTRIES", "20001"))
MEGABYTE = 1024 * 1024
MOST_MEMORY, MOST_CPU = 512 * MEGABYTE, 20


def many_in_tar(entries: int, **headers: str) -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w:gz", compresslevel=1, format=tarfile.PAX_FORMAT) as archive:
        for number in range(entries):
            one = entry(f"kennel/{number % 1000}/{number}.md")
            one.pax_headers = headers
            archive.addfile(one)
    return held.getvalue()


def many_in_zip(entries: int) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for number in range(entries):
            archive.writestr(f"kennel/{number % 1000}/{number}.md", "")
    return held.getvalue()


def the_same_bytes_again_and_again(entries: int) -> bytes:
    """Each name of a zip leads to the same packed 3 MB."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("kennel/readme.md", "0" * 3 * MEGABYTE)
        one = archive.infolist()[0]
        for number in range(entries // 10):
            other = zipfile.ZipInfo(f"kennel/{number}.md")
            for name in ("compress_type", "CRC", "compress_size", "file_size", "header_offset"):
                setattr(other, name, getattr(one, name))
            archive.filelist.append(other)
    return held.getvalue()


def claimed(entries: int) -> bytes:
    """One file that says that it is far larger than all that may come."""
    head = entry("kennel/x.bin", entries * MEGABYTE).tobuf(tarfile.GNU_FORMAT)
    return gzip.compress(head + bytes(90 * MEGABYTE), 1)


BOMBS: dict[str, Callable[[int], bytes]] = {
    "tar": many_in_tar,
    "tar with long headers": partial(many_in_tar, comment="x" * 2000),
    "zip": many_in_zip,
    "zip of the same bytes": the_same_bytes_again_and_again,
    "claim": claimed,
}


def bounded() -> None:
    resource.setrlimit(resource.RLIMIT_DATA, (MOST_MEMORY, MOST_MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_CPU, MOST_CPU))


def added(console: Console, source: Path) -> str:
    """What `add` says against a source, in a process that the kernel ends when it takes too much."""
    command = [sys.executable, "-m", "agentos_runtime", "add", str(source), "--yes"]
    done = subprocess.run(
        command, env=console.environ, capture_output=True, text=True, timeout=600, preexec_fn=bounded
    )
    assert (done.returncode, done.stdout) == (1, ""), done.stderr
    assert {path for path, of in tree(console.home).items() if of is not None} == set()
    return done.stderr


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds what a process may take like this")
@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_is_refused_within_bounds_and_nothing_is_written(
    console: Console, tmp_path: Path, bomb: str
) -> None:
    (tmp_path / "source").write_bytes(BOMBS[bomb](ENTRIES))
    said = added(console, tmp_path / "source")
    assert "Nothing was added: " in said
    assert "This is a bug" not in said


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds what a process may take like this")
def test_a_folder_of_very_many_files_is_refused(console: Console, tmp_path: Path) -> None:
    folder = tmp_path / "source" / "kennel"
    for number in range(ENTRIES // 10):
        (folder / str(number % 50)).mkdir(parents=True, exist_ok=True)
        (folder / str(number % 50) / f"{number}.md").touch()
    (folder / "readme.md").write_text(KENNEL, encoding="utf-8")
    assert "holds more than 2000 files" in added(console, tmp_path / "source")
