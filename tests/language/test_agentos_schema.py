"""The JSON Schema for editors says what the runtime reads: no key more, none less."""

from collections.abc import Collection
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from agentos_runtime.manifest.dialects import agentos, replies, requests, shapes
from agentos_runtime.manifest.dialects.local.callables import KEYS
from agentos_runtime.resources import skills_folder
from tests.language import agentos_schema
from tests.language.test_agentos import C, D, E
from tests.local.test_programs import FRONT
from tests.reading import read_yaml

OURS = frozenset({"strict_returns", "credential", "gone", "additional_params", "provides", "credits", "test"})
"""Keys of a callable that nothing of AgentOS's own language says, or that only hold information."""
BUNDLED = ("github", "hackernews", "todoist", "sqlite")


def front(text: str) -> Any:
    return read_yaml(text.split("---")[1] if text.startswith("---") else text)


def bundled(name: str) -> str:
    return (skills_folder() / name / "readme.md").read_text()


def test_the_file_is_what_the_tables_say() -> None:
    assert agentos_schema.file().read_text() == agentos_schema.text(), "python -m tests.language.agentos_schema"


@pytest.mark.parametrize(
    "text",
    [C, D, E, f"id: here\nname: Here\ndescription: A toy\n{FRONT}", *map(bundled, BUNDLED)],
    ids=["C", "D", "E", "programs", *BUNDLED],
)
def test_files_that_load_are_valid_for_an_editor(text: str) -> None:
    errors = Draft202012Validator(agentos_schema.schema()).iter_errors(front(text))
    assert [(list(error.absolute_path), error.message) for error in errors] == []


@pytest.mark.parametrize(
    ("change", "to", "path"),
    [
        ("root: /results/0", "root: 5", ["operations", "task.get"]),
        ("{type: integer, default: 5}", "{type: intger}", ["operations", "task.list", "params", "limit"]),
        ("api_key, header: Authorization", "api_key, header: 5", ["auth"]),
    ],
)
def test_an_editor_marks_what_the_runtime_warns_of(change: str, to: str, path: list[str]) -> None:
    errors = list(Draft202012Validator(agentos_schema.schema()).iter_errors(front(C.replace(change, to, 1))))
    assert [list(error.absolute_path)[: len(path)] for error in errors] == [path]


@pytest.mark.parametrize(
    ("read", "described"),
    [
        (agentos._KNOWN - OURS, shapes.CALLABLE),
        (requests._REST, shapes.EXECUTORS["rest"]),
        (requests._GRAPHQL, shapes.EXECUTORS["graphql"]),
        *((KEYS[name] - {"description"}, shapes.EXECUTORS[name]) for name in KEYS),
        ({"root", "transform", "mapping", "raw", "static", "inject"}, shapes.RESPONSE),
        (replies._KNOWN - {"error", "empty", "as", "xml"}, shapes.RESPONSE),
    ],
)
def test_every_key_that_is_read_is_described(read: Collection[str], described: shapes.Shapes) -> None:
    assert set(read) <= set(described)
