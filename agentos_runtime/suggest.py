"""The known name that was probably meant."""

from collections.abc import Iterable
from difflib import get_close_matches

LONGEST = 64


def suggest(name: str, known: Iterable[str]) -> str | None:
    """The known name closest to `name` (case, `-` and `_` do not count), or None when nothing is close."""
    if len(name) > LONGEST:
        return None
    plain = {_plain(candidate): candidate for candidate in known}
    match = get_close_matches(_plain(name), plain, n=1, cutoff=0.65)
    return plain[match[0]] if match else None


def _plain(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "")
