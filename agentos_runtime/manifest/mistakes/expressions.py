"""jq that compiles and means something else than its author did, and requests that say two things: small rules."""

import re
from collections.abc import Callable, Container, Iterable, Iterator

from agentos_runtime.diagnostics import Problem
from agentos_runtime.manifest.model import Literal
from agentos_runtime.manifest.sections.subject import Subject, declared, warn, warn_at
from agentos_runtime.manifest.yaml.values import Cursor
from agentos_runtime.regexes import regex

_TEXT = regex(r'"(?:[^"\\]|\\.)*"')
_BRACES = regex(r"(?<![{\\$])(?:\{\{?|\$\{)\s*(?:\$?\.?(?:params|args|inputs?)\.)?(\w+)\s*\}?\}")
_PARENTHESES = regex(r"(?<!\\)\(\s*\$?\.?params\.([A-Za-z_]\w*)[^()\"]*\)")
_DOLLAR = regex(r"(?<=\A\")\$([A-Za-z_]\w*)(?=\"\Z)")
_SETS = regex(r"(?:\b(?:select|any|all)\([^|;()]*?|\bif\b(?:(?!\bthen\b)[^|;])*?)(?<![=!<>|+*/%-])=(?!=)")
_BUILTIN = regex(
    r"\s*(?P<name>error|keys|values|type|first|last|add|length|min|max|not|now|empty|range|paths|map|path"
    r"|group|limit|unique|sort|reverse|any|all|flatten|recurse|splits|split|test|has|contains)"
    r"(?:\.|\[)[A-Za-z_\"'\[]"
)
_BODY = regex(r"\$response\s*\.\s*(?P<name>body|data|json|text|content|code|status_code|statusCode|header)\b")
_AUTH = regex(r"(?<![\w/:$)\]}\"])\.auth\s*\.\s*(?P<name>[A-Za-z_]\w*)|\$auth\b")
_SETS_ALL = regex(r"(?:\A|\band\b|\bor\b)\s*\.(?:[\w.]|\[[^\]|]*\])*\s*(?<![=!<>|+*/%-])=(?!=)")
_CONDITIONS = (".response.error", ".stream.error", ".stream.end", ".poll.until", ".poll.failed")
_PATH_AS_TEXT = regex(r'"(?P<path>\s*(?P<root>\.params|\$params)\.(?P<name>[A-Za-z_]\w*)[\w.\[\]]*\s*)"')
_NOT_A_FIELD = regex(r"(?<![\w.$@])not[ \t]+(?P<field>\.[A-Za-z_\[\"][\w.]*)")
_EACH = regex(r"\s*(?:\.[A-Za-z_]\w*)*\.?\[\](?:\s*\||\s*\.\w|\s*\Z)")
_LIST = regex(r"\s*(?:\[|(?:map|sort_by|group_by|unique_by)\()")
LONG = 1800
"""Seconds from which a timeout is taken for milliseconds."""
LONGEST = 86400
"""More is an error by itself."""


def sets_instead_of_comparing(subject: Subject) -> Iterator[Problem]:
    """`select(.a = 1)` chooses everything, and `until: .state = "done"` is true at once."""
    for found in subject.found:
        code = blanked(found.source)
        whole = found.cursor.path.endswith(_CONDITIONS)
        for match in (*_SETS.finditer(code), *(_SETS_ALL.finditer(code) if whole else ())):
            message = "`=` sets a value here, and what it gives is always true"
            yield warn_at(found.cursor, match.end() - 1, 1, message, "Write `==` to compare")


def builtin_for_a_field(subject: Subject) -> Iterator[Problem]:
    """`error.message` calls jq's `error`."""
    for found in subject.found:
        match = _BUILTIN.match(found.source)
        if match is not None and match["name"] not in _names_defined(subject):
            start = match.start("name")
            message = f"`{match['name']}` is a function of jq here, not a field"
            fix = f"Write `.{found.source.strip()[:60]}`"
            yield warn_at(found.cursor, start, len(match["name"]), message, fix)


def _names_defined(subject: Subject) -> frozenset[str]:
    return frozenset(re.findall(r"\bdef\s+(\w+)", subject.skill.definitions))


def other_parts_of_response(subject: Subject) -> Iterator[Problem]:
    """`$response` is `{status, headers}`; the body is `.`."""
    for found in subject.found:
        for match in _BODY.finditer(blanked(found.source)) if found.side == "response" else ():
            fix = {"header": "Write `$response.headers`"}.get(match["name"], "The body is `.`: write `.name`")
            if "code" in match["name"].lower():
                fix = "Write `$response.status`"
            message = f"`{match[0]}` is always null: `$response` holds `status` and `headers`"
            yield warn_at(found.cursor, match.start(), len(match[0]), message, fix)


def credential_in_answer(subject: Subject) -> Iterator[Problem]:
    """No response sees the credential."""
    fields = {name for auth in subject.skill.auth.values() for name in (*auth.fields, "key", "token")}
    for found in subject.found:
        for match in _AUTH.finditer(blanked(found.source)) if found.side == "response" else ():
            if match["name"] is None or match["name"] in fields:
                message = f"`{match[0]}` asks the answer: an expression over it never sees the credential"
                yield warn_at(found.cursor, match.start(), len(match[0]), message, "Remove it")


def several_values(subject: Subject) -> Iterator[Problem]:
    """A transform that gives a value for each entry, where one is wanted."""
    for utility, cursor in subject.utilities:
        transform = utility.rest.response.transform
        below = cursor.at("rest", "response").get("transform") if transform else None
        if transform is None or below is None:
            continue
        match = _EACH.match(blanked(transform.source))
        if match is not None:
            message = "this gives a value for each entry, and a reply is one value"
            yield warn(below, message, f"Write `[{transform.source.strip()[:60]}]`, or `map(…)`")


