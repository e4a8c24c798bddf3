"""What an agent may not call, it is not shown: not in lists, searches, descriptions, icons or errors."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import settings as tried
from hypothesis import strategies as st

from agentos_runtime.bootstrap import open_runtime
from agentos_runtime.config.settings import Settings
from tests.clients import NO_TLS
from tests.limits.support import limited_house, write_skill
from tests.server.server import running
from tests.sizes import examples

OPERATOR = {"Authorization": "Bearer the-operators-own-token"}
HIDDEN = """\
---
id: vault
name: Vault
description: Opens the strongroom
auth: {type: api_key, header: X-Key, optional: true}
utilities:
  unlock: {description: Turns the wheel, rest: {url: "https://vault.example/unlock"}}
  unload: {description: Empties it, rest: {url: "https://vault.example/unload", method: POST}}
  unlatch: {description: Was taken away, gone: Call unlock}
---
"""
NOTES = """\
---
id: notes
name: Notes
description: How things are done
instructions: Read me
---
"""
BROKEN = """\
---
id: torn
name: Torn
description: Half a skill
utilities:
  tear: {description: Tears, rest: {urll: "https://torn.example/tear"}}
---
"""
TEXTS = {"vault": HIDDEN, "notes": NOTES, "torn": BROKEN}


@contextmanager
def served(folder: Path, limits: dict[str, Any]) -> Iterator[httpx.Client]:
    """A server over the toy skill and the three of this page."""
    for name, text in TEXTS.items():
        write_skill(folder / "skills", "", text, f"{name}.md")
    with limited_house(folder, limits=limits, operator_token="the-operators-own-token") as (house, _):
        yield house.client


def ids(client: httpx.Client, **query: str) -> list[str]:
    return [entry["id"] for entry in client.get("/api/skills", params=query).json()["skills"]]


def refusal(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_lists_and_descriptions_hold_what_may_be_called_and_nothing_else(tmp_path: Path) -> None:
    with served(tmp_path, {"default": {"allow": ["toy/ask", "vault/unl?ck"]}}) as client:
        listed = {entry["id"]: entry for entry in client.get("/api/skills").json()["skills"]}
        assert {name: entry["utilities"] for name, entry in listed.items()} == {"toy": ["ask"], "vault": ["unlock"]}
        whole = client.get("/api/skills/vault").json()
        assert [*whole["utilities"]] == ["unlock"]
        assert {grant["method"] for grant in whole["authority"]} == {"GET"}
        assert whole["gone"] == {}
        assert "unload" not in client.get("/api/skills/vault").text.replace(HIDDEN, "")
        assert client.get("/api/skills/vault/unlock").json()["description"] == "Turns the wheel"
        assert refusal(client.get("/api/skills/vault/unload")) == (403, "not_allowed")
        assert refusal(client.get("/api/skills/notes")) == (403, "not_allowed")
        assert refusal(client.get("/api/skills/notes/icon")) == (403, "not_allowed")


def test_a_search_finds_nothing_by_the_words_of_what_is_hidden(tmp_path: Path) -> None:
    with served(tmp_path, {"default": {"deny": ["vault/unload", "toy"]}}) as client:
        assert ids(client) == ["notes", "torn", "vault"]
        assert ids(client, q="wheel") == ["vault"]
        assert ids(client, q="empties") == ids(client, q="unload") == ids(client, q="toy") == []


def test_the_nearest_names_are_those_that_may_be_called(tmp_path: Path) -> None:
    with served(tmp_path, {"default": {"deny": ["vault/unload", "vault/unlatch", "toy"]}}) as client:
        assert "unlatch" not in client.get("/api/skills/vault").text
        for path in ("/api/skills/vault/unlaod", "/api/skills/vault/unlod"):
            for answer in (client.get(path), client.post(path, json={})):
                assert refusal(answer) == (404, "unknown_utility")
                assert "unload" not in answer.text
                assert "did you mean unlock?" in answer.json()["error"]
        assert "did you mean unlock?" in client.post("/api/skills/vault/UNLOCK", json={}).json()["error"]
        assert "did you mean vault?" in client.post("/api/skills/VAULT/unlock", json={}).json()["error"]
        for answer in (client.get("/api/skills/toyy"), client.post("/api/skills/toyy/ask", json={})):
            assert refusal(answer) == (404, "unknown_skill")
            assert not re.search(r"\btoy\b", answer.text)
    with served(tmp_path, {"default": {"allow": ["toy/ask"]}}) as client:
        answer = client.post("/api/skills/vaullt/unlock", json={})
        assert (refusal(answer), "vault?" in answer.text) == ((404, "unknown_skill"), False)
        for path in ("/api/skills/vault/nothing", "/api/skills/vault/unlatch", "/api/skills/torn/tear"):
            answer = client.post(path, json={})
            assert refusal(answer) == (403, "not_allowed")
            assert "unlock" not in answer.text


def test_the_problems_of_a_file_are_shown_where_they_concern_what_may_be_called(tmp_path: Path) -> None:
    with served(tmp_path, {"agents": {"blind": {"deny": ["torn/tear"]}}}) as client:
        seeing, blind = (
            client.get("/api/skills/torn", headers={"X-Agent": name}).json() for name in ("a", "blind")
        )
        assert any(problem["path"].startswith("utilities.tear") for problem in seeing["problems"])
        assert "tear" not in str(blind.get("problems"))
        for call in (client.get, client.post):
            broken = call("/api/skills/torn/tear", headers={"X-Agent": "blind"})
            assert refusal(broken) == (503, "skill_broken")
            assert "urll" not in broken.text


def test_the_operator_asks_for_all_or_looks_with_an_agents_eyes(tmp_path: Path) -> None:
    limits = {"default": {"allow": ["toy/ask"]}, "agents": {"keeper": {"allow": ["vault"]}}}
    with served(tmp_path, limits) as client:
        client.headers.update(OPERATOR)
        assert ids(client) == ["toy"]
        assert ids(client, all="1") == ["notes", "torn", "toy", "vault"]
        client.headers["X-Agent"] = "keeper"
        assert ids(client) == ["vault"]
        assert [*client.get("/api/skills/vault").json()["utilities"]] == ["unlock", "unload"]
        assert client.get("/api/skills/toy/ask").status_code == 200
        assert refusal(client.post("/api/skills/toy/ask", json={})) == (403, "not_allowed")


def test_an_edited_config_changes_what_is_shown_at_once(tmp_path: Path) -> None:
    with served(tmp_path, {}) as client:
        assert ids(client) == ["notes", "torn", "toy", "vault"]
        (tmp_path / "home" / "config.toml").write_text('[limits.default]\nallow = ["toy"]\n')
        assert ids(client) == ["toy"]


SKILLS = {"a": ["x", "y"], "ab": ["x"], "b-c": ["x_y", "y"]}
PATTERN = st.sampled_from(["*", "a", "a*", "b-?", "a/x", "*/x", "a*/?", "*/x_*", "c", "[ab]/y", "none/x"])
RULE = st.fixed_dictionaries(
    {}, optional={"allow": st.lists(PATTERN, max_size=3), "deny": st.lists(PATTERN, max_size=2)}
)


def may_call(rule: dict[str, list[str]], skill: str, utility: str) -> bool:
    """docs/limits.md, in other words."""

    def named(patterns: list[str]) -> bool:
        return any(
            pattern == "*" or fnmatchcase(f"{skill}/{utility}", pattern if "/" in pattern else f"{pattern}/*")
            for pattern in patterns
        )

    return ("allow" not in rule or named(rule["allow"])) and not named(rule.get("deny", []))


def test_what_is_shown_is_what_may_be_called(tmp_path: Path) -> None:
    folder = tmp_path / "skills"
    for skill, utilities in SKILLS.items():
        lines = "".join(
            f'  {name}: {{description: D, rest: {{url: "https://x.example/"}}}}\n' for name in utilities
        )
        head = f"---\nid: {skill}\nname: N\ndescription: D\nutilities:\n"
        write_skill(folder, "", f"{head}{lines}---\n", f"{skill}.md")
    home = tmp_path / "home"
    given_settings = Settings(home=home, skills=(folder,), only_skills=True)
    with (
        running(lambda: open_runtime(given_settings, {}), home=home) as server,
        httpx.Client(base_url=server.url, timeout=30, trust_env=False, verify=NO_TLS) as client,
    ):

        @given(RULE)
        @tried(max_examples=examples(25), deadline=None)
        def shown_is_callable(rule: dict[str, list[str]]) -> None:
            lines = "".join(f"{key} = {patterns}\n" for key, patterns in rule.items()).replace("'", '"')
            (home / "config.toml").write_text(f"[limits.default]\n{lines}")
            allowed = {
                skill: names
                for skill, utilities in SKILLS.items()
                if (names := [name for name in utilities if may_call(rule, skill, name)])
            }
            listed = {entry["id"]: entry["utilities"] for entry in client.get("/api/skills").json()["skills"]}
            assert listed == allowed
            for skill, utilities in SKILLS.items():
                whole = client.get(f"/api/skills/{skill}")
                assert whole.status_code == (200 if skill in allowed else 403)
                assert skill not in allowed or [*whole.json()["utilities"]] == allowed[skill]
                for name in utilities:
                    described = client.get(f"/api/skills/{skill}/{name}").status_code
                    called = client.post(f"/api/skills/{skill}/{name}", json={"no such": 1})
                    expected = (200, 400) if name in allowed.get(skill, []) else (403, 403)
                    assert (described, called.status_code) == expected, called.text

        shown_is_callable()


@pytest.mark.parametrize(
    ("allow", "deny", "reached"),
    [
        (["torn"], [], True),
        (["torn/tear"], [], True),
        (["t*/x"], [], True),
        (["toy"], [], False),
        (None, ["torn/tear"], True),
        (None, ["torn"], False),
        (None, ["*"], False),
        (["*"], ["*/x"], True),
    ],
)
def test_a_skill_whose_utilities_nobody_knows_is_shown_to_whom_one_could_be_open(
    tmp_path: Path, allow: list[str] | None, deny: list[str], reached: bool
) -> None:
    rule = {"deny": deny} | ({"allow": allow} if allow else {})
    with served(tmp_path, {"default": rule}) as client:
        assert ("torn" in ids(client)) is reached
        assert client.get("/api/skills/torn").status_code == (200 if reached else 403)
