"""The rows of the ledger as they are written: the statements, and what of an upstream's words fits into them."""

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

LONGEST_TEXT = 200
LARGEST_COUNT = 2**40
"""Tokens, milliseconds or dollars of one call: no honest upstream comes near, and a million rows still add up."""

Outcome: TypeAlias = Literal["ok", "error", "cancelled"]
Values: TypeAlias = tuple[str | int | float | None, ...]


@dataclass(frozen=True, slots=True)
class Statement:
    """One row's worth of SQL."""

    sql: str
    values: Values


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
        )


BEGUN = ("request_id", "started_at", "agent", "skill", "utility", "owner")
CLOSING = tuple(Closing.__dataclass_fields__)

_BEGIN = f"INSERT INTO activity ({', '.join(BEGUN)}, outcome) VALUES (?, ?, ?, ?, ?, ?, 'started')"  # noqa: S608
_CLOSE = f"UPDATE activity SET {', '.join(f'{name} = ?' for name in CLOSING)} WHERE id = ?"  # noqa: S608
_WHOLE = (
    f"INSERT INTO activity ({', '.join(BEGUN + CLOSING)})"  # noqa: S608
    f" VALUES ({', '.join('?' * len(BEGUN + CLOSING))})"
)


def beginning(begun: Values) -> Statement:
    return Statement(_BEGIN, begun)


def closing(entry: Entry, end: Closing) -> Statement:
    """Closes the row, or writes it whole when its beginning could not be written."""
    if entry.id is None:
        return Statement(_WHOLE, (*entry.begun, *end.values()))
    return Statement(_CLOSE, (*end.values(), entry.id))


def _text(text: str | None) -> str | None:
    return None if text is None else text[:LONGEST_TEXT].encode("utf-8", "replace").decode("utf-8")


def _count(number: int | None) -> int | None:
    return number if number is not None and 0 <= number <= LARGEST_COUNT else None


def _amount(number: float | None) -> float | None:
    return float(number) if number is not None and number <= LARGEST_COUNT and math.isfinite(number) else None
