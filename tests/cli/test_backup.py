"""`agentos backup`: all of the home but the keys, of one moment, in one private file; unpacked, it is a home."""

import os
import sqlite3
import stat
import subprocess
import sys
import tarfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from agentos_runtime.storage.sqlite.files import PrivateDatabase
from agentos_runtime.waiting import tables
from tests.cli.console import Console
from tests.docs.test_architecture import STATE
from tests.limits.support import limited_house, priced
from tests.state.old_home import make_old_home

CONFIG = """\
token = "config-token"
[limits.default]
cost_per_day = 1.0
[idempotency]
enabled = true
"""
SKILL = "---\nid: mine\nname: Mine\ndescription: Mine\n---\n\n# Mine\n"

NOT_KEPT = {"credentials.json", "console.json", "cache", "replies"}
"""Keys go to a file of their own; who was let into the console is let in anew."""


def unpack(archive: Path, home: Path) -> Path:
    home.mkdir(mode=0o700)
    subprocess.run(["tar", "-xf", archive, "-C", home], check=True)
    return home


@pytest.fixture
def console(tmp_path: Path) -> Console:
    make_old_home(tmp_path / "home")
    PrivateDatabase(tmp_path / "home" / "waiting.db", tables.SCHEMA).open().close()
    (tmp_path / "home" / "config.toml").write_text(CONFIG)
    folder = tmp_path / "home" / "skills" / "mine"
    folder.mkdir(parents=True)
    (folder / "readme.md").write_text(SKILL)
    (folder / "credentials.md").symlink_to(tmp_path / "home" / "credentials.json")
    os.mkfifo(folder / "pipe")
    return Console(tmp_path / "home", tmp_path / "skills")


def test_it_holds_everything_but_the_keys_and_only_its_owner_may_read_it(tmp_path: Path, console: Console) -> None:
    target = tmp_path / "backup.tar"
    told = console.run("backup", target, "--json").json
    with tarfile.open(target) as archive:
        held = {entry.name: entry for entry in archive}
    kept = {f"skills{each}" for each in ("", "/mine", "/mine/readme.md", "/mine/credentials.md")}
    assert held.keys() == (STATE - NOT_KEPT) | kept
    assert held["skills/mine/credentials.md"].issym(), "a link is kept as one, not followed"
    assert {stat.S_IMODE(entry.mode) for name, entry in held.items() if not name.startswith("skills")} == {0o600}
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert set(told["files"]) == STATE - NOT_KEPT
    assert told["skills"] == ["skills/mine/credentials.md", "skills/mine/readme.md"]
    assert told["outside"] == {"skills/mine/credentials.md": str(tmp_path / "home" / "credentials.json")}
    assert (told["file"], told["bytes"], told["credentials"]) == (str(target), target.stat().st_size, None)
    assert {path.name for path in tmp_path.iterdir()} <= {"home", "skills", "backup.tar"}


def test_keys_go_to_a_file_of_their_own_when_they_are_asked_for(tmp_path: Path, console: Console) -> None:
    keys = tmp_path / "keys.json"
    done = console.run("backup", tmp_path / "b.tgz", "--credentials", keys)
    assert done.code == 0, done
    assert keys.read_bytes() == (tmp_path / "home" / "credentials.json").read_bytes()
    assert stat.S_IMODE(keys.stat().st_mode) == 0o600
    assert "config.toml is in it with token: keep it as you keep a key" in done.out
    with tarfile.open(tmp_path / "b.tgz", "r:gz") as archive:
        assert "credentials.json" not in archive.getnames()


def test_every_secret_of_the_settings_that_is_in_it_is_named(tmp_path: Path, console: Console) -> None:
    names = ("agent_token", "master_key", "operator_token", "proxy", "token")
    values = ("agentos_1", "k1:YWFh", "op", "http://127.0.0.1:1", "config-token")
    lines = [f'{name} = "{value}"\n' for name, value in zip(names, values, strict=True)]
    (tmp_path / "home" / "config.toml").write_text("".join(lines))
    done = console.run("backup", tmp_path / "b.tar", AGENTOS_TOKEN="another-one")
    assert f"config.toml is in it with {' and '.join(names)}: keep it as you keep a key" in done.out, done


