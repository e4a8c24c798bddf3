"""Canonical requests become each provider's own, as the table beside this file says."""

from pathlib import Path
from typing import Any

import pytest

from agentos_runtime.errors import InvalidParams
from tests.chat.support import Expressions
from tests.reading import read_yaml

TABLE: list[dict[str, Any]] = read_yaml((Path(__file__).parent / "requests.yaml").read_text(encoding="utf-8"))
SKILLS = ("openrouter", "anthropic", "ollama")
ROWS = [(row, skill) for row in TABLE for skill in SKILLS if skill in row]
HI: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


@pytest.mark.parametrize(("row", "skill"), ROWS, ids=[f"{skill}: {row['name']}" for row, skill in ROWS])
def test_a_canonical_request_becomes_the_providers_own(
    row: dict[str, Any], skill: str, expressions: Expressions
) -> None:
    assert expressions.wire(skill).body({"model": "m"} | row["params"]) == row[skill]


EVERYTHING: dict[str, Any] = {
    "parallel_tool_calls": True,
    "top_p": 0.5,
    "top_k": 3,
    "min_p": 0.1,
    "top_a": 0.2,
    "frequency_penalty": -1,
    "presence_penalty": 1.5,
    "repetition_penalty": 1.1,
    "seed": 12345678901234567891,
    "logit_bias": {"50256": -100},
    "logprobs": True,
    "top_logprobs": 3,
    "stop": ["a", "b"],
    "response_format": {"type": "json_object"},
    "structured_outputs": True,
    "reasoning": {"max_tokens": 200, "exclude": True, "brand_new": 1},
    "reasoning_effort": "low",
    "verbosity": "low",
    "prediction": {"type": "content", "content": "x"},
    "models": ["a/b", "c/d"],
    "provider": {"order": ["x"], "allow_fallbacks": False, "sort": {"by": "price", "partition": "none"}, "new": 1},
    "plugins": [{"id": "web", "max_results": 1}],
    "preset": "p",
    "modalities": ["image", "text"],
    "image_config": {"aspect_ratio": "1:1"},
    "audio": {"voice": "alloy", "format": "wav"},
    "cache_control": {"type": "ephemeral"},
    "prompt_cache_key": "k",
    "prompt_cache_options": {"mode": "explicit"},
    "service_tier": "flex",
    "stop_server_tools_when": [{"type": "step_count_is", "step_count": 1}],
    "user": "u",
    "session_id": "s",
    "metadata": {"a": "b"},
    "trace": {"trace_id": "t"},
    "debug": {"echo_upstream_body": True},
}


@pytest.mark.parametrize("name", EVERYTHING)
def test_every_feature_of_openrouter_goes_out_unchanged_and_alone(name: str, expressions: Expressions) -> None:
    wire = expressions.wire("openrouter")
    asked = (
        HI
        | {"max_tokens": 4096, "temperature": 0}
        | ({"tools": [{"name": "f"}]} if name == "parallel_tool_calls" else {})
    )
    assert wire.body(asked | {name: EVERYTHING[name]}) == wire.body(asked) | {name: EVERYTHING[name]}


def test_a_stream_is_asked_for_in_the_body_and_ollama_is_told_when_not(expressions: Expressions) -> None:
    for skill in SKILLS:
        wire = expressions.wire(skill)
        assert wire.body(HI, streaming=True)["stream"] is True
        assert wire.body(HI).get("stream") is (False if skill == "ollama" else None)


def test_openrouter_is_told_the_apps_title_and_no_address_that_nobody_set(expressions: Expressions) -> None:
    assert expressions.wire("openrouter").draft(HI).headers == (("X-OpenRouter-Title", "agentos-runtime"),)


def test_anthropic_is_told_the_version_and_the_betas(expressions: Expressions) -> None:
    wire = expressions.wire("anthropic")
    assert wire.draft(HI).headers == (("anthropic-version", "2023-06-01"),)
    assert wire.draft(HI | {"betas": ["a", "b"]}).headers[1] == ("anthropic-beta", "a,b")


@pytest.mark.parametrize(
    ("wrong", "path"),
    [
        ({"temperature": 3}, "temperature"),
        ({"top_p": "0.5"}, "top_p"),
        ({"messages": "hi"}, "messages"),
        ({"messages": ["hi"]}, "messages[0]"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"stop": 5}, "stop"),
        ({"provider": {"order": "x"}}, "provider.order"),
        ({"temprature": 1}, "temprature"),
    ],
)
def test_a_wrong_param_is_named(wrong: dict[str, Any], path: str, expressions: Expressions) -> None:
    with pytest.raises(InvalidParams) as caught:
        expressions.wire("openrouter").params(HI | wrong)
    assert [problem.path for problem in caught.value.problems] == [path]
