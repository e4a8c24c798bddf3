"""Urls as authors write them: literal with `{name}`, relative to `api.base_url`, or jq with a literal origin."""

import re
from collections.abc import Callable, Container, Iterable, Mapping
from urllib.parse import quote, urlsplit

from agentos_runtime.jq.program import classify
from agentos_runtime.jq.sums import needed
from agentos_runtime.manifest.mistakes.fixes import scheme_fix
from agentos_runtime.manifest.mistakes.references import report_lookalikes
from agentos_runtime.manifest.model import Jq, Literal, TemplateParam, UrlTemplate
from agentos_runtime.manifest.origins import origin_of
from agentos_runtime.manifest.sections.expressions import auth_fields
from agentos_runtime.manifest.sections.reading import Scope
from agentos_runtime.manifest.yaml.values import Cursor
from agentos_runtime.regexes import regex
from agentos_runtime.suggest import suggest

_OTHER_FORM = regex(r"(?:curl\s|(?P<method>get|post|put|patch|delete|head)\s+(?=[/h]))", re.IGNORECASE)
"""A request line, or a command."""
_NO_ESCAPE = regex(r"%(?![0-9A-Fa-f]{2}).?")
_BRACES = regex(r"\{([^{}]*)\}")
_PARAM = regex(r"(\+?)([A-Za-z_][A-Za-z0-9_]*)")
_LITERAL_ORIGIN = regex(r'[\s(]*"https?://[^"\\/?#\s@{}]+[/?"]')
_LITERAL_PATH = regex(r'[\s(]*"/')
Url = Literal | UrlTemplate | Jq


def read_url(cursor: Cursor, scope: Scope) -> Url | None:
    """The url of a call; None after reporting what is wrong with it."""
    if not isinstance(cursor.json, str):
        return None
    return _READERS[classify(cursor.json, scope.reading.names)](cursor, cursor.json, scope)


def _literal(cursor: Cursor, text: str, scope: Scope) -> Url | None:
    relative = re.match(r"[\w.-]+/|\?", text)
    if not relative and not _OTHER_FORM.match(text) and report_lookalikes(cursor, text, scope, url=True):
        return None
    scope.report.error(
        cursor.place,
        "a url begins with https://, http:// or /",
        f"Write .{text}, for the field of the first reply"
        if cursor.path.endswith(".poll.url") and text.isidentifier()
        else _literal_fix(text, scope.reading.base_url),
        cursor.length,
    )
    return None


def _literal_fix(text: str, base_url: str | None) -> str:
    if (other := _OTHER_FORM.match(text)) is not None:
        address = re.search(r"https?://[^\s'\"]+|/[^\s'\"]*", text)
        method = f"`method: {other['method'].upper()}` and " if other["method"] else ""
        return f"Write {method}`url: {address[0] if address else '/…'}`"
    if text[:1] in ("\u2018", "\u201c"):
        return "Write straight quotes, or none"
    if (scheme := scheme_fix(text)) is not None:
        return scheme
    if "." in text.split("/")[0]:
        return f"Write https://{text}"
    if base_url is not None and re.match(r"[\w{]", text):
        return f"Write /{text}"
    return "Write the whole address, or set `api.base_url`"


def _address(cursor: Cursor, text: str, scope: Scope) -> Url | None:
    if report_lookalikes(cursor, text, scope, url=True):
        return None
    if _has_strange_part(cursor, text, scope):
        return None
    prefix = ""
    if text.startswith("/"):
        if scope.reading.base_url is None:
            scope.report.error(
                cursor.place,
                "a url that begins with / needs `api.base_url`",
                "Add `api: {base_url: https://…}` at the top level, or write the whole address",
                cursor.length,
            )
            return None
        prefix = scope.reading.base_url.rstrip("/")
    parts = template_parts(cursor, text, scope, strict=True)
    problem = address_problem(prefix + "".join(part if isinstance(part, str) else "{x}" for part in parts))
    if problem:
        scope.report.error(cursor.place, f"this url {problem}", address_fix(problem), cursor.length)
        return None
    if prefix:
        parts = _merged([prefix, *parts])
    if any(isinstance(part, TemplateParam) for part in parts):
        return UrlTemplate(parts, cursor.place)
    return Literal("".join(part for part in parts if isinstance(part, str)))


