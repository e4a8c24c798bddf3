"""What is listed: names, annotations, toolsets, the three modes, and what each caller may see."""

import json
from pathlib import Path
from typing import Any

import pytest

from agentos_runtime.config.settings import SettingsError
from agentos_runtime.mcp.toolsets import read_mcp
from tests.cli.console import Console
from tests.mcp.lab import SKILL, Client, Lab, lab

META = {"call_utility", "describe_utility", "search_utilities"}


def names(client: Client) -> set[str]:
    return {tool["name"] for tool in client.ask("tools/list")["tools"]}


def many(count: int) -> str:
    utilities = "\n".join(
        f"  u{n}:\n    description: Number {n}.\n    rest: {{method: GET, url: /text}}" for n in range(count)
    )
    front = "id: many\nname: Many\ndescription: Many utilities.\napi: {base_url: https://test.example}"
    return f"---\n{front}\nutilities:\n{utilities}\n---\n"


def test_every_utility_is_a_tool_under_its_skills_name(client: Client, old: Client) -> None:
    served = client.http.get("/api/skills/test").json()["utilities"]
    for each in (client, old):
        assert names(each) == {f"test_{utility}" for utility in served}


def test_what_a_tool_does_at_the_service_is_annotated(client: Client) -> None:
    hints = {tool["name"]: tool["annotations"] for tool in client.ask("tools/list")["tools"]}
    assert hints["test_thing"] == {
        "readOnlyHint": True, "destructiveHint": False, "idempotentHint": True, "openWorldHint": True,
    }  # fmt: skip
    assert (hints["test_remove"]["destructiveHint"], hints["test_remove"]["idempotentHint"]) == (True, True)
    assert (hints["test_create"]["readOnlyHint"], hints["test_create"]["destructiveHint"]) == (False, False)


def test_a_tool_says_what_it_takes_and_gives(client: Client) -> None:
    tools = {tool["name"]: tool for tool in client.ask("tools/list")["tools"]}
    thing = tools["test_thing"]
    assert thing["title"] == "Test: thing"
    assert thing["inputSchema"]["properties"]["id"] == {"description": 'e.g. "t1"', "type": "string"}
    assert thing["inputSchema"]["required"] == ["id"]
    assert thing["inputSchema"]["additionalProperties"] is False
    assert thing["outputSchema"]["type"] == "object"
    assert "outputSchema" not in tools["test_things"]
    assert tools["test_things"]["inputSchema"]["properties"]["limit"]["default"] == 20


@pytest.mark.parametrize(
    ("path", "headers", "listed"),
    [
        ("/mcp?tools=test/thing", {}, {"test_thing"}),
        ("/mcp?tools=test/thing*,test_echo", {}, {"test_thing", "test_things", "test_echo"}),
        ("/mcp?tools=nothing", {}, set()),
        ("/mcp", {"X-MCP-Toolsets": "test/echo"}, {"test_echo"}),
        ("/mcp/test?tools=test/echo", {}, {"test_echo"}),
        ("/mcp?tools=test/remove,test/echo&readonly=1", {}, {"test_echo"}),
        ("/mcp?mode=search", {}, META),
    ],
)
def test_a_connection_chooses_what_it_is_shown(
    shared: Lab, path: str, headers: dict[str, str], listed: set[str]
) -> None:
    assert names(Client(shared.house.client, path=path, headers=headers)) == listed


def test_a_toolset_hides_and_does_not_forbid(shared: Lab) -> None:
    hidden = shared.client(path="/mcp?tools=test/thing")
    assert hidden.call("test_echo")["isError"] is False


def test_a_read_only_connection_changes_nothing(shared: Lab) -> None:
    asked = len(shared.toy.requests)
    for path, call in (("/mcp?readonly=1", "test_remove"), ("/mcp?readonly=1&mode=search", None)):
        client = shared.client(path=path)
        arguments = {"id": "x"}
        done = (
            client.call(call, arguments)
            if call
            else client.call("call_utility", {"name": "test_remove", "params": arguments})
        )
        assert json.loads(done["content"][0]["text"])["code"] == "not_allowed"
    listed = shared.client(path="/mcp?readonly=1").ask("tools/list")["tools"]
    assert {tool["name"] for tool in listed} & {"test_remove", "test_create"} == set()
    assert listed
    assert len(shared.toy.requests) == asked


