"""Addresses as a hostile client writes them, on the wire: what goes to a service is what was judged, or nothing."""

import http.client
import itertools
import posixpath
import re
import socket
import unicodedata
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import httpx
import pytest
from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st

from agentos_runtime.bootstrap import open_runtime, real_dependencies
from agentos_runtime.config.settings import Settings
from agentos_runtime.http_client.client import Upstream
from agentos_runtime.limits.circuit_breaker import CircuitBreakers
from agentos_runtime.runtime.service import Runtime
from tests.cli.console import Console
from tests.clients import NO_TLS
from tests.end_to_end.house import KEY
from tests.proxy.lab import ANTHROPIC, MANAGEMENT, QUERY, Lab, lab
from tests.security.support import environment_number
from tests.server.server import running
from tests.sizes import examples
from tests.toy.raw import Toy, answer_json

EXAMPLES = environment_number("AGENTOS_TEST_SPELLINGS", examples(1200))
"""Addresses that are called."""
KEYS = {KEY, MANAGEMENT, ANTHROPIC, QUERY}
OWN = {"openrouter.ai": KEY, "api.anthropic.com": ANTHROPIC, "maps.example": QUERY}
DENIED = {"/api/v1/models", "/api/v1/key"}
CONFIG = """
[limits.agents.careful]
deny = ["openrouter/list_models", "openrouter/get_key"]
"""
HOSTS = [
    *(
        "openrouter.ai",
        "OpenRouter.AI",
        "openrouter.ai:443",
        "openrouter.ai:0443",
        "openrouter.ai.",
        "openrouter.ai:80",
    ),
    *(
        "openrouter%2eai",
        "openrouter.ai%00",
        "openrouter.ai%2f",
        "openrouter.ai%5c",
        "openrouter.ai%40evil.example",
    ),
    *(
        "openrouter.ai@evil.example",
        "evil.example@openrouter.ai",
        "openrouter.ai:443@evil.example",
        "openrouter.ai%3a443",
    ),
    *(
        "%EF%BD%8Fpenrouter.ai",
        "xn--openrouter-.ai",
        "openrouter%E3%80%82ai",
        "openrouter.ai%E2%80%8B",
        "[::1]",
        "[::1]:443",
    ),
    *(
        "127.0.0.1",
        "0x7f.1",
        "2130706433",
        "localhost",
        "api.anthropic.com",
        "maps.example",
        "evil.example",
        "x.openrouter.ai",
    ),
    *(
        "http/openrouter.ai",
        "https:",
        "https:/openrouter.ai",
        "",
        ".",
        "..",
        "%2e%2e",
        "openrouter.ai;x",
        "openrouter.ai%09",
    ),
]
PIECES = [
    *(
        "/",
        "//",
        "api",
        "v1",
        "models",
        "MODELS",
        "key",
        "credits",
        "keys",
        ".",
        "..",
        "%2e",
        "%2E%2e",
        "%252e%252e",
        ";",
    ),
    *(
        "%2f",
        "%252f",
        "%5c",
        "\\",
        "@",
        ":",
        ";x=1",
        "?",
        "=",
        "&",
        "#",
        "%",
        "%6d",
        "%256d",
        "odels",
        "%00",
        "%0d%0a",
        "%20",
    ),
    *(
        "*",
        "~",
        "$",
        "+",
        "é",
        "%C3%A9",
        "%EF%BD%8D",
        "api_key=mine",
        "API%5fKEY=mine",
        "evil.example",
        "http://evil.example",
    ),
]
PATHS = st.lists(st.sampled_from(PIECES), max_size=9).map("".join)
USUAL = st.sampled_from(["/api/v1/models", "/api/v1/key", "/api/v1/credits", "/api/v1/keys/x"])


@st.composite
def spelled(draw: st.DrawFn) -> str:
    """The path of a utility, some of its characters written otherwise."""
    written = []
    for character in draw(USUAL):
        kind = draw(st.integers(0, 12))
        coded = f"%{ord(character):02x}"
        more = {0: coded, 1: character.upper(), 2: coded.replace("%", "%25"), 3: coded.upper()}
        written.append(
            more.get(kind, character) if character != "/" else draw(st.sampled_from(["/", "/", "//", ";a/"]))
        )
    return "".join(written) + draw(st.sampled_from(["", "", "/", "?x", ";b", "/;", "//?/../"]))


ADDRESSES = st.tuples(
    st.sampled_from(HOSTS[:1] * 20 + HOSTS), PATHS.map(lambda path: f"/{path}") | spelled() | PATHS
)


