"""Other users of the machine."""

import contextlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentos_runtime.server.connections.peer import Peers
from tests.server.client import ask
from tests.server.server import Running, running
from tests.server.test_stall import until
from tests.server.toy_runtime import ToyRuntime

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells whose a connection is")
as_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
NOBODY = 65534
ASK = """
import os, socket, sys
os.setuid(int(sys.argv[1]))
wire = socket.socket()
wire.connect(("127.0.0.1", int(sys.argv[2])))
token = "Authorization: Bearer " + sys.argv[3] + "\\r\\n" if len(sys.argv) > 3 else ""
head = "POST /api/skills/toy/echo HTTP/1.1\\r\\nHost: 127.0.0.1:" + sys.argv[2] + "\\r\\n" + token + "\\r\\n"
wire.sendall(head.encode())
"""
LISTEN = """
print(wire.recv(65536).split()[1].decode())
"""


def as_user(program: str, server: Running, *more: str) -> str:
    command = [sys.executable, "-S", "-c", program, str(NOBODY), str(server.port), *more]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout.strip()


@on_linux
@as_root
def test_another_local_user_is_refused_unless_it_has_the_token() -> None:
    with running(ToyRuntime().open) as server:
        assert as_user(ASK + LISTEN, server) == "403"
    with running(ToyRuntime().open, token="t") as server:
        assert as_user(ASK + LISTEN, server) == "403"
        assert as_user(ASK + LISTEN, server, "wrong") == "403"
        assert as_user(ASK + LISTEN, server, "t") == "200"


@on_linux
@as_root
def test_a_proxy_of_another_user_is_given_the_pages_without_data_where_a_token_is_set() -> None:
    asked = {
        path: (ASK + LISTEN).replace("POST /api/skills/toy/echo", f"GET {path}")
        for path in ("/", "/docs", "/docs/docs.js", "/api/skills", "/openapi.json")
    }
    with running(ToyRuntime().open, token="t") as server:
        assert [as_user(program, server) for program in asked.values()] == ["200", "200", "200", "403", "403"]
    with running(ToyRuntime().open) as server:
        assert {as_user(program, server) for program in asked.values()} == {"403"}


@on_linux
@as_root
def test_leaving_at_once_does_not_hide_who_it_was() -> None:
    runtime = ToyRuntime()
    with running(runtime.open) as server:
        for _ in range(3):
            with held(server):
                as_user(ASK, server)
                assert until(lambda: NOBODY not in owners(server))
        assert ask(server, "GET", "/api/health").status == 200
    assert runtime.calls == []


def owners(server: Running) -> set[int]:
    """The users of the sockets that are connected to the server; the kernel keeps a socket's for a moment."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {int(row[7]) for row in rows if row[2].endswith(f":{server.port:04X}")}


@contextlib.contextmanager
def held(server: Running) -> Iterator[None]:
    """The server accepts nobody inside the block: who leaves in it is gone before it can be asked about."""
    holding, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        holding.set()
        go_on.wait(20)

    server.loop.call_soon_threadsafe(hold)
    assert holding.wait(20)
    try:
        yield
    finally:
        go_on.set()


@on_linux
@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_a_connections_owner_is_told_apart(address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with (
        socket.create_server((address, 0), family=family) as listener,
        socket.create_connection(listener.getsockname()[:2]) as client,
        listener.accept()[0] as accepted,
        contextlib.closing(Peers()) as own,
        contextlib.closing(Peers(os.getuid() + 1)) as other,
    ):
        ends = accepted.getpeername(), accepted.getsockname()
        assert not own.is_foreign(*ends)
        assert other.is_foreign(*ends) is (os.getuid() != 0), "root alone is foreign nowhere"
        client.close()
        assert own.is_foreign(*ends), "nobody owns a socket that was closed"


@on_linux
def test_a_mapped_address_is_the_ipv4_one_and_other_machines_are_not_judged() -> None:
    peers = Peers()
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname()) as client,
    ):
        ends = [(f"::ffff:{address}", port) for address, port in (client.getsockname(), client.getpeername())]
        assert not peers.is_foreign(*ends)
    assert not peers.is_foreign(("192.0.2.1", 5), ("192.0.2.2", 6))
    peers.close()


def test_where_the_kernel_does_not_tell_nobody_is_foreign_and_the_operator_hears_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(socket, "AF_NETLINK", raising=False)
    with running(ToyRuntime().open) as server:
        assert "other users" in server.notices[0]
        if os.getuid() == 0:
            assert as_user(ASK + LISTEN, server) == "200"
