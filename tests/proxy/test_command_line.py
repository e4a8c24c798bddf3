"""`agentos use`, `agentos search` and `agentos status`."""

import json
import re
import shlex
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.cli.console import Console
from tests.end_to_end.house import KEY
from tests.proxy.lab import BUNDLED, QUERY, Lab, lab, sse
from tests.toy.raw import answer, answer_json, cut, render_chunks, say

SEEDS = Path(__file__).parents[2].parent / "shared" / "seeds"
COMMANDS = {name: SEEDS / f"{name}-openrouter-llm-api.md" for name in ("agentspend", "ferrite")}
MODELS = "https://openrouter.ai/api/v1/models"
PRICED = {"model": "m", "usage": {"prompt_tokens": 1, "completion_tokens": 1, "cost": 0.25}}
LIMITS = "[limits.default]\ncost_per_day = 100.0\n"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with lab(tmp_path_factory.mktemp("served"), config=LIMITS) as started:
        yield started


@pytest.fixture(params=["through a server", "in this process"])
def console(request: pytest.FixtureRequest, served: Lab) -> Console:
    """Both ways; the answers are the same."""
    served.upstream.says(answer_json({"ok": True}))
    origins = (
        "https://openrouter.ai",
        "https://maps.example",
        "https://api.anthropic.com",
        "http://localhost:11434",
    )
    made = Console(
        served.house.home,
        served.house.skills,
        {
            "OPENROUTER_API_KEY": KEY,
            "MAPS_API_KEY": QUERY,
            "AGENTOS_REWRITE": ",".join(f"{origin}={served.upstream.toy.origin}" for origin in origins),
        },
    )
    made.environ["AGENTOS_SKILLS"] = f"{served.house.skills}:{BUNDLED}"
    if request.param == "through a server":
        made.environ["AGENTOS_PORT"] = str(served.house.server.port)
    return made


def commands(file: Path) -> list[list[str]]:
    """The words of each example of a seed document, without the program's name."""
    blocks = re.findall(r"```bash\n(.*?)```", file.read_text(), re.DOTALL)
    return [shlex.split(block.replace("\\\n", " "))[2:] for block in blocks]


def test_headers_of_a_service_are_shown_as_it_wrote_them(served: Lab, console: Console) -> None:
    link = '<https://openrouter.ai/api/v1/models?page=2>; rel="next"'
    served.upstream.says(answer(302, headers=[("Location", "/api/v1/other"), ("Link", link)]))
    done = console.run("use", MODELS, "-i")
    assert (done.code, "location: /api/v1/other\n" in done.err, f"link: {link}\n" in done.err) == (0, True, True)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_commands_of_the_seed_documents_work_word_for_word(served: Lab, console: Console, name: str) -> None:
    if not COMMANDS[name].is_file():
        pytest.skip("the seeds are not beside this checkout")
    found = commands(COMMANDS[name])
    assert len(found) == 4
    for words in found:
        served.upstream.says(answer(body=b'{"a" : 1}\n', headers=[("Content-Type", "application/json")]))
        done = console.run(*words)
        assert (done.code, done.out, done.err) == (0, '{"a" : 1}\n', "")
        asked = served.upstream.asked
        given = dict(pairwise(words))
        assert f"https://openrouter.ai{asked.target}" == words[1]
        assert (asked.method, asked.body.decode()) == (given["--method"], given.get("--body", ""))
        is_public = asked.target == "/api/v1/models"  # its utility carries no key
        assert asked.header("authorization") == (None if is_public else f"Bearer {KEY}")
        if "http-referer:https://example.com" in words:
            assert asked.header("http-referer") == "https://example.com"
            assert asked.header("content-type") == "application/json"
        row = served.row()
        assert (row["agent"], row["skill"], row["utility"], row["outcome"]) == (
            "agentos-cli",
            "openrouter",
            "use",
            "ok",
        )