@pytest.fixture(scope="module")
def careful(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with lab(tmp_path_factory.mktemp("spellings"), config=CONFIG) as made:
        made.upstream.says(answer_json({}))
        yield made


def get(here: Lab, written: bytes) -> int:
    """The status of a request whose line stands so, over a connection of its own."""
    with socket.create_connection(("127.0.0.1", here.house.server.port), timeout=20) as wire:
        wire.sendall(
            b"GET /use/%b HTTP/1.1\r\nHost: localhost:%d\r\nX-Agent: careful\r\nConnection: close\r\n\r\n"
            % (written, here.house.server.port)
        )
        response = http.client.HTTPResponse(wire)
        response.begin()
        response.read()
        return response.status


def readings(path: str) -> set[str]:
    """The path as services may read it: decoded once or oftener, without params, dots and doubled slashes."""
    read = {path}
    for _ in range(4):
        read |= {unquote(each) for each in read}
    read |= {re.sub(r";[^/]*", "", each) for each in read}
    read |= {unicodedata.normalize("NFKC", each) for each in read}
    read |= {posixpath.normpath(re.sub("/+", "/", each)) for each in read}
    return {each.rstrip("/").casefold() for each in read}


def is_key(pair: str) -> bool:
    return unquote(pair.partition("=")[0]).casefold() == "api_key"


@pytest.mark.slow
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(ADDRESSES)
@example(("maps.example", "/?key"))
@example(("maps.example", "/?api_key=mine&API%5fKEY=mine&key=mine"))
def test_what_reaches_a_service_is_what_was_judged(careful: Lab, address: tuple[str, str]) -> None:
    host, rest = address
    toy = careful.upstream.toy
    toy.requests.clear()
    status = get(careful, f"{host}{rest}".encode())
    event(f"{status}")
    assert len(toy.requests) <= 1
    for request in toy.requests:
        asked = request.target
        whole = rest.partition("?")
        keyless = "&".join(pair for pair in whole[2].split("&") if not is_key(pair))
        own = {key for key in KEYS if key.encode() in request.raw}
        assert len(own) == 1
        named = next(name for name, key in OWN.items() if key in own)
        host_read = unicodedata.normalize("NFKC", unquote(host)).replace("\u3002", ".").replace("\u200b", "")
        assert host_read.casefold().partition(":")[0] == named
        path, _, query = asked.partition("?")
        assert path == (whole[0] or "/")
        if named == "maps.example":
            assert query.removesuffix(f"api_key={QUERY}").rstrip("&") == keyless.rstrip("&")
        else:
            assert query == whole[2]
        read = readings(path)
        assert not any(segment in (".", "..") for each in read for segment in each.split("/"))
        assert named != "openrouter.ai" or not read & DENIED, read
        assert named != "maps.example" or [*map(is_key, query.split("&"))].count(True) == 1
    if not toy.requests:
        assert status >= 400


INSIDE = ("127.0.0.1", "169.254.169.254", "::1", "10.0.0.1", "::ffff:127.0.0.1", "0.0.0.0", "64:ff9b::7f00:1")
REBOUND = """\
---
id: rebound
name: Rebound
description: A name that leads elsewhere each time
auth: {type: api_key, header: X-Key}
domains: ["rebound.example:PORT"]
utilities:
  ask: {description: Ask, rest: {url: "https://rebound.example:PORT/ask"}}
---
"""


def test_a_name_that_leads_inside_at_the_second_look_is_never_connected_to(tmp_path: Path) -> None:
    with Toy(answer_json({})) as toy:
        port = toy.origin.rpartition(":")[2]
        skills = tmp_path / "skills"
        skills.mkdir()
        (skills / "rebound.md").write_text(REBOUND.replace("PORT", port))
        made = Settings(home=tmp_path / "home", skills=(skills,), only_skills=True)
        environ = {"REBOUND_API_KEY": "sk-rebound-canary-001122334455"}
        console = Console(made.home, skills, environ)
        assert console.run("approve", "rebound", "--yes").code == 0
        leads = itertools.cycle(INSIDE)

        async def resolve(name: str, port: int) -> list[str]:
            return [next(leads)]

        @asynccontextmanager
        async def opened() -> AsyncIterator[Runtime]:
            async with (
                real_dependencies(made, environ, CircuitBreakers()) as usual,
                Upstream(made, resolve=resolve) as upstream,
                open_runtime(made, environ, dependencies=lambda _: replace(usual, upstream=upstream)) as runtime,
            ):
                yield runtime

        with (
            running(opened, home=made.home) as server,
            httpx.Client(base_url=server.url, timeout=30, trust_env=False, verify=NO_TLS) as client,
        ):
            said = [client.get(f"/use/rebound.example:{port}/ask", headers={"X-Agent": "a"}) for _ in INSIDE]
        assert {(each.status_code, each.json()["code"]) for each in said} == {(409, "approval_required")}
        assert all("inside this machine or network" in each.json()["error"] for each in said), said[0].text
        assert toy.connections == []
