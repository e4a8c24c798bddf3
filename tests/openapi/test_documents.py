"""Documents are valid OpenAPI, say what is accepted, and are what other tools take."""

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from agentos_runtime.config.settings import Settings
from agentos_runtime.errors import codes
from agentos_runtime.manifest.names import tool_name
from agentos_runtime.openapi.document import Asked, document
from agentos_runtime.openapi.schemas import shown_schema
from agentos_runtime.skills.opening import open_catalog
from tests.openapi.lab import WHOLE, tool
from tests.openapi.manifests import manifest

MADE = 200
VALIDATE = """
import json, sys
from openapi_spec_validator import validate
bad = []
for line in sys.stdin:
    document = json.loads(line)
    try:
        validate(document)
    except Exception as error:
        bad.append([document["info"]["title"], document["openapi"], str(error)[:500]])
print(json.dumps(bad))
"""


def asked(**more: Any) -> Asked:
    return Asked("http://127.0.0.1:3456", **more)


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Of the bundled skills: whole in both versions, whole for tools, and each alone."""
    return asyncio.run(written(Settings(home=tmp_path_factory.mktemp("home"))))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Of generated skills, the same."""
    folder = tmp_path_factory.mktemp("made")
    for number in range(MADE):
        (folder / f"made-{number}.md").write_text(manifest(number), encoding="utf-8")
    return asyncio.run(written(Settings(home=folder / "home", skills=(folder,), only_skills=True)))


async def written(settings: Settings) -> list[dict[str, Any]]:
    async with open_catalog(settings, {}) as catalog:
        entries = catalog.skills.entries
        assert [str(problem) for entry in entries if not entry.skill for problem in entry.problems] == []
        whole = [document(catalog.skills, asked(version=version)) for version in ("3.1", "3.2")]
        whole.append(document(catalog.skills, asked(for_tools=True)))
        return whole + [document(catalog.skills, asked(skill=entry.id)) for entry in entries]


