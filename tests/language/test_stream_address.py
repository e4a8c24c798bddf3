"""`stream.url`, `stream.headers`, `stream.query`: services that stream at another address than they answer at."""

import json
from pathlib import Path

import pytest

from tests.cli.console import Console
from tests.language.support import CANARY, ORIGIN, serving
from tests.manifest.loading import HEAD, texts, utility
from tests.toy.raw import Exchange, answer, answer_json

MODELS = f"""
api: {{base_url: {ORIGIN}/v1beta, headers: {{X-Goog-Api-Client: demo}}}}
auth: {{type: api_key, header: X-Goog-Api-Key}}
definitions:
  words: '[.candidates[0].content.parts[]?.text] | add // ""'
utilities:
  ask:
    description: Ask a model
    params:
      model: {{type: string, required: true}}
      text: {{type: string, required: true}}
    returns: {{text: string, tokens: integer}}
    rest:
      method: POST
      url: /models/{{model}}:generateContent
      headers: {{X-Plain: 1, X-Both: plain}}
      query: {{prettyPrint: false, plain: 1}}
      body: {{contents: [{{role: user, parts: [{{text: .params.text}}]}}]}}
      response: {{mapping: {{text: words, tokens: .usageMetadata.totalTokenCount}}}}
      stream:
        url: /models/{{model}}:streamGenerateContent?alt=sse
        headers: {{x-plain: null, X-Both: streamed, Accept: text/event-stream}}
        query: {{plain: null, n: '.params.text | length'}}
        delta: '{{text: words, tokens: .usageMetadata.totalTokenCount}}'
        accumulate: list
        end: '.candidates[0].finishReason'
        reply: '{{text: (map(.text) | add), tokens: last.tokens}}'
"""


def candidate(text: str, tokens: int, reason: str | None = None) -> dict[str, object]:
    parts = {"content": {"role": "model", "parts": [{"text": text}]}, "finishReason": reason}
    return {"candidates": [parts], "usageMetadata": {"totalTokenCount": tokens}}


def model(exchange: Exchange) -> None:
    """Answers as the Gemini API does: a stream only at its own method, and as events only for `alt=sse`."""
    path, _, query = exchange.request.target.partition("?")
    asked = json.loads(exchange.request.body)["contents"][0]["parts"][0]["text"]
    if path.endswith(":generateContent"):
        answer_json(candidate(f"You said {asked}", 7, "STOP"))(exchange)
    elif path.endswith(":streamGenerateContent") and "alt=sse" in query.split("&"):
        chunks = [candidate("You ", 3), candidate("said ", 5), candidate(asked, 7, "STOP")]
        events = "".join(f"data: {json.dumps(chunk)}\r\n\r\n" for chunk in chunks)
        answer(200, events.encode(), [("Content-Type", "text/event-stream")])(exchange)
    else:
        answer_json({"error": {"code": 404, "message": "Method not found", "status": "NOT_FOUND"}}, 404)(exchange)


def test_a_plain_call_and_a_stream_go_to_their_own_addresses_and_give_the_same(tmp_path: Path) -> None:
    with serving(tmp_path, MODELS, model, head=HEAD, key=True) as (house, toy):
        params = {"model": "small/1", "text": "a&b"}
        plain = house.call("demo", "ask", params)
        events = house.stream("demo", "ask", params)
    assert plain.json() == {"text": "You said a&b", "tokens": 7}
    assert [name for name, _ in events] == ["delta", "delta", "delta", "done"]
    assert events[-1][1] == plain.json()
    first, second = toy.requests
    assert first.target == "/v1beta/models/small%2F1:generateContent?prettyPrint=false&plain=1"
    assert second.target == "/v1beta/models/small%2F1:streamGenerateContent?alt=sse&prettyPrint=false&n=3"
    names = ("x-goog-api-key", "x-goog-api-client", "x-plain", "x-both", "accept")
    assert [first.header(name) for name in names] == [CANARY, "demo", "1", "plain", first.header("accept")]
    assert [second.header(name) for name in names] == [CANARY, "demo", None, "streamed", "text/event-stream"]
    assert first.body == second.body


def test_a_preview_of_a_stream_shows_the_request_that_a_stream_makes(tmp_path: Path) -> None:
    console = Console(tmp_path / "home", tmp_path / "skills", {"DEMO_API_KEY": CANARY})
    console.write("demo.md", f"---\n{HEAD}{MODELS}\n---\n")
    args = ("call", "demo", "ask", "model=m", "text=hi", "--dry-run", "--jsonl")
    assert console.run(*args).json["request"]["url"].startswith(f"{ORIGIN}/v1beta/models/m:generateContent?")
    streamed = console.run(*args, "--stream").json["request"]
    assert streamed["url"] == f"{ORIGIN}/v1beta/models/m:streamGenerateContent?alt=sse&prettyPrint=false&n=2"
    assert streamed["headers"]["X-Both"] == "streamed"


SPLIT = f"""
api: {{base_url: {ORIGIN}}}
auth: {{type: api_key}}
utilities:
  ask:
    description: Ask
    params: {{q: {{}}}}
    rest:
      method: POST
      url: /ask
      headers: {{X-Key: .auth.key}}
      body: {{q: .params.q}}
      stream:
        url: 'https://stream.example/ask'
        headers: {{X-Key: null}}
        query: {{key: .auth.key}}
        delta: '.'
        accumulate: list
"""


