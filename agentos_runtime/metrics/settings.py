"""`[metrics]` and `[telemetry]` of config.toml."""

from collections.abc import Mapping
from typing import Any

from agentos_runtime.config.tables import flag, read_table
from agentos_runtime.frozen import dataclass
from agentos_runtime.manifest.origins import origin_of
from agentos_runtime.regexes import regex


@dataclass(frozen=True, slots=True)
class MetricsSettings:
    """Who may read the figures."""

    open: bool = False
    """Programs of this machine read them without a token, those of bound agents too."""


def read_metrics(raw: object, file: object) -> MetricsSettings:
    """The table `metrics`; `file` is named in errors. Raises SettingsError."""
    return MetricsSettings(**read_table(raw, f"{file}: metrics", {"open": flag}))


@dataclass(frozen=True, slots=True)
class TelemetrySettings:
    """Who is sent spans of calls."""

    otlp_endpoint: str | None = None
    """Where a collector takes spans: OTLP over HTTP, as JSON. None = nobody is sent any."""
    propagate: frozenset[str] = frozenset()
    """Origins of services that are told the trace of a call."""


def read_telemetry(raw: object, file: object) -> TelemetrySettings:
    """The table `telemetry`; `file` is named in errors. Raises SettingsError."""
    keys: Mapping[str, Any] = {"otlp_endpoint": _endpoint, "propagate": _origins}
    return TelemetrySettings(**read_table(raw, f"{file}: telemetry", keys))


def _origins(value: Any) -> frozenset[str]:
    texts = value if isinstance(value, list) else [None]
    if any(not isinstance(text, str) or origin_of(text) != text for text in texts):
        raise ValueError(
            'write it as ["https://api.example.com"]: scheme and host, and the port if it is not the usual one'
        )
    return frozenset(texts)


def _endpoint(value: Any) -> str:
    if not isinstance(value, str) or not _COLLECTOR.fullmatch(value):
        raise ValueError("write it as http://127.0.0.1:4318, without a user and a query")
    return value if value.endswith(TRACES) else value.rstrip("/") + TRACES


TRACES = "/v1/traces"
_COLLECTOR = regex(r"https?://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~/-]*)?")
