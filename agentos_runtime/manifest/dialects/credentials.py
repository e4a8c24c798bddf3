"""`auth` and `connections` of an AgentOS skill as credentials of ours."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from agentos_runtime.manifest.dialects.tree import entries, text
from agentos_runtime.manifest.yaml.values import Cursor, Entries, Value

_KEPT = ("type", "header", "query", "body", "prefix", "label", "help_url", "optional", "probe")
_PLACES = ("header", "query", "body")
_AS_A_TOKEN = frozenset({"safestorage", "keychain", "bearer"})
_ELSEWHERE = frozenset({"cookies", "browser_session", "local_path", "connection_string"})
_SUM = re.compile(r'\s*(?:"((?:[^"\\])*)"\s*\+\s*)?\.auth\.key\s*(?:\+\s*"((?:[^"\\])*)"\s*)?')
_INSIDE = re.compile(r'\s*"([^"\\]*)\\\(\s*\.auth\.key\s*\)([^"\\]*)"\s*')


@dataclass(slots=True)
class Connection:
    """How some callables reach their service."""

    base_url: str | None = None
    credential: Value | None = None
    """As `auth` would say it; None for none."""
    refused: str | None = None
    """Why what needs this credential cannot be called."""
    extra: dict[str, dict[str, Cursor]] = field(default_factory=dict)
    """Headers, query and body whose jq over the credential is more than a prefix."""
    params: dict[str, Cursor] = field(default_factory=dict)
    """`account_params`."""


def connection_of(cursor: Cursor | None) -> Connection:
    """What one `auth`, or one of `connections`, says."""
    if cursor is None or not isinstance(cursor.value, Entries) or cursor.text("type") == "none":
        return Connection()
    account = cursor.get("account_params")
    made = Connection(cursor.text("base_url"), params=dict(account.items()) if account else {})
    kind = cursor.text("type")
    token = next((name for name in ("oauth", *_AS_A_TOKEN) if name == kind or cursor.get(name)), None)
    elsewhere = next((name for name in sorted(_ELSEWHERE) if name == kind or cursor.get(name)), None)
    placed = any(cursor.get(place) for place in _PLACES)
    ours = ("credentials", "login", "authorize_url")
    if kind == "basic" or any(cursor.get(name) is not None for name in ours):
        made.credential = cursor.value
    elif placed or kind == "api_key":
        made.credential = _placed(cursor, made)
    elif elsewhere:
        made.refused = f"needs {elsewhere.replace('_', ' ')} of another program, which are not read here"
    elif token:
        pairs: dict[str, Cursor | Value] = {
            "header": entries({"Authorization": text("Bearer {key}", cursor)}, cursor),
            **_told(cursor),
        }
        made.credential = entries(pairs, cursor)
    elif kind is not None:
        made.refused = f"needs the auth kind `{kind}`"
    return made


def _told(cursor: Cursor) -> dict[str, Cursor | Value]:
    kept = ("label", "help_url", "optional")
    return {name: below for name in kept if (below := cursor.get(name)) and below.json is not None}


def _placed(cursor: Cursor, made: Connection) -> Value:
    pairs: dict[str, Cursor | Value] = {}
    for name in _KEPT:
        below = cursor.get(name)
        if below is None or below.json is None:
            continue
        if name in _PLACES and isinstance(below.value, Entries):
            templates = dict(_templates(below, name, made))
            if templates:
                pairs[name] = entries(templates, below)
        else:
            pairs[name] = below
    if not any(name in pairs for name in _PLACES):
        pairs["type"] = text("api_key", cursor)
    elif any(isinstance(cursor.at(name).json, dict) for name in _PLACES if name in pairs):
        pairs.pop("type", None)
    return entries(pairs, cursor)


def _templates(cursor: Cursor, place: str, made: Connection) -> Iterator[tuple[str, Cursor | Value]]:
    """Each field as a template of ours; what is no template is left to the requests, as jq."""
    for name, below in cursor.items():
        if not isinstance(below.json, str):
            continue
        template = _template(below.json)
        if template is None:
            made.extra.setdefault(place, {})[name] = below
        else:
            yield name, text(template, below)


def _template(written: str) -> str | None:
    """`"Bearer " + .auth.key`, `"Bearer \\(.auth.key)"` and `Bearer {token}` as one; None for other jq."""
    found = _SUM.fullmatch(written) or _INSIDE.fullmatch(written)
    if found:
        return f"{found[1] or ''}{{key}}{found[2] or ''}"
    return None if ".auth" in written else written.replace("{token}", "{key}")
