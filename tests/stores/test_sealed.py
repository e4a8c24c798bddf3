"""Credentials sealed in the database that replicas share."""

import base64
import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from agentos_runtime.bootstrap import open_runtime
from agentos_runtime.config.master_key import read_master_keys
from agentos_runtime.config.settings import Settings, SettingsError
from agentos_runtime.storage.files import with_database
from tests.cli.console import Console
from tests.clients import NO_TLS
from tests.end_to_end.test_mounted_credentials import KEY, ORIGIN, SKILL
from tests.limits.support import priced
from tests.security.support import until
from tests.server.server import running
from tests.stores.databases import ask
from tests.stores.test_replicas import replica
from tests.toy.raw import Toy, answer


def master(name: str, letter: bytes) -> str:
    return f"{name}:{base64.b64encode(letter * 32).decode()}"


K1, K2 = master("k1", b"a"), master("k2", b"b")
OTHER = master("k1", b"c")


@pytest.fixture
def console(tmp_path: Path, request: pytest.FixtureRequest) -> Console:
    """With the skill, and the database where the test has one."""
    (tmp_path / "skills").mkdir()
    (tmp_path / "skills" / "till.md").write_text(SKILL)
    made = Console(tmp_path / "home", tmp_path / "skills")
    if "database" in request.fixturenames:
        made.environ["AGENTOS_DATABASE"] = request.getfixturevalue("database")
    return made


@contextlib.contextmanager
def server(console: Console, toy: Toy, keys: str | None, name: str = "server") -> Iterator[Callable[..., Any]]:
    """A replica; gives what calls the skill."""
    given = with_database(
        Settings(
            home=console.home.with_name(name),
            skills=(console.skills,),
            only_skills=True,
            rewrite={ORIGIN: toy.origin},
            database=console.environ["AGENTOS_DATABASE"],
            master_key=keys,
        )
    )
    shown = {each: getattr(given, each) for each in ("home", "database", "documents")}
    with (
        contextlib.closing(given.documents.side),
        running(lambda: open_runtime(given, {}), **shown) as served,
        httpx.Client(base_url=served.url, timeout=30, trust_env=False, verify=NO_TLS) as client,
    ):
        yield lambda skill="till": client.post(f"/api/skills/{skill}/look", json={}, headers={"X-Agent": "tester"})


