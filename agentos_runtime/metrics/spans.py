"""Spans in the JSON of OpenTelemetry's protocol (OTLP/HTTP). Pure: names and figures, never a body or a key."""

from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import Literal, TypeAlias

from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json, dump
from agentos_runtime.version import __version__

Kind: TypeAlias = Literal["server", "client"]
Value: TypeAlias = str | int | float | bool
SCOPE = "agentos-runtime"
_KINDS: Mapping[Kind, int] = {"server": 2, "client": 3}
_FAILED = 2


@dataclass(frozen=True, slots=True)
class Span:
    """One piece of work. Moments are nanoseconds since the epoch; ids are hex digits."""

    trace_id: str
    span_id: str
    parent_id: str | None
    name: str
    kind: Kind
    began: int
    ended: int
    failed: bool = False
    attributes: Mapping[str, Value | None] = field(default_factory=dict)
    """Those that are None are left out."""

    def as_json(self) -> dict[str, Json]:
        said: dict[str, Json] = {"traceId": self.trace_id, "spanId": self.span_id}
        if self.parent_id is not None:
            said["parentSpanId"] = self.parent_id
        return said | {
            "name": self.name,
            "kind": _KINDS[self.kind],
            "startTimeUnixNano": str(self.began),
            "endTimeUnixNano": str(max(self.began, self.ended)),
            "attributes": _attributes(self.attributes),
            "status": {"code": _FAILED} if self.failed else {},
        }


def spans_text(spans: Iterable[Span]) -> bytes:
    """The body of a request to `/v1/traces`."""
    about = _attributes({"service.name": SCOPE, "service.version": __version__})
    scope: dict[str, Json] = {"name": SCOPE, "version": __version__}
    scoped: Json = [{"scope": scope, "spans": [span.as_json() for span in spans]}]
    return dump({"resourceSpans": [{"resource": {"attributes": about}, "scopeSpans": scoped}]})


def _attributes(given: Mapping[str, Value | None]) -> list[Json]:
    return [{"key": name, "value": _value(value)} for name, value in given.items() if value is not None]


def _value(value: Value) -> dict[str, Json]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    return {"doubleValue": value} if isinstance(value, float) else {"stringValue": value}
