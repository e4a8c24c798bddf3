"""Tables and functions come by migrations alone, and a server says at its start what is not right with them."""

import contextlib
import io
import json
import secrets
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from agentos_runtime.config.settings import Settings
from agentos_runtime.storage.postgres.driver import Address
from agentos_runtime.storage.postgres.schema import WrongSchema, check, migrate, migrations, status
from agentos_runtime.storage.postgres.side import SideConnection
from agentos_runtime.storage.sqlite.files import DatabaseTrouble
from tests.cli.console import SCRIPT, Console
from tests.clients import NO_TLS
from tests.end_to_end.house import House
from tests.limits.support import KEY, ORIGIN, priced, write_skill
from tests.security.mutants import make_environment
from tests.security.support import until
from tests.stores.databases import PROGRAMS, ask, made, missing
from tests.stores.test_replicas import BEARER, OPERATOR, limit, replica
from tests.stores.test_sealed import K1
from tests.toy.raw import Toy

ROOT = Path(__file__).parents[2]
SHIPPED = ("agentos_runtime", "schemas", "skills")
"""What a wheel is made of."""


@pytest.mark.postgres
def test_those_who_migrate_at_once_do_it_once(postgres: str) -> None:
    with made(postgres, migrated=False) as address, ThreadPoolExecutor(4) as threads:

        def one(_: int) -> tuple[str, ...]:
            with closing(SideConnection(Address(address))) as side:
                return migrate(side)

        applied = [name for names in threads.map(one, range(4)) for name in names]
        assert sorted(applied) == [each.name for each in migrations()]
        assert ask(address, "SELECT count(*) FROM migration") == [(len(migrations()),)]


@pytest.mark.postgres
def test_a_database_comes_up_to_date_from_every_version(postgres: str) -> None:
    known = migrations()
    with made(postgres, migrated=False) as address, closing(SideConnection(Address(address))) as side:
        for number in range(1, len(known)):
            migrate(side, known[:number], partitions=False)
            with pytest.raises(WrongSchema, match=f"lacks {known[number].name}.*agentos database migrate"):
                check(side)
        migrate(side)
        check(side)
        assert status(side).pending == ()


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("UPDATE migration SET sha256 = 'x' WHERE number = 2", "with another text than this program has"),
        ("INSERT INTO migration VALUES (999, '0999_later', 'x', '9.0')", "migrated by a newer agentos"),
    ],
)
def test_a_changed_or_newer_database_is_refused(database: str, change: str, said: str) -> None:
    ask(database, change)
    with closing(SideConnection(Address(database))) as side, pytest.raises(WrongSchema, match=said):
        check(side)


@pytest.mark.postgres
def test_while_servers_are_replaced_the_old_program_works_with_the_new_database(
    database: str, console: Console
) -> None:
    """Migrated first, then replaced one by one: a server of before may have to start in between."""
    with closing(SideConnection(Address(database))) as side:
        check(side, migrations()[:4])  # as a program that knows nothing of the later ones
        newest = migrations()[-1].number
        later = "INSERT INTO migration (number, name, sha256, version, works_from) VALUES"
        ask(database, f"{later} (998, '0998_later', 'x', '9', ?)", newest)
        check(side)
        with console.serving(AGENTOS_DATABASE=database):
            pass
        assert console.run("database", "migrate", AGENTOS_DATABASE=database).code == 0
        told = console.run("database", "status", "--json", AGENTOS_DATABASE=database)
        assert (told.code, told.json["newer"]) == (0, ["0998_later"])
        ask(database, "UPDATE migration SET works_from = 998 WHERE number = 998")
        with pytest.raises(WrongSchema, match="migrated by a newer agentos"):
            check(side)


def program_before(folder: Path) -> tuple[str, ...]:
    """The command line of this program as it was before its newest migration."""
    newest = f"agentos_runtime/storage/postgres/sql/{migrations()[-1].name}.sql"
    added = _git("log", "--diff-filter=A", "--format=%H", "-1", "--", newest).decode().strip()
    if not added:
        pytest.skip("there is no history in which the newest migration was added")
    with tarfile.open(fileobj=io.BytesIO(_git("archive", f"{added}^", *SHIPPED))) as archive:
        archive.extractall(folder, filter="data")
    return (str(make_environment(folder)), *SCRIPT[1:])


def _git(*arguments: str) -> bytes:
    git = shutil.which("git")
    done = subprocess.run([git, *arguments], cwd=ROOT, capture_output=True) if git else None
    return done.stdout if done is not None and done.returncode == 0 else b""


