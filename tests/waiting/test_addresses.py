"""Calls of addresses that a person is asked about: at `/use`, at `/v1`, as one call, on the command line."""

import hashlib
import json
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.cli.console import Console, Done
from tests.limits.support import KEY, ORIGIN
from tests.security.support import until
from tests.toy.raw import answer_json
from tests.waiting.support import Desk, desk, refusal

URL = f"{ORIGIN}/ask"
SECRET = "sk-or-v1-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
LIMITS = {"default": {"ask_person": ["toy/*"]}, "agents": {"free": {"ask_person": ["toy/fetch"]}}}
SAID = answer_json({"said": "hi"})


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with desk(tmp_path_factory.mktemp("addresses"), SAID, limits=LIMITS) as made:
        yield made


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Calls are not held."""
    with desk(tmp_path_factory.mktemp("impatient"), SAID, limits=LIMITS, hold=0.0) as made:
        yield made


def use(
    made: Desk, body: bytes = b"{}", agent: str = "ann", path: str = "/use/toy.example/ask", **headers: str
) -> httpx.Response:
    own = {"X-Agent": agent, "Content-Type": "application/json"}
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    return made.client.post(path, content=body, headers=own | more)


def using(made: Desk, *args: Any, **kwargs: Any) -> "Future[httpx.Response]":
    """The same in a thread."""
    return made.threads.submit(use, made, *args, **kwargs)


def test_an_address_is_held_with_method_url_and_digest_and_called_after_the_yes(shared: Desk) -> None:
    body = json.dumps({"text": "x", "api_key": SECRET}).encode()
    before = len(shared.toy.requests)
    held = using(shared, body, path=f"/use/toy.example/ask?token={SECRET}")
    entry = shared.the_one(agent="ann")
    call = entry["call"]
    assert (entry["utility"], call["effect"], call["credential"]) == ("ask", "write", "default")
    digest = hashlib.sha256(body).hexdigest()
    assert {name: call["params"][name] for name in ("method", "sha256", "size")} == {
        "method": "POST",
        "sha256": digest,
        "size": len(body),
    }
    assert call["params"]["body"]["text"] == "x"
    assert call["url"].startswith(f"{URL}?token=")
    assert [secret in json.dumps(entry) for secret in (SECRET, KEY)] == [False, False]
    assert (len(shared.toy.requests), shared.row(outcome="waiting")["utility"]) == (before, "use")
    assert shared.decide(entry["id"]).status_code == 200
    said = held.result()
    assert (said.json(), shared.toy.requests[-1].body) == ({"said": "hi"}, body)
    assert "waiting;dur=" in said.headers["server-timing"]
    assert shared.row(request_id=said.headers["x-request-id"])["decision"]["state"] == "used"


def test_no_is_no_in_the_words_of_the_wire_and_another_body_is_another_question(impatient: Desk) -> None:
    path = "/use/toy.example/v1/chat/completions"
    asked = use(impatient, b'{"a": 1}', "bob", path)
    assert (asked.status_code, asked.json()["error"]["code"]) == (409, "decision_pending")
    assert "Ask again with the same method, url, headers and body" in asked.json()["error"]["message"]
    assert ("retry-after" in asked.headers, "x-should-retry" in asked.headers) == (True, False)
    entry = impatient.the_one(agent="bob")
    assert (entry["utility"], entry["call"]["effect"]) == ("use", "destroy"), "nobody knows what it does"
    assert impatient.decide(entry["id"], "no", reason="not today").status_code == 200
    denied = use(impatient, b'{"a": 1}', "bob", path)
    assert (denied.status_code, denied.json()["error"]["code"]) == (403, "decision_denied")
    assert "not today" in denied.json()["error"]["message"]
    for other in (
        use(impatient, b'{"a": 2}', "bob", path),
        use(impatient, b'{"a": 1}', "bob", f"{path}?x"),
    ):
        assert other.json()["error"]["code"] == "decision_pending"
    assert impatient.toy.requests == []


def test_a_yes_is_for_one_call_and_for_minutes_only_for_its_own_kind(impatient: Desk) -> None:
    def ask() -> tuple[int, str]:
        said = use(impatient, agent="cid")
        return said.status_code, said.json().get("code", "")

    assert ask() == (409, "decision_pending")
    first = impatient.the_one(agent="cid")
    waits = use(impatient, agent="cid", Waiting_Id=first["id"])
    assert refusal(waits) == (409, "decision_pending")
    impatient.decide(first["id"])
    assert ask() == (200, "")
    assert ask() == (409, "decision_pending")
    impatient.decide(impatient.the_one(agent="cid")["id"], minutes=5)
    assert [ask()[0] for _ in range(3)] == [200] * 3
    assert refusal(impatient.call(agent="cid")) == (409, "decision_pending"), (
        "a yes to addresses is none to utilities"
    )
    other = use(impatient, agent="cid", path="/use/toy.example/other")
    assert refusal(other) == (409, "decision_pending"), "nor to other addresses"


def test_what_would_fail_anyway_asks_nobody_and_who_is_not_asked_about_goes_on(impatient: Desk) -> None:
    for path in ("/use/toy.example/a/%2e%2e/b", "/use/stranger.example/x"):
        assert use(impatient, agent="dan", path=path).status_code in (400, 404)
    assert "dan" not in {each["agent"] for each in impatient.waiting()}
    assert use(impatient, agent="free").status_code == 200
    fetched = impatient.client.get("/use/toy.example/FETCH", headers={"X-Agent": "free"})
    assert refusal(fetched) == (409, "decision_pending")


def test_a_body_that_says_two_things_is_shown_as_it_stands(impatient: Desk) -> None:
    twice = b'{"to": "attacker", "to": "friend"}'
    use(impatient, twice, "eve")
    assert impatient.the_one(agent="eve")["call"]["params"]["body"] == twice.decode()
    use(impatient, b"\xff\x00", "mallory")
    assert "body" not in impatient.the_one(agent="mallory")["call"]["params"]


def test_one_call_as_json_asks_as_well(tmp_path: Path) -> None:
    with desk(tmp_path, SAID, limits=LIMITS, hold=0.0) as made:
        asked = {"url": URL, "body": {"text": "y"}}
        said = made.client.post("/api/use", json=asked, headers={"X-Agent": "fay"})
        assert refusal(said) == (409, "decision_pending")
        waiting = said.json()["waiting"]
        made.decide(waiting["id"])
        headers = {"X-Agent": "fay", "Waiting-Id": waiting["id"]}
        again = made.client.post("/api/use", json=asked, headers=headers)
        assert (again.json()["status"], again.json()["body"]) == (200, {"said": "hi"})


def test_the_command_waits_for_the_answer(tmp_path: Path) -> None:
    with desk(tmp_path, SAID, limits=LIMITS, hold=0.2) as made:
        rewrite = {"AGENTOS_REWRITE": f"{ORIGIN}={made.toy.origin}", "TOY_API_KEY": KEY}
        (made.home / "config.toml").write_text('[limits.default]\nask_person = ["toy/*"]\n')
        commands = [made.threads.submit(commanded, made, rewrite, where) for where in ("server", "here")]
        for entry_id in {each["id"] for each in both_wait(made)}:
            made.decide(entry_id)
        for command in commands:
            done = command.result()
            assert (done.code, json.loads(done.out)) == (0, {"said": "hi"}), done.err
            assert "waits for a person's yes: agentos waiting" in done.err


def commanded(made: Desk, environ: dict[str, str], where: str) -> Done:
    console = Console(made.home, made.skills, dict(environ))
    if where == "server":
        console.environ["AGENTOS_PORT"] = str(made.server.port)
    return console.spawn("use", URL, "--json", json.dumps({"text": where}))


def both_wait(made: Desk) -> list[dict[str, Any]]:
    """The two questions, once each was asked again."""
    found: list[dict[str, Any]] = []

    def there() -> bool:
        found[:] = [each for each in made.waiting() if each["times"] > 1]
        return len(found) == 2

    assert until(there)
    return found


def test_a_yes_to_a_body_is_none_to_the_same_bytes_with_headers_that_make_another_call_of_it(
    impatient: Desk,
) -> None:
    assert refusal(use(impatient, agent="gus", Prefer_Mode="dry")) == (409, "decision_pending")
    entry = impatient.the_one(agent="gus")
    shown = {"content-type": "application/json", "prefer-mode": "dry"}
    assert entry["call"]["params"]["headers"] == shown
    impatient.decide(entry["id"])
    before = len(impatient.toy.requests)
    others: list[Any] = [{"Prefer_Mode": "real"}, {}, {"Prefer_Mode": "dry", "Content_Type": "text/plain"}]
    for changed in others:
        assert refusal(use(impatient, agent="gus", **changed)) == (409, "decision_pending")
    assert len(impatient.toy.requests) == before
    incidental: Any = {"User_Agent": "other/2", "X_Stainless_Retry_Count": "1", "Traceparent": "x"}
    assert use(impatient, agent="gus", Prefer_Mode="dry", **incidental).status_code == 200


def test_a_method_that_the_query_names_is_asked_about_as_well(impatient: Desk) -> None:
    asks = impatient.client.post("/use/toy.example/FETCH", headers={"X-Agent": "free"}, content=b"{}")
    assert asks.status_code == 200
    for query in ("_method=get", "a=1&X-HTTP-Method-Override=GET", "a;%5Fmethod=%47ET"):
        said = impatient.client.post(f"/use/toy.example/FETCH?{query}", headers={"X-Agent": "free"}, content=b"{}")
        assert refusal(said) == (409, "decision_pending"), query
