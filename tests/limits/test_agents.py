"""Names that are bound to a token."""

import json
import stat
from pathlib import Path

import pytest

from agentos_runtime.security.agents import Agents
from agentos_runtime.storage.private_files import PrivateFile
from tests.cli.console import Console
from tests.limits.support import limited_house
from tests.server.client import ask
from tests.server.server import running
from tests.server.toy_runtime import ToyRuntime


def bind(home: Path, name: str) -> str:
    return Agents(PrivateFile(home / "agents.json")).add(name)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_a_bound_name_is_proven_by_its_token_and_by_nothing_else(tmp_path: Path) -> None:
    with limited_house(tmp_path) as (house, _):
        token = bind(house.home, "cursor")
        other = bind(house.home, "nightly")
        tries = {
            "with its token": house.call("toy", "free", X_Agent="cursor", **bearer(token)),
            "without": house.call("toy", "free", X_Agent="cursor"),
            "with another's": house.call("toy", "free", X_Agent="cursor", **bearer(other)),
            "with a wrong one": house.call("toy", "free", X_Agent="cursor", **bearer(token[:-1] + "!")),
            "another name": house.call("toy", "free", **bearer(token)),
            "a label": house.call("toy", "free", X_Agent="somebody"),
            "a foreign bearer": house.call("toy", "free", **bearer("sk-of-some-sdk")),
        }
        found = {what: (each.status_code, each.json().get("code")) for what, each in tries.items()}
        assert found == {
            "with its token": (200, None),
            "without": (401, "unauthorized"),
            "with another's": (403, "not_allowed"),
            "with a wrong one": (401, "unauthorized"),
            "another name": (403, "not_allowed"),
            "a label": (200, None),
            "a foreign bearer": (200, None),
        }
        assert tries["without"].headers["www-authenticate"] == "Bearer"
        unnamed = house.client.post("/api/skills/toy/free", json={}, headers=bearer(token))
        assert unnamed.status_code == 200
        own = house.client.get("/api/activity", headers=bearer(token)).json()["rows"]
        assert {row["agent"] for row in own} == {"cursor"}
        assert "cursor" not in {row["agent"] for row in house.rows()}
        assert house.client.get("/api/activity", headers={"X-Agent": "cursor"}).status_code == 401
        assert house.client.get("/api/health", headers={"X-Agent": "cursor"}).status_code == 200


def test_a_removed_token_ends_at_once_and_its_name_is_a_label_again(tmp_path: Path) -> None:
    with limited_house(tmp_path) as (house, _):
        token = bind(house.home, "cursor")
        assert Agents(PrivateFile(house.home / "agents.json")).remove("cursor")
        assert house.call("toy", "free", X_Agent="cursor", **bearer(token)).status_code == 401
        assert house.call("toy", "free", X_Agent="cursor").status_code == 200


def test_beside_the_servers_token_an_agents_own_opens_the_door_and_only_it_proves_the_name(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir(mode=0o700)
    token = bind(tmp_path / "home", "cursor")
    with running(ToyRuntime().open, token="servers-own", home=tmp_path / "home") as server:

        def status(agent: str | None, given: str | None) -> int:
            named = {"X-Agent": agent} if agent else {}
            return ask(server, "POST", "/api/skills/toy/echo", {}, named | (bearer(given) if given else {})).status

        assert status("label", "servers-own") == 200
        assert status(None, "servers-own") == 200
        assert status("cursor", "servers-own") == 401
        assert status("cursor", token) == 200
        assert status(None, token) == 200
        assert status("label", token) == 403
        assert status("cursor", None) == 401
        assert status("label", None) == 401


def test_a_file_that_others_can_read_proves_nobody(tmp_path: Path) -> None:
    with limited_house(tmp_path) as (house, _):
        token = bind(house.home, "cursor")
        (house.home / "agents.json").chmod(0o644)
        for headers in (bearer(token), {"X_Agent": "cursor"}, {"X_Agent": "whoever"}):
            refused = house.call("toy", "free", **headers)
            assert refused.status_code == 401
            assert "run chmod 600" in refused.json()["error"]
        assert house.client.post("/api/skills/toy/free", json={}).status_code == 200
        (house.home / "agents.json").chmod(0o600)
        assert house.call("toy", "free", X_Agent="cursor", **bearer(token)).status_code == 200


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"version": 0, "agents": {}}', '{"version": 1, "agents": {"a": 1}}']
)
def test_a_damaged_file_is_told_and_not_overwritten(tmp_path: Path, text: str) -> None:
    console = Console(tmp_path, tmp_path / "skills")
    file = tmp_path / "agents.json"
    file.write_text(text)
    file.chmod(0o600)
    done = console.run("agents", "list")
    assert (done.code, "agents.json is not as agentos writes it" in done.err) == (1, True)
    if text:
        assert console.run("agents", "add", "x").code == 1
        assert file.read_text() == text


