"""Private files are whole, 0600 from creation, and shared by processes that may be killed at any point."""

import json
import os
import random
import resource
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agentos_runtime.storage.private_files import (
    PrivateFile,
    PrivateFileError,
    make_private_file,
    make_private_folder,
    try_lock,
)
from tests.programs import Program

KILLS = int(os.environ.get("AGENTOS_TEST_KILLS", "20"))


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """As on a full disk: no write goes beyond `size` bytes of a file."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def write(file: PrivateFile, data: bytes) -> None:
    file.update(lambda _: data)


def test_everything_is_private_from_creation_whatever_the_umask(tmp_path: Path) -> None:
    file = PrivateFile(tmp_path / "home" / "credentials.json")
    with umask(0):
        write(file, b"{}")
        make_private_file(tmp_path / "home" / "activity.db")
    assert mode(tmp_path / "home") == 0o700
    assert {mode(path) for path in (tmp_path / "home").iterdir()} == {0o600}


@pytest.mark.parametrize("wide", [0o640, 0o604, 0o660, 0o601])
def test_a_file_open_to_others_is_not_read_until_its_mode_is_fixed(tmp_path: Path, wide: int) -> None:
    file = PrivateFile(tmp_path / "credentials.json")
    write(file, b"{}")
    file.path.chmod(wide)
    with pytest.raises(PrivateFileError, match=f"run chmod 600 {file.path}"):
        file.read()
    file.path.chmod(0o600)
    contents = file.read()
    assert contents is not None
    assert contents.data == b"{}"


def test_a_link_is_neither_read_nor_replaced(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(b"{}")
    elsewhere.chmod(0o600)
    file = PrivateFile(tmp_path / "credentials.json")
    file.path.symlink_to(elsewhere)
    with pytest.raises(PrivateFileError, match="is a symbolic link"):
        file.read()
    with pytest.raises(PrivateFileError, match="is a symbolic link"):
        write(file, b"new")
    assert file.path.is_symlink()


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    file = PrivateFile(tmp_path / "credentials.json")
    os.mkfifo(file.path, 0o600)
    with pytest.raises(PrivateFileError, match="not a regular file"):
        file.read()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_file_of_another_user_is_not_used(tmp_path: Path) -> None:
    file = PrivateFile(tmp_path / "credentials.json")
    write(file, b"{}")
    os.chown(file.path, 12345, 12345)
    with pytest.raises(PrivateFileError, match="belongs to another user"):
        file.read()
    with pytest.raises(PrivateFileError, match="belongs to another user"):
        make_private_file(file.path)


def test_a_wide_folder_warns_and_says_how_to_mend_it(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert make_private_folder(home) is None
    home.chmod(0o755)
    assert (make_private_folder(home) or "").endswith(f"run chmod 700 {home}")
    (tmp_path / "file").touch()
    with pytest.raises(PrivateFileError, match="is not a folder"):
        make_private_folder(tmp_path / "file")
    with pytest.raises(PrivateFileError, match="cannot be used"):
        make_private_folder(tmp_path / "file" / "home")


def test_a_wider_file_is_narrowed_where_only_this_program_writes(tmp_path: Path) -> None:
    path = tmp_path / "activity.db"
    path.touch(0o644)
    make_private_file(path)
    assert mode(path) == 0o600


def test_a_full_disk_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    file = PrivateFile(tmp_path / "credentials.json")
    write(file, b"before")
    with largest_file(1000), pytest.raises(PrivateFileError, match="is as it was"):
        write(file, b"x" * 100_000)
    assert file.path.read_bytes() == b"before"
    assert not list(tmp_path.glob("*.tmp")) + list(tmp_path.glob(".*.tmp"))


def test_a_change_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    file = PrivateFile(tmp_path / "credentials.json")
    write(file, b"before")
    with pytest.raises(KeyError):
        file.update(lambda _: dict[str, bytes]()["missing"])
    assert file.path.read_bytes() == b"before"


def test_who_finds_another_at_work_waits_and_then_says_so(tmp_path: Path) -> None:
    file = PrivateFile(tmp_path / "credentials.json", lock_wait=0.02)
    leftover = tmp_path / ".credentials.json.0123.tmp"
    leftover.touch()
    lock = os.open(tmp_path / ".credentials.json.lock", os.O_CREAT | os.O_RDWR, 0o600)
    assert try_lock(lock)
    file.sweep()
    assert leftover.exists(), "the file of a writer that may be alive was removed"
    with pytest.raises(PrivateFileError, match="another process is changing"):
        write(file, b"x")
    os.close(lock)
    write(file, b"x")
    assert not leftover.exists()


def test_a_sweep_removes_what_the_killed_left_and_needs_no_folder(tmp_path: Path) -> None:
    (tmp_path / ".credentials.json.0123.tmp").write_bytes(b"secret")
    (tmp_path / "other.tmp").touch()
    PrivateFile(tmp_path / "credentials.json").sweep()
    PrivateFile(tmp_path / "nowhere" / "credentials.json").sweep()
    assert sorted(path.name for path in tmp_path.iterdir()) == [".credentials.json.lock", "other.tmp"]


WRITER = """
import json, sys
from pathlib import Path
from agentos_runtime.storage.private_files import PrivateFile
file = PrivateFile(Path(sys.argv[1]))
def add(data):
    names = json.loads(data) if data else []
    return json.dumps([*names, sys.argv[2] + str(len(names))] if len(names) < 2000 else []).encode()
print("ready", flush=True)
for _ in range(int(sys.argv[3])):
    file.update(add)
    print("done", flush=True)
"""


def writer(path: Path, name: str, times: int) -> "subprocess.Popen[bytes]":
    return Program([sys.executable, "-c", WRITER, str(path), name, str(times)], stdout=subprocess.PIPE)


def test_changes_of_several_processes_are_all_kept(tmp_path: Path) -> None:
    path = tmp_path / "home" / "names.json"
    writers = [writer(path, name, 200) for name in "abcd"]
    for process in writers:
        assert process.communicate()[0].count(b"done") == 200
        assert process.returncode == 0
    assert len(json.loads(path.read_bytes())) == 800


@pytest.mark.slow
def test_kill_9_at_any_point_leaves_a_whole_file_with_all_that_was_acknowledged(tmp_path: Path) -> None:
    dice = random.Random(22)
    path = tmp_path / "names.json"
    acknowledged = 0
    for _ in range(KILLS):
        process = writer(path, "n", 100_000)
        assert process.stdout is not None
        process.stdout.readline()
        for _ in range(dice.randrange(1, 6)):
            process.stdout.readline()
            acknowledged += 1
        for _ in range(dice.randrange(0, 60_000)):
            pass
        process.send_signal(signal.SIGKILL)
        acknowledged += process.communicate()[0].count(b"done")
        names = json.loads(path.read_bytes())
        assert acknowledged <= len(names) <= acknowledged + 1
        acknowledged = len(names)
        assert mode(path) == 0o600
    PrivateFile(path).sweep()
    assert not list(tmp_path.glob(".*.tmp"))
