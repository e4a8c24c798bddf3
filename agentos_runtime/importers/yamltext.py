"""Values become the YAML that a person would write: short things on one line, the rest as a block."""

import json
import re
import textwrap
from collections.abc import Mapping, Sequence

from agentos_runtime.jsontext import Json
from agentos_runtime.regexes import regex

WIDTH = 116
BLOCK_KEYS = frozenset({"utilities", "params", "rest", "sources", "auth", "credentials"})
"""What stands below these keys is never squeezed into one line (a single short entry of auth may be)."""

_PLAIN = regex(r"[A-Za-z0-9_./(°][^\n\r\t\x00]*")
_WORD = regex(r"(?:[A-Za-z]|\.params\.|\.[A-HJ-MO-Za-hj-mo-z])(?:[A-Za-z0-9_./ -]*[A-Za-z0-9_])?")
"""What most texts are, and what no rule below says anything against."""
_UNSAFE = regex(r": |:$| #|\s$|[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff]|[\ud800-\udfff]")
_ODD = regex(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]|[\ud800-\udfff]")
_UNSAFE_IN_FLOW = regex(r"[,\[\]{}?]|:$")
_NUMBERLIKE = regex(r"[-+]?\.?[0-9][0-9_.:eExXoOa-fA-F+-]*|\.(?:inf|nan)", re.IGNORECASE)
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null", "~", ""})
_BAD = regex("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]|[\ud800-\udfff]")
_KEY = regex(r"[A-Za-z_][A-Za-z0-9_-]*")


def entry(key: str, value: Json, indent: int = 0, *, flow: bool = True) -> str:
    """`key: value` and a line break, over as many lines as it needs; `indent` is the column of the key."""
    lead = f"{' ' * indent}{key_text(key)}:"
    if isinstance(value, str):
        return _string_entry(lead, value, indent)
    one_line = _one_line(key, value, WIDTH - len(lead) - 1) if flow or not value else None
    if one_line is not None:
        return f"{lead} {one_line}\n"
    if isinstance(value, dict):
        return f"{lead}\n" + mapping(value, indent + 2, key)
    if isinstance(value, list):
        return f"{lead}\n" + _items(value, indent + 2)
    return f"{lead} {scalar(value)}\n"


def utility_text(name: str, utility: Json) -> str:
    """A utility as an entry of `utilities`."""
    return entry(name, utility, 2, flow=False)


def mapping(value: Mapping[str, Json], indent: int, name: str = "") -> str:
    """A block map; utilities are set apart by blank lines."""
    apart = "\n" if name == "utilities" else ""
    return apart.join(entry(key, below, indent, flow=name != "utilities") for key, below in value.items())


def key_text(key: str) -> str:
    return key if _KEY.fullmatch(key) and key.lower() not in _WORDS else _quoted(key)


def scalar(value: Json, *, in_flow: bool = False) -> str:
    """A string, number, boolean or null on one line."""
    if not isinstance(value, str):
        return json.dumps(value)
    if _WORD.fullmatch(value) and value.lower() not in _WORDS:
        return value
    plain = (
        _PLAIN.fullmatch(value)
        and not _UNSAFE.search(value)
        and not (in_flow and _UNSAFE_IN_FLOW.search(value))
        and not _NUMBERLIKE.fullmatch(value)
        and value.lower() not in _WORDS
    )
    if plain:
        return value
    if '"' in value and "'" not in value and not _ODD.search(value):
        return f"'{value}'"
    return _quoted(value)


def flow_text(value: Json) -> str:
    """A value on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key_text(key)}: {flow_text(below)}" for key, below in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(flow_text, value)) + "]"
    return scalar(value, in_flow=True)


def _one_line(key: str, value: Json, room: int) -> str | None:
    """None when the value is better read as a block, or longer than there is room for."""
    if not isinstance(value, dict | list) or not value:
        text = flow_text(value)
        return text if len(text) <= room else None
    roomy = isinstance(value, dict) and key in BLOCK_KEYS and not (key == "auth" and "type" in value)
    return None if roomy else _flow_within(value, room) if not _is_deep(value) else None


def _flow_within(value: Json, room: int) -> str | None:
    """A value on one line of at most so many characters; what is longer is not written to its end."""
    if not isinstance(value, dict | list) or not value:
        text = flow_text(value)
        return text if len(text) <= room else None
    entries = [(f"{key_text(key)}: ", below) for key, below in value.items()] if isinstance(value, dict) else None
    left = room - 2
    parts: list[str] = []
    for lead, below in entries if entries is not None else (("", one) for one in value):
        part = _flow_within(below, left - len(lead))
        if part is None:
            return None
        parts.append(lead + part)
        left -= len(parts[-1]) + 2
    one_line = ", ".join(parts)
    one_line = f"[{one_line}]" if entries is None else f"{{{one_line}}}"
    return one_line if len(one_line) <= room else None


def _is_deep(value: Json, depth: int = 3) -> bool:
    """Whether a value has a place for people to read slowly: blocks, texts of several lines, many levels."""
    if isinstance(value, str):
        return "\n" in value
    if not isinstance(value, dict | list):
        return False
    if depth == 0 or (isinstance(value, dict) and value.keys() & BLOCK_KEYS):
        return True
    return any(_is_deep(below, depth - 1) for below in (value.values() if isinstance(value, dict) else value))


def _string_entry(lead: str, value: str, indent: int) -> str:
    pad = " " * (indent + 2)
    if "\n" in value and not _BAD.search(value) and _fits_block(value):
        end = "" if value.endswith("\n") else "-"
        lines = value.removesuffix("\n").split("\n")
        return f"{lead} |{end}\n" + "".join(f"{pad}{line}\n" if line else "\n" for line in lines)
    text = scalar(value)
    if len(lead) + 1 + len(text) <= WIDTH or not _folds(value):
        return f"{lead} {text}\n"
    wrapped = textwrap.wrap(
        value, WIDTH - indent - 2, break_long_words=False, break_on_hyphens=False, replace_whitespace=False
    )
    return f"{lead} >-\n" + "".join(f"{pad}{line}\n" for line in wrapped)


def _fits_block(value: str) -> bool:
    """Whether a literal block gives the text back exactly."""
    body = value.removesuffix("\n")
    return bool(body) and not body.startswith((" ", "\n", "\t")) and not body.endswith("\n") and "\t" not in body


def _folds(value: str) -> bool:
    return not re.search(r"\s\s|[^\S ]|^\s|\s$", value) and not _BAD.search(value)


def _items(values: Sequence[Json], indent: int) -> str:
    pad = " " * indent
    if not any(isinstance(value, dict | list) or (isinstance(value, str) and "\n" in value) for value in values):
        return _wrapped_list([scalar(value, in_flow=True) for value in values], pad)
    return "".join(_item(value, indent) for value in values)


def _item(value: Json, indent: int) -> str:
    pad = " " * indent
    if isinstance(value, dict) and value and (_is_deep(value) or len(flow_text(value)) > WIDTH - indent):
        return f"{pad}- " + mapping(value, indent + 2).lstrip(" ")
    return f"{pad}- {flow_text(value)}\n"


def _wrapped_list(texts: Sequence[str], pad: str) -> str:
    lines = [f"{pad}["]
    for index, text in enumerate(texts):
        part = text + ("]" if index == len(texts) - 1 else ",")
        if len(lines[-1]) + len(part) + 1 > WIDTH and lines[-1].strip(" ["):
            lines.append(f"{pad} {part}")
        else:
            lines[-1] += part if lines[-1].endswith("[") else f" {part}"
    return "\n".join(lines) + "\n"


def _quoted(value: str) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return _BAD.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
