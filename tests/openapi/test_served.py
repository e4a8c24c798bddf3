"""The documents over HTTP: who is shown what, when they change, and how they are asked for."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.cli.console import Console
from tests.mcp.lab import MODERN
from tests.openapi.lab import served

PRIVATE = """\
---
id: private
name: Private
description: One thing that everybody may do, and one that few may
utilities:
  look: {description: Looks, rest: {url: "https://private.example/look"}}
  remove: {description: Removes, rest: {method: DELETE, url: "https://private.example/it"}}
---
"""
BROKEN = "---\nid: torn\nname: Torn\ndescription: T\nutilities: {go: {description: Go, rest: {urll: x}}}\n---\n"
TOLD = "---\nid: told\nname: Told\ndescription: Only words\ninstructions: Read me\n---\n"


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """Where a token is asked for, and agents may only look."""
    limits = {"default": {"deny": ["private/remove"]}, "agents": {"trusted": {"deny": []}}}
    texts = {"private": PRIVATE, "torn": BROKEN, "told": TOLD}
    folder = tmp_path_factory.mktemp("strict")
    with served(folder, texts, token="t0ken", limits=limits, public_url="https://agents.example") as client:
        client.headers["Authorization"] = "Bearer t0ken"
        yield client


def test_what_an_agent_may_not_call_is_not_described_to_it(strict: httpx.Client) -> None:
    shown = strict.get("/openapi.json").json()
    assert [path for path in shown["paths"] if "private" in path] == ["/api/skills/private/look"]
    all_of_it = strict.get("/openapi.json", headers={"X-Agent": "trusted"}).json()
    assert "/api/skills/private/remove" in all_of_it["paths"]
    assert "/api/skills/private/remove" not in strict.get("/api/skills/private/openapi.json").json()["paths"]


def test_broken_skills_are_left_out_of_the_whole_and_named_when_asked_for(strict: httpx.Client) -> None:
    assert "torn" not in [tag["name"] for tag in strict.get("/openapi.json").json()["tags"]]
    refused = strict.get("/api/skills/torn/openapi.json")
    assert (refused.status_code, refused.json()["code"]) == (503, "skill_broken")
    assert strict.get("/api/skills/nowhere/openapi.json").json()["code"] == "unknown_skill"


def test_a_skill_of_instructions_only_has_a_document_without_paths(strict: httpx.Client) -> None:
    assert strict.get("/api/skills/told/openapi.json").json()["paths"] == {}


def test_the_document_says_that_a_token_is_asked_for_and_where_the_server_is(
    strict: httpx.Client, client: httpx.Client
) -> None:
    assert strict.get("/openapi.json").json()["security"] == [{"token": []}]
    assert strict.get("/openapi.json").json()["servers"] == [{"url": "https://agents.example"}]
    open_one = client.get("/openapi.json").json()
    assert open_one["security"] == [{}, {"token": []}]
    assert open_one["servers"] == [{"url": str(client.base_url).rstrip("/")}]
    assert strict.get("/openapi.json", headers={"Authorization": ""}).json()["code"] == "unauthorized"


def test_the_server_is_named_as_it_was_asked_for(client: httpx.Client) -> None:
    host = f"localhost:{client.base_url.port}"
    assert client.get("/openapi.json", headers={"Host": host}).json()["servers"] == [{"url": f"http://{host}"}]
    assert client.get("/openapi.json").json()["servers"] != [{"url": f"http://{host}"}]


def test_an_unchanged_document_is_not_sent_again(client: httpx.Client) -> None:
    for path in ("/openapi.json", "/api/skills/open-meteo/openapi.json", "/openapi.json?for=tools"):
        first = client.get(path)
        again = client.get(path, headers={"If-None-Match": first.headers["etag"]})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])


def test_a_saved_skill_changes_the_document_and_its_tag(tmp_path: Path) -> None:
    with served(tmp_path, {"private": PRIVATE}) as client:
        before = client.get("/openapi.json")
        file = tmp_path / "skills" / "private.md"
        file.write_text(PRIVATE.replace("description: Looks", "description: Stares"), encoding="utf-8")
        after = before
        while "Stares" not in after.text:
            after = client.get("/openapi.json", headers={"If-None-Match": before.headers["etag"]})
        assert after.headers["etag"] != before.headers["etag"]


def test_a_query_that_means_nothing_is_refused(client: httpx.Client) -> None:
    for query in ("version=2.0", "for=people", "versoin=3.1", "version=3.1&for=x"):
        refused = client.get(f"/openapi.json?{query}")
        assert (refused.status_code, refused.json()["code"]) == (400, "invalid_params")
        assert refused.json()["problems"][0]["path"] in ("version", "for", "versoin")
    assert client.get("/openapi.json?version=3.2.0").json()["openapi"] == "3.2.0"


def test_operations_are_called_as_tools_of_mcp_are(client: httpx.Client) -> None:
    meta = {
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    asked = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": meta}}
    headers = {"MCP-Protocol-Version": MODERN, "Mcp-Method": "tools/list"}
    tools = client.post("/mcp?mode=tools", json=asked, headers=headers).json()["result"]["tools"]
    paths = client.get("/openapi.json?for=tools").json()["paths"]
    assert {tool["name"] for tool in tools} == {item["post"]["operationId"] for item in paths.values()}
    schemas = {
        item["post"]["operationId"]: item["post"]["requestBody"]["content"]["application/json"]["schema"]
        for item in paths.values()
    }
    weather = next(tool for tool in tools if tool["name"] == "open-meteo_forecast")
    ours = {name for name in schemas["open-meteo_forecast"]["properties"] if name != "stream"}
    assert ours == weather["inputSchema"]["properties"].keys() - {"_select"}


@pytest.mark.slow
def test_the_command_line_writes_the_same_document(client: httpx.Client, tmp_path: Path) -> None:
    console = Console(tmp_path / "home", tmp_path / "skills")
    console.as_installed()
    console.environ["AGENTOS_PUBLIC_URL"] = str(client.base_url).rstrip("/")
    printed = console.run("openapi", "open-meteo", "--version", "3.2")
    assert printed.json == client.get("/api/skills/open-meteo/openapi.json?version=3.2").json()
    written = console.run("openapi", "--for-tools", "-o", tmp_path / "all.json")
    assert (written.code, written.out) == (0, "")
    assert json.loads((tmp_path / "all.json").read_text()) == client.get("/openapi.json?for=tools").json()
    assert "unknown_skill" not in (refused := console.run("openapi", "nowhere")).err
    assert (refused.code, "There is no skill" in refused.err) == (1, True)
    lost = console.run("openapi", "-o", tmp_path)
    assert (lost.code, "is a folder" in lost.err) == (1, True)