def test_links_to_skills_that_lie_elsewhere_are_named_since_they_are_not_in_it(
    tmp_path: Path, console: Console
) -> None:
    skills = tmp_path / "home" / "skills"
    (skills / "beside").symlink_to("mine")
    (skills / "other").symlink_to("../../other")
    done = console.run("backup", tmp_path / "one.tar")
    assert "waiting.db, agentos.lock, agents.json, config.toml, 2 files of skills." in done.out
    assert "skills/other is a link to ../../other, which is not in it: back that up, too." in done.out
    assert "beside" not in done.out
    elsewhere = skills.rename(tmp_path / "elsewhere")
    skills.symlink_to(elsewhere)
    done = console.run("backup", tmp_path / "two.tar")
    assert f"skills is a link to {elsewhere}, which is not in it" in done.out
    assert "of skills" not in done.out


def test_a_disk_that_is_full_is_the_one_that_the_backup_goes_to(tmp_path: Path, console: Console) -> None:
    with closing(sqlite3.connect(tmp_path / "home" / "activity.db")) as ledger:
        ledger.execute("CREATE TABLE padding AS SELECT randomblob(200000) AS bytes")
        ledger.commit()
    script = f"""
import resource, sys
from agentos_runtime.cli.main import run
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))  # beyond what lies beside a database
run(["backup", {str(tmp_path / "b.tar")!r}], {{"AGENTOS_HOME": {str(console.home)!r}}})
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stderr.startswith("error: the copy of activity.db could not be written: "), done.stderr
    assert "make room on the disk that it goes to" in done.stderr
    assert {path.name for path in tmp_path.iterdir()} <= {"home", "skills"}


@pytest.mark.parametrize("there", ["a file", "a folder", "a link to nowhere"])
def test_what_is_there_is_not_overwritten(tmp_path: Path, console: Console, there: str) -> None:
    target = tmp_path / "backup.tar"
    makers: dict[str, Callable[[], object]] = {
        "a file": lambda: target.write_text("precious"),
        "a folder": target.mkdir,
        "a link to nowhere": lambda: target.symlink_to(tmp_path / "nowhere"),
    }
    makers[there]()
    done = console.run("backup", target)
    assert (done.code, done.err) == (1, f"error: {target} is there already and stays as it is: name another file\n")
    assert console.run("backup", tmp_path / "other.tar", "--credentials", target).code == 1
    assert target.is_dir() or target.is_symlink() or target.read_text() == "precious"


def test_a_target_that_cannot_be_written_is_a_sentence_and_leaves_nothing(tmp_path: Path, console: Console) -> None:
    done = console.run("backup", tmp_path / "missing" / "b.tar")
    assert (done.code, done.err) == (1, f"error: {tmp_path}/missing is no folder: make it, or name another file\n")
    done = console.run("backup", Path("/proc/b.tar"))
    assert (done.code, "/proc/b.tar could not be written" in done.err) == (1, True)
    done = console.run("backup", tmp_path / "home" / "skills" / "b.tar")
    assert (done.code, "lies in the folder of skills, which is part of the backup" in done.err) == (1, True)
    nothing = Console(tmp_path / "nothing", tmp_path / "skills").run("backup", tmp_path / "b.tar")
    assert (nothing.code, "There is nothing to back up" in nothing.err) == (1, True)
    assert {path.name for path in tmp_path.iterdir()} <= {"home", "skills"}


def test_a_home_unpacked_from_a_backup_of_a_running_server_goes_on_where_it_was(tmp_path: Path) -> None:
    on = {"idempotency": {"enabled": True}, "limits": {"default": {"cost_per_day": 0.5}}}
    target = tmp_path / "backup.tar.gz"
    with limited_house(tmp_path, priced(0.25), **on) as (house, toy):
        first = house.call("toy", "ask", {"text": "x"}, Idempotency_Key="k1")
        done = Console(house.home, tmp_path / "none").run("backup", target)
        assert done.code == 0, done
        house.call("toy", "ask", Idempotency_Key="later")
        assert len(toy.requests) == 2
    restored = tmp_path / "restored"
    restored.mkdir()
    unpack(target, restored / "home")
    with limited_house(restored, priced(0.25), **on) as (house, toy):
        assert len(house.rows()) == 1
        again = house.call("toy", "ask", {"text": "x"}, Idempotency_Key="k1")
        assert (again.content, again.headers["idempotency-replayed"]) == (first.content, "true")
        assert house.call("toy", "ask").status_code == 200
        assert house.call("toy", "ask").json()["code"] == "budget_exceeded"
        assert len(toy.requests) == 1
