"""Who is let in: hosts, origins, types, agents, tokens, on every route."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentos_runtime.config.settings import Settings, SettingsError
from agentos_runtime.server.guard import known_hosts
from tests.server.client import ask, post, send_raw
from tests.server.server import Running, running
from tests.server.toy_runtime import ToyRuntime
from tests.sizes import examples

ROUTES = [
    ("GET", "/"),
    ("GET", "/docs"),
    ("GET", "/docs/docs.js"),
    ("GET", "/metrics"),
    ("GET", "/openapi.json"),
    ("GET", "/api/skills/toy/openapi.json"),
    ("GET", "/api/health"),
    ("GET", "/api/skills"),
    ("GET", "/api/skills/toy"),
    ("GET", "/api/skills/toy/echo"),
    ("GET", "/api/skills/toy/icon"),
    ("GET", "/api/activity"),
    ("GET", "/api/usage"),
    ("HEAD", "/api/skills"),
    ("OPTIONS", "/api/skills/toy/echo"),
    ("POST", "/api/skills/toy/echo"),
    ("DELETE", "/api/skills/toy/echo"),
    ("GET", "/mcp"),
    ("POST", "/mcp"),
    ("POST", "/mcp?tools=toy"),
    ("POST", "/mcp/toy"),
    ("OPTIONS", "/mcp/toy"),
    ("POST", "/api/use"),
    ("GET", "/use/toy.example/x"),
    ("POST", "/use/toy.example/x"),
    ("OPTIONS", "/use/toy.example/x"),
]
FOREIGN_HOSTS = [
    "evil.example",
    "localhost",
    "127.0.0.1",
    "localhost:1",
    "localhost.:{port}",
    "127.0.0.1:{port}x",
    "",
]
FOREIGN_ORIGINS = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://localhost:3000"},
    {"Origin": "http://127.0.0.1"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Origin": "http://127.0.0.1:{port}", "Sec-Fetch-Site": "cross-site"},
]


def of(server: Running, headers: dict[str, str]) -> dict[str, str]:
    return {name: value.replace("{port}", str(server.port)) for name, value in headers.items()}


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize("host", FOREIGN_HOSTS)
def test_no_route_answers_to_another_servers_name(server: Running, method: str, path: str, host: str) -> None:
    answer = ask(server, method, path, headers=of(server, {"Host": host}))
    assert answer.status == 421
    assert method == "HEAD" or answer.code == "misdirected_host"


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize("headers", FOREIGN_ORIGINS)
def test_no_route_answers_to_a_page_of_another_origin(
    server: Running, method: str, path: str, headers: dict[str, str]
) -> None:
    answer = ask(server, method, path, headers=of(server, headers))
    assert answer.status == 403
    assert method == "HEAD" or answer.code == "forbidden_origin"


@pytest.mark.parametrize("host", ["localhost:{port}", "LOCALHOST:{port}", "127.0.0.1:{port}", "[::1]:{port}"])
def test_the_loopback_names_are_its_own(server: Running, host: str) -> None:
    assert ask(server, "GET", "/api/health", headers=of(server, {"Host": host})).status == 200


def test_its_own_pages_may_call(server: Running) -> None:
    own = of(server, {"Origin": "http://127.0.0.1:{port}", "Sec-Fetch-Site": "same-origin"})
    assert ask(server, "POST", "/api/skills/toy/echo", {}, own).status == 200


def test_a_typed_address_may_look_but_not_call(server: Running) -> None:
    typed = {"Sec-Fetch-Site": "none"}
    assert ask(server, "GET", "/api/skills", headers=typed).status == 200
    assert ask(server, "POST", "/api/skills/toy/echo", {}, typed).code == "forbidden_origin"


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonx",
        "application/json; charset=utf-16",
        "application/json, text/plain",
        "text/plain; application/json",
    ],
)
def test_a_body_that_is_not_declared_as_json_is_refused(server: Running, content_type: str) -> None:
    answer = ask(server, "POST", "/api/skills/toy/echo", b"{}", {"Content-Type": content_type})
    assert (answer.status, answer.code) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "Application/JSON", "application/json; charset=utf-8", 'application/json;charset="UTF-8"'],
)
def test_json_in_utf_8_may_be_declared_in_several_ways(server: Running, content_type: str) -> None:
    answer = ask(server, "POST", "/api/skills/toy/echo", b'{"a": 1}', {"Content-Type": content_type})
    assert answer.json["params"] == {"a": 1}


def test_a_compressed_body_is_refused(server: Running) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    assert ask(server, "POST", "/api/skills/toy/echo", b"\x1f\x8b", headers).code == "unsupported_media_type"


def test_an_empty_post_needs_no_type(server: Running) -> None:
    assert ask(server, "POST", "/api/skills/toy/echo", b"", {"Content-Type": "text/plain"}).json["params"] == {}


@pytest.mark.parametrize("agent", ["", "x" * 65, "tab\tinside", "caf\xe9", "a\x7fb"])
def test_an_agents_name_outside_the_pattern_is_refused(server: Running, agent: str) -> None:
    answer = send_raw(server, post(server, "/api/skills/toy/echo", b"{}", f"x-agent: {agent}"))
    assert answer.code in ("invalid_agent", "bad_request")


def test_an_agents_name_is_handed_on_and_absent_is_anonymous(server: Running) -> None:
    named = ask(server, "POST", "/api/skills/toy/echo", {}, {"X-Agent": "Claude Code (v2) ~x"})
    assert named.json["agent"] == "Claude Code (v2) ~x"
    assert ask(server, "POST", "/api/skills/toy/echo", {}).json["agent"] == "anonymous"


@settings(max_examples=examples(60), deadline=None)
@given(agent=st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=64))
def test_every_printable_agent_name_arrives_as_sent(server: Running, agent: str) -> None:
    assert ask(server, "POST", "/api/skills/toy/echo", {}, {"X-Agent": agent}).json["agent"] == agent


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("Host: 127.0.0.1:{port}", "misdirected_host"),
        ("X-Agent: b", "invalid_agent"),
        ("Content-Type: application/json", "unsupported_media_type"),
        ("Authorization: Bearer b", "unauthorized"),
        ("Sec-Fetch-Site: same-origin", "forbidden_origin"),
        ("Idempotency-Key: b", "invalid_params"),
        ("Waiting-Id: b", "invalid_params"),
    ],
)
def test_a_header_that_decides_anything_is_refused_twice(server: Running, header: str, code: str) -> None:
    line = header.replace("{port}", str(server.port))
    name = line.partition(":")[0].lower()
    request = post(server, "/api/skills/toy/echo", b"{}", line.replace(name, name))
    twice = request.replace(b"\r\n\r\n", f"\r\n{line}\r\n\r\n".encode(), 1)
    assert send_raw(server, request).code != code
    assert send_raw(server, twice).code == code


@pytest.mark.parametrize("first", ["text/event-stream", "application/json"])
def test_a_list_in_several_lines_is_one_list(server: Running, first: str) -> None:
    """Of what it accepts, JSON comes where that is in any line: the toy has no stream here."""
    other = {"text/event-stream": "application/json", "application/json": "text/event-stream"}[first]
    request = post(server, "/api/skills/toy/echo", b"{}", f"accept: {first}")
    in_lines = request.replace(b"\r\n\r\n", f"\r\naccept: {other}\r\n\r\n".encode(), 1)
    assert send_raw(server, in_lines).status == 200


def test_an_etag_is_found_in_any_line(server: Running) -> None:
    etag = ask(server, "GET", "/api/skills").headers["etag"]
    lines = f'if-none-match: {etag}\r\nif-none-match: "other"\r\n'
    head = f"GET /api/skills HTTP/1.1\r\nhost: 127.0.0.1:{server.port}\r\n{lines}\r\n"
    assert send_raw(server, head.encode()).status == 304


@pytest.mark.parametrize("path", ["/api/skills/toy/echo", "/use/toy.example/x"])
@pytest.mark.parametrize("coding", ["gzip, chunked", "gzip\r\ntransfer-encoding: chunked"])
def test_a_body_in_another_transfer_coding_is_refused(server: Running, path: str, coding: str) -> None:
    request = post(server, path, b"2\r\n{}\r\n0\r\n\r\n", "x-agent: me", f"transfer-encoding: {coding}")
    assert send_raw(server, request).code == "unsupported_media_type"


@pytest.mark.parametrize("kept", ["abc", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "x" * 128])
def test_a_well_formed_request_id_is_kept(server: Running, kept: str) -> None:
    assert ask(server, "GET", "/api/health", headers={"X-Request-Id": kept}).headers["x-request-id"] == kept


@pytest.mark.parametrize("refused", ["", "x" * 129, "a b", "<script>", "é"])
def test_any_other_request_id_is_replaced(server: Running, refused: str) -> None:
    given_back = ask(server, "GET", "/api/health", headers={"X-Request-Id": refused}).headers["x-request-id"]
    assert given_back.startswith("req_")


def test_every_answer_forbids_sniffing_caching_and_embedding(server: Running) -> None:
    for method, path in ROUTES:
        headers = ask(server, method, path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert "access-control-allow-origin" not in headers
        assert "server" not in headers


def test_forwarded_headers_change_nothing(server: Running) -> None:
    forwarded = {"X-Forwarded-Host": "evil.example", "X-Forwarded-For": "1.2.3.4", "X-Forwarded-Proto": "https"}
    assert ask(server, "GET", "/api/health", headers=forwarded).status == 200


def test_with_a_token_only_health_answers_without_it() -> None:
    with running(ToyRuntime().open, token="s3cret") as server:
        right = {"Authorization": "Bearer s3cret"}
        assert ask(server, "GET", "/api/skills", headers=right).status == 200
        assert ask(server, "GET", "/api/health").status == 200
        for wrong in (
            {},
            {"Authorization": "Bearer s3cre"},
            {"Authorization": "s3cret"},
            {"Authorization": "Basic s3cret"},
        ):
            answer = ask(server, "GET", "/api/skills", headers=wrong)
            assert (answer.status, answer.code) == (401, "unauthorized")
            assert answer.headers["www-authenticate"] == "Bearer"


def test_an_address_that_other_machines_can_reach_needs_a_token(tmp_path: Path) -> None:
    for host in ("0.0.0.0", "192.0.2.1", "::", "nas.lan"):
        reachable = {"AGENTOS_HOME": str(tmp_path), "AGENTOS_HOST": host}
        with pytest.raises(SettingsError, match="set AGENTOS_TOKEN"):
            Settings.from_environ(reachable)
        assert Settings.from_environ(reachable | {"AGENTOS_TOKEN": "t"}).host == host


def test_names_the_operator_allows_are_answered_with_and_without_the_port() -> None:
    with running(ToyRuntime().open, allowed_hosts=("nas.lan", "box:8080")) as server:
        for host in ("nas.lan", f"NAS.lan:{server.port}", "box:8080"):
            assert ask(server, "GET", "/api/health", headers={"Host": host}).status == 200
        for host in ("nas.lan:1", "box", f"box:{server.port}", "evil.nas.lan"):
            assert ask(server, "GET", "/api/health", headers={"Host": host}).status == 421


def test_the_public_url_names_the_server_however_clients_write_its_usual_port() -> None:
    with running(ToyRuntime().open, public_url="https://Agents.example/prefix") as server:
        for host in ("agents.example", "agents.example:443"):
            assert ask(server, "GET", "/api/health", headers={"Host": host}).status == 200
        for host in (f"agents.example:{server.port}", "agents.example:80", "prefix", "evil.agents.example"):
            assert ask(server, "GET", "/api/health", headers={"Host": host}).status == 421
    with running(ToyRuntime().open, public_url="http://10.1.2.3:8080") as server:
        assert ask(server, "GET", "/api/health", headers={"Host": "10.1.2.3:8080"}).status == 200
        assert ask(server, "GET", "/api/health", headers={"Host": "10.1.2.3"}).status == 421


def test_a_wildcard_address_is_no_name(tmp_path: Path) -> None:
    from_everywhere = Settings(home=tmp_path, host="0.0.0.0", token="t")
    assert b"0.0.0.0:3456" not in known_hosts(from_everywhere, 3456)
    assert b"localhost:3456" in known_hosts(from_everywhere, 3456)
    assert b"[fe80::1]:80" in known_hosts(Settings(home=tmp_path, host="fe80::1", token="t"), 80)
    assert b"localhost" in known_hosts(Settings(home=tmp_path), 80)
