"""One curl command becomes one utility. Whatever looks like a secret in it is left out and declared as `auth`."""

import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

from agentos_runtime import jsontext
from agentos_runtime.importing.api import Api, Body, Field, ImportProblem, Losses, Operation, Place
from agentos_runtime.importing.declarations import BEARER
from agentos_runtime.importing.secrets import holds_secret
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.header_names import header_problem
from agentos_runtime.manifest.params import FILE

MAX_TEXT = 256 * 1024
_VALUELESS = frozenset({
    "-s", "--silent", "-S", "--show-error", "-L", "--location", "-k", "--insecure", "-i", "--include", "-v",
    "--verbose",
    "--compressed", "-f", "--fail", "-g", "--globoff", "-N", "--no-buffer", "-#", "--http1.1", "--http2", "-O",
})  # fmt: skip
"""How curl talks and prints: nothing of it belongs to the call."""
_IGNORED = frozenset({
    "-o", "--output", "-w", "--write-out", "-m", "--max-time", "--connect-timeout", "--retry", "-x", "--proxy",
    "--cacert", "-D", "--dump-header", "-c", "--cookie-jar", "--resolve",
})  # fmt: skip
_LOST = frozenset({"-k", "--insecure", "-x", "--proxy", "--cacert", "--resolve"})
_SECRET_HEADER = re.compile(r"authorization|cookie|.*(?:api[-_]?key|token|secret|password).*", re.IGNORECASE)
_SECRET_QUERY = re.compile(r"key|token|secret|(?:api|access|auth)[-_]?(?:key|token)|apikey|password", re.IGNORECASE)
_KINDS: Mapping[type, str] = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
}


@dataclass(slots=True)
class _Command:
    """What the options said."""

    url: str = ""
    method: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)
    data: list[str] = field(default_factory=list)
    form: list[str] = field(default_factory=list)
    is_json: bool = False
    user: bool = False
    get: bool = False


def read_curl(text: str, losses: Losses) -> Api:
    """The one call that a command makes. Raises ImportProblem; no message quotes the command."""
    command = _parse(text, losses)
    parts = urlsplit(command.url if "://" in command.url else f"https://{command.url}")
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise ImportProblem("The curl command has no plain http(s) address: write curl 'https://api.example.com/…'")
    method = command.method or ("POST" if (command.data or command.form) and not command.get else "GET")
    if method not in ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"):
        raise ImportProblem("A manifest knows the methods GET, POST, PUT, PATCH, DELETE and HEAD")
    fields: list[Field] = []
    auth: Json = {"type": "basic"} if command.user else None
    pairs = parse_qsl(parts.query, True) + [p for d in command.data if command.get for p in parse_qsl(d, True)]
    for name, value in pairs:
        if _SECRET_QUERY.fullmatch(name):
            auth = _first(auth, {"type": "api_key", "query": name}, losses)
        else:
            fields.append(_field(name, "query", _number(value)))
    kept, auth, content_type = _headers(command, auth, losses)
    body_fields, body = _body(command, content_type) if not command.get else ([], Body())
    operation = Operation(
        method=method,
        path=_path(parts.path),
        description=f"{method} {parts.path or '/'}",
        fields=(*fields, *kept, *body_fields),
        body=body,
    )
    return Api(parts.hostname, "", "", f"{parts.scheme}://{parts.netloc}", (operation,), auth)


def _parse(text: str, losses: Losses) -> _Command:
    if len(text) > MAX_TEXT:
        raise ImportProblem("The curl command is longer than 256 KB")
    try:
        words = shlex.split(text.replace("\\\r\n", " ").replace("\\\n", " "))
    except ValueError:
        raise ImportProblem("The curl command has an open quote") from None
    if words[:1] == ["curl"]:
        words = words[1:]
    command = _Command()
    while words:
        word = words.pop(0)
        option, joined = _option(word)
        if not option.startswith("-") or option == "-":
            command.url = command.url or word
        elif option in _VALUELESS or option in ("-G", "--get", "-I", "--head"):
            _switch(command, option, losses)
        else:
            if joined is None and not words:
                raise ImportProblem(f"The curl option {option[:30]} has no value")
            _take(command, option, words.pop(0) if joined is None else joined, losses)
    if not command.url:
        raise ImportProblem("The curl command has no address")
    return command


def _option(word: str) -> tuple[str, str | None]:
    """`-XPOST` and `--request=POST` as an option and its value."""
    if word.startswith("--"):
        option, equals, value = word.partition("=")
        return option, value if equals else None
    if word.startswith("-") and len(word) > 2 and (word[:2] in _OPTIONS or word[:2] in _IGNORED):
        return word[:2], word[2:]
    return (word, None) if len(word) <= 2 or not set(word[1:]) <= set("sSLkivfgN#") else ("-s", None)


def _switch(command: _Command, option: str, losses: Losses) -> None:
    if option in ("-G", "--get"):
        command.get = True
    elif option in ("-I", "--head"):
        command.method = "HEAD"
    elif option in _LOST:
        losses.add("this option of curl has no counterpart", option)


