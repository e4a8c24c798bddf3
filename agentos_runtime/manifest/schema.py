"""A manifest's shape, checked with the JSON Schema that editors use too, in words of its own.

The schema is written without `anyOf`, so that each mistake is one error; its `patternErrorMessage` says in words
what a `pattern` asks for.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from jsonschema.exceptions import ValidationError

from agentos_runtime.jsontext import Json, describe
from agentos_runtime.manifest.mistakes.fixes import (
    RETURNS_FIX,
    TYPE_WORDS,
    auth_fix,
    bound_fix,
    empty_fix,
    pattern_fix,
    short,
    type_fix,
)
from agentos_runtime.manifest.mistakes.json_schema import whole_schemas
from agentos_runtime.manifest.mistakes.other_keys import OF_OTHER_PLACES, OTHER_NAMES
from agentos_runtime.manifest.mistakes.torn import is_told, torn, torn_fix
from agentos_runtime.manifest.mistakes.words import known_key, known_value
from agentos_runtime.manifest.quick_schema import QuickValidator
from agentos_runtime.manifest.report import Report
from agentos_runtime.manifest.yaml.values import Cursor, Key
from agentos_runtime.suggest import suggest

_OF_ALL_CALLS = frozenset({"headers", "query", "nested"})
_CALLABLE = frozenset({"utilities", "parts"})
_NEEDED = frozenset({"id", "name", "description"})
_OF_A_UTILITY = frozenset({"rest", "params", "returns"})
_OF_AUTH = frozenset({"header", "query", "prefix", "credentials", "authorize_url", "token_url", "login", "grant"})
_AUTH_TYPES = ("api_key", "basic", "oauth")
OF_A_PART = frozenset({"utilities", "definitions"})


class ManifestSchema:
    """The compiled schema of a manifest (`schemas/manifest.schema.json`)."""

    def __init__(self, schema: Mapping[str, Json]) -> None:
        linked = _linked(schema, schema["$defs"])
        self._validator = QuickValidator(linked)
        self._part = QuickValidator(
            {"type": "object", "properties": {name: linked["properties"][name] for name in OF_A_PART}}
        )
        self._top = frozenset(_keys(schema.get("properties")))
        self._homes = dict(_homes(schema))

    def check(self, root: Cursor, report: Report) -> None:
        """Report every way in which the values are not a manifest."""
        whole = frozenset(whole_schemas(root, report))
        for error in self._validator.iter_errors(root.json):
            if tuple(error.absolute_path)[:3] not in whole:
                _translate(error, root, report, self._homes)
        for name, cursor in root.items():
            if name not in self._top:
                report.keeps_apart = False  # it may be meant as `auth` or `api`, without which others do not work
                self._unknown_at_top(name, cursor, root, report)

    def _unknown_at_top(self, name: str, cursor: Cursor, root: Cursor, report: Report) -> None:
        """A warning; an error when nothing is left to call, or what is needed is missing, for that reason."""
        guess = known_key(name, self._top)
        holds = any(isinstance(below.json, dict) for below in _values(cursor))
        callable_by = _CALLABLE.intersection(key for key, _ in root.items())
        if guess in _CALLABLE and not holds:
            guess = suggest(name, self._top)
        fix = f"Did you mean `{guess}`?" if guess else "It is not used; remove it"
        if suggest(name, ("credentials",)) and _says_auth(cursor.json):
            guess, fix = "auth", "Write it under `auth`: `auth: {credentials: …}`"
        if name not in self._top and self._homes.get(name) == "api":
            fix = f"Write it under `api`: `api: {{{name}: …}}`"
        if name in _OF_ALL_CALLS:
            fix = f"Write it under `api`, where it holds for all utilities: `api: {{{name}: …}}`"
        if not guess and isinstance(cursor.json, dict) and "rest" in cursor.json:
            fix = "Indent it, with what stands below it: it is a utility, and belongs under `utilities`"
        if name == "actions" and holds:
            fix += " A file in the first dialect of AgentOS is written anew by `agentos import agentos FILE`"
        message = f"`{short(name)}` is not a key of a manifest"
        if guess in _CALLABLE and holds and _surely(name, str(guess)) and not callable_by:
            report.error(cursor.key_place, f"{message}, and nothing is left to call", fix, cursor.key_length)
        elif name in _OF_A_UTILITY and isinstance(cursor.json, dict) and not callable_by:
            fix = f"Put it into a utility: `utilities: {{NAME: {{{name}: …}}}}`"
            report.error(cursor.key_place, f"{message}, and nothing is left to call", fix, cursor.key_length)
        elif callable_by and self._is_needed(name, guess, root):
            report.error(cursor.key_place, message, fix, cursor.key_length)
        else:
            report.warning(cursor.key_place, message, fix, cursor.key_length)

    def _is_needed(self, name: str, guess: str | None, root: Cursor) -> bool:
        """Whether what was meant by the key is missing, and nothing can be called without it."""
        if "api" in (guess, self._homes.get(name)):
            return root.get("api") is None
        if guess == "auth" and root.get("auth") is None:
            return _says_auth(root.at(name).json)
        return guess in _NEEDED and root.get(str(guess)) is None

    def check_part(self, root: Cursor, report: Report) -> None:
        """Report every way in which the values are not those of a part."""
        for error in self._part.iter_errors(root.json):
            _translate(error, root, report, self._homes)
        for name, cursor in root.items():
            if name in OF_A_PART:
                continue
            fix = "Move it to the skill's readme.md" if name in self._top else None
            message = f"`{short(name)}` cannot stand in a part, which holds `utilities` and `definitions`"
            guess = _unknown_fix(name, OF_A_PART, {}, report) or "It is not used; remove it"
            report.error(cursor.key_place, message, fix or guess, cursor.key_length)


def _linked(schema: Any, definitions: Any) -> Any:
    """The schema with each `$ref` replaced by the very object it points at: looking them up takes most of the time.

    The result contains itself where a declaration contains declarations.
    """
    linked: dict[str, dict[str, Any]] = {name: {} for name in definitions}

    def link(value: Any) -> Any:
        if isinstance(value, list):
            return [link(item) for item in value]
        if not isinstance(value, dict):
            return value
        target = value.get("$ref")
        if target is not None:
            return linked[target.removeprefix("#/$defs/")]
        return {key: link(item) for key, item in value.items() if key != "$defs"}

    for name, definition in definitions.items():
        linked[name].update(link(definition))
    return link(schema)


Homes = Mapping[str, str]
"""Key → where it belongs: `transform` → `rest.response`."""


def _surely(name: str, guess: str) -> bool:
    """Whether no other format has a key of this name: it is called so elsewhere, or differs by a letter or two."""
    near = get_close_matches(name.lower(), (guess,), cutoff=0.74)
    return bool(near) or suggest(name, (guess,)) is None


def _values(cursor: Cursor) -> Iterator[Cursor]:
    yield from (below for _, below in cursor.items())
    yield from cursor.elements()


def _says_auth(value: Json) -> bool:
    """Whether a map says how calls prove themselves, for all or by names; `author: {name: …}` does not."""
    maps = [each for each in (value, *value.values()) if isinstance(each, dict)] if isinstance(value, dict) else []
    return any(_OF_AUTH & each.keys() or each.get("type") in _AUTH_TYPES for each in maps)


def _keys(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        yield from value


def _homes(schema: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    definitions = schema["$defs"]
    rest = definitions["rest"]["properties"]
    for parent, properties in (
        ("rest.paginate", rest["paginate"]["properties"]),
        ("rest.retry", rest["retry"]["properties"]),
        ("rest.poll", rest["poll"]["properties"]),
        ("api", schema["properties"]["api"]["properties"]),
        ("rest.stream", definitions["stream"]["properties"]),
        ("rest.response", definitions["response"]["properties"]),
        ("the utility", definitions["utility"]["properties"]),
        ("rest", rest),
    ):
        for name in properties:
            yield name, parent


# ------------------------------------------------------------------ one error, translated


def report_error(error: ValidationError, root: Cursor, report: Report) -> None:
    """Report what a validator found in the values of any file, in this module's words."""
    _translate(error, root, report, {})


