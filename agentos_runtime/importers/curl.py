"""One curl command becomes one utility. Whatever looks like a secret in it is left out and declared as `auth`."""

import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

from agentos_runtime import jsontext
from agentos_runtime.importers.api import Api, Body, Field, ImportProblem, Losses, Operation, Place
from agentos_runtime.importers.declarations import BEARER
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.headers.names import header_problem
from agentos_runtime.manifest.params import FILE
from agentos_runtime.manifest.secrets.names import Secrecy, is_key, secrecy
from agentos_runtime.manifest.secrets.shapes import holds_secret

MAX_TEXT = 256 * 1024
_VALUELESS = frozenset({
    "--silent", "--show-error", "--location", "--location-trusted", "--insecure", "--include", "--verbose",
    "--compressed", "--fail", "--fail-with-body", "--globoff", "--no-buffer", "--progress-bar", "--http0.9",
    "--http1.0", "--http1.1", "--http2", "--http2-prior-knowledge", "--http3", "--http3-only", "--remote-name",
    "--remote-name-all", "--remote-header-name", "--remote-time", "--no-progress-meter", "--no-keepalive",
    "--no-sessionid", "--no-alpn", "--ipv4", "--ipv6", "--tlsv1", "--tlsv1.0", "--tlsv1.1", "--tlsv1.2",
    "--tlsv1.3", "--ssl", "--ssl-reqd", "--path-as-is", "--create-dirs", "--raw", "--tr-encoding",
    "--tcp-nodelay", "--tcp-fastopen", "--parallel", "--next", "--styled-output", "--anyauth", "--basic",
    "--digest", "--ntlm", "--negotiate", "--junk-session-cookies", "--post301", "--post302", "--post303",
    "--proxytunnel", "--proxy-basic", "--proxy-digest", "--disable", "--netrc", "--netrc-optional",
    "--retry-connrefused", "--retry-all-errors", "--cert-status", "--false-start", "--doh-insecure",
    "--proxy-insecure", "--xattr", "--metalink", "--crlf", "--append", "--list-only", "--use-ascii",
    "--suppress-connect-headers", "--trace-time",
})  # fmt: skip
"""How curl talks and prints: nothing of it belongs to the call."""
_FLAGS = frozenset("sSLkivfgN#OJR46anpqjBlZ01239")
"""The same in one letter."""
_IGNORED = frozenset({
    "-o", "--output", "-w", "--write-out", "-m", "--max-time", "--connect-timeout", "--retry", "-x", "--proxy",
    "--cacert", "-D", "--dump-header", "-c", "--cookie-jar", "--resolve", "--retry-delay", "--retry-max-time",
    "--output-dir", "--max-redirs", "--stderr", "--trace", "--trace-ascii", "--limit-rate", "-y", "-Y", "-z", "-C",
})  # fmt: skip
_LOST = frozenset({"-k", "--insecure", "-x", "--proxy", "--cacert", "--resolve"})
_OF_THE_CALLER = "token"
"""The param that stands for a secret in a path."""
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
    query: list[tuple[str, str]] = field(default_factory=list)
    is_json: bool = False
    user: bool = False
    get: bool = False


