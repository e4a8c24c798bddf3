"""One curl command becomes one utility. Whatever looks like a secret in it is left out and declared as `auth`."""

import re
from collections.abc import Callable, Mapping
from dataclasses import field
from urllib.parse import quote, quote_plus, urlsplit

from agentos_runtime.frozen import dataclass
from agentos_runtime.importers.api import Api, ImportProblem, Losses
from agentos_runtime.importers.curl.options import WITHOUT_COUNTERPART, Option, options
from agentos_runtime.importers.curl.words import Line, read_line
from agentos_runtime.importers.samples.blanks import CLOSE, OPEN, blank
from agentos_runtime.importers.samples.bodies import FORM, JSON, parsed
from agentos_runtime.importers.samples.operations import read_sample
from agentos_runtime.importers.samples.request import Body, FromFile, Part, Parts, Sample, Text
from agentos_runtime.regexes import regex

MAX_TEXT = 256 * 1024
_BLANKS = regex(f"({OPEN}[^{CLOSE}]*{CLOSE})")
_TYPED = regex(
    r"(.*?)((?:;\s*(?:type|filename|headers|encoder)=(?:\"[^\"]*\"|[^;]*(?:;\s*charset=[^;]*)?))+)$", re.DOTALL
)


_ESCAPED = regex(r"\s*[\[{]\s*\\\"")


@dataclass(slots=True)
class _Command:
    """What the options said."""

    stdin: str | None
    urls: list[str] = field(default_factory=list)
    method: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)
    data: list[str] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    query: list[str] = field(default_factory=list)
    file: FromFile | None = None
    """A body that lies in a file, and how it is sent."""
    upload: str | None = None
    user: str | None = None
    told: list[tuple[str, str]] = field(default_factory=list)
    """What is lost of the command, and where."""
    globs: bool = True
    untyped: bool = False
    """The type of the body is taken away."""
    is_json: bool = False
    get: bool = False
    head: bool = False


def read_curl(text: str, losses: Losses) -> Api:
    """The one call that a command makes. Raises ImportProblem; no message quotes the command."""
    if len(text) > MAX_TEXT:
        raise ImportProblem("The curl command is longer than 256 KB")
    line = read_line(text)
    command = _command(line, losses)
    if not command.urls:
        raise ImportProblem("The curl command has no address")
    if len(command.urls) > 1 or line.more:
        losses.add("the text calls several addresses: the first is imported, import the others by themselves")
    read = read_sample(_sample(command, losses), losses)
    host = urlsplit(read.origin).hostname or ""
    return Api(host, "", "", read.origin, (read.operation,), read.credential)


def _command(line: Line, losses: Losses) -> _Command:
    command = _Command(line.stdin)
    for option in options(line.words):
        if option.name == "next":
            losses.add("the text calls several addresses: the first is imported, import the others by themselves")
            break
        _take(command, option, losses)
    return command


def _take(command: _Command, option: Option, losses: Losses) -> None:
    read = _OPTIONS.get(option.name)
    if read is not None:
        read(command, option.value)
    if option.name in WITHOUT_COUNTERPART:
        losses.add("this option of curl has no counterpart", option.written)
    while command.told:
        losses.add(*command.told.pop())


def _sample(command: _Command, losses: Losses) -> Sample:
    url, *_ = command.urls
    body = _body(command)
    if command.untyped and body is not None:
        losses.add("a body is sent with its type, also where the command takes it away", "-H Content-Type:")
    if command.file is not None and command.data:
        losses.add("the body is made of a file and of texts: the texts are left out", "-d")
    pieces = [*([*command.data] if command.get else []), *command.query]
    method = command.method or (
        "HEAD"
        if command.head
        else "PUT"
        if command.upload is not None
        else "POST"
        if body is not None and not command.get
        else "GET"
    )
    if command.upload and urlsplit(url).path.endswith("/") and "?" not in url:
        url += blank("filename") if command.upload in ("-", ".") else command.upload.rpartition("/")[2]
    if pieces:
        address, _, _ = url.partition("#")
        url = f"{address}{'&' if '?' in address else '?'}{'&'.join(pieces)}"
    sent = "" if command.upload is not None else FORM
    return Sample(
        method=method,
        url=_without_globs(url, command.globs),
        headers=tuple(command.headers),
        body=body,
        content_type=JSON if command.is_json else sent if isinstance(body, FromFile) else "",
        user=command.user,
        cookies_apart=True,
    )


def _body(command: _Command) -> Body | None:
    if command.upload is not None:
        return FromFile(binary=True)
    if command.parts:
        return Parts(tuple(command.parts))
    if command.file is not None and not command.get:
        return command.file
    if not command.data or command.get:
        return None
    text = ("" if command.is_json else "&").join(command.data)
    plain = text.replace('\\"', '"')
    # For Windows a quote is written so in single quotes, too; what is no JSON with it is JSON without.
    return Text(plain if _ESCAPED.match(text) and parsed(text) is None and parsed(plain) is not None else text)


_GLOB = regex(r"(?<!\\)(?:\{[^{}\"':]*,[^{}]*\}|\[(?:\d+-\d+|[A-Za-z]-[A-Za-z])(?::\d+)?\])")
"""What curl makes several addresses of."""