def test_bodies_are_what_was_given_and_their_type_is_guessed(served: Lab, console: Console, tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text('{"x": 1}')
    for words, body, kind in (
        (["-d", "{ }"], b"{ }", "application/json"),
        (["-d", "plain"], b"plain", "text/plain; charset=utf-8"),
        (["-d", f"@{file}"], b'{"x": 1}', "application/json"),
        (["--json", "[1, 2]"], b"[1, 2]", "application/json"),
        (["--body-file", str(file), "-H", "Content-Type: a/b"], b'{"x": 1}', "a/b"),
    ):
        served.upstream.says(answer_json({}))
        assert console.run("use", "https://maps.example/x?api_key=mine&y", *words).code == 0
        asked = served.upstream.asked
        assert (asked.method, asked.body, asked.header("content-type")) == ("POST", body, kind)
        assert asked.target == f"/x?y&api_key={QUERY}"
    served.upstream.says(answer_json({}))
    assert console.run("use", "-X", "put", MODELS, "-F", "a=b", "-F", f"f=@{file}").code == 0
    assert (served.upstream.asked.header("content-type") or "").startswith("multipart/form-data; boundary=")
    assert b'filename="a.json"\r\nContent-Type: application/json\r\n\r\n{"x": 1}\r\n' in served.upstream.asked.body


def test_a_status_of_400_and_more_is_a_failure_and_the_answer_is_printed(served: Lab, console: Console) -> None:
    served.upstream.says(answer(404, b"no\x00pe", [("Content-Type", "text/plain"), ("request-id", "r1")]))
    done = console.run("use", MODELS, "-i")
    assert (done.code, done.out) == (1, "no\x00pe")
    assert done.err.splitlines()[0] == "404"
    assert "request-id: r1" in done.err
    served.upstream.says(cut(render_chunks([b"half"], headers=[("Content-Type", "text/plain")], end=False)))
    broken = console.run("use", MODELS)
    assert (broken.code, json.loads(broken.err)["code"]) == (1, "upstream_truncated")
    assert "half".startswith(broken.out)


def test_what_was_not_sent_says_why(served: Lab, console: Console) -> None:
    for words, code in (
        (["https://openrouter.io/api"], "unknown_origin"),
        (["https://openrouter.ai/api/v1/credits"], "approval_required"),
        (["https://openrouter.ai/api/v1/x", "--credential", "management"], "approval_required"),
        (["https://openrouter.ai/api/v1/x", "--skill", "maps"], "unknown_origin"),
        (["https://openrouter.ai/api/v1/chat/completions", "--skill", "nobody"], "unknown_skill"),
    ):
        done = console.run("use", *words)
        assert (done.code, json.loads(done.err)["code"]) == (1, code), done
    for words in (
        ["ftp://x"],
        ["https://u@openrouter.ai/"],
        [MODELS, "-H", "x"],
        [MODELS, "-H", "x:"],
        [MODELS, "--json", "{"],
    ):
        done = console.run("use", *words)
        assert (done.code, done.out) == (2, ""), words
    assert console.run("use", MODELS, "-d", "a", "--json", "{}").code == 2
    assert served.upstream.toy.requests == []


def test_what_it_cost_and_what_is_left_is_said_beside_the_answer(served: Lab, console: Console) -> None:
    served.upstream.says(answer_json(PRICED))
    done = console.run("use", MODELS, "-i", "--agent", f"payer-{console.environ['AGENTOS_PORT']}")
    assert done.json == PRICED
    assert done.err.splitlines()[-1] == "Charged: $0.25 | Remaining: $99.75"
    assert console.run("use", MODELS).err == ""
    served.upstream.says(
        say(render_chunks([sse({"x": 1}, PRICED)], headers=[("Content-Type", "text/event-stream")]))
    )
    streamed = console.run("use", MODELS, "-i")
    assert streamed.out == sse({"x": 1}, PRICED).decode()
    assert "Charged: $0.25" in streamed.err


def test_a_dry_run_shows_the_request_and_sends_nothing(served: Lab, console: Console) -> None:
    done = console.run("use", "https://maps.example/v2/find?api_key=x&q=1", "--json", '{"a": 1}', "--dry-run")
    assert (done.code, served.upstream.toy.requests) == (0, [])
    assert done.out.splitlines()[:2] == ["skill: maps", "credential: default in query:api_key"]
    assert "POST https://maps.example/v2/find?q=1&api_key=********" in done.out
    assert "api_key='\"${MAPS_API_KEY}\"''" in done.out
    assert QUERY not in done.out + done.err
    open_one = console.run("use", "https://api.anthropic.com/v1/messages", "--dry-run")
    assert "would not be sent now. Credential not found" in open_one.err


def test_an_answer_goes_to_a_file(served: Lab, console: Console, tmp_path: Path) -> None:
    served.upstream.says(answer(body=bytes(range(256)), headers=[("Content-Type", "image/png")]))
    assert console.run("use", MODELS, "-o", str(tmp_path / "x.png")).out == ""
    assert (tmp_path / "x.png").read_bytes() == bytes(range(256))


def test_on_a_terminal_json_is_indented_and_nothing_steers_it(served: Lab) -> None:
    served.upstream.says(answer_json({"a": "\x1b[2J", "usage": {"cost": 0.5}}))
    console = Console(served.house.home, served.house.skills, {"AGENTOS_PORT": str(served.house.server.port)})
    done = console.on_terminal("use", MODELS, "--agent", "seer")
    assert '"a": "\\u001b[2J"' in done.out
    assert "Charged: $0.5 | Remaining: $99.5" in done.out


def test_search_looks_through_skills_utilities_and_hosts(console: Console) -> None:
    found = console.run("search", "model", "endpoints", "--json").json["results"]
    assert ("utility", "openrouter/list_model_endpoints") in [(each["kind"], each["name"]) for each in found]
    hosts = console.run("search", "maps.example").out
    assert "https://maps.example" in hosts
    assert "agentos use https://maps.example/…, of maps" in hosts
    many = console.run("search", "a", "--limit", "2")
    assert ("more: add --limit" in many.err, console.run("search", "zzzz").out.startswith("Nothing")) == (
        True,
        True,
    )


def test_status_says_whether_a_server_runs_and_what_is_left(served: Lab, console: Console) -> None:
    told = console.run("status", "--json", "--agent", "nobody-yet").json
    runs = console.environ["AGENTOS_PORT"] != "1"
    assert (told["server"] is not None) == runs
    assert told["budgets"] == [
        {
            "limit": "cost_per_day",
            "of_all_agents": False,
            "used": 0,
            "allowed": 100.0,
            "left": 100.0,
            "resets_at": told["budgets"][0]["resets_at"],
        }
    ]
    said = console.run("status").out
    assert ("runs at http://127.0.0.1" if runs else "No server of yours runs") in said
    assert "cost_per_day" in said
    assert ("skills loaded" in said, "ready" in said) == (runs, False), "they may want a key, or a yes"


DOCUMENT = """\
---
name: Only
description: A document
domains: [only.example]
auth_type: api_key
---
Text.
"""


def test_a_document_is_used_with_a_bearer_token_once_somebody_was_shown_that(tmp_path: Path) -> None:
    console = Console(tmp_path / "home", tmp_path / "skills", {"ONLY_API_KEY": "k" * 20})
    console.write("only.md", DOCUMENT)
    refused = console.run("use", "https://only.example/x")
    assert json.loads(refused.err)["code"] == "approval_required"
    assert "any path of https://only.example, as agents ask" in json.loads(refused.err)["error"]
    shown = console.run("keys", "set", "only", stdin="s" * 20)
    assert 'any path of https://only.example, as agents ask, with the credential "default"' in shown.err
    dry = console.run("use", "https://only.example/x", "--dry-run", ONLY_API_KEY="")
    assert "credential: default in header:authorization" in dry.out
    assert "Authorization: Bearer ********" in dry.out
    assert "would not be sent" not in dry.err
    assert console.run("revoke", "only").code == 0
    gone = console.run("use", "https://only.example/x", ONLY_API_KEY="")
    assert json.loads(gone.err)["code"] == "approval_required"
