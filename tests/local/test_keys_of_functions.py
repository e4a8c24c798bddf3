"""`.auth.key` in the args of a Python function: handed over where that was approved, and to nothing else."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from agentos_runtime.cli.main import run
from tests.local.support import Served, served

KEY = "sk-toy-canary-0123456789abcdef"
CODE = """
def look(key, word):
    return {"length": len(key), "word": word, "echo": key}


def fails(key):
    raise ValueError("no " + key)
"""
FRONT = """
connections:
  api: {base_url: "https://toy.example", header: {Authorization: '"Bearer " + .auth.key'}}
  other: {base_url: "https://other.example", query: {k: .auth.key}}
operations:
  look_up:
    description: The key
    returns: object
    connection: api
    params: {word: {type: string}}
    python: {module: ./code.py, function: look, args: {key: .auth.key, word: .params.word}}
  fail:
    description: Raises
    returns: object
    connection: api
    python: {module: ./code.py, function: fails, args: {key: "Bearer {token}"}}
  chain:
    description: A step
    returns: object
    connection: api
    steps: [{id: a, python: {module: ./code.py, function: look, args: {key: .auth.key, word: '"w"'}}}]
  told: {description: A program, returns: object, connection: api, command: {binary: echo, args: [.auth.key]}}
"""


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("keys"), FRONT, {"code.py": CODE}, more={"HERE_API_KEY": KEY}) as running:
        yield running


def test_a_function_gets_the_key_that_was_approved_for_it_and_nobody_else_sees_it(
    here: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    status, code, sentence = here.error("look_up", {"word": "w"})
    assert (status, code) == (409, "approval_required")
    assert "look_up, a Python function on this machine" in sentence
    assert here.agentos("approve", "here", "--yes", "--json") == 0
    grants: Any = json.loads(capsys.readouterr().out)["authority"]["grants"]
    assert [(each["credential"], each["placement"]) for each in grants if each["origin"] == "local://python"] == [
        ("api", "function:chain__0"), ("api", "function:fail"), ("api", "function:look_up"),
    ]  # fmt: skip
    reply = here.reply("look_up", {"word": "w"})
    assert (reply["length"], reply["word"]) == (len(KEY), "w")
    assert KEY not in json.dumps(reply)
    assert here.reply("chain")["length"] == len(KEY)
    status, code, sentence = here.error("fail")
    assert (status, code) == (502, "upstream_failed")
    assert "ValueError: no Bearer" in sentence
    assert KEY not in sentence


def test_a_key_that_is_not_there_is_said_and_a_program_gets_none(here: Served) -> None:
    assert here.error("told")[:2] == (501, "not_supported")


def test_without_the_key_such_a_function_is_not_run(
    tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    with served(tmp_path_factory.mktemp("none"), FRONT, {"code.py": CODE}) as other:
        other.approve()
        status, code, sentence = other.error("look_up")
        assert (status, code) == (424, "credential_not_found")
        assert "Credential not found" in sentence
        capsys.readouterr()
        assert run(("call", "here", "look_up", "--dry-run"), other.environ) in (0, 1)
        assert "local://python" in capsys.readouterr().out
