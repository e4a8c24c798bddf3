"""Which parameters prove a call: by name, by what is said of them, by how many operations have them."""

import re
from collections import Counter
from collections.abc import Sequence

from agentos_runtime.importers.api import Field, Operation
from agentos_runtime.importers.messages import snake
from agentos_runtime.regexes import regex

_KEY_NAMES = frozenset(
    {"api_key", "apikey", "api_token", "auth_token", "subscription_key", "ocp_apim_subscription_key"}
)
_TOKEN_NAMES = frozenset(
    {"token", "access_token", "key", "authorization", "app_key", "secret_key", "private_token"}
)
_SAID_OF_KEYS = regex(
    r"\b(?:authentication|authorization|auth|access|api|bearer|bot) (?:token|key)\b|\bapi[- ]?key\b"
    r"|^your (?:secret |private |personal )?(?:token|key)\W*$",
    re.IGNORECASE,
)
_ABOUT = regex(
    r"(?<!used )(?<!needed )\b(?:to|being|be) (?:\w+ or )?(?:revok|verif|validat|introspect|inspect|check|delet"
    r"|remov|refresh|exchang|rotat|creat|test|decod|register|stor|sav|updat|look|find|add|import|share|search|invalidat)"
    r"|\b(?:next|previous) page|\bpagina|\bcontinu"
    r"|\b(?:of|for) (?:the|an?|this|that|another) (?:\w+ )?"
    r"(?:device|issue|project|customer|user|integration|app|application)\b",
    re.IGNORECASE,
)
"""A token or key that the call is about, or that is another's."""


def is_key(field: Field) -> bool:
    """Whether a parameter looks like what proves the call: by its name alone, or as is said of a token."""
    if field.place not in ("query", "header", "body") or field.declaration.get("type") not in (None, "string"):
        return False
    said = str(field.declaration.get("description", ""))
    name = snake(field.name.lower().removeprefix("x-"))
    if _ABOUT.search(said):
        return False
    if name in _KEY_NAMES:
        return field.place != "body"
    return name in _TOKEN_NAMES and bool(_SAID_OF_KEYS.search(said))


def usual_keys(operations: Sequence[Operation]) -> frozenset[str]:
    """The names of the keys that at least half of the operations have."""
    found = Counter(
        name for one in operations for name in {snake(field.name) for field in one.fields if is_key(field)}
    )
    return frozenset(name for name, count in found.items() if 2 * count >= len(operations))
