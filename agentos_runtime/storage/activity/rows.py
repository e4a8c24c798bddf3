"""The rows of the ledger as they are written: the statements, and what of an upstream's words fits into them."""

import math
import sqlite3
from typing import Literal, TypeAlias

from agentos_runtime.frozen import dataclass
from agentos_runtime.storage.activity.quarters import changing

LONGEST_TEXT = 200
LARGEST_COUNT = 2**40
"""Tokens, milliseconds or dollars of one call: no honest upstream comes near, and a million rows still add up."""

Outcome: TypeAlias = Literal["ok", "error", "cancelled"]
Values: TypeAlias = tuple[str | int | float | None, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """A call that was begun; `id` is None when its row could not be written, and is then written whole later."""

    id: int | None
    begun: Values


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """How a call ended. Times in milliseconds, cost in US dollars; None = nobody said."""

    outcome: Outcome
    code: str | None = None
    status: int | None = None
    upstream_status: int | None = None
    duration_ms: float | None = None
    upstream_ms: float | None = None
    model: str | None = None
    provider: str | None = None
    generation_id: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost: float | None = None
    decision: str | None = None
    """What a person said, as JSON."""

    def values(self) -> Values:
        """In the order of CLOSING; what does not fit into a column is left out."""
        return (
            self.outcome,
            self.code,
            self.status,
            _count(self.upstream_status),
            _amount(self.duration_ms),
            _amount(self.upstream_ms),
            _text(self.model),
            _text(self.provider),
            _text(self.generation_id),
            _count(self.input_tokens),
            _count(self.output_tokens),
            _amount(self.cost),
            self.decision,
        )


BEGUN = ("request_id", "started_at", "agent", "skill", "utility", "owner")
CLOSING = tuple(Closing.__dataclass_fields__)

_BEGIN = f"INSERT INTO activity ({', '.join(BEGUN)}, outcome) VALUES (?, ?, ?, ?, ?, ?, 'started')"  # noqa: S608
_CLOSE = (
    f"UPDATE activity SET {', '.join(f'{name} = ?' for name in CLOSING)}"  # noqa: S608
    " WHERE id = ? AND request_id = ?"
)
_CLOSE_OPEN = f"{_CLOSE} AND outcome IN ('started', 'waiting')"
_WHOLE = (
    f"INSERT INTO activity ({', '.join(BEGUN + CLOSING)})"  # noqa: S608
    f" VALUES ({', '.join('?' * len(BEGUN + CLOSING))})"
)


def moment(seconds: float) -> int:
    """Milliseconds of the epoch of which a date can be told: a clock that is far off must spoil no reading."""
    return min(max(int(seconds * 1000), 0), _LAST)


def begun(*values: str | int) -> Values:
    """In the order of BEGUN; what is no text that can be written is replaced, since rows share transactions."""
    return tuple([_whole(value) if isinstance(value, str) and not value.isascii() else value for value in values])


_LAST = 253_402_128_000_000
"""9999-12-30: the last days of that year are over in some zone."""


def begin(connection: sqlite3.Connection, begun: Values) -> int:
    """Write the row of a call that begins; its id."""
    return connection.execute(_BEGIN, begun).lastrowid or 0


def mark(connection: sqlite3.Connection, entry: Entry, outcome: Literal["started", "waiting"]) -> None:
    """Say whether the call that is under way waits for a person."""
    connection.execute(
        "UPDATE activity SET outcome = ? WHERE id = ? AND request_id = ? AND outcome IN ('started', 'waiting')",
        (outcome, entry.id, entry.begun[0]),
    )


def close(connection: sqlite3.Connection, entry: Entry, end: Closing) -> None:
    """Close the row, also one taken for interrupted; write it whole when its beginning is not in this file."""
    values = end.values()
    if entry.id is not None:
        given = (*values, entry.id, entry.begun[0])
        if connection.execute(_CLOSE_OPEN, given).rowcount:
            return
        with changing(connection, entry.id):
            if connection.execute(_CLOSE, given).rowcount:
                return
    connection.execute(_WHOLE, (*entry.begun, *values))


def is_booked(connection: sqlite3.Connection, entry: Entry, generation_id: str) -> bool:
    """Whether a row of the skill that is closed has said what this generation took."""
    skill = entry.begun[BEGUN.index("skill")]
    found = connection.execute(
        "SELECT 1 FROM activity WHERE generation_id = ? AND skill = ?"
        " AND (cost IS NOT NULL OR output_tokens IS NOT NULL) LIMIT 1",
        (_text(generation_id), skill),
    )
    return found.fetchone() is not None


def _text(text: str | None) -> str | None:
    if text is None or text.isascii():
        return text if text is None else text[:LONGEST_TEXT]
    return _whole(text[:LONGEST_TEXT])


def _whole(text: str) -> str:
    """Without half surrogate pairs."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _count(number: int | None) -> int | None:
    return number if number is not None and 0 <= number <= LARGEST_COUNT else None


def _amount(number: float | None) -> float | None:
    return float(number) if number is not None and number <= LARGEST_COUNT and math.isfinite(number) else None