def told(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["error"] if response.status_code >= 400 else ""


def document(database: str) -> str:
    rows = ask(database, "SELECT convert_from(data, 'UTF8') FROM document WHERE name = 'credentials.json'")
    return str(rows[0][0])


def put(database: str, text: str) -> None:
    """As somebody would who can write to the database."""
    sql = "SELECT put_document_v1('credentials.json', version, ?) FROM document WHERE name = 'credentials.json'"
    ask(database, sql, text.encode())


def changed(text: str, make: Callable[[dict[str, Any]], object]) -> str:
    entry = json.loads(text)
    make(entry["credentials"][0])
    return json.dumps(entry)


@pytest.mark.postgres
def test_every_replica_sends_a_sealed_key_at_once_and_the_database_never_holds_it(
    console: Console, database: str
) -> None:
    with (
        Toy(answer(body=b"{}")) as toy,
        server(console, toy, K1, "a") as first,
        server(console, toy, K1, "b") as second,
    ):
        assert [told(call())[0] for call in (first, second)] == [424, 424]
        stored = console.run("keys", "set", "till", "--json", stdin=KEY, AGENTOS_MASTER_KEY=K1)
        assert (stored.code, stored.json["source"]) == (0, "database")
        for call in (first, second):
            assert until(lambda call=call: call().status_code == 200)  # type: ignore[misc]
        assert {request.header("x-key") for request in toy.requests} == {KEY}
        listed = console.run("keys", "list", "--json").json["keys"][0]  # no master key is needed for that
        assert (listed["skill"], listed["source"], listed["origins"]) == ("till", "database", [ORIGIN])
        for table in ("document", "replica", "ended", "open_call"):
            assert KEY not in str(ask(database, f"SELECT t.* FROM {table} t"))
        assert KEY.encode().hex() not in str(ask(database, "SELECT encode(data, 'hex') FROM document"))
        assert console.run("keys", "remove", "till").code == 0
        for call in (first, second):
            assert until(lambda call=call: call().status_code == 424)  # type: ignore[misc]
    assert not [
        path for path in console.home.parent.rglob("*") if path.is_file() and KEY in path.read_text("latin1")
    ]
    assert not [text for text in console.seen if K1.partition(":")[2] in text]


@pytest.mark.postgres
def test_a_master_key_that_is_missing_unknown_or_another_one_is_told_apart(console: Console, database: str) -> None:
    refused = console.run("keys", "set", "till", stdin=KEY)
    assert refused.code == 1
    assert "AGENTOS_MASTER_KEY is not set" in refused.err
    assert ask(database, "SELECT count(*) FROM document WHERE name = 'credentials.json'") == [(0,)]
    assert console.run("keys", "set", "till", stdin=KEY, AGENTOS_MASTER_KEY=K1).code == 0
    found = {}
    for name, keys in (("none", None), ("unknown", K2), ("wrong", OTHER)):
        with Toy(answer(body=b"{}")) as toy, server(console, toy, keys, name) as call:
            response = call()
            found[name] = (response.json()["code"], response.json()["error"].partition("sealed: ")[2])
            assert toy.requests == []
        given = {} if keys is None else {"AGENTOS_MASTER_KEY": keys}
        said = console.run("keys", "set", "till", stdin="another-key", **given)
        assert said.code == 1
        assert "Nothing was stored" in said.err
        assert any(each["text"] in found[name][1] for each in _doctor(console, given)), name
    assert {code for code, _ in found.values()} == {"credential_sealed"}
    assert "AGENTOS_MASTER_KEY is not set" in found["none"][1]
    assert "under the master key 'k1', and AGENTOS_MASTER_KEY has 'k2'" in found["unknown"][1]
    assert "'k1' is not the one that keys in the database were sealed under" in found["wrong"][1]
    with Toy(answer(body=b"{}")) as toy, server(console, toy, K1, "right") as call:
        assert call().status_code == 200


def _doctor(console: Console, given: dict[str, str]) -> list[dict[str, str]]:
    report = console.run("doctor", "--json", **given)
    return [each for each in report.json["findings"] if each["name"] == "master key"]


def elsewhere(entry: dict[str, Any]) -> None:
    for place in (entry["grants"][0], entry["agreed"][0]):
        place["origin"] = "https://evil.example"


def plain(entry: dict[str, Any]) -> None:
    del entry["box"]
    entry["fields"] = {"key": "of-somebody-else"}


TAMPERED: Mapping[str, Callable[[dict[str, Any]], object]] = {
    "sent elsewhere": lambda entry: entry["grants"][0].update(origin="https://evil.example"),
    "agreed to elsewhere": lambda entry: entry["agreed"][0].update(origin="https://evil.example"),
    "agreed to and sent elsewhere": elsewhere,
    "of another skill": lambda entry: entry.update(skill="other"),
    "of another name": lambda entry: entry.update(credential="admin"),
    "of another field": lambda entry: entry.update(fields={"password": None}),
    "another text": lambda entry: entry.update(box=entry["box"][:-8] + "AAAAAAA="),
    "no box": lambda entry: entry.update(box="AAAA"),
    "cut off": lambda entry: entry.update(box=entry["box"][:20]),
}


@pytest.mark.postgres
def test_what_was_changed_in_the_database_is_sent_nowhere(console: Console, database: str) -> None:
    for name in ("other", "till"):  # `other` may send its key to the same place
        (console.skills / f"{name}.md").write_text(SKILL.replace("id: till", f"id: {name}"))
        assert console.run("keys", "set", name, stdin=KEY, AGENTOS_MASTER_KEY=K1).code == 0
        if name == "other":
            console.run("keys", "remove", name)
            assert console.run("approve", name, "--yes").code == 0
    kept = document(database)
    with Toy(answer(body=b"{}")) as toy, server(console, toy, K1) as call:
        for name, make in TAMPERED.items():
            assert until(lambda: call().status_code == 200), name
            put(database, changed(kept, make))
            assert until(lambda: call().status_code == 424), name
            sent = len(toy.requests)
            assert call("other").status_code == 424, name
            assert call().status_code == 424, name
            assert len(toy.requests) == sent, name
            put(database, kept)
        checked = console.run("keys", "doctor", "--json", AGENTOS_MASTER_KEY=K1).json["keys"]
        assert sorted((each["skill"], each["source"]) for each in checked) == [
            ("other", None),
            ("till", "database"),
        ]
        put(database, changed(kept, elsewhere))
        checked = console.run("keys", "doctor", "--json", AGENTOS_MASTER_KEY=K1).json["keys"]
        assert [each["source"] for each in checked] == [None, None]


@pytest.mark.postgres
def test_a_key_that_is_not_sealed_is_refused(console: Console, database: str) -> None:
    assert console.run("keys", "set", "till", stdin=KEY, AGENTOS_MASTER_KEY=K1).code == 0
    put(database, changed(document(database), plain))
    with Toy(answer(body=b"{}")) as toy, server(console, toy, K1) as call:
        assert "was changed there" in told(call())[1]
        assert toy.requests == []


@pytest.mark.postgres
def test_a_new_master_key_takes_the_place_of_the_old_one(console: Console, database: str) -> None:
    assert console.run("keys", "set", "till", stdin=KEY, AGENTOS_MASTER_KEY=K1).code == 0
    both = f"{K2},{K1}"
    assert _doctor(console, {"AGENTOS_MASTER_KEY": both}) == []
    done = console.run("keys", "rotate", "--json", AGENTOS_MASTER_KEY=K2)
    assert (done.code, done.json) == (1, {"sealed": 0, "remaining": {"k1": 1}})
    done = console.run("keys", "rotate", "--json", AGENTOS_MASTER_KEY=both)
    assert (done.code, done.json) == (0, {"sealed": 1, "remaining": {}})
    assert "'k1' any more" in _doctor(console, {"AGENTOS_MASTER_KEY": both})[0]["text"]
    with Toy(answer(body=b"{}")) as toy, server(console, toy, K2) as call:
        assert call().status_code == 200
        assert toy.requests[-1].header("x-key") == KEY


@pytest.mark.postgres
def test_a_skill_that_was_revoked_keeps_its_sealed_key_and_sends_it_nowhere(console: Console) -> None:
    assert console.run("keys", "set", "till", stdin=KEY, AGENTOS_MASTER_KEY=K1).code == 0
    assert console.run("revoke", "till").code == 0
    assert console.run("keys", "list", "--json").json["keys"][0]["origins"] == []


@pytest.mark.postgres
def test_answers_under_a_key_stand_sealed_and_are_given_again_by_every_replica(
    tmp_path: Path, database: str
) -> None:
    kept = {"idempotency": {"enabled": True}}
    with (
        Toy(priced(0.25)) as toy,
        replica(tmp_path / "a", database, toy, master_key=K1, **kept) as first,
        replica(tmp_path / "b", database, toy, master_key=f"{K2},{K1}", **kept) as second,
        replica(tmp_path / "c", database, toy, master_key=OTHER, **kept) as stranger,
    ):
        given = [first.call("toy", "ask", Idempotency_Key=f"key-{number}") for number in (1, 2)]
        again = second.call("toy", "ask", Idempotency_Key="key-1")
        assert (again.headers["idempotency-replayed"], again.content) == ("true", given[0].content)
        for (body,) in ask(database, "SELECT body FROM answer"):
            assert given[0].content not in bytes(body)
            assert b"0.25" not in bytes(body)
        unknown = stranger.call("toy", "ask", Idempotency_Key="key-1")
        assert (unknown.status_code, unknown.json()["code"]) == (409, "idempotency_unknown")
        console, both = Console(tmp_path / "home", tmp_path / "skills"), f"{K2},{K1}"
        console.environ["AGENTOS_DATABASE"] = database
        assert console.run("keys", "rotate", "--json", AGENTOS_MASTER_KEY=f"{K2},{OTHER}").json["remaining"] == {
            "k1": 2
        }
        assert "it may be taken out" not in str(_doctor(console, {"AGENTOS_MASTER_KEY": both}))
        done = console.run("keys", "rotate", "--json", AGENTOS_MASTER_KEY=both)
        assert (done.code, done.json) == (0, {"sealed": 2, "remaining": {}})
        assert "it may be taken out" in str(_doctor(console, {"AGENTOS_MASTER_KEY": both}))
        assert first.call("toy", "ask", Idempotency_Key="key-2").json()["code"] == "idempotency_unknown"
        assert second.call("toy", "ask", Idempotency_Key="key-2").content == given[1].content
        ask(database, "UPDATE answer SET body = (SELECT a.body FROM answer a WHERE a.id <> answer.id)")
        assert second.call("toy", "ask", Idempotency_Key="key-1").json()["code"] == "idempotency_unknown"
        assert len(toy.requests) == 2
    with (
        pytest.raises(SettingsError, match=r"set AGENTOS_MASTER_KEY, under which they are sealed, or plain = true"),
        Toy(priced(0.0)) as toy,
        replica(tmp_path / "d", database, toy, **kept),
    ):
        pass


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("secretsecret", "key 1 has no id"),
        ("k1:not base64!", "'k1' is not base64"),
        (f"k1:{base64.b64encode(b'x' * 16).decode()}", "has 16 bytes, and 32 are needed"),
        (f"{K1},{OTHER}", "'k1' is there twice"),
        (f"{K1},k2:{K1.partition(':')[2]}", "'k2' is the same as another one"),
        (f"{K1},", "key 2 has no id"),
    ],
)
def test_a_master_key_is_read_exactly_and_never_quoted(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as raised:
        read_master_keys(text)
    assert text not in str(raised.value)


def test_a_master_key_may_stand_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "master"
    file.write_text(f"{K1}\n")
    settings = Settings.from_environ({"AGENTOS_HOME": str(tmp_path), "AGENTOS_MASTER_KEY_FILE": str(file)})
    assert [name for name, _ in settings.master_keys()] == ["k1"]
    file.unlink()
    with pytest.raises(SettingsError, match=r"master_key_file.*cannot be read"):
        settings.master_keys()
    twice = Settings(home=tmp_path, master_key=K1, master_key_file=file)
    with pytest.raises(SettingsError, match="both set"):
        twice.master_keys()
    assert K1 not in repr(twice)