def read_curl(text: str, losses: Losses) -> Api:
    """The one call that a command makes. Raises ImportProblem; no message quotes the command."""
    command = _parse(text, losses)
    try:
        parts = urlsplit(command.url if "://" in command.url else f"https://{command.url}")
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise ImportProblem("The curl command has no plain http(s) address: write curl 'https://api.example.com/…'")
    method = command.method or ("POST" if (command.data or command.form) and not command.get else "GET")
    if method not in ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"):
        raise ImportProblem("A manifest knows the methods GET, POST, PUT, PATCH, DELETE and HEAD")
    fields: list[Field] = []
    auth: Json = {"type": "basic"} if command.user else None
    pairs = parse_qsl(parts.query, True) + [p for d in command.data if command.get for p in parse_qsl(d, True)]
    for name, value in [*pairs, *command.query]:
        if _is_secret(name, value):
            auth = _first(auth, {"type": "api_key", "query": name}, losses)
        else:
            fields.append(_field(name, "query", _number(value)))
    kept, auth, content_type = _headers(command, auth, losses)
    body_fields, body = _body(command, content_type) if not command.get else ([], Body())
    path = _path(parts.path)
    if "{" in path:
        fields.append(Field(_OF_THE_CALLER, "path", {"type": "string"}, True))
    operation = Operation(
        method=method,
        path=path,
        description=f"{method} {path}",
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
        if not word.startswith("-") or word == "-":
            command.url = command.url or word
            continue
        for option, joined in _options(word):
            if option in _SWITCHES or option in _VALUELESS or option[1:] in _FLAGS:
                _switch(command, option, losses)
                continue
            if joined is None and not words:
                raise ImportProblem(f"The curl option {_named(option)} has no value")
            _take(command, option, words.pop(0) if joined is None else joined, losses)
    if not command.url:
        raise ImportProblem("The curl command has no address")
    return command


def _options(word: str) -> Iterator[tuple[str, str | None]]:
    """`-sXPOST` and `--request=POST` as options and what is joined to them; never a value as an option."""
    if word.startswith("--"):
        option, equals, value = word.partition("=")
        yield option, value if equals else None
        return
    for index, letter in enumerate(word[1:], 1):
        option = f"-{letter}"
        if letter in _FLAGS or option in ("-G", "-I"):
            yield option, None
            continue
        yield option, word[index + 1 :] or None
        return


def _named(option: str) -> str:
    return option if re.fullmatch(r"-\w|--[a-z0-9.-]{1,30}", option) else "that is not known"


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
        losses.add("this option of curl has no counterpart", _named(option))


def _header(command: _Command, value: str) -> None:
    name, _, text = value.partition(":")
    command.headers.append((name.strip(), text.strip()))


def _json_data(command: _Command, value: str) -> None:
    command.data.append(value)
    command.is_json = True


def _user(command: _Command, value: str) -> None:
    command.user = True


def _bearer(command: _Command, value: str) -> None:
    command.headers.append(("Authorization", "Bearer"))


def _query(command: _Command, value: str) -> None:
    command.query += parse_qsl(value, True)


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
    "--oauth2-bearer": _bearer,
    "--url-query": _query,
    "--url": lambda command, value: setattr(command, "url", value),
    "--json": _json_data,
}
_SWITCHES = frozenset({"-G", "--get", "-I", "--head"})


# ------------------------------------------------------------------ meaning


def _headers(command: _Command, auth: Json, losses: Losses) -> tuple[list[Field], Json, str]:
    """The headers that are sent as they are, what proves the call, and the body's type."""
    kept: list[Field] = []
    content_type = "application/json" if command.is_json else ""
    for name, value in command.headers:
        if name.lower() == "content-type":
            content_type = value.split(";")[0].strip().lower()
        elif name.lower() == "accept" or header_problem(name):
            continue
        elif _is_secret(name, value):
            auth = _first(auth, _credential(name, value), losses)
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
    if (place == "body" and _is_secret(name, value)) or holds_secret(value, name):
        return Field(name, place, {"type": _KINDS[type(value)]}, True)
    return Field(name, place, {"type": _KINDS[type(value)], "default": value})


def _json(text: str) -> Json:
    try:
        return jsontext.parse(text)
    except jsontext.JsonTextError:
        return None


def _number(text: str) -> Json:
    value = _json(text) if re.fullmatch(r"-?(?:0|[1-9]\d{0,14})(?:\.\d+)?|true|false", text) else None
    return text if value is None else value


def _is_secret(name: str, value: Json) -> bool:
    """Whether it is left to the credential: by its name, or by what stands there."""
    if is_key(name):
        return not isinstance(value, dict | list)
    return secrecy(name) is Secrecy.MAYBE and holds_secret(value, name)


def _path(path: str) -> str:
    """The path as a literal, with a param in the place of a secret."""
    segments = path.split("/")
    shown = [f"{{{_OF_THE_CALLER}}}" if holds_secret(unquote(one)) else _as_literal(one) for one in segments]
    first = next((one for one, text in zip(segments, shown, strict=True) if text == f"{{{_OF_THE_CALLER}}}"), None)
    if first is not None and re.match(r"bot\d+:", first):
        shown[segments.index(first)] = f"bot{{{_OF_THE_CALLER}}}"
    return "/".join(shown) or "/"


def _as_literal(path: str) -> str:
    """Braces that stand in it are no params."""
    return path.replace("{", "%7B").replace("}", "%7D")
