"""The newer routes under attack: by web pages, on the wire, through headers, and by what services answer."""

import base64
import http.client
import socket

import pytest

from tests.end_to_end.house import KEY
from tests.proxy.lab import ANTHROPIC, CHAT, MANAGEMENT, QUERY, Lab
from tests.toy.raw import answer, answer_json, gzipped, render_chunks, say

ROUTES = [
    *(("GET", path) for path in ("/", "/docs", "/openapi.json", "/metrics", "/v1/models", "/v1/models/x")),
    *(
        ("GET", path)
        for path in ("/api/skills/maps/openapi.json", "/use/openrouter.ai/api/v1/models", "/v1/nothing")
    ),
    *(("POST", path) for path in (CHAT, "/v1/chat/completions", "/v1/responses", "/v1/embeddings", "/v1/messages")),
    *(("POST", path) for path in ("/v1/messages/count_tokens", "/api/use", "/use/maps/find")),
]
PAGES = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://localhost:1"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "navigate"},
]
SECRETS = [KEY, ANTHROPIC, MANAGEMENT, QUERY]
FORMS = [*SECRETS, *(base64.b64encode(key.encode()).decode() for key in SECRETS)]

ASKED = b"GET /use/openrouter.ai/x HTTP/1.1\r\nHost: localhost:PORT\r\nX-Agent: x\r\nConnection: close\r\n\r\n"


def wire(here: Lab, request: bytes) -> bytes:
    """Everything that comes back before the server closes."""
    with socket.create_connection(("127.0.0.1", here.house.server.port), timeout=20) as made:
        made.sendall(request.replace(b"PORT", b"%d" % here.house.server.port))
        return b"".join(iter(lambda: made.recv(65536), b""))


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_no_page_of_others_and_no_other_name_gets_in(here: Lab, method: str, path: str) -> None:
    json = {"json": {"model": "openrouter/m", "url": "https://openrouter.ai/x"}} if method == "POST" else {}
    for headers in PAGES:
        said = here.use(method, path, headers=headers, **json)
        assert (said.status_code, "access-control-allow-origin" in said.headers) == (403, False), headers
    for host in ("evil.example", "localhost", "127.0.0.1:1", "openrouter.ai"):
        assert here.use(method, path, headers={"Host": host}, **json).status_code == 421, host
    assert here.upstream.toy.requests == []


@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: 5\r\nTransfer-Encoding: chunked",
        b"Content-Length: 5\r\nContent-Length: 6",
        b"Transfer-Encoding: identity, chunked, identity",
        b"Transfer-Encoding: xchunked",
        b"Transfer-Encoding : chunked",
        b"Content-Length: +5",
        b"Content-Length: 5\r\n\tX: y",
        b"X: a\rb\r\nContent-Length: 5",
        b"X: a\x00b\r\nContent-Length: 5",
    ],
)
def test_what_two_readers_would_frame_differently_is_not_passed_on(here: Lab, framing: bytes) -> None:
    hidden = b"0\r\n\r\nGET /use/openrouter.ai/smuggled HTTP/1.1\r\nHost: localhost:PORT\r\nX-Agent: x\r\n\r\n"
    head = b"POST /use/openrouter.ai/api/v1/x HTTP/1.1\r\nHost: localhost:PORT\r\nX-Agent: x\r\n%b\r\n\r\n%b"
    said = wire(here, head % (framing, hidden))
    assert said.split(b" ", 2)[1] in (b"400", b"401", b"415", b"421"), said[:200]
    assert here.upstream.toy.requests == []


@pytest.mark.parametrize(
    "line",
    [
        *(
            b"CONNECT openrouter.ai:443",
            b"GET http://openrouter.ai/api/v1/models",
            b"GET //openrouter.ai/x",
            b"TRACE /",
        ),
        *(b"TRACE /use/openrouter.ai/x", b"OPTIONS /use/openrouter.ai/x", b"GET /use/http://openrouter.ai/x"),
        *(
            b"PRI *",
            b"OPTIONS *",
            b"CONNECT /use/openrouter.ai/x",
            b"GET /use/openrouter.ai/x#y",
            b"GET /USE/openrouter.ai/x",
        ),
        *(b"GET /./use/openrouter.ai/x", b"GET /v1/../use/openrouter.ai/x", b"GET /%75se/openrouter.ai/x"),
    ],
)
def test_no_other_kind_of_request_is_one_for_a_service(here: Lab, line: bytes) -> None:
    said = wire(here, b"%b HTTP/1.1\r\nHost: localhost:PORT\r\nX-Agent: x\r\nConnection: close\r\n\r\n" % line)
    assert said.split(b" ", 2)[1][:1] == b"4", said[:200]
    assert here.upstream.toy.requests == []


