"""What `agentos serve` tells whoever started it: calls, changes of skills, missing keys, inexact answers."""

import contextlib
import fcntl
import json
import os
import pty
import re
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from agentos_runtime.calls.trace_context import parent_of
from agentos_runtime.testing.fake_credentials import stand_in
from tests.cli.console import PATIENCE, SCRIPT, Console, started
from tests.clients import NO_TLS
from tests.programs import Program, ended
from tests.security.support import until
from tests.testing.support import console

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PLAIN = """\
---
id: plain
name: Plain
description: Needs nothing
utilities:
  go: {description: Goes, rest: {url: "https://plain.example/go"}}
---
"""


class Serving:
    """A server whose stderr is read line by line."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.heard: list[str] = []
        assert process.stderr is not None
        self._lines = iter(process.stderr.readline, "")

    def line(self) -> str:
        self.heard.append(next(self._lines))
        return self.heard[-1]

    def event(self, *names: str) -> Any:
        """The next event of one of these names."""
        while (found := json.loads(self.line()))["event"] not in names:
            pass
        return found


def call(url: str, path: str, params: object, **headers: str) -> httpx.Response:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    with httpx.Client(trust_env=False, verify=NO_TLS, timeout=PATIENCE) as client:
        return client.post(f"{url}/api/skills/{path}", json=params, headers={"X-Agent": "me", **given})


@contextlib.contextmanager
def serving(made: Console, *flags: str) -> Iterator[tuple[Serving, str]]:
    """The address comes as the first event."""
    with started([*SCRIPT, "serve", "--port", "0", "--log", "json", *flags], made.environ) as process:
        told = Serving(process)
        yield told, told.event("ready")["url"]
        process.terminate()
        _, rest = process.communicate(timeout=PATIENCE)
        told.heard += rest.splitlines()
        assert process.returncode == 0
    assert [line for line in told.heard if not line.startswith("{")] == []


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Serving, str]]:
    with serving(console(tmp_path_factory.mktemp("simulated")), "--simulate") as found:
        yield found


def test_each_call_is_one_line_of_json_with_its_trace_and_without_params_or_keys(
    simulated: tuple[Serving, str],
) -> None:
    told, url = simulated
    reply = call(url, "notes/read", {"id": "a b", "lang": "de"}, traceparent=f"00-{TRACE}-00f067aa0ba902b7-01")
    line = told.event("call")
    assert reply.headers["x-simulated"] == "read; match=exact" == line["simulated"]
    assert (line["request_id"], line["trace_id"]) == (reply.headers["x-request-id"], TRACE)
    assert [line[name] for name in ("agent", "skill", "utility", "surface", "outcome", "status")] == [
        "me", "notes", "read", "http", "ok", 200,
    ]  # fmt: skip
    call(url, "notes/nowhere", {"secret": "param-canary"}, traceparent="00-nonsense")
    line = told.event("call")
    assert (line["outcome"], line["code"], line["trace_id"]) == ("error", "unknown_utility", None)
    call(url, "notes/tell", {"about": "foxes", "stream": True})
    assert told.event("call")["streamed"] is True
    heard = "".join(told.heard)
    assert "param-canary" not in heard
    assert stand_in("key") not in heard


def test_params_that_a_skill_of_agentos_does_not_declare_are_named_in_the_log(tmp_path: Path) -> None:
    made = console(tmp_path)
    made.write("todo.md", PLAIN.replace("plain", "todo").replace("utilities:\n  go", "operations:\n  task.list"))
    with serving(made, "--simulate") as (told, url):
        call(url, "todo/task.list", {"colour": "param-canary", "sk-proj-4fGh8Jk2LmNp6QrStUv3WxYz": 1})
        line = told.event("call")
        assert line["ignored_params"] == ["colour", "…"], line
        call(url, "todo/task.list", {f"n{number:02}": 1 for number in range(99)})
        assert told.event("call")["ignored_params"] == [*(f"n{number:02}" for number in range(10)), "…"]
    assert not [each for each in told.heard if "param-canary" in each or "4fGh8Jk2" in each]


def test_an_answer_to_another_request_is_told_to_the_caller_and_on_stderr(simulated: tuple[Serving, str]) -> None:
    told, url = simulated
    near = call(url, "notes/read", {"id": "another"})
    assert (near.status_code, near.headers["x-simulated"]) == (200, "read; match=nearest")
    assert "the nearest, read, answered" in told.event("inexact")["message"]
    refused = call(url, "notes/write", {"text": "too long"})
    assert (refused.status_code, refused.headers["x-simulated"]) == (429, "full; match=exact")
    stream = call(url, "notes/tell", {"about": "badgers", "stream": True})
    assert stream.headers["x-simulated"] == "tell; match=nearest"
    assert "tell" in told.event("inexact")["message"]


def test_a_strict_simulation_refuses_what_no_case_asks_and_says_where_the_nearest_differs(tmp_path: Path) -> None:
    with serving(console(tmp_path), "--simulate=strict") as (_, url):
        assert call(url, "notes/read", {"id": "a b", "lang": "de"}).json() == {"text": "Hallo"}
        query = call(url, "notes/read", {"id": "a b"}).json()
        assert query["code"] == "upstream_unreachable"
        assert "notes/read read, which differs in the query" in query["error"]
        body = call(url, "notes/write", {"text": "Hi", "tags": ["b"]}).json()
        assert "notes/write write, which differs in tags[0]" in body["error"]


def test_without_a_terminal_only_inexact_answers_of_a_simulation_are_told(tmp_path: Path) -> None:
    made = console(tmp_path)
    for flags, lines in ((["--simulate"], 1), (["--simulate", "--quiet"], 0)):
        with started([*SCRIPT, "serve", "--port", "0", "--json", *flags], made.environ) as process:
            assert process.stdout is not None
            url = json.loads(process.stdout.readline())["url"]
            call(url, "notes/read", {"id": "a b", "lang": "de"})
            call(url, "notes/read", {"id": "another"})
            process.terminate()
            _, err = process.communicate(timeout=PATIENCE)
        assert len(err.splitlines()) == lines, err


def test_missing_keys_are_told_and_saves_with_the_place_of_what_is_wrong(tmp_path: Path) -> None:
    made = console(tmp_path)
    file = made.write("plain.md", PLAIN)
    names = ("skill_loaded", "skill_reloaded", "skill_broken", "skill_mended", "skill_removed")
    with serving(made) as (told, _):
        needed = told.event("needs_credential", "needs_approval")
        assert (needed["skills"], "agentos " in needed["message"]) == (["notes"], True)
        file.write_text(PLAIN.replace("url:", "urll:"), encoding="utf-8")
        broken = told.event(*names)
        first = broken["problems"][0]
        assert (broken["event"], broken["skill"]) == ("skill_broken", "plain")
        assert (first["file"], first["line"], first["column"]) == (str(file), 6, 34)
        file.write_text(PLAIN, encoding="utf-8")
        assert told.event(*names)["event"] == "skill_mended"
        file.write_text(PLAIN.replace("Goes", "Walks"), encoding="utf-8")
        assert told.event(*names)["event"] == "skill_reloaded"
        made.write("second.md", PLAIN.replace("id: plain", "id: second"))
        loaded = told.event(*names)
        assert (loaded["event"], loaded["skill"], "state" in loaded) == ("skill_loaded", "second", False)
        keyed = PLAIN.replace("id: plain", "id: third\nauth: {type: api_key, header: X-Key}")
        made.write("third.md", keyed)
        loaded = told.event(*names)
        assert (loaded["skill"], loaded["state"]) == ("third", "needs_credential")
        file.unlink()
        gone = told.event(*names)
        assert (gone["event"], gone["skill"]) == ("skill_removed", "plain")


def test_a_lock_that_cannot_be_read_is_told_in_place_of_an_approval_that_nobody_can_give(tmp_path: Path) -> None:
    made = console(tmp_path)
    made.home.mkdir(mode=0o700, exist_ok=True)
    (made.home / "agentos.lock").touch(0o600)
    (made.home / "agentos.lock").write_text('{"version": 1, ')
    made.write("plain.md", PLAIN)
    with serving(made) as (told, url):
        assert "agentos.lock cannot be relied on" in json.loads(told.heard[0])["message"]
        assert "Not approved: notes, plain (agentos doctor)" in told.event("needs_approval")["message"]
        front = httpx.get(url, trust_env=False, verify=NO_TLS, timeout=PATIENCE).text
        assert "(a file that says more cannot be read: agentos doctor)" in front


def asking(folder: Path) -> Console:
    """A home that asks a person about every call."""
    made = console(folder)
    made.home.mkdir(mode=0o700, exist_ok=True)
    (made.home / "config.toml").write_text('[limits.default]\nask_person = ["plain"]\n')
    made.write("plain.md", PLAIN)
    made.environ |= {"AGENTOS_REWRITE": "https://plain.example=http://127.0.0.1:9"}
    return made


def ask_for(url: str, agent: str) -> Any:
    return call(url, "plain/go", {}, X_Agent=agent, Prefer="respond-async")


@pytest.mark.slow
def test_several_processes_tell_who_waits_for_a_person(tmp_path: Path) -> None:
    made = asking(tmp_path)
    command = [*SCRIPT, "serve", "--port", "0", "--json", "--processes", "2"]
    with started(command, made.environ) as process:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        waiting = ask_for(url, "ann").json()["waiting"]
        told = {"id": waiting["id"], "agent": "ann", "skill": "plain", "utility": "go"}
        assert json.loads(process.stdout.readline()) == {"waiting": told}


@pytest.mark.skipif(not hasattr(fcntl, "F_SETPIPE_SZ"), reason="how much a pipe holds is set on Linux alone")
@pytest.mark.parametrize("closed", [True, False])
def test_who_does_not_read_what_a_server_prints_holds_up_no_call(tmp_path: Path, closed: bool) -> None:
    made = asking(tmp_path)
    with started([*SCRIPT, "serve", "--port", "0", "--json"], made.environ) as process:
        assert process.stdout is not None
        fcntl.fcntl(process.stdout.fileno(), fcntl.F_SETPIPE_SZ, 4096)
        url = json.loads(process.stdout.readline())["url"]
        if closed:
            process.stdout.close()
        answers = [ask_for(url, f"{number:064}") for number in range(40)]
        assert {each.status_code for each in answers} == {202}


FULL = """
import fcntl, logging, os
from agentos_runtime.cli.serving.server import Said, Server
from agentos_runtime.config.settings import Settings
from pathlib import Path

