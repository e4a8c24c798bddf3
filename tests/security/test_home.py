"""The home under stress: a full disk, a folder that refuses, two servers."""

import json
import os
import resource
import signal
from pathlib import Path

import httpx
import pytest

from tests.cli.console import Console
from tests.expressions.support import linux_only
from tests.security.lab import ORIGIN, PLAIN, SECRET, SKILL
from tests.security.support import Served, rows_of, serving, until
from tests.toy.raw import Toy, say


@pytest.fixture
def skills(tmp_path: Path) -> Path:
    folder = tmp_path / "skills"
    folder.mkdir()
    (folder / "lab.md").write_text(SKILL)
    return folder


def ask(client: httpx.Client, name: str) -> int:
    answer = client.post("/api/skills/lab/ask", json={"fault": "well"}, headers={"X-Request-Id": name})
    return answer.status_code


def fill_disk(served: Served, limit: int) -> None:
    """From now on no file of the server may be longer than this."""
    _, hard = resource.prlimit(served.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(served.process.pid, resource.RLIMIT_FSIZE, (limit, hard))


@linux_only
def test_on_a_full_disk_calls_are_answered_and_the_ledger_says_so_and_recovers(
    tmp_path: Path, skills: Path
) -> None:
    console = Console(tmp_path / "home", skills)
    assert console.run("keys", "set", "lab", stdin=SECRET).code == 0
    stored = (tmp_path / "home" / "credentials.json").read_bytes()
    with (
        Toy(say(PLAIN)) as toy,
        serving(tmp_path, skills=skills, rewrite={ORIGIN: toy.origin}) as served,
        served.client() as client,
    ):
        assert ask(client, "before") == 200
        fill_disk(served, 4096)
        os.kill(served.workers[0], signal.SIGKILL)
        assert [ask(client, f"full-{number}") for number in range(20)] == [200] * 20
        health = client.get("/api/health").json()
        assert health["status"] == "ok"
        assert "activity.db" in health["ledger"]
        fill_disk(served, resource.RLIM_INFINITY)
        assert until(lambda: ask(client, f"after-{len(toy.requests)}") == 200 and "ledger" not in health_of(client))
        rows = rows_of(client)
        assert {"before", *(f"full-{number}" for number in range(20))} <= rows.keys(), "what was missed is written"
        assert {row["outcome"] for row in rows.values()} == {"ok"}
    assert (tmp_path / "home" / "credentials.json").read_bytes() == stored
    assert SECRET in stored.decode()


def health_of(client: httpx.Client) -> dict[str, object]:
    health: dict[str, object] = client.get("/api/health").json()
    return health


def test_a_ledger_that_cannot_be_opened_is_said_and_calls_are_answered(tmp_path: Path, skills: Path) -> None:
    (tmp_path / "home" / "activity.db").mkdir(parents=True)
    with (
        Toy(say(PLAIN)) as toy,
        serving(tmp_path, skills=skills, rewrite={ORIGIN: toy.origin}, environ={"LAB_API_KEY": SECRET}) as served,
        served.client() as client,
    ):
        assert ask(client, "x") == 200
        assert "activity.db" in str(health_of(client)["ledger"])
        assert "activity.db" in client.get("/api/activity").json()["error"]
        assert served.stop() == 0
    assert b"activity.db" in served.log


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_home_that_is_read_only_is_said_and_calls_are_answered(tmp_path: Path, skills: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o500)
    with (
        Toy(say(PLAIN)) as toy,
        serving(tmp_path, skills=skills, rewrite={ORIGIN: toy.origin}, environ={"LAB_API_KEY": SECRET}) as served,
        served.client() as client,
    ):
        assert ask(client, "x") == 200
        assert "activity.db" in str(health_of(client)["ledger"])


def test_two_servers_share_one_home(tmp_path: Path, skills: Path) -> None:
    console = Console(tmp_path / "home", skills)
    with Toy(say(PLAIN)) as toy:
        rewrite = {ORIGIN: toy.origin}
        with (
            serving(tmp_path, skills=skills, rewrite=rewrite) as first,
            serving(tmp_path, skills=skills, rewrite=rewrite) as second,
            first.client() as one,
            second.client() as two,
        ):
            assert [ask(one, "a"), ask(two, "b")] == [424, 424]
            assert console.run("keys", "set", "lab", stdin=SECRET).code == 0
            names = [f"n{number}" for number in range(40)]
            assert {ask(client, name) for name, client in zip(names, [one, two] * 20, strict=True)} == {200}
            assert rows_of(one).keys() == rows_of(two).keys() == {"a", "b", *names}
            first.kill()
            assert ask(two, "c") == 200
            assert rows_of(two)["c"]["outcome"] == "ok"
            with serving(tmp_path, skills=skills, rewrite=rewrite) as third, third.client() as three:
                assert ask(three, "d") == 200
                assert {row["outcome"] for row in rows_of(two).values()} == {"ok", "error"}
                assert console.run("keys", "remove", "lab").code == 0
                assert [ask(two, "e"), ask(three, "f")] == [424, 424]
    stored = json.loads((tmp_path / "home" / "credentials.json").read_bytes())
    assert SECRET not in json.dumps(stored)
