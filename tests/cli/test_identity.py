"""Who the command line is: the operator where it opens the home, and whom it says to be to a server."""

import json
from collections.abc import Iterator

import pytest

from tests.cli.console import Console, Done
from tests.cli.skills import CANARY
from tests.toy.raw import Toy, answer_json

OPERATOR = "the-operators-own-token"
SECRETS = {"AGENTOS_TOKEN": "let-me-in-please-now", "AGENTOS_OPERATOR_TOKEN": OPERATOR}


@pytest.fixture
def environ() -> Iterator[dict[str, str]]:
    """A key and a service for the toy skill."""
    with Toy(answer_json({"data": {"text": "hi"}})) as toy:
        yield {"AGENTOS_REWRITE": f"https://toy.example={toy.origin}", "TOY_API_KEY": CANARY}


def bind(console: Console, name: str) -> str:
    token: str = console.run("agents", "add", name, "--json").json["token"]
    return token


def call(console: Console, *more: str, **environ: str) -> Done:
    return console.run("call", "toy", "echo", "text=x", *more, **environ)


def failed(done: Done) -> str:
    assert done.code == 1
    return str(json.loads(done.err)["code"])


def callers(console: Console) -> list[str]:
    """Who called, the first first."""
    return [row["agent"] for row in reversed(console.run("activity", "--json").json["rows"])]


def test_through_a_server_a_call_is_made_by_whom_the_environment_says(
    console: Console, environ: dict[str, str]
) -> None:
    anns = bind(console, "ann")
    with console.serving(**environ, **SECRETS):
        token, operator = SECRETS["AGENTOS_TOKEN"], {"AGENTOS_OPERATOR_TOKEN": OPERATOR}
        assert failed(call(console)) == "unauthorized"
        assert call(console, AGENTOS_TOKEN=token).code == 0
        assert call(console, AGENTOS_TOKEN=token, AGENTOS_AGENT="bob").code == 0
        assert call(console, "--agent", "cy", AGENTOS_TOKEN=token, AGENTOS_AGENT="bob").code == 0
        assert failed(call(console, "--agent", "ann", AGENTOS_TOKEN=token)) == "unauthorized"
        assert call(console, AGENTOS_AGENT_TOKEN=anns).code == 0
        assert call(console, AGENTOS_AGENT_TOKEN=anns, AGENTOS_AGENT="ann", **SECRETS).code == 0
        assert failed(call(console, "--agent", "bob", AGENTOS_AGENT_TOKEN=anns, **operator)) == "not_allowed"
        assert call(console, "--agent", "ann", **operator).code == 0
    assert callers(console) == ["agentos-cli", "bob", "cy", "ann", "ann", "ann"]
    assert not any(secret in text for text in console.seen for secret in (OPERATOR, SECRETS["AGENTOS_TOKEN"]))


def test_in_this_process_a_token_says_the_name_and_the_operator_may_take_any(
    console: Console, environ: dict[str, str]
) -> None:
    anns = bind(console, "ann")
    assert call(console, **environ).code == 0
    assert call(console, **environ, AGENTOS_AGENT="bob").code == 0
    assert call(console, "--agent", "ann", **environ).code == 0
    assert call(console, **environ, AGENTOS_AGENT_TOKEN=anns).code == 0
    assert callers(console) == ["agentos-cli", "bob", "ann", "ann"]
    other = call(console, "--agent", "bob", **environ, AGENTOS_AGENT_TOKEN=anns)
    assert (other.code, 'belongs to the agent "ann", not to "bob"' in other.err) == (1, True)
    for options in ([], ["--dry-run"], ["--explain"]):
        unknown = call(console, *options, **environ, AGENTOS_AGENT_TOKEN="agentos_made-up")
        assert (unknown.code, "AGENTOS_AGENT_TOKEN is not known" in unknown.err) == (1, True)
        assert "made-up" not in unknown.err
    assert len(callers(console)) == 4


def test_limits_hold_for_the_name_and_its_params_are_typed(console: Console, environ: dict[str, str]) -> None:
    console.home.mkdir(mode=0o700, exist_ok=True)
    (console.home / "config.toml").write_text(
        '[limits.default]\nallow = []\n[limits.agents.ann]\nallow = ["toy"]\n'
    )
    anns = bind(console, "ann")
    with console.serving(**environ):
        assert failed(call(console, "count=3")) == "not_allowed"
        assert call(console, "count=3", AGENTOS_AGENT_TOKEN=anns).code == 0
    assert failed(call(console, "--local", **environ)) == "not_allowed"


def test_commands_that_open_the_home_show_everything_whoever_is_bound(
    console: Console, environ: dict[str, str]
) -> None:
    console.home.mkdir(mode=0o700, exist_ok=True)
    (console.home / "config.toml").write_text(
        "[limits.default]\nallow = []\n[limits.agents.ann]\nallow = ['toy']\n"
    )
    anns = bind(console, "ann")
    assert call(console, **environ, AGENTOS_AGENT_TOKEN=anns).code == 0
    for given in ({}, {"AGENTOS_AGENT": "bob"}):
        assert [row["agent"] for row in console.run("activity", "--json", **given).json["rows"]] == ["ann"]
        assert [row["agent"] for row in console.run("usage", "--json", **given).json["rows"]] == ["ann"]
        assert [entry["id"] for entry in console.run("list", "--json", **given).json["skills"]] == ["toy"]
        assert console.run("show", "toy", "echo", **given).code == 0


@pytest.mark.parametrize("name", ["käfer", " x", "a\nb", "x" * 65])
def test_a_name_that_no_header_can_hold_is_refused_in_a_sentence(console: Console, name: str) -> None:
    for options in ([], ["--local"]):
        done = call(console, *options, "--agent", name)
        assert (done.code, "cannot be an agent's name" in done.err) == (1, True)
        assert call(console, *options, AGENTOS_AGENT=name).code == 1


def test_doctor_shows_where_tokens_come_from_never_what_they_are(console: Console) -> None:
    given = SECRETS | {"AGENTOS_AGENT_TOKEN": "agentos_of-an-agent", "AGENTOS_AGENT": "bob"}
    shown = {each["name"]: each for each in console.run("doctor", "--json", **given).json["settings"]}
    for name in ("token", "operator_token", "agent_token"):
        assert (shown[name]["value"], shown[name]["source"]) == ("set, not shown", f"AGENTOS_{name.upper()}")
    assert shown["agent"]["value"] == "bob"
    assert not any(secret in text for text in console.seen for secret in given.values() if secret != "bob")
    short = console.run("doctor", AGENTOS_OPERATOR_TOKEN="boss")
    assert "operator_token: has fewer than 16 characters" in short.out
    assert "boss" not in short.out


def test_a_token_that_is_not_the_operators_own_ends_the_start(console: Console) -> None:
    anns = bind(console, "ann")
    for given in ({"AGENTOS_OPERATOR_TOKEN": anns}, {"AGENTOS_OPERATOR_TOKEN": "x", "AGENTOS_TOKEN": "x"}):
        done = console.run("serve", "--port", "0", **given)
        assert done.code == 2
        assert "operator_token" in done.err
        assert "openssl rand -hex 32" in done.err
        assert anns not in done.err
