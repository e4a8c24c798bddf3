"""Every form of `auth` becomes one: named credentials, the fields each holds, and the places they go to."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Literal

from agentos_runtime.manifest.headers.places import check_name, check_value
from agentos_runtime.manifest.model import Auth, AuthField, AuthTemplate, Login
from agentos_runtime.manifest.report import Report
from agentos_runtime.manifest.sections.login import read_login
from agentos_runtime.manifest.sections.reading import Reading, Scope
from agentos_runtime.manifest.sections.urls import did_you_mean
from agentos_runtime.manifest.yaml.values import Cursor
from agentos_runtime.regexes import regex

Location = Literal["header", "query", "body"]
Parts = tuple[str | AuthField, ...]

_LOCATIONS: tuple[Location, ...] = ("header", "query", "body")
_BRACES = regex(r"\{([^{}]*)\}")
_FIELD = regex(r"[A-Za-z_][A-Za-z0-9_]*")
_SCHEME = regex(r"(Bearer|Token|Bot|Key|ApiKey) +\S", re.IGNORECASE)
_BASIC = AuthTemplate("header", "Authorization", ("Basic ", AuthField("username:password", basic=True)))
_BEARER = AuthTemplate("header", "Authorization", ("Bearer ", AuthField("access_token")))
_OF_OAUTH = frozenset({"grant", "authorize_url", "token_url", "client_auth"})
"""Keys that say that a credential is OAuth's."""
_IN_BROWSER = ("authorize_url", "pkce")
"""What only somebody who logs in has a use for."""


def read_auth(root: Cursor, report: Report) -> dict[str, Auth]:
    """The skill's credentials by name; empty for none."""
    declared = root.get("auth")
    if declared is None:
        return {}
    named = declared.get("credentials")
    if named is None:
        return _without_none([("default", _read_one("default", declared, report))])
    for name, beside in declared.items():
        if name != "credentials":
            fix = "Move it into the credentials that it is meant for"
            report.error(beside.key_place, f"`{name}` cannot stand beside `credentials`", fix, beside.key_length)
    return _without_none((name, _read_one(name, below, report)) for name, below in named.items())


def credential_of(utility: Cursor, auth: Mapping[str, Auth], report: Report) -> str | None:
    """Which credential a utility's calls carry: its own word, `default`, or the only one there is."""
    chosen = utility.get("credential")
    if utility.text("auth") == "none":
        if chosen is not None:
            report.error(chosen.place, "a credential is named, but `auth: none` says to send none", "Remove one")
        return None
    if chosen is not None and isinstance(chosen.json, str):
        if chosen.json in auth:
            return chosen.json
        fix = did_you_mean(chosen.json, auth) or f"Known credentials: {', '.join(auth) or 'none'}"
        report.error(chosen.place, f"there is no credential `{chosen.json}` under `auth`", fix, chosen.length)
        return None
    if "default" in auth or len(auth) < 2:
        return "default" if "default" in auth else next(iter(auth), None)
    fix = f"Add `credential: …` ({', '.join(auth)}), or name one of them `default`"
    report.error(utility.key_place, "the utility does not say which credential it carries", fix, utility.key_length)
    return None


def check_mentions(cursor: Cursor, names: frozenset[str], auth: Auth | None, scope: Scope) -> None:
    """Report `.auth.name`s of an expression that the credential does not hold."""
    if not names:
        return
    if auth is None:
        message = "`.auth` is used, but the call carries no credential"
        scope.report.error(cursor.place, message, "Declare one: `auth: {type: api_key}`", cursor.length)
    elif auth.kind != "expressions":
        for name in sorted(names - set(auth.fields)):
            fix = did_you_mean(name, auth.fields) or f"It holds: {', '.join(auth.fields)}"
            scope.report.error(cursor.place, f"the credential has no field `{name}`", fix, cursor.length)


def settle(auth: Mapping[str, Auth], mentioned: Mapping[str, frozenset[str]], reading: Reading) -> dict[str, Auth]:
    """Give credentials without a place of their own the fields that expressions mention."""
    settled = dict(auth)
    for name, one in auth.items():
        if one.kind != "expressions":
            continue
        fields = mentioned.get(name, frozenset())
        settled[name] = replace(one, fields=tuple(sorted(fields)))
        if not fields and one.place is not None and not reading.report.has_error_under(one.place.key):
            reading.report.error(
                one.place,
                "nothing says where the key goes",
                'Add `header: Authorization` and `prefix: "Bearer "`, or `query: api_key`',
            )
    return settled


