"""`call --record`: the case of a call that was made passes at once, and holds no secret."""

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentos_runtime.bootstrap import open_runtime
from agentos_runtime.calls.call import Call
from agentos_runtime.config.settings import Settings
from agentos_runtime.testing.recording import Heard, NotRecorded, make_case
from agentos_runtime.testing.run import Stage, plain_outcome, playing
from tests.cli.console import Console
from tests.reading import read_yaml
from tests.security.echoes import ENCODINGS, ESCAPES
from tests.testing.support import console
from tests.toy.raw import Behaviour, Toy, answer, answer_json, chunked_head, one_chunk, say

KEY = "nk-canary/7f3a+91c6e0d2"
ITEMS = """
  pages:
    description: All notes
    returns: array
    rest:
      url: https://notes.example/v1/notes
      paginate: {style: cursor, limit: limit, items: /items, next: .next}
  page:
    description: A page
    rest: {url: "https://notes.example/v1/page", response: {raw: true}}
---
"""
NOTHING = """
  forget:
    description: Forget all notes
    returns: void
    rest: {method: DELETE, url: https://notes.example/v1/notes}
---
"""
SSE = [("Content-Type", "text/event-stream")]


@pytest.fixture
def made(tmp_path: Path) -> Console:
    ready = console(tmp_path, {})
    ready.environ |= {"NOTES_API_KEY": KEY, "NOTES_WRITER_KEY": KEY}
    return ready


def call(made: Console, *args: str, to: Behaviour | None = None, more: tuple[Behaviour, ...] = ()) -> Iterator[str]:
    """Make a call that is recorded as `try`; what was written."""
    with Toy(to or answer_json({}), *more) as toy:
        done = made.run(
            "call", "notes", *args, "--record", "try", AGENTOS_REWRITE=f"https://notes.example={toy.origin}"
        )
    yield done.err
    file = made.skills / "notes/cases/try.yaml"
    yield file.read_text(encoding="utf-8") if file.exists() else ""


def passes(made: Console) -> None:
    done = made.run("test", "notes", "--json")
    assert (done.code, done.json["passed"]) == (0, 1), done.out


def test_a_recorded_call_is_a_case_that_passes_at_once(made: Console) -> None:
    said, text = call(made, "read", "id=a b", "lang=de", to=answer_json({"body": "Hallo", "more": [1, 2.5, None]}))
    assert "Recorded: " in said
    assert read_yaml(text) == {
        "description": "Read a note: id a b, lang de",
        "utility": "read",
        "params": {"id": "a b", "lang": "de"},
        "live": True,
        "request": {"method": "GET", "url": "https://notes.example/v1/notes/a%20b?lang=de"},
        "response": {"body": {"body": "Hallo", "more": [1, 2.5, None]}},
        "reply": {"text": "Hallo"},
    }
    passes(made)
    assert made.run("check", made.skills / "notes").code == 0


def test_a_call_that_writes_is_not_live_and_a_failure_is_a_case_too(made: Console) -> None:
    full = answer_json({"error": {"message": "The shelf is full"}}, 429, [("Retry-After", "7"), ("Date", "x")])
    _, text = call(made, "write", "text=Hi", to=full)
    found = read_yaml(text)
    assert "live" not in found
    assert found["response"] == {
        "status": 429,
        "headers": {"retry-after": "7"},
        "body": {"error": {"message": "The shelf is full"}},
    }
    assert found["error"]["code"] == "upstream_rate_limited"
    passes(made)


@pytest.mark.parametrize(("status", "response"), [(204, {"status": 204}), (500, {"status": 500}), (200, {})])
def test_an_answer_without_body_and_type_is_recorded_too(made: Console, status: int, response: object) -> None:
    file = made.skills / "notes/readme.md"
    text = file.read_text(encoding="utf-8").rstrip().removesuffix("---").rstrip()
    file.write_text(text + NOTHING, encoding="utf-8")
    said, text = call(made, "forget", to=answer(status))
    assert "Recorded: " in said
    assert read_yaml(text)["response"] == response
    passes(made)


def test_a_stream_is_recorded_with_its_events_and_deltas(made: Console) -> None:
    events = b"".join(f"data: {json.dumps({'say': text})}\n\n".encode() for text in ("Once ", "upon"))
    whole = chunked_head(200, SSE) + one_chunk(events + b"data: [DONE]\n\n") + b"0\r\n\r\n"
    _, text = call(made, "tell", "about=foxes", "--stream", to=say(whole))
    found = read_yaml(text)
    assert found["response"]["events"] == [
        {"data": {"say": "Once "}},
        {"data": {"say": "upon"}},
        {"data": "[DONE]"},
    ]
    assert (found["reply"], found["deltas"]) == ("Once upon", ["Once ", "upon"])
    passes(made)


def saying(*events: object, done: bool = True) -> Behaviour:
    told = b"".join(b"data: %b\n\n" % json.dumps(event).encode() for event in events)
    end = b"data: [DONE]\n\n" if done else b""
    return say(chunked_head(200, SSE) + one_chunk(told + end) + b"0\r\n\r\n")


FAILED = {
    "a stream that fails": (
        saying({"say": "Once "}, {"error": {"message": "overheated", "code": 503}}, done=False),
        "upstream_unavailable",
    ),
    "a stream that is cut": (saying({"say": "Once "}, done=False), "upstream_truncated"),
}


@pytest.mark.parametrize("name", FAILED)
def test_a_stream_that_does_not_end_well_is_a_case_too(made: Console, name: str) -> None:
    behave, code = FAILED[name]
    said, text = call(made, "tell", "about=foxes", "--stream", to=behave)
    found = read_yaml(text)
    assert (found["error"]["code"], found["response"]["events"][0]) == (code, {"data": {"say": "Once "}}), said
    passes(made)


