"""`rest.refuse` and `rest.ignored`: params that a service cannot honour are refused, or not sent and told."""

from pathlib import Path
from typing import Any

import pytest

from tests.cli.console import Console
from tests.language.support import ORIGIN, serving
from tests.manifest.loading import HEAD, texts, utility
from tests.toy.raw import answer, answer_json

ASK = f"""
api: {{base_url: {ORIGIN}}}
auth: {{type: api_key, header: X-Key}}
settings: {{strict: {{default: false}}}}
utilities:
  ask:
    description: Ask
    params:
      text: {{type: string, required: true}}
      tool_choice: {{type: string}}
      seed: {{type: integer, default: 1}}
      top_k: {{type: integer}}
    additional_params: true
    rest:
      method: POST
      url: /ask
      body: {{text: .params.text}}
      refuse: |
        if .params.tool_choice == "required" then "example cannot force a tool: leave tool_choice out"
        elif .params.text == "odd" then 7
        elif .params.text == "" then {{path: "text", message: "must say something"}}
        elif .params.text == "half" then {{path: "text"}}
        else null end
      ignored: '["seed", "top_k", "seed", (.params | keys[] | select(startswith("x-")))]'
      stream: {{delta: .piece, accumulate: list, end: .last}}
"""
EVENTS = b'data: {"piece": 1}\n\ndata: {"piece": 2, "last": true}\n\n'


@pytest.mark.parametrize("stream", [False, True])
def test_a_param_that_is_not_sent_is_told_to_who_gave_it(tmp_path: Path, stream: bool) -> None:
    behaviour = answer(200, EVENTS, [("Content-Type", "text/event-stream")]) if stream else answer_json({"a": 1})
    with serving(tmp_path, ASK, behaviour, head=HEAD, key=True) as (house, toy):
        asked = {"text": "hi", "stream": stream}
        plain = house.call("demo", "ask", asked)
        told = house.call("demo", "ask", asked | {"top_k": 3, "seed": None, "x-ü,y": 1})
        both = house.call("demo", "ask", asked | {"seed": 4, "top_k": 5})
    assert [response.status_code for response in (plain, told, both)] == [200, 200, 200], told.text
    assert "x-ignored-params" not in plain.headers
    assert told.headers["x-ignored-params"] == "top_k,x-%C3%BC%2Cy"
    assert both.headers["x-ignored-params"] == "seed,top_k"
    assert [request.body for request in toy.requests] == [b'{"text":"hi"}'] * 3


@pytest.mark.parametrize("stream", [False, True])
def test_a_refused_call_says_the_manifests_sentence_and_sends_nothing(tmp_path: Path, stream: bool) -> None:
    with serving(tmp_path, ASK, answer_json({}), head=HEAD, key=True) as (house, toy):
        refused = house.call("demo", "ask", {"text": "hi", "tool_choice": "required", "stream": stream})
        odd, half = (house.call("demo", "ask", {"text": text, "stream": stream}) for text in ("odd", "half"))
        placed = house.call("demo", "ask", {"text": "", "stream": stream})
        assert toy.requests == []
        rows = house.rows()
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid_params")
    assert refused.json()["error"] == "example cannot force a tool: leave tool_choice out"
    assert (placed.status_code, placed.json()["code"]) == (400, "invalid_params")
    assert placed.json()["error"] == "text: must say something"
    assert placed.json()["problems"] == [{"path": "text", "message": "must say something"}]
    for wrong in (odd, half):
        assert (wrong.status_code, wrong.json()["code"]) == (500, "expression_failed")
        assert "utilities.ask.rest.refuse failed: gives neither null nor a sentence" in wrong.json()["error"]
    assert [row["code"] for row in rows] == [
        "invalid_params",
        "expression_failed",
        "expression_failed",
        "invalid_params",
    ]
    assert {row["outcome"] for row in rows} == {"error"}


def test_an_answer_that_is_given_again_says_it_again(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    (home / "config.toml").write_text("[idempotency]\nenabled = true\n")
    with serving(tmp_path, ASK, answer_json({}), head=HEAD, key=True) as (house, _):
        params = {"text": "hi", "seed": 4}
        answers = [house.call("demo", "ask", params, Idempotency_Key="k") for _ in range(2)]
    assert [each.headers.get("x-ignored-params") for each in answers] == ["seed", "seed"]


def test_the_command_line_says_what_was_not_sent_and_where_it_was_decided(tmp_path: Path) -> None:
    with serving(tmp_path, ASK, answer_json({"a": 1}), head=HEAD, key=True) as (house, toy):
        environ = {"DEMO_API_KEY": "k-canary", "AGENTOS_REWRITE": f"{ORIGIN}={toy.origin}"}
        console = Console(tmp_path / "other", house.skills, environ)
        args = ("call", "demo", "ask", "text=hi", "seed=4")
        inside = console.run(*args)
        port = house.server.url.rpartition(":")[2]
        through = console.run(*args, AGENTOS_PORT=port)
        stages: list[Any] = console.run(*args, "--explain", "--jsonl").out.splitlines()
        refused = console.run("call", "demo", "ask", "text=hi", "tool_choice=required", "--dry-run")
    for done in (inside, through):
        assert (done.code, done.err.strip()) == (0, "Not sent, since the service cannot honour it: seed"), done
    assert any('"stage":"ignored"' in line.replace(" ", "") and '["seed"]' in line for line in stages), stages
    assert refused.code == 1
    assert "example cannot force a tool" in refused.err


URL = "method: POST\nurl: https://api.example.com/x"


def test_a_mistake_about_them_is_told_at_its_place() -> None:
    front = utility(f"{URL}\nrefuse: .auth.key\nbody: .params", above="auth: {type: api_key, header: X-K}")
    assert texts(front) == [
        "12:15 `refuse` is about the params and sees no credential. Use `.params` and `.settings` only"
    ]
    warned = texts(
        utility(f"{URL}\nignored: '[.params.sede | select(.) | \"seed\"]'", params="seed: {}"), "warning"
    )
    assert [text.partition(" ")[2] for text in warned] == [
        "`sede` is not a param of go, so this is always null. Did you mean `seed`?"
    ]
