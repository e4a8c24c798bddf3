"""Bodies that are no JSON: files that callers give, forms of several parts, bytes both ways."""

import base64
import email
import email.policy
import json
import re
from email.message import Message
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentos_runtime.calls.requests.multipart import FormPart, encode_multipart
from tests.language.support import CANARY, serving
from tests.sizes import examples
from tests.toy.raw import Received, answer, answer_json

FILES = """
utilities:
  upload:
    description: x
    params:
      file: {type: file, required: true, description: What is kept}
      more: {type: array, items: {type: file}}
      purpose: {type: string}
      tags: {type: array}
      about: {type: object}
    rest: {method: POST, url: /files, encoding: multipart, body: .params}
  named:
    description: x
    params: {file: {type: file, required: true}}
    rest:
      method: POST
      url: /named
      headers: {Content-Type: multipart/form-data}
      encoding: multipart
      body: '{file: .params.file, kind: (.params.file.filename | split(".")[-1]), size: .params.file.size}'
  put:
    description: x
    params: {file: {type: file}}
    rest: {method: PUT, url: /raw, encoding: binary, body: .params.file}
  inline:
    description: x
    params: {file: {type: file, required: true}}
    rest: {method: POST, url: /json, body: {input: {data: .params.file, kind: .params.file.content_type}}}
  speech:
    description: x
    rest: {method: POST, url: /speech, response: {raw: true}}
  misplaced:
    description: x
    params: {file: {type: file, required: true}, text: {type: string}}
    rest: {method: POST, url: /x, encoding: binary, body: .params.text, query: {q: .params.text}}
"""
BYTES = bytes(range(256)) * 3


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode()


def parts_of(content_type: str | None, body: bytes) -> list[Message]:
    """The parts of a form as Python's own parser reads them."""
    head = f"MIME-Version: 1.0\r\nContent-Type: {content_type}\r\n\r\n".encode()
    message = email.message_from_bytes(head + body, policy=email.policy.compat32)
    assert message.is_multipart()
    assert not message.defects
    return [part for part in message.walk() if part is not message]


def disposition(part: Message) -> dict[str, str]:
    text = dict(part.raw_items())["Content-Disposition"]
    raw = str(text).encode("ascii", "surrogateescape").decode()
    return dict(re.findall(r'(\w+)="([^"]*)"', raw))


def form(request: Received) -> list[tuple[dict[str, str], str | None, Any]]:
    """Each part's names, content type and bytes."""
    parts = parts_of(request.header("content-type"), request.body)
    return [(disposition(part), part["Content-Type"], part.get_payload(decode=True)) for part in parts]


def test_a_form_carries_files_and_fields(tmp_path: Path) -> None:
    given_file = {"data": base64_of(BYTES), "filename": 'a "b"\u00fc.bin', "content_type": "image/png"}
    params = {
        "file": given_file,
        "more": [base64_of(b"one"), f"data:text/plain;base64,{base64_of(b'two')}"],
        "purpose": "batch",
        "tags": ["a", 1, True, None],
        "about": {"b": [1]},
    }
    with serving(tmp_path, FILES, answer_json({"id": 1}), key=True) as (house, toy):
        assert house.call("demo", "upload", params).json() == {"id": 1}
        [request] = toy.requests
    assert request.header("x-key") == CANARY
    assert form(request) == [
        ({"name": "file", "filename": "a %22b%22\u00fc.bin"}, "image/png", BYTES),
        ({"name": "more", "filename": "more"}, "application/octet-stream", b"one"),
        ({"name": "more", "filename": "more"}, "text/plain", b"two"),
        ({"name": "purpose"}, None, b"batch"),
        ({"name": "tags"}, None, b"a"),
        ({"name": "tags"}, None, b"1"),
        ({"name": "tags"}, None, b"true"),
        ({"name": "about"}, "application/json", b'{"b":[1]}'),
    ]


def test_jq_sees_what_a_file_is_called_and_hands_it_on_without_what_it_holds(tmp_path: Path) -> None:
    big = {"data": base64_of(b"x" * 3_000_000), "filename": "talk.mp3"}
    with serving(tmp_path, FILES, answer_json({})) as (house, toy):
        assert house.call("demo", "named", {"file": big}).status_code == 200
        [request] = toy.requests
        assert house.rows()[0]["outcome"] == "ok"
    [file, kind, size] = form(request)
    assert file[2] == b"x" * 3_000_000
    assert (kind[2], size[2]) == (b"mp3", b"3000000")


def test_a_binary_body_is_the_file_and_none_without_one(tmp_path: Path) -> None:
    with serving(tmp_path, FILES, answer_json({})) as (house, toy):
        house.call("demo", "put", {"file": base64_of(BYTES)})
        house.call("demo", "put", {"file": f"data:image/png;base64,{base64_of(BYTES)}"})
        house.call("demo", "put")
        bare, typed, nothing = toy.requests
    assert (bare.body, bare.header("content-type")) == (BYTES, "application/octet-stream")
    assert (typed.body, typed.header("content-type")) == (BYTES, "image/png")
    assert nothing.body == b""