def test_a_plain_answer_to_a_stream_is_a_case_too(made: Console) -> None:
    said, text = call(made, "tell", "about=foxes", "--stream", to=answer_json({"story": f"{KEY} once"}))
    assert read_yaml(text)["response"] == {"body": {"story": "[redacted] once"}}, said
    passes(made)


def test_a_key_that_comes_in_pieces_makes_no_case(made: Console) -> None:
    said, text = call(
        made, "tell", "about=foxes", "--stream", to=saying({"say": KEY[:9]}, {"say": KEY[9:]}, {"say": " once"})
    )
    assert ("a secret of the call in pieces" in said, text) == (True, "")


def test_every_page_is_recorded(made: Console) -> None:
    file = made.skills / "notes/readme.md"
    file.write_text(
        file.read_text(encoding="utf-8").rstrip().removesuffix("---").rstrip() + ITEMS, encoding="utf-8"
    )
    pages = answer_json({"items": [1, 2], "next": "c2"}), answer_json({"items": [3]})
    _, text = call(made, "pages", "--all", to=pages[0], more=pages[1:])
    assert [each["request"]["url"] for each in read_yaml(text)["exchanges"]] == [
        "https://notes.example/v1/notes?limit=100",
        "https://notes.example/v1/notes?cursor=c2&limit=100",
    ]
    passes(made)
    said, text = call(made, "page", to=answer(200, b"\x89PNG\xff\xfe", [("Content-Type", "image/png")]))
    assert "is there already" in said


def test_what_cannot_be_kept_says_why_and_writes_nothing(made: Console) -> None:
    file = made.skills / "notes/readme.md"
    file.write_text(
        file.read_text(encoding="utf-8").rstrip().removesuffix("---").rstrip() + ITEMS, encoding="utf-8"
    )
    said, text = call(made, "page", to=answer(200, b"\x89PNG\xff\xfe", [("Content-Type", "image/png")]))
    assert ("bytes that are no text" in said, text) == (True, "")
    said, text = call(made, "read", "id=x", to=answer_json({"body": "y" * 300_000}))
    assert ("ask for less of it" in said, text) == (True, "")
    bundled = made.run("call", "open-meteo", "current", "--record", "try", AGENTOS_ONLY_SKILLS="false")
    assert "ships with the runtime" in bundled.err
    assert made.run("call", "notes", "read", "id=x", "--record", "../up").code == 2


def hostile() -> Iterator[tuple[str, Behaviour]]:
    """Answers that hold secrets: the key in every encoding, others' keys, and text that is meant to break out."""
    for name, encode in {**ESCAPES, **ENCODINGS}.items():
        yield name, answer_json({"body": encode(KEY), encode(KEY): 1})
    github, session = "ghp_" + "a1B2c3D4e5" * 4, "Zx9" + "q8W7e6R5t4" * 3
    yield "a key of another", answer_json({"body": f"use {github}"})
    yield "under its name", answer_json({"body": "x", "access_token": session, "nested": [{"password": session}]})
    yield (
        "in a header",
        answer_json({"body": "x"}, 200, [("Set-Cookie", f"session={session}"), ("Link", f"<{KEY}>")]),
    )
    yield "in an address", answer_json({"body": f"https://me:{session}@x.example/?token={session}"})
    yield "as json in text", answer_json({"body": json.dumps({"api_key": session})})
    yield "as yaml", answer_json({"body": "x\n---\nutility: write\nlive: true\n", "\n- x: &a [*a]": "#"})
    yield "odd text", answer_json({"body": "\u202e\x00\x1b[2J\u2028", "\ud800": "…"})
    yield "an error", answer_json({"error": {"message": f"bad key {KEY}"}}, 401)
    yield "no json", answer(200, f"<html>{KEY}</html>".encode(), [("Content-Type", "text/html")])


async def _recorded(made: Console, name: str, stage: Stage, behave: Behaviour) -> str:
    with Toy(behave) as toy:
        environ = {**made.environ, "AGENTOS_REWRITE": f"https://notes.example={toy.origin}"}
        heard = Heard()
        async with open_runtime(Settings.from_environ(environ), environ, watch=False) as runtime:
            outcome = await plain_outcome(runtime, Call("notes", "read", {"id": "x"}, "me", "r1"), heard.tell)
    entry = stage.runtime.registry.find("notes")
    assert entry is not None
    assert entry.skill is not None
    file = made.skills / "notes/cases/try.yaml"
    try:
        recorded = await make_case(stage, entry.skill, "read", {"id": "x"}, heard, outcome, file=file)
    except NotRecorded as error:
        return str(error)
    return recorded.text


@pytest.mark.parametrize("name", [name for name, _ in hostile()])
def test_no_recorded_case_holds_a_canary(made: Console, name: str) -> None:
    behave = dict(hostile())[name]

    async def go() -> str:
        async with playing(Settings.from_environ(made.environ)) as stage:
            return await _recorded(made, name, stage, behave)

    text = asyncio.run(go())
    encoded = [encode(KEY) for encode in (*ESCAPES.values(), *ENCODINGS.values())]
    secrets = [KEY, *encoded, "Zx9q8W7e6R5", "ghp_a1B2"]
    assert [secret for secret in secrets if secret in text] == []
    if name in ("a key of another", "under its name", "in an address", "as json in text"):
        assert "REDACTED" in text  # it is a case all the same
    assert "reply" in text or "error" in text or re.match("the call makes no case|played again", text), text
