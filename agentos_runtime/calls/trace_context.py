"""`traceparent` (W3C Trace Context): the trace that a call belongs to, as whoever calls says."""

import re

_PARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?")


def trace_id_of(traceparent: object) -> str | None:
    """The trace's id, 32 hex digits; None for what is no `traceparent`, which then means nothing."""
    found = _PARENT.fullmatch(traceparent) if isinstance(traceparent, str) else None
    if found is None:
        return None
    version, trace, parent, more = found.groups()
    wrong = version == "ff" or (version == "00" and more is not None)
    return None if wrong or not trace.strip("0") or not parent.strip("0") else trace
