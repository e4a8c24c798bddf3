"""Every route of the console, with every proof that is none, and from everywhere that is not this page."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.routing import Route

from agentos_runtime.config.settings import Settings
from agentos_runtime.console.access.door import open_door
from agentos_runtime.server.console.routes import console_routes
from agentos_runtime.server.limits import Limits
from agentos_runtime.server.open_calls import OpenCalls
from agentos_runtime.server.opening import Opening
from tests.console.conftest import OPERATOR, Opened, opened
from tests.server.client import ask

TOKEN = "the-token-of-all-callers"
GUARDED = {
    "/console/session": [("DELETE", "/console/session")],
    "/console/events": [("GET", "/console/events")],
    "/console": [],
    "/console/static/{version}/{name}": [],
    "/console/{path:path}": [
        ("GET", f"/console/{path}")
        for path in (
            "",
            "waiting",
            "waiting/wait_0",
            "skills",
            "skills/forms",
            "skills/forms/authority",
            "skills/forms/cases",
            "activity",
            "activity/1",
            "usage",
            "keys",
            "agents",
            "nowhere",
            "login",
        )
    ],
}
"""Route → requests that need a session: a route that is not here fails a test until it is."""
REQUESTS = [request for each in GUARDED.values() for request in each]
PAGE = {"Accept": "text/x-fragment"}
ELSEWHERE = {
    "same-site": ({"Sec-Fetch-Site": "same-site"}, "forbidden_origin"),
    "cross-site": ({"Sec-Fetch-Site": "cross-site"}, "forbidden_origin"),
    "a form": (
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Origin": "null"},
        "forbidden_origin",
    ),
    "another port": ({"Origin": "http://127.0.0.1:9"}, "forbidden_origin"),
    "a rebound name": ({"Host": "rebound.example"}, "misdirected_host"),
}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    with opened(tmp_path_factory.mktemp("doors"), token=TOKEN, operator_token=OPERATOR) as it:
        yield it


@pytest.fixture(scope="module")
def proofs(guarded: Opened) -> dict[str, dict[str, str]]:
    """Everything that proves somebody, or did, and opens no page."""
    operator = {"Authorization": f"Bearer {OPERATOR}"}
    agent = ask(guarded, "POST", "/api/operator/agents", {"agent": "a"}, operator).json["token"]
    ended = guarded.let_in()
    assert ask(guarded, "DELETE", "/console/session", headers={"X-Console-Key": ended}).status == 204
    return {
        "nothing": {},
        "an empty key": {"X-Console-Key": ""},
        "a made-up key": {"X-Console-Key": "x" * 43},
        "the key of a session that ended": {"X-Console-Key": ended},
        "an agent's token": {"Authorization": f"Bearer {agent}"},
        "an agent's token as the key": {"X-Console-Key": agent},
        "the token of all callers": {"Authorization": f"Bearer {TOKEN}"},
        "the operator's token": operator,
        "the operator's token as the key": {"X-Console-Key": OPERATOR},
        "a cookie": {"Cookie": "agentos.console.key=x; X-Console-Key=x"},
        "an api key": {"X-Api-Key": OPERATOR},
    }


def test_every_route_is_one_that_these_tests_know(tmp_path: Path) -> None:
    routes = console_routes(open_door(Settings(home=tmp_path), 1), Opening(), OpenCalls(), Limits())
    assert {each.path for each in routes if isinstance(each, Route)} == GUARDED.keys()


def test_no_proof_but_the_key_of_a_session_opens_any_route(
    guarded: Opened, proofs: dict[str, dict[str, str]]
) -> None:
    opened_by = [
        (name, method, path, answer.status)
        for name, proof in proofs.items()
        for method, path in REQUESTS
        if (answer := ask(guarded, method, path, headers=PAGE | proof)).code != "console_locked"
    ]
    assert opened_by == []


@pytest.mark.parametrize("where", ELSEWHERE)
def test_with_the_key_of_a_session_no_route_answers_to_another_page(guarded: Opened, where: str) -> None:
    headers, code = ELSEWHERE[where]
    key = guarded.let_in()
    requests = [*REQUESTS, ("POST", "/console/session")]
    answered = [
        (method, path, answer.code)
        for method, path in requests
        if (answer := ask(guarded, method, path, headers=PAGE | {"X-Console-Key": key} | headers)).code != code
    ]
    assert answered == []
    assert guarded.page("skills", key).status == 200, "and the session goes on"