def test_in_json_a_file_is_its_base64(tmp_path: Path) -> None:
    with serving(tmp_path, FILES, answer_json({})) as (house, toy):
        house.call("demo", "inline", {"file": {"data": base64_of(BYTES), "content_type": "audio/wav"}})
        [request] = toy.requests
    assert json.loads(request.body) == {"input": {"data": base64_of(BYTES), "kind": "audio/wav"}}


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("no base64!", "is not base64"),
        ("YWJj\n", "is not base64"),
        ("YWJ", "is not base64"),
        ("YW-_", "is not base64"),
        ("\u00fc", "is not base64"),
        ("data:text/plain,canary", "is a data: url that is not in base64"),
        ({"data": "YWJj", "filename": "a\r\nX: y"}, "has a filename with control characters"),
        ({"data": "YWJj", "filename": "a" * 256}, "longer than 255"),
        ({"data": "YWJj", "content_type": "text/plain\r\nX: y"}, "has a content_type that is not like image/png"),
        ({"data": "YWJj", "content_type": "canary"}, "has a content_type that is not like image/png"),
        ({"filename": "a"}, "is required"),
        ({"data": "YWJj", "name": "a"}, "did you mean filename?"),
        ({"data": 5}, "must be a string"),
        (5, "must be a string or an object"),
    ],
)
def test_what_is_no_file_is_refused_without_being_shown(tmp_path: Path, file: Any, words: str) -> None:
    with serving(tmp_path, FILES, answer_json({})) as (house, toy):
        response = house.call("demo", "upload", {"file": file})
        listed = house.call("demo", "upload", {"file": "", "more": ["YWJj", file]})
        assert toy.requests == []
    for refused, path in ((response, "file"), (listed, "more[1]")):
        body = refused.json()
        assert (refused.status_code, body["code"]) == (400, "invalid_params")
        assert [problem["path"].startswith(path) for problem in body["problems"]] == [True]
        assert words in body["problems"][0]["message"]
        assert "canary" not in refused.text


def test_agents_see_how_a_file_is_given(tmp_path: Path) -> None:
    with serving(tmp_path, FILES, answer_json({})) as (house, _):
        shown = house.client.get("/api/skills/demo/upload").json()["params"]["properties"]
    assert shown["file"]["contentEncoding"] == shown["more"]["items"]["contentEncoding"] == "base64"
    assert shown["file"]["type"] == ["string", "object"]
    assert shown["file"]["description"].startswith("What is kept (a file: base64 text")


def test_a_body_that_is_no_file_is_the_author_s_mistake(tmp_path: Path) -> None:
    with serving(tmp_path, FILES, answer_json({})) as (house, toy):
        body = house.call("demo", "misplaced", {"file": "YWJj", "text": "a"}).json()
        assert toy.requests == []
    assert body["code"] == "expression_failed"
    assert "a binary body must be one param of type file" in body["error"]


def test_a_stand_in_that_a_caller_makes_up_stands_for_nothing(tmp_path: Path) -> None:
    with serving(tmp_path, FILES, answer_json({})) as (house, toy):
        house.call("demo", "upload", {"file": "YWJj", "about": {"file": "agentos-file-0"}})
        [request] = toy.requests
    assert form(request)[1][2] == b'{"file":"agentos-file-0"}'


def test_bytes_come_back_as_they_are_with_their_type(tmp_path: Path) -> None:
    spoken = answer(body=BYTES, headers=[("Content-Type", "audio/mpeg")])
    refused = answer_json({"error": {"message": "no voice", "code": 402}})
    with serving(tmp_path, FILES, spoken, refused) as (house, _):
        heard = house.call("demo", "speech")
        failed = house.call("demo", "speech")
        rows = house.rows()
    assert (heard.content, heard.headers["content-type"]) == (BYTES, "audio/mpeg")
    assert (failed.status_code, failed.json()["code"]) == (402, "upstream_payment_required")
    assert [row["outcome"] for row in rows] == ["error", "ok"]


NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=12)
PARTS = st.builds(
    FormPart,
    NAMES,
    st.binary(max_size=40) | st.sampled_from([b"--agentos-", b"\r\n--", b"\r", b"\n", b"a\r\n\r\nb", b""]),
    st.none() | NAMES,
    st.none() | st.sampled_from(["image/png", "text/plain; charset=utf-8"]),
)


@given(st.lists(PARTS, min_size=1, max_size=5))
@settings(max_examples=examples(300), deadline=None)
def test_a_form_is_read_back_as_it_was_written(parts: list[FormPart]) -> None:
    body, content_type = encode_multipart(parts)
    read = parts_of(content_type, body)
    assert len(read) == len(parts)
    for part, own in zip(read, parts, strict=True):
        names = {"name": own.name} | ({} if own.filename is None else {"filename": own.filename})
        assert disposition(part) == {key: escaped(text) for key, text in names.items()}
        assert part["Content-Type"] == own.content_type
        assert part.get_payload(decode=True) == own.data


def escaped(name: str) -> str:
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def test_the_same_form_is_the_same_bytes_and_other_parts_have_another_boundary() -> None:
    parts = [FormPart("a", b"x")]
    body, content_type = encode_multipart(parts)
    assert (body, content_type) == encode_multipart(parts)
    boundary = content_type.partition("boundary=")[2].encode()
    around = [FormPart("a", b"\r\n--" + boundary + b"--\r\n")]
    again, other = encode_multipart(around)
    assert parts_of(other, again)[0].get_payload(decode=True) == around[0].data