def _translate(error: ValidationError, root: Cursor, report: Report, homes: Homes) -> None:
    cursor = root.at(*error.absolute_path)
    of_key = len(error.absolute_schema_path) > 1 and error.absolute_schema_path[-2] == "propertyNames"
    if of_key:
        cursor = cursor.get(str(error.instance)) or cursor
        message = f"the name `{short(str(error.instance))}` {_wish(error)}"
        report.error(
            cursor.key_place,
            message,
            pattern_fix(str(error.instance), str(error.validator_value)),
            cursor.key_length,
        )
        return
    _TRANSLATIONS.get(str(error.validator), _other)(error, cursor, report, homes)


def _wish(error: ValidationError) -> str:
    schema: Any = error.schema
    return str(schema.get("patternErrorMessage", "is not what it must be"))


def _say(cursor: Cursor, report: Report, message: str, fix: str | None = None) -> None:
    report.error(cursor.place, f"{_subject(cursor)} {message}", fix, cursor.length)


def _subject(cursor: Cursor) -> str:
    return f"`{short(cursor.name)}`"


def _type(error: ValidationError, cursor: Cursor, report: Report, _: Homes) -> None:
    schema: Any = error.validator_value
    expected: list[str] = [schema] if isinstance(schema, str) else list(schema)
    if isinstance(cursor.key, Key) and re.search(r"[{\[!]", cursor.key.text) and cursor.source is not None:
        return  # the key is wrong, and is told
    if cursor.json is None:
        message = f"{_subject(cursor)} has no value"
        report.error(cursor.key_place, message, empty_fix(cursor), cursor.key_length)
        return
    words = _alternatives([TYPE_WORDS[name] for name in expected])
    _say(cursor, report, f"must be {words}, is {describe(cursor.json)}", type_fix(expected, cursor))


