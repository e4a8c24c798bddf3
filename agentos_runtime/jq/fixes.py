"""What to write instead of jq that does not compile, as far as its complaint tells."""

import re
import unicodedata
from collections.abc import Mapping
from types import MappingProxyType

from agentos_runtime.regexes import regex
from agentos_runtime.suggest import suggest

_UNDEFINED = regex(r"`(\$?[\w:]+)`(?: with (\d) arguments?)? is not defined")
_FUNCTIONS: Mapping[str, str] = MappingProxyType(
    dict(
        [
            *dict.fromkeys(("len", "size", "count", "strlen"), "length").items(),
            *dict.fromkeys(("lower", "lowercase", "tolower", "to_lower", "toLowerCase"), "ascii_downcase").items(),
            *dict.fromkeys(("upper", "uppercase", "toupper", "to_upper", "toUpperCase"), "ascii_upcase").items(),
            *dict.fromkeys(("str", "string", "toString", "to_string"), "tostring").items(),
            *dict.fromkeys(("int", "float", "number", "parseInt", "to_number", "toNumber"), "tonumber").items(),
            *dict.fromkeys(("filter", "where"), "map(select(…))").items(),
            *dict.fromkeys(("date", "strptime", "format_date", "date_format"), 'strftime("%Y-%m-%d")').items(),
            *dict.fromkeys(("sum", "concat"), "add").items(),
            *dict.fromkeys(("replace", "replaceAll", "regex_replace"), 'gsub("…"; "…")').items(),
            *dict.fromkeys(("strip",), "trim").items(),
            *dict.fromkeys(("substr", "substring", "slice"), ".[0:5]").items(),
            *dict.fromkeys(("includes", "in_array"), "contains(…)").items(),
            *dict.fromkeys(("coalesce", "ifnull", "default"), ".a // .b").items(),
            *dict.fromkeys(("json", "to_json", "stringify", "json_encode", "dumps"), "tojson").items(),
            *dict.fromkeys(("parse", "from_json", "parse_json", "json_decode", "loads"), "fromjson").items(),
            *dict.fromkeys(("urlencode", "encodeURIComponent", "url_encode", "quote"), "@uri").items(),
            *dict.fromkeys(("base64", "b64encode", "base64_encode"), "@base64").items(),
            *dict.fromkeys(("b64decode", "base64_decode"), "@base64d").items(),
            *dict.fromkeys(("null", "None", "nil", "undefined"), "null").items(),
            *dict.fromkeys(("True",), "true").items(),
            *dict.fromkeys(("False",), "false").items(),
        ]
    )
)
_OF_NAMES = "map sort_by group_by unique_by min_by max_by del map_values"
_OF_TEXTS = "split test has contains startswith endswith index ltrimstr rtrimstr match capture"
_TAKING: Mapping[str, str] = MappingProxyType(
    {
        **{name: f"{name}(.name)" for name in _OF_NAMES.split()},
        **{name: f'{name}("…")' for name in _OF_TEXTS.split()},
        "join": 'join(", ")',
        "select": "select(.name == 1)",
        "sub": 'sub("…"; "…")',
        "gsub": 'gsub("…"; "…")',
        "limit": "limit(3; .[])",
        "with_entries": "with_entries(.value += 1)",
    }
)
"""Functions of jq that take arguments, and how they are written."""
_TAKING_NONE = frozenset(
    [
        "tonumber", "tostring", "length", "keys", "values", "add", "type",
        "not", "floor", "ceil", "round", "reverse", "ascii_downcase", "ascii_upcase",
        "tojson", "fromjson", "trim", "ltrim", "rtrim", "to_entries", "from_entries",
        "explode", "implode", "todate", "fromdate",
    ]
)  # fmt: skip
_METHODS: Mapping[str, str] = MappingProxyType(
    {
        "map": "map(.name)", "find": "map(select(…)) | first", "push": "+ [.name]", "indexOf": 'index("…")',
        "startsWith": 'startswith("…")', "endsWith": 'endswith("…")', "get": ".name", "items": "to_entries",
        "forEach": "map(…)", "some": "any(…)", "every": "all(…)", "reduce": "add", "pop": ".[-1]", "shift": ".[0]",
        "at": ".[0]", "flat": "flatten", "toFixed": "round", "append": "+ [.name]", "extend": "+ .others",
    }
)  # fmt: skip
"""What is asked of a value with a dot in other languages, beside the functions above."""
_NAMES = (*_TAKING, *_TAKING_NONE)
_SEALED = regex(r"`(\w+)` is not available in a skill")
_BY = frozenset({"sort", "unique", "min", "max", "group"})
_VARIABLE = regex(r"(\$\w+) is not defined")
_TEXTS = regex(r'"(?:[^"\\]|\\.)*"')
_FORMS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (regex(form), fix)
    for form, fix in (
        (r"[\u2018\u2019\u201c\u201d]", "Write straight quotes: ' around the expression, \" inside"),
        (r"'[^'\n]*'", 'Write jq strings as "text"; around the whole expression stand single quotes'),
        (r"\{\{\s*\.?([A-Za-z_][\w.]*)\s*\}\}", "Write `.{0}`, without the braces"),
        (r"\.\.\.", "Write `. + {{a: 1}}`: jq adds objects with `+`"),
        (r"(?<![.\w])\.\.([A-Za-z_]\w*)", "Write `.{0}` for the field, `.. | .{0}?` for it at any depth"),
        (
            r"(?<!\()[{,]\s*([A-Za-z_]\w*)(?:\s*;|)\s+([A-Za-z_]\w*)\s*[,:}]",
            "Write `,` between the fields: `{{{0}, {1}}}`",
        ),
        (r"\b(join|split)\(\s*([,;|-]) *\)", 'Write `{0}("{1}")`: jq strings stand in double quotes'),
        (r"[{,]\s*(\.[A-Za-z_][\w.]*)\s*:", "Write `{{({0}): …}}`: a name that is computed stands in parentheses"),
        (r"\(\s*/[^/()]+/[a-z]*\s*[,;)]", 'Write `test("…")`: a pattern is a text'),
        (r"\b(?:let|var|const)\s+(\w+)\s*=", "Write `… as ${0} | …`: a variable of jq is bound with `as`"),
        (
            r"\b(?:like|contains|matches|includes)\s+\"",
            'Write `| test("…")` behind it, for a pattern or a part of a text',
        ),
        (r"&&", "Write `and`"),
        (r"\|\|", "Write `or`; for what is null, `//`"),
        (r"===?=|!==", "Write `==`, or `!=`"),
        (r"\$\.([A-Za-z_]\w*)", "Write `.{0}`: jq begins a path with `.`"),
        (r"\.([@$#]\w+)", 'Write `.["{0}"]`: a name with such a sign stands in brackets'),
        (r"//\s*[A-Za-z]\w* ", "Write `# …` for a remark: `//` takes the other where the first is null"),
        (r"\A\s*/([\w/]+)\s*\Z", "Write a path with dots, `.a.b`: a JSON Pointer belongs under `root`"),
        (r"\.(\d+)(?=[.\s|,)\]]|\Z)", "Write `[{0}]` for an entry of a list"),
        (r"\.(\d+[A-Za-z_]\w*)", 'Write `.["{0}"]`: a name that begins with a digit stands in brackets'),
        (r"\A\s*\.([A-Za-z_]\w* [A-Za-z_]\w*)\s*\Z", 'Write `.["{0}"]`: it has a space in it'),
        (
            r"\{\s*\.([A-Za-z_]\w*)\s*[,}]|\{[^{}:|]*,\s*\.([A-Za-z_]\w*)\s*[,}]",
            "Write `{0}{1}` without its dot: `{{{0}{1}}}` takes the field of that name",
        ),
        (r"\?\?", "Write `//`: it takes the other where the first is null or false"),
        (r"\bin\s*\[", "Write `| IN(1, 2)` after what may be one of them"),
        (r"\[\*\]", "Write `[]` for every entry: `.items[]`"),
        (r"\[\?\(?.*?\]", "Write `map(select(.a == 1))` to choose entries"),
        (
            r"=>|\blambda\b|\bfunction\b",
            "Write `map(.name)` for each entry of a list: jq has no functions as values",
        ),
        (r"\bas\s+([A-Za-z_]\w*)", "Write `as ${0}`: a variable of jq begins with `$`"),
        (r"\.([a-z]\w*)\(\s*\)", "Write `| {0}`: a function stands behind a pipe, not behind a dot"),
        (r"\b([a-z]\w*)\(\s*\)", "Write `{0}` without the parentheses: it takes no arguments"),
        (r'[{,]\s*""\s*\.', "Write a `:` between the name and its value"),
        (r"\A\s*\{\s*([A-Za-z_]\w*(?:\.\w+)+)\s*\}\s*\Z", "Write `.{0}`, without the braces"),
        (r"\.([a-z]\w*)\(", "Write `| {0}(…)`: a function stands behind a pipe, not behind a dot"),
        (
            r"[{,]\s*[A-Za-z_]\w*\?\s*:",
            "Write the name without `?`: a reply may leave out any of its fields, or say null",
        ),
        (r"[^?]\?[^?/:]*:", "Write `if … then … else … end`"),
        (r"`", "Write texts in double quotes; `\\(.name)` puts a value into one"),
        (r"\belse\s+if\b", "Write `elif` for `else if`, and one `end`"),
        (r"!(?!=)", "Write `| not` after what is to be turned around"),
        (
            r"\A\s*[A-Za-z]+(?: +[A-Za-z]+)+[.!]?\s*\Z",
            "This is jq: a path to a field begins with `.`, and a text stands in double quotes",
        ),
    )
)
"""What other languages write → what to write in jq; the first that is there counts."""
_ANSWERS = frozenset({"body", "response", "resp", "res", "json", "payload", "answer", "reply", "this", "self"})
_PARAMS = frozenset({"params", "param", "args", "input", "inputs", "arguments", "parameters"})
_LEFT_OPEN = regex(r"(\|=?|//=?|[-+*/%,:=]|==|!=|<=?|>=?|\band\b|\bor\b)\s*\Z")
_PAIRS: Mapping[str, str] = {"(": ")", "[": "]", "{": "}"}


