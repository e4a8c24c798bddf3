"""One class opens every SQLite file: never beside SQLite, and nothing that is no file of its own or is newer."""

import asyncio
import contextlib
import json
import os
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agentos_runtime.config.settings import Settings
from agentos_runtime.limits import tables as limits
from agentos_runtime.limits.idempotency import store as idempotency
from agentos_runtime.runtime.home.backup import databases_of
from agentos_runtime.storage.activity import database as activity
from agentos_runtime.storage.activity.ledger import Ledger
from agentos_runtime.storage.activity.queries import ActivityReader
from agentos_runtime.storage.activity.rows import Closing
from agentos_runtime.storage.private_files import PrivateFileError
from agentos_runtime.storage.sqlite.files import (
    FAILURES,
    DatabaseTrouble,
    PrivateDatabase,
    Schema,
    copy_of_one_moment,
)
from agentos_runtime.storage.sqlite.shared import SharedDatabase
from tests.cli.console import Console
from tests.programs import Program
from tests.state.old_home import PAGE_SIZES, TEXTS, make_old_home
from tests.state.test_private_files import umask

SCHEMA = Schema(("CREATE TABLE note (text TEXT NOT NULL) STRICT;",))
SCHEMAS = {"activity.db": activity.SCHEMA, "limits.db": limits.SCHEMA, "idempotency.db": idempotency.SCHEMA}
ROOT = Path(__file__).parents[2]