@pytest.mark.parametrize("query", ["toolz=x", "mode=all", "readonly=yes"])
def test_an_address_that_means_nothing_is_refused(shared: Lab, query: str) -> None:
    client = shared.client(path=f"/mcp?{query}")
    answer = client.send(client.message("tools/list"))
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_params")


def test_an_endpoint_of_a_skill_that_is_not_there_says_so(shared: Lab) -> None:
    client = shared.client(path="/mcp/tset")
    answer = client.send(client.message("tools/list"))
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_skill")
    assert "did you mean test?" in answer.json()["error"]


def test_many_tools_are_searched_unless_a_connection_wants_them_all(tmp_path: Path) -> None:
    with lab(tmp_path, skills={"many": many(41), "test": SKILL}) as it:
        assert names(it.client()) == META
        assert len(names(it.client(path="/mcp?mode=tools"))) == 53
        assert len(names(it.client(path="/mcp/test"))) == 12
        size = len(json.dumps(it.client().ask("tools/list")["tools"], separators=(",", ":")))
        assert size < 1_600


def test_a_utility_is_found_described_and_called(shared: Lab) -> None:
    client = shared.client(path="/mcp?mode=search")
    found = client.call("search_utilities", {"query": "thing one"})["structuredContent"]["utilities"]
    assert found[0] == {"name": "test_thing", "description": "One thing.", "effect": "read"}
    nulls = client.call("search_utilities", {"query": "thing one", "skill": None, "limit": None})
    assert nulls["structuredContent"]["utilities"] == found
    skills = client.call("search_utilities")["structuredContent"]["skills"]
    assert skills == [{"id": "test", "description": "A service for tests."}]
    told = client.call("describe_utility", {"name": "test_things"})["structuredContent"]
    assert (told["paginates"], told["effect"], told["credential"]) == (True, "read", "default")
    called = client.call("call_utility", {"name": "test/thing", "params": {"id": "t7"}, "select": ".id"})
    assert (called["structuredContent"], called["content"][0]["text"]) == ("t7", "t7")
    assert client.call("call_utility", {"name": "test_nope"})["code"] == -32602
    assert client.call("describe_utility", {"name": "nope"})["code"] == -32602


@pytest.mark.parametrize(
    ("tool", "arguments", "path"),
    [
        ("call_utility", {}, "name"),
        ("call_utility", {"name": "test_echo", "params": []}, "params"),
        ("call_utility", {"name": "test_echo", "arguments": {}}, "arguments"),
        ("call_utility", {"name": "test_echo", "select": 1}, "_select"),
        ("describe_utility", {"name": 1}, "name"),
        ("search_utilities", {"query": 1}, "query"),
        ("search_utilities", {"limit": 0}, "limit"),
        ("search_utilities", {"skill": []}, "skill"),
        ("search_utilities", {"skill": "Test"}, "skill"),
        ("search_utilities", {"q": "thing"}, "q"),
        ("describe_utility", {"name": "test_thing", "params": {}}, "params"),
    ],
)
def test_what_the_three_tools_cannot_read_is_named(client: Client, tool: str, arguments: Any, path: str) -> None:
    done = client.call(tool, arguments)
    body = json.loads(done["content"][0]["text"])
    assert (done["isError"], body["code"], body["problems"][0]["path"]) == (True, "invalid_params", path)


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("remove", "test_remove"),
        ("picture", "test_image_content"),
        ("removes THING", "test_remove"),
        ("sound zebra", "test_audio_content"),
    ],
)
def test_the_best_match_comes_first_and_unknown_words_do_not_hide_it(
    client: Client, query: str, first: str
) -> None:
    found = client.call("search_utilities", {"query": query, "skill": "test"})["structuredContent"]["utilities"]
    assert found[0]["name"] == first