def _has_strange_part(cursor: Cursor, text: str, scope: Scope) -> bool:
    """Report a `%` that is no escape, as `%s` of a format, and a path that begins with two slashes."""
    for escape in _NO_ESCAPE.finditer(text):
        place = cursor.document.place(cursor.path, cursor.offset_at(escape.start()))
        message = f"`{escape[0]}` is no percent-encoded character"
        fix = "Write {name} where a param goes" if escape[0][1:].isalpha() else "Write %25 for a percent sign"
        scope.report.error(place, message, fix, len(escape[0]))
        return True
    if text.startswith("//"):
        host = "." in text[2:].split("/")[0]
        fix = f"Write https:{text}" if host else f"Write /{text.lstrip('/')}"
        scope.report.error(cursor.place, "a url does not begin with two slashes", fix, cursor.length)
        return True
    return False


def _jq(cursor: Cursor, text: str, scope: Scope) -> Url | None:
    if text.startswith(("{", "$")) and report_lookalikes(cursor, text, scope, url=True):
        return None
    base = scope.reading.base_url if _LITERAL_PATH.match(text) else None
    if base is None and not _LITERAL_ORIGIN.match(text):
        scope.report.error(
            cursor.place,
            "a jq url must begin with a literal origin, so that no param can change where the call goes",
            _beginning(text),
            cursor.length,
        )
        return None
    scope.note(cursor, text, "request", compile_check=True)
    fields = auth_fields(cursor, text, scope) | scope.reading.auth_of(text)
    return Jq(text, cursor.place, fields, (base or "").rstrip("/"), needed(text))


def _beginning(text: str) -> str:
    """How a url that is taken for jq should begin."""
    if re.match(r"\.{1,2}/", text):
        return f"Write {text.lstrip('.')}: it stands after `api.base_url`"
    return 'Begin it like "https://api.example.com/…" + …, or write a literal url with {name}'


def address_problem(url: str) -> str | None:
    """What is wrong with an absolute literal url (`{x}` for each param), in words that follow "this url"."""
    if "\\(" in url:
        return _JQ
    if any(character <= " " or character in '\\"<>' or character == "\x7f" for character in url):
        return _SPACE
    try:
        parts = urlsplit(url)
        port_given = parts.port is not None or not parts.netloc.endswith(":")
    except ValueError:
        return _HOST
    if not parts.hostname or not port_given:
        return _NO_HOST if not parts.hostname else _NO_PORT
    if "@" in parts.netloc:
        return _USER
    if "{" in parts.netloc:
        return _PARAM_HOST
    if parts.fragment or url.endswith("#"):
        return _FRAGMENT
    if parts.scheme in ("http", "https") and not origin_of(url):
        return _host_problem(parts.hostname)
    beyond = re.search(r"[^\x00-\x7f]{1,20}", url)
    return f"{_BEYOND}: `{beyond[0]}` is `{quote(beyond[0])}`" if beyond else None


def _host_problem(host: str) -> str:
    """What keeps the host of a url that can be read otherwise from being one that calls may go to."""
    if host.isascii():
        return _DOT if host.endswith(".") else _NOT_CALLED
    try:
        written = host.encode("idna")
        same = written.decode("idna") == host
    except UnicodeError:
        same = False
    return f"{_FOREIGN}: `{written.decode()}`" if same else _FOREIGN


