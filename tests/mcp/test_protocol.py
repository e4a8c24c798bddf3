"""Messages, eras, headers and codes: what is refused, and how."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentos_runtime.mcp.protocol import Malformed, RpcError, label, read_message, settled
from tests.mcp.lab import LEGACY, MODERN, Client, Lab
from tests.server.client import post, send_raw
from tests.sizes import examples

META = "io.modelcontextprotocol/"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", -32700),
        (b"\xff", -32700),
        (b'{"jsonrpc": "2.0", "id": NaN, "method": "ping"}', -32700),
        (b"[]", -32600),
        (b'[{"jsonrpc": "2.0", "id": 1, "method": "ping"}]', -32600),
        (b'"ping"', -32600),
        (b'{"jsonrpc": "2.0", "id": null, "method": "ping"}', -32600),
        (b'{"jsonrpc": "2.0", "id": true, "method": "ping"}', -32600),
        (b'{"jsonrpc": "2.0", "id": 1.5, "method": "ping"}', -32600),
        (b'{"jsonrpc": "2.0", "id": 1, "result": {}}', -32600),
        (b'{"jsonrpc": "2.0", "id": 1, "error": {"code": 1, "message": "no"}}', -32600),
        (b"", -32700),
    ],
)
def test_what_is_no_message_is_refused_with_400_and_no_id(shared: Lab, body: bytes, code: int) -> None:
    answer = shared.house.client.post("/mcp", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["error"]["code"], answer.json()["id"]) == (400, code, None)


@pytest.mark.parametrize("request_id", [7, "7"])
@pytest.mark.parametrize(
    "message",
    [
        {"method": "ping"},
        {"jsonrpc": "2.0"},
        {"jsonrpc": "2.0", "method": 2},
        {"jsonrpc": "2.0", "method": "tools/call", "params": []},
        {"jsonrpc": "2.0", "method": "tools/call", "params": "{}"},
    ],
)
def test_a_request_that_is_refused_is_refused_under_its_id(
    shared: Lab, message: Any, request_id: int | str
) -> None:
    answer = shared.house.client.post("/mcp", json={**message, "id": request_id})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, -32600)
    assert answer.json()["id"] == request_id


def test_params_that_are_null_are_none(shared: Lab) -> None:
    message = {"jsonrpc": "2.0", "id": 1, "method": "ping", "params": None}
    assert shared.house.client.post("/mcp", json=message).json() == {"jsonrpc": "2.0", "id": 1, "result": {}}


def test_a_notification_is_accepted_and_says_nothing(client: Client, old: Client) -> None:
    for each in (client, old):
        message = each.message("notifications/initialized")
        del message["id"]
        answer = each.send(message)
        assert (answer.status_code, answer.content) == (202, b"")


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT"])
@pytest.mark.parametrize("path", ["/mcp", "/mcp/test"])
def test_there_are_no_sessions_to_open_or_end(shared: Lab, method: str, path: str) -> None:
    answer = shared.house.client.request(method, path)
    assert answer.status_code == 405
    assert "POST" in answer.headers["allow"]


def test_a_session_id_is_neither_made_nor_looked_at(old: Client) -> None:
    old.headers["Mcp-Session-Id"] = "of-another-server"
    answer = old.send(old.message("initialize", {"protocolVersion": LEGACY}))
    assert "mcp-session-id" not in answer.headers
    assert answer.json()["result"]["protocolVersion"] == LEGACY


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ("2025-11-25", "2025-11-25"),
        ("2025-03-26", "2025-03-26"),
        ("2024-11-05", "2025-11-25"),
        (None, "2025-11-25"),
    ],
)
def test_a_handshake_settles_on_a_version_that_both_know(shared: Lab, asked: str | None, given: str) -> None:
    message = {"jsonrpc": "2.0", "id": "a", "method": "initialize", "params": {"protocolVersion": asked}}
    answer = shared.house.client.post("/mcp", json=message).json()
    assert answer["id"] == "a"
    assert answer["result"]["protocolVersion"] == given
    assert "resultType" not in answer["result"]


def test_discovery_says_the_versions_and_how_long_it_holds(client: Client) -> None:
    found = client.ask("server/discover")
    assert found["supportedVersions"] == [MODERN]
    assert (found["ttlMs"], found["cacheScope"], found["resultType"]) == (3_600_000, "private", "complete")
    assert found["_meta"][f"{META}serverInfo"]["name"] == "agentos"
    assert "test: A service for tests." in found["instructions"]


@pytest.mark.parametrize("method", ["tools/list", "resources/list", "resources/templates/list", "prompts/list"])
def test_every_list_says_how_long_it_holds_to_modern_clients_only(client: Client, old: Client, method: str) -> None:
    assert client.ask(method)["cacheScope"] == "private"
    assert "cacheScope" not in old.ask(method)
    assert client.ask(method, {"cursor": "x"})["code"] == -32602


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"MCP-Protocol-Version": None}, -32020),
        ({"MCP-Protocol-Version": LEGACY}, -32020),
        ({"Mcp-Method": "tools/list"}, -32020),
        ({"Mcp-Method": None}, -32020),
        ({"Mcp-Name": "test_echo"}, -32020),
        ({"Mcp-Name": None}, -32020),
        ({"Mcp-Name": "=?base64?!?="}, -32020),
    ],
)
def test_headers_that_say_otherwise_than_the_body_are_refused(
    client: Client, change: dict[str, str | None], code: int
) -> None:
    message = client.message("tools/call", {"name": "test_simple_text"})
    headers = {name: value for name, value in (client.of(message) | change).items() if value is not None}
    answer = client.http.post("/mcp", json=message, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)
    assert answer.json()["id"] == message["id"]


def test_blanks_around_a_header_and_encoded_names_are_read(shared: Lab, client: Client) -> None:
    message = client.message("tools/call", {"name": "test_simple_text"})
    for name in ("  test_simple_text\t", "=?base64?dGVzdF9zaW1wbGVfdGV4dA==?="):
        headers = (f"mcp-protocol-version: {MODERN}", "mcp-method:   tools/call ", f"mcp-name: {name}")
        answer = send_raw(
            shared.house.server, post(shared.house.server, "/mcp", json.dumps(message).encode(), *headers)
        )
        assert answer.json["result"]["isError"] is False


def test_an_unknown_version_is_told_which_are_known(client: Client) -> None:
    message = client.message("tools/list")
    message["params"]["_meta"][f"{META}protocolVersion"] = "2099-01-01"
    answer = client.send(message, **{"MCP-Protocol-Version": "2099-01-01"})
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["code"], error["data"]) == (-32022, {"supported": [MODERN], "requested": "2099-01-01"})


def test_a_modern_header_needs_the_version_in_the_message(client: Client) -> None:
    message = client.message("tools/list")
    del message["params"]["_meta"]
    answer = client.send(message)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, -32602)


def test_a_modern_request_says_what_its_client_can(client: Client) -> None:
    message = client.message("tools/list")
    message["params"]["_meta"][f"{META}clientCapabilities"] = None
    answer = client.send(message)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, -32602)


def test_an_unknown_method_is_404_to_modern_clients_and_200_to_others(client: Client, old: Client) -> None:
    for each, status in ((client, 404), (old, 200)):
        answer = each.send(each.message("logging/setLevel"))
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, -32601)
    assert client.ask("ping")["code"] == -32601
    assert old.ask("ping") == {}


@settings(max_examples=examples(200), deadline=None)
@given(name=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40))
def test_any_name_survives_its_header(name: str) -> None:
    meta = {f"{META}protocolVersion": MODERN, f"{META}clientCapabilities": {}}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name, "_meta": meta}}
    text = json.dumps(body).encode()
    headers = {
        b"mcp-protocol-version": MODERN.encode(),
        b"mcp-method": b"tools/call",
        b"mcp-name": b"=?base64?%s?=" % base64.b64encode(name.encode()),
    }
    assert settled(read_message(text), headers).modern


JSON: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
MEMBERS = st.fixed_dictionaries(
    {},
    optional={
        "jsonrpc": st.just("2.0") | JSON,
        "id": JSON,
        "method": st.sampled_from(["tools/call", "tools/list", "initialize", "resources/read"]) | JSON,
        "params": st.dictionaries(st.sampled_from(["name", "uri", "arguments", "_meta", "cursor"]), JSON) | JSON,
    },
)


@settings(max_examples=examples(300), deadline=None)
@given(message=MEMBERS)
def test_no_message_is_beyond_what_is_refused_or_read(message: dict[str, Any]) -> None:
    refused: RpcError | None = None
    try:
        assert settled(read_message(json.dumps(message).encode()), {}).method == message["method"]
    except RpcError as error:
        refused = error
    assert not isinstance(refused, Malformed) or refused.status == 400


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("claude-code", "claude-code"),
        ("caf\xe9\n ", "caf"),
        ("x" * 80, "x" * 64),
        ("\u202e", None),
        (7, None),
        ("", None),
    ],
)
def test_what_a_client_calls_itself_becomes_a_label(given: Any, name: str | None) -> None:
    assert label({"name": given}) == name
    assert label(given) is None
