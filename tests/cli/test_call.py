"""`agentos call`: one call, through the server or in this process, watched or only drafted."""

import json
import os
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agentos_runtime.cli.calls import through_server
from tests.cli.console import SCRIPT, Console, started
from tests.cli.skills import CANARY
from tests.toy.raw import Toy, answer, answer_json, chunked_head, one_chunk, pieces

GOOD = {"data": {"text": "hi"}}
KEY = {"TOY_API_KEY": CANARY}


def sse(*events: object) -> bytes:
    return b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)


def streamed(*events: object) -> Any:
    head = chunked_head(headers=[("Content-Type", "text/event-stream")])
    return pieces(
        [head, *(one_chunk(sse(event)) for event in events), one_chunk(b"data: [DONE]\n\n"), b"0\r\n\r\n"]
    )


@pytest.fixture
def upstream() -> Iterator[Toy]:
    with Toy(answer_json(GOOD)) as toy:
        yield toy


def reaching(toy: Toy) -> dict[str, str]:
    return {"AGENTOS_REWRITE": f"https://toy.example={toy.origin}", **KEY}


def test_a_call_prints_plain_data_and_sends_what_the_key_value_pairs_say(console: Console, upstream: Toy) -> None:
    done = console.spawn("call", "toy", "echo", "text=5", "count=3", 'tags=["a"]', "stop=7", "mode=fast", "extra=7",
                       **reaching(upstream))  # fmt: skip
    assert (done.code, done.out) == (0, '{"said":"HI"}\n'), done.err
    request = upstream.requests[0]
    assert request.target == "/echo?mode=fast"
    assert request.header("x-key") == CANARY
    assert json.loads(request.body) == {"text": "5", "count": 3, "tags": ["a"], "stop": "7", "extra": 7}


def test_params_come_from_json_files_and_stdin_and_pairs_win(
    console: Console, upstream: Toy, tmp_path: Path
) -> None:
    (tmp_path / "note.txt").write_text("from a file")
    env = reaching(upstream)
    console.run("call", "toy", "echo", "--json", '{"text": "a", "count": 4}', "count:=5", **env)
    console.run("call", "toy", "echo", "--json", "-", stdin='{"text": "b"}', **env)
    console.run("call", "toy", "echo", f"text=@{tmp_path}/note.txt", **env)
    bodies = [json.loads(request.body) for request in upstream.requests]
    assert [(body["text"], body["count"]) for body in bodies] == [("a", 5), ("b", 2), ("from a file", 2)]


FAILURES: tuple[tuple[str, ...], ...] = (
    ("toy", "echo", "count=99"),
    ("toy", "ecko", "text=x"),
    ("toy", "picture", "--stream"),
    ("toy", "echo", "text=boom"),
)


def test_a_running_server_and_this_process_give_the_same_answers_and_error_bodies(console: Console) -> None:
    problem = answer_json({"problem": {"message": "no boom today", "status": 429, "retry_after": 3}} | GOOD)
    with Toy(answer_json(GOOD), problem, answer_json(GOOD), problem) as toy:
        env = reaching(toy)
        calls = [("toy", "echo", "text=hi"), *reversed(FAILURES)]
        alone = [console.run("call", *call, **env) for call in calls]
        with console.serving(**env):
            served = [console.run("call", *call, **KEY) for call in calls]
            rows = console.run("activity", "--json").json["rows"]
    assert [(done.code, done.out) for done in alone] == [(done.code, done.out) for done in served]
    assert [done.code for done in alone] == [0] + [1] * len(FAILURES)
    bodies = [[json.loads(done.err) for done in each[1:]] for each in (alone, served)]
    ids = [[body.pop("request_id") for body in each] for each in bodies]
    assert bodies[0] == bodies[1]
    assert len({*ids[0], *ids[1]}) == 2 * len(FAILURES)
    assert bodies[0][0]["code"] == "upstream_rate_limited"
    assert [problem["path"] for problem in bodies[0][-1]["problems"]] == ["text", "count"]
    assert {row["agent"] for row in rows} == {"agentos-cli"}


@pytest.mark.parametrize("names", [("", ""), ("toy", ""), ("toy", ".."), ("..", "skills"), (".", "x")])
@pytest.mark.parametrize("more", [(), ("a=1",), ("--stream",)])
def test_a_name_that_is_none_is_told_as_in_this_process(
    console: Console, names: tuple[str, str], more: tuple[str, ...]
) -> None:
    here = console.run("call", *names, *more)
    with console.serving():
        there = console.run("call", *names, *more)
    assert (there.code, json.loads(there.err)["code"]) == (here.code, json.loads(here.err)["code"])
    assert json.loads(there.err)["error"] == json.loads(here.err)["error"]