def test_an_agent_is_shown_what_it_may_call(tmp_path: Path) -> None:
    rules = {"agents": {"guest": {"allow": ["test/thing*"]}}}
    with lab(tmp_path, limits=rules) as it:
        guest = it.client(X_Agent="guest")
        assert names(guest) == {"test_thing", "test_things"}
        refused = guest.call("test_remove", {"id": "x"})
        assert json.loads(refused["content"][0]["text"])["code"] == "not_allowed"
        assert guest.call("search_utilities", {"query": "remove"})["structuredContent"] == {"utilities": []}
        assert len(names(it.client())) == 12


def test_an_agents_table_says_what_it_is_shown(tmp_path: Path) -> None:
    table = {"tools": ["test/echo"], "agents": {"cursor": {"tools": ["test"], "mode": "tools"}}}
    with lab(tmp_path, mcp=table) as it:
        assert names(it.client()) == {"test_echo"}
        assert len(names(it.client(X_Agent="cursor"))) == 12
        assert names(it.client(path="/mcp?tools=test/thing")) == {"test_thing"}


def test_without_select_no_tool_takes_it(tmp_path: Path) -> None:
    with lab(tmp_path, mcp={"select": False}) as it:
        client = it.client()
        tools = {tool["name"]: tool for tool in client.ask("tools/list")["tools"]}
        assert "_select" not in tools["test_thing"]["inputSchema"]["properties"]
        assert "anyOf" not in tools["test_thing"]["outputSchema"]
        done = client.call("test_thing", {"id": "t", "_select": ".id"})
        assert json.loads(done["content"][0]["text"])["problems"][0]["path"] == "_select"


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"tool": []}, "mcp.tool is no setting; did you mean tools"),
        ({"mode": "all"}, "mcp.mode must be one of auto, tools, search"),
        ({"agents": []}, "mcp.agents must hold a table per agent"),
        ({"agents": {"cursor": {"select": True}}}, "mcp.agents.cursor.select is no setting"),
        ({"max_text": 10}, "mcp.max_text must be a whole number, 2000 or more"),
    ],
)
def test_a_wrong_table_is_named(table: Any, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        read_mcp(table, "config.toml")


def test_a_name_that_is_too_long_for_clients_is_left_out_and_the_check_says_so(tmp_path: Path) -> None:
    text = many(3).replace("u0:", f"{'u' * 44}:").replace("u1:", f"{'v' * 52}:")
    with lab(tmp_path, skills={"many": text}) as it:
        assert names(it.client()) == {f"many_{'u' * 44}", "many_u2"}
        problems = it.house.client.get("/api/skills/many").json()["problems"]
        told = {problem["path"]: problem["message"] for problem in problems}
        assert "which some clients refuse" in told[f"utilities.{'u' * 44}"]
        assert "57 characters, so it is left out there" in told[f"utilities.{'v' * 52}"]


@pytest.mark.parametrize(
    ("count", "config", "said"),
    [
        (3, "", "3 tools, 1 KB"),
        (
            41,
            "",
            "41 tools, 10 KB: more than clients show (40 tools in some) or a model should read, so they are",
        ),
        (41, '[mcp]\nmode = "tools"\n', "and all are listed. Choose with [mcp] tools and mode in config.toml"),
    ],
)
def test_the_doctor_says_how_many_tools_clients_get(tmp_path: Path, count: int, config: str, said: str) -> None:
    console = Console(tmp_path / "home", tmp_path / "skills")
    console.write("many/readme.md", many(count))
    (tmp_path / "home").mkdir(mode=0o700, exist_ok=True)
    (tmp_path / "home" / "config.toml").write_text(config)
    done = console.run("doctor", "--json", AGENTOS_ONLY_SKILLS="1")
    found = {each["name"]: each["text"] for each in json.loads(done.out)["findings"]}
    assert said in found["mcp"]