def note(text: str) -> Callable[[sqlite3.Connection], None]:
    def work(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO note VALUES (?)", (text,))

    return work


def notes(file: Path) -> list[str]:
    with contextlib.closing(sqlite3.connect(file)) as connection:
        return [text for (text,) in connection.execute("SELECT text FROM note ORDER BY rowid")]


# ------------------------------------------------------------------ never beside SQLite

VISITOR = """
import asyncio, os, sys
from pathlib import Path
opened = []
def watch(event, args):
    if event == "open" and str(args[0]).startswith(f"{sys.argv[1]}/") and ".db" in str(args[0]):
        if "-owner-" not in str(args[0]) and not args[2] & os.O_EXCL:
            opened.append(args[0])
sys.addaudithook(watch)
from agentos_runtime.cli.main import run
environ = {"PATH": os.environ["PATH"], "HOME": sys.argv[1], "AGENTOS_HOME": sys.argv[1], "AGENTOS_PORT": "1"}
for command in sys.argv[2:]:
    run(command.split(), environ)
print("opened:", opened)
"""


@pytest.mark.slow
def test_no_command_opens_a_database_but_through_sqlite(tmp_path: Path) -> None:
    """Python tells each file that it opens; SQLite opens its own by itself."""
    home = tmp_path / "home"
    make_old_home(home)
    (home / "config.toml").write_text("[limits.total]\ntokens_per_day = 5\n[idempotency]\nenabled = true\n")
    commands = ("list", "call open-meteo nothing", "activity", "usage", "agents list", "doctor")
    more = (f"backup {tmp_path / 'backup.tar'}", "activity prune --older-than 1s", "call open-meteo nothing")
    visitor = [sys.executable, "-c", VISITOR, str(home), *commands, *more]
    done = subprocess.run(visitor, capture_output=True, text=True, timeout=250, cwd=ROOT)
    assert done.stdout.splitlines()[-1] == "opened: []", done
    assert (tmp_path / "backup.tar").exists()


HOLDER = """
import asyncio, sys
from pathlib import Path
from tests.state.test_databases import SCHEMA, SharedDatabase, note
async def main():
    database = SharedDatabase(Path(sys.argv[1]), SCHEMA)
    await database.run(note("first"))
    print("held", flush=True)
    for line in sys.stdin:
        await database.run(note(line.strip()))
        print("written", flush=True)
    database.close()
asyncio.run(main())
"""


@contextlib.contextmanager
def holding(file: Path) -> Iterator["subprocess.Popen[str]"]:
    """A process that has the file open and writes what it is told."""
    pipe = subprocess.PIPE
    with Program(
        [sys.executable, "-c", HOLDER, str(file)], stdin=pipe, stdout=pipe, text=True, cwd=ROOT
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def tell(process: "subprocess.Popen[str]", text: str) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{text}\n")
    process.stdin.flush()
    assert process.stdout.readline() == "written\n"


def deleted_files(pid: int) -> list[str]:
    """Files that the process holds and that are no longer there."""
    links = [os.readlink(each) for each in Path(f"/proc/{pid}/fd").iterdir() if each.is_symlink()]
    return [link for link in links if link.endswith("(deleted)") and ".db" in link]


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells which files a process holds")
def test_who_closes_the_file_never_takes_it_from_under_another_process(tmp_path: Path) -> None:
    file = tmp_path / "notes.db"

    async def visit(text: str) -> None:
        database = SharedDatabase(file, SCHEMA)
        await database.run(note(text))
        await database.run(note(text))
        database.close()

    with holding(file) as holder:
        for number in range(5):
            asyncio.run(visit(f"visit {number}"))
            tell(holder, f"held {number}")
            assert deleted_files(holder.pid) == []
        holder.kill()
        holder.wait()
    expected = [["first"], *([f"visit {number}"] * 2 + [f"held {number}"] for number in range(5))]
    assert notes(file) == [text for group in expected for text in group]


def test_threads_that_make_one_file_at_once_all_keep_their_rows(tmp_path: Path) -> None:
    file = tmp_path / "notes.db"
    start = threading.Barrier(8)

    def write(number: int) -> None:
        async def work() -> None:
            database = SharedDatabase(file, SCHEMA)
            await database.run(note(str(number)))
            database.close()

        start.wait()
        asyncio.run(work())

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(notes(file)) == [str(number) for number in range(8)]


def test_another_file_in_its_place_is_opened_and_the_old_one_let_go(tmp_path: Path) -> None:
    file = tmp_path / "notes.db"

    def move_away() -> None:
        for path in tmp_path.glob("notes.db*"):
            path.rename(tmp_path / f"old-{path.name}")

    async def work() -> None:
        database = SharedDatabase(file, SCHEMA)
        await database.run(note("one"))
        move_away()
        await database.run(note("two"))
        await database.run_in_thread(note("three"))
        assert deleted_files(os.getpid()) == [] if sys.platform == "linux" else True
        database.close()

    asyncio.run(work())
    assert (notes(tmp_path / "old-notes.db"), notes(file)) == (["one"], ["two", "three"])


def test_a_row_whose_ledger_was_moved_away_is_written_whole_into_the_new_one(tmp_path: Path) -> None:
    file = tmp_path / "activity.db"

    async def call(ledger: Ledger, name: str, between: Callable[[], object] = lambda: None) -> None:
        entry = await ledger.start(request_id=name, agent="a", skill="s", utility="u")
        between()
        await ledger.finish(entry, Closing(outcome="ok", input_tokens=7))

    async def work() -> None:
        with Ledger(file) as ledger:
            await call(ledger, "before")
            await call(ledger, "across", lambda: [each.rename(tmp_path / "old") for each in files()])
            await call(ledger, "after")

    def files() -> list[Path]:
        return [each for each in tmp_path.iterdir() if each.name == "activity.db"]

    asyncio.run(work())
    found: Any = asyncio.run(ActivityReader(file).rows({}))["rows"]
    assert [(row["request_id"], row["outcome"]) for row in found] == [("after", "ok"), ("across", "ok")]


# ------------------------------------------------------------------ what is opened at all


@pytest.mark.parametrize("kind", ["folder", "link", "pipe", "second name"])
@pytest.mark.parametrize("use", [PrivateDatabase.open, PrivateDatabase.read])
def test_what_is_no_file_of_its_own_is_refused_in_a_sentence(
    tmp_path: Path, kind: str, use: Callable[[PrivateDatabase], object]
) -> None:
    file, other = tmp_path / "notes.db", tmp_path / "other"
    PrivateDatabase(other, SCHEMA).open().close()
    before = other.read_bytes()
    makers: dict[str, Callable[[], object]] = {
        "folder": file.mkdir,
        "link": lambda: file.symlink_to(other),
        "pipe": lambda: os.mkfifo(file),
        "second name": lambda: file.hardlink_to(other),
    }
    makers[kind]()
    with pytest.raises(PrivateFileError, match=r"notes\.db (is not a regular file but|has a second name).*: \w+"):
        use(PrivateDatabase(file, SCHEMA))
    assert other.read_bytes() == before


def test_a_file_that_is_wider_is_narrowed_with_what_stands_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "home" / "notes.db"
    with umask(0):
        database = PrivateDatabase(file, SCHEMA)
        with contextlib.closing(database.open()) as connection:
            note("x")(connection)
            paths = [*file.parent.iterdir()]
            assert len(paths) == 3
            assert {stat.S_IMODE(path.stat().st_mode) for path in paths} == {0o600}
            for path in paths:
                path.chmod(0o644)
            database.open().close()
            assert {stat.S_IMODE(path.stat().st_mode) for path in paths} == {0o600}


def test_trouble_names_the_file_and_what_to_do(tmp_path: Path) -> None:
    file = tmp_path / "notes.db"
    file.write_bytes(b"no database" * 100)
    file.chmod(0o600)
    database = PrivateDatabase(file, SCHEMA)
    with pytest.raises(sqlite3.DatabaseError) as raised:
        database.open()
    assert str(database.trouble(raised.value)) == (
        f"{file} cannot be used: file is not a database: move it away together with its -wal file, or put a backup "
        "in its place"
    )
    beyond = PrivateDatabase(tmp_path / "notes.db" / "deeper" / "x.db", SCHEMA)
    with pytest.raises(FAILURES) as said:
        beyond.open()
    assert str(beyond.trouble(said.value)).startswith("the folder ")


# ------------------------------------------------------------------ versions


def test_a_home_of_the_first_version_opens_and_is_brought_up_to_date(tmp_path: Path) -> None:
    make_old_home(tmp_path)
    for name, schema in SCHEMAS.items():
        database = PrivateDatabase(tmp_path / name, schema)
        with contextlib.closing(database.open()) as connection:
            assert connection.execute("PRAGMA user_version").fetchone() == (schema.version,)
            assert connection.execute("PRAGMA page_size").fetchone() == (PAGE_SIZES[name],)
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            made = {
                row[1:3]
                for table in tables(connection)
                for row in connection.execute(f"PRAGMA table_info({table})")
            }
        with contextlib.closing(PrivateDatabase(tmp_path / "new" / name, schema).open()) as connection:
            fresh = {
                row[1:3]
                for table in tables(connection)
                for row in connection.execute(f"PRAGMA table_info({table})")
            }
        assert made == fresh
    found: Any = asyncio.run(ActivityReader(tmp_path / "activity.db").rows({}))["rows"]
    assert [(row["request_id"], row["outcome"]) for row in found] == [("old-2", "started"), ("old-1", "ok")]
    console = Console(tmp_path, tmp_path / "skills")
    assert [console.run(*words.split()).code for words in ("activity", "usage", "agents list", "keys list")] == [
        0
    ] * 4
    with Ledger(tmp_path / "activity.db"):
        pass
    assert "interrupted" in console.run("activity").out


def tables(connection: sqlite3.Connection) -> list[str]:
    found = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
    return [name for (name,) in found]


def test_a_reader_brings_an_old_file_up_to_date_first(tmp_path: Path) -> None:
    make_old_home(tmp_path)
    reader = PrivateDatabase(tmp_path / "limits.db", limits.SCHEMA).read()
    assert reader is not None
    with contextlib.closing(reader):
        assert reader.execute("SELECT row FROM slot").fetchall() == [(None,)]
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            reader.execute("DELETE FROM slot")


def test_a_step_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "notes.db"
    PrivateDatabase(file, SCHEMA).open().close()
    broken = Schema((*SCHEMA.steps, "ALTER TABLE note ADD COLUMN at REAL; ALTER TABLE nothing ADD COLUMN x REAL;"))
    with pytest.raises(sqlite3.OperationalError):
        PrivateDatabase(file, broken).open()
    with contextlib.closing(PrivateDatabase(file, SCHEMA).open()) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
        assert [row[1] for row in connection.execute("PRAGMA table_info(note)")] == ["text"]


def test_processes_that_bring_one_file_up_to_date_at_once_do_it_once(tmp_path: Path) -> None:
    make_old_home(tmp_path)
    start = threading.Barrier(6)
    failures: list[Exception] = []

    def bring() -> None:
        start.wait()
        try:
            PrivateDatabase(tmp_path / "limits.db", limits.SCHEMA).open().close()
        except FAILURES as error:
            failures.append(error)

    threads = [threading.Thread(target=bring) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_database_of_a_newer_version_is_refused_by_everything_that_reads_it(tmp_path: Path, name: str) -> None:
    make_old_home(tmp_path)
    (tmp_path / "config.toml").write_text("[limits.total]\ntokens_per_day = 5\n[idempotency]\nenabled = true\n")
    with contextlib.closing(sqlite3.connect(tmp_path / name)) as connection:
        connection.execute("PRAGMA user_version = 99")
    console = Console(tmp_path, tmp_path / "skills")
    readers = {"activity.db": ["activity", "usage"], "limits.db": ["agents list"], "idempotency.db": []}
    for command in (*readers[name], "serve", f"backup {tmp_path}/x.tar", "call open-meteo nothing"):
        done = console.run(*command.split())
        assert done.code == 1, (command, done)
        said = f"{name} was written by a newer agentos-runtime (version 99 of the file, this one knows "
        assert said in done.err, (command, done)
        assert "update agentos-runtime, or move the file away" in done.err


@pytest.mark.parametrize(("name", "known"), [("agents.json", 2), ("credentials.json", 1)])
def test_a_text_of_a_newer_version_is_refused_and_left_as_it_is(tmp_path: Path, name: str, known: int) -> None:
    make_old_home(tmp_path)
    newer = json.dumps({**TEXTS[name], "version": known + 1})
    (tmp_path / name).write_text(newer)
    console = Console(tmp_path, tmp_path / "skills", {"OPENROUTER_API_KEY": "sk-x"})
    changes = {"agents.json": ("agents", "add", "x"), "credentials.json": ("keys", "remove", "open-meteo")}
    for command in ((name.partition(".")[0].replace("credentials", "keys"), "list"), changes[name]):
        done = console.run(*command)
        said = f"{name} was written by a newer agentos-runtime (version {known + 1} of the file, this one knows "
        assert (done.code, said in done.err) == (1, True), done
    assert (tmp_path / name).read_text() == newer


# ------------------------------------------------------------------ copies


def test_copies_are_of_one_moment_while_others_write(tmp_path: Path) -> None:
    """A writer that adds to the one file, then to the other: no copy has the second without the first."""
    home, stop = tmp_path / "home", threading.Event()
    one, two = (PrivateDatabase(home / name, SCHEMA) for name in ("one.db", "two.db"))

    def write() -> None:
        with contextlib.closing(one.open()) as first, contextlib.closing(two.open()) as second:
            for number in range(1_000_000):
                if stop.is_set():
                    return
                note(str(number))(first)
                note(str(number))(second)

    one.open().close()
    two.open().close()
    thread = threading.Thread(target=write)
    thread.start()
    try:
        for number in range(60):
            folder = tmp_path / str(number)
            folder.mkdir()
            assert copy_of_one_moment({"two.db": two, "one.db": one}, folder) == ("two.db", "one.db")
            ahead = len(notes(folder / "one.db")) - len(notes(folder / "two.db"))
            assert ahead in (0, 1)
            assert stat.S_IMODE((folder / "one.db").stat().st_mode) == 0o600
    finally:
        stop.set()
        thread.join()


def test_what_is_not_there_is_not_copied_and_not_made(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert copy_of_one_moment(databases_of(Settings(home=home)), tmp_path) == ()
    assert not home.exists()


def test_a_file_that_cannot_be_copied_is_named(tmp_path: Path) -> None:
    (tmp_path / "limits.db").mkdir()
    with pytest.raises(DatabaseTrouble, match=r"limits\.db is not a regular file but a folder"):
        copy_of_one_moment(databases_of(Settings(home=tmp_path)), tmp_path / "copies")
