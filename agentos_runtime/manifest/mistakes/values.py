"""jq that compiles and cannot give what its place takes: small rules over a skill that was read."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from agentos_runtime.diagnostics import Problem
from agentos_runtime.manifest.mistakes.expressions import blanked
from agentos_runtime.manifest.model import Fields, Items, Jq, Literal, PlainPath
from agentos_runtime.manifest.sections.subject import Subject, declared, warn, warn_at
from agentos_runtime.regexes import regex
from agentos_runtime.suggest import suggest

_FORMAT = regex(r"(?<![\w$.])@(?P<name>[A-Za-z]\w*)")
_FORMATS = ("text", "json", "csv", "tsv", "html", "uri", "urid", "sh", "base64", "base64d", "base32", "base32d")
_OTHER_FORMATS: Mapping[str, str] = {
    **dict.fromkeys(("url", "urlencode", "urlencoded", "percent", "encodeURIComponent", "uriencode"), "uri"),
    **dict.fromkeys(("urldecode", "uridecode", "decode"), "urid"),
    **dict.fromkeys(("b64", "base64encode", "b64encode"), "base64"),
    **dict.fromkeys(("b64d", "base64decode", "b64decode"), "base64d"),
    **dict.fromkeys(("string", "str"), "text"),
}
_OR_ELSE = regex(r"\?\?(?=\s*\.)")
_OF_A_TEXT = regex(
    r"\b(?P<name>sort_by|group_by|unique_by|min_by|max_by|map|del|pick|path)\(\s*(?P<text>\"[^\"]*\")\s*\)"
)
_PATH = regex(r"\.?[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")
_A_FILE = regex(r"\s*@\.{0,2}[\w/-]+\.\w{2,5}\s*")
_ARGUMENTS = regex(r"\b(?P<name>join|split|test|match|capture|startswith|endswith|ltrimstr|rtrimstr)\(")
_NO_VALUE = regex(r"\b(?:empty|select|limit|first|def|if|try|error|reduce|foreach|recurse|range)\b|\[\]|\?|\.\.")
"""What may give no value, or says that there are several."""

_REMARK = regex(r"#[^\n]*")
_ONLY_TEXTS = regex(r"\"[^|{?/,]*")


def _code(source: str) -> str:
    """The source with its texts and remarks blanked out, so that places stay."""
    return _REMARK.sub(lambda match: " " * len(match[0]), blanked(source))


def unknown_format(subject: Subject) -> Iterator[Problem]:
    """`@urlencode` compiles, and fails in every call."""
    for found in subject.found:
        for match in _FORMAT.finditer(_code(found.source)):
            name = match["name"]
            if name not in _FORMATS:
                meant = _OTHER_FORMATS.get(name) or suggest(name, _FORMATS)
                fix = f"Write `@{meant}`" if meant else f"jq has @{', @'.join(_FORMATS[:10])}"
                if found.side == "request" and _A_FILE.fullmatch(found.source):
                    fix = "Declare a param of `type: file` and write `.params.NAME`: callers give files"
                message = f"`@{name}` is no format of jq: it fails in every call"
                problem = warn_at(found.cursor, match.start(), len(match[0]), message, fix)
                yield replace(problem, severity="error")


def or_else(subject: Subject) -> Iterator[Problem]:
    """`.a ?? .b` is `.a??.b`: the field `b` of `.a`."""
    for found in subject.found:
        for match in _OR_ELSE.finditer(_code(found.source)):
            message = "`??` only passes over errors here, twice: what follows it is asked of what stands before it"
            fix = "Write `//`: it takes the other where the first is null or false"
            yield warn_at(found.cursor, match.start(), 2, message, fix)


def or_a_text(subject: Subject) -> Iterator[Problem]:
    """`.params.q or "x"` is true, whatever was given."""
    for found in subject.found:
        code = _code(found.source)
        for match in _OR_A_TEXT.finditer(found.source):
            if code[match.start("or") : match.end("or")].strip():
                message = "`or` gives true or false, and no value: with a text or a number it is always true"
                fix = f"Write `// {match['value']}`: it takes the other where the first is null or false"
                yield warn_at(found.cursor, match.start("or"), 2, message, fix)


_OR_A_TEXT = regex(r"(?<![\w.$])(?P<or>or)\s+(?P<value>\"[^\"]*\"|\d+(?:\.\d+)?)(?!\s*(?:[=!<>+*/%|-]|\w))")


def field_of_one_value(subject: Subject) -> Iterator[Problem]:
    """`.params.q.length` of a text fails in every call."""
    for utility, _ in subject.utilities:
        known = declared(utility)
        for found in subject.expressions.get(utility.name, ()):
            paths = _FIELD_OF.finditer(_code(found.source)) if found.side == "request" else ()
            for match in paths:
                said: Any = known.get(match["name"], {})
                kind = said.get("type")
                if (
                    not isinstance(kind, str)
                    or kind not in _OF_ONE
                    or found.source[match.end() :].lstrip().startswith(("?", "("))
                ):
                    continue
                message = f"`{match['name']}` is {_OF_ONE[kind]}, which has no fields: this fails in every call"
                field = match["field"]
                fix = (
                    f"Write `(.params.{match['name']} | {field})`"
                    if field in _DONE
                    else "Remove it, or declare an object"
                )
                yield warn_at(found.cursor, match.start("field"), len(field), message, fix)


_FIELD_OF = regex(r"(?<![\w\])}])\.params\.(?P<name>[A-Za-z_]\w*)\.(?P<field>[A-Za-z_]\w*)")
_OF_ONE: Mapping[Any, str] = {
    "string": "a text", "integer": "a number", "number": "a number", "boolean": "true or false",
}  # fmt: skip
_DONE = frozenset({"length", "tostring", "tonumber", "trim", "ascii_downcase", "ascii_upcase", "tojson"})


def text_for_a_field(subject: Subject) -> Iterator[Problem]:
    """`group_by("a")` compares the text `a` with itself."""
    for found in subject.found:
        for match in _OF_A_TEXT.finditer(found.source):
            if not _code(found.source)[match.start()].strip():
                continue
            text = match["text"]
            field = f".{text[1:-1].removeprefix('.')}" if _PATH.fullmatch(text[1:-1]) else f".[{text}]"
            message = f"{text} is the same text for every entry, and not its field"
            fix = f"Write `{match['name']}({field})`"
            yield warn_at(found.cursor, match.start("text"), len(text), message, fix)


def comma_of_arguments(subject: Subject) -> Iterator[Problem]:
    """`join(",", .)` is joined twice: once with `,`, once with all."""
    for found in subject.found:
        code = _code(found.source)
        for match in _ARGUMENTS.finditer(code):
            at = _comma(code, match.end())
            if at is not None:
                name = match["name"]
                first = found.source[match.end() : at].strip()
                fix = f"Write `| {name}({first})` after what it works on"
                if name in ("split", "test", "match", "capture"):
                    fix += "; a `;` stands between arguments"
                yield warn_at(found.cursor, at, 1, f"a `,` between arguments makes `{name}` give two values", fix)


def several_for_one(subject: Subject) -> Iterator[Problem]:
    """`.params.q, 1` gives two values where one is sent or kept."""
    for found in subject.found:
        below = found.cursor.path.partition(".rest.")[2]
        one = below.startswith(("query.", "headers.", "body", "response.mapping.", "response.transform"))
        code = _code(found.source)
        at = _comma(code, 0) if one and not _NO_VALUE.search(code) else None
        if at is not None:
            written = found.source.strip()
            message = "a `,` in jq gives several values, and here is one: it fails in every call"
            fix = f"Write `[{written[:60]}]` for a list, or leave one of them"
            yield warn_at(found.cursor, at, 1, message, fix)


def _comma(code: str, start: int) -> int | None:
    """The first comma that stands in no bracket opened behind `start`, before the one that ends there."""
    depth = 0
    for at in range(start, len(code)):
        sign = code[at]
        if sign in "([{":
            depth += 1
        elif sign in ")]}":
            depth -= 1
        if depth < 0:
            return None
        if depth == 0 and sign == ",":
            return at
    return None


def body_without_fields(subject: Subject) -> Iterator[Problem]:
    """A form is made of names and values, so a text cannot be one."""
    for utility, cursor in subject.utilities:
        rest = utility.rest
        body = cursor.at("rest").get("body")
        if rest.encoding not in ("form", "multipart") or body is None:
            continue
        kind = _kind_of_text(rest.body, declared(utility))
        if kind:
            message = f"a body of `encoding: {rest.encoding}` is a map of fields, and this is {kind}"
            fix = "Write a map: `body: {name: .params.name}`; for a text as it stands, `encoding: text`"
            yield replace(warn(body, message, fix), severity="error")


def bytes_of_no_file(subject: Subject) -> Iterator[Problem]:
    """A body of bytes is one file that the caller gives: nothing else can be sent as one."""
    for utility, cursor in subject.utilities:
        rest = utility.rest
        body = cursor.at("rest").get("body")
        if rest.encoding != "binary" or body is None:
            continue
        source = rest.body.source.strip() if isinstance(rest.body, Jq | PlainPath) else ""
        name = source.removeprefix(".params.")
        if isinstance(rest.body, Literal | Items | Fields):
            fix = "Write `body: .params.NAME`, with the name of a param of `type: file`"
        elif name in declared(utility) and name != source and name not in utility.files:
            fix = f"Write `type: file` at the param `{name}`; for a text as it stands, `encoding: text`"
        else:
            continue
        yield warn(body, "a body of `encoding: binary` is a param of `type: file`, and this is none", fix)


def _kind_of_text(body: object, params: Mapping[str, Any]) -> str | None:
    if isinstance(body, Literal):
        return None if isinstance(body.value, dict) or body.value is None else "one value"
    if isinstance(body, Items):
        return "a list"
    if not isinstance(body, Jq | PlainPath):
        return None
    source = body.source.strip()
    if source.startswith('"') and _ONLY_TEXTS.fullmatch(_code(source)):
        return "a text"
    name = source.removeprefix(".params.")
    kind = params.get(name, {}).get("type", "object") if name != source else "object"
    kinds = {kind} if isinstance(kind, str) else set(kind)
    return None if "object" in kinds else f"the param `{name}`, which is none"


RULES: tuple[Callable[[Subject], Iterable[Problem]], ...] = (
    unknown_format,
    or_else,
    or_a_text,
    field_of_one_value,
    text_for_a_field,
    comma_of_arguments,
    several_for_one,
    body_without_fields,
    bytes_of_no_file,
)
