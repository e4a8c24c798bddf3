"""A home as version 0.1.0 left it: its files as SQL and JSON, with a day's calls in them."""

import contextlib
import json
import sqlite3
from pathlib import Path

ACTIVITY = """
CREATE TABLE activity (
    id INTEGER PRIMARY KEY,
    request_id TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    agent TEXT NOT NULL,
    skill TEXT NOT NULL,
    utility TEXT NOT NULL,
    owner TEXT NOT NULL,
    outcome TEXT NOT NULL,
    code TEXT,
    status INTEGER,
    upstream_status INTEGER,
    duration_ms REAL,
    upstream_ms REAL,
    model TEXT,
    provider TEXT,
    generation_id TEXT,
    input_tokens INTEGER,
    output_tokens INTEGER,
    cost REAL
) STRICT;
CREATE TABLE owner (
    name TEXT PRIMARY KEY,
    after INTEGER NOT NULL
) STRICT;
INSERT INTO activity (id, request_id, started_at, agent, skill, utility, owner, outcome, status, input_tokens, cost)
VALUES (1, 'old-1', 1795172400000, 'cursor', 'lab', 'ask', 'feed', 'ok', 200, 40, 0.25),
       (2, 'old-2', 1795172401000, 'cursor', 'lab', 'ask', 'feed', 'started', NULL, NULL, NULL);
INSERT INTO owner VALUES ('feed', 0);
PRAGMA user_version = 1;
"""
LIMITS = """
CREATE TABLE counter (
    subject TEXT NOT NULL,
    name TEXT NOT NULL,
    begins INTEGER NOT NULL,
    amount INTEGER NOT NULL,
    PRIMARY KEY (subject, name, begins)
) STRICT, WITHOUT ROWID;
CREATE TABLE tick (
    subject TEXT NOT NULL,
    number INTEGER NOT NULL,
    at REAL NOT NULL,
    PRIMARY KEY (subject, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE slot (
    id INTEGER PRIMARY KEY,
    agent TEXT NOT NULL,
    owner TEXT NOT NULL,
    reserved INTEGER NOT NULL
) STRICT;
INSERT INTO counter VALUES ('cursor', 'tokens_per_day', 1795132800, 40);
INSERT INTO tick VALUES ('cursor', 1, 1795172400.5);
INSERT INTO slot VALUES (1, 'cursor', 'feed', 0);
PRAGMA user_version = 1;
"""
IDEMPOTENCY = """
CREATE TABLE answer (
    number INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    fingerprint BLOB NOT NULL,
    owner TEXT NOT NULL,
    at REAL NOT NULL,
    body BLOB,
    content_type TEXT,
    more INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX answer_at ON answer (at);
INSERT INTO answer VALUES (1, x'01', x'02', 'feed', 1795172400.0, CAST('{}' AS BLOB), NULL, 0);
PRAGMA user_version = 1;
"""
PAGE_SIZES = {"activity.db": 1024, "limits.db": 4096, "idempotency.db": 4096}
TABLES = {"activity.db": ACTIVITY, "limits.db": LIMITS, "idempotency.db": IDEMPOTENCY}
TEXTS = {
    "agents.json": {"version": 1, "agents": {}},
    "agentos.lock": {"version": 1, "skills": {}},
    "credentials.json": {"version": 1, "credentials": []},
}


def make_old_home(home: Path) -> None:
    """Every file that 0.1.0 keeps in a home, as it makes them."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, tables in TABLES.items():
        (home / name).touch(mode=0o600)
        with contextlib.closing(sqlite3.connect(home / name, isolation_level=None)) as connection:
            connection.execute(f"PRAGMA page_size = {PAGE_SIZES[name]}")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(tables)
    for name, document in TEXTS.items():
        (home / name).touch(mode=0o600)
        (home / name).write_text(json.dumps(document))
