"""`agentos mcp`: the same answers over stdin and stdout, through a server or without one."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agentos_runtime.mcp.protocol import Request
from agentos_runtime.mcp.stdio import Say, converse
from tests.cli.console import SCRIPT, Console
from tests.mcp.lab import CANARY, MODERN, SKILL, Lab, lab
from tests.programs import Program

META = {"io.modelcontextprotocol/protocolVersion": MODERN, "io.modelcontextprotocol/clientCapabilities": {}}


class Client:
    """A process of `agentos mcp`."""

    def __init__(self, environ: dict[str, str], *args: str) -> None:
        pipe = subprocess.PIPE
        self.process = Program(
            [*SCRIPT, "mcp", *args], stdin=pipe, stdout=pipe, stderr=pipe, env=environ, text=True
        )
        self._id = 0
        self.heard: list[str] = []

    def send(self, method: str, params: Any = None, *, modern: bool = False, notify: bool = False) -> int:
        assert self.process.stdin is not None
        self._id += 0 if notify else 1
        given = dict(params or {}) | ({"_meta": META | (params or {}).get("_meta", {})} if modern else {})
        message: dict[str, Any] = {"jsonrpc": "2.0", "method": method, "params": given}
        self.process.stdin.write(json.dumps(message if notify else message | {"id": self._id}) + "\n")
        self.process.stdin.flush()
        return self._id

    def read(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.process.stderr and self.process.stderr.read()
        self.heard.append(line)
        return json.loads(line)

    def ask(self, method: str, params: Any = None, *, modern: bool = False) -> Any:
        request_id = self.send(method, params, modern=modern)
        found = self.read()
        assert found["id"] == request_id
        return found.get("result", found.get("error"))

    def end(self) -> str:
        """The end of stdin ends it; what it said on stderr."""
        out, err = self.process.communicate(timeout=60)
        assert (self.process.returncode, out) == (0, "")
        assert CANARY not in "".join(self.heard) + err
        return err


@pytest.fixture(scope="module", params=["in process", "through a server"])
def own(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Lab, dict[str, str]]]:
    with lab(tmp_path_factory.mktemp("stdio")) as it:
        console = Console(it.house.home, it.house.skills)
        port = str(it.house.server.port) if request.param == "through a server" else "1"
        rewrite = f"https://test.example={it.toy.origin}"
        yield it, console.environ | {"AGENTOS_PORT": port, "TEST_API_KEY": CANARY, "AGENTOS_REWRITE": rewrite}


def row(it: Lab, outcome: str) -> dict[str, Any]:
    """The newest row, once it has ended so."""
    while True:
        newest = it.house.rows()[:1]
        if newest and newest[0]["outcome"] == outcome:
            return newest[0]


def test_a_client_of_each_era_lists_and_calls(own: tuple[Lab, dict[str, str]]) -> None:
    it, environ = own
    client = Client(environ)
    found = client.ask("initialize", {"protocolVersion": "2025-06-18", "clientInfo": {"name": "my-editor"}})
    assert (found["protocolVersion"], found["capabilities"]["tools"]) == ("2025-06-18", {"listChanged": True})
    assert len(client.ask("tools/list")["tools"]) == 12
    done = client.ask("tools/call", {"name": "test_echo"})
    assert done["structuredContent"]["heard"] == "Bearer [redacted]"
    assert row(it, "ok")["agent"] == "my-editor"
    info = {"io.modelcontextprotocol/clientInfo": {"name": "modern-editor"}}
    assert client.ask("server/discover", modern=True)["supportedVersions"] == [MODERN]
    named = {"name": "test_thing", "arguments": {"id": "\u017elu\u0165"}, "_meta": info}
    assert client.ask("tools/call", named, modern=True)["structuredContent"]["size"] == 2**53 + 1
    assert row(it, "ok")["agent"] in ("modern-editor", "my-editor")
    assert client.ask("tools/call", {"name": "caf\u00e9"}, modern=True)["code"] == -32602
    assert client.end() == ""


def test_a_cancelled_request_ends_its_call_and_others_go_on(own: tuple[Lab, dict[str, str]]) -> None:
    it, environ = own
    client = Client(environ, "--agent", "ann")
    never = client.send("tools/call", {"name": "test_never"})
    assert row(it, "started")["agent"] == "ann"
    assert client.ask("tools/call", {"name": "test_simple_text"})["isError"] is False
    client.send("notifications/cancelled", {"requestId": never}, notify=True)
    rows: list[Any] = []
    while not rows or rows[0]["outcome"] == "started":
        rows = [each for each in it.house.rows() if each["utility"] == "never"]
    assert rows[0]["outcome"] == "cancelled"
    client.end()


def test_a_request_that_is_cancelled_at_once_is_not_answered(own: tuple[Lab, dict[str, str]]) -> None:
    _, environ = own
    client = Client(environ)
    assert client.ask("ping") == {}
    assert client.process.stdin is not None
    call = {"jsonrpc": "2.0", "method": "tools/call", "params": {"name": "test_create", "arguments": {"size": 1}}}
    cancel = {"jsonrpc": "2.0", "method": "notifications/cancelled"}
    for number in range(5):
        lines = ({**call, "id": f"x{number}"}, {**cancel, "params": {"requestId": f"x{number}"}})
        client.process.stdin.write("".join(f"{json.dumps(line)}\n" for line in lines))
        client.process.stdin.flush()
    assert client.ask("tools/call", {"name": "test_simple_text"})["isError"] is False
    client.end()


def test_a_request_whose_end_comes_with_it_never_begins() -> None:
    begun: list[str | int | None] = []

    class Noting:
        async def answer(self, line: bytes, request: Request, client: str | None, say: Say) -> None:
            begun.append(request.id)

        async def notices(self, client: str | None, say: Say) -> None:
            raise AssertionError

    async def hear(stdin: int) -> None:
        await converse(Noting(), lambda message: None, stdin, asyncio.Event())

    messages: list[dict[str, Any]] = [
        {"id": "x", "method": "tools/call"},
        {"method": "notifications/cancelled", "params": {"requestId": "x"}},
        {"id": "y", "method": "ping"},
    ]
    stdin, end = os.pipe()
    os.write(end, b"".join(json.dumps({"jsonrpc": "2.0", **each}).encode() + b"\n" for each in messages))
    os.close(end)
    asyncio.run(hear(stdin))
    os.close(stdin)
    assert begun == ["y"]


def test_lines_that_are_no_messages_are_refused_and_the_rest_goes_on(own: tuple[Lab, dict[str, str]]) -> None:
    _, environ = own
    client = Client(environ)
    assert client.process.stdin is not None
    client.process.stdin.write('nonsense\n\n[]\n{"jsonrpc": "2.0", "id": "x", "method": "ping", "params": []}\n')
    client.process.stdin.flush()
    answers = [client.read() for _ in range(3)]
    assert [(each["id"], each["error"]["code"]) for each in answers] == [
        (None, -32700),
        (None, -32600),
        ("x", -32600),
    ]
    assert client.ask("ping") == {}
    assert client.ask("nope")["code"] == -32601
    client.end()


def test_what_is_shown_can_be_chosen(own: tuple[Lab, dict[str, str]]) -> None:
    _, environ = own
    client = Client(environ, "--tools", "test/thing,test/remove", "--read-only")
    assert [tool["name"] for tool in client.ask("tools/list")["tools"]] == ["test_thing"]
    assert (
        "read-only"
        in client.ask("tools/call", {"name": "test_remove", "arguments": {"id": "x"}})["content"][0]["text"]
    )
    client.end()


def test_a_legacy_client_is_told_of_a_save(own: tuple[Lab, dict[str, str]]) -> None:
    it, environ = own
    file = it.house.skills / "test" / "readme.md"
    client = Client(environ)
    client.ask("initialize", {"protocolVersion": "2025-11-25"})
    client.send("notifications/initialized", notify=True)
    client.ask("ping")
    try:
        told: set[str] = set()
        number = 0
        while "notifications/tools/list_changed" not in told:
            number += 1
            file.write_text(SKILL.replace("One thing.", f"Another thing, {number}."), encoding="utf-8")
            told.add(client.read()["method"])
    finally:
        file.write_text(SKILL, encoding="utf-8")
        client.process.kill()
        client.process.communicate()


def test_sigterm_ends_it(own: tuple[Lab, dict[str, str]]) -> None:
    it, environ = own
    client = Client(environ, "--agent", "ben")
    client.send("tools/call", {"name": "test_never"})
    row(it, "started")
    client.process.send_signal(signal.SIGTERM)
    assert client.process.wait(60) == 0
    client.process.communicate()


def test_a_server_that_went_away_is_an_error_and_one_that_came_back_is_used(tmp_path: Path) -> None:
    console = Console(tmp_path / "home", tmp_path / "skills")
    with lab(tmp_path) as it:
        port = it.house.server.port
        client = Client(console.environ | {"AGENTOS_PORT": str(port)})
        assert len(client.ask("tools/list")["tools"]) == 12
    gone = client.ask("tools/list")
    assert "agentos serve" in gone["message"], gone
    with lab(tmp_path / "again", port=port):
        assert len(client.ask("tools/list")["tools"]) == 12
    client.end()


@pytest.mark.parametrize("client", ["claude", "cursor", "vscode", "gemini", "zed", "codex"])
def test_an_entry_for_a_client_starts_what_speaks_mcp(tmp_path: Path, client: str) -> None:
    console = Console(tmp_path / "home", tmp_path / "skills")
    done = console.run("mcp", "config", client, "--tools", "test", "--agent", "x y")
    assert done.code == 0
    assert "belongs into" in done.err
    found = tomllib.loads(done.out) if client == "codex" else done.json
    (servers,) = found.values()
    entry = servers["agentos"]
    assert entry["args"][-5:] == ["mcp", "--tools", "test", "--agent", "x y"]
    assert os.access(entry["command"], os.X_OK)
    assert "env" not in entry


def test_nothing_of_it_is_loaded_by_commands_that_do_not_speak_it() -> None:
    code = (
        "import sys; from agentos_runtime.cli.main import run; run(['keys', '--help'], {}); "
        "print([name for name in sys.modules if '.mcp' in name])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_forwarder_loads_no_framework() -> None:
    code = (
        "import sys; import agentos_runtime.cli.mcp.serving; heavy = {'starlette', 'uvicorn', 'httpx', 'jq'}; "
        "print(sorted(heavy & {name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == "[]\n"
