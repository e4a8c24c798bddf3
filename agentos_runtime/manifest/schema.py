"""A manifest's shape, checked with the JSON Schema that editors use too, in words of its own.

The schema is written without `anyOf`, so that each mistake is one error; its `patternErrorMessage` says in words
what a `pattern` asks for.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from jsonschema.exceptions import ValidationError

from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.near import nearest
from agentos_runtime.manifest.quick_schema import QuickValidator
from agentos_runtime.manifest.report import Report
from agentos_runtime.manifest.values import Cursor

TYPE_WORDS: Mapping[str, str] = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a map",
    "null": "null",
}
_TRUE_WORDS: Mapping[str, str] = {
    "yes": "true",
    "on": "true",
    "y": "true",
    "true": "true",
    "no": "false",
    "off": "false",
    "n": "false",
}
_OTHER_NAMES: Mapping[str, str] = {
    "$ref": "References are not part of the language: write the declaration out",
    "pattern": "`pattern` is not part of the language: describe the value, or list it under `enum`",
    "format": "`format` is not part of the language: say it in the `description`",
    "nullable": "Null is always allowed: a caller's null unsets a param, and any returned property may be null",
    "optional": "A param is optional unless it says `required: true`",
    "examples": "Write one value under `example`",
    "values": "List the choices under `enum`",
    "parameters": "Write `params`",
    "arguments": "Write `params`",
    "inputs": "Write `params`",
    "outputs": "Write `returns`",
    "endpoint": "Write `url`",
    "path": "Write `url`; one that begins with `/` goes after `api.base_url`",
    "json": "Write `body`; `encoding: json` is the default",
    "data": "Write `body`",
}

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
        for error in self._validator.iter_errors(root.json):
            _translate(error, root, report, self._homes)
        for name, cursor in root.items():
            if name not in self._top:
                fix = _unknown_fix(name, self._top, {}, report) or "It is not used; remove it"
                report.warning(
                    cursor.key_place, f"`{_short(name)}` is not a key of a manifest", fix, cursor.key_length
                )

    def check_part(self, root: Cursor, report: Report) -> None:
        """Report every way in which the values are not those of a part."""
        for error in self._part.iter_errors(root.json):
            _translate(error, root, report, self._homes)
        for name, cursor in root.items():
            if name in OF_A_PART:
                continue
            fix = "Move it to the skill's readme.md" if name in self._top else None
            message = f"`{_short(name)}` cannot stand in a part, which holds `utilities` and `definitions`"
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
        message = f"the name `{_short(str(error.instance))}` {_wish(error)}"
        report.error(cursor.key_place, message, _pattern_fix(error), cursor.key_length)
        return
    _TRANSLATIONS.get(str(error.validator), _other)(error, cursor, report, homes)


def _wish(error: ValidationError) -> str:
    schema: Any = error.schema
    return str(schema.get("patternErrorMessage", "is not what it must be"))


def _say(cursor: Cursor, report: Report, message: str, fix: str | None = None) -> None:
    report.error(cursor.place, f"{_subject(cursor)} {message}", fix, cursor.length)


def _subject(cursor: Cursor) -> str:
    return f"`{_short(cursor.name)}`"


def _short(name: str) -> str:
    line = name.replace("\n", " ")
    return line if len(line) <= 60 else line[:57] + "…"


def _type(error: ValidationError, cursor: Cursor, report: Report, _: Homes) -> None:
    schema: Any = error.validator_value
    expected: list[str] = [schema] if isinstance(schema, str) else list(schema)
    if cursor.json is None:
        report.error(
            cursor.key_place,
            f"{_subject(cursor)} has no value",
            "Give it one, or remove the key",
            cursor.key_length,
        )
        return
    words = _alternatives([TYPE_WORDS[name] for name in expected])
    _say(cursor, report, f"must be {words}, is {describe(cursor.json)}", _type_fix(expected, cursor))


def _alternatives(words: list[str]) -> str:
    return " or ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]


def _type_fix(expected: list[str], cursor: Cursor) -> str | None:
    value, source = cursor.json, cursor.source
    if "string" in expected and isinstance(value, dict | list):
        return "Put quotes around the whole value: without them YAML reads `{` and `[` as a map or a list"
    if "string" in expected and source is not None:
        return f'Write it in quotes: "{_short(source)}"'
    if "boolean" in expected and source is not None and source.lower() in _TRUE_WORDS:
        return f"Write `{_TRUE_WORDS[source.lower()]}`"
    if {"number", "integer"} & set(expected) and source is not None and source.replace(".", "", 1).isdigit():
        return "Remove the quotes"
    if expected == ["object"] and isinstance(value, str):
        return (
            f"Write it as a map: `{{type: {value}}}`" if value in TYPE_WORDS else "Write keys and values below it"
        )
    if "array" in expected and source is not None:
        return f"Write it as a list: `[{_short(source)}]`"
    return None


def describe(value: Json) -> str:
    """The kind of a value in plain words."""
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    words: dict[type, str] = {str: "text", list: "a list", dict: "a map"}
    return words.get(type(value), "null")


def _enum(error: ValidationError, cursor: Cursor, report: Report, _: Homes) -> None:
    choices: Any = error.validator_value
    known = [str(choice) for choice in choices]
    guess = nearest(cursor.source, known) if cursor.source else None
    if cursor.json is None:
        shown = "has no value; it must be"
    elif cursor.source is None:
        shown = f"is {describe(cursor.json)}; it must be"
    else:
        shown = f"is `{_short(cursor.source)}`; it must be"
    one_of = f"one of {', '.join(known)}" if len(known) > 1 else f"`{known[0]}`"
    fix = f"Did you mean `{guess}`?" if guess else None
    if "array" in known and (cursor.json is None or cursor.source == "null"):
        fix = _OTHER_NAMES["nullable"]
    _say(cursor, report, f"{shown} {one_of}", fix)


def _unknown(error: ValidationError, cursor: Cursor, report: Report, homes: Homes) -> None:
    schema: Any = error.schema
    known = frozenset(schema.get("properties", {}))
    for name, below in cursor.items():
        if name in known:
            continue
        fix = _unknown_fix(name, known, homes, report) or _known_fix(known)
        report.error(
            below.key_place, f"`{_short(name)}` is not a key of `{_short(cursor.name)}`", fix, below.key_length
        )


def _unknown_fix(name: str, known: frozenset[str], homes: Homes, report: Report) -> str | None:
    if report.full:
        return None
    if name in _OTHER_NAMES and "properties" in known:
        return _OTHER_NAMES[name]
    home = homes.get(name)
    if home and homes.keys() & known:
        return (
            f"`{name}` belongs under `{home}`"
            if home != "the utility"
            else f"`{name}` belongs to the utility itself"
        )
    guess = nearest(name, known)
    if guess:
        return f"Did you mean `{guess}`?"
    hint = _OTHER_NAMES.get(name)
    return hint if hint and hint.removeprefix("Write `").split("`")[0] in known else None


def _known_fix(known: frozenset[str]) -> str:
    return f"Known keys: {', '.join(sorted(known))}"


def _required(error: ValidationError, cursor: Cursor, report: Report, _: Homes) -> None:
    names: Any = error.validator_value
    missing = [name for name in names if isinstance(error.instance, dict) and name not in error.instance]
    for name in missing:
        schema: Any = error.schema
        described = schema.get("properties", {}).get(name, {}).get("description", "")
        hint = f" ({described.rstrip('.')[0].lower()}{described.rstrip('.')[1:]})" if described else ""
        owner = f"{_subject(cursor)} needs" if cursor.path else "a skill with utilities needs"
        report.error(cursor.key_place, f"{owner} `{name}`", f"Add `{name}: …`{hint}", cursor.key_length)


def _pattern(error: ValidationError, cursor: Cursor, report: Report, _: Homes) -> None:
    _say(cursor, report, _wish(error), _pattern_fix(error))


def _pattern_fix(error: ValidationError) -> str | None:
    """The value as it could be written, when a small change makes it fit."""
    text = str(error.instance)
    plain = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", text).lower()
    guesses = (
        re.sub(r"^https?://([^/?#]*).*", r"\1", text),
        re.sub(r"[^a-z0-9]+", "_", plain).strip("_"),
        re.sub(r"[^a-z0-9]+", "-", plain).strip("-"),
        f"https://{text}",
        f"#{text}",
    )
    fitting = (guess for guess in guesses if guess != text and re.search(str(error.validator_value), guess))
    guess = next(fitting, None) if len(text) <= 60 else None
    return f"Write {guess}" if guess else None


def _empty(error: ValidationError, cursor: Cursor, report: Report, _: Homes) -> None:
    _say(cursor, report, "is empty", "Give it a value, or remove the key")


def _bound(words: str) -> Callable[[ValidationError, Cursor, Report, Homes], None]:
    def translate(error: ValidationError, cursor: Cursor, report: Report, _: Homes) -> None:
        _say(cursor, report, f"must be {words} {error.validator_value}")

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
