"""A token address that failed, or whose new token was refused at once, is left alone for a while by all processes:
the note of a turn says so.
"""

from collections.abc import Mapping
from dataclasses import replace

from agentos_runtime.errors import UpstreamUnavailable
from agentos_runtime.jsontext import Json
from agentos_runtime.security.login.refusals import Refusal
from agentos_runtime.storage.turns import Turn, leave_if_possible

FIRST_REST, LONGEST_REST = 10.0, 300.0
"""Seconds without another try after a request that failed; twice as long after each."""
IN_VAIN = 60.0
"""Seconds in which a token that came of a refusal is not renewed because of another."""


def note_about(turn: Turn, mark: str) -> dict[str, Json]:
    """What the turn before left, if it is about the same thing; else nothing."""
    note = turn.note()
    return note if note.get("of") == mark else {}


def still_resting(note: Mapping[str, Json], begin: str, now: float) -> Refusal | None:
    """Why the address is not asked now; None when it may be."""
    until = note.get("until")
    if not isinstance(until, int | float) or not now < until <= now + LONGEST_REST:
        return None
    unreadable = Refusal(UpstreamUnavailable.code, f"{begin} a moment ago. It is tried again later")
    return Refusal.from_note(note, until - now) or unreadable


def of_refusal(mark: str, now: float) -> dict[str, Json]:
    """The note that what `mark` is about came of a refusal."""
    return {"of": mark, "in_vain_until": now + IN_VAIN}


def is_in_vain(note: Mapping[str, Json], now: float) -> bool:
    """Whether what a note is about came of a refusal a moment ago: another refusal makes no other."""
    until = note.get("in_vain_until")
    return isinstance(until, int | float) and now < until <= now + IN_VAIN


async def rest(
    turn: Turn, mark: str, note: Mapping[str, Json], refusal: Refusal, now: float, **more: Json
) -> Refusal:
    """Leave a note that the address is left alone, and `more`; the refusal with the time."""
    before = note.get("failures")
    failures = before if isinstance(before, int) else 0
    seconds = min(max(FIRST_REST * 2 ** min(failures, 10), refusal.wait or 0.0), LONGEST_REST)
    left: dict[str, Json] = {"of": mark, "until": now + seconds, "failures": failures + 1}
    await leave_if_possible(turn, left | more | refusal.as_note())
    return replace(refusal, wait=seconds)
