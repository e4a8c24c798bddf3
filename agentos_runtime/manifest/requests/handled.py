"""Web addresses that a callable says it reads (`handles_urls`)."""

import re

from agentos_runtime.regexes import regex

_BARE = regex(r"^(?:https?://)?(?:www\.)?", re.IGNORECASE)


def reads(pattern: str, address: str) -> bool:
    """Whether an address is one of a pattern's (`youtu.be/*`), in which `*` stands for anything."""
    first, *others = _BARE.sub("", pattern).lower().split("*")
    rest = _BARE.sub("", address).lower().rstrip("/")
    if not others:
        return rest == first.rstrip("/")
    if not rest.startswith(first):
        return False
    rest = rest[len(first) :]
    for part in others[:-1]:
        _, found, rest = rest.partition(part) if part else ("", "*", rest)
        if not found:
            return False
    return rest.endswith(others[-1])
