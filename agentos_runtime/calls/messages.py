"""What goes to the upstream and what comes back, as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True, repr=False)
class UpstreamRequest:
    """One HTTP request, complete with its secrets: its repr shows neither header values nor the query."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None

    @property
    def origin(self) -> str:
        """`scheme://host[:port]`, lower-case, the default port left out."""
        return origin_of(self.url)

    def __repr__(self) -> str:
        names = ", ".join(name for name, _ in self.headers)
        size = 0 if self.body is None else len(self.body)
        return f"<UpstreamRequest {self.method} {self.url.split('?', 1)[0]} headers: {names}; {size} bytes>"


@dataclass(frozen=True, slots=True)
class UpstreamResponse:
    """One whole HTTP response; header names are lower-case, the body is decoded and bounded."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


DEFAULT_PORTS: Mapping[str, int] = {"http": 80, "https": 443}


def origin_of(url: str) -> str:
    """`scheme://host[:port]` of an absolute url. Raises ValueError when it has none."""
    parts = urlsplit(url)
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        raise ValueError("not an absolute http or https url")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    port = parts.port
    suffix = "" if port is None or port == DEFAULT_PORTS[parts.scheme] else f":{port}"
    return f"{parts.scheme}://{host}{suffix}"
