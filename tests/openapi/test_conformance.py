"""What tools send by the document is accepted, what it forbids is refused, and replies are as it says."""

from pathlib import Path

import httpx
import pytest

from tests.openapi.lab import WHOLE, generated, tool

pytestmark = pytest.mark.slow

CHECKS = (
    *(f"{what}_conformance" for what in ("response_schema", "status_code", "content_type", "allow_header")),
    *("positive_data_acceptance", "negative_data_rejection"),
)
REFUSING = (
    *("anthropic_chat", "gemini_chat", "ollama_chat", "openai_chat", "openrouter_chat"),
    *("anthropic_count_tokens", "gemini_count_tokens", "openai_count_tokens", "gemini_create_cache"),
)
"""Conversations refuse what no schema says: params that contradict each other, that the model cannot honour, or
that are none of what a provider has (a part of a text that is null)."""
CONFIG = f"""\
[checks]
enabled = false
{"".join(f"{check}.enabled = true{chr(10)}" for check in CHECKS)}
[[operations]]
include-operation-id = {[*REFUSING]}
checks.positive_data_acceptance.enabled = false
"""
MADE = range(200) if WHOLE else (3, 11, 40, 77)
"""Numbers of generated skills; 11 and 40 stream, 77 has lists."""
PATHS = ["openapi.json"] if WHOLE else [f"api/skills/open-meteo/openapi.json?version={v}" for v in ("3.1", "3.2")]


def conforms(client: httpx.Client, folder: Path, path: str) -> None:
    config = folder / "schemathesis.toml"
    config.write_text(CONFIG, encoding="utf-8")
    how = ["--phases", "examples,coverage", "--max-examples", 15, "--seed", 1, "--warnings", "off"]
    where = ["--config-file", config, "run", f"{client.base_url}/{path}", "--report-dir", folder]
    done = tool("schemathesis", *where, *how, folder=folder)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
    assert "generated" in done.stdout


@pytest.mark.parametrize("path", PATHS)
def test_a_tool_that_reads_a_document_finds_it_kept(client: httpx.Client, tmp_path: Path, path: str) -> None:
    conforms(client, tmp_path, path)


def test_a_tool_finds_the_document_of_generated_skills_kept(tmp_path: Path) -> None:
    with generated(tmp_path, MADE) as client:
        conforms(client, tmp_path, "openapi.json")
