"""What can be looked at, and how wrong paths and methods are answered."""

import os
from pathlib import Path

import pytest

from tests.server.client import Answer, ask
from tests.server.server import Running, running
from tests.server.toy_runtime import ToyRuntime


def test_health_is_the_runtimes(server: Running) -> None:
    answer = ask(server, "GET", "/api/health")
    assert answer.json == {"status": "ok", "version": "0", "skills": {"loaded": 1, "broken": 0}}


def test_skills_are_listed_and_searched(server: Running) -> None:
    assert ask(server, "GET", "/api/skills").json == {"skills": [{"id": "toy", "name": "Toy", "q": None}]}
    assert ask(server, "GET", "/api/skills?q=a%20b").json["skills"][0]["q"] == "a b"


def test_a_skill_and_a_utility_are_shown(server: Running) -> None:
    assert ask(server, "GET", "/api/skills/toy").json == {"id": "toy"}
    assert ask(server, "GET", "/api/skills/toy%2Fx/").json == {"id": "toy/x"}
    assert ask(server, "GET", "/api/skills/toy/echo").json == {"description": "says it back"}


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/api/skills/none", "unknown_skill"),
        ("/api/skills/toy/none", "unknown_utility"),
        ("/api", "not_found"),
        ("/api/", "not_found"),
        ("//api/health", "not_found"),
        ("/API/health", "not_found"),
        ("/api/health%0A", "not_found"),
        ("/api/health%2F", "not_found"),
        ("/api/skills//", "not_found"),
        ("/api/skills/../health", "unknown_skill"),
        ("/api/%73kills/%ff", "unknown_skill"),
    ],
)
def test_what_is_not_there_is_404(server: Running, path: str, code: str) -> None:
    answer = ask(server, "GET", path)
    assert (answer.status, answer.code) == (404, code)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/api/health", "GET, HEAD, OPTIONS"),
        ("DELETE", "/api/skills/toy/echo", "GET, HEAD, OPTIONS, POST"),
        ("PUT", "/api/skills/toy", "GET, HEAD, OPTIONS"),
        ("PROPFIND", "/api/usage", "GET, HEAD, OPTIONS"),
        ("TRACE", "/api/activity", "GET, HEAD, OPTIONS"),
    ],
)
def test_other_methods_are_told_what_is_allowed(server: Running, method: str, path: str, allowed: str) -> None:
    answer = ask(server, method, path)
    assert (answer.status, answer.code, answer.headers["allow"]) == (405, "method_not_allowed", allowed)


def test_options_lists_the_methods_and_head_is_get_without_a_body(server: Running) -> None:
    options = ask(server, "OPTIONS", "/api/skills/toy/echo")
    assert (options.status, options.headers["allow"], options.body) == (204, "GET, HEAD, OPTIONS, POST", b"")
    head, get = ask(server, "HEAD", "/api/skills"), ask(server, "GET", "/api/skills")
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == get.headers["content-length"]


def test_filters_are_handed_on_and_unknown_ones_refused(server: Running) -> None:
    assert ask(server, "GET", "/api/activity?agent=a%26b&limit=5&skill=").json["rows"] == [
        {"agent": "a&b", "limit": "5"}
    ]
    assert ask(server, "GET", "/api/usage?since=7d&by=agent,skill").json["rows"] == [
        {"since": "7d", "by": "agent,skill"}
    ]
    answer = ask(server, "GET", "/api/usage?sinse=7d")
    assert (answer.code, answer.json["problems"][0]["path"]) == ("invalid_params", "sinse")


def icon(path: Path) -> Answer:
    with running(ToyRuntime(icon=path).open) as server:
        return ask(server, "GET", "/api/skills/toy/icon")


def test_an_icon_has_its_type_and_a_drawing_cannot_run_scripts(tmp_path: Path) -> None:
    svg = tmp_path / "icon.svg"
    svg.write_text("<svg/>")
    answer = icon(svg)
    assert (answer.status, answer.body, answer.headers["content-type"]) == (200, b"<svg/>", "image/svg+xml")
    assert answer.headers["content-security-policy"] == "default-src 'none'; style-src 'unsafe-inline'; sandbox"


@pytest.mark.parametrize("name", ["icon.html", "icon", "gone.png"])
def test_what_is_no_image_is_no_icon(tmp_path: Path, name: str) -> None:
    if not name.startswith("gone"):
        (tmp_path / name).write_text("x")
    assert icon(tmp_path / name).code == "not_found"


def test_an_icon_that_would_never_end_or_is_huge_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "huge.png").write_bytes(bytes(1024 * 1024 + 1))
    assert icon(tmp_path / "pipe.png").code == "not_found"
    assert icon(tmp_path / "huge.png").code == "not_found"


def test_a_skill_without_an_icon_says_so(server: Running) -> None:
    assert ask(server, "GET", "/api/skills/toy/icon").code == "not_found"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/api/skills?q=a&q=b", "q"),
        ("/api/skills/toy?fields=id&fields=name", "fields"),
        ("/api/skills/toy/echo?x=1", "x"),
        ("/api/activity?agent=a&agent=b", "agent"),
        ("/api/activity?limit=2&limit=", "limit"),
        ("/api/activity/1?all=1", "all"),
        ("/api/usage?by=agent&by=skill", "by"),
        ("/api/entities/x?all=1", "all"),
        ("/openapi.json?version=3.1&version=3.2", "version"),
        ("/api/waiting?state=all&state=pending", "state"),
    ],
)
def test_a_query_that_would_only_look_obeyed_is_refused(server: Running, path: str, name: str) -> None:
    answer = ask(server, "GET", path)
    assert (answer.status, answer.code) == (400, "invalid_params")
    assert [problem["path"] for problem in answer.json["problems"]] == [name]


@pytest.mark.parametrize("path", ["/api/use?url=https://toy.example/", "/mcp?readonly=1&readonly=0"])
def test_a_query_beside_a_body_is_read_as_strictly(server: Running, path: str) -> None:
    answer = ask(server, "POST", path, {"jsonrpc": "2.0", "id": 1, "method": "ping"})
    assert (answer.status, answer.code) == (400, "invalid_params")
