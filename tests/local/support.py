"""A served skill with programs of this machine, and the operator's yes to it."""

import contextlib
import os
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentos_runtime.cli.main import run
from tests.end_to_end.house import House, house

PYTHON = """
import sys


def shape(items, top=2):
    return [{"id": each, "n": top} for each in items[:top]]


def whole(params):
    return params


def ask(word, _call):
    return {"sibling": _call("echoed", {"word": word})}


def ask_for_ever(_call):
    return _call("deep")


def fails():
    print("canary-on-stdout")
    sys.stderr.write("canary-on-stderr")
    raise ValueError("no such thing")


def needs():
    import a_module_that_is_not_there


def spins():
    while True:
        pass


def sleeps():
    import time

    time.sleep(4444)


def prints_much():
    for _ in range(40):
        print("x" * 2**20)
        sys.stderr.write("y" * 2**20)
    return "small"


def forks():
    import os
    import time

    for _ in range(200):
        if os.fork() == 0:
            time.sleep(60)
            os._exit(0)


def breeds_unseen():
    import os
    import signal
    import time

    watcher, program = os.getppid(), os.getpid()
    os.kill(watcher, signal.SIGSTOP)
    for first in [True] + 99 * [False]:
        if os.fork() == 0:
            while first and os.getppid() == program:
                pass
            if first:
                os.kill(watcher, signal.SIGCONT)
            time.sleep(60)
            os._exit(0)


def eats():
    return len(bytearray(4 * 10**9))


def gives_much():
    return "x" * (40 * 2**20)


def nests():
    value = []
    for _ in range(100_000):
        value = [value]
    return value


async def later(word):
    return word
"""


@dataclass
class Served:
    """A house, and a console beside it."""

    house: House
    folder: Path
    environ: Mapping[str, str]

    def agentos(self, *argv: str) -> int:
        return run(argv, self.environ)

    def approve(self, skill: str = "here") -> None:
        assert self.agentos("approve", skill, "--yes", "--json") == 0

    def reply(self, name: str, params: Any = None, skill: str = "here") -> Any:
        response = self.house.call(skill, name, params)
        assert response.status_code == 200, response.text
        return response.json()

    def half(self, name: str, params: str) -> tuple[int, str, bool]:
        """Status and code of a call with these params, which hold half of a character, and whether it says so."""
        path, headers = f"/api/skills/here/{name}", {"Content-Type": "application/json"}
        body = (response := self.house.client.post(path, content=params, headers=headers)).json()
        return response.status_code, body["code"], "half of a character" in body["error"]

    def error(self, name: str, params: Any = None, skill: str = "here") -> tuple[int, str, str]:
        body = (response := self.house.call(skill, name, params)).json()
        return response.status_code, body["code"], body["error"]


@contextlib.contextmanager
def served(
    folder: Path,
    front: str,
    files: Mapping[str, str] | None = None,
    more: Mapping[str, str] | None = None,
    **settings: Any,
) -> Iterator[Served]:
    """The skill `here` with the front matter, which may speak of `{folder}`, and files beside it.

    more: variables of the environment.
    """
    skills = folder / "skills"
    place = skills / "here"
    place.mkdir(parents=True)
    (place / "readme.md").write_text(f"---\nid: here\nname: Here\ndescription: A toy\n{front}\n---\nDocs\n")
    for name, text in (files or {}).items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text)
    environ = {
        "PATH": f"{os.environ['PATH']}:{folder / 'bin'}",
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "AGENTOS_HOME": str(folder / "home"),
        "AGENTOS_SKILLS": str(skills),
        "AGENTOS_ONLY_SKILLS": "true",
        "SHOWN": "a value that the manifest names",
        "HIDDEN": "canary-of-the-environment",
        **(more or {}),
    }
    with house(folder, skills=skills, environ=environ, **settings) as running:
        yield Served(running, place, environ)


def database(path: Path, *, rows: int = 3) -> Path:
    """A file with notes, a view and a table that refers to them."""
    with contextlib.closing(sqlite3.connect(path)) as opened, opened:
        opened.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY, title TEXT, body BLOB, score REAL)")
        opened.executemany(
            "INSERT INTO notes VALUES (?, ?, ?, ?)",
            [(each, f"Note {each}", b"\x00\xff", 0.5) for each in range(1, rows + 1)],
        )
        opened.execute("CREATE TABLE tags (note INTEGER REFERENCES notes (id), tag TEXT)")
        opened.execute("INSERT INTO tags VALUES (1, 'red')")
    return path
