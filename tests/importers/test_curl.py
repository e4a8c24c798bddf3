"""One curl command becomes one utility; what it carries in secret does not."""

import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentos_runtime.importers.api import ImportProblem, Losses
from agentos_runtime.importers.curl import read_curl
from tests.importers.workshop import Workshop

SECRET = "canary-4711-secret"


def imported(workshop: Workshop, command: str, *args: object) -> dict[str, object]:
    done = workshop.run("curl", command, *args)
    assert done.code == 0, done.err
    workshop.check()
    utilities: dict[str, object] = workshop.front()["utilities"]
    return utilities


def test_the_utility_without_params_sends_what_the_command_sent(workshop: Workshop) -> None:
    command = (
        "curl -sS --compressed -X PUT 'https://api.example.com/v1/things?limit=5&q=a%20b' \\\n"
        " -H 'X-Org: acme' -H 'Accept: */*' -H 'content-type: application/json' \\\n"
        """ -d '{"name": "cats", "deep": {"a": [1]}, "none": null}'"""
    )
    assert list(imported(workshop, command)) == ["update_things"]
    sent = workshop.request("update_things", {})
    assert sent.startswith("PUT https://api.example.com/v1/things?limit=5&q=a%20b\nX-Org: acme\n")
    assert """--data-binary '{"name":"cats","deep":{"a":[1]}}'""" in sent


SECRETS = [
    (f"-H 'Authorization: Bearer {SECRET}'", {"type": "api_key", "header": "Authorization", "prefix": "Bearer "}),
    (f"-H 'Authorization: Token {SECRET}'", {"type": "api_key", "header": "Authorization", "prefix": "Token "}),
    (f"-H 'Authorization: {SECRET}'", {"type": "api_key", "header": "Authorization"}),
    (f"-H 'authorization: basic {SECRET}'", {"type": "basic"}),
    (f"-u 'me:{SECRET}'", {"type": "basic"}),
    (f"--user=me:{SECRET}", {"type": "basic"}),
    (f"-H 'X-API-Key: {SECRET}'", {"type": "api_key", "header": "X-API-Key"}),
    (f"-b 'session={SECRET}'", {"header": {"Cookie": "{cookie}"}}),
    (f"'https://api.example.com/a?access_token={SECRET}'", {"type": "api_key", "query": "access_token"}),
    (f"-G -d 'key={SECRET}'", {"type": "api_key", "query": "key"}),
    (f"""-d '{{"password": "{SECRET}"}}'""", "none"),
    (f"-H 'X-Auth-Token: {SECRET}' -H 'X-API-Key: {SECRET}'", {"type": "api_key", "header": "X-Auth-Token"}),
]


@pytest.mark.parametrize(("option", "auth"), SECRETS)
def test_a_secret_is_declared_and_left_out(workshop: Workshop, option: str, auth: object) -> None:
    url = "" if "https" in option else "https://api.example.com/a"
    done = workshop.run("curl", f"curl {option} {url}")
    assert done.code == 0
    assert workshop.front()["auth"] == auth
    written = [file.read_text() for file in workshop.folder.rglob("*") if file.is_file()]
    assert not any(SECRET in text for text in [*written, done.out, done.err])


BODIES = [
    ("-d 'a=1&b=x y'", "form", {"a": 1, "b": "x y"}),
    ("--json '[1, 2]'", "json", {"body": [1, 2]}),
    ("-H 'Content-Type: text/plain' --data-raw 'hello'", "text", {"text": "hello"}),
]


@pytest.mark.parametrize(("option", "encoding", "defaults"), BODIES)
def test_bodies(workshop: Workshop, option: str, encoding: str, defaults: dict[str, object]) -> None:
    utility = imported(workshop, f"curl {option} https://api.example.com/send")["send"]
    assert isinstance(utility, dict)
    assert utility["rest"]["method"] == "POST"
    assert utility["rest"].get("encoding", "json") == encoding
    assert {name: param["default"] for name, param in utility["params"].items()} == defaults


def test_a_file_of_a_form_is_a_file_param(workshop: Workshop) -> None:
    utility = imported(workshop, "curl -F file=@cat.png -F note=hi https://api.example.com/cats")["create_cat"]
    assert isinstance(utility, dict)
    assert utility["params"] == {
        "file": {"type": "file", "required": True},
        "note": {"type": "string", "default": "hi"},
    }
    assert utility["rest"]["encoding"] == "multipart"


def test_a_second_command_adds_a_second_utility(workshop: Workshop) -> None:
    imported(workshop, "curl https://api.example.com/a -H 'X-API-Key: k'", "--name", "get_a")
    workshop.edit("description: GET /a", "description: The first")
    workshop.edit("  get_a:", "  first:")
    utilities = imported(workshop, "curl https://api.example.com/b -H 'X-API-Key: k'")
    assert list(utilities) == ["first", "get_b"]
    elsewhere = imported(workshop, "curl https://other.example.com/c")["get_c"]
    assert isinstance(elsewhere, dict)
    assert elsewhere["auth"] == "none"
    assert elsewhere["rest"] == {"url": "https://other.example.com/c"}
    assert "description: The first" in workshop.text()


def test_the_same_command_twice_changes_nothing(workshop: Workshop) -> None:
    for _ in range(2):
        imported(workshop, "curl https://api.example.com/a", "--name", "get_a")
    done = workshop.run("curl", "curl https://api.example.com/a", "--name", "get_a")
    assert "nothing changed" in done.out


def test_options_without_a_counterpart_are_told(workshop: Workshop) -> None:
    done = workshop.run("curl", "curl -k --proto '=https' https://api.example.com/a", "--json")
    assert json.loads(done.out)["not_expressed"] == [
        {"what": "this option of curl has no counterpart", "where": ["-k", "--proto"]}
    ]


REFUSED = [
    ("curl", "no address"),
    (f"curl 'https://api.example.com/{SECRET}", "open quote"),
    (f"curl https://me:{SECRET}@api.example.com", "no plain http(s) address"),
    ("curl ftp://files.example.com/a", "no plain http(s) address"),
    (f"curl https://api.example.com/a -X {SECRET}", "knows the methods"),
    ("curl https://api.example.com/a -H", "has no value"),
]


@pytest.mark.parametrize(("command", "words"), REFUSED)
def test_what_is_no_call_is_refused_without_quoting_it(workshop: Workshop, command: str, words: str) -> None:
    done = workshop.run("curl", command)
    assert done.code == 1
    assert words in done.err
    assert SECRET not in done.err


@settings(max_examples=200, deadline=None)
@given(st.text("curl -XHdFuGb'\"={}:/.@?&%\\a1 \n", max_size=60))
def test_any_command_is_read_or_refused(tail: str) -> None:
    with suppress(ImportProblem):
        assert read_curl(f"curl https://api.example.com/a {tail}", Losses()).operations
