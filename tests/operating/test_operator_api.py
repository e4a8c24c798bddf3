"""`/api/operator/…`: the same as the commands do, for the operator alone."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from agentos_runtime.server.operators.routes import _ROUTES, PREFIX
from tests.end_to_end.house import House
from tests.limits.support import KEY, ORIGIN, limited_house, priced, write_skill
from tests.toy.raw import Toy

OPERATOR = {"Authorization": "Bearer the-operators-own-token"}
STRANGER = """\
---
id: stranger
name: Stranger
description: A file that nobody knows
auth: {type: api_key, header: X-Key, label: API key, help_url: "https://stranger.example/keys", probe: who}
utilities:
  who: {description: Who it is, rest: {url: "https://stranger.example/who"}}
  wipe: {description: Wipes it, rest: {url: "https://stranger.example/wipe", method: DELETE}}
---
"""
SECRET = "sk-operator-canary-0123456789"
TORN = "---\nid: torn\nname: Torn\nutilities: {tear: {rest: {urll: x}}}\n---\n"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[House, Toy]]:
    folder = tmp_path_factory.mktemp("operator")
    write_skill(folder / "skills", "", STRANGER, "stranger.md")
    write_skill(folder / "skills", "", TORN, "torn.md")
    limits = {"agents": {"spender": {"tokens_per_day": 10}}, "default": {"allow": ["toy", "stranger"]}}
    with limited_house(folder, priced(0.25), limits=limits, operator_token="the-operators-own-token") as made:
        yield made


@pytest.fixture
def operator(served: tuple[House, Toy]) -> Iterator[httpx.Client]:
    client = served[0].client
    client.headers.update(OPERATOR)
    yield client
    del client.headers["Authorization"]


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_every_route_asks_for_the_operators_proof(served: tuple[House, Toy]) -> None:
    client = served[0].client
    tokens = [None, "let-me-in", "agentos_x"]
    for method, path, _ in _ROUTES:
        url = PREFIX + path.format(skill="stranger", credential="default", agent="ann")
        for token in tokens:
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            answer = client.request(method, url, json={} if method == "POST" else None, headers=headers)
            refused = (401, "unauthorized") if token == "agentos_x" else (403, "not_allowed")
            assert (method, path, token, code(answer)) == (method, path, token, refused)


def test_no_route_does_anything_beside_a_query_that_it_does_not_know(operator: httpx.Client) -> None:
    for method, path, _ in _ROUTES:
        url = PREFIX + path.format(skill="stranger", credential="default", agent="ann")
        answer = operator.request(method, f"{url}?dry_run=1", json={} if method == "POST" else None)
        assert (method, path, code(answer)) == (method, path, (400, "invalid_params"))
        assert answer.json()["problems"][0]["path"] == "dry_run"


def credential(operator: httpx.Client, skill: str) -> dict[str, Any]:
    answer = operator.get("/api/operator/credentials").json()
    (found,) = [each for each in answer["credentials"] if each["skill"] == skill]
    return dict(found)


def test_a_key_is_stored_for_the_places_that_were_shown_and_is_never_given_back(operator: httpx.Client) -> None:
    path = "/api/operator/credentials/stranger/default"
    shown = credential(operator, "stranger")
    assert (shown["source"], shown["stored"], shown["fields"]) == (None, False, ["key"])
    assert {(each["origin"], each["approved_by"]) for each in shown["grants"]} == {
        ("https://stranger.example", None)
    }
    body = {"fields": {"key": SECRET}, "authority": shown["authority"]}
    assert code(operator.post(path, json=body | {"authority": "0" * 64})) == (409, "approval_required")
    wrong = operator.post(path, json=body | {"fields": {"kee": "x"}})
    assert [each["path"] for each in wrong.json()["problems"]] == ["fields.kee", "fields.key"]
    assert code(operator.post(path, json=body | {"more": 1})) == (400, "invalid_params")
    stored = operator.post(path, json=body)
    assert (stored.status_code, stored.json()["source"]) == (200, "credentials.json")
    assert {each["approved_by"] for each in stored.json()["grants"]} == {"keys set"}
    everything = operator.get("/api/operator/credentials").text + stored.text
    assert SECRET not in everything
    assert SECRET[-4:] not in everything
    tried = operator.post(f"{path}/probe").json()
    assert (tried["utility"], tried["works"], tried["code"]) == ("who", False, "upstream_unreachable")
    assert operator.delete(path).status_code == 204
    assert code(operator.delete(path)) == (404, "not_found")
    assert credential(operator, "stranger")["stored"] is False


def test_what_a_skill_asks_for_is_approved_as_it_was_shown_and_taken_back(operator: httpx.Client) -> None:
    path = "/api/operator/approvals/stranger"
    shown = operator.get(path).json()
    assert (shown["state"], shown["approved_at"]) == ("asks", None)
    assert [line[:2] for line in shown["changes"]] == ["+ "] * len(shown["changes"])
    assert any("DELETE https://stranger.example" in line for line in shown["changes"])
    assert code(operator.post(path, json={"authority": "0" * 64})) == (409, "approval_required")
    approved = operator.post(path, json={"authority": shown["authority"]}).json()
    assert (approved["state"], approved["changes"]) == ("approved", [])
    revoked = operator.delete(path).json()
    assert revoked.keys() == {"skill", "refused_at", "keys_without_a_place", "rewritten"}
    assert revoked["skill"] == "stranger"
    listed = {each["skill"]: each["state"] for each in operator.get("/api/operator/approvals").json()["skills"]}
    assert listed["stranger"] == "refused"
    assert code(operator.delete("/api/operator/approvals/nobody")) == (404, "not_found")
    assert code(operator.get("/api/operator/approvals/torn")) == (503, "skill_broken")


def test_what_is_taken_back_over_http_is_what_the_command_takes_back(operator: httpx.Client) -> None:
    for skill in ("torn", "github"):
        assert operator.delete(f"/api/operator/approvals/{skill}").json()["skill"] == skill
    listed = {each["skill"]: each["state"] for each in operator.get("/api/operator/approvals").json()["skills"]}
    assert (listed["torn"], listed["github"]) == ("refused", "refused")


def test_an_agent_gets_a_token_once_is_stopped_and_goes_on(
    served: tuple[House, Toy], operator: httpx.Client
) -> None:
    added = operator.post("/api/operator/agents", json={"agent": "ann"}).json()
    ann = {"Authorization": f"Bearer {added['token']}"}
    assert operator.post("/api/skills/toy/free", json={}, headers=ann).status_code == 200
    assert operator.post("/api/operator/agents/ann/stop").json()["agent"] == "ann"
    refused = operator.post("/api/skills/toy/free", json={}, headers=ann)
    assert code(refused) == (403, "not_allowed")
    assert 'The agent "ann" was stopped' in refused.json()["error"]
    listed = {each["agent"]: each for each in operator.get("/api/operator/agents").json()["agents"]}
    assert (listed["ann"]["bound"], listed["ann"]["stopped_at"] is not None) == (True, True)
    assert added["token"] not in str(listed)
    kinds = {each["kind"]: each for each in operator.get("/api/operator/attention").json()["items"]}
    assert kinds["stopped"]["agent"] == "ann"
    assert operator.delete("/api/operator/agents/ann/stop").status_code == 204
    assert operator.post("/api/skills/toy/free", json={}, headers=ann).status_code == 200
    assert code(operator.delete("/api/operator/agents/ann/stop")) == (404, "not_found")
    assert operator.delete("/api/operator/agents/ann").status_code == 204
    assert operator.post("/api/skills/toy/free", json={}, headers=ann).status_code == 401
    assert code(operator.post("/api/operator/agents", json={"agent": " x"})) == (400, "invalid_params")


def test_limits_are_shown_with_what_is_used_and_a_budget_that_is_nearly_gone_needs_attention(
    served: tuple[House, Toy], operator: httpx.Client
) -> None:
    spent = operator.post("/api/skills/toy/ask", json={"text": "x"}, headers={"X-Agent": "spender"})
    assert spent.status_code == 200
    limits = operator.get("/api/operator/limits").json()
    assert limits["default"]["may"]["allow"] == ["toy/*", "stranger/*"]
    (tokens,) = limits["agents"]["spender"]["limits"]
    assert (tokens["limit"], tokens["used"], tokens["allowed"]) == ("tokens_per_day", 10, 10)
    found = operator.get("/api/operator/attention").json()["items"]
    about = {(each["kind"], each.get("skill") or each.get("agent")) for each in found}
    assert {("broken", "torn"), ("budget", "spender")} <= about
    assert ORIGIN not in str(found)


@pytest.mark.parametrize(
    ("name", "kind", "said"),
    [
        ("agentos.lock", "approval", "cannot be relied on"),
        ("credentials.json", "credential", "is damaged"),
        ("agents.json", "stopped", "is not as agentos writes it"),
    ],
)
def test_a_file_that_is_damaged_is_told_in_place_of_what_all_skills_lack_for_it(
    served: tuple[House, Toy], operator: httpx.Client, name: str, kind: str, said: str
) -> None:
    file = served[0].home / name
    before = file.read_bytes() if file.exists() else None
    try:
        file.touch(0o600)
        file.write_bytes(b"{}")
        found = operator.get("/api/operator/attention").json()["items"]
    finally:
        file.unlink() if before is None else file.write_bytes(before)
    told = [each["text"] for each in found if each["kind"] == "runtime"]
    assert [name in text and said in text for text in told] == [True], found
    assert kind not in {each["kind"] for each in found}


def test_a_call_is_explained_and_dry_without_the_key(operator: httpx.Client) -> None:
    body = {"skill": "toy", "utility": "ask", "params": {"text": "hello"}}
    dry = operator.post("/api/operator/explain", json=body | {"dry_run": True}).json()
    assert (dry["request"]["method"], dry["request"]["headers"]["X-Key"], dry["refusal"]) == (
        "POST",
        "********",
        None,
    )
    told = operator.post("/api/operator/explain", json=body).json()
    stages = [each["stage"] for each in told["stages"]]
    assert (stages[0], stages[-1], told["error"]) == ("params", "reply", None)
    assert KEY not in str(told)
    failed = operator.post("/api/operator/explain", json=body | {"params": {"text": 1}}).json()
    assert failed["error"]["code"] == "invalid_params"