# ------------------------------------------------------------------ one credential


def _without_none(pairs: Iterable[tuple[str, Auth | None]]) -> dict[str, Auth]:
    return {name: auth for name, auth in pairs if auth is not None}


def _read_one(name: str, cursor: Cursor, report: Report) -> Auth | None:
    if not isinstance(cursor.json, dict):
        return None
    _check_parts(cursor, report)
    kind = cursor.text("type") or ("oauth" if any(map(cursor.get, sorted(_OF_OAUTH))) else "template")
    if kind == "none":
        return None
    if kind == "api_key" and any(
        isinstance(cursor.at(location).json, dict) for location in _LOCATIONS if cursor.get(location)
    ):
        kind = "template"
    reader = _KINDS.get(kind)
    auth = reader(name, cursor, report) if reader else None
    if auth is None:
        return None
    return replace(
        auth,
        login=_login(auth, cursor, report),
        optional=cursor.flag("optional"),
        label=cursor.text("label"),
        help_url=cursor.text("help_url"),
        probe=cursor.text("probe"),
        place=cursor.place,
    )


def _check_parts(cursor: Cursor, report: Report) -> None:
    """Report what only another kind of credential has."""
    grant = cursor.get("grant")
    if grant is not None and cursor.text("type") not in (None, "oauth"):
        fix = "Write `type: oauth`, or remove it"
        report.error(grant.key_place, "`grant` belongs to `type: oauth`", fix, grant.key_length)
    for key in ("username", "password"):
        written = cursor.get(key)
        if written is not None and cursor.text("type") != "basic":
            fix = "Remove it, or write `type: basic`"
            report.error(written.key_place, f"`{key}` belongs to `type: basic`", fix, written.key_length)
    by_template = any(isinstance(cursor.at(each).json, dict) for each in _LOCATIONS if cursor.get(each))
    kind = "template" if by_template and cursor.text("type") is None else cursor.text("type")
    for key in _IDLE.get(kind or "", ()):
        idle = cursor.get(key)
        if idle is not None and (kind != "oauth" or isinstance(idle.json, str)):
            report.warning(
                idle.key_place,
                f"`{key}` says nothing beside `type: {kind}`",
                _IDLE_FIX[kind or ""],
                idle.key_length,
            )


_IDLE: Mapping[str, tuple[str, ...]] = {
    "basic": (*_LOCATIONS, "prefix"),
    "none": (*_LOCATIONS, "prefix", "label", "help_url", "optional", "login", "probe"),
    "oauth": (*_LOCATIONS, "prefix"),
    "api_key": (
        "scopes",
        "pkce",
        "client_id",
        "token_url",
        "authorize_url",
        "audience",
        "resource",
        "token_params",
    ),
    "template": ("prefix",),
}
"""Keys that the kind does not look at; those of `oauth` only where they are no map."""
_IDLE_FIX: Mapping[str, str] = {
    "basic": "Remove it: name and password go into `Authorization`, as HTTP says",
    "none": "Remove it, or write `type: api_key`",
    "api_key": "Remove it, or write it below `login`, which says how to get the key in a browser",
    "template": 'Write it into the template: `header: {Authorization: "Bearer {token}"}`',
    "oauth": 'Remove it, or write a template: `header: {Authorization: "Bearer {access_token}"}`',
}


def _api_key(name: str, cursor: Cursor, report: Report) -> Auth:
    prefix = cursor.text("prefix") or ""
    parts: Parts = (prefix, AuthField("key")) if prefix else (AuthField("key"),)
    templates = []
    for location in _LOCATIONS:
        place = cursor.get(location)
        if place is not None and isinstance(place.json, str):
            if location == "header":
                check_name(place, place.json, report, is_key=False)
                check_value(cursor.at("prefix"), report, goes_on=True)
            else:
                _check_line(cursor.at("prefix"), report)
                _check_name(place, place.json, report)
            templates.append(AuthTemplate(location, place.json, parts))
    if not templates:
        return Auth(name, "expressions", (), ())
    return Auth(name, "api_key", ("key",), tuple(templates))