@contextlib.contextmanager
def served_by(program: tuple[str, ...], console: Console, **environ: str) -> Iterator[httpx.Client]:
    command, given = [*program, "serve", "--json", "--port", "0"], console.environ | environ
    with subprocess.Popen(command, cwd="/", env=given, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = json.loads(process.stdout.readline())["url"]
            with httpx.Client(base_url=url, timeout=30, trust_env=False, verify=NO_TLS) as client:
                yield client
        finally:
            process.terminate()


@pytest.mark.postgres
@pytest.mark.slow
def test_the_program_of_before_the_newest_migration_serves_beside_this_one(
    tmp_path: Path, database: str, console: Console
) -> None:
    limit(database, agents={"few": {"calls_per_minute": 4, "cost_per_day": 100.0}})
    before = program_before(tmp_path / "before")
    write_skill(console.skills, ORIGIN)
    console.home.mkdir(mode=0o700)
    (console.home / "config.toml").write_text("[idempotency]\nenabled = true\n")
    console.environ |= {"AGENTOS_DATABASE": database, "AGENTOS_MASTER_KEY": K1, "AGENTOS_OPERATOR_TOKEN": OPERATOR}
    command = [*before, "database", "status", "--json"]
    status = subprocess.run(command, cwd="/", env=console.environ, capture_output=True)
    assert json.loads(status.stdout)["newer"] == [migrations()[-1].name]
    with (
        Toy(priced(0.25)) as toy,
        replica(tmp_path / "new", database, toy, idempotency={"enabled": True}, master_key=K1) as new,
        served_by(before, console, AGENTOS_REWRITE=f"{ORIGIN}={toy.origin}", TOY_API_KEY=KEY) as client,
    ):
        both = new, House(new.server, client, console.home, console.skills)
        few = [each.call("toy", "ask", X_Agent="few").status_code for each in (*both, *both, *both)]
        assert few == [200] * 4 + [429] * 2
        for number, (first, second) in enumerate((both, both[::-1])):
            made, again = (each.call("toy", "ask", Idempotency_Key=f"key-{number}") for each in (first, second))
            assert (again.headers["idempotency-replayed"], again.content) == ("true", made.content)
        rows = [each.client.get("/api/activity", headers=BEARER).json()["rows"] for each in both]
        assert [row["id"] for row in rows[0]] == [row["id"] for row in rows[1]]
        assert len(rows[0]) == 10
    assert ask(database, "SELECT cost_day, running FROM subject WHERE name = 'few'") == [(1_000_000_000, 0)]
    assert ask(database, "SELECT count(*) FROM open_call") == [(0,)]


GRANTS = (
    "GRANT USAGE ON SCHEMA agentos TO {role}",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA agentos TO {role}",
    "GRANT USAGE ON ALL SEQUENCES IN SCHEMA agentos TO {role}",
)


@pytest.mark.postgres
def test_servers_need_no_right_to_change_tables(tmp_path: Path, database: str) -> None:
    role = f"agentos_test_{secrets.token_hex(6)}"
    ask(database, f"CREATE ROLE {role} LOGIN")
    try:
        for grant in GRANTS:
            ask(database, grant.format(role=role))
        week = ask(database, "SELECT max(relname) FROM pg_class WHERE relname ~ '^ended_[0-9]{8}$'")[0][0]
        ask(database, f"DROP TABLE {week}")
        ask(database, "INSERT INTO replica (slot, name, version, began, beat) VALUES (9, 'dead', '1', 0, 0)")
        address = f"{database}{'&' if '?' in database else '?'}user={role}"
        kept: Any = {"idempotency": {"enabled": True, "plain": True}, "activity": {"keep": "8d"}}
        with Toy(priced(0.25)) as toy, replica(tmp_path, address, toy, **kept) as house:
            made_once = [house.call("toy", "ask", Idempotency_Key="key").content for _ in range(2)]
            assert made_once[0] == made_once[1]
            assert len(toy.requests) == 1
            assert until(lambda: ask(database, "SELECT gone > 0 FROM replica WHERE name = 'dead'") == [(True,)])
            assert house.client.post("/api/operator/agents", json={"agent": "a"}, headers=BEARER).status_code == 200
        assert ask(database, f"SELECT to_regclass('agentos.{week}') IS NOT NULL") == [(True,)]
        with pytest.raises(DatabaseTrouble, match=r"permission denied|must be owner"):
            ask(address, "CREATE TABLE agentos.more (one integer)")
    finally:
        ask(database, f"DROP OWNED BY {role}")
        ask(database, f"DROP ROLE {role}")


@pytest.mark.postgres
def test_a_database_that_was_dumped_and_restored_serves_with_all_that_it_held(
    tmp_path: Path, postgres: str, database: str
) -> None:
    """As docs/database.md says it is done."""
    limit(database, agents={"few": {"calls_per_minute": 1000, "cost_per_day": 0.6}})
    file = tmp_path / "agentos.dump"
    with Toy(priced(0.25)) as toy, made(postgres, migrated=False) as other:
        with replica(tmp_path / "before", database, toy) as house:
            assert [house.call("toy", "ask", X_Agent="few").status_code for _ in range(2)] == [200, 200]
            shown = house.client.get("/api/activity", headers=BEARER).json()["rows"]
            _run("pg_dump", "--format=custom", "--schema=agentos", f"--file={file}", f"--dbname={database}")
        _run("pg_restore", "--exit-on-error", f"--dbname={other}", file)
        with replica(tmp_path / "after", other, toy) as house:
            assert house.client.get("/api/activity", headers=BEARER).json()["rows"] == shown
            told = [house.call("toy", "ask", X_Agent="few").status_code for _ in range(2)]
            assert told == [200, 402]


def _run(program: str, *arguments: object) -> None:
    path = PROGRAMS / program
    if not path.exists():
        missing(f"{path} is not there")
    subprocess.run([path, *map(str, arguments)], check=True, timeout=60)


def test_migrations_after_the_first_say_from_which_on_programs_work_with_them() -> None:
    known = migrations()
    assert [each.name for each in known if each.number > 4 and each.works_from == each.number] == []


@pytest.mark.postgres
def test_a_server_does_not_start_over_a_database_that_was_not_migrated(postgres: str, console: Console) -> None:
    with made(postgres, migrated=False) as address:
        refused = console.run("serve", "--only-skills", "--port", "0", AGENTOS_DATABASE=address)
        assert refused.code == 2
        assert "run agentos database migrate" in refused.err.replace("\n", " ")


def test_limits_in_a_file_are_not_passed_over_where_the_database_has_them(console: Console) -> None:
    console.home.mkdir(mode=0o700)
    (console.home / "config.toml").write_text("[limits.default]\ncalls_per_minute = 1\n", encoding="utf-8")
    nowhere = "postgresql://nobody@127.0.0.1:1/none"
    refused = console.run("serve", "--only-skills", "--port", "0", AGENTOS_DATABASE=nowhere)
    assert refused.code == 2
    assert "agentos database limits" in refused.err.replace("\n", " ")


def test_the_address_of_the_database_is_shown_nowhere(console: Console) -> None:
    secret = "canary-of-the-database"
    address = f"postgresql://agentos:{secret}@127.0.0.1:1/none"
    for command in (("database", "status"), ("database", "migrate"), ("agents", "list"), ("doctor",)):
        console.run(*command, AGENTOS_DATABASE=address)
    assert console.seen
    assert not [text for text in console.seen if secret in text]
    assert secret not in repr(Settings.from_environ({"AGENTOS_DATABASE": address, "AGENTOS_HOME": "/nonexistent"}))


def test_without_a_database_nothing_of_it_is_imported() -> None:
    program = (
        "import sys, asyncio, agentos_runtime.bootstrap, agentos_runtime.server.server, agentos_runtime.cli.serve\n"
        "print([name for name in sys.modules if 'asyncpg' in name or 'postgres' in name or 'cryptography' in name])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.postgres
def test_commands_show_what_the_database_holds(database: str, console: Console, tmp_path: Path) -> None:
    limits = tmp_path / "limits.toml"
    limits.write_text("[limits.agents.bot]\ncost_per_week = 5.0\n", encoding="utf-8")
    assert console.run("database", "limits", limits, AGENTOS_DATABASE=database).code == 0
    number = "(moment() - 1767225600000) << 12"
    nulls = ", ".join(["null"] * 10)
    row = f"jsonb_build_array({number}, 'r', 'bot', 'toy', 'ask', 'ok', {nulls}, 1.25, null, 0, 1250000000, false)"
    ask(database, f"SELECT settle_v1(1, jsonb_build_array({row}))")
    assert console.run("activity", "--json", AGENTOS_DATABASE=database).json["rows"][0]["cost"] == 1.25
    assert console.run("usage", "--json", AGENTOS_DATABASE=database).json["rows"][0]["agent"] == "bot"
    listed = console.run("agents", "list", "--json", AGENTOS_DATABASE=database).json["agents"][0]
    assert (listed["agent"], listed["limits"][0]["used"]) == ("bot", 1.25)
    added = console.run("agents", "add", "bot", "--json", AGENTOS_DATABASE=database)
    assert added.code == 0
    assert ask(database, "SELECT name FROM document ORDER BY name") == [("agents.json",), ("limits",)]
    assert not (console.home / "agents.json").exists()