_PATH = regex(r"(?<![\w.])\.(?:params|auth|settings)(?:\.\w+)+")
_PROSE = regex(
    r"\s*(?!(?:if|def|not|try|reduce|foreach|label|import|include)\b)[A-Za-z][\w-]*[ ,:=/-]+(?:[\w ,:;=/!?&-]"
    r"|(?<![\w.])\.(?:params|auth|settings)\.|(?<=\w)\.)*"
)
"""Words with paths among them: `Bearer .auth.key`."""


def fix_for(message: str, source: str, *, request: bool) -> str | None:
    """What to do about the complaint of a compile; None when nothing better is known than the complaint."""
    if request and _PROSE.fullmatch(source):
        told = _PATH.sub(lambda path: f"\\({path[0]})", source.strip())
        return f"Write '\"{told}\"': a text of jq stands in double quotes, and takes a value in \\(…)"
    if "\\(" in source and '"' not in source and "\n" not in source:
        return f"Write '\"{source.strip()[:80]}\"': a text of jq stands in double quotes"
    undefined = _UNDEFINED.search(message)
    if undefined:
        return _of_undefined(undefined, source, request=request)
    strange = re.search(r"unexpected `(.)`", message)
    if strange and unicodedata.category(strange[1]) in ("Zs", "Zl", "Zp", "Cf"):
        return f"A character that cannot be seen (U+{ord(strange[1]):04X}) stands here: type a space, or remove it"
    if (
        source.lstrip().startswith("def ")
        and not source.rstrip().endswith(";")
        and not re.search(r";\s*\S", source)
    ):
        return "End each definition with `;`"
    variable = _VARIABLE.search(message)
    if variable:
        return _of_name(variable[1], source, request=request)
    if "no `" in message and "is open here" in message:
        closed = _open_at_end(source)
        return f"Add the missing `{_PAIRS[closed]}` before it, or remove it" if closed else "Remove it, or open it"
    if "unexpected end" in message:
        left = _LEFT_OPEN.search(source.rstrip())
        if left:
            return f"Write what belongs after `{left[1]}`, or remove it"
        closed = _open_at_end(source)
        return f"Close it with `{_PAIRS[closed]}`" if closed else "Write the rest"
    return _of_message(message, source) or _of_another_language(source)