def test_a_key_goes_to_the_address_of_streams_only_when_that_was_approved_too(tmp_path: Path) -> None:
    with serving(tmp_path, SPLIT, answer_json({}), head=HEAD, key=True) as (house, toy):
        assert house.call("demo", "ask", {"q": 1}).status_code == 200
        refused = house.call("demo", "ask", {"q": 1, "stream": True})
        shown = house.client.get("/api/skills/demo").json()
        assert len(toy.requests) == 1
    assert (refused.status_code, refused.json()["code"]) == (409, "approval_required"), refused.text
    assert 'POST https://stream.example with the credential "default" in query:key' in refused.json()["error"]
    grants = {(each["origin"], each["placement"]): each["approved_by"] for each in shown["authority"]}
    assert grants == {(ORIGIN, "header:x-key"): "rewrite", ("https://stream.example", "query:key"): None}
    assert shown["state"] == "needs_approval"


def test_a_request_carries_the_key_at_the_places_of_its_own_form_only(tmp_path: Path) -> None:
    here = SPLIT.replace("https://stream.example/ask", "/events")
    with serving(tmp_path, here, answer_json({}), head=HEAD, key=True) as (house, toy):
        assert house.call("demo", "ask", {"q": 1}).status_code == 200
        assert [name for name, _ in house.stream("demo", "ask", {"q": 1})] == ["done"]
    plain, streamed = toy.requests
    assert (plain.target, plain.header("x-key")) == ("/ask", CANARY)
    assert (streamed.target, streamed.header("x-key")) == (f"/events?key={CANARY}", None)


@pytest.mark.parametrize("text", ["a/b", "../x", "x?y=1", "#", ""])
def test_no_param_changes_where_a_stream_is_asked_for(tmp_path: Path, text: str) -> None:
    front = SPLIT.replace("'https://stream.example/ask'", f"""'"{ORIGIN}/s/" + .params.q + "/events"'""")
    with serving(tmp_path, front, answer_json({}), head=HEAD, key=True) as (house, toy):
        refused = house.call("demo", "ask", {"q": text, "stream": True})
        assert (refused.status_code, refused.json()["code"]) == (400, "invalid_params"), refused.text
        assert "utilities.ask.rest.stream.url" in refused.text
        assert toy.requests == []


def test_where_streams_without_a_key_go_is_shown_too(tmp_path: Path) -> None:
    console = Console(tmp_path / "home", tmp_path / "skills")
    front = SPLIT.replace("auth: {type: api_key}", "auth: none")
    front = front.replace("headers: {X-Key: .auth.key}", "headers: {X-Key: 1}").replace(".auth.key", "1")
    console.write("demo.md", f"---\n{HEAD}{front}\n---\n")
    found = console.run("show", "demo", "--json").json["utilities"]["ask"]
    assert (found["origin"], found["stream_origin"]) == (ORIGIN, "https://stream.example")
    shown = console.run("show", "demo").out.partition("What it may do")[2]
    assert ORIGIN in shown
    assert "https://stream.example" in shown


URL = "method: POST\nurl: https://api.example.com/x"


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        ("url: x.example", "a url begins with https://, http:// or /. Write https://x.example"),
        ("url: /x", "a url that begins with / needs `api.base_url`"),
        ("url: 'https://u:p@x.example/'", "this url contains a user name or password; say it under `auth`"),
        ("url: 'https://{q}.example/'", "this url has a param in its host: where a call goes must be literal"),
        ("url: 'https://x.example/{p}'", "`p` is not a param of go"),
        ("url: .params.q", "a jq url must begin with a literal origin"),
        ("headers: {Host: x}", "`Host` is set by the runtime and cannot be set by a manifest"),
        ("query: {a: {b: 1}}", "`a` of a query must be text, a number, a list or jq, is a map"),
        ("headers: {X-A: .auth.key}", "`.auth` is used, but the call carries no credential"),
        ("uri: https://x.example/", "`uri` is not a key of `stream`. Did you mean `url`?"),
    ],
)
def test_a_mistake_about_the_address_of_streams_is_an_error_at_its_own_place(stream: str, expected: str) -> None:
    found = texts(utility(f"{URL}\nstream:\n  delta: .\n  {stream}", params="q: {}"))
    assert any(expected in text for text in found), found
    assert all(text.startswith("15:") for text in found), found


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        ("url: http://x.example/", "http:// can be read and changed on the way"),
        ("url: 'https://x.example/{q}'", "the url needs `q`, which a caller may leave out"),
        (
            "headers: {X-Paln: null}",
            "`X-Paln: null` takes nothing away: `rest.headers` has no `X-Paln`. Did you mean `X-Plan`?",
        ),
        ("headers: {X-Key: 1}", "`X-Key` is overwritten by the credential"),
    ],
)
def test_what_is_probably_not_meant_is_a_warning_for_streams_too(stream: str, expected: str) -> None:
    above = "auth: {type: api_key, header: X-Key}"
    rest = f"{URL}\nheaders: {{X-Plan: 1}}\nbody: {{q: .params.q}}\nstream:\n  delta: .\n  {stream}"
    front = utility(rest, params="q: {}", above=above)
    assert texts(front) == []
    found = texts(front, "warning")
    assert any(expected in text for text in found), found
