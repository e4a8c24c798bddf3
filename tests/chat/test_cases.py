"""Every case that ships with a skill is true: what is sent, and what the caller gets."""

from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from jsonschema import Draft202012Validator

from agentos_runtime.errors import AgentOSError
from tests.chat.support import SKILLS, Expressions, Wire, case_bytes, schema
from tests.reading import read_yaml

CASES = sorted(SKILLS.glob("*/cases/*.yaml"))
CASE = Draft202012Validator(schema("case"))
CHATS = ("anthropic", "gemini", "ollama", "openai", "openrouter")


def is_one_exchange(file: Path) -> bool:
    """Whether the case is one request and one answer with a body; all others are run by `agentos test` alone."""
    answer = read_yaml(file.read_text(encoding="utf-8")).get("response", {})
    return "body" in answer or "events" in answer


PLAIN = [file for file in CASES if is_one_exchange(file)]


def read(file: Path) -> dict[str, Any]:
    case: dict[str, Any] = read_yaml(file.read_text(encoding="utf-8"))
    return case


def names(file: Path) -> str:
    return f"{file.parents[1].name}/{file.stem}"


def answered(wire: Wire, case: dict[str, Any]) -> Any:
    response, params = case["response"], case.get("params", {})
    if "events" in response:
        return wire.stream(params, case_bytes(response)).done
    return wire.reply(params, response["body"], response.get("status", 200))


@pytest.mark.parametrize("file", CASES, ids=names)
def test_a_case_is_written_as_its_schema_says(file: Path) -> None:
    CASE.validate(read(file))


@pytest.mark.parametrize("file", PLAIN, ids=names)
def test_the_request_of_a_case_is_what_is_sent(file: Path, expressions: Expressions) -> None:
    case = read(file)
    wire = expressions.wire(file.parents[1].name, case["utility"])
    draft = wire.draft(case.get("params", {}), streaming="events" in case["response"])
    query = "?" + urlencode(draft.query).replace("+", "%20") if draft.query else ""
    expected = case["request"]
    assert (draft.method, draft.url + query) == (expected["method"], expected["url"])
    if "body" in expected:
        assert draft.body == expected["body"]
    headers = {name.lower(): value for name, value in draft.headers}
    assert {name.lower(): headers.get(name.lower()) for name in expected.get("headers", {})} == expected.get(
        "headers", {}
    )


@pytest.mark.parametrize("file", PLAIN, ids=names)
def test_the_caller_of_a_case_gets_its_reply_or_its_error(file: Path, expressions: Expressions) -> None:
    case = read(file)
    wire = expressions.wire(file.parents[1].name, case["utility"])
    if "reply" in case:
        assert answered(wire, case) == case["reply"]
        return
    with pytest.raises(AgentOSError) as caught:
        answered(wire, case)
    expected = case["error"]
    assert caught.value.code == expected["code"]
    assert caught.value.status == expected.get("status", caught.value.status)
    upstream = caught.value.as_json()["upstream"]
    assert isinstance(upstream, dict)
    assert {name: upstream[name] for name in expected.get("upstream", {})} == expected.get("upstream", {})


def test_every_skill_shows_a_success_and_a_failure_and_every_stream_a_stream() -> None:
    for skill in {file.parents[1].name for file in CASES}:
        cases = [read(file) for file in CASES if file.parents[1].name == skill]
        assert any("reply" in case for case in cases), skill
        assert any("error" in case for case in cases), skill
        if skill in CHATS:
            assert any("events" in case.get("response", {}) for case in cases), skill
