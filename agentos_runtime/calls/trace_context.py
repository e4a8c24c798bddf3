"""`traceparent` (W3C Trace Context): the trace that a call belongs to, as whoever calls says."""

from agentos_runtime.frozen import dataclass
from agentos_runtime.regexes import regex

_PARENT = regex(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_SAMPLED = 1


@dataclass(frozen=True, slots=True)
class TraceParent:
    """The caller's span; ids are hex digits."""

    trace_id: str
    span_id: str
    sampled: bool = True
    """Whether the caller records the trace."""


def text_of(parent: TraceParent, span_id: str) -> str:
    """The `traceparent` of what is asked in that trace, in a span of its own."""
    return f"00-{parent.trace_id}-{span_id}-{'01' if parent.sampled else '00'}"


def parent_of(traceparent: object) -> TraceParent | None:
    """None for what is no `traceparent`, which then means nothing."""
    found = _PARENT.fullmatch(traceparent) if isinstance(traceparent, str) else None
    if found is None:
        return None
    version, trace, span, flags, more = found.groups()
    wrong = version == "ff" or (version == "00" and more is not None)
    if wrong or not trace.strip("0") or not span.strip("0"):
        return None
    return TraceParent(trace, span, bool(int(flags, 16) & _SAMPLED))
