"""The ledger's SQLite file: its tables."""

from agentos_runtime.storage.activity import quarters, tallies
from agentos_runtime.storage.sqlite.files import Schema

PAGE_SIZE = 1024
"""Bytes. A commit writes whole pages, and a row is small: a call costs a third less than with 4,096."""

# No index but the key: each costs every call a tenth more. What is read often of a long ledger stands in sums and
# tallies, which are made beside the calls. `owner` says after which row the rows of a living process begin.
_FIRST = """
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
"""
_DECISIONS = "ALTER TABLE activity ADD COLUMN decision TEXT;"
SCHEMA = Schema((_FIRST, _DECISIONS + quarters.TABLES, quarters.ANEW + tallies.TABLES), PAGE_SIZE)