def operations(found: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in found["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def found_wrong(documents: list[dict[str, Any]]) -> Any:
    done = tool("python", "-c", VALIDATE, stdin="\n".join(json.dumps(each) for each in documents))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
def test_the_documents_of_the_bundled_skills_are_valid_openapi(documents: list[dict[str, Any]]) -> None:
    assert found_wrong(documents[:3] + [each for each in documents[3:] if WHOLE or len(each["paths"]) < 20]) == []


@pytest.mark.slow
def test_the_documents_of_generated_skills_are_valid_openapi(made: list[dict[str, Any]]) -> None:
    """Their calls; that the descriptions beside them are, the other test shows."""
    assert len(made) == 3 + MADE
    calls = {path: {"post": item["post"]} for path, item in made[0]["paths"].items() if "post" in item}
    assert len(calls) >= MADE
    assert found_wrong([{**made[0], "paths": calls}, *made[3 : None if WHOLE else 6]]) == []


@pytest.mark.slow
def test_names_of_operations_are_unique_and_those_of_mcp(
    documents: list[dict[str, Any]], made: list[dict[str, Any]]
) -> None:
    for found in documents[:3] + made[:3]:
        named = [operation["operationId"] for _, _, operation in operations(found)]
        assert len(named) == len(set(named))
        calls = {
            path: operation["operationId"] for path, method, operation in operations(found) if method == "post"
        }
        assert calls == {path: tool_name(*path.replace(".", "_").split("/")[3:]) for path in calls}


def test_every_call_names_the_statuses_that_tools_look_for(documents: list[dict[str, Any]]) -> None:
    wanted = {"200", "400", "402", "403", "409", "424", "429", "500", "502", "503", "504", "default"}
    calls = [operation for _, method, operation in operations(documents[0]) if method == "post"]
    assert [each["operationId"] for each in calls if each["responses"].keys() != wanted] == []


def test_the_codes_are_those_of_the_contract(documents: list[dict[str, Any]]) -> None:
    schema = documents[0]["components"]["schemas"]["Error"]
    assert schema["properties"]["code"]["enum"] == sorted(codes())
    assert "invalid_params" in schema["properties"]["code"]["enum"]


@pytest.mark.slow
def test_texts_are_as_short_as_consumers_want_them_and_show_as_themselves(made: list[dict[str, Any]]) -> None:
    texts = dict(texts_of(made[0]))
    longest = {kind: max(map(len, found)) for kind, found in texts.items()}
    assert longest["summary"] <= 120
    assert longest["operation"] == 300
    assert longest["other"] <= 700
    assert [text for found in texts.values() for text in found if re.search("[\x00-\x08\u202e]", text)] == []


def texts_of(found: dict[str, Any]) -> Iterator[tuple[str, list[str]]]:
    calls = [operation for _, method, operation in operations(found) if method == "post"]
    yield "summary", [each["summary"] for each in calls]
    yield "operation", [each["description"] for each in calls]
    yield "other", [*descriptions([each["requestBody"] for each in calls])]


def descriptions(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("description"), str):
            yield value["description"]
        for below in value.values():
            yield from descriptions(below)
    elif isinstance(value, list):
        for below in value:
            yield from descriptions(below)


SEGMENTS = """\
---
id: paths
name: Paths
description: Params in urls of all forms
api: {base_url: https://paths.example}
utilities:
%s---
"""
URLS = {
    '\'"/a/" + .params.p + "/b?q=" + .params.q\'': ["p"],
    "'\"/a/\\(.params.p)/\\(.params.q | @uri)\"'": ["p", "q"],
    "'\"https://paths.example/\" + (.params.p | tostring)'": ["p"],
    "'\"/a-\" + .params.p + .params.q'": [],
    '\'"/a/" + (.params.p // "x")\'': [],
    "'/a/{p}/b-{q}'": ["p", "q"],
    "'/a?p={p}'": [],
}


def test_params_that_a_path_needs_are_not_empty(tmp_path: Path) -> None:
    utilities = "".join(
        f"  do_{index}:\n    description: Do\n    params: {{p: {{type: string}}, q: {{type: [string, integer]}}}}\n"
        f"    rest: {{url: {url}}}\n"
        for index, url in enumerate(URLS)
    )
    (tmp_path / "paths.md").write_text(SEGMENTS % utilities, encoding="utf-8")
    settings = Settings(home=tmp_path / "home", skills=(tmp_path,), only_skills=True)
    whole, _, for_tools, _ = asyncio.run(written(settings))
    for found in (whole, for_tools):
        calls = [operation for _, method, operation in operations(found) if method == "post"]
        schemas = [each["requestBody"]["content"]["application/json"]["schema"] for each in calls]
        full = [
            [name for name, each in schema["properties"].items() if '"minLength": 1' in json.dumps(each)]
            for schema in schemas
        ]
        assert dict(zip(URLS, full, strict=True)) == URLS


def test_params_stand_inline(documents: list[dict[str, Any]]) -> None:
    bodies = [operation.get("requestBody") for _, _, operation in operations(documents[0])]
    assert "$ref" not in json.dumps(bodies)


def test_versions_differ_in_how_a_stream_is_described_only(documents: list[dict[str, Any]]) -> None:
    older, newer = documents[0], json.loads(json.dumps(documents[1]))
    assert (older["openapi"], newer["openapi"]) == ("3.1.0", "3.2.0")
    streams = 0
    for _, method, operation in operations(newer):
        event = operation["responses"]["200"]["content"].get("text/event-stream") if method == "post" else None
        if event is not None:
            event["schema"] = event.pop("itemSchema")
            streams += 1
    assert streams
    assert {**newer, "openapi": older["openapi"]} == older


def test_for_tools_there_are_calls_only_in_schemas_that_all_models_take(
    documents: list[dict[str, Any]], made: list[dict[str, Any]]
) -> None:
    found = documents[2] | {"paths": documents[2]["paths"] | made[2]["paths"]}
    assert {method for _, method, _ in operations(found)} == {"post"}
    params = [
        operation["requestBody"]["content"]["application/json"]["schema"] for _, _, operation in operations(found)
    ]
    assert [*lists_of_types(params)] == []
    assert [*lists_of_types([operation for _, _, operation in operations(documents[0])])] != []


def lists_of_types(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        if isinstance(value.get("type"), list):
            yield value
        for below in value.values():
            yield from lists_of_types(below)
    elif isinstance(value, list):
        for below in value:
            yield from lists_of_types(below)


def test_no_alternative_has_a_list_of_types(documents: list[dict[str, Any]]) -> None:
    """Tools that look for the one alternative that tells something fail at it."""
    assert [kind for kind in alternatives(documents[0]) if isinstance(kind, list)] == []
    assert {"object", "array", "null"} <= {kind for kind in alternatives(documents[0]) if isinstance(kind, str)}


@pytest.mark.parametrize("key", ["anyOf", "oneOf"])
@given(st.lists(st.sampled_from(["integer", "number", "string", "null", "array"]), min_size=1, unique=True))
def test_alternatives_by_type_accept_what_they_did(key: str, kinds: list[str]) -> None:
    before: dict[str, Any] = {key: [{"type": [*kinds]}, {"type": "boolean"}]}
    after: Any = shown_schema(before)
    values: list[Any] = [1, 1.5, "a", None, [], True, {}]
    accepted = [[Draft202012Validator(schema).is_valid(value) for value in values] for schema in (before, after)]
    assert accepted[0] == accepted[1]


def alternatives(within: Any) -> Iterator[Any]:
    if isinstance(within, dict):
        for key in ("anyOf", "oneOf"):
            if isinstance(within.get(key), list):
                yield from (each.get("type") for each in within[key])
    for below in within.values() if isinstance(within, dict) else within if isinstance(within, list) else ():
        yield from alternatives(below)