def _take(command: _Command, option: str, value: str, losses: Losses) -> None:
    read = _OPTIONS.get(option)
    if read is not None:
        read(command, value)
    elif option not in _IGNORED or option in _LOST:
        losses.add("this option of curl has no counterpart", option)


def _header(command: _Command, value: str) -> None:
    name, _, text = value.partition(":")
    command.headers.append((name.strip(), text.strip()))


def _json_data(command: _Command, value: str) -> None:
    command.data.append(value)
    command.is_json = True


def _user(command: _Command, value: str) -> None:
    command.user = True


_OPTIONS: Mapping[str, Callable[[_Command, str], None]] = {
    **dict.fromkeys(("-X", "--request"), lambda command, value: setattr(command, "method", value.upper())),
    **dict.fromkeys(("-H", "--header"), _header),
    **dict.fromkeys(
        ("-d", "--data", "--data-raw", "--data-binary", "--data-ascii", "--data-urlencode"),
        lambda command, value: command.data.append(value),
    ),
    **dict.fromkeys(("-F", "--form", "--form-string"), lambda command, value: command.form.append(value)),
    **dict.fromkeys(("-A", "--user-agent"), lambda command, value: command.headers.append(("User-Agent", value))),
    **dict.fromkeys(("-e", "--referer"), lambda command, value: command.headers.append(("Referer", value))),
    **dict.fromkeys(("-b", "--cookie"), lambda command, value: command.headers.append(("Cookie", value))),
    **dict.fromkeys(("-u", "--user"), _user),
    "--url": lambda command, value: setattr(command, "url", value),
    "--json": _json_data,
}


# ------------------------------------------------------------------ meaning


def _headers(command: _Command, auth: Json, losses: Losses) -> tuple[list[Field], Json, str]:
    """The headers that are sent as they are, what proves the call, and the body's type."""
    kept: list[Field] = []
    content_type = "application/json" if command.is_json else ""
    for name, value in command.headers:
        if name.lower() == "content-type":
            content_type = value.split(";")[0].strip().lower()
        elif _SECRET_HEADER.fullmatch(name):
            auth = _first(auth, _credential(name, value), losses)
        elif name.lower() == "accept" or header_problem(name):
            continue
        else:
            kept.append(_field(name, "header", value))
    return kept, auth, content_type


def _first(auth: Json, other: Json, losses: Losses) -> Json:
    if auth is not None and auth != other:
        losses.add("the command carries several secrets; one of them is asked for")
    return auth or other


def _credential(name: str, value: str) -> Json:
    scheme, _, rest = value.partition(" ")
    if name.lower() != "authorization":
        return (
            {"header": {"Cookie": "{cookie}"}} if name.lower() == "cookie" else {"type": "api_key", "header": name}
        )
    if scheme.lower() == "basic":
        return {"type": "basic"}
    if scheme.lower() == "bearer":
        return dict(BEARER)
    return (
        {"type": "api_key", "header": name, "prefix": f"{scheme} "} if rest else {"type": "api_key", "header": name}
    )


def _body(command: _Command, content_type: str) -> tuple[list[Field], Body]:
    if command.form:
        return [_form_field(part) for part in command.form], Body("multipart")
    if not command.data:
        return [], Body()
    text = "&".join(command.data) if not command.is_json else "".join(command.data)
    value = _json(text)
    if isinstance(value, dict):
        return [_field(name, "body", below) for name, below in value.items()], Body("json")
    if value is not None and "json" in content_type:
        return [_field("body", "body", value)], Body("json", whole=True)
    if content_type in ("", "application/x-www-form-urlencoded") and "=" in text:
        return [_field(name, "body", _number(below)) for name, below in parse_qsl(text, True)], Body("form")
    own = content_type if content_type not in ("", "text/plain") else None
    return [_field("text", "body", text)], Body("text", own, whole=True)


def _form_field(part: str) -> Field:
    name, _, value = part.partition("=")
    if value.startswith("@"):
        return Field(name, "body", {"type": FILE}, True)
    return Field(name, "body", {"type": "string"}) if value.startswith("<") else _field(name, "body", value)


def _field(name: str, place: Place, value: Json) -> Field:
    """A param whose default makes the call what the command was."""
    if value is None:
        return Field(name, place, {})
    if (place == "body" and _SECRET_QUERY.fullmatch(name)) or holds_secret(value):
        return Field(name, place, {"type": "string"}, True)
    return Field(name, place, {"type": _KINDS[type(value)], "default": value})


def _json(text: str) -> Json:
    try:
        return jsontext.parse(text)
    except jsontext.JsonTextError:
        return None


def _number(text: str) -> Json:
    value = _json(text) if re.fullmatch(r"-?(?:0|[1-9]\d{0,14})(?:\.\d+)?|true|false", text) else None
    return text if value is None else value


def _path(path: str) -> str:
    """The path as a literal: braces that stand in it are no params."""
    return path.replace("{", "%7B").replace("}", "%7D") or "/"