_HOST = "has a host or port that cannot be read"
_NO_HOST = "names no host"
_NO_PORT = "has a `:` but no port"
_NOT_CALLED = "has a host or port that cannot be called"
_DOT = "has a host that ends in a dot"
_FOREIGN = "has a host with letters beyond ASCII, which is called by its ASCII form"
_JQ = "has jq in it, and is sent as it stands"
_BEYOND = "has characters beyond ASCII, which a url holds percent-encoded"
_SPACE = 'has a space or one of \\ " < > in it'
_USER = "contains a user name or password; say it under `auth`"
_FRAGMENT = "has a #fragment, which is never sent"
_PARAM_HOST = "has a param in its host: where a call goes must be literal"
_ADDRESS_FIXES: Mapping[str, str] = {
    _HOST: "Write a host and, if it needs one, a port from 1 to 65535: https://api.example.com:8443",
    _NOT_CALLED: "Write the host as it is registered and, if it needs one, a port from 1 to 65535",
    _NO_HOST: "Write two slashes and then the host: https://api.example.com/…",
    _NO_PORT: "Remove the `:`, or write the port behind it",
    _USER: "Remove it from here and write `auth: {type: basic}`; `agentos keys set` asks for both",
    _JQ: "Write the address itself; in the path and the query of a utility's url {name} is a param",
    _SPACE: "Write %20 for a space, and percent-encode the others; a param in {name} is encoded by itself",
    _FOREIGN: "Write the host as it is registered, `xn--…`",
    _DOT: "Write it without the dot",
    _PARAM_HOST: "Write the host itself: a skill calls one service",
    _FRAGMENT: "Remove it; a `#` that is meant is written %23",
}


def address_fix(problem: str) -> str | None:
    """What to do about what `address_problem` found."""
    if problem.startswith(f"{_FOREIGN}:"):
        return f"Write {problem.split('`')[1]} for the host"
    if problem.startswith(_BEYOND):
        _, character, _, encoded, _ = problem.split("`")
        return f"Write {encoded} for {character}; a param in {{name}} is encoded by itself"
    return _ADDRESS_FIXES.get(problem)


def template_parts(cursor: Cursor, text: str, scope: Scope, *, strict: bool) -> tuple[str | TemplateParam, ...]:
    """`text` cut at its `{name}`s; names that are no params are reported.

    `strict` also reports braces that hold no name; otherwise they are literal text.
    """
    parts: list[str | TemplateParam] = []
    end = 0
    for braces in _BRACES.finditer(text):
        param = _PARAM.fullmatch(braces[1])
        if param is None and not strict:
            continue
        parts.append(text[end : braces.start()])
        end = braces.end()
        if param is None:
            _report_braces(cursor, braces, scope)
            continue
        parts.append(TemplateParam(param[2], bool(param[1])))
        if param[2] not in scope.params:
            _report_undeclared(cursor, param[2], braces.start() + 1, scope)
    parts.append(text[end:])
    if strict and re.search(r"[{}]", "".join(part for part in parts if isinstance(part, str))):
        scope.report.error(cursor.place, "a `{` or `}` stands alone in this url", "Write {name}", cursor.length)
    return _merged(parts)


def _report_braces(cursor: Cursor, braces: re.Match[str], scope: Scope) -> None:
    name = re.sub(r"\W+", "_", braces[1]).strip("_")
    scope.report.error(
        cursor.document.place(cursor.path, cursor.offset_at(braces.start())),
        "braces in a url hold the name of a param",
        f"Write {{{name}}}" if name.isidentifier() else "Write {name}, or {+name} to keep its slashes",
        len(braces[0]),
    )


def _report_undeclared(cursor: Cursor, name: str, index: int, scope: Scope) -> None:
    fix = f"Declare it under `params`: `{name}: {{type: string, required: true}}`"
    if cursor.path.endswith(".poll.url"):
        fix += f"; a field of the first reply is `.{name}` in jq, as in '\"/jobs/\" + .{name}'"
    scope.report.error(
        cursor.document.place(cursor.path, cursor.offset_at(index)),
        f"`{name}` is not a param of {scope.utility}",
        did_you_mean(name, scope.params) or fix,
        len(name),
    )


def did_you_mean(name: str, known: Container[str] | Iterable[str]) -> str | None:
    guess = suggest(name, known) if isinstance(known, Iterable) else None
    return f"Did you mean `{guess}`?" if guess else None


def _merged(parts: Iterable[str | TemplateParam]) -> tuple[str | TemplateParam, ...]:
    """Neighbouring texts made one, empty ones left out."""
    merged: list[str | TemplateParam] = []
    for part in parts:
        if isinstance(part, str) and merged and isinstance(merged[-1], str):
            merged[-1] += part
        elif part:
            merged.append(part)
    return tuple(merged)


_READERS: Mapping[str, Callable[[Cursor, str, Scope], Url | None]] = {
    "literal": _literal,
    "url": _address,
    "jq": _jq,
}
