"""What stands before a key in a header, told by the words of a description and by what its scheme is called."""

import re

from agentos_runtime.regexes import regex

_WRITTEN = regex(
    r"Authorization[`'\"]*\s*[:=]\s*[`'\"]*([A-Za-z][\w-]*(?: +[a-z_]+=| +))[\"']?(?=[<{\[$A-Za-z])"
    r"|[`'\"]([A-Z][\w-]*(?: +[a-z_]+=| +))[\"']?(?=[<{\[$]?[\w .-]*(?:token|key)\b)",
    re.IGNORECASE,
)
"""How a description says what stands before the key: ``Format: `Token token=<API_KEY>` ``."""
_WORDS = "Bearer|Token|JWT|Api-?Key|Key|Bot|SSWS|GenieKey|OAuth"
_NAMED = regex(rf"\bprefix(?:ed)?(?: (?:is|of|with|by|it|the|word))*[ :]*[`'\"]({_WORDS}) ?[`'\"]", re.IGNORECASE)
"""`required prefix "Token"`; a key itself may have one, too (`sk_`)."""
_SHOWN = regex(rf"(?<!api )\b({_WORDS}) +(?=[<{{\[] *[\w -]{{0,40}}(?:token|key) *[>}}\]])", re.IGNORECASE)
"""`ApiKey <key>`."""
_OF_BEARERS = regex(r"bearer|jwt", re.IGNORECASE)


def prefix_said(description: str) -> str | None:
    """What the words say: `Bearer `, `Token token=`; None where they say nothing."""
    for pattern in (_WRITTEN, _NAMED, _SHOWN):
        found = pattern.search(description)
        prefix = next((group for group in found.groups() if group), None) if found else None
        if prefix is not None:
            return prefix if prefix.endswith("=") else f"{prefix.strip()} "
    return "Bearer " if "bearer" in description.lower() else None


def prefix_called(name: str) -> str | None:
    """What the name of a scheme says (`Bearer`, `jwtAuth`), of a key in `Authorization`."""
    return "Bearer " if _OF_BEARERS.search(name) else None
