"""A key that stands in the path of an address is the credential, which no caller gives."""

import json
from typing import Any

import pytest

from tests.importers.test_recordings import SECRET, collected, entry, request, written
from tests.importers.workshop import Workshop
from tests.toy.raw import Toy, answer

TOKEN = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw1"


def target(workshop: Workshop, toy: Toy, utility: str, **params: Any) -> str:
    assert workshop.console.run("approve", "service", "--yes").code == 0
    done = workshop.console.run("call", "service", utility, "--json", json.dumps(params), SERVICE_API_KEY=SECRET)
    assert done.code == 0, done.err
    return toy.requests[-1].target


@pytest.mark.parametrize(
    ("path", "params", "expected"),
    [
        ("/bot<token>/getMe", {}, f"/bot{SECRET}/getMe"),
        (f"/bot{TOKEN}/getMe", {}, f"/bot{SECRET}/getMe"),
        ("/v6/YOUR-API-KEY/latest/USD?n=1", {}, f"/v6/{SECRET}/latest/USD?n=1"),
        ("/v1/$ACCESS_TOKEN/users/{user_id}", {"user_id": "a/b ü"}, f"/v1/{SECRET}/users/a%2Fb%20%C3%BC"),
    ],
)
def test_a_key_in_the_path_of_a_command_is_put_there_by_the_runtime(
    workshop: Workshop, path: str, params: dict[str, str], expected: str
) -> None:
    with Toy(answer(body=b"{}")) as toy:
        assert workshop.run("curl", f"curl '{toy.origin}{path}'").code == 0
        workshop.check()
        front = workshop.front()
        assert front["auth"] == {"type": "api_key"}
        (utility,) = front["utilities"]
        assert target(workshop, toy, utility, **params) == expected
        assert "AAHdq" not in written(workshop)


def test_a_second_command_with_the_same_key_is_fitted_in(workshop: Workshop) -> None:
    with Toy(answer(body=b"{}")) as toy:
        workshop.run("curl", f"curl {toy.origin}/bot<token>/getMe")
        workshop.edit(f"base_url: {toy.origin}", f"base_url: {toy.origin}/base")
        workshop.run("curl", f"curl {toy.origin}/base/bot<token>/getUpdates -d limit=1")
        workshop.check()
        first, second = workshop.front()["utilities"]
        assert target(workshop, toy, first) == f"/bot{SECRET}/getMe"
        assert target(workshop, toy, second) == f"/base/bot{SECRET}/getUpdates"


def test_calls_with_a_key_in_their_path_are_known_again(workshop: Workshop) -> None:
    url = f"https://api.example.com/bot{TOKEN}"
    content = json.dumps(
        {"log": {"entries": [entry("GET", f"{url}/getMe"), entry("GET", f"{url}/getUpdates?a=1")]}}
    )
    assert [*workshop.imported(content, kind="har")["utilities"]] == ["get_bot_me", "get_bot_updates"]
    workshop.edit("get_bot_me:", "who_am_i:")
    assert [*workshop.imported(content, kind="har")["utilities"]] == ["who_am_i", "get_bot_updates"]


@pytest.mark.parametrize(
    "path",
    [
        "/invites/{{token}}", "/values/{{key}}", "/keys/{{key_id}}", "/verify/{{verification_token}}",
        "/api-keys/{{api_key}}", "/apps/tokens/{{access_token}}",
    ],
)  # fmt: skip
def test_what_a_call_is_about_is_given_by_its_caller(workshop: Workshop, path: str) -> None:
    front = workshop.imported(collected(request("One", "GET", f"https://api.example.com{path}")), kind="postman")
    assert front["auth"] == "none"
    (utility,) = front["utilities"].values()
    assert len(utility["params"]) == 1


def test_beside_another_proof_a_key_in_the_path_is_listed(workshop: Workshop) -> None:
    done = workshop.run("curl", "curl -u a:b 'https://api.example.com/v1/{api_key}/users'")
    assert "a key in the path is asked of each caller: GET /v1/{api_key}/users api_key" in done.out
    assert workshop.front()["auth"] == {"type": "basic"}
