"""What callers, keys and expressions put into headers: on the wire as it was meant, or not at all."""

import re
import string
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.end_to_end.house import House, house
from tests.language.support import CANARY, ORIGIN, skill_text
from tests.sizes import examples
from tests.toy.raw import Toy, answer_json

FRONT = """
    auth: {type: api_key, header: X-Key, prefix: "Key "}
    utilities:
      send:
        params: {text: {type: string}, data: {type: object}, file: {type: file}}
        rest:
          method: POST
          url: /send
          headers: {X-Text: .params.text, X-Made: '.params.text | if . then . + "!" else null end'}
          encoding: multipart
          body: .params.data
          retry: {idempotency_header: X-Once}
          response: {transform: "{}"}
      upload:
        params: {file: {type: file}}
        rest:
          method: POST
          url: /upload
          encoding: multipart
          body: {file: .params.file}
          response: {transform: "{}"}
      raw:
        params: {file: {type: file}}
        rest: {method: POST, url: /raw, encoding: binary, body: .params.file, response: {transform: "{}"}}
"""
SENDABLE = string.ascii_letters + string.punctuation
FIELD = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+: ?[\t -~]*")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[House, Toy]]:
    folder = tmp_path_factory.mktemp("headers")
    (folder / "skills").mkdir()
    (folder / "skills" / "demo.md").write_text(skill_text(FRONT), encoding="utf-8")
    with (
        Toy(answer_json({})) as toy,
        house(folder, rewrite={ORIGIN: toy.origin}, environ={"DEMO_API_KEY": CANARY}) as running,
    ):
        yield running, toy


def heads_are_fields(toy: Toy, since: int) -> None:
    for request in toy.requests[since:]:
        _, *fields = request.head.rstrip(b"\r\n").split(b"\r\n")
        assert all(FIELD.fullmatch(field) for field in fields), request.head
        assert len({field.partition(b":")[0].lower() for field in fields}) == len(fields), request.head


@settings(max_examples=examples(60))
@given(text=st.text(max_size=8))
def test_a_param_in_a_header_is_sent_whole_or_refused_in_a_sentence(served: tuple[House, Toy], text: str) -> None:
    running, toy = served
    since = len(toy.requests)
    response = running.call("demo", "send", {"text": text})
    heads_are_fields(toy, since)
    if all(" " <= char <= "~" or char == "\t" for char in text):
        assert response.status_code == 200
        assert (toy.requests[-1].header("x-text") or "") == text.strip(" \t")
        assert toy.requests[-1].header("x-key") == f"Key {CANARY}"
    else:
        assert (response.status_code, response.json()["code"]) == (400, "invalid_params")
        assert response.json()["problems"][0]["path"] == "headers.X-Text"
        assert len(toy.requests) == since


@settings(max_examples=examples(60))
@given(name=st.text(max_size=8), text=st.text(max_size=8), key=st.text(SENDABLE, min_size=1, max_size=8))
def test_the_names_of_a_form_that_jq_makes_stay_inside_their_part(
    served: tuple[House, Toy], name: str, text: str, key: str
) -> None:
    running, toy = served
    since = len(toy.requests)
    response = running.call("demo", "send", {"data": {name: text}}, Idempotency_Key=key)
    heads_are_fields(toy, since)
    if name.isprintable():
        assert response.status_code == 200
        (head,) = re.findall(rb"(?s)\r\n(Content-Disposition: .*?)\r\n\r\n", toy.requests[-1].body)
        assert b"\r" not in head
        assert b"\n" not in head
    else:
        assert (response.status_code, response.json()["code"]) == (500, "expression_failed")


@settings(max_examples=examples(60))
@given(name=st.text(min_size=1, max_size=12), kind=st.text(min_size=1, max_size=12), quoted=st.booleans())
def test_the_name_and_type_of_a_file_stay_inside_their_header(
    served: tuple[House, Toy], name: str, kind: str, quoted: bool
) -> None:
    running, toy = served
    since = len(toy.requests)
    media = f'text/plain; a="{kind}"' if quoted else kind
    for utility in ("upload", "raw"):
        file = {"data": "YWJj", "filename": name, "content_type": media}
        response = running.call("demo", utility, {"file": file})
        assert response.status_code in (200, 400), response.text
    heads_are_fields(toy, since)
    for request in toy.requests[since:]:
        for head in re.findall(rb"(?s)\r\n(Content-Disposition: .*?)\r\n\r\n", request.body):
            assert len(head.split(b"\r\n")) == 2
            assert head.count(b"\n") == head.count(b"\r") == 1


@pytest.mark.parametrize(
    "key", ["sk-caf\xe9-0123456789abcdef", "sk-\u65e5\u672c-0123456789abcdef", "sk-0123456789abcdef "]
)
def test_a_key_that_no_header_can_hold_is_told_without_it_and_not_sent(tmp_path: Path, key: str) -> None:
    (tmp_path / "skills").mkdir()
    (tmp_path / "skills" / "demo.md").write_text(skill_text(FRONT), encoding="utf-8")
    with (
        Toy(answer_json({})) as toy,
        house(tmp_path, rewrite={ORIGIN: toy.origin}, environ={"DEMO_API_KEY": key}) as running,
    ):
        response = running.call("demo", "send", {})
        assert response.json()["code"] == "credential_not_found"
        assert "cannot be sent in the header X-Key" in response.json()["error"]
        assert "0123456789" not in response.text
        assert toy.requests == []
