"""Loading never raises, whatever the bytes and whatever the structure."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentos_runtime.calls.requests.given import check_params
from agentos_runtime.manifest.result import LoadResult
from tests.manifest.loading import load_bytes
from tests.sizes import examples

GOOD = """---
id: demo
name: Demo
description: A demonstration
icon: icon.svg
auth: {credentials: {default: {type: api_key, header: Authorization, prefix: "Bearer "}, other: {type: basic}}}
api: {base_url: https://api.example.com/v1}
definitions: {shout($x): "$x | ascii_upcase"}
settings: {title: {default: Demo}}
connects_to: a
seed: [{id: a, types: [x], relationships: [{role: r, to: a}]}]
utilities:
  chat:
    description: Talk
    credential: other
    returns: {content: string, usage: {type: object, properties: {n: integer}}}
    params:
      model: {type: string, required: true, enum: [a, b]}
      n: {type: [integer, string], default: 4, minimum: 1}
      list: {type: array, items: {type: object, properties: {role: {type: string, required: true}}}}
    rest:
      method: POST
      url: /chat/{model}
      headers: {X-Title: .settings.title}
      query: {page: 1.10}
      body: {m: .params.model, l: [.params.list, 'x'], s: 'shout("x")'}
      response: {root: /data, error: 'false', transform: ".", mapping: {content: .content}}
      stream: {body: {stream: true}, delta: .x, done: "[DONE]"}
      poll: {url: .job_url, until: .done, failed: .error}
---
# Demo
"""


def sound(result: LoadResult) -> None:
    """Either a skill, or at least one error; every problem stands in the file."""
    assert (result.skill is None) == any(problem.severity == "error" for problem in result.problems)
    problems = result.problems + (result.skill.warnings if result.skill else ())
    places = [(p.place.position.line, p.place.position.column) for p in problems]
    assert all(line >= 1 and column >= 1 for line, column in places)
    assert places == sorted(places)
    assert len({(place, p.message) for place, p in zip(places, problems, strict=True)}) == len(problems)
    assert result.id
    for check in result.checks:
        assert check.locate(1, 1).line >= 1
        assert check.locate(10_000, 10_000).line >= 1


def test_the_unbroken_file_loads() -> None:
    result = load_bytes(GOOD.encode(), siblings=("icon.svg",))
    assert result.problems == ()
    assert result.skill is not None


@given(st.data())
@settings(max_examples=examples(300), deadline=None)
def test_no_change_of_bytes_makes_loading_fail_otherwise_than_with_problems(data: st.DataObject) -> None:
    raw = bytearray(GOOD.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw) - 1))
        length = data.draw(st.integers(0, 30))
        new = data.draw(
            st.one_of(
                st.binary(max_size=6),
                st.sampled_from(
                    [
                        b"\n",
                        b"  ",
                        b": ",
                        b"{",
                        b"[",
                        b"'",
                        b'"',
                        b"- ",
                        b"|",
                        b"*a",
                        b"&a ",
                        b"{{",
                        b"null",
                        b"---\n",
                    ]
                ),
            )
        )
        raw[at : at + length] = new
    sound(load_bytes(bytes(raw)))


@given(st.binary(max_size=200))
@settings(max_examples=examples(100), deadline=None)
def test_no_bytes_at_all_make_loading_fail_otherwise_than_with_problems(raw: bytes) -> None:
    sound(load_bytes(raw))
    sound(load_bytes(b"---\n" + raw + b"\n---\n"))


WORDS = st.sampled_from(
    [
        "a",
        ".x",
        ".auth",
        ".auth.key",
        "no",
        "/x/{a}",
        "https://{a}.b/{b}",
        "https://[",
        "https://a:b/",
        "{a}",
        "/~2",
        "void",
        "~",
        "x | y",
        "",
        "\n",
        "default",
        "none",
    ]
)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-3, 10**20), st.floats(allow_nan=False, allow_infinity=False), WORDS
    ),
    lambda below: st.one_of(st.lists(below, max_size=3), st.dictionaries(WORDS, below, max_size=3)),
    max_leaves=6,
)
DOCUMENT: dict[str, Any] = {
    "id": "demo",
    "name": "Demo",
    "description": "x",
    "icon": "icon.svg",
    "platforms": ["linux"],
    "auth": {"type": "api_key", "header": "Authorization", "prefix": "Bearer "},
    "api": {"base_url": "https://api.example.com"},
    "definitions": {"shout": "ascii_upcase"},
    "settings": {"title": {"default": "x"}},
    "connects_to": ["a"],
    "seed": [{"id": "a", "relationships": [{"role": "r", "to": "a"}]}],
    "utilities": {
        "chat": {
            "description": "x",
            "returns": {"content": {"type": "string", "enum": ["a"]}},
            "web_url": "https://a.example/{model}",
            "params": {
                "model": {"type": "string", "default": "x", "items": {"type": "string"}, "properties": {"a": {}}}
            },
            "rest": {
                "method": "POST",
                "url": "/x/{model}",
                "headers": {"X-A": "b"},
                "query": {"a": [1]},
                "body": {"a": ".params.model"},
                "body_extra": ".params.extra",
                "keep_null": ["a"],
                "encoding": "json",
                "timeout": 5,
                "retry": {"attempts": 2},
                "response": {"error": ".error", "root": "/a", "transform": ".", "mapping": {"content": "."}},
                "stream": {"delta": ".", "body": {"stream": True}},
                "paginate": {"style": "offset"},
                "poll": {"url": ".url", "until": ".done"},
            },
        }
    },
}


def paths(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, item in below for found in paths(item, (*path, key)))]


PATHS = paths(DOCUMENT)[1:]


@pytest.mark.slow
@given(st.lists(st.tuples(st.sampled_from(PATHS), JSON), min_size=1, max_size=3))
@settings(max_examples=examples(400), deadline=None)
def test_no_change_of_structure_makes_loading_fail_otherwise_than_with_problems(
    changes: list[tuple[tuple[str | int, ...], Any]],
) -> None:
    document = json.loads(json.dumps(DOCUMENT))
    for path, value in changes:
        target = document
        for key in path[:-1]:
            if not isinstance(target, dict | list) or (isinstance(target, dict) and key not in target):
                break
            if isinstance(target, list) and (not isinstance(key, int) or key >= len(target)):
                break
            target = target[key]  # type: ignore[index]  # a list has an index, a map a key: tested above
        if isinstance(target, dict):
            target[path[-1]] = value
    result = load_bytes(f"---\n{json.dumps(document)}\n---\n".encode())
    sound(result)
    for utility in result.skill.utilities.values() if result.skill else ():
        required = utility.params.get("required", [])
        if not required:
            assert check_params(utility, {}) == utility.defaults
