"""Moments in the visitor's zone."""

from datetime import UTC, datetime, tzinfo

from agentos_runtime.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Moment:
    """text: today `04:16:05`, else `27 Nov 04:16`. full: for titles. machine: ISO 8601 with its offset."""

    text: str
    full: str
    machine: str


def moment(at: str | float, zone: tzinfo, now: float) -> Moment:
    """at: ISO 8601, or seconds since 1970. now: seconds since 1970."""
    when = datetime.fromisoformat(at) if isinstance(at, str) else datetime.fromtimestamp(at, UTC)
    local = (when if when.tzinfo else when.replace(tzinfo=UTC)).astimezone(zone)
    today = datetime.fromtimestamp(now, zone)
    if local.date() == today.date():
        text = f"{local:%H:%M:%S}"
    elif local.year == today.year:
        text = f"{local.day} {local:%b %H:%M}"
    else:
        text = f"{local.day} {local:%b %Y}"
    full = f"{local.day} {local:%b %Y %H:%M:%S}.{local.microsecond // 1000:03} {local:%Z}"
    return Moment(text, full, local.isoformat(timespec="milliseconds"))


def ago(seconds: float) -> str:
    """`40 s`, `9 min`, `3 h`, `2 days`: how long something is ago, or still takes."""
    amount = max(0, int(seconds))
    for unit, name in ((86400, "days"), (3600, "h"), (60, "min")):
        if amount >= 2 * unit or (name != "days" and amount >= unit):
            return f"{amount // unit} {name}"
    return f"{amount} s"
