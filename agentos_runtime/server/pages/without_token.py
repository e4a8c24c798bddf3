"""What may be read without a token: pages without data, by anybody, and figures, by programs of this machine."""

import ipaddress
from collections.abc import Mapping
from types import MappingProxyType

from starlette.types import Scope

FIGURES = "/metrics"
HTML = b"text/html; charset=utf-8"
CONTENT_TYPES: Mapping[str, bytes] = MappingProxyType(
    {
        "docs.html": HTML,
        "locked.html": HTML,
        "docs.js": b"text/javascript; charset=utf-8",
        "locked.js": b"text/javascript; charset=utf-8",
        "pages.css": b"text/css; charset=utf-8",
    }
)


def reads_figures_here(scope: Scope) -> bool:
    """Whether a program of this machine asks for the figures."""
    client = scope.get("client")
    return scope["path"] in (FIGURES, f"{FIGURES}/") and client is not None and _is_loopback(client[0])


def _is_loopback(address: str) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return (mapped or found).is_loopback
