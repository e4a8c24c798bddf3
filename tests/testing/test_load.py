"""A case file: what it becomes, and what is said, at which character, when it is wrong."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentos_runtime.testing.simulate import pieces, whole_answer
from tests.sizes import examples
from tests.testing.support import CASES, FULL, READ, TELL, WRITE, good, loaded, said


@pytest.mark.parametrize("name", CASES)
def test_a_good_case_loads_without_a_word(name: str) -> None:
    assert loaded(CASES[name]).problems == ()


def test_a_case_holds_what_is_sent_what_comes_back_and_what_the_caller_gets() -> None:
    case = good(WRITE)
    assert (case.skill, case.utility.name, case.params) == ("notes", "write", {"text": "Hi", "tags": ["a"]})
    assert (case.request.method, case.request.headers) == ("POST", {"x-mode": "fast"})
    answer = whole_answer(case.answer)
    assert (answer.status, answer.headers, answer.body) == (
        201,
        {"content-type": "application/json"},
        b'{"id":"n1"}',
    )
    assert (case.reply, case.error, case.streams) == ({"id": "n1"}, None, False)


def test_events_become_server_sent_events_and_lines_for_ndjson() -> None:
    assert good(TELL).answer.events == (
        b": please wait\n\n",
        b'data: {"say":"Once "}\n\n',
        b'event: piece\ndata: {"say":"upon"}\n\n',
        b"data: [DONE]\n\n",
    )
    lines = TELL.replace("response:\n", "response:\n  headers: {Content-Type: application/x-ndjson}\n")
    assert good(lines.replace("- comment: please wait", '- raw: "\\n"')).answer.events == (
        b"\n",
        b'{"say":"Once "}\n',
        b'{"say":"upon"}\n',
        b"[DONE]\n",
    )


def test_a_text_and_an_answer_without_a_body_are_sent_as_they_are() -> None:
    text = good(READ.replace("{body: {body: Hallo}}", "{status: 502, text: <html>}"))
    nothing = good(READ.replace("{body: {body: Hallo}}", "{status: 204}"))
    assert (text.answer.headers, text.answer.body) == ({"content-type": "text/plain; charset=utf-8"}, b"<html>")
    assert (nothing.answer.headers, pieces(nothing.answer)) == ({}, [])


def test_whole_numbers_of_any_size_come_back_exactly() -> None:
    assert good(READ.replace("Hallo}", "12345678901234567891}")).answer.body == b'{"body":12345678901234567891}'


MISTAKES: Sequence[tuple[str, str, str]] = (
    (READ.replace("utility: read", "utility: red"), "red", "the skill notes has no utility `red`"),
    (READ.replace("description: A note\n", ""), "utility", "a case needs `description`"),
    (READ.replace("request:", "requst:"), "requst", "`requst` is not a key of a case"),
    (READ.replace("{id: a b, lang: de}", "{lang: de}"), "{lang: de}", "the param id is required"),
    (READ.replace("lang: de}", "langs: de}"), "langs: de}", "the param langs is not known; did you mean lang?"),
    (WRITE.replace("[a]}", "[a, 7]}"), "7]}", "the param tags[1] must be a string, is an integer"),
    (READ.replace("lang: de}", "stream: true}"), "stream: true}", "`stream` does not stand in a case's params"),
    (READ.replace("method: GET", "method: get"), "get", "`method` is `get`; it must be one of GET, POST"),
    (READ.replace("https://notes", "notes"), '"notes.example', "`url` must be a whole address"),
    (READ.replace("https://notes.example", "https://["), '"https://[', "`url` must be a whole address, with a"),
    (READ.replace("reply: {text: Hallo}\n", ""), "description", "a case needs one of `reply` or `error`"),
    (FULL + "reply: null\n", "error: {code", "`error` does not stand beside `reply`"),
    (READ.replace("{body: {", "{text: x, body: {"), "text: x", "`text` does not stand beside `body`"),
    (READ.replace("{body: {body: Hallo}}", "{events: []}"), "events", "`read` does not stream"),
    (TELL.replace("comment:", "comments:"), "comments", "`comments` is not a key of this event"),
    (TELL.replace("comment: ", ""), "please wait", "an event is a map"),
    (
        TELL.replace("comment: please wait", "{comment: a, data: b}"),
        "comment: a",
        "`comment` does not stand beside",
    ),
    (TELL.replace("data: {say: upon}", "comment: x"), "event: piece", "`event` is not a key of this event"),
    (FULL.replace("status: 429, up", "status: 42, up"), "42, up", "`status` must be at least 400"),
    (FULL.replace("{code: upstream_rate_limited, ", "{"), "error: {st", "`error` needs `code`"),
    (WRITE.replace("{x-mode: fast}", "{x-writer: me}"), "x-writer", "the header `x-writer` carries the credential"),
    (READ.replace("?lang=de", "?api_key=1"), '"https://notes', "`api_key` in the query carries the credential"),
    ("- a\n", "- a", "a case must be a map of keys"),
    ("description: a: b\n", ": b", "a `:` stands where no key can be"),
    ("a: 1\na: 2\n", "a: 2", "`a` is given twice: here and on line 1"),
)


@pytest.mark.parametrize(("text", "place", "message"), MISTAKES, ids=[message for _, _, message in MISTAKES])
def test_what_is_wrong_is_said_at_its_character_with_a_fix(text: str, place: str, message: str) -> None:
    found = loaded(text)
    assert found.case is None
    problem = next(problem for problem in found.problems if problem.message.startswith(message))
    line = text.splitlines()[problem.place.position.line - 1]
    assert line[problem.place.position.column - 1 :].startswith(place)
    assert problem.fix or "param" in message or "must be at least" in message or "whole address" in message


@pytest.mark.parametrize(
    "secret",
    [
        "sk-or-v1-0123456789abcdef0123",
        "Bearer abcdefgh12345678",
        "ghp_0123456789abcdefghij",
        "AKIA0123456789ABCDEF",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc-_",
        "-----BEGIN RSA PRIVATE KEY-----",
    ],
)
def test_a_secret_in_a_case_is_found_and_never_quoted(secret: str) -> None:
    problems = said(READ.replace("Hallo}}", f'"see {secret}"}}}}'))
    column = READ.splitlines()[4].index("Hallo") + len('"see ') + 1
    assert problems == [
        f"5:{column} this looks like a secret, and secrets never stand in a case. "
        "Remove it, and if it was real, withdraw it where it came from"
    ]


@settings(deadline=None, max_examples=examples(150))
@given(st.text(max_size=120) | st.binary(max_size=120).map(lambda data: data.decode("utf-8", "replace")))
def test_no_text_at_all_makes_loading_fail(text: str) -> None:
    found = loaded(text)
    assert found.case is None
    assert found.problems


@settings(deadline=None, max_examples=examples(60))
@given(st.sampled_from(sorted(CASES)), st.data())
def test_a_damaged_case_loads_or_says_why(name: str, data: st.DataObject) -> None:
    text = CASES[name]
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 12)))
    found = loaded(text[:start] + data.draw(st.text(max_size=4)) + text[end:])
    assert (found.case is None) == any(problem.severity == "error" for problem in found.problems)


@pytest.mark.parametrize(
    ("written", "fix"),
    [("/v1/notes/a", "https://notes.example/v1/notes/a"), ("a.example/b", "https://a.example/b")],
)
def test_a_url_that_is_no_whole_address_is_written_out(written: str, fix: str) -> None:
    text = READ.replace("https://notes.example/v1/notes/a%20b?lang=de", written)
    [problem] = loaded(text).problems
    assert problem.message.startswith("`url` must be a whole address")
    assert problem.fix == f"Write {fix}"
