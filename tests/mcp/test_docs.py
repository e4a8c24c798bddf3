"""docs/mcp.md says what is answered: its examples are sent, its figures are measured, its tables are read."""

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agentos_runtime.mcp.toolsets import McpSettings, Toolset, read_mcp
from tests.docs.pages import DOCS, blocks, cells, read, section
from tests.mcp.lab import Lab, lab

PAGE = DOCS / "mcp.md"


@pytest.fixture(scope="module")
def bundled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with lab(tmp_path_factory.mktemp("bundled"), skills={}, only_skills=False) as it:
        yield it


def has(found: Any, said: Any) -> bool:
    """Whether all that is said is there."""
    if isinstance(said, dict):
        return isinstance(found, dict) and all(key in found and has(found[key], said[key]) for key in said)
    if isinstance(said, list):
        return isinstance(found, list) and len(found) == len(said) and all(map(has, found, said))
    return bool(found == said)


def test_the_examples_are_answered_as_they_say(bundled: Lab) -> None:
    texts = [json.loads(block.text) for block in blocks(PAGE) if block.kind == "json"]
    pairs = list(zip(texts[::2], texts[1::2], strict=True))
    assert len(pairs) > 2
    for sent, said in pairs:
        found = bundled.client(path="/mcp?mode=search").ask(sent["method"], sent["params"])
        assert has(found, said), (sent, found)


def test_the_figures_are_about_right(bundled: Lab) -> None:
    paths = ("/mcp?mode=tools", "/mcp/openrouter?mode=tools", "/mcp/open-meteo", "/mcp?mode=search")
    rows = cells(section(PAGE, "Modes"))
    assert len(rows) == len(paths)
    for path, (_, count, size, tokens) in zip(paths, rows, strict=True):
        tools = bundled.client(path=path).ask("tools/list")["tools"]
        written = len(json.dumps(tools, separators=(",", ":"), ensure_ascii=False))
        assert len(tools) == pytest.approx(int(count), rel=0.25)
        assert written / 1000 == pytest.approx(float(size), rel=0.25)
        assert written / 4 == pytest.approx(int(tokens.replace(",", "")), rel=0.25)


def test_the_table_of_settings_can_be_used(tmp_path: Path) -> None:
    (text,) = [block.text for block in blocks(PAGE) if block.kind == "toml"]
    found = read_mcp(tomllib.loads(text)["mcp"], tmp_path)
    assert found.of("cursor") == Toolset(("openrouter/*",), "tools")
    assert found.toolset == Toolset(("openrouter/chat", "open-meteo/*"))
    assert (found.select, found.max_text) == (McpSettings().select, McpSettings().max_text)


def test_it_names_every_address() -> None:
    assert all(name in read(PAGE) for name in ("/mcp/{skill}", "?tools=", "?readonly=1", "X-MCP-Toolsets"))