def test_what_asks_to_change_the_protocol_stays_http(here: Lab) -> None:
    for asked in (b"websocket", b"h2c"):
        here.upstream.says(answer_json({}))
        head = b"GET /use/openrouter.ai/x HTTP/1.1\r\nHost: localhost:PORT\r\nX-Agent: x\r\n"
        upgrade = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: %b\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n"
        said = wire(here, head + upgrade % asked)
        assert said.startswith(b"HTTP/1.1 200 ")
        assert not {"upgrade", "http2-settings"} & {name for name, _ in here.upstream.asked.headers}
    here.upstream.says(say(b"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nraw"))
    assert here.use("GET", "/use/openrouter.ai/x").status_code >= 500


@pytest.mark.parametrize("path", ["/use/api.anthropic.com/v1/messages", CHAT, "/use/maps.example/v2/find"])
def test_no_credential_of_a_client_reaches_a_service(here: Lab, path: str) -> None:
    mine = "credential-of-the-client"
    names = [
        "Authorization",
        "X-API-KEY",
        "Proxy-Authorization",
        "Cookie",
        "X-Agentos-Credential-X",
        "x-console-key",
    ]
    said = here.use(
        "POST",
        f"{path}?x=1&API%5FKEY={mine}" if "maps" in path else path,
        json={},
        headers=dict.fromkeys(names, mine),
    )
    assert said.status_code == 200
    raw = here.upstream.asked.raw.decode("latin-1")
    assert mine not in raw
    assert len([key for key in SECRETS if key in raw]) == 1


def test_a_key_that_a_service_gives_back_is_nowhere_in_the_answer(here: Lab) -> None:
    kept = ["content-type", "etag", "location", "link", "request-id", "x-request-id", "retry-after", "openai-x"]
    coded = base64.b64encode(KEY.encode()).decode()
    for secret in (KEY, f"Bearer {KEY}", coded):
        headers = [(name, f"a/b; k={secret}") for name in kept]
        body = b'{"k": "%b"}' % secret.encode()
        for behaviour in (
            answer(body=body, headers=headers),
            answer(401, body, headers),
            answer(302, b"", headers),
        ):
            for method in ("GET", "HEAD"):
                here.upstream.says(behaviour)
                said = wire(here, ASKED.replace(b"GET", method.encode())).decode("latin-1")
                assert [form for form in FORMS if form in said] == [], (method, secret)
    here.upstream.says(say(render_chunks([b"{}"], end=False) + b"0\r\nX-Trailer: %b\r\n\r\n" % KEY.encode()))
    assert KEY not in wire(here, ASKED).decode()


def test_of_a_services_headers_only_harmless_ones_come_back(here: Lab) -> None:
    bad = [
        "Set-Cookie",
        "Access-Control-Allow-Origin",
        "Access-Control-Allow-Credentials",
        "Clear-Site-Data",
        "Refresh",
    ]
    bad += [
        "Alt-Svc",
        "WWW-Authenticate",
        "Public-Key-Pins",
        "Strict-Transport-Security",
        "Content-Disposition",
        "Server",
    ]
    bad += [
        "Content-Security-Policy",
        "X-Frame-Options",
        "NEL",
        "Report-To",
        "SourceMap",
        "X-Budget-Warning",
        "Upgrade",
    ]
    here.upstream.says(
        answer(body=b"<script>", headers=[("Content-Type", "text/html"), *((name, "evil") for name in bad)])
    )
    said = here.use("GET", "/use/openrouter.ai/x")
    assert [name for name, text in said.headers.multi_items() if "evil" in text] == []
    assert said.headers["content-security-policy"] == "default-src 'none'; sandbox"


def test_a_small_answer_that_unpacks_to_a_large_one_is_cut(here: Lab) -> None:
    here.upstream.says(gzipped(b"\0" * (70 << 20), headers=[("Content-Type", "application/octet-stream")]))
    connection = http.client.HTTPConnection("127.0.0.1", here.house.server.port, timeout=60)
    connection.request("GET", "/use/openrouter.ai/x", headers={"X-Agent": "tester"})
    with pytest.raises(http.client.IncompleteRead):
        connection.getresponse().read()
    connection.close()
    assert here.row()["code"] == "upstream_invalid"