def _alternatives(words: list[str]) -> str:
    return " or ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]


def _enum(error: ValidationError, cursor: Cursor, report: Report, _: Homes) -> None:
    choices: Any = error.validator_value
    known = [str(choice) for choice in choices]
    guess = known_value(cursor.source, known) if cursor.source else None
    if cursor.json is None:
        shown = "has no value; it must be"
    elif cursor.source is None:
        shown = f"is {describe(cursor.json)}; it must be"
    else:
        shown = f"is `{short(cursor.source)}`; it must be"
    one_of = f"one of {', '.join(known)}" if len(known) > 1 else f"`{known[0]}`"
    fix = f"Did you mean `{guess}`?" if guess else f"Write {one_of}"
    types = [one for one in re.split(r"\s*[|,/]\s*|\s+or\s+", cursor.source or "") if one not in ("null", "None")]
    if (
        len(types) == 1
        and types[0] != cursor.source
        and fix.startswith("Write one of")
        and (kind := known_value(types[0], known))
    ):
        fix = f"Write `{kind}`: null is always allowed"
    if "array" in known and len(types) > 1 and {*types} <= {*known}:
        fix = f"Write a list: `[{', '.join(types)}]`"
    several = re.fullmatch(r"(?:array|list|List)[<\[](\w+)[>\]]|(\w+)\[\]", cursor.source or "")
    of_one = several and (known_value(several[1] or several[2], known) or "string")
    if of_one and "array" in known:
        fix = f"Write `type: array, items: {{type: {of_one}}}`"
    if cursor.source == "any" and "integer" in known and "any" not in known:
        fix = "Leave `type` out: then any value is allowed"
    if "api_key" in known or known == ["none"]:
        fix = auth_fix(cursor, guess, known) or fix
    if known == ["none"] and cursor.path != "auth" and (cursor.source or "").lower() not in ("false", "no", "off"):
        fix = "Remove it: a call carries the skill's credential unless it says `auth: none`"
    if "array" in known and (cursor.json is None or cursor.source == "null"):
        fix = OTHER_NAMES["nullable"]
    _say(cursor, report, f"{shown} {one_of}", fix)


def _unknown(error: ValidationError, cursor: Cursor, report: Report, homes: Homes) -> None:
    schema: Any = error.schema
    known = frozenset(schema.get("properties", {}))
    cut = torn(cursor)
    for name, below in cursor.items():
        if name in known:
            continue
        if name in cut:
            _torn(cut[name], below, cursor, report)
            continue
        fix = _unknown_fix(name, known, homes, report) or _known_fix(known)
        word, colon, value = name.partition(":")
        if colon and word in known and value:
            fix = f"Write `{word}: {short(value)}`: a `:` needs a space behind it"
        guess = re.fullmatch(r"Did you mean `(.*)`\?", fix)
        if guess and cursor.get(guess[1]) is not None:
            fix = f"`{guess[1]}` is there already: write what it lacks into it, and remove this"
        of_returns = re.fullmatch(r"utilities\.\w+\.returns\.\w+", cursor.path)
        if of_returns and name in ("required", "default", "optional"):
            fix = "Remove it: a reply may leave out any property, or say null"
        of_param = re.fullmatch(r"utilities\.\w+\.params\.\w+", cursor.path) and isinstance(below.json, dict)
        if (of_returns or of_param) and fix.startswith(("Known keys", "`")) and not fix.startswith("Remove"):
            kind = "type: object, " if of_param else ""
            whole = f"{short(cursor.name)}: {{{kind}properties: {{{short(name)}: …}}}}"
            fix = f"Write what it holds under `properties`: `{whole}`"
        report.error(
            below.key_place, f"`{short(name)}` is not a key of `{short(cursor.name)}`", fix, below.key_length
        )