def test_the_token_is_shown_once_and_only_its_hash_is_kept(tmp_path: Path) -> None:
    console = Console(tmp_path / "home", tmp_path / "skills")
    token = console.run("agents", "add", "cursor").out.strip()
    assert token.startswith("agentos_")
    assert len(token) >= len("agentos_") + 43
    kept = tmp_path / "home" / "agents.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert token not in kept.read_text()
    assert token not in console.run("agents", "list").out + console.run("agents", "list", "--json").out
    again = console.run("agents", "add", "cursor", "--json").json["token"]
    agents = Agents(PrivateFile(kept))
    assert (agents.owner_of(token), agents.owner_of(again)) == (None, "cursor")


def test_names_that_nobody_can_send_are_refused(tmp_path: Path) -> None:
    console = Console(tmp_path / "home", tmp_path / "skills")
    for name in ("", " x", "a" * 65, "käfer", "anonymous"):
        assert console.run("agents", "add", name).code == 2
    assert console.run("agents", "remove", "nobody").code == 1


def test_a_damaged_count_is_told(tmp_path: Path) -> None:
    (tmp_path / "limits.db").write_bytes(b"no database" * 100)
    (tmp_path / "config.toml").write_text("[limits.total]\nconcurrent = 5\n")
    done = Console(tmp_path, tmp_path / "skills").run("agents", "list")
    assert (done.code, "limits.db cannot be used: file is not a database" in done.err) == (1, True)


def test_the_list_shows_who_has_a_token_and_what_is_used(tmp_path: Path) -> None:
    home = tmp_path / "home"
    console = Console(home, tmp_path / "skills")
    assert "No agent has a token or limits" in console.run("agents", "list").out
    limits = {"agents": {"tester": {"cost_per_day": 2.0, "calls_per_minute": 9}}, "total": {"concurrent": 5}}
    config = "[limits.agents.tester]\ncost_per_day = 2.0\ncalls_per_minute = 9\n[limits.total]\nconcurrent = 5\n"
    home.mkdir(mode=0o700)
    (home / "config.toml").write_text(config)
    before = console.run("agents", "list", "--json").json
    assert [(use["limit"], use["used"]) for use in before["agents"][0]["limits"]] == [
        ("calls_per_minute", 0),
        ("cost_per_day", 0),
    ]
    with limited_house(tmp_path, limits=limits) as (house, _):
        bind(home, "cursor")
        assert house.call("toy", "ask").status_code == 200
        shown = console.run("agents", "list").out
        assert "calls_per_minute 1 of 9, cost_per_day $0 of $2" in " ".join(shown.split())
        listed = console.run("agents", "list", "--json").json
    assert [(each["agent"], each["bound"]) for each in listed["agents"]] == [("cursor", True), ("tester", False)]
    assert listed["total"] == [{"limit": "concurrent", "used": 0, "allowed": 5, "resets_at": None}]
    assert json.dumps(listed["agents"][1]["limits"]).count("resets_at") == 2
