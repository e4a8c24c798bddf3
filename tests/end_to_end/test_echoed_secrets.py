"""An upstream that echoes the key in any form and place: nothing that leaves the server or stays on disk has it."""

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from tests.end_to_end.chat import (
    ASK,
    Chat,
    changed_skill,
    chat_house,
    chunk,
    completion,
    sse,
    stream_bytes,
    streaming,
)
from tests.toy.raw import Behaviour, answer, answer_json, say

SECRET = 'sk-or-v1/c+nary="q"\\&x=41%_0123456789'
FORMS: dict[str, str] = {
    "raw": SECRET,
    "url": quote(SECRET),
    "url, all of it": quote(SECRET, safe=""),
    "form": quote_plus(SECRET),
    "url, small": quote(SECRET, safe="").lower(),
    "base64": base64.b64encode(SECRET.encode()).decode(),
    "base64 of the header": base64.b64encode(f"Bearer {SECRET}".encode()).decode(),
    "base64url": base64.urlsafe_b64encode(f"x{SECRET}".encode()).decode(),
    "JSON": json.dumps(SECRET)[1:-1],
    "JSON with slashes": json.dumps(SECRET)[1:-1].replace("/", "\\/"),
}


def needles() -> list[bytes]:
    """What must stand nowhere: every form of the key, as it is and as JSON writes it; of base64 the middle."""
    found = []
    for name, form in FORMS.items():
        core = form[12:-4] if "base64" in name else form
        found += [core.encode(), json.dumps(core)[1:-1].encode()]
    return found


NEEDLES = needles()


def clean(data: bytes) -> None:
    for needle in NEEDLES:
        assert needle not in data, data


@pytest.fixture(scope="module")
def shared_echo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chat]:
    with chat_house(tmp_path_factory.mktemp("echo"), key=SECRET) as started:
        yield started


