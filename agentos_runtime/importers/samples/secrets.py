"""Where a request carries a secret, told by the name of the place and by what stands there."""

import re
from collections.abc import Mapping

from agentos_runtime import jsontext
from agentos_runtime.importers.samples.blanks import has_blank
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.secrets.names import Secrecy, is_key, plausible, secrecy
from agentos_runtime.manifest.secrets.shapes import holds_secret
from agentos_runtime.regexes import regex

_PAIRS = regex(r"([A-Za-z][\w-]{0,60})[\"']?\s{0,3}[=:>]\s{0,3}[\"']?(?=([^\s\"'&;,<>{}\[\]]+))")
_TYPE = regex(r"[A-Z][A-Za-z]{0,40}!?\)?")
"""What stands behind a variable of GraphQL: `$password: String!`."""
_VARIABLE = regex(r"\$[A-Za-z_]\w{0,40}\)?")
"""What stands for a value in GraphQL: `password: $password`."""
_COUNTED = regex(r"-?\d{1,7}|true|false|", re.IGNORECASE)
"""What stands under `session` or `appid` and is nobody's secret."""


def is_credential(name: str, value: str) -> bool:
    """Whether a header or a query key is how a call proves itself."""
    if is_key(name):
        return True
    return secrecy(name) is Secrecy.MAYBE and not _COUNTED.fullmatch(value)


def carries_secret(value: Json, name: str = "") -> bool:
    """Whether a value must not stand in a file: it is one, or one lies in it, however deep and in whatever text."""
    if isinstance(value, Mapping):
        return any(holds_secret(key) or carries_secret(below, key) for key, below in value.items())
    if isinstance(value, list):
        return any(carries_secret(below, name) for below in value)
    if isinstance(value, bool) or value is None:
        return False
    text = str(value)
    if name and is_key(name) and text and name.lower() != "key":
        return True
    return holds_secret(text, name) or _names_one(text) or _carried_as_json(text)


def _names_one(text: str) -> bool:
    """`…?access_token=x`, `<password>x</password>`, `password: x` in a text."""
    for found in _PAIRS.finditer(text):
        declared = text[: found.start()].endswith("$") and _TYPE.fullmatch(found[2])
        if declared or _VARIABLE.fullmatch(found[2]):
            continue
        sure = secrecy(found[1])
        if not has_blank(found[2]) and (sure is Secrecy.SURE or plausible(found[2], sure)):
            return True
    return False


def _carried_as_json(text: str) -> bool:
    if text[:1] not in "{[" or not text:
        return False
    try:
        return carries_secret(jsontext.parse(text))
    except jsontext.JsonTextError:
        return False
