"""`auth` and `connections` of an AgentOS skill as credentials of ours."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import field

from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.dialects.placeholders import NotCarried
from agentos_runtime.manifest.dialects.told import Told
from agentos_runtime.manifest.dialects.tree import entries, text
from agentos_runtime.manifest.yaml.values import Cursor, Entries, Value
from agentos_runtime.regexes import regex

_KEPT = ("type", "header", "query", "body", "prefix", "label", "help_url", "optional", "probe")
_PLACES = ("header", "query", "body")
_AS_A_TOKEN = frozenset({"safestorage", "keychain", "bearer"})
_ELSEWHERE = frozenset({"cookies", "browser_session", "local_path", "connection_string"})
_SUM = regex(r'\s*(?:"((?:[^"\\])*)"\s*\+\s*)?\.auth\.key\s*(?:\+\s*"((?:[^"\\])*)"\s*)?')
_CONSTANT = regex(r'\s*"([^"\\]*)"\s*')
_NO_SPACE = regex(r"(Bearer|Basic|Token|Bot)\{key\}", re.IGNORECASE)
_OTHER_FIELD = regex(r"(?<!\{)\{\w+\}(?!\})")
_INSIDE = regex(r'\s*"([^"\\]*)\\\(\s*\.auth\.key\s*\)([^"\\]*)"\s*')


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
    told: list[Told] = field(default_factory=list)
    """What is wrong with its places."""


def connection_of(cursor: Cursor | None) -> Connection:
    """What one `auth`, or one of `connections`, says."""
    if cursor is None or not isinstance(cursor.value, Entries) or cursor.text("type") == "none":
        return Connection()
    account = cursor.get("account_params")
    made = Connection(cursor.text("base_url"), params=dict(account.items()) if account else {})
    _fixed_headers(cursor, made)
    kind = cursor.text("type")
    token = next((name for name in ("oauth", *_AS_A_TOKEN) if name == kind or cursor.get(name)), None)
    elsewhere = next((name for name in sorted(_ELSEWHERE) if name == kind or cursor.get(name)), None)
    ours = ("credentials", "login", "authorize_url")
    if kind == "basic" or any(cursor.get(name) is not None for name in ours):
        made.credential = cursor.value
    elif kind == "api_key" or _holds_key(cursor):
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
    if made.credential is None or token:
        _placed(cursor, made)  # what it adds to each request beside a credential
    return made


def named_of(connections: Mapping[str, Connection], written: Json, url: str | None) -> str:
    """The connection that is named, the first of several that can be used here, or the only one that is meant.

    Where none is named that is the one whose address the url begins with. Raises NotCarried.
    """
    named = [str(each) for each in (written if isinstance(written, list) else [written]) if each is not None]
    for name in named:
        if name not in connections:
            raise NotCarried(f"there is no connection `{name[:60]}`")
    if not named:
        named = [name for name, each in connections.items() if len(connections) == 1 or _is_below(url, each)]
        if len(named) != 1:
            raise NotCarried(f"names none of the connections {', '.join(connections)}")
    return next((name for name in named if not connections[name].refused), named[0])


def _is_below(url: str | None, connection: Connection) -> bool:
    """Whether a url begins with the address of a connection."""
    address = (connection.base_url or "").rstrip("/")
    return bool(address) and re.match(rf'[\s("]*{re.escape(address)}(?![^/?"])', url or "") is not None


def _holds_key(cursor: Cursor) -> bool:
    """Whether one of its places holds the credential; a connection may also be nothing but constants."""
    places = [below for name in _PLACES if (below := cursor.get(name)) is not None]
    written = [below.json for place in places for below in _fields(place).values()]
    return any(isinstance(place.json, str) for place in places) or any(
        isinstance(each, str) and (".auth" in each or "{token}" in each) for each in written
    )


def _fields(place: Cursor | None) -> dict[str, Cursor]:
    return dict(place.items()) if place is not None and isinstance(place.value, Entries) else {}


def _fixed_headers(cursor: Cursor, made: Connection) -> None:
    """`headers` of another program's token: constants beside it."""
    for name, below in _fields(cursor.get("headers")).items():
        if below.json is not None:
            made.extra.setdefault("header", {})[name] = below


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
    """Each field that holds the credential, as a template of ours; the others are left to the requests."""
    for name, below in cursor.items():
        if below.json is None:
            continue
        template = _template(below.json) if isinstance(below.json, str) else None
        if template is None and isinstance(below.json, str) and (other := _OTHER_FIELD.search(below.json)):
            message = f"`{other[0]}` is sent as it stands: the key goes where `{{token}}` stands"
            made.told.append(
                Told(below, message, f"Write `{_OTHER_FIELD.sub('{token}', below.json)[:60]}`", index=other.start())
            )
            template = _OTHER_FIELD.sub("{key}", below.json)
        if template is not None and (bare := _NO_SPACE.fullmatch(template)):
            message = f"`{bare[1]}` is sent right before the key, without a space between them"
            made.told.append(Told(below, message, f"Write a space after `{bare[1]}`", "warning", 0))
        if template is None and name.lower() == "authorization" and ".auth" not in str(below.json):
            message = "this is sent as it stands, and no key is among it"
            made.told.append(
                Told(below, message, "Write `Bearer {token}`: the key goes where `{token}` stands", "warning", 0)
            )
        if template is None:
            made.extra.setdefault(place, {})[name] = below
        else:
            yield name, text(template, below)


def _template(written: str) -> str | None:
    """`"Bearer " + .auth.key`, `"Bearer \\(.auth.key)"` and `Bearer {token}` as one; None for what else is said."""
    found = _SUM.fullmatch(written) or _INSIDE.fullmatch(written)
    if found:
        return f"{found[1] or ''}{{key}}{found[2] or ''}"
    plain = _CONSTANT.fullmatch(written)
    given = plain[1] if plain else written
    return given.replace("{token}", "{key}") if "{token}" in given and ".auth" not in given else None