def _torn(owner: str, rest: Cursor, cursor: Cursor, report: Report) -> None:
    """What a comma cut off a text is told once, at its first piece, and not where the text is told to be a list."""
    before = cursor.at(owner)
    if is_told(before) or report.has_error_under(before.path):
        return
    message = f"the `,` before it ends the value of `{short(owner)}`, so this is read as a key"
    place = cursor.document.place(before.path, _start(rest))
    report.error(place, message, torn_fix(before), rest.key_length)


def _start(cursor: Cursor) -> int:
    return cursor.key.start if isinstance(cursor.key, Key) else cursor.value.start


def _unknown_fix(name: str, known: frozenset[str], homes: Homes, report: Report) -> str | None:
    if report.full:
        return None
    if name in OTHER_NAMES and "properties" in known:
        return OTHER_NAMES[name]
    for own, fixes in OF_OTHER_PLACES.items():
        if own in known and name in fixes:
            return fixes[name]
    home = homes.get(name)
    if name == "auth" and "base_url" in known:
        return "Write it at the top, beside `api`: `auth` is said once for the whole skill"
    if home and homes.keys() & known:
        return (
            f"`{name}` belongs under `{home}`"
            if home != "the utility"
            else f"`{name}` belongs to the utility itself"
        )
    guess = known_key(name, known)
    if guess:
        return f"Did you mean `{guess}`?"
    hint = OTHER_NAMES.get(name)
    return hint if hint and re.split("[`:]", hint.removeprefix("Write `"))[0] in known else None


def _known_fix(known: frozenset[str]) -> str:
    return f"Known keys: {', '.join(sorted(known))}"


def _required(error: ValidationError, cursor: Cursor, report: Report, _: Homes) -> None:
    names: Any = error.validator_value
    missing = [name for name in names if isinstance(error.instance, dict) and name not in error.instance]
    schema: Any = error.schema
    known = frozenset(schema.get("properties", {})) if cursor.path else frozenset(names)
    meant = {known_key(name, known) for name, _ in cursor.items() if name not in known} if missing else set()
    for name in missing:
        if name in meant:
            continue
        described = schema.get("properties", {}).get(name, {}).get("description", "")
        hint = f" ({described.rstrip('.')[0].lower()}{described.rstrip('.')[1:]})" if described else ""
        owner = f"{_subject(cursor)} needs" if cursor.path else "a skill with utilities needs"
        report.error(cursor.key_place, f"{owner} `{name}`", f"Add `{name}: …`{hint}", cursor.key_length)


def _pattern(error: ValidationError, cursor: Cursor, report: Report, _: Homes) -> None:
    fix = pattern_fix(str(error.instance), str(error.validator_value))
    _say(cursor, report, _wish(error), RETURNS_FIX if cursor.name == "returns" else fix)


def _empty(error: ValidationError, cursor: Cursor, report: Report, _: Homes) -> None:
    _say(cursor, report, "is empty", "Give it a value, or remove the key")


def _bound(words: str) -> Callable[[ValidationError, Cursor, Report, Homes], None]:
    def translate(error: ValidationError, cursor: Cursor, report: Report, _: Homes) -> None:
        _say(cursor, report, f"must be {words} {error.validator_value}", bound_fix(cursor))

    return translate


def _const(error: ValidationError, cursor: Cursor, report: Report, _: Homes) -> None:
    _say(cursor, report, "must be jq in quotes, or `false`")


def _other(error: ValidationError, cursor: Cursor, report: Report, _: Homes) -> None:
    _say(cursor, report, f"does not satisfy `{error.validator}` of the schema")


_TRANSLATIONS: Mapping[str, Callable[[ValidationError, Cursor, Report, Homes], None]] = {
    "type": _type,
    "enum": _enum,
    "additionalProperties": _unknown,
    "required": _required,
    "pattern": _pattern,
    "minLength": _empty,
    "minItems": _empty,
    "minProperties": _empty,
    "minimum": _bound("at least"),
    "maximum": _bound("at most"),
    "exclusiveMinimum": _bound("more than"),
    "const": _const,
}