def param_in_a_text(subject: Subject) -> Iterator[Problem]:
    """`"{size}"`, `"(.params.size)"` and `"$size"` in jq are texts; jq puts `\\(…)` in."""
    for utility, _ in subject.utilities:
        known = declared(utility)
        for found in subject.expressions.get(utility.name, ()):
            for start, written, name, whole in (
                params_in_texts(found.source, known) if found.side == "request" else ()
            ):
                message = f"`{written}` is sent as it stands: it is a text of jq"
                fix = f"Write `.params.{name}`, without the quotes" if whole else f"Write `\\(.params.{name})`"
                yield warn_at(found.cursor, start, len(written), message, fix)


def path_in_a_text(subject: Subject) -> Iterator[Problem]:
    """`'".params.q"'` is the text `.params.q`."""
    for utility, _ in subject.utilities:
        known = declared(utility)
        for found in subject.expressions.get(utility.name, ()):
            for match in _PATH_AS_TEXT.finditer(found.source):
                if match["name"] in known and (found.side == "request" or match["root"] == "$params"):
                    message = f"`{match['path'].strip()}` in quotes is a text, and not what the caller gave"
                    fix = f"Write `{match['path'].strip()}`, without the double quotes"
                    yield warn_at(found.cursor, match.start(), len(match[0]), message, fix)


def not_before_a_field(subject: Subject) -> Iterator[Problem]:
    """`not .a` looks for `a` in what `not` gives, which has no fields."""
    for found in subject.found:
        code = blanked(found.source)
        for match in _NOT_A_FIELD.finditer(code):
            written = found.source[match.start("field") : match.end("field")]
            message = "`not` is a function of jq that stands behind a pipe: here it fails in every call"
            yield warn_at(found.cursor, match.start(), 3, message, f"Write `({written} | not)`")


def params_in_texts(source: str, params: Container[str]) -> Iterator[tuple[int, str, str, bool]]:
    """Each param in braces within a text of jq: where, how, which, and whether it is the whole text."""
    for text in _TEXT.finditer(source):
        for form in (_BRACES, _PARENTHESES, _DOLLAR):
            for match in form.finditer(text[0]):
                if match[1] in params:
                    yield text.start() + match.start(), match[0], match[1], text[0][1:-1] == match[0]


def other_content_type(subject: Subject) -> Iterator[Problem]:
    """A content type that the body is not written in."""
    for utility, cursor in subject.utilities:
        rest = utility.rest
        headers = cursor.at("rest").get("headers")
        for name, node in rest.headers.entries if rest.body is not None else ():
            if name.lower() != "content-type" or not isinstance(node, Literal) or not isinstance(node.value, str):
                continue
            kind = node.value.lower().partition(";")[0].strip()
            wanted = {"application/x-www-form-urlencoded": "form", "multipart/form-data": "multipart"}.get(kind)
            wanted = wanted or ("json" if kind == "application/json" else None)
            if rest.encoding in ("text", "binary") and wanted != "multipart":
                continue  # one text, or one file, may hold a form or JSON
            below = headers.get(name) if headers else None
            if wanted is not None and wanted != rest.encoding and below is not None:
                message = f"the body is written as `{rest.encoding}`, which this header says it is not"
                fix = (
                    f"Write `encoding: {wanted}` and remove the header" if wanted != "json" else "Remove the header"
                )
                yield warn(below, message, fix)


def timeout_in_milliseconds(subject: Subject) -> Iterator[Problem]:
    """`timeout: 30000` is more than eight hours."""
    for _, cursor in subject.utilities:
        for where, key in ((cursor.at("rest"), "timeout"), (cursor.at("rest").get("stream"), "idle_timeout")):
            below: Cursor | None = where.get(key) if where is not None else None
            seconds = below.json if below else None
            if (
                below is not None
                and isinstance(seconds, int | float)
                and LONGEST >= seconds >= LONG
                and seconds % 500 == 0
            ):
                message = f"`{key}` counts seconds, and this is {seconds / 3600:.1f} hours"
                yield warn(below, message, f"Write {seconds / 1000:g} when milliseconds were meant")


def gives_list(source: str) -> bool:
    """Whether jq gives nothing but a list, as far as its last step shows: `[…]` or `map(…)`."""
    code, depth, start = blanked(source).strip(), 0, 0
    for at, sign in enumerate(code):
        if sign in "([{":
            depth += 1
        elif sign in ")]}":
            depth -= 1
            if depth == 0 and at < len(code) - 1 and code[at + 1 :].lstrip()[:1] not in ("|", ""):
                start = len(code)  # something follows the bracket, until the next step begins
        elif sign == "|" and depth == 0:
            start = at + 1
    return _LIST.match(code[start:]) is not None and code.endswith(("]", ")"))


def blanked(source: str) -> str:
    """The source with its texts blanked out, so that places stay."""
    return _TEXT.sub(lambda match: '"' + " " * (len(match[0]) - 2) + '"', source)


RULES: tuple[Callable[[Subject], Iterable[Problem]], ...] = (
    sets_instead_of_comparing,
    builtin_for_a_field,
    other_parts_of_response,
    credential_in_answer,
    several_values,
    param_in_a_text,
    path_in_a_text,
    not_before_a_field,
    other_content_type,
    timeout_in_milliseconds,
)
