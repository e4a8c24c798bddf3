"""Request values: literal, template, path or jq, decided once, when the file is loaded."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from agentos_runtime.frozen import dataclass
from agentos_runtime.jq.program import classify, looks_like_jq
from agentos_runtime.jq.sums import needed
from agentos_runtime.jsontext import Json, dump
from agentos_runtime.manifest.mistakes.references import in_jq, report_foreign, report_lookalikes
from agentos_runtime.manifest.mistakes.torn import name_and_value_in_one
from agentos_runtime.manifest.model import Fields, Items, Jq, Literal, Node, TemplateParam, UrlTemplate
from agentos_runtime.manifest.sections.expressions import mentions, read_expression
from agentos_runtime.manifest.sections.reading import Scope
from agentos_runtime.manifest.sections.urls import template_parts
from agentos_runtime.manifest.yaml.values import Cursor, Entries, Scalar, Sequence
from agentos_runtime.regexes import regex

_ONE_NAME = regex(r"\{\{?\s*[\w.]+\s*\}?\}")
_COMPUTES_TIME = regex(r"now\s*[|+*/-]")
"""In a dialect's file; in ours it is text, and warned of."""
_YAML_1_1_BOOLEANS = frozenset({"yes", "no", "on", "off", "y", "n"})


@dataclass(frozen=True, slots=True)
class Spelling:
    """How values that are no strings are sent: in a body as JSON, elsewhere as their author wrote them."""

    number: Callable[[Scalar, Cursor, Scope], Json]


def read_node(cursor: Cursor, scope: Scope, spelling: Spelling) -> Node:
    """Any request value; maps and lists are walked."""
    value = cursor.value
    if isinstance(value, Entries):
        return read_fields(cursor, scope, spelling)
    if isinstance(value, Sequence):
        return Items(tuple(read_node(entry, scope, spelling) for entry in cursor.elements()))
    if not isinstance(value.value, str):
        return Literal(spelling.number(value, cursor, scope))
    kind = classify(value.value, scope.reading.names)
    if kind == "literal" and scope.reading.lenient and _COMPUTES_TIME.match(value.value):
        kind = "jq"
    return _STRINGS[kind](cursor, value.value, scope)


def read_fields(cursor: Cursor, scope: Scope, spelling: Spelling) -> Fields:
    for name, below in cursor.items():
        if (told := name_and_value_in_one(name, below)) is not None:
            scope.report.error(below.key_place, *told, below.key_length)
    return Fields(tuple((name, read_node(below, scope, spelling)) for name, below in cursor.items()))


def _as_json(value: Scalar, cursor: Cursor, scope: Scope) -> Json:
    number = value.value
    if isinstance(number, int | float) and not isinstance(number, bool):
        sent = dump(number).decode()
        if sent != value.text:
            message = f"`{value.text}` is a number and is sent as {sent}"
            fix = f'Write it in quotes when text is meant: "{value.text}"'
            scope.report.warning(cursor.place, message, fix, cursor.length)
    return number


def _as_written(value: Scalar, cursor: Cursor, scope: Scope) -> Json:
    is_number = isinstance(value.value, int | float) and not isinstance(value.value, bool)
    return value.text if is_number else value.value


BODY = Spelling(_as_json)
TEXT = Spelling(_as_written)


def _jq(cursor: Cursor, text: str, scope: Scope) -> Node:
    one = in_jq(text, scope.params)
    if one is not None:
        scope.reading.meant.append((scope.utility, one.name))
        message = f"`{text.strip()[:60]}` is not how a param is written here"
        scope.report.error(cursor.place, message, f"Write `.params.{one.name}`", cursor.length)
        return Literal(text)
    if text.startswith("{") and _ONE_NAME.fullmatch(text.strip()) and report_foreign(cursor, text, scope):
        return Literal(text)
    expression = read_expression(cursor, scope, "request")
    if scope.reading.lenient and isinstance(expression, Jq):
        return _left_out_unset(expression)
    return expression if expression is not None else Literal(text)


def _left_out_unset(expression: Jq) -> Jq:
    """The same, giving nothing where a param that it names is not given and it fails, or makes the text `null`.

    A text in which the param stands as it is would have a hole in its place: it is left out, too.
    """
    names = sorted({name for name, _ in mentions(expression.source, "params", "request") if name is not None})
    if not names:
        return expression
    unset = ", ".join(f".params.{name}" for name in names)
    tried = f'(try ({expression.source}\n) catch empty) | if . == "null" then empty else . end'
    source = f"if any({unset}; . == null) then {tried} else ({expression.source}\n) end"
    holes = ", ".join(f".params.{name}" for name in sorted(needed(expression.source)))
    return replace(
        expression, source=f"if any({holes}; . == null) then empty else {source} end" if holes else source
    )


def _url(cursor: Cursor, text: str, scope: Scope) -> Node:
    if report_lookalikes(cursor, text, scope, url=True):
        return Literal(text)
    parts = template_parts(cursor, text, scope, strict=False)
    if any(isinstance(part, TemplateParam) for part in parts):
        return UrlTemplate(parts, cursor.place)
    return Literal(text)


def _literal(cursor: Cursor, text: str, scope: Scope) -> Node:
    if report_lookalikes(cursor, text, scope):
        return Literal(text)
    if text in _HOLDERS and cursor.path.endswith(".rest.body") and scope.params:
        message = f"`{text}` is sent as the text '{text}'"
        scope.report.error(cursor.place, message, "Write `.params` for all params as they are given", cursor.length)
    elif looks_like_jq(text):
        within = [*_PARAM_WITHIN.finditer(text)]
        scope.reading.meant.extend((scope.utility, match[1]) for match in within)
        fix = "Put parentheses around it to make it jq"
        if within and not set(text) & set("\"'\\|()"):
            told = _PARAM_WITHIN.sub(lambda match: f"\\({match[0]})", text)
            fix = f"Write '\"{told[:80]}\"': a text of jq stands in double quotes, and takes a value in \\(…)"
        scope.report.warning(
            cursor.place, "this is sent as text as it stands, but looks as if jq was meant", fix, cursor.length
        )
    elif isinstance(cursor.value, Scalar) and not cursor.value.style and _surprising(text):
        scope.report.warning(
            cursor.place,
            f"`{text}` is sent as the text {text!r}",
            f"Write `{_BOOLEANS[text.lower()]}` when a boolean is meant, or quote it",
            cursor.length,
        )
    return Literal(text)


_HOLDERS = frozenset({"params", "param", "parameters", "args", "arguments", "input", "inputs"})
_PARAM_WITHIN = regex(r"\.params\.([A-Za-z_]\w*)")


def _surprising(text: str) -> bool:
    return text.lower() in _BOOLEANS


_BOOLEANS = {word: "true" if word in ("yes", "on", "y") else "false" for word in _YAML_1_1_BOOLEANS} | {
    "true": "true",
    "false": "false",
}
_STRINGS: Mapping[str, Callable[[Cursor, str, Scope], Node]] = {"jq": _jq, "url": _url, "literal": _literal}