def test_the_server_is_asked_with_the_token_and_only_when_it_is_an_agentos(console: Console, upstream: Toy) -> None:
    env = reaching(upstream)
    with console.serving(AGENTOS_TOKEN="t0ken-for-tests", **env):
        assert json.loads(console.run("call", "toy", "echo", "text=a", **KEY).err)["code"] == "unauthorized"
        assert console.run("call", "toy", "echo", "text=a", AGENTOS_TOKEN="t0ken-for-tests").json == {"said": "HI"}
    with Toy(answer_json({"status": "ok"})) as stranger:
        here = {"AGENTOS_PORT": str(stranger.port), "AGENTOS_TOKEN": "t0ken-for-tests"}
        assert console.run("call", "toy", "echo", "text=a", **env, **here).json == {"said": "HI"}
    assert b"t0ken" not in b"".join(request.raw for request in stranger.requests)
    assert {request.target for request in stranger.requests} <= {"/api/health"}


def test_nothing_is_called_past_what_took_the_connection_and_says_nothing(
    console: Console, upstream: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be a busy server, with settings and keys of its own."""
    monkeypatch.setattr(through_server, "BUSY", 0.2)
    env = reaching(upstream)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        here = {"AGENTOS_PORT": str(silent.getsockname()[1])}
        told = console.run("call", "toy", "echo", "text=a", **env, **here)
        assert told.code == 1
        assert "has said nothing for 0.2 s" in told.err
        assert upstream.requests == []
        assert console.run("call", "toy", "echo", "text=a", "--local", **env, **here).json == {"said": "HI"}
        assert "has said nothing" in console.run("doctor", **env, **here).out


STRANGER = """
import encodings.idna, http.server, os
os.setuid(65534)
class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.send_response(200)
        body = b'{"status": "ok", "version": "1", "skills": {"loaded": 1, "broken": 0}}'
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args):
        print(self.path, flush=True)
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
print(server.server_address[1], flush=True)
server.serve_forever()
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_server_of_another_user_gets_neither_token_nor_params(console: Console, upstream: Toy) -> None:
    command = [sys.executable, "-I", "-c", STRANGER]
    with started(command) as stranger:
        assert stranger.stdout is not None
        port = stranger.stdout.readline().strip()
        environ = reaching(upstream) | {"AGENTOS_PORT": port, "AGENTOS_TOKEN": "t0ken-for-tests"}
        assert console.run("call", "toy", "echo", "text=a", **environ).json == {"said": "HI"}
        stranger.kill()
        assert stranger.stdout.read() == "/api/health\n"


EVENTS = (
    {"think": "hmm"},
    {"say": "Hel"},
    {"say": "lo"},
    {"stop": "end_turn", "usage": {"input_tokens": 3, "output_tokens": 2, "cost": 0.0012}},
)


@pytest.mark.parametrize("served", [False, True])
def test_a_stream_prints_its_text_on_stdout_and_the_rest_aside(console: Console, served: bool) -> None:
    with Toy(streamed(*EVENTS)) as toy:
        env = reaching(toy)
        if served:
            with console.serving(**env):
                done = console.run("call", "toy", "echo", "text=x", "--stream", **KEY)
        else:
            done = console.run("call", "toy", "echo", "text=x", "--stream", **env)
    assert (done.code, done.out) == (0, "Hello\n"), done.err
    assert done.err == "hmm\nstopped: end_turn, 3 input tokens, 2 output tokens, $0.0012\n"
    assert json.loads(toy.requests[0].body)["stream"] is True


def test_a_stream_as_json_lines_has_every_event(console: Console) -> None:
    with Toy(streamed(*EVENTS)) as toy:
        done = console.run("call", "toy", "echo", "text=x", "--stream", "--jsonl", **reaching(toy))
    events = [json.loads(line) for line in done.out.splitlines()]
    assert [event["event"] for event in events] == ["delta"] * 4 + ["done"]
    assert events[-1]["data"]["content"] == "Hello"


def test_a_stream_that_breaks_off_fails_and_keeps_what_came(console: Console) -> None:
    with Toy(streamed({"say": "Hel"}, {"error": {"message": "overheated", "code": 503}})) as toy:
        done = console.run("call", "toy", "echo", "text=x", "--stream", **reaching(toy))
    assert (done.code, done.out) == (1, "Hel")
    assert json.loads(done.err.splitlines()[-1])["partial"]["content"] == "Hel"


