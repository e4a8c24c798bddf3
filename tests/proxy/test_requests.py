"""What of a request reaches the service."""

import json
from pathlib import Path

import pytest

from agentos_runtime.security.agents import Agents
from agentos_runtime.storage.private_files import PrivateFile
from tests.end_to_end.house import KEY
from tests.proxy.lab import ANTHROPIC, CHAT, GOOGLE, QUERY, Lab, lab
from tests.toy.raw import answer

BODY = b'{"model" :"openai/gpt-4o-mini","messages":[{"role":"user","content":"h\\u00e9"}], "odd": 1e400}'


def test_a_request_reaches_the_service_byte_for_byte_with_the_key_of_its_skill(here: Lab) -> None:
    said = here.use("POST", f"{CHAT}?b=%2f&a=1&a=", content=BODY, headers={"Content-Type": "application/json"})
    asked = here.upstream.asked
    assert (said.status_code, said.json()) == (200, {"ok": True})
    assert (asked.method, asked.target) == ("POST", "/api/v1/chat/completions?b=%2f&a=1&a=")
    assert asked.body == BODY
    assert asked.header("authorization") == f"Bearer {KEY}"
    assert asked.header("host") is not None


@pytest.mark.parametrize("more", [{"query": {"q": "\ud83d"}}, {"query": {"\ud83d": 1}}, {"body": "\ud83d"}])
def test_half_of_a_character_is_told_and_not_sent(here: Lab, more: dict[str, object]) -> None:
    asked = json.dumps({"url": "https://openrouter.ai/api/v1/x", **more})
    said = here.client.post("/api/use", content=asked, headers={"Content-Type": "application/json"})
    assert (said.status_code, said.json()["problems"][0]["path"]) == (400, next(iter(more)))
    assert here.upstream.toy.requests == []


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
def test_every_usual_method_passes(here: Lab, method: str) -> None:
    assert here.use(method, "/use/openrouter.ai/api/v1/whatever").status_code == 200
    assert here.upstream.asked.method == method


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE", "PROPFIND"])
def test_every_other_method_is_refused_with_those_that_pass(here: Lab, method: str) -> None:
    said = here.use(method, "/use/openrouter.ai/api/v1/x")
    assert (said.status_code, said.headers["allow"]) == (405, "DELETE, GET, HEAD, PATCH, POST, PUT")
    assert here.upstream.toy.requests == []


@pytest.mark.parametrize("base", ["https://openrouter.ai", "http://127.0.0.1:1", "https/openrouter.ai", "HTTPS:/a"])
def test_a_base_url_with_a_scheme_in_it_is_told_how_it_is_written(here: Lab, base: str) -> None:
    said = here.use("GET", f"/use/{base}/api/v1/models")
    assert (said.status_code, "has a scheme: behind /use/ stands the host" in said.text) == (400, True), said.text
    assert here.upstream.toy.requests == []


def test_headers_that_are_the_clients_own_pass_also_twice_and_all_others_do_not(here: Lab) -> None:
    passing = [
        ("anthropic-beta", "a"),
        ("anthropic-beta", "b"),
        ("X-Title", "T"),
        ("HTTP-Referer", "https://x.example"),
    ]
    dropped = [
        ("Authorization", "Bearer sk-mine"),
        ("x-api-key", "sk-mine"),
        ("x-goog-api-key", "mine"),
        ("Connection", "close, x-hop"),
        ("x-hop", "1"),
        ("TE", "trailers"),
        ("Cookie", "a=b"),
        ("Referer", "https://r.example"),
        ("Forwarded", "for=1.2.3.4"),
        ("X-Forwarded-For", "1.2.3.4"),
        ("Via", "1.1 x"),
        ("Proxy-Authorization", "Basic eA=="),
        ("X-Request-Id", "req_mine"),
        ("X-Agent", "me"),
        ("X-Agentos-Skill", "openrouter"),
        ("Accept-Encoding", "br"),
        ("X-HTTP-Method-Override", "DELETE"),
        ("X_HTTP_Method_Override", "DELETE"),
        ("X_Original-URL", "/other"),
        ("x_api_key", "sk-mine"),
        ("x_forwarded_for", "1.2.3.4"),
        ("X-Method", "DELETE"),
        ("X-Method-Override", "DELETE"),
        ("X-Original-URL", "/other"),
    ]
    here.client.get("/use/openrouter.ai/api/v1/key", headers=passing + dropped)
    asked = here.upstream.asked
    mine = {"host", "user-agent", "accept", "accept-encoding", "authorization"}
    assert [(name, value) for name, value in asked.headers if name not in mine] == [
        (name.lower(), value) for name, value in passing
    ]
    assert asked.header("authorization") == f"Bearer {KEY}"
    assert asked.header("accept-encoding") == "identity"
    assert (asked.header("user-agent") or "").startswith("python-httpx")


