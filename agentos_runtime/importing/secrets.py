"""Texts that look like keys: services show them as examples, and neither a skill nor a case may hold one."""

import re
from collections.abc import Mapping

from agentos_runtime.jsontext import Json

_SECRET = re.compile(
    r"\b(?:sk-[\w-]{16,}|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|AKIA[0-9A-Z]{16}"
    r"|xox[abprs]-[A-Za-z0-9-]{10,}|AIza[\w-]{30,}|eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]+)"
    r"|\b(?:Bearer|Basic) +[A-Za-z0-9+/=._~-]{8,}|-----BEGIN [A-Z ]*PRIVATE KEY-----"
)


def holds_secret(value: Json) -> bool:
    """Whether a text that looks like a key stands anywhere in a value."""
    if isinstance(value, str):
        return _SECRET.search(value) is not None
    if isinstance(value, Mapping):
        return any(map(holds_secret, value.values()))
    return isinstance(value, list) and any(map(holds_secret, value))


def without_secrets(text: str) -> str:
    """Prose in which `…` stands for what looks like a key."""
    return _SECRET.sub("…", text)
