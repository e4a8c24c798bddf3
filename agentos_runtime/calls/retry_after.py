"""When an upstream says to come back: Retry-After and its relatives, as seconds from now."""

from collections.abc import Callable, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

from agentos_runtime.regexes import regex

_NUMBER = regex(r"[0-9]{1,15}(\.[0-9]{1,9})?")
_MILLISECONDS_FROM = 1e11
"""An epoch above this counts milliseconds (it would be the year 5138 in seconds)."""
_EPOCH_FROM = 1e9
"""A reset below this is a duration, not a moment (it would be in 2001)."""


def retry_after(headers: Mapping[str, object], now: float) -> float | None:
    """Seconds to wait, never negative; None when the headers do not say or cannot be read.

    Read are, the first that can be: `retry-after-ms`, `Retry-After` in seconds or as a date (RFC 9110, 10.2.3), and
    `X-RateLimit-Reset` and `RateLimit-Reset` as a number of seconds; each of seconds also as an epoch in seconds or
    milliseconds. `headers` may have names of any case and values that are numbers; `now` is an epoch in seconds.
    """
    lowered = {name.lower(): str(value).strip() for name, value in headers.items()}
    for name, read in _READERS.items():
        seconds = read(lowered[name], now) if name in lowered else None
        if seconds is not None:
            return max(0.0, seconds)
    return None


def meant_status(status: int, headers: Mapping[str, str]) -> int:
    """The status that an answer means: 429 for a 403 that says to come back, or that no request is left.

    GitHub and others tell their rate limits so. `headers` have lower-case names.
    """
    if status != 403:
        return status
    used_up = headers.get("x-ratelimit-remaining", "").strip() == "0"
    return 429 if used_up or "retry-after" in headers else status


def _milliseconds(text: str, now: float) -> float | None:
    return float(text) / 1000 if _NUMBER.fullmatch(text) else None


def _seconds_or_date(text: str, now: float) -> float | None:
    if _NUMBER.fullmatch(text):
        return _reset(text, now)  # some write the moment as an epoch
    try:
        moment = parsedate_to_datetime(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now
    except (ValueError, OverflowError, IndexError, TypeError):
        return None


def _reset(text: str, now: float) -> float | None:
    if not _NUMBER.fullmatch(text):
        return None
    number = float(text)
    if number < _EPOCH_FROM:
        return number
    return (number / 1000 if number > _MILLISECONDS_FROM else number) - now


_READERS: Mapping[str, Callable[[str, float], float | None]] = {
    "retry-after-ms": _milliseconds,
    "retry-after": _seconds_or_date,
    "x-ratelimit-reset": _reset,
    "ratelimit-reset": _reset,
}