def _of_undefined(undefined: re.Match[str], source: str, *, request: bool) -> str:
    name = undefined[1]
    if name == "DONE" and not request:
        return 'Write `done: "[DONE]"`: the data of the event that ends a stream is no jq'
    if not undefined[2] and re.search(rf"\[\s*{re.escape(name)}\s*\]", _TEXTS.sub('""', source)):
        return f'Write `.{name}`, or `["{name}"]`, for the field of that name'
    called = _of_call(name, undefined[2] is not None, source)
    return _of_name(name, source, request=request) if called is None else called


def _of_message(message: str, source: str) -> str | None:
    if sealed := _SEALED.search(message):
        return f"Write `.{sealed[1]}` for a field of that name; what a call needs beside the answer is a param"
    if "double quotes" in message:
        return 'Write jq strings as "text"; around the whole expression stand single quotes'
    if message.startswith("unexpected ..") and "..." not in source:
        return "Write one `.` between the names, and none at the end"
    return None


def _of_another_language(source: str) -> str | None:
    """What was meant by jq that is none, going by what other languages write."""
    code = _TEXTS.sub('""', source)
    for form, fix in _FORMS:
        match = form.search(code)
        if (
            match
            and fix.startswith("Write `| {0}")
            and (other := _METHODS.get(match[1]) or _FUNCTIONS.get(match[1]))
        ):
            return f"Write `{other}`" if other.startswith((".", "+")) else f"Write `| {other}` behind it"
        if match:
            return fix.format(*(part or "" for part in match.groups()))
    if len(re.findall(r"\bif\b", code)) > len(re.findall(r"\bend\b", code)):
        return "Add `end`: each `if` has its own; after the first, write `elif`"
    return None


