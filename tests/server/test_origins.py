"""Pages of origins that the operator names may call, and only those; browsers are told so."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from agentos_runtime.config.settings import Settings, SettingsError
from tests.server.client import ask
from tests.server.server import Running, running
from tests.server.toy_runtime import ToyRuntime

APP = "http://localhost:5173"
CROSS = {"Origin": APP, "Sec-Fetch-Site": "same-site"}
ECHO = "/api/skills/toy/echo"
PREFLIGHT = {
    **CROSS,
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "content-type, x-agent",
}


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running(ToyRuntime().open, origins=(APP, "https://app.example"), token="t0ken") as started:
        yield started


def test_a_named_page_calls_and_may_read_the_answer(server: Running) -> None:
    answer = ask(server, "POST", ECHO, {"a": 1}, {**CROSS, "Authorization": "Bearer t0ken"})
    assert (answer.status, answer.json["params"]) == (200, {"a": 1})
    assert answer.headers["access-control-allow-origin"] == APP
    assert "Origin" in answer.headers["vary"]
    exposed = answer.headers["access-control-expose-headers"].split(", ")
    assert {"*", "X-Request-Id", "X-Next-Position", "X-Should-Retry"} <= {*exposed}
    assert "access-control-allow-credentials" not in answer.headers


def test_a_named_page_may_read_why_it_was_refused(server: Running) -> None:
    for method, path in (("POST", ECHO), ("GET", "/nowhere")):
        answer = ask(server, method, path, headers=CROSS)
        assert (answer.status, answer.headers["access-control-allow-origin"]) == (401, APP)


def test_a_browser_that_asks_before_is_told_what_the_page_may_send(server: Running) -> None:
    answer = ask(server, "OPTIONS", ECHO, headers=PREFLIGHT)
    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["access-control-allow-origin"] == APP
    assert answer.headers["access-control-allow-headers"] == "content-type, x-agent"
    assert "POST" in answer.headers["access-control-allow-methods"]
    private = ask(server, "OPTIONS", ECHO, headers={**PREFLIGHT, "Access-Control-Request-Private-Network": "true"})
    assert private.headers["access-control-allow-private-network"] == "true"


@pytest.mark.parametrize(
    "origin",
    [
        "http://localhost:5174", "https://localhost:5173", "http://localhost", "http://LOCALHOST:5173", "null",
        "http://localhost:5173.evil.example", "http://evil.example", "https://app.example.evil.example",
        "https://app.example:443", "https://app.example/",
    ],
)  # fmt: skip
def test_every_other_origin_is_refused_and_told_nothing(server: Running, origin: str) -> None:
    for headers in ({}, PREFLIGHT):
        for method in ("OPTIONS", "POST", "GET"):
            answer = ask(
                server, method, ECHO, headers={**headers, "Origin": origin, "Sec-Fetch-Site": "cross-site"}
            )
            assert (answer.status, answer.code) == (403, "forbidden_origin")
            assert [name for name in answer.headers if name.startswith("access-control")] == []


def test_a_named_page_is_refused_at_another_servers_name_and_in_the_console(server: Running) -> None:
    assert ask(server, "OPTIONS", ECHO, headers={**PREFLIGHT, "Host": "evil.example"}).status == 421
    for path in ("/console", "/console/", "/console/session"):
        for method in ("OPTIONS", "POST", "GET"):
            answer = ask(server, method, path, headers=PREFLIGHT)
            assert (answer.status, answer.code) == (403, "forbidden_origin")
            assert "access-control-allow-origin" not in answer.headers


def test_what_sends_no_origin_is_no_named_page(server: Running) -> None:
    answer = ask(server, "GET", "/api/skills", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.code == "forbidden_origin"


@pytest.mark.parametrize(
    "wrong",
    [
        "*", "null", "localhost:5173", "http://localhost:5173/", "https://App.example", "https://app.example/x",
        "https://*.example", "http://localhost:80", "https://app.example:443", "ftp://app.example", "https://u@x.example",
    ],
)  # fmt: skip
def test_what_is_no_origin_as_browsers_write_it_is_refused_at_the_start(tmp_path: Path, wrong: str) -> None:
    with pytest.raises(
        SettingsError, match=r"origins .from AGENTOS_ORIGINS. cannot be used: .* as browsers write it"
    ):
        Settings.from_environ({"AGENTOS_HOME": str(tmp_path), "AGENTOS_ORIGINS": f"https://good.example,{wrong}"})


def test_several_origins_are_named_with_commas(tmp_path: Path) -> None:
    given = {"AGENTOS_HOME": str(tmp_path), "AGENTOS_ORIGINS": "http://[::1]:5173, https://app.example"}
    assert Settings.from_environ(given).origins == ("http://[::1]:5173", "https://app.example")
