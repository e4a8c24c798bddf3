"""A till: a service where each call costs something, and what must agree after anything happened to its callers."""

import contextlib
import json
import os
import sqlite3
import threading
from collections import Counter
from pathlib import Path

from tests.toy.raw import Exchange, render

ORIGIN = "https://till.example"
SKILL = """\
---
id: till
name: Till
description: Takes money
auth: none
utilities:
  pay:
    description: Pay once
    params: {item: {type: string, required: true}}
    rest: {method: POST, url: "https://till.example/pay", body: {item: .params.item}, timeout: 20}
---
"""
CONFIG = """\
[limits.default]
tokens_per_week = 1_000_000_000
calls_per_minute = 1_000_000
[limits.total]
tokens_per_week = 1_000_000_000
[idempotency]
enabled = true
max_entries = 1_000_000
"""
TOKENS = 7
DATABASES = ("activity.db", "limits.db", "idempotency.db")


class Till:
    """The behaviour of the service; `paid` counts how often each item was."""

    def __init__(self) -> None:
        self.paid: Counter[str] = Counter()
        self._lock = threading.Lock()

    def __call__(self, exchange: Exchange) -> None:
        with self._lock:
            self.paid[json.loads(exchange.request.body)["item"]] += 1
        usage = {"usage": {"input_tokens": TOKENS, "output_tokens": 0}}
        exchange.send(render(body=json.dumps(usage).encode(), headers=[("Content-Type", "application/json")]))


def make_home(folder: Path) -> Path:
    """A home whose agents have limits, at `<folder>/home`; gives the folder of the skill."""
    home, skills = folder / "home", folder / "skills"
    home.mkdir(mode=0o700)
    skills.mkdir()
    (home / "config.toml").write_text(CONFIG)
    (skills / "till.md").write_text(SKILL)
    return skills


def deleted_files(pid: int) -> list[str]:
    """Databases that a process holds and that are no longer there."""
    found: list[str] = []
    for each in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            found.append(os.readlink(each))
    return [link for link in found if link.endswith("(deleted)") and ".db" in link]


def check_agreement(home: Path) -> dict[str, str]:
    """Every file is sound, and what was counted is what the ledger has; gives its outcomes by request."""
    for name in DATABASES:
        with contextlib.closing(sqlite3.connect(home / name)) as file:
            assert file.execute("PRAGMA integrity_check").fetchone() == ("ok",), name
    with contextlib.closing(sqlite3.connect(home / "activity.db")) as ledger:
        rows = dict(ledger.execute("SELECT request_id, outcome FROM activity"))
        (calls,) = ledger.execute("SELECT count(*) FROM activity").fetchone()
        by_agent = dict(ledger.execute("SELECT agent, TOTAL(input_tokens) FROM activity GROUP BY agent"))
    with contextlib.closing(sqlite3.connect(home / "limits.db")) as limits:
        counted = dict(limits.execute("SELECT subject, amount FROM counter WHERE name = 'tokens_per_week'"))
        left = limits.execute("SELECT * FROM slot").fetchall()
    assert calls == len(rows), "no call has two rows"
    assert left == [], "every call was charged"
    assert counted == {**by_agent, "": sum(by_agent.values())}, "limits have counted what the ledger has"
    return rows