def test_a_dry_run_sends_nothing_and_its_curl_command_sends_exactly_the_request(
    console: Console, upstream: Toy, tmp_path: Path
) -> None:
    console.write(
        "toy/readme.md",
        (console.skills / "toy/readme.md").read_text().replace("https://toy.example", upstream.origin),
    )
    args = ("call", "toy", "echo", "text=it's $HOME `date`", "mode=slow")
    plain = console.run(*args, "--dry-run", **KEY)
    draft = console.run(*args, "--dry-run", "--jsonl", **KEY).json
    assert upstream.requests == []
    assert plain.code == 0
    assert "********" in plain.out
    assert draft["request"]["headers"]["X-Key"] == "********"
    assert draft["refusal"]["code"] == "approval_required"
    assert draft["curl"] in plain.out
    env = {"PATH": os.environ["PATH"], **KEY}
    subprocess.run(["sh", "-c", draft["curl"]], env=env, check=True, capture_output=True, timeout=30)
    sent = upstream.requests[0]
    assert (sent.method, sent.target, sent.header("x-key")) == ("POST", "/echo?mode=slow", CANARY)
    assert json.loads(sent.body) == draft["request"]["body"] == {"text": "it's $HOME `date`", "count": 2}


def test_explain_shows_every_stage_with_its_result(console: Console, upstream: Toy) -> None:
    env = reaching(upstream)
    done = console.run("call", "toy", "echo", "text=x", "--explain", "--jsonl", **env)
    stages = [json.loads(line) for line in done.out.splitlines()]
    gave = {stage["stage"]: stage["value"] for stage in stages}
    assert [*gave] == ["params", "request", "response", "jq", "error", "root", "transform", "mapping", "reply"]
    assert gave["jq"] == {"of": "reply", "ran": "compiled"}
    assert gave["params"] == {"text": "x", "count": 2}
    assert gave["request"]["headers"]["X-Key"] == "********"
    assert (gave["response"]["status"], gave["response"]["body"]) == (200, GOOD)
    assert (gave["error"], gave["root"], gave["transform"]) == (None, {"text": "hi"}, {"text": "HI"})
    assert gave["mapping"] == gave["reply"] == {"said": "HI"}
    assert all(stage["ms"] >= 0 for stage in stages)
    assert "response.transform gave" in console.run("call", "toy", "echo", "text=x", "--explain", **env).out


def test_explain_pairs_each_event_of_a_stream_with_what_it_gave(console: Console) -> None:
    with Toy(streamed(*EVENTS)) as toy:
        done = console.run("call", "toy", "echo", "text=x", "--stream", "--explain", "--jsonl", **reaching(toy))
    events = [stage["value"] for line in done.out.splitlines() if (stage := json.loads(line))["stage"] == "event"]
    assert [event["data"] for event in events] == [*EVENTS]
    assert events[1]["gave"]["delta"]["content"] == "Hel"


def test_a_failed_call_explained_shows_the_stages_up_to_the_failure(console: Console) -> None:
    with Toy(answer_json({"data": {"text": 5}})) as toy:
        done = console.run("call", "toy", "echo", "text=x", "--explain", "--jsonl", **reaching(toy))
    assert [json.loads(line)["stage"] for line in done.out.splitlines()][-2:] == ["error", "root"]
    assert (done.code, json.loads(done.err)["code"]) == (1, "expression_failed")


def test_bytes_go_to_a_pipe_or_a_file_as_they_are_and_never_to_a_terminal(console: Console, tmp_path: Path) -> None:
    image = bytes(range(128)) * 3
    with Toy(answer(body=image, headers=[("Content-Type", "image/png")])) as toy:
        env = reaching(toy)
        assert console.run("call", "toy", "picture", **env).out.encode() == image
        console.run("call", "toy", "picture", "-o", tmp_path / "it.png", **env)
        refused = console.on_terminal("call", "toy", "picture", **env)
        left = subprocess.run(
            ["sh", "-c", f"{shlex.join([*SCRIPT, 'call', 'toy', 'picture'])} | true"],
            env=console.environ | env,
            stderr=subprocess.PIPE,
            timeout=60,
        )
    assert left.stderr == b""
    assert (tmp_path / "it.png").read_bytes() == image
    assert refused.code == 2
    assert "add -o FILE" in refused.out


def test_on_a_terminal_a_failure_is_a_sentence_with_what_helps(console: Console) -> None:
    missing = console.on_terminal("call", "toy", "echo", "text=x")
    assert missing.code == 1
    assert "Credential not found" in missing.out
    assert "https://toy.example/keys" in missing.out
    wrong = console.on_terminal("call", "toy", "echo", "count=99", NO_COLOR="1")
    assert "\x1b[" not in wrong.out
    assert "count" in wrong.out


@pytest.mark.parametrize(
    "args",
    [
        ("text",),
        ("text=a", "text=b"),
        ("tags:=[1",),
        ("text=@/nonexistent",),
        ("--json", "[1]"),
        ("--json", "{"),
        ("--nonsense",),
    ],
)
def test_wrong_usage_exits_with_2_and_says_what_to_write(console: Console, args: tuple[str, ...]) -> None:
    done = console.run("call", "toy", "echo", *args)
    assert (done.code, done.out) == (2, "")
    assert "Error: " in done.err