def _without_globs(url: str, read: bool) -> str:
    """`[]` and braces as curl's `-g` leaves them; a `\\\\` before them only keeps curl from reading them.

    Raises ImportProblem for what stands for several addresses, if curl reads it so.
    """
    several = _GLOB.search(url) if read else None
    if several is not None:
        shown = "{…,…}" if several[0][0] == "{" else several[0]
        raise ImportProblem(
            f"The address stands for several, by {shown}: write one of them, or -g if it is meant as it is"
        )
    return re.sub(r"\\([\[\]{}])", r"\1", url)


# ------------------------------------------------------------------ options


def _header(command: _Command, value: str) -> None:
    name, colon, text = value.partition(":")
    if value.startswith("@"):
        command.told.append(("headers that lie in a file are not read", "-H @…"))
    elif colon and not text.strip() and name.strip().lower() == "content-type":
        command.untyped = True
    elif colon and text.strip():
        command.headers.append((name.strip(), text.strip()))
    elif name.strip().endswith(";"):
        command.headers.append((name.strip()[:-1], ""))


def _data(command: _Command, value: str, *, binary: bool = False) -> None:
    """`@file` is what a file holds: the caller gives it; `@-` is what a heredoc says."""
    if not value.startswith("@"):
        command.data.append(value)
    elif value == "@-" and command.stdin is not None:
        command.data.append(command.stdin if binary else re.sub(r"[\r\n]", "", command.stdin))
    else:
        command.file = FromFile(binary)


def _urlencode(command: _Command, value: str) -> None:
    command.data.append(_encoded(value))


def _encoded(value: str) -> str:
    """`name=content`, `=content`, `content`, `name@file`, `@file`."""
    sign = re.search("[=@]", value)
    if sign is None:
        return _quoted(value, quote)
    name, content = value[: sign.start()], value[sign.end() :]
    said = content if sign[0] == "=" else blank(name or "content")
    return f"{name}={_quoted(said, quote_plus)}" if name else _quoted(said, quote)


def _quoted(text: str, quoter: Callable[[str], str]) -> str:
    """The text as it stands in a form; its blanks stay as they are."""
    return "".join(piece if piece[:1] == OPEN else quoter(piece) for piece in _BLANKS.split(text))


def _url_query(command: _Command, value: str) -> None:
    command.query.append(value[1:] if value.startswith("+") else _encoded(value))


def _form(command: _Command, value: str) -> None:
    name, _, said = value.partition("=")
    typed = _TYPED.fullmatch(said)
    kind = re.search(r";\s*type=\"?([^;\"]+)", typed[2]) if typed else None
    called = re.search(r";\s*filename=(?:\"([^\"]*)\"|([^;]*))", typed[2]) if typed else None
    filename = (called[1] or called[2] or "").strip() if called else ""
    content = typed[1] if typed else said
    if typed and re.search(r";\s*headers=", typed[2]):
        command.told.append(("the headers of a part are not sent", f"-F {name}"))
    content_type = kind[1].strip().lower() if kind else ""
    if content.startswith("@"):
        for _ in content[1:].split(","):
            command.parts.append(Part(name, None, True, content_type, filename))
    elif content.startswith("<"):
        command.parts.append(Part(name, None, False, content_type))
    else:
        command.parts.append(Part(name, content.removeprefix('"').removesuffix('"'), False, content_type))


def _form_string(command: _Command, value: str) -> None:
    name, _, said = value.partition("=")
    command.parts.append(Part(name, said))


def _json(command: _Command, value: str) -> None:
    command.is_json = True
    _data(command, value, binary=True)
    if not any(name.lower() == "accept" for name, _ in command.headers):
        command.headers.append(("Accept", JSON))


def _cookie(command: _Command, value: str) -> None:
    """Without `=` it is a file that holds cookies."""
    command.headers.append(("Cookie", value))


_OPTIONS: Mapping[str, Callable[[_Command, str], None]] = {
    "": lambda command, value: command.urls.append(value),
    "url": lambda command, value: command.urls.append(value),
    "request": lambda command, value: setattr(command, "method", value.upper()),
    "header": _header,
    "data": _data,
    "data-ascii": _data,
    "data-raw": lambda command, value: command.data.append(value),
    "data-binary": lambda command, value: _data(command, value, binary=True),
    "data-urlencode": _urlencode,
    "json": _json,
    "form": _form,
    "form-string": _form_string,
    "globoff": lambda command, value: setattr(command, "globs", False),
    "get": lambda command, value: setattr(command, "get", True),
    "head": lambda command, value: setattr(command, "head", True),
    "upload-file": lambda command, value: setattr(command, "upload", value),
    "url-query": _url_query,
    "user": lambda command, value: setattr(command, "user", value),
    "oauth2-bearer": lambda command, value: command.headers.append(("Authorization", f"Bearer {value}")),
    "user-agent": lambda command, value: command.headers.append(("User-Agent", value)),
    "referer": lambda command, value: command.headers.append(("Referer", value.removesuffix(";auto"))),
    "cookie": _cookie,
    "range": lambda command, value: command.headers.append(("Range", f"bytes={value}")),
}