def test_the_key_goes_where_its_skill_says_and_what_the_client_puts_there_does_not(here: Lab) -> None:
    here.use("POST", "/use/api.anthropic.com/v1/messages", json={}, headers={"x-api-key": "sk-mine"})
    assert here.upstream.asked.header("x-api-key") == ANTHROPIC
    assert here.upstream.asked.header("authorization") is None
    here.upstream.says(answer(body=b"{}"))
    here.use("GET", "/use/maps.example/v2/find?q=a%20b&API_key=mine&api%5fkey=mine&z")
    assert here.upstream.asked.target == f"/v2/find?q=a%20b&z&api_key={QUERY}"


def test_uploads_pass_as_they_are_and_only_from_clients_that_no_page_can_be(here: Lab) -> None:
    files = {"file": ("a.bin", bytes(range(256)), "application/octet-stream")}
    assert here.use("POST", "/use/openrouter.ai/api/v1/files", files=files).status_code == 200
    assert bytes(range(256)) in here.upstream.asked.body
    here.upstream.says(answer())
    for method, options in (("POST", {"files": files}), ("GET", {}), ("POST", {"json": {}})):
        said = here.client.request(method, "/use/openrouter.ai/api/v1/files", **options)
        assert (said.status_code, said.json()["code"]) == (403, "forbidden_origin")
    assert here.use("POST", CHAT, content=b"x", headers={"Content-Encoding": "gzip"}).status_code == 415
    assert here.upstream.toy.requests == []


def test_a_body_that_is_too_large_is_refused_before_it_is_sent(here: Lab) -> None:
    head = (
        b"POST /use/api.anthropic.com/v1/messages HTTP/1.1\r\nHost: localhost:%d\r\nX-Agent: t\r\n"
        b"Content-Length: 2147483648\r\n\r\n" % here.house.server.port
    )
    body, _ = here.raw(head)
    assert json.loads(body)["error"]["type"] == "request_too_large"
    assert here.upstream.toy.requests == []


def test_a_key_in_the_query_of_a_client_of_google_stays_here(here: Lab) -> None:
    path = "/use/generativelanguage.googleapis.com/v1beta/models?pageSize=5&key=mine&%6bey=mine&keys=a"
    assert here.use("GET", path).status_code == 200
    asked = here.upstream.asked
    assert (asked.target, asked.header("x-goog-api-key")) == ("/v1beta/models?pageSize=5&keys=a", GOOGLE)


def test_a_query_key_of_that_name_of_another_service_reaches_it(here: Lab) -> None:
    assert here.use("GET", "/use/openrouter.ai/api/v1/models?key=a").status_code == 200
    assert here.upstream.asked.target == "/api/v1/models?key=a"


def test_a_token_of_an_agent_proves_it_in_each_header_for_keys_and_no_other_key_is_asked_for(
    tmp_path: Path,
) -> None:
    with lab(tmp_path) as one:
        token = Agents(PrivateFile(one.house.home / "agents.json")).add("cursor")
        path = "/use/openrouter.ai/api/v1/models"
        for headers in ({"x-api-key": token}, {"x-goog-api-key": token}, {"Authorization": f"Bearer {token}"}):
            one.upstream.says(answer(body=b"{}"))
            assert one.client.get(path, headers=headers).status_code == 200
            rows = one.client.get("/api/activity", headers={"Authorization": f"Bearer {token}"}).json()["rows"]
            assert (rows[0]["agent"], token.encode() in one.upstream.asked.raw) == ("cursor", False)
        refused = (
            {"x-api-key": "agentos_x"},
            {"x-goog-api-key": "agentos_x"},
            {"X-Agent": "cursor"},
            {"User-Agent": "cursor/1.0", "x-api-key": "sk-any"},
        )
        for headers in refused:
            said = one.client.get(path, headers=headers)
            assert (said.status_code, said.json()["error"]["type"]) == (401, "authentication_error"), headers
        assert (
            one.client.get(path, headers={"User-Agent": "claude-cli/2.0 (x)", "x-api-key": "sk"}).status_code == 200
        )
        assert one.row()["agent"] == "claude-cli"


def test_the_older_name_of_a_utility_stays_one(here: Lab) -> None:
    here.upstream.says(answer(body=b'{"found": 1}', headers=[("Content-Type", "application/json")]))
    assert here.use("POST", "/use/maps/find", json={"q": "a"}).json() == {"found": 1}
    assert here.upstream.asked.target == f"/v2/find?q=a&api_key={QUERY}"
    assert here.row()["utility"] == "find"
    assert here.use("POST", "/use/maps/nothing", json={}).json()["code"] == "unknown_utility"
