"""`agentos waiting`, `agentos call` that waits, and the program that is told."""

import contextlib
import json
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.console import Console, Done
from tests.limits.support import ORIGIN, priced, write_skill
from tests.security.support import until
from tests.toy.raw import Toy
from tests.waiting.support import desk

CONFIG = """\
[limits.default]
ask_person = ["toy/ask"]
[notify]
command = ["sh", "-c", "cat > HOME/told; env > HOME/environ"]
"""


@pytest.fixture
def toy() -> Iterator[Toy]:
    with Toy(priced(0.5)) as made:
        yield made


@pytest.fixture
def console(tmp_path: Path, toy: Toy) -> Console:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    (home / "config.toml").write_text(CONFIG.replace("HOME", str(home)))
    write_skill(tmp_path / "skills", ORIGIN)
    rewrite = {"AGENTOS_REWRITE": f"{ORIGIN}={toy.origin}", "TOY_API_KEY": "sk-toy-canary-9876543210"}
    return Console(home, tmp_path / "skills", rewrite)


class Calling:
    """A command in a process of its own."""

    def __init__(self, console: Console, *args: str) -> None:
        self.done: list[Done] = []
        self._thread = threading.Thread(target=lambda: self.done.append(console.spawn(*args)))
        self._thread.start()

    def end(self) -> Done:
        self._thread.join(60)
        return self.done[0]


def asks(console: Console) -> bool:
    """Whether something waits: looked at in the file, which is quicker than a command."""
    file = console.home / "waiting.db"
    if not file.exists():
        return False
    with contextlib.closing(sqlite3.connect(file, timeout=10)) as connection, contextlib.suppress(sqlite3.Error):
        return bool(connection.execute("SELECT count(*) FROM entry").fetchone()[0])
    return False


def waiting(console: Console) -> list[Any]:
    return list(console.run("waiting", "--json").json["waiting"])


def test_a_call_by_hand_waits_and_goes_on_after_the_yes(console: Console, toy: Toy) -> None:
    calling = Calling(console, "call", "toy", "ask", "text=hello")
    assert until(lambda: asks(console))
    (entry,) = waiting(console)
    shown = console.run("waiting").out
    assert f"agentos waiting yes {entry['id']}" in shown
    assert '"text": "hello"' in shown
    assert "POST https://toy.example/ask" in shown
    said = console.run("waiting", "yes", entry["id"])
    assert (said.code, "may be made until" in said.out) == (0, True)
    done = calling.end()
    assert (done.code, json.loads(done.out)["said"], len(toy.requests)) == (0, "hi", 1)
    assert "waits for a person's yes" in done.err
    (row, asked) = console.run("activity", "--json").json["rows"]
    assert (row["decision"]["state"], row["decision"]["via"]) == ("used", "command")
    assert (asked["code"], asked["status"]) == ("decision_pending", 202)
    late = console.run("waiting", "no", entry["id"])
    assert (late.code, "is used by operator (command)" in late.err) == (1, True)
    assert until((console.home / "environ").exists)
    told = json.loads((console.home / "told").read_text())
    assert (told["id"], told["agent"], told["utility"]) == (entry["id"], "agentos-cli", "ask")
    assert "hello" not in str(told)
    assert "CANARY" not in (console.home / "environ").read_text().upper()
    assert console.run("waiting").out == "Nothing waits for you.\n"


def test_a_no_ends_a_call_by_hand_with_its_reason(console: Console, toy: Toy) -> None:
    calling = Calling(console, "call", "toy", "ask", "text=hello")
    assert until(lambda: asks(console))
    console.run("waiting", "no", waiting(console)[0]["id"], "--reason", "not today")
    done = calling.end()
    assert (done.code, toy.requests) == (1, [])
    assert json.loads(done.err.splitlines()[-1])["code"] == "decision_denied"
    assert "not today" in done.err


def test_a_call_through_a_server_waits_too_and_a_yes_for_minutes_is_ended(tmp_path: Path) -> None:
    with desk(tmp_path) as made:
        console = Console(made.home, made.skills, {"AGENTOS_PORT": str(made.server.port)})
        (made.home / "config.toml").write_text('[limits.default]\nask_person = ["toy/*"]\n')
        del console.environ["AGENTOS_ONLY_SKILLS"]
        calling = Calling(console, "call", "toy", "free")
        entry = made.the_one(agent="agentos-cli")
        console.environ["AGENTOS_ONLY_SKILLS"] = "true"
        assert console.run("waiting", "yes", entry["id"], "--minutes", "5").code == 0
        assert (calling.end().code, len(made.toy.requests)) == (0, 1)
        assert "Yes to every toy/free of agentos-cli" in console.run("waiting").out
        assert console.run("waiting", "end", entry["id"]).code == 0
        assert console.run("waiting", "end", entry["id"]).code == 1
