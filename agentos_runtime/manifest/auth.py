"""Every form of `auth` becomes one: named credentials, the fields each holds, and the places they go to."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Literal

from agentos_runtime.manifest.header_names import header_problem
from agentos_runtime.manifest.login import read_login
from agentos_runtime.manifest.model import Auth, AuthField, AuthTemplate, Login
from agentos_runtime.manifest.reading import Reading, Scope
from agentos_runtime.manifest.report import Report
from agentos_runtime.manifest.urls import did_you_mean
from agentos_runtime.manifest.values import Cursor

Location = Literal["header", "query", "body"]
Parts = tuple[str | AuthField, ...]

_LOCATIONS: tuple[Location, ...] = ("header", "query", "body")
_BRACES = re.compile(r"\{([^{}]*)\}")
_FIELD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_BASIC = AuthTemplate("header", "Authorization", ("Basic ", AuthField("username:password", basic=True)))
_BEARER = AuthTemplate("header", "Authorization", ("Bearer ", AuthField("access_token")))


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
    kind = cursor.text("type") or ("oauth" if cursor.get("authorize_url") else "template")
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
        place=cursor.place,
    )


def _api_key(name: str, cursor: Cursor, report: Report) -> Auth:
    prefix = cursor.text("prefix") or ""
    _check_text(cursor.at("prefix"), prefix, report)
    parts: Parts = (prefix, AuthField("key")) if prefix else (AuthField("key"),)
    templates = []
    for location in _LOCATIONS:
        place = cursor.get(location)
        if place is not None and isinstance(place.json, str):
            if location == "header":
                _check_header(place, place.json, report)
            templates.append(AuthTemplate(location, place.json, parts))
    if not templates:
        return Auth(name, "expressions", (), ())
    return Auth(name, "api_key", ("key",), tuple(templates))


def _basic(name: str, cursor: Cursor, report: Report) -> Auth:
    return Auth(name, "basic", ("username", "password"), (_BASIC,))


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
    if not fields and not misplaced and not report.has_error_under(cursor.path):
        fix = 'Write `type: api_key` with a `header`, or a template: `header: {X-API-Key: "{token}"}`'
        report.error(cursor.place, "nothing here says what a credential holds and where it goes", fix)
    return Auth(name, "template", fields, templates)


def _oauth(name: str, cursor: Cursor, report: Report) -> Auth:
    for needed in ("authorize_url", "token_url"):
        if cursor.get(needed) is None:
            report.error(
                cursor.key_place, f"OAuth needs `{needed}`", f"Add `{needed}: https://…`", cursor.key_length
            )
    templates = tuple(_templates(cursor, report)) or (_BEARER,)
    return Auth(name, "oauth", _fields(templates), templates)


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


def _templates(cursor: Cursor, report: Report) -> Iterator[AuthTemplate]:
    for location in _LOCATIONS:
        places = cursor.get(location)
        for name, text in places.items() if places else ():
            if not isinstance(text.json, str):
                continue
            if location == "header":
                _check_header(text, name, report, of_key=True)
            _check_text(text, text.json, report)
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
    return tuple(part for part in parts if part)


def _fields(templates: Iterable[AuthTemplate]) -> tuple[str, ...]:
    names = (part.name for template in templates for part in template.parts if isinstance(part, AuthField))
    return tuple(dict.fromkeys(names))


def _check_header(cursor: Cursor, name: str, report: Report, *, of_key: bool = False) -> None:
    problem = header_problem(name)
    if problem:
        report.error(cursor.key_place if of_key else cursor.place, f"`{name}` {problem}", None, len(name))


def _check_text(cursor: Cursor, text: str, report: Report) -> None:
    if any(character in text for character in "\r\n\0"):
        report.error(cursor.place, "a line break cannot be sent here", "Write it on one line", cursor.length)


_KINDS: Mapping[str, Callable[[str, Cursor, Report], Auth | None]] = {
    "api_key": _api_key,
    "basic": _basic,
    "template": _template,
    "oauth": _oauth,
}
