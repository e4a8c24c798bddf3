"""A PostgreSQL for tests: the one that is named, or that runs here, with a database of the test's own in it."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest

from agentos_runtime.storage.postgres.driver import Address
from agentos_runtime.storage.postgres.schema import migrate
from agentos_runtime.storage.postgres.side import SideConnection
from agentos_runtime.storage.sqlite.files import DatabaseAway, DatabaseTrouble

USUAL = "postgresql:///postgres?host=127.0.0.1"
PROGRAMS = Path("/usr/lib/postgresql/15/bin")


def server() -> str:
    """The address of a server. Skips where there is none; fails where there has to be one."""
    named = os.environ.get("AGENTOS_TEST_DATABASE")
    address = named or USUAL
    with closing(SideConnection(Address(address))) as side:
        try:
            side.execute("SELECT 1", within=1.0)
        except DatabaseTrouble as error:
            missing(f"no PostgreSQL answers at {'AGENTOS_TEST_DATABASE' if named else USUAL}: {error}")
    return address


def missing(why: str) -> None:
    if os.environ.get("AGENTOS_TEST_REQUIRE") == "postgres":
        pytest.fail(f"{why}; AGENTOS_TEST_REQUIRE=postgres wants one")
    pytest.skip(f"{why}. Start one, or name it in AGENTOS_TEST_DATABASE")


@contextmanager
def made(address: str, *, migrated: bool = True) -> Iterator[str]:
    """The address of a new database, which is dropped at the end."""
    name = f"agentos_test_{secrets.token_hex(6)}"
    with closing(SideConnection(Address(address))) as side:
        side.script(f"CREATE DATABASE {name}")
        own = at(address, name)
        try:
            if migrated:
                with closing(SideConnection(Address(own))) as inside:
                    migrate(inside)
            yield own
        finally:
            with suppress(DatabaseAway):  # a server that a test has crashed takes it along
                side.script(f"DROP DATABASE {name} WITH (FORCE)")


def at(address: str, name: str) -> str:
    """The same server's database of another name."""
    parts = urlsplit(address)
    changed = urlunsplit(parts._replace(path=f"/{name}"))
    return changed if parts.netloc else changed.replace("postgresql:/", "postgresql:///", 1)


def ask(address: str, sql: str, *values: object) -> list[Any]:
    """One statement on a connection of its own."""
    with closing(SideConnection(Address(address))) as side:
        return side.execute(sql, values).fetchall()


def wipe(address: str) -> None:
    """As it was when it was migrated, but for the limits."""
    tables = "replica, subject, open_call, ended, answer, entry, standing, document"
    with closing(SideConnection(Address(address))) as side:
        side.script(f"TRUNCATE {tables}")


SET_CLOCK = """
CREATE TABLE IF NOT EXISTS test_clock (now bigint NOT NULL);
DELETE FROM test_clock;
CREATE OR REPLACE FUNCTION moment() RETURNS bigint LANGUAGE sql VOLATILE AS $$ SELECT now FROM test_clock $$;
"""
"""The database's clock stands where the test sets it."""


class PrivateServer:
    """A PostgreSQL of the test's own, to be crashed. folder: of nobody but its user."""

    def __init__(self, folder: Path, port: int) -> None:
        self._folder = folder
        self._port = port

    @property
    def address(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self._port}/postgres"

    def start(self) -> None:
        options = f"-p {self._port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self._folder}"
        self._run(
            "pg_ctl",
            "-D",
            str(self._folder / "data"),
            "-o",
            options,
            "-w",
            "-l",
            str(self._folder / "log"),
            "start",
        )

    def crash(self) -> None:
        """As by a kill: what was not on disk is gone."""
        self._run("pg_ctl", "-D", str(self._folder / "data"), "-m", "immediate", "-w", "stop")

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [*USER, str(PROGRAMS / program), *arguments], check=True, stdout=subprocess.DEVNULL, timeout=60
        )


@contextmanager
def frozen(server: PrivateServer) -> Iterator[None]:
    """It takes connections and says nothing, as long as the block runs."""
    first = int((server._folder / "data" / "postmaster.pid").read_text().split()[0])
    pids = [first, *map(int, Path(f"/proc/{first}/task/{first}/children").read_text().split())]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


USER = ("setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups") if os.geteuid() == 0 else ()
"""PostgreSQL refuses to run as root."""


@contextmanager
def private_server() -> Iterator[PrivateServer]:
    if not (PROGRAMS / "initdb").exists():
        missing(f"{PROGRAMS} has no PostgreSQL 15")
    folder = Path(tempfile.mkdtemp(prefix="agentos-postgres-"))
    if USER:
        shutil.chown(folder, "postgres", "postgres")
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    made_server = PrivateServer(folder, port)
    try:
        made_server._run("initdb", "-D", str(folder / "data"), "-A", "trust", "-U", "postgres", "--no-sync")
        made_server.start()
        yield made_server
    finally:
        if (folder / "data" / "postmaster.pid").exists():
            made_server.crash()
        shutil.rmtree(folder, ignore_errors=True)
