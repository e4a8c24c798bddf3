"""Which case answers a request that is like none, or like several."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentos_runtime.calls.messages import UpstreamRequest
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.shapes import same
from agentos_runtime.testing.compare import differences, missing_parts
from agentos_runtime.testing.fake_credentials import stand_in
from agentos_runtime.testing.matching import choose, see
from agentos_runtime.testing.model import Case
from agentos_runtime.testing.simulate import pieces, whole_answer
from tests.sizes import examples
from tests.testing.support import CASES, FULL, READ, TELL, WRITE, good

NOTES_URL = "https://notes.example/v1/notes"
STORIES_URL = "https://notes.example/v1/stories"
OTHER = WRITE.replace("Hi", "Bye").replace("n1", "n2")
PLAIN_STORY = """\
description: A whole story
utility: tell
params: {about: foxes}
request: {method: POST, url: "https://notes.example/v1/stories", body: {about: foxes}}
response: {body: The end}
reply: The end
"""


def request(url: str, body: Json = None, method: str = "POST") -> UpstreamRequest:
    return UpstreamRequest(method, url, (), None if body is None else json.dumps(body).encode())


def picked(texts: list[str], asked: UpstreamRequest, *, streaming: bool = False) -> Case | None:
    cases = [good(text, f"case-{number}") for number, text in enumerate(texts)]
    return choose(cases, see(asked), streaming=streaming)


def described(texts: list[str], asked: UpstreamRequest, *, streaming: bool = False) -> str | None:
    case = picked(texts, asked, streaming=streaming)
    return case.file.stem if case else None


def test_the_same_request_is_answered_by_its_case_in_any_order() -> None:
    for texts, expected in (([WRITE, OTHER], "case-1"), ([OTHER, WRITE], "case-0")):
        assert described(texts, request(NOTES_URL, {"tags": ["a"], "text": "Bye"})) == expected


def test_the_credential_does_not_count_wherever_it_stands() -> None:
    key = stand_in("key")
    assert described([READ], request(f"{NOTES_URL}/a%20b?api_key={key}&lang=de", method="GET")) == "case-0"
    assert described([WRITE, OTHER], request(NOTES_URL, {"text": "Bye", "tags": ["a"], "key": key})) == "case-1"


def test_a_request_like_none_is_answered_by_the_likest_case_that_succeeds() -> None:
    assert described([FULL, WRITE, OTHER], request(NOTES_URL, {"text": "Bye", "tags": ["b"]})) == "case-2"
    assert described([FULL, WRITE], request(NOTES_URL, {"text": "new"})) == "case-1"
    assert described([FULL], request(NOTES_URL, {"text": "new"})) == "case-0"


def test_a_case_all_of_whose_body_is_in_the_request_comes_before_likeness() -> None:
    asked = request(NOTES_URL, {"text": "too long", "more": [1, 2, 3]})
    assert described([WRITE, OTHER, FULL], asked) == "case-2"


def test_another_value_in_the_path_or_the_query_is_the_same_utility() -> None:
    assert described([READ], request(f"{NOTES_URL}/other?lang=de", method="GET")) == "case-0"
    assert described([READ], request(f"{NOTES_URL}/a%20b", method="GET")) == "case-0"


@pytest.mark.parametrize(
    "asked",
    [
        request(NOTES_URL + "/1/2", method="GET"),
        request(NOTES_URL + "/1", method="DELETE"),
        request("https://notes.example/v2/notes/1", method="GET"),
        request("https://notes.example.evil/v1/notes/1", method="GET"),
        request("http://notes.example/v1/notes/1", method="GET"),
        request("no address at all", method="GET"),
    ],
)
def test_another_address_or_method_is_answered_by_nothing(asked: UpstreamRequest) -> None:
    assert picked(list(CASES.values()), asked) is None


def test_a_stream_is_answered_with_events_and_a_plain_call_never_is() -> None:
    both = [PLAIN_STORY, TELL]
    assert described(both, request(STORIES_URL, {"about": "owls", "stream": True}), streaming=True) == "case-1"
    assert described(both, request(STORIES_URL, {"about": "owls"})) == "case-0"
    assert described([TELL], request(STORIES_URL, {"about": "foxes"})) is None
    assert (
        described([PLAIN_STORY], request(STORIES_URL, {"about": "owls", "stream": True}), streaming=True)
        == "case-0"
    )


def test_a_stream_arrives_in_more_pieces_than_it_has_events() -> None:
    answer = good(TELL).answer
    assert answer.events is not None
    assert len(pieces(answer)) > len(answer.events)
    assert whole_answer(answer).body == b"".join(answer.events)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None, max_examples=examples(150))
@given(VALUES, VALUES)
def test_values_differ_exactly_when_a_difference_is_found(left: Json, right: Json) -> None:
    assert (not list(differences(left, right))) == same(left, right)


@settings(deadline=None, max_examples=examples(80))
@given(st.dictionaries(st.text(max_size=3), VALUES, max_size=3), st.dictionaries(st.text(max_size=3), VALUES))
def test_parts_may_be_left_out_but_not_changed(part: dict[str, Json], more: dict[str, Json]) -> None:
    assert list(missing_parts(part, {**more, **part})) == []
    for name, value in part.items():
        changed: dict[str, Json] = {**more, name: [value]}
        assert list(missing_parts({name: value}, changed)) != []
