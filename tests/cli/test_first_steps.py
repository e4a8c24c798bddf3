"""`init`, `ask` and `service`: from nothing to an answer, and to a server that stays."""

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentos_runtime.config.ask import AskSettings, with_ask
from tests.cli.console import Console
from tests.toy.raw import Exchange, Toy, chunked_head, one_chunk, render

KEY = "pk-canary-77d1e5"
PARROT = """\
---
id: parrot
name: Parrot
description: It answers
auth: {type: api_key, header: X-Key, label: Parrot key, help_url: "https://parrot.example/keys", probe: me}
utilities:
  me:
    description: Whose key it is
    rest: {url: "https://parrot.example/me"}
  chat:
    description: Ask the parrot
    params:
      model: {type: string, required: true, example: polly-1}
      messages: {type: array, required: true, items: {type: object}}
    returns: {content: string, tool_calls: array, stop_reason: string, usage: object}
    rest:
      method: POST
      url: https://parrot.example/chat
      body: {model: .params.model, messages: .params.messages}
      stream: {body: {stream: true}, done: "[DONE]", delta: '{content: .say, stop_reason: .stop}'}
---
"""


def parrot(exchange: Exchange) -> None:
    """Says what it was asked, in pieces; knows one key."""
    request = exchange.request
    if request.header("x-key") != KEY:
        exchange.send(render(401, b'{"error": {"message": "no such key"}}', [("Content-Type", "application/json")]))
    elif request.target == "/me":
        exchange.send(render(200, b"{}", [("Content-Type", "application/json")]))
    else:
        asked = json.loads(request.body)
        words = f"{asked['model']} heard: {asked['messages'][-1]['content']}".split(" ")
        events = [{"say": f"{word} "} for word in words] + [{"stop": "end_turn"}]
        lines = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
        exchange.send(chunked_head(200, [("Content-Type", "text/event-stream")]) + one_chunk(lines.encode()))
        exchange.send(b"0\r\n\r\n")


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Console]:
    console = Console(tmp_path / "home", tmp_path / "skills")
    console.write("parrot/readme.md", PARROT)
    with Toy(parrot) as toy:
        console.environ["AGENTOS_REWRITE"] = f"https://parrot.example={toy.origin}"
        yield console
    assert not any(KEY in text for text in console.seen)


def test_init_stores_a_key_tries_it_and_then_a_question_is_answered(made: Console) -> None:
    begun = made.run("init", "parrot", stdin=f"{KEY}\n")
    assert (begun.code, "The key works: me answered." in begun.out) == (0, True), begun.err
    config = (made.home / "config.toml").read_text(encoding="utf-8")
    assert tomllib.loads(config) == {"ask": {"skill": "parrot", "model": "polly-1"}}
    asked = made.run("ask", "What", "is up?")
    assert (asked.code, asked.out.strip()) == (0, "polly-1 heard: What is up?")
    piped = made.run("ask", "Sum up:", "-", "--model", "polly-2", stdin="a long text\n")
    assert piped.out.strip() == "polly-2 heard: Sum up:\n\na long text"
    again = made.run("init", "parrot", "--model", "polly-3", "--json").json
    assert (again["model"], again["key"], again["tests"][0]["works"]) == ("polly-3", "credentials.json", True)


def test_a_key_is_asked_for_without_being_shown(made: Console) -> None:
    done = made.asked({"Parrot key: ": KEY, "Model to ask [polly-1]: ": ""}, "init", "parrot")
    assert (done.code, "https://parrot.example" in done.out, KEY in done.out) == (0, True, False), done.out


def test_a_key_that_is_refused_is_told_and_can_be_given_anew(made: Console) -> None:
    wrong = made.run("init", "parrot", stdin="another\n")
    assert (wrong.code, "The key does not work" in wrong.err, "init parrot --new-key" in wrong.err) == (
        1,
        True,
        True,
    )
    assert made.run("init", "parrot", "--new-key", stdin=KEY).code == 0


def test_whom_to_ask_is_never_guessed(made: Console) -> None:
    nobody = made.run("ask", "Hello")
    assert (nobody.code, "agentos init parrot" in nobody.err) == (1, True)
    key = {"PARROT_API_KEY": KEY}
    made.run("approve", "parrot", "--yes")
    unnamed = made.run("ask", "Hello", **key)
    assert (unnamed.code, "--model polly-1" in unnamed.err) == (1, True)
    only = made.run("ask", "Hello", "--model", "m", **key)
    assert only.out.strip() == "m heard: Hello"
    made.write("crow/readme.md", PARROT.replace("parrot", "crow").replace("Parrot", "Crow"))
    made.run("approve", "crow", "--yes")
    both = made.run("ask", "Hello", **key, CROW_API_KEY="k")
    assert (both.code, "crow, parrot" in both.err) == (1, True)
    wrong = made.run("ask", "Hello", "--skill", "parot")
    assert "did you mean parrot? Those" in wrong.err
    assert made.run("init").code == 2


@given(st.text(st.sampled_from('ab"\\ é\U0001f600#[]='), min_size=1), st.booleans(), st.booleans())
def test_the_rest_of_a_configuration_stays_as_it_is(model: str, before: bool, after: bool) -> None:
    around = ("port = 4000  # mine\n", '\n[limits.me]\ncalls = ["5/minute"]\n')
    text = around[0] * before + '[ask]\nskill = "old"\n# gone\n' + around[1] * after
    changed = with_ask(with_ask(text, AskSettings("a", model)), AskSettings("parrot", model))
    assert all(each.strip() in changed for each, there in zip(around, (before, after), strict=True) if there)
    wanted = {"ask": {"skill": "parrot", "model": model}}
    assert tomllib.loads(changed) == tomllib.loads(around[0] * before + around[1] * after) | wanted


def test_a_service_is_written_started_and_taken_away(made: Console, tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    told = tmp_path / "told"
    (tools / "systemctl").write_text(f'#!/bin/sh\necho "$@" >> {told}\n', encoding="utf-8")
    (tools / "systemctl").chmod(0o755)
    path = {"PATH": f"{tools}:/bin", "HOME": str(tmp_path), "AGENTOS_TOKEN": KEY}
    odd = tmp_path / 'a "50%" $x'
    done = made.run("service", "install", "--home", odd, "--port", "4321", **path)
    assert (done.code, "http://127.0.0.1:4321" in done.out) == (0, True), done.err
    unit = tmp_path / ".config/systemd/user/agentos.service"
    text = unit.read_text(encoding="utf-8")
    [command] = [line for line in text.splitlines() if line.startswith("ExecStart=")]
    assert f'"--home" "{tmp_path}/a \\"50%%\\" $$x" "--port" "4321" "--skills" "{made.skills}"' in command
    assert KEY not in text
    assert "KillMode=mixed" in text  # the server alone is told, so that programs of calls under way can end
    assert made.run("service", "remove", **path).code == 0
    assert not unit.exists()
    assert told.read_text(encoding="utf-8").splitlines() == [
        "--user daemon-reload", "--user enable agentos", "--user restart agentos",
        "--user disable --now agentos", "--user daemon-reload",
    ]  # fmt: skip
    assert made.run("service", "remove", **path).code == 1
    without = made.run("service", "install", PATH="/nowhere", HOME=str(tmp_path))
    assert (without.code, "systemctl is not there" in without.err, unit.exists()) == (0, True, True)