def _basic(name: str, cursor: Cursor, report: Report) -> Auth:
    empty = [key for key in ("username", "password") if _is_empty(cursor.get(key), report)]
    if len(empty) == 2:
        report.error(cursor.place, "with both parts empty there is nothing to prove", "Remove one of them")
    fields = tuple(key for key in ("username", "password") if key not in empty)
    pair = ":".join("" if key in empty else key for key in ("username", "password"))
    return Auth(name, "basic", fields, (replace(_BASIC, parts=("Basic ", AuthField(pair, basic=True))),))


def _is_empty(written: Cursor | None, report: Report) -> bool:
    if written is not None and written.json != "" and isinstance(written.json, str):
        message = "neither part of a credential stands in a file"
        fix = 'Remove it; write `""` only where the service takes nothing there'
        report.error(written.key_place, message, fix, written.key_length)
    return written is not None and written.json == ""


def _template(name: str, cursor: Cursor, report: Report) -> Auth | None:
    misplaced = [
        place for location in _LOCATIONS if (place := cursor.get(location)) and isinstance(place.json, str)
    ]
    for place in misplaced:
        message = f"`{place.json}` names a place, but not what goes there"
        fix = f'Add `type: api_key`, or write a template: `{{{place.json}: "{{key}}"}}`'
        report.error(place.place, message, fix, place.length)
    templates = tuple(_templates(cursor, report))
    fields = _fields(templates)
    written = next((text for each in map(cursor.get, _LOCATIONS) if each for _, text in each.items()), None)
    if written is not None and not fields and not report.has_error_under(cursor.path):
        name = re.sub(r"\W+", "_", str(written.json)).strip("_").lower() or "token"
        message = f"`{str(written.json)[:60]}` names no field of the credential, and would be sent as it stands"
        word = str(written.json)
        scheme = _SCHEME.match(word) or (_SCHEME.match(f"{word} …") if word.istitle() or word == "bearer" else None)
        wanted = f"{scheme[1]} {{token}}" if scheme else f"{{{name}}}"
        report.error(written.place, message, f'Write "{wanted}" where the secret goes', written.length)
    elif not fields and not misplaced and not report.has_error_under(cursor.path):
        fix = 'Write `type: api_key` with a `header`, or a template: `header: {X-API-Key: "{token}"}`'
        report.error(cursor.place, "nothing here says what a credential holds and where it goes", fix)
    return Auth(name, "template", fields, templates)


def _oauth(name: str, cursor: Cursor, report: Report) -> Auth:
    for_client = cursor.text("grant") == "client_credentials"
    told = report.has_error_under(cursor.path)
    for needed in ("token_url",) if for_client else ("authorize_url", "token_url"):
        if cursor.get(needed) is None and not told:
            fix = f"Add `{needed}: https://…`"
            if needed == "authorize_url" and cursor.get("grant") is None:
                fix += ", or `grant: client_credentials` when nobody logs in"
            report.error(cursor.key_place, f"OAuth needs `{needed}`", fix, cursor.key_length)
    templates = tuple(_templates(cursor, report)) or (_BEARER,)
    fields = _fields(templates)
    if for_client:
        _check_client(cursor, fields, report)
        fields = tuple(sorted(fields, key=lambda name: name != "access_token"))
    return Auth(name, "oauth", fields, templates)


def _check_client(cursor: Cursor, fields: tuple[str, ...], report: Report) -> None:
    """A client that asks for itself: nobody is sent to a page, and only its token and id go into calls."""
    for key in _IN_BROWSER:
        written = cursor.get(key)
        if written is not None:
            message = f"with `grant: client_credentials` nobody logs in, so `{key}` means nothing"
            report.error(written.key_place, message, f"Remove `{key}`, or the `grant`", written.key_length)
    known = ("access_token",) if cursor.get("client_id") else ("access_token", "client_id")
    if "access_token" in fields and set(fields) <= set(known):
        return
    wrong = next((name for name in fields if name not in known), "access_token")
    place = next((each for each in map(cursor.get, _LOCATIONS) if each), cursor)
    message = f"a call carries the token of this client, and `{{{wrong}}}` is none of it"
    if wrong == "access_token":
        message = "nothing here says where the token goes"
    fix = "Write `{access_token}`" + (", and `{client_id}` where its id is wanted" if len(known) > 1 else "")
    report.error(place.key_place, message, fix, place.key_length)