def _of_call(name: str, given: bool, source: str) -> str | None:
    """What was meant by a function with other arguments than it takes, or by a field with a dash in its name."""
    dashed = re.search(rf"\.((?:[A-Za-z_]\w*-)+{re.escape(name)}(?:-\w+)*)\b", _TEXTS.sub('""', source))
    if dashed:
        if source[: dashed.start()].endswith(("params", "settings")):
            return f"Write `.{dashed[1].replace('-', '_')}`: the names of params and settings have no dashes"
        return f'Write `.["{dashed[1]}"]` when that is the name of one field'
    if name in _TAKING:
        return f"Write `{_TAKING[name]}`" + (": a `;` stands between arguments" if given else "")
    if name in _BY and given:
        return f"Write `{name}_by(.name)`"
    if name in _TAKING_NONE and given:
        return f"Write `| {name}` after what it works on: it takes no arguments"
    return None


def _of_name(name: str, source: str, *, request: bool) -> str:
    plain = name.removeprefix("$")
    params = ".params" if request else "$params"
    if plain in _PARAMS:
        return f"Write `{params}`"
    if name.startswith("$") and plain.isupper():
        return "A skill reads no environment variables: a key is put on by `auth`, what a caller gives is a param"
    if plain in _ANSWERS and not request:
        return "Write `.`: it is the answer, and `.name` is a field of it"
    if plain == "return":
        return "Remove it: what an expression gives is what it says"
    if name.startswith("$"):
        return f"Write `{params}.{plain}` when a param is meant, else bind it before: `… as {name} | …`"
    if plain in _FUNCTIONS:
        return f"Write `{_FUNCTIONS[plain]}`"
    near = suggest(plain, _NAMES) if len(plain) > 5 and re.search(rf"\|\s*{re.escape(plain)}\b", source) else None
    if near is not None:
        return f"Write `{_TAKING.get(near, near)}`, or `.{plain}` for a field"
    return f'Write `.{plain}` for a field, "{plain}" for a text, or define it under `definitions`'


def _open_at_end(source: str) -> str | None:
    """The innermost bracket that nothing closes; strings are left out."""
    code = re.sub(r'"(?:[^"\\]|\\.)*"|#[^\n]*', "", source)
    opened: list[str] = []
    for character in code:
        if character in _PAIRS:
            opened.append(character)
        elif opened and character == _PAIRS[opened[-1]]:
            opened.pop()
    return opened[-1] if opened else None
