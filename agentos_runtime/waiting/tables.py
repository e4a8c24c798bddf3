"""`waiting.db`: its tables, and each step on them as one function. All run inside a transaction.

What a person is shown stands here while it waits, and is forgotten once that is over.
"""

import secrets
import sqlite3
from collections.abc import Collection, Sequence

from agentos_runtime.jsontext import dump, parse
from agentos_runtime.storage.sqlite.files import Schema
from agentos_runtime.waiting.entries import (
    ANSWERED_WITHIN,
    NO_HOLDS,
    TOLD_WITHIN,
    YES_HOLDS,
    Decider,
    Entry,
    Question,
    Standing,
    State,
)

ALL = 2**31 - 1
"""More entries than there are."""
KEPT = 30 * 86_400.0
"""Seconds for which what is over is kept, without what was shown."""
AHEAD = 60.0
"""Seconds by which the moment of a yes may be ahead: by so much a clock may be put back without ending any."""
SHOWN_FOR = 60.0
"""Seconds after its end in which an entry still says what it was about."""

SCHEMA = Schema(
    (
        """
CREATE TABLE entry (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    identity BLOB NOT NULL,
    conditions BLOB NOT NULL,
    agent TEXT NOT NULL,
    skill TEXT NOT NULL,
    utility TEXT NOT NULL,
    state TEXT NOT NULL,
    console_only INTEGER NOT NULL,
    asked_at REAL NOT NULL,
    until REAL NOT NULL,
    times INTEGER NOT NULL DEFAULT 1,
    told INTEGER NOT NULL DEFAULT 0,
    decided_at REAL,
    decided_by TEXT,
    via TEXT,
    reason TEXT,
    ended_at REAL,
    shown TEXT
) STRICT;
CREATE INDEX entry_identity ON entry (identity);
CREATE INDEX entry_open ON entry (state) WHERE state IN ('pending', 'approved');
CREATE TABLE standing (
    id TEXT PRIMARY KEY,
    agent TEXT NOT NULL,
    skill TEXT NOT NULL,
    utility TEXT NOT NULL,
    conditions BLOB NOT NULL,
    given_at REAL NOT NULL,
    until REAL NOT NULL,
    given_by TEXT NOT NULL,
    via TEXT NOT NULL
) STRICT;
""",
    )
)
_ENTRY = (
    "id, conditions, agent, skill, utility, state, console_only, asked_at, until, times, decided_at, decided_by,"
    " via, reason, shown"
)
_STANDING = "id, agent, skill, utility, conditions, given_at, until, given_by, via"


def settle(connection: sqlite3.Connection, now: float) -> None:
    """What nobody answered, or nobody used, is over; time is looked at here and nowhere else.

    So is a yes whose moment is yet to come: the clock was put back, and it would hold by that much longer.
    """
    for state, ended in (("pending", "expired"), ("approved", "lapsed")):
        connection.execute(
            "UPDATE entry SET state = ?, ended_at = until WHERE state = ? AND until <= ?", (ended, state, now)
        )
    connection.execute(
        "UPDATE entry SET state = 'lapsed', ended_at = ? WHERE state = 'approved' AND decided_at > ?",
        (now, now + AHEAD),
    )


def forget(connection: sqlite3.Connection, now: float) -> None:
    """Drop what a person was shown of what is over, and what has been over for long."""
    connection.execute(
        "UPDATE entry SET shown = NULL WHERE shown IS NOT NULL AND ended_at <= ?", (now - SHOWN_FOR,)
    )
    connection.execute("DELETE FROM entry WHERE ended_at <= ?", (now - KEPT,))
    connection.execute("DELETE FROM standing WHERE until <= ?", (now,))


def standing_for(connection: sqlite3.Connection, question: Question, now: float) -> Standing | None:
    row = connection.execute(
        f"SELECT {_STANDING} FROM standing WHERE agent = ? AND skill = ? AND utility = ? AND conditions = ?"  # noqa: S608
        " AND until > ? AND given_at <= ? ORDER BY until DESC",
        (question.agent, question.skill, question.utility, question.conditions, now, now + AHEAD),
    ).fetchone()
    return None if row is None else Standing(*row)


def latest(connection: sqlite3.Connection, question: Question) -> Entry | None:
    """The newest entry of the same call under the same conditions."""
    row = connection.execute(
        f"SELECT {_ENTRY} FROM entry WHERE identity = ? AND conditions = ? ORDER BY number DESC LIMIT 1",  # noqa: S608
        (question.identity, question.conditions),
    ).fetchone()
    return _entry(row)


def named(connection: sqlite3.Connection, entry_id: str, identity: bytes | None = None) -> Entry | None:
    """The entry of an id; when the identity is given, only if it is that call's."""
    row = connection.execute(
        f"SELECT {_ENTRY} FROM entry WHERE id = ? AND identity = coalesce(?, identity)",  # noqa: S608
        (entry_id, identity),
    ).fetchone()
    return _entry(row)


def void_others(connection: sqlite3.Connection, question: Question, now: float) -> None:
    """The same call asked under conditions that are gone is void."""
    connection.execute(
        "UPDATE entry SET state = 'void', ended_at = ? WHERE identity = ? AND conditions <> ?"
        " AND state IN ('pending', 'approved')",
        (now, question.identity, question.conditions),
    )


def void(connection: sqlite3.Connection, entry_id: str, now: float) -> bool:
    """Its conditions changed."""
    changed = connection.execute(
        "UPDATE entry SET state = 'void', ended_at = ? WHERE id = ? AND state IN ('pending', 'approved')",
        (now, entry_id),
    )
    return changed.rowcount > 0


