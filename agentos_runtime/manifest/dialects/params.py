"""Params and pages of a callable as ours."""

import re
from collections.abc import Mapping

from agentos_runtime.jq.program import classify
from agentos_runtime.jsontext import dump
from agentos_runtime.manifest.dialects.tree import entries, text, under
from agentos_runtime.manifest.params import JSON_TYPES
from agentos_runtime.manifest.yaml.values import Cursor, Entries, Value
from agentos_runtime.regexes import regex
from agentos_runtime.suggest import suggest

_OF_A_PARAM = frozenset(
    {
        "type",
        "required",
        "default",
        "description",
        "example",
        "enum",
        "items",
        "properties",
        "minimum",
        "maximum",
        "one_of",
    }
)
TEXTS = frozenset({"datetime", "date", "url"})
"""Types that JSON writes as texts."""
_OTHER_NAMES: Mapping[str, str] = {"min": "minimum", "max": "maximum", "values": "enum"}
_WEB = regex(
    r'\s*"(https://[^"\\]*)"((?:\s*\+\s*(?:"[^"\\]*"|\(?\s*\.params\.\w+(?:\s*\|\s*(?:tostring|@uri))*\s*\)?))*)\s*'
)
_MENTIONED = regex(r"(?<![\w$)\]])(?:\.|\{\{\s*)params\.([A-Za-z_]\w*)")
_WEB_PART = regex(r'"([^"\\]*)"|\.params\.(\w+)')
Pairs = dict[str, "Cursor | Value"]


def param_of(cursor: Cursor) -> Cursor | Value:
    """A param as ours."""
    if isinstance(cursor.json, str):
        kind = _type(cursor.json)
        return under(cursor, entries({} if kind is None else {"type": text(kind, cursor)}, cursor))
    pairs: Pairs = {}
    for written, below in cursor.items():
        name = _OTHER_NAMES.get(written, written)
        if name not in _OF_A_PARAM or below.json is None:
            continue
        if name == "type" and isinstance(below.json, str):
            if (kind := _type(below.json)) is not None:
                pairs[name] = under(below, text(kind, below))
        elif name == "items":
            pairs[name] = param_of(below)
        elif name == "properties":
            pairs[name] = under(below, entries({key: param_of(each) for key, each in below.items()}, below))
        else:
            pairs[name] = below
    return under(cursor, entries(pairs, cursor))


def _type(written: str) -> str | None:
    """The type as ours; None for anything: what is no type says nothing about values."""
    if written in (*JSON_TYPES, "file"):
        return written
    return "string" if written in TEXTS else None


def account_param_of(cursor: Cursor) -> Cursor | Value:
    """A param that is the same for all calls of an account: what needs it says so when it is not there."""
    made = param_of(cursor)
    value = made.value if isinstance(made, Cursor) else made
    if not isinstance(value, Entries):
        return made
    return under(
        cursor, entries({name: each for name, (_, each) in value.entries.items() if name != "required"}, cursor)
    )


def undeclared(cursor: Cursor, known: Pairs) -> Pairs:
    """The params that a callable uses and does not declare, as what they may be: who sends one means it to be used.

    One that is nearly another is a slip of the author's, and no param.
    """
    whole = cursor.json if isinstance(cursor.json, dict) else {}
    kept = {name: below for name, below in whole.items() if name not in ("web_url", "description")}
    names = sorted({*_MENTIONED.findall(dump(kept).decode())} - {*known})
    return {name: entries({}, cursor) for name in names if suggest(name, known) is None}


def page_jq(written: str) -> str | None:
    """A page that no template says, as jq; None for what is neither jq nor has placeholders that are known."""
    if "{{" in written:
        parts = re.split(r"\{\{\s*params\.(\w+)\s*\}\}", written.strip())
        if any("{{" in part for part in parts[::2]):
            return None
        joined = (
            f'(.params.{part} | if . == null then "" else tostring end)' if index % 2 else dump(part).decode()
            for index, part in enumerate(parts)
            if part
        )
        return " + ".join(joined)
    return written if classify(written, frozenset()) == "jq" and ".auth" not in written else None


def web_address(written: str) -> str | None:
    """A page as an address with `{name}`; None when it cannot be said so."""
    plain = re.sub(r"\{\{\s*params\.(\w+)\s*\}\}", r"{\1}", written)
    if re.fullmatch(r"https://[^\s\"\\]+", plain) and "{{" not in plain:
        return plain
    found = _WEB.fullmatch(written)
    if found is None:
        return None
    rest = (part[1] if part[2] is None else f"{{{part[2]}}}" for part in _WEB_PART.finditer(found[2]))
    return found[1] + "".join(rest)