def _login(auth: Auth, cursor: Cursor, report: Report) -> Login | None:
    """`login`, or what `type: oauth` says at its own level."""
    below = cursor.get("login")
    if below is None:
        return read_login(cursor, report) if auth.kind == "oauth" else None
    if auth.kind == "oauth":
        fix = "Keep `login`, and write `type: api_key` with a `header`"
        message = "`type: oauth` says how to log in at its own level"
        report.error(below.key_place, message, fix, below.key_length)
    elif len(auth.fields) > 1:
        message = f"a login gives one value, and this credential holds {', '.join(auth.fields)}"
        report.error(below.key_place, message, "Remove `login`", below.key_length)
    return read_login(below, report)


def _says_names(places: Cursor, location: str, report: Report) -> bool:
    """Report `header: {name: Authorization, prefix: "Bearer "}`, where each key would be a header."""
    written = {name: text.json for name, text in places.items()}
    name, prefix = written.get("name"), written.get("prefix")
    if not isinstance(name, str) or "{" in name or not written.keys() <= {"name", "prefix", "value", "scheme"}:
        return False
    fix = f"Write `type: api_key` and `{location}: {name[:60]}`"
    if isinstance(prefix, str) and prefix.strip():
        fix += f', with `prefix: "{prefix.strip()[:60]} "` beside it'
    message = f"what stands under `{location}` is a map from each {location} to its template, and `name` is none"
    report.error(places.place, message, fix, places.length)
    return True


def _templates(cursor: Cursor, report: Report) -> Iterator[AuthTemplate]:
    for location in _LOCATIONS:
        places = cursor.get(location)
        if places is not None and _says_names(places, location, report):
            continue
        for name, text in places.items() if places else ():
            if not isinstance(text.json, str):
                continue
            if location == "header":
                check_name(text, name, report, is_key=True)
                check_value(text, report)
            else:
                _check_line(text, report)
            yield AuthTemplate(location, name, _parts(text, text.json, report))


def _parts(cursor: Cursor, text: str, report: Report) -> Parts:
    parts: list[str | AuthField] = []
    end = 0
    for braces in _BRACES.finditer(text):
        parts.append(text[end : braces.start()])
        end = braces.end()
        if _FIELD.fullmatch(braces[1]):
            parts.append(AuthField(braces[1]))
            continue
        place = cursor.document.place(cursor.path, cursor.offset_at(braces.start()))
        report.error(place, "braces hold the name of a field of the credential", "Write {token}", len(braces[0]))
    parts.append(text[end:])
    for braces in re.finditer(r"[$#]?\{\{+\s*(\w+)\s*\}+\}|[$#]\{(\w+)\}", text):
        place = cursor.document.place(cursor.path, cursor.offset_at(braces.start()))
        message = f"`{braces[0]}` is not how a field of the credential is written"
        report.error(place, message, f"Write {{{braces[1] or braces[2]}}}", len(braces[0]))
    return tuple(part for part in parts if part)


def _fields(templates: Iterable[AuthTemplate]) -> tuple[str, ...]:
    names = (part.name for template in templates for part in template.parts if isinstance(part, AuthField))
    return tuple(dict.fromkeys(names))


def _check_name(cursor: Cursor, name: str, report: Report) -> None:
    """Report `?key=` where the name of a query key or a field belongs."""
    plain = name.strip("?&= ")
    if plain != name:
        report.error(
            cursor.place,
            f"`{name[:60]}` is more than a name, and all of it is one",
            f"Write `{plain}`",
            cursor.length,
        )


def _check_line(cursor: Cursor, report: Report) -> None:
    if isinstance(cursor.json, str) and any(character in cursor.json for character in "\r\n\0"):
        report.error(cursor.place, "a line break cannot be sent here", "Write it on one line", cursor.length)


_KINDS: Mapping[str, Callable[[str, Cursor, Report], Auth | None]] = {
    "api_key": _api_key,
    "basic": _basic,
    "template": _template,
    "oauth": _oauth,
}
