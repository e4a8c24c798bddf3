"""docs/manifest.md documents every key of the schema, and every example in it loads without a word."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from agentos_runtime.jq.pool import WorkerPool
from agentos_runtime.resources import read_schema, schemas_folder
from tests.manifest.loading import HEAD, load

REFERENCE = Path(__file__).parents[2] / "docs" / "manifest.md"
TEXT = REFERENCE.read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def keys(schema: Any) -> Iterator[str]:
    """Every key that the schema knows, at any depth."""
    if isinstance(schema, dict):
        properties = schema.get("properties", {})
        yield from properties
        for name, below in schema.items():
            yield from keys(list(below.values()) if name in ("properties", "$defs") else below)
    elif isinstance(schema, list):
        for below in schema:
            yield from keys(below)


def described(schema: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every property's schema, with its path."""
    if isinstance(schema, dict):
        for name, below in schema.get("properties", {}).items():
            yield f"{path}.{name}", below
        for name, below in schema.items():
            yield from described(
                list(below.values()) if name in ("properties", "$defs") else below, f"{path}/{name}"
            )
    elif isinstance(schema, list):
        for below in schema:
            yield from described(below, path)


def test_the_schema_is_a_json_schema() -> None:
    Draft202012Validator.check_schema(read_schema("manifest"))
    assert (schemas_folder() / "manifest.schema.json").is_file()


def test_every_key_of_the_schema_is_documented() -> None:
    written = set(re.findall(r"`([a-z_-]+)`", TEXT)) | set(re.findall(r"([a-z_]+):", "".join(EXAMPLES)))
    assert set(keys(read_schema("manifest"))) - written == set()


def test_every_key_of_the_schema_explains_itself_in_an_editor() -> None:
    schema = read_schema("manifest")
    silent = [
        path
        for path, below in described(schema)
        if "$ref" not in below and not (below.get("title") and below.get("description"))
    ]
    assert silent == []


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_every_example_loads_without_a_warning(example: str) -> None:
    result = load(example, head="" if example.startswith("id:") else HEAD)
    assert result.problems == ()
    assert result.skill is not None
    assert [str(warning) for warning in result.skill.warnings if "where the key goes" not in warning.message] == []


def test_every_expression_of_the_examples_compiles() -> None:
    checks = [
        check
        for example in EXAMPLES
        for check in load(example, head="" if example.startswith("id:") else HEAD).checks
    ]

    async def compiled() -> list[str]:
        async with WorkerPool(size=0) as pool:
            found = zip(checks, await pool.check(checks), strict=True)
        return [check.source for check, problem in found if problem]

    assert len(checks) > 10
    assert asyncio.run(compiled()) == []
