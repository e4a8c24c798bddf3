"""`agentos test --chat`: what holds for every chat, tried with a stranger's own cases."""

from pathlib import Path

import pytest

from tests.cli.console import Done
from tests.testing.support import console

CHAT = """\
---
id: notes
name: Parrot
description: A chat for tests
auth: none
definitions:
  object: 'if type == "object" then . else {} end'
  unknown: '{input_tokens: null, output_tokens: null}'
utilities:
  chat:
    description: Ask
    params: {messages: {type: array, required: true}}
    returns: {content: string, tool_calls: array, stop_reason: string, usage: object}
    rest:
      method: POST
      url: https://parrot.example/chat
      body: {said: '.params.messages | map(.content // (.tool_calls | tojson))'}
      response:
        error: 'if $response.status < 300 and (object | has("text") == false) then "no text" else null end'
        transform: '{content: .text, tool_calls: [], stop_reason: .why, usage: unknown}'
      stream:
        delta: '{content: .text, stop_reason: .why}'
        done: "[DONE]"
        accumulate: chat
        reply: '{content, tool_calls: [], stop_reason, usage: unknown}'
---
"""
PLAIN = """\
description: A word
utility: chat
params: {messages: [{role: user, content: hi}]}
request: {method: POST, url: "https://parrot.example/chat", body: {said: [hi]}}
response: {body: {text: Hello, why: end_turn}}
reply: {content: Hello, tool_calls: [], stop_reason: end_turn, usage: {input_tokens: null, output_tokens: null}}
"""
STREAM = """\
description: A word in pieces
utility: chat
params: {messages: [{role: user, content: hi}]}
request: {method: POST, url: "https://parrot.example/chat", body: {said: [hi]}}
response: {events: [{data: {text: Hel}}, {data: {text: lo}}, {data: {why: end_turn}}, {data: "[DONE]"}]}
reply: {content: Hello, tool_calls: [], stop_reason: end_turn, usage: {input_tokens: null, output_tokens: null}}
"""
REFUSED = """\
description: Too much
utility: chat
params: {messages: [{role: user, content: hi}]}
request: {method: POST, url: "https://parrot.example/chat"}
response: {status: 429, body: {error: {message: slow down}}}
error: {code: upstream_rate_limited}
"""


def tried(folder: Path, skill: str = CHAT, **cases: str) -> Done:
    made = console(folder, cases)
    made.write("notes/readme.md", skill)
    return made.run("test", "--chat", "notes", "--json")


def failing(done: Done) -> dict[tuple[str, str], str]:
    return {(f["case"], f["invariant"]): f["problem"] for f in done.json["findings"] if f["problem"]}


def test_a_chat_that_keeps_to_the_rules_passes_and_hears_what_no_case_is_about(tmp_path: Path) -> None:
    done = tried(tmp_path, plain=PLAIN, stream=STREAM, refused=REFUSED)
    assert (failing(done), done.code) == ({}, 0)
    said = {(f["case"], f["invariant"]) for f in done.json["findings"]}
    assert said == {
        ("stream", "whole and in pieces it is one reply"),
        ("stream", "tool_use stands with calls, and only then"),
        ("stream", "the reply goes back as it came"),
        ("stream", "the deltas add up to done"),
        ("stream", "packets do not matter"),
        ("stream", "a stream that is cut is no reply"),
        ("plain", "tool_use stands with calls, and only then"),
        ("plain", "the reply goes back as it came"),
        ("plain", "no failure is a reply"),
        ("refused", "a stream is refused like the plain call"),
    }
    assert "a call, in pieces" in done.json["uncovered"]
    assert "a text, in pieces" not in done.json["uncovered"]
    assert "a limit of calls" not in done.json["uncovered"]


HELP = STREAM.replace("data: {text: lo}", "data: {text: p}").replace("Hello", "Help")
LOOP = PLAIN.replace("why: end_turn", "why: tool_use").replace("reason: end_turn", "reason: tool_use")


@pytest.mark.parametrize(
    ("change", "cases", "wrong"),
    [
        (("has(\"text\") == false", "false"), {"plain": PLAIN}, ("plain", "no failure is a reply")),
        (("map(.content // (.tool_calls | tojson))", "[.[0].content]"), {"plain": PLAIN},
         ("plain", "the reply goes back as it came")),
        (("reply: '{content,", "reply: '{content: (.content + \".\"),"),
         {"stream": STREAM.replace("content: Hello,", "content: Hello.,")},
         ("stream", "the deltas add up to done")),
        ((".why}'\n        done: \"[DONE]\"", '"end_turn"}\''), {"stream": STREAM},
         ("stream", "a stream that is cut is no reply")),
        (("x", "x"), {"plain": PLAIN, "stream": HELP},
         ("stream", "whole and in pieces it is one reply")),
        (("x", "x"), {"plain": LOOP},
         ("plain", "tool_use stands with calls, and only then")),
    ],
)  # fmt: skip
def test_a_chat_that_breaks_a_rule_hears_which_and_where(
    tmp_path: Path, change: tuple[str, str], cases: dict[str, str], wrong: tuple[str, str]
) -> None:
    done = tried(tmp_path, CHAT.replace(*change), **cases)
    assert wrong in failing(done), done.json
    assert done.code == 1


def test_a_skill_without_a_chat_and_no_skill_at_all_are_told(tmp_path: Path) -> None:
    made = console(tmp_path)
    done = made.run("test", "--chat", "notes")
    assert (done.code, "has no case of a chat" in done.err) == (1, True)
    assert made.run("test", "--chat").code == 2


@pytest.mark.slow
@pytest.mark.parametrize("skill", ["openrouter", "anthropic", "ollama", "openai", "gemini"])
def test_the_bundled_chats_keep_to_the_rules(tmp_path: Path, skill: str) -> None:
    made = console(tmp_path, {})
    made.as_installed()
    done = made.run("test", "--chat", skill, "--json")
    assert failing(done) == {}
    assert len(done.json["findings"]) > 20
