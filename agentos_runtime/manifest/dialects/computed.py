"""A url that is computed and yet always begins with one address, written so that it is seen to."""

from agentos_runtime.jq.program import classify
from agentos_runtime.jq.sums import beginning
from agentos_runtime.jsontext import dump
from agentos_runtime.regexes import regex

_LITERAL = regex(r'[\s(]*"(?:https?://[^"\\/?#\s@{}]+[/?"]|/)')
"""What is seen to begin with an address, or a path, as it is."""
_ADDRESS = regex(r"https?://[^/?#\s@{}\"\\]+/")


def addressed(written: str, base_url: str | None) -> str | None:
    """The jq of a url, beginning with its address or a path; None for one whose address is not known.

    `base_url` stands before a path that only the value of the jq begins with.
    """
    if classify(written, frozenset()) != "jq" or _LITERAL.match(written):
        return written
    start = beginning(written)
    address = _ADDRESS.match(start)
    if address is not None:
        return _after(address[0], address[0], written)
    if start.startswith("/") and not start.startswith("//") and base_url is not None:
        return _after("/", f"{base_url.rstrip('/')}/", written)
    return None


def _after(dropped: str, address: str, written: str) -> str:
    return f"{dump(address).decode()} + (({written}\n) | ltrimstr({dump(dropped).decode()}))"
