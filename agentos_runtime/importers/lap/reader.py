"""The lines of a LAP file: what it says of the service, and of each endpoint."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field

from agentos_runtime.frozen import dataclass
from agentos_runtime.importers.api import Api, ImportProblem, Losses
from agentos_runtime.importers.lap.addresses import base_of
from agentos_runtime.importers.lap.auth import Proofs
from agentos_runtime.importers.lap.fields import LapField, LapType, read_fields, read_type
from agentos_runtime.importers.lap.operations import Endpoint, Maker
from agentos_runtime.importers.lap.places import proven
from agentos_runtime.regexes import regex

METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"})
LOST = (
    "LAP does not say where a param goes: of a GET, HEAD or DELETE it goes into the query, else into the JSON body",
    "LAP does not say ranges, nor what an `any` may be",
    "LAP does not say which calls need another credential, which can stream, which take or give files",
)
_DIRECTIVE = regex(r"@(\w+)(?:\(([^)]*)\))?\s*(.*)")
_OF_ENDPOINTS = frozenset({"desc", "required", "optional", "returns", "body"})
_SILENT = frozenset({"lap", "endpoints", "hint", "toc", "endgroup", "end", "errors", "example_request"})
_WITH_BRACES = ("@required", "@optional", "@returns", "@common_fields", "@type")


@dataclass(slots=True)
class _File:
    """What has been read so far."""

    title: str = ""
    base: str = ""
    version: str = ""
    auth: str = ""
    group: str = ""
    common: list[LapField] = field(default_factory=list)
    types: dict[str, tuple[LapField, ...]] = field(default_factory=dict)
    endpoints: list[Endpoint] = field(default_factory=list)
    unknown: dict[str, int] = field(default_factory=dict)
    odd: list[str] = field(default_factory=list)
    skipping: bool = False
    """The lines belong to an endpoint that cannot be read."""

    def last(self, line: int) -> Endpoint:
        if not self.endpoints:
            raise ImportProblem(f"Line {line} of the LAP file stands before the first @endpoint")
        return self.endpoints[-1]


def read_lap(text: str, losses: Losses, *, base_url: str | None = None, auth: str | None = None) -> Api:
    """The service that a LAP file describes; `auth`: how calls prove themselves, over what it says.

    Raises ImportProblem.
    """
    if not re.search(r"^@lap\b", text, re.MULTILINE):
        raise ImportProblem("This is no LAP file: it has no line `@lap v…`")
    file = _File()
    for number, line in _lines(text):
        try:
            _read_line(file, line, number)
        except ImportProblem as problem:
            file.odd.append(str(problem))
    base = base_of(file.base, base_url)
    if not file.endpoints:
        raise ImportProblem(next(iter(file.odd), "The LAP file has no @endpoint"))
    for told in file.odd:
        losses.add("what cannot be read is left out", told)
    for sentence in LOST:
        losses.add(sentence)
    for name, where in file.unknown.items():
        losses.add(f"the directive @{name} is not known", f"line {where}")
    proofs = Proofs(file.auth, [one.auth for one in file.endpoints if one.auth is not None], losses, auth)
    operations, said = proven(Maker(file.common, file.types, proofs, losses).all(file.endpoints), proofs, losses)
    return Api(file.title, "", file.version, base, tuple(operations), said)


# ------------------------------------------------------------------ lines


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Each line with its number; fields in braces may go on in the next ones.

    Only a line feed ends a line: prose holds other characters that Python takes for ends of lines.
    """
    begun, first = "", 0
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.strip()
        if begun and not line.startswith("@"):
            begun = f"{begun} {line}".rstrip()
        else:
            if begun:
                yield first, begun
            begun, first = line, number
        if begun and not _is_open(begun):
            yield first, begun
            begun = ""
    if begun:
        yield first, begun


def _is_open(line: str) -> bool:
    return line.startswith(_WITH_BRACES) and line.count("{") > line.count("}")


def _read_line(file: _File, line: str, number: int) -> None:
    if not line.startswith("@"):
        return
    directive = _DIRECTIVE.match(line)
    if directive is None or directive[1] in _SILENT:
        return
    read = _DIRECTIVES.get(directive[1])
    if file.skipping and directive[1] in _OF_ENDPOINTS:
        return
    if read is None:
        file.unknown.setdefault(directive[1], number)
    else:
        read(file, directive[3].strip(), number, directive[2] or "")


def _endpoint(file: _File, text: str, line: int, _: str) -> None:
    method, _, path = re.split(r"\s+#(?:\s|$)", text)[0].partition(" ")
    method, path = method.upper(), path.strip()
    file.skipping = method not in METHODS or not path.startswith("/")
    if file.skipping and method in ("OPTIONS", "TRACE"):
        raise ImportProblem(f"Line {line} of the LAP file: {method} is no method of a manifest")
    if file.skipping:
        raise ImportProblem(f"Line {line} of the LAP file: `@endpoint METHOD /path` is expected")
    file.endpoints.append(Endpoint(method, path, file.group))


def _auth(file: _File, text: str, _line: int, _: str) -> None:
    """Before the first endpoint it is said of all, below one of this one."""
    if file.endpoints and not file.skipping:
        file.endpoints[-1].auth = text
    elif not file.endpoints:
        file.auth = text


def _desc(file: _File, text: str, line: int, _: str) -> None:
    file.last(line).description = text


def _required(file: _File, text: str, line: int, _: str) -> None:
    file.last(line).fields += [(each, True) for each in read_fields(text, line, file.odd)[0]]


def _optional(file: _File, text: str, line: int, _: str) -> None:
    file.last(line).fields += [(each, each.required) for each in read_fields(text, line, file.odd)[0]]


def _common(file: _File, text: str, line: int, _: str) -> None:
    file.common += read_fields(text, line, file.odd)[0]


def _type(file: _File, text: str, line: int, _: str) -> None:
    name, _, fields = text.partition(" ")
    file.types[name] = tuple(read_fields(fields.strip(), line, file.odd)[0])


def _body(file: _File, text: str, line: int, _: str) -> None:
    file.last(line).body = text.removeprefix("→").removeprefix("->").strip()


def _returns(file: _File, text: str, line: int, status: str) -> None:
    """Of several the first one that says something; nothing comes back only where none says otherwise."""
    endpoint, status = file.last(line), status or "200"
    if not status.startswith("2") or endpoint.reply is not None:
        return
    if not endpoint.status or endpoint.status == "204":
        endpoint.status = status
    if text.startswith("{"):
        endpoint.reply = LapType("map", fields=tuple(read_fields(text, line, file.odd)[0]))
    elif text.startswith("["):
        endpoint.reply = read_type(text, line, file.odd)[0]
    elif text.startswith("→"):
        endpoint.reply = LapType(text.removeprefix("→").strip())


def _say(name: str) -> Callable[[_File, str, int, str], None]:
    def read(file: _File, text: str, line: int, _: str) -> None:
        setattr(file, name, text)

    return read


_DIRECTIVES: Mapping[str, Callable[[_File, str, int, str], None]] = {
    "api": _say("title"),
    "base": _say("base"),
    "version": _say("version"),
    "auth": _auth,
    "group": _say("group"),
    "common_fields": _common,
    "type": _type,
    "endpoint": _endpoint,
    "desc": _desc,
    "required": _required,
    "optional": _optional,
    "body": _body,
    "returns": _returns,
}
