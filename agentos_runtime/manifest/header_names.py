"""Which headers a manifest may set."""

import re

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_OF_THE_CLIENT = frozenset(
    {
        "host",
        "content-length",
        "transfer-encoding",
        "connection",
        "keep-alive",
        "te",
        "trailer",
        "upgrade",
        "expect",
    }
)


def header_problem(name: str) -> str | None:
    """Why a manifest may not set this header, in words that follow its name."""
    if not _TOKEN.fullmatch(name):
        return "is not a header name: letters, digits and - only"
    if name.lower() in _OF_THE_CLIENT:
        return "is set by the runtime and cannot be set by a manifest"
    return None
