"""A plain call that a person is asked about: held, let through, refused, forgotten; alone and with others."""

import os
import socket
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agentos_runtime.security.agents import Agents
from agentos_runtime.storage.private_files import PrivateFile
from tests.limits.support import KEY, ORIGIN, SKILL, write_skill
from tests.security.support import environment_number
from tests.toy.raw import answer
from tests.waiting.support import ASKS, OPERATOR, Desk, change, desk, refusal

ASKERS = environment_number("AGENTOS_TEST_ASKERS", 20)
"""Who ask the same at once."""
RACES = environment_number("AGENTOS_TEST_DECIDERS", 2)
"""How often many answer at once."""
SECRET = "sk-or-v1-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with desk(tmp_path_factory.mktemp("calls")) as made:
        yield made


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Calls are not held."""
    with desk(tmp_path_factory.mktemp("impatient"), hold=0.0) as made:
        yield made


def sent(made: Desk) -> int:
    return len(made.toy.requests)


# ------------------------------------------------------------------ held


def test_a_call_is_held_until_a_person_says_yes_and_its_row_says_who(shared: Desk) -> None:
    before = sent(shared)
    held = shared.calling("held")
    entry = shared.the_one(agent="ann")
    assert (entry["state"], entry["skill"], entry["utility"], sent(shared)) == ("pending", "toy", "ask", before)
    assert shared.row(outcome="waiting")["agent"] == "ann"
    needs = shared.client.get("/api/operator/attention", headers=OPERATOR).json()["items"]
    assert (needs[0]["kind"], needs[0]["id"]) == ("waiting", entry["id"])
    decided = shared.decide(entry["id"]).json()
    assert (decided["state"], decided["by"], decided["via"]) == ("approved", "operator", "token")
    reply = held.result()
    assert (reply.status_code, reply.json()["said"], sent(shared)) == (200, "hi", before + 1)
    assert "waiting;dur=" in reply.headers["server-timing"]
    row = shared.row(request_id=reply.headers["x-request-id"])
    decision = row["decision"]
    assert (row["outcome"], decision["id"], decision["state"], decision["by"]) == (
        "ok",
        entry["id"],
        "used",
        "operator",
    )
    assert decision["via"] == "token"
    assert decision["asked_at"] <= decision["decided_at"]
    assert decision["waited_ms"] > 0
    assert shared.state(entry["id"]) == "used"


def test_a_no_is_told_with_its_reason_and_stands_for_a_while(shared: Desk) -> None:
    before = sent(shared)
    held = shared.calling("no")
    entry = shared.the_one(agent="ann")
    shared.decide(entry["id"], "no", reason="not on a Saturday")
    refused = held.result()
    assert refusal(refused) == (403, "decision_denied")
    assert "not on a Saturday" in refused.json()["error"]
    assert shared.row(code="decision_denied")["decision"]["state"] == "denied"
    again = shared.call("no")
    assert refusal(again) == (403, "decision_denied")
    shared.later(entry["id"], 61)
    asked = shared.calling("no")
    anew = shared.the_one(agent="ann")
    assert anew["id"] != entry["id"]
    shared.decide(anew["id"], "no")
    assert refusal(asked.result()) == (403, "decision_denied")
    assert sent(shared) == before


def test_nobody_answering_is_never_told_as_a_no(shared: Desk) -> None:
    held = shared.calling("nobody")
    entry = shared.the_one(agent="ann")
    shared.later(entry["id"])
    refused = held.result()
    assert refusal(refused) == (403, "decision_expired")
    assert "Nobody answered" in refused.json()["error"]
    assert "denied" not in str(shared.row(code="decision_expired"))
    assert shared.state(entry["id"]) == "expired"
    assert refusal(shared.decide(entry["id"])) == (409, "already_decided")


# ------------------------------------------------------------------ not held


def test_who_is_not_held_any_longer_asks_again_and_joins(impatient: Desk) -> None:
    before = sent(impatient)
    first = impatient.call("later")
    assert (refusal(first), first.headers["retry-after"]) == ((409, "decision_pending"), "5")
    waiting = first.json()["waiting"]
    assert (waiting["url"], waiting["state"]) == (f"/api/waiting/{waiting['id']}", "pending")
    assert impatient.row()["decision"]["state"] == "pending"
    assert impatient.call("later").json()["waiting"]["id"] == waiting["id"]
    assert impatient.the_one(id=waiting["id"])["times"] == 2
    assert impatient.call("other").json()["waiting"]["id"] != waiting["id"]
    assert impatient.call("later", agent="bob").json()["waiting"]["id"] != waiting["id"]
    impatient.decide(waiting["id"])
    assert sent(impatient) == before
    assert impatient.call("later").status_code == 200
    assert sent(impatient) == before + 1
    assert refusal(impatient.call("later")) == (409, "decision_pending")


def test_a_caller_who_left_hears_once_that_nobody_answered(impatient: Desk) -> None:
    waiting = impatient.call("gone").json()["waiting"]
    impatient.later(waiting["id"], 601)
    assert refusal(impatient.call("gone")) == (403, "decision_expired")
    anew = impatient.call("gone")
    assert refusal(anew) == (409, "decision_pending")
    assert anew.json()["waiting"]["id"] != waiting["id"]


def test_a_yes_that_is_not_used_lapses(impatient: Desk) -> None:
    before = sent(impatient)
    waiting = impatient.call("lapses").json()["waiting"]
    impatient.decide(waiting["id"])
    impatient.later(waiting["id"])
    assert impatient.state(waiting["id"]) == "lapsed"
    assert refusal(impatient.call("lapses")) == (409, "decision_pending")
    assert sent(impatient) == before
    named = impatient.call("lapses", Waiting_Id=waiting["id"])
    assert refusal(named) == (403, "decision_expired")


def test_no_yes_holds_longer_because_the_clock_is_put_back(impatient: Desk) -> None:
    before = sent(impatient)
    once = impatient.call("back", agent="fay").json()["waiting"]["id"]
    impatient.decide(once)
    impatient.later(once, -3600.0)
    assert refusal(impatient.call("back", agent="fay")) == (409, "decision_pending")
    assert impatient.state(once) == "lapsed"
    lasting = impatient.call("back for minutes", agent="gus").json()["waiting"]["id"]
    impatient.decide(lasting, minutes=15)
    change(impatient.home, "UPDATE standing SET given_at = given_at + 3600, until = until + 3600")
    assert refusal(impatient.call("something else", agent="gus")) == (409, "decision_pending")
    listed = impatient.client.get("/api/waiting", headers=OPERATOR).json()["standing"]
    assert lasting not in [each["id"] for each in listed]
    assert sent(impatient) == before


def test_a_no_answers_no_longer_because_the_clock_is_put_back(impatient: Desk) -> None:
    entry = impatient.call("no", agent="hal").json()["waiting"]["id"]
    impatient.decide(entry, "no")
    assert refusal(impatient.call("no", agent="hal")) == (403, "decision_denied")
    impatient.later(entry, -3600.0)
    assert refusal(impatient.call("no", agent="hal")) == (409, "decision_pending")


def test_who_prefers_to_be_told_at_once_comes_back_with_the_id(shared: Desk) -> None:
    told = shared.call("async", Prefer="respond-async")
    waiting = told.json()["waiting"]
    assert (told.status_code, told.headers["location"]) == (202, f"/api/waiting/{waiting['id']}")
    row = shared.row()
    assert (row["status"], row["outcome"], row["code"]) == (202, "cancelled", "decision_pending")
    assert row["decision"]["state"] == "pending"
    ann = {"X-Agent": "ann"}
    looking = shared.threads.submit(shared.client.get, told.headers["location"], params={"wait": "30"}, headers=ann)
    shared.decide(waiting["id"])
    assert looking.result().json()["state"] == "approved"
    wrong = shared.call("other", Waiting_Id=waiting["id"])
    assert refusal(wrong) == (400, "invalid_params")
    assert refusal(shared.call("async", agent="bob", Waiting_Id=waiting["id"])) == (400, "invalid_params")
    assert shared.call("async", Waiting_Id=waiting["id"]).status_code == 200
    assert refusal(shared.call("async", Waiting_Id=waiting["id"])) == (409, "already_decided")
    late = shared.row(code="already_decided")["decision"]
    assert (late["id"], late["state"], late["via"]) == (waiting["id"], "used", "token")
    assert shared.call("free", utility="free", Prefer="respond-async").status_code == 202


# ------------------------------------------------------------------ who answers


def test_an_agent_sees_its_own_and_never_answers(impatient: Desk) -> None:
    token = Agents(PrivateFile(impatient.home / "agents.json")).add("cy")
    cy = {"Authorization": f"Bearer {token}"}
    body: dict[str, Any] = {"text": "cy"}
    own = impatient.client.post("/api/skills/toy/ask", json=body, headers=cy).json()["waiting"]["id"]
    bobs = impatient.call("bobs", agent="bob").json()["waiting"]["id"]
    seen = impatient.client.get("/api/waiting", headers=cy).json()["waiting"]
    assert [each["id"] for each in seen] == [own]
    assert impatient.client.get(f"/api/waiting/{own}", headers=cy).status_code == 200
    assert refusal(impatient.client.get(f"/api/waiting/{bobs}", headers=cy)) == (404, "not_found")
    for headers in (cy, {"X-Agent": "bob"}, {}):
        answered = impatient.client.post(f"/api/waiting/{bobs}", json={"decision": "yes"}, headers=headers)
        assert refusal(answered) == (403, "not_allowed")
    assert impatient.state(bobs) == "pending"


@pytest.mark.parametrize("number", range(RACES))
def test_the_second_answer_is_told_who_gave_the_first(impatient: Desk, number: int) -> None:
    entry = impatient.call(f"twice {number}").json()["waiting"]["id"]
    answers = list(impatient.threads.map(lambda each: impatient.decide(entry, each), ["yes", "no"] * 10))
    assert Counter(each.status_code for each in answers) == {200: 1, 409: 19}
    late = next(each.json() for each in answers if each.status_code == 409)
    assert (late["code"], late["waiting"]["by"], late["waiting"]["via"]) == ("already_decided", "operator", "token")
    won = next(each.json()["state"] for each in answers if each.status_code == 200)
    assert impatient.state(entry) == won
    assert refusal(impatient.decide("wait_0")) == (404, "not_found")
    assert refusal(impatient.decide(entry, "maybe")) == (400, "invalid_params")
    assert refusal(impatient.decide(entry, "no", minutes=3)) == (400, "invalid_params")


def test_only_the_console_says_yes_where_the_limits_want_that(tmp_path: Path) -> None:
    limits = {"default": {"ask_person": ["toy/ask"], "ask_person_in": "console"}}
    with desk(tmp_path, limits=limits, hold=0.0) as made:
        entry = made.call().json()["waiting"]["id"]
        refused = made.decide(entry)
        assert refusal(refused) == (403, "not_allowed")
        assert "in the console" in refused.json()["error"]
        assert made.decide(entry, "no").json()["state"] == "denied"


# ------------------------------------------------------------------ many, and for minutes


def test_one_yes_is_one_call_however_many_ask_the_same(shared: Desk) -> None:
    before = sent(shared)
    held = [shared.calling("many", agent="mia") for _ in range(ASKERS)]
    entry = shared.the_one(agent="mia", times=ASKERS)
    shared.decide(entry["id"])
    anew = shared.the_one(agent="mia", state="pending")
    assert anew["id"] != entry["id"]
    shared.decide(anew["id"], "no")
    outcomes = Counter(each.result().status_code for each in held)
    assert outcomes == {200: 1, 403: ASKERS - 1}
    assert sent(shared) == before + 1


def test_an_agent_has_so_many_questions_and_no_more(impatient: Desk) -> None:
    for number in range(20):
        assert refusal(impatient.call(str(number), agent="asker")) == (409, "decision_pending")
    assert refusal(impatient.call("21", agent="asker")) == (429, "rate_limited")
    assert refusal(impatient.call("3", agent="asker")) == (409, "decision_pending")
    assert refusal(impatient.call("21", agent="another")) == (409, "decision_pending")
    change(impatient.home, "DELETE FROM entry WHERE agent = 'asker'")


@pytest.mark.slow
def test_made_up_names_hide_no_question_from_the_person_who_answers(tmp_path: Path) -> None:
    with desk(tmp_path, hold=0.0) as made:
        asked = made.call("the first", agent="honest").json()["waiting"]["id"]
        flood = [(f"name-{number}", f"x{each}") for number in range(11) for each in range(20)]
        answers = Counter(made.threads.map(lambda one: made.call(one[1], agent=one[0]).json()["code"], flood))
        assert answers == {"decision_pending": 199, "rate_limited": 21}
        assert refusal(made.call("one more", agent="late")) == (429, "rate_limited")
        waiting = made.waiting()
        assert (len(waiting), waiting[-1]["id"]) == (200, asked)
        made.decide(waiting[0]["id"])
        assert made.call("one more", agent="late").json()["code"] == "decision_pending"


def test_a_yes_for_some_minutes_is_for_one_agent_and_utility_and_can_be_ended(impatient: Desk) -> None:
    entry = impatient.call("minutes", agent="dee").json()["waiting"]["id"]
    assert refusal(impatient.decide(entry, minutes=16)) == (400, "invalid_params")
    assert impatient.decide(entry, minutes=15).status_code == 200
    assert impatient.call("something else", agent="dee").status_code == 200
    assert impatient.row()["decision"]["state"] == "standing"
    assert refusal(impatient.call("minutes", utility="free", agent="dee")) == (409, "decision_pending")
    assert refusal(impatient.call("minutes", agent="eve")) == (409, "decision_pending")
    listed = impatient.client.get("/api/waiting", headers=OPERATOR).json()["standing"]
    assert [(each["id"], each["agent"], each["utility"]) for each in listed] == [(entry, "dee", "ask")]
    assert refusal(impatient.client.delete(f"/api/waiting/{entry}", headers={"X-Agent": "dee"})) == (
        403,
        "not_allowed",
    )
    assert impatient.client.delete(f"/api/waiting/{entry}", headers=OPERATOR).status_code == 204
    assert impatient.call("minutes", agent="dee").status_code == 200
    assert refusal(impatient.call("something else", agent="dee")) == (409, "decision_pending")


# ------------------------------------------------------------------ what would fail asks nobody


def test_what_would_fail_anyway_asks_nobody(tmp_path: Path) -> None:
    stranger = SKILL.replace("toy", "stranger").replace("ORIGIN", "https://stranger.example")
    write_skill(tmp_path / "skills", "", stranger, "stranger.md")
    limits = {"default": {"ask_person": ["*"], "deny": ["toy/fetch"]}, "agents": {"poor": {"tokens_per_day": 0}}}
    with desk(
        tmp_path,
        limits=limits,
        hold=0.0,
    ) as made:
        assert refusal(made.client.post("/api/skills/toy/ask", json={"text": 1})) == (400, "invalid_params")
        assert refusal(made.client.post("/api/skills/toy/fetch", json={})) == (403, "not_allowed")
        assert refusal(made.call(agent="poor")) == (402, "budget_exceeded")
        (tmp_path / "home" / "credentials.json").write_text("{}")
        assert refusal(made.client.post("/api/skills/stranger/ask", json={})) == (424, "credential_not_found")
        assert made.waiting(state="all") == []


def test_a_yes_is_kept_when_a_limit_refuses_the_call_after_it(tmp_path: Path) -> None:
    rule = {"ask_person": ["toy/ask"], "calls_per_minute": 1}
    with desk(tmp_path, limits={"default": rule}) as made:
        held = made.calling()
        entry = made.the_one(agent="ann")["id"]
        assert made.call(utility="free").status_code == 200
        made.decide(entry)
        assert refusal(held.result()) == (429, "rate_limited")
        assert made.state(entry) == "approved"
        assert refusal(made.call()) == (429, "rate_limited")
        assert (made.state(entry), sent(made)) == ("approved", 1)


def test_what_waits_is_void_when_the_skill_or_the_limits_change(tmp_path: Path) -> None:
    config = tmp_path / "home" / "config.toml"
    with desk(tmp_path, limits=ASKS) as made:
        first = made.call(Prefer="respond-async").json()["waiting"]["id"]
        held = made.calling("held")
        second = made.the_one(id=made_id(made, first))["id"]
        write_skill(made.skills, ORIGIN, SKILL.replace("Ask something", "Ask something else"))
        assert refusal(held.result()) == (409, "decision_pending")
        assert "changed" in held.result().json()["error"]
        assert (made.state(first), made.state(second)) == ("void", "void")
        assert refusal(made.decide(first)) == (409, "already_decided")
        third = made.call(Prefer="respond-async").json()["waiting"]["id"]
        assert third != first
        made.decide(third)
        config.write_text('[limits.default]\nask_person = ["toy"]\nmax_cost = 1\n')
        assert made.state(third) == "void"
        assert refusal(made.call(Waiting_Id=third)) == (409, "already_decided")
        assert sent(made) == 0


def made_id(made: Desk, other: str) -> str:
    """The id of the entry beside another."""
    while not (found := [each["id"] for each in made.waiting() if each["id"] != other]):
        pass
    return str(found[0])


# ------------------------------------------------------------------ what is shown and kept


def test_a_person_sees_all_params_and_no_secret_and_they_are_forgotten(impatient: Desk) -> None:
    text = f"please use {SECRET} and {KEY}"
    waiting = impatient.call(text, agent="leaky").json()["waiting"]
    shown = impatient.the_one(id=waiting["id"])
    call = shown["call"]
    assert (call["method"], call["origin"], call["credential"], call["effect"]) == (
        "POST",
        ORIGIN,
        "default",
        "write",
    )
    assert call["description"] == "Ask something"
    assert call["params"]["text"].startswith("please use ")
    for secret in (SECRET, KEY):
        assert secret not in str(shown)
        for file in impatient.home.glob("waiting.db*"):
            assert secret.encode() not in file.read_bytes()
    assert os.stat(impatient.home / "waiting.db").st_mode & 0o777 == 0o600
    impatient.decide(waiting["id"], "no")
    change(impatient.home, "UPDATE entry SET ended_at = ended_at - 61 WHERE id = ?", waiting["id"])


def test_a_stopped_agent_waits_no_longer(shared: Desk) -> None:
    held = shared.calling("stopped", agent="fay")
    shared.the_one(agent="fay")
    assert shared.client.post("/api/operator/agents/fay/stop", headers=OPERATOR).status_code == 200
    assert refusal(held.result()) == (403, "not_allowed")
    assert shared.client.delete("/api/operator/agents/fay/stop", headers=OPERATOR).status_code == 204


def test_a_caller_who_leaves_leaves_the_question_and_runs_nothing(tmp_path: Path) -> None:
    with desk(tmp_path, answer(body=b"{}")) as made:
        wire = socket.create_connection(("127.0.0.1", made.server.port))
        body = b'{"text": "x"}'
        wire.sendall(
            b"POST /api/skills/toy/ask HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nX-Agent: ann\r\n"
            b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (made.server.port, len(body), body)
        )
        entry = made.the_one(agent="ann")
        wire.close()
        assert made.decide(entry["id"]).json()["state"] == "approved"
        assert made.state(entry["id"]) == "approved"
        assert sent(made) == 0
        assert made.call().status_code == 200
        assert (made.state(entry["id"]), sent(made)) == ("used", 1)


def test_an_answer_that_says_two_things_is_none(impatient: Desk) -> None:
    waiting = impatient.call("twice", agent="zoe").json()["waiting"]
    as_json = {"Content-Type": "application/json"}
    for body in ('{"decision": "no", "decision": "yes"}', '{"decision": "yes", "reason": "a", "reason": "b"}'):
        said = impatient.client.post(f"/api/waiting/{waiting['id']}", content=body, headers=as_json | OPERATOR)
        assert refusal(said) == (400, "invalid_json")
        assert "twice" in said.json()["error"]
    assert impatient.state(waiting["id"]) == "pending"


def test_names_that_are_made_up_leave_places_for_agents_with_a_token(tmp_path: Path) -> None:
    with desk(tmp_path, limits=ASKS, hold=0.0) as made:
        added = made.client.post("/api/operator/agents", json={"agent": "proven"}, headers=OPERATOR).json()
        assert refusal(made.call("first")) == (409, "decision_pending")
        change(
            made.home,
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 199)"
            " INSERT INTO entry (id, identity, conditions, agent, skill, utility, state, console_only, asked_at,"
            " until, shown) SELECT 'wait_' || i, x'00', conditions, 'made-up-' || i, skill, utility, state, 0,"
            " asked_at, until, shown FROM entry, n",
        )
        assert refusal(made.call("x", agent="made-up-more")) == (429, "rate_limited")
        token = {"Authorization": f"Bearer {added['token']}"}
        for number in range(20):
            assert refusal(made.call(f"x{number}", agent="proven", **token)) == (409, "decision_pending")
        assert refusal(made.call("more", agent="proven", **token)) == (429, "rate_limited")