_, full = os.pipe()
fcntl.fcntl(full, fcntl.F_SETPIPE_SZ, 4096)
os.dup2(full, 2)
with Server(None, Settings(home=Path("/nonexistent")), Said(False, None, %r)).printing():
    for number in range(200):
        logging.getLogger("agentos.http").error("a bug was met: %%s", "x" * 100)
    print("went on", flush=True)
    os._exit(0)
"""


@pytest.mark.skipif(not hasattr(fcntl, "F_SETPIPE_SZ"), reason="how much a pipe holds is set on Linux alone")
@pytest.mark.parametrize("log", ["quiet", "json"])
def test_who_does_not_read_what_is_wrong_with_a_server_holds_up_nothing(log: str) -> None:
    done = ended([sys.executable, "-c", FULL % log], PATIENCE)
    assert done.stdout.splitlines() == [b"went on"]


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="what another may write is bounded on Linux alone")
def test_a_log_goes_on_when_there_is_room_again_and_says_what_was_lost(tmp_path: Path) -> None:
    made, log = console(tmp_path), tmp_path / "log"
    log.write_bytes(b"\n" * (1 << 20))  # more than any other file of the server has
    command = [*SCRIPT, "serve", "--port", "0", "--json", "--log", "json", "--simulate"]
    with log.open("a") as file, Program(command, env=made.environ, stdout=subprocess.PIPE, stderr=file) as process:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        full, most = log.stat().st_size + 10, resource.RLIM_INFINITY
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (full, most))
        call(url, "notes/read", {"id": "a b", "lang": "de"})
        assert until(lambda: log.stat().st_size == full)
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (most, most))
        last = call(url, "notes/read", {"id": "a b", "lang": "de"})
        process.terminate()
        assert process.wait(PATIENCE) == 0
    told = [
        json.loads(line) for line in log.read_text().splitlines() if line.startswith("{") and line.endswith("}")
    ]
    assert [each["event"] for each in told[-2:]] == ["call", "warning"]
    assert told[-2]["request_id"] == last.headers["x-request-id"]
    assert "up to 1 lines were lost" in told[-1]["message"]


@pytest.mark.parametrize("colours", [True, False])
def test_on_a_terminal_calls_and_missing_keys_are_lines_for_people(tmp_path: Path, colours: bool) -> None:
    made = console(tmp_path)
    made.write("plain.md", PLAIN)
    made.environ |= {"AGENTOS_REWRITE": "https://plain.example=http://127.0.0.1:9"}
    made.environ |= {} if colours else {"NO_COLOR": "1"}
    ours, theirs = pty.openpty()
    command = [*SCRIPT, "serve", "--port", "0", "--json"]
    with subprocess.Popen(command, env=made.environ, stdout=subprocess.PIPE, stderr=theirs, text=True) as process:
        os.close(theirs)
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        refused = call(url, "plain/go", {"\u202e": 1})
        call(url, "plain/g\u202eo", {})
        call(url, "plain/g%0Aforged", {})
        process.terminate()
        text = heard(ours)
    assert process.returncode == 0
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    assert (plain != text) is colours
    assert re.search(rf"me  plain/go  400 invalid_params  \d+ ms  {refused.json()['request_id']}", plain)
    assert "plain/g\\u202eo  404 unknown_utility" in plain
    assert "plain/g forged  404 unknown_utility" in plain


def heard(terminal: int) -> str:
    said = b""
    with contextlib.suppress(OSError), contextlib.closing(os.fdopen(terminal, "rb", buffering=0)) as end:
        while data := end.read(65536):
            said += data
    return said.decode()


@pytest.mark.slow
def test_several_processes_tell_of_a_change_once(tmp_path: Path) -> None:
    made = Console(tmp_path / "home", tmp_path / "skills")
    file = made.write("plain.md", PLAIN)
    with serving(made, "--processes", "2") as (told, url):
        call(url, "plain/nowhere", {})
        assert told.event("call")["code"] == "unknown_utility"
        file.write_text(PLAIN.replace("Goes", "Walks"), encoding="utf-8")
        assert told.event("skill_reloaded")["skill"] == "plain"
    assert sum('"skill_reloaded"' in line for line in told.heard) == 1


@pytest.mark.parametrize(
    ("header", "trace"),
    [
        (f"00-{TRACE}-00f067aa0ba902b7-01", TRACE),
        (f"cc-{TRACE}-00f067aa0ba902b7-01-more", TRACE),
        (f"00-{TRACE}-00f067aa0ba902b7-01-more", None),
        (f"ff-{TRACE}-00f067aa0ba902b7-01", None),
        (f"00-{'0' * 32}-00f067aa0ba902b7-01", None),
        (f"00-{TRACE}-{'0' * 16}-01", None),
        (f"00-{TRACE.upper()}-00f067aa0ba902b7-01", None),
        ("", None),
    ],
)
def test_only_a_well_formed_traceparent_names_a_trace(header: str, trace: str | None) -> None:
    found = parent_of(header)
    assert (found.trace_id if found else None) == trace