@pytest.fixture
def echo(shared_echo: Chat, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Iterator[Chat]:
    """The server; afterwards its logs, its ledger's bytes and what it tells of its skills are looked through."""
    shared_echo.says()
    with caplog.at_level("DEBUG"):
        yield shared_echo
    client = shared_echo.house.client
    for path in ("/api/skills", "/api/skills/openrouter", "/api/activity?limit=200", "/api/usage", "/metrics"):
        clean(client.get(path).content)
    for file in shared_echo.house.home.iterdir():
        if file.is_file():
            clean(file.read_bytes())
    clean(caplog.text.encode())
    written = capfd.readouterr()
    clean((written.out + written.err).encode())


def whole(message: Any) -> Any:
    return {"choices": [{"message": message, "finish_reason": "stop"}]}


CALL = {"id": "c", "type": "function"}
PLACES: dict[str, Callable[[str], Any]] = {
    "content": lambda echoed: completion(f"The key is {echoed}!"),
    "parts of the content": lambda echoed: whole({"content": [{"type": "text", "text": echoed}]}),
    "reasoning": lambda echoed: completion("", reasoning=echoed),
    "reasoning details": lambda echoed: completion("", reasoning_details=[{"text": echoed, echoed: 1}]),
    "arguments": lambda echoed: completion(
        None, tool_calls=[{**CALL, "function": {"name": "f", "arguments": json.dumps({"x": echoed, echoed: 1})}}]
    ),
    "broken arguments": lambda echoed: completion(
        None, tool_calls=[{**CALL, "function": {"name": "f", "arguments": "{" + echoed}}]
    ),
    "a tool's name": lambda echoed: completion(
        None, tool_calls=[{**CALL, "function": {"name": echoed, "arguments": ""}}]
    ),
    "annotations": lambda echoed: completion("", annotations=[{echoed: [echoed]}]),
    "the names of the generation": lambda echoed: {
        **completion("x"), "id": echoed, "model": echoed, "provider": echoed, "usage": {"prompt_tokens": 1},
    },
    "the finish": lambda echoed: completion("x", echoed),
    "an error": lambda echoed: {"error": {"code": 429, "message": f"bad key {echoed}"}},
    "an error's code": lambda echoed: {"error": {"code": echoed, "message": "no"}},
    "an error's metadata": lambda echoed: {
        "error": {
            "code": 502, "message": "Provider returned error",
            "metadata": {"provider_name": echoed, "raw": json.dumps({"error": {"message": echoed}})},
        }
    },
    "an error's raw object": lambda echoed: {
        "error": {"code": 502, "message": "m", "metadata": {"raw": {echoed: [echoed]}}}
    },
    "an error of the choice": lambda echoed: {"choices": [{"error": {"code": 502, "message": echoed}}]},
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_a_body_that_echoes_the_key_is_told_without_it(echo: Chat, form: str) -> None:
    for place, body in PLACES.items():
        for status in (200, 401, 500):
            echo.says(
                answer_json(body(FORMS[form]), status, [("X-Echo", quote(FORMS[form])), ("Retry-After", "7")])
            )
            response = echo.ask()
            clean(response.content + str(response.headers).encode())
            assert "[redacted]" in response.text or status != 200 or place == "an error's code", response.text


@pytest.mark.parametrize("form", FORMS)
def test_the_names_that_an_upstream_gives_are_in_the_ledger_without_the_key(echo: Chat, form: str) -> None:
    echo.says(answer_json(PLACES["the names of the generation"](FORMS[form])))
    assert echo.ask().status_code == 200
    (row,) = echo.house.client.get("/api/activity?limit=1").json()["rows"]
    for name in ("model", "provider", "generation_id"):
        clean(row[name].encode())
        assert "[redacted]" in row[name]


@pytest.mark.parametrize("form", FORMS)
def test_pages_texts_and_streams_errors_that_echo_the_key_are_told_without_it(echo: Chat, form: str) -> None:
    echoed = FORMS[form]
    error = {"error": {"code": 401, "message": f"Who is {echoed}?", "metadata": {"raw": echoed}}}
    behaviours: list[Behaviour] = [
        answer(502, f"<html><title>{echoed}</title></html>".encode(), [("Content-Type", "text/html")]),
        answer(400, f"cannot read {echoed}".encode(), [("Content-Type", "text/plain")]),
        answer(200, f"no JSON: {echoed}".encode(), [("Content-Type", "application/json")]),
        answer(302, headers=[("Location", f"https://example.com/{quote(echoed)}")]),
        streaming(error, done=False),
        streaming(chunk("Hel"), error, done=False),
        streaming({**chunk("Hel"), "id": echoed, "model": echoed, "provider": echoed}, chunk("", "stop", usage={})),
        streaming(chunk("Hel"), chunk("", echoed)),
        say(stream_bytes([sse(chunk("Hel"), done=False), f"data: {echoed}\n\n".encode()])),
        say(stream_bytes([sse(chunk(f"Hel {echoed}"), done=False)])),
    ]
    for behaviour in behaviours:
        for stream in (False, True):
            echo.says(behaviour)
            response = echo.ask({**ASK, "stream": stream})
            clean(response.content + str(response.headers).encode())


def text_delta(name: str) -> Callable[[str], Any]:
    return lambda text: chunk("", **{name: text}) if name != "content" else chunk(text)


CHANNELS: dict[str, tuple[Callable[[str], Any], Callable[[Any], str]]] = {
    "content": (text_delta("content"), lambda said: said.get("content") or ""),
    "reasoning": (text_delta("reasoning"), lambda said: said.get("reasoning") or ""),
    "refusal": (text_delta("refusal"), lambda said: said.get("refusal") or ""),
    "arguments": (
        lambda text: chunk(
            None, tool_calls=[{"index": 0, "id": "c", "function": {"name": "f", "arguments": text}}]
        ),
        lambda said: "".join(call.get("input_json", "") for call in said.get("tool_calls", [])),
    ),
    "reasoning details": (
        lambda text: chunk("", reasoning_details=[{"type": "reasoning.text", "index": 0, "text": text}]),
        lambda said: "".join(part.get("text", "") for part in said.get("reasoning_details", [])),
    ),
    "summaries": (
        lambda text: chunk("", reasoning_details=[{"type": "reasoning.summary", "index": 0, "summary": text}]),
        lambda said: "".join(part.get("summary", "") for part in said.get("reasoning_details", [])),
    ),
    "encrypted details": (
        lambda text: chunk("", reasoning_details=[{"type": "reasoning.encrypted", "index": 1, "data": text}]),
        lambda said: "".join(part.get("data", "") for part in said.get("reasoning_details", [])),
    ),
    "transcripts": (
        lambda text: chunk("", audio={"id": "a", "transcript": text}),
        lambda said: said.get("audio", {}).get("transcript", ""),
    ),
    "sounds": (
        lambda text: chunk("", audio={"id": "a", "data": text}),
        lambda said: said.get("audio", {}).get("data", ""),
    ),
}


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_key_cut_in_two_anywhere_is_in_no_delta_and_not_in_their_sum(echo: Chat, channel: str) -> None:
    said, heard = CHANNELS[channel]
    for form in ("raw", "base64 of the header", "JSON"):
        text = f"a {FORMS[form]} z"
        for at in range(1, len(text), 1 if channel == "content" else 5):
            echo.says(streaming(said(text[:at]), said(text[at:]), chunk("", "stop")))
            streamed = echo.stream()
            clean(json.dumps([streamed.deltas, streamed.done]).encode())
            told = "".join(map(heard, streamed.deltas))
            clean(told.encode())
            assert told.startswith("a ")
            assert told.endswith(" z")
            assert "[redacted]" in told


def test_a_key_that_comes_letter_by_letter_or_is_cut_off_is_in_no_delta(echo: Chat) -> None:
    for channel, (said, heard) in CHANNELS.items():
        parts = [said(letter) for letter in f"a {SECRET} z"]
        echo.says(streaming(*parts, chunk("", "stop")), streaming(*parts, {"error": {"code": 502, "message": "m"}}))
        streamed, broken = echo.stream(), echo.stream()
        clean(json.dumps([streamed.deltas, streamed.done, broken.deltas, broken.error]).encode())
        assert "".join(map(heard, streamed.deltas)) == "a [redacted] z", channel
        assert "".join(map(heard, broken.deltas)) == "a [redacted] z", channel


def test_innocent_texts_come_through_whole_however_much_they_look_like_the_beginning_of_the_key(echo: Chat) -> None:
    innocent = ["s", "sk", "sk-or-", "v1", SECRET[:9], " and ", SECRET[:20]]
    for channel, (said, heard) in CHANNELS.items():
        echo.says(streaming(*map(said, innocent), chunk("", "stop")))
        assert "".join(map(heard, echo.stream().deltas)) == "".join(innocent), channel


OTHERS = """
utilities:
  sound:
    description: Bytes
    rest: {url: /sound, response: {raw: true}}
  items:
    description: Every delta is an item
    rest: {url: /items, stream: {delta: .item, accumulate: list}}
  latest:
    description: The last delta counts
    rest: {url: /latest, stream: {delta: .item, accumulate: last}}
  words:
    description: Deltas are texts
    rest: {url: /words, stream: {delta: .item, accumulate: text}}
"""


@pytest.fixture(scope="module")
def shared_others(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chat]:
    folder = tmp_path_factory.mktemp("others")
    skills = changed_skill(folder, ("\nutilities:\n", OTHERS))
    with chat_house(folder, skills=skills, key=SECRET) as started:
        yield started


def test_bytes_that_are_handed_on_and_their_type_are_told_without_the_key(shared_others: Chat) -> None:
    for form in FORMS.values():
        token = f"a{base64.urlsafe_b64encode(SECRET.encode()).decode().rstrip('=')}"
        headers = [("Content-Type", f"audio/mpeg; key={token}"), ("X-Echo", quote(form))]
        shared_others.says(answer(200, b"\xff\xfb" + form.encode() + b"\x00", headers))
        response = shared_others.house.call("openrouter", "sound")
        assert response.status_code == 200
        assert b"[redacted]" in response.content
        clean(response.content + str(response.headers).encode())


def test_deltas_that_stand_for_themselves_are_never_joined_and_hold_no_key(shared_others: Chat) -> None:
    items = ["a s", "sk-", {"content": "so sk-or"}, f"key {SECRET}", {"deep": [SECRET]}, "sk-or-v1"]
    told = ["a s", "sk-", {"content": "so sk-or"}, "key [redacted]", {"deep": ["[redacted]"]}, "sk-or-v1"]
    shared_others.says(streaming(*({"item": item} for item in items), done=False))
    for utility, done in (("items", told), ("latest", told[-1])):
        events = shared_others.house.stream("openrouter", utility, {})
        assert [data for name, data in events if name == "delta"] == told
        assert events[-1] == ("done", done)


def test_texts_that_go_on_are_joined_and_hold_no_key(shared_others: Chat) -> None:
    shared_others.says(streaming(*({"item": piece} for piece in ["a ", *SECRET, " s"]), done=False))
    events = shared_others.house.stream("openrouter", "words", {})
    assert "".join(data for name, data in events if name == "delta") == "a [redacted] s"
    assert events[-1] == ("done", "a [redacted] s")
