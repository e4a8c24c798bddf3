"""The home under stress: a full disk, a folder that refuses, two servers."""

import json
import os
import resource
import signal
import tomllib
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from agentos_runtime.bootstrap import open_runtime
from agentos_runtime.config.settings import Settings
from tests.cli.console import Console
from tests.clients import NO_TLS
from tests.jq.support import linux_only
from tests.security.lab import ORIGIN, PLAIN, SECRET, SKILL
from tests.security.support import Served, rows_of, serving, until
from tests.server.server import running
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
        serving(tmp_path, skills=skills, rewrite={ORIGIN: toy.origin}, environ={"AGENTOS_JQ": "worker"}) as served,
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


LIMITED = "[limits.default]\ntokens_per_day = 1000\n[idempotency]\nenabled = true\n"


@linux_only
def test_on_a_full_disk_what_cannot_be_counted_or_kept_is_refused_in_a_sentence_and_recovers(
    tmp_path: Path, skills: Path
) -> None:
    (tmp_path / "home").mkdir(mode=0o700)
    (tmp_path / "home" / "config.toml").write_text(LIMITED)
    with (
        Toy(say(PLAIN)) as toy,
        serving(tmp_path, skills=skills, rewrite={ORIGIN: toy.origin}, environ={"LAB_API_KEY": SECRET}) as served,
        served.client() as client,
    ):
        assert ask(client, "before") == 200
        fill_disk(served, 1024)
        refused = client.post("/api/skills/lab/ask", json={"fault": "well"}).json()
        assert refused["code"] == "overloaded"
        assert "limits.db cannot be used: " in refused["error"]
        keyed = client.post("/api/skills/lab/ask", json={"fault": "well"}, headers={"Idempotency-Key": "k"}).json()
        assert "idempotency.db cannot be used: " in keyed["error"]
        assert "so the call was not made" in keyed["error"]
        assert len(toy.requests) == 1
        fill_disk(served, resource.RLIM_INFINITY)
        assert until(lambda: ask(client, "after") == 200)
        headers = {"Idempotency-Key": "k"}
        assert client.post("/api/skills/lab/ask", json={"fault": "well"}, headers=headers).status_code == 200


@pytest.mark.parametrize("name", ["activity.db", "limits.db", "idempotency.db"])
@pytest.mark.parametrize("kind", ["a folder", "a symbolic link", "a named pipe"])
def test_what_stands_where_a_database_should_be_is_named_and_left_alone(
    tmp_path: Path, skills: Path, name: str, kind: str
) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    (home / "config.toml").write_text(LIMITED)
    (tmp_path / "elsewhere").touch()
    makers: dict[str, Callable[[], object]] = {
        "a folder": (home / name).mkdir,
        "a symbolic link": lambda: (home / name).symlink_to(tmp_path / "elsewhere"),
        "a named pipe": lambda: os.mkfifo(home / name),
    }
    makers[kind]()
    said = f"{name} is not a regular file but {kind}: move it away"
    with Toy(say(PLAIN)) as toy:
        settings = Settings(
            home=home, skills=(skills,), only_skills=True, rewrite={ORIGIN: toy.origin}, **tomllib.loads(LIMITED)
        )
        with (
            running(lambda: open_runtime(settings, {"LAB_API_KEY": SECRET})) as server,
            httpx.Client(base_url=server.url, trust_env=False, verify=NO_TLS) as client,
        ):
            headers = {"Idempotency-Key": "k"}
            answer = client.post("/api/skills/lab/ask", json={"fault": "well"}, headers=headers)
            assert answer.status_code == 503, "not counted, not kept, or what the ledger knows of the day unknown"
            assert said in answer.json()["error"]
            assert (said in str(client.get("/api/health").json().get("ledger"))) == (name == "activity.db")
        assert toy.requests == []
    assert (tmp_path / "elsewhere").read_bytes() == b""
    done = Console(home, skills).run("doctor")
    assert (done.code, said in " ".join(done.out.split())) == (1, True)


@linux_only
def test_a_home_that_is_read_only_is_said_and_calls_are_answered(tmp_path: Path, skills: Path) -> None:
    """In `/sys/kernel` nobody can make a file, not even root."""
    (tmp_path / "home").symlink_to("/sys/kernel")
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
