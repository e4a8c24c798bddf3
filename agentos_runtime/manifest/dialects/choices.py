"""A url that is chosen: `if … then "…" elif … then "…" else "…" end`."""

import re

from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import dump

_STRING = r'"[^"\\]*"'
_TERM = rf"(?:{_STRING}|\(?\s*\.params\.\w+(?:\s*\|\s*(?:tostring|@uri))*\s*\)?)"
_BRANCH = rf"{_STRING}(?:\s*\+\s*{_TERM})*"
_CONDITION = rf'(?:{_STRING}|(?!\b(?:if|then|elif|else|end)\b)[^"])+?'
_THEN = rf"{_CONDITION}\bthen\s+{_BRANCH}\s+"
_CHOICE = re.compile(rf"\s*if\b{_THEN}(?:elif\b{_THEN})*else\s+{_BRANCH}\s+end\s*")
_CONDITIONS = re.compile(rf"\b(?:el)?if\b({_CONDITION})\bthen\b")
_BEGINS = re.compile(r'\b((?:then|else)\s+")((?:https?://[^/"\s?#]+)?/)')
_PARAM = re.compile(r"\.params\.(\w+)")


@dataclass(frozen=True, slots=True)
class Choice:
    """Branches that begin with one address."""

    source: str
    """jq that begins with the address."""
    deciding: frozenset[str]
    """Params that say which branch it is, and are in none."""


def choice_of(written: str) -> Choice | None:
    """None for what is no choice, or one among several services."""
    if "{{" in written or not _CHOICE.fullmatch(written):
        return None
    begins = _BEGINS.findall(written)
    origins = {origin for _, origin in begins}
    conditions = _CONDITIONS.findall(written)
    if len(origins) != 1 or len(begins) != len(conditions) + 1:
        return None
    rest = _BEGINS.sub(r"\1", written).strip()
    inside = set(_PARAM.findall(_CONDITIONS.sub("", written)))
    deciding = {name for condition in conditions for name in _PARAM.findall(condition)}
    return Choice(f"{dump(origins.pop()).decode()} + ({rest})", frozenset(deciding - inside))
