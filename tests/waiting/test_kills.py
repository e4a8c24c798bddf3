"""A server killed at each state of a call that waits: nothing is made without a yes, and none is made twice."""

from collections import Counter
from pathlib import Path

import pytest

from tests.limits.support import KEY, ORIGIN, priced, write_skill
from tests.security.support import Served, environment_number, serving
from tests.toy.raw import Toy

KILLS = environment_number("AGENTOS_TEST_WAITING_KILLS", 1)
"""At each state."""
PROOF = "operator-of-the-killed"
OPERATOR = {"Authorization": f"Bearer {PROOF}"}
STATES = ("pending", "approved", "used", "denied")


def ask(served: Served, text: str, **headers: str) -> str:
    """Puts the question, or makes the call; the code, or `ok`."""
    given = {"X-Agent": "ann", "Prefer": "respond-async", **headers}
    with served.client() as client:
        answer = client.post("/api/skills/toy/ask", json={"text": text}, headers=given)
    return str(answer.json().get("code", "decision_pending" if answer.status_code == 202 else "ok"))


def state(served: Served, decision: str = "") -> str:
    """Of the newest question, after the decision."""
    with served.client() as client:
        (newest, *_) = client.get("/api/waiting?state=all", headers=OPERATOR).json()["waiting"]
        if decision:
            path = f"/api/waiting/{newest['id']}"
            newest = client.post(path, json={"decision": decision}, headers=OPERATOR).json()
    return str(newest["state"])


@pytest.mark.slow
@pytest.mark.timeout(120 + 60 * KILLS)
def test_kill_9_at_each_state_makes_nothing_without_a_yes_and_nothing_twice(tmp_path: Path) -> None:
    skills = tmp_path / "skills"
    write_skill(skills, ORIGIN)
    (tmp_path / "home").mkdir(mode=0o700)
    (tmp_path / "home" / "config.toml").write_text('[limits.default]\nask_person = ["toy/*"]\n')
    environ = {"AGENTOS_OPERATOR_TOKEN": PROOF, "TOY_API_KEY": KEY}
    with Toy(priced(0.25)) as toy:

        def made() -> Counter[str]:
            return Counter(each.body.decode() for each in toy.requests)

        for number in range(KILLS):
            for reached in STATES:
                text, before = f"{reached}-{number}", sum(made().values())
                with serving(tmp_path, skills=skills, rewrite={ORIGIN: toy.origin}, environ=environ) as served:
                    assert ask(served, text) == "decision_pending"
                    if reached != "pending":
                        state(served, "no" if reached == "denied" else "yes")
                    if reached == "used":
                        assert ask(served, text) == "ok"
                    assert state(served) == reached
                    served.kill()
                with serving(tmp_path, skills=skills, rewrite={ORIGIN: toy.origin}, environ=environ) as served:
                    assert state(served) == reached, "it stands as it was acknowledged"
                    again = ask(served, text)
                    expected = {"approved": "ok", "denied": "decision_denied"}.get(reached, "decision_pending")
                    assert again == expected
                    assert sum(made().values()) - before == (reached in ("approved", "used"))
                    if expected == "decision_pending":  # so few of one agent may wait
                        state(served, "no")
                    served.kill()
        assert set(made().values()) == {1}
