"""When an upstream says to come back: Retry-After and its relatives, as seconds from now."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from agentos_runtime.regexes import regex

_NUMBER = regex(r"[0-9]{1,15}(\.[0-9]{1,9})?")
_DURATION = regex(
    r"(?:([0-9]{1,5})d)?(?:([0-9]{1,7})h)?(?:([0-9]{1,9})m)?(?:([0-9]{1,9}(?:\.[0-9]{1,12})?)s)?"
    r"(?:([0-9]{1,12}(?:\.[0-9]{1,9})?)ms)?"
)
"""`6m0s`, `7.66s`, `20ms`, as Go writes it."""
_UNITS = (86_400.0, 3_600.0, 60.0, 1.0, 0.001)
_MOMENT = regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9:.]{8,18}([Zz]|[+-][0-9]{2}:[0-9]{2})")
_OF_A_KIND = regex(r"(x|anthropic)-ratelimit-(?:reset-(.+)|(.+)-reset)")
"""Where limits of several kinds (requests, tokens) each have a reset of their own."""
_USED_UP = regex(r"(?:\br=0; ?t=|\bremaining=0, ?reset=)([0-9]{1,9})(?![0-9.])")
"""In `RateLimit: "day";r=0;t=3600`, and `limit=9, remaining=0, reset=30` as older drafts have it."""
_MILLISECONDS_FROM = 1e11
"""An epoch above this counts milliseconds (it would be the year 5138 in seconds)."""
_EPOCH_FROM = 1e9
"""A reset below this is a duration, not a moment (it would be in 2001)."""


def retry_after(headers: Mapping[str, object], now: float) -> float | None:
    """Seconds to wait, never negative; None when the headers do not say or cannot be read.

    Read are, the first that can be: `retry-after-ms`, `Retry-After` in seconds or as a date (RFC 9110, 10.2.3),
    `X-RateLimit-Reset`, `RateLimit-Reset` and `X-Rate-Limit-Reset` as a number of seconds, each of seconds also as
    an epoch in seconds or milliseconds, and `RateLimit`. Without them the limits of several kinds say it
    (`x-ratelimit-reset-tokens: 6m0s`, `anthropic-ratelimit-requests-reset`, a moment): the longest wait of those of
    which nothing remains.
    `headers` may have names of any case and values that are numbers; `now` is an epoch in seconds.
    """
    lowered = {name.lower(): str(value).strip() for name, value in headers.items()}
    for name, read in _READERS.items():
        seconds = read(lowered[name], now) if name in lowered else None
        if seconds is not None:
            return max(0.0, seconds)
    return max((max(0.0, seconds) for seconds in _of_used_up(lowered, now)), default=None)


def seconds_of(text: str) -> float | None:
    """The seconds of a length of time as services write it: `93.5s`, `6m0s`, `20ms`; None for anything else."""
    found = _DURATION.fullmatch(text) if text else None
    if found is None:
        return None
    return sum(float(count) * unit for count, unit in zip(found.groups(), _UNITS, strict=True) if count)


def _of_used_up(headers: Mapping[str, str], now: float) -> Iterator[float]:
    """When each of the limits is there again of which nothing remains."""
    for name, text in headers.items():
        if found := _OF_A_KIND.fullmatch(name):
            maker, after, before = found.groups()
            remaining = f"{maker}-ratelimit-remaining-{after}" if after else f"{maker}-ratelimit-{before}-remaining"
            seconds = _wait_of(text, now) if headers.get(remaining) == "0" else None
            if seconds is not None:
                yield seconds


def _wait_of(text: str, now: float) -> float | None:
    """A number, a length of time or a moment, as seconds from now."""
    seconds = _reset(text, now)
    if seconds is not None:
        return seconds
    if _MOMENT.fullmatch(text):
        try:
            return datetime.fromisoformat(text.upper()).timestamp() - now
        except (ValueError, OverflowError):
            return None
    return seconds_of(text)


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
        return seconds_of(text)


def _of_policies(text: str, now: float) -> float | None:
    """The longest wait of the limits of which nothing remains."""
    return max((float(wait) for wait in _USED_UP.findall(text)), default=None)


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
    "x-rate-limit-reset": _reset,
    "ratelimit": _of_policies,
}