def count_pending(connection: sqlite3.Connection, agent: str) -> tuple[int, int]:
    """Of one agent, and of all."""
    sql = "SELECT count(*) FILTER (WHERE agent = ?), count(*) FROM entry WHERE state = 'pending'"
    own, altogether = connection.execute(sql, (agent,)).fetchone()
    return own, altogether


def insert(connection: sqlite3.Connection, question: Question, now: float) -> Entry:
    """A new question."""
    entry_id = f"wait_{secrets.token_hex(12)}"
    texts = (question.agent, question.skill, question.utility)
    connection.execute(
        "INSERT INTO entry"
        " (id, identity, conditions, agent, skill, utility, state, console_only, asked_at, until, shown)"
        " VALUES (?, ?, ?, ?, ?, ?, 'pending', ?, ?, ?, ?)",
        (
            entry_id,
            question.identity,
            question.conditions,
            *texts,
            question.console_only,
            now,
            now + ANSWERED_WITHIN,
            dump(dict(question.shown)).decode(),
        ),
    )
    found = named(connection, entry_id)
    assert found is not None
    return found


def count_asking(connection: sqlite3.Connection, entry_id: str) -> None:
    """It was asked once more."""
    connection.execute("UPDATE entry SET times = times + 1 WHERE id = ?", (entry_id,))


def use(connection: sqlite3.Connection, entry_id: str, now: float) -> bool:
    """The call begins. False when the yes is not there any more: another call had it, or it lapsed."""
    used = connection.execute(
        "UPDATE entry SET state = 'used', ended_at = ? WHERE id = ? AND state = 'approved' AND until > ?",
        (now, entry_id, now),
    )
    return used.rowcount > 0


def give_back(connection: sqlite3.Connection, entry_id: str) -> None:
    """The call that was to begin was not made: the yes is there as before."""
    connection.execute(
        "UPDATE entry SET state = 'approved', ended_at = NULL WHERE id = ? AND state = 'used'", (entry_id,)
    )


def is_to_be_told(connection: sqlite3.Connection, entry: Entry, now: float) -> bool:
    """Whether the same call is answered by what became of this one; it is told then."""
    ended_at, told = connection.execute("SELECT ended_at, told FROM entry WHERE id = ?", (entry.id,)).fetchone()
    lasting = entry.state == "denied" and abs(now - ended_at) < NO_HOLDS
    first = entry.state in ("denied", "expired") and not told and now < ended_at + TOLD_WITHIN
    if lasting or first:
        tell(connection, entry.id)
    return bool(lasting or first)


def tell(connection: sqlite3.Connection, entry_id: str) -> None:
    """A caller was told what became of it."""
    connection.execute("UPDATE entry SET told = 1 WHERE id = ?", (entry_id,))


def decide(
    connection: sqlite3.Connection, entry_id: str, state: State, decider: Decider, reason: str | None, now: float
) -> bool:
    """Answer it. False when it was not pending any more: only one answer counts."""
    ended_at = now if state == "denied" else None
    decided = connection.execute(
        "UPDATE entry SET state = ?, decided_at = ?, decided_by = ?, via = ?, reason = ?, ended_at = ?, until = ?"
        " WHERE id = ? AND state = 'pending' AND until > ?",
        (state, now, decider.by, decider.via, reason, ended_at, now + YES_HOLDS, entry_id, now),
    )
    return decided.rowcount > 0


def stand(connection: sqlite3.Connection, entry: Entry, decider: Decider, now: float, until: float) -> None:
    """Say yes to all such calls until a moment."""
    connection.execute(
        f"INSERT INTO standing ({_STANDING}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
        " ON CONFLICT (id) DO UPDATE SET until = excluded.until",
        (
            entry.id,
            entry.agent,
            entry.skill,
            entry.utility,
            entry.conditions,
            now,
            until,
            decider.by,
            decider.via,
        ),
    )


def end_standing(connection: sqlite3.Connection, entry_id: str, now: float) -> bool:
    """End such a yes before its time; False when there is none."""
    return connection.execute("DELETE FROM standing WHERE id = ? AND until > ?", (entry_id, now)).rowcount > 0


def entries(
    connection: sqlite3.Connection, states: Collection[State], agent: str | None, limit: int
) -> Sequence[Entry]:
    """The newest first."""
    if not states:
        return ()
    wanted = ", ".join("?" * len(states))
    rows = connection.execute(
        f"SELECT {_ENTRY} FROM entry WHERE state IN ({wanted}) AND agent = coalesce(?, agent)"  # noqa: S608
        " ORDER BY number DESC LIMIT ?",
        (*states, agent, limit),
    )
    return [entry for row in rows if (entry := _entry(row)) is not None]


def standings(connection: sqlite3.Connection, now: float) -> Sequence[Standing]:
    """Those that hold, the newest first."""
    sql = f"SELECT {_STANDING} FROM standing WHERE until > ? AND given_at <= ? ORDER BY given_at DESC"  # noqa: S608
    rows = connection.execute(sql, (now, now + AHEAD))
    return [Standing(*row) for row in rows]


def _entry(row: tuple[object, ...] | None) -> Entry | None:
    if row is None:
        return None
    *facts, shown = row
    document = parse(str(shown).encode()) if shown is not None else {}
    values: list[object] = [*facts, document if isinstance(document, dict) else {}]
    values[6] = bool(values[6])
    return Entry(*values)  # type: ignore[arg-type]  # columns are typed by the table
