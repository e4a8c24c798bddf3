"""A request that was made becomes an operation, and says where its service is and how it proved itself."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from urllib.parse import SplitResult, parse_qsl, urlsplit

from agentos_runtime.frozen import dataclass
from agentos_runtime.importers.api import KEY_IN_PATH, Field, ImportProblem, Losses, Operation
from agentos_runtime.importers.samples.blanks import blank_names, filled, has_blank, value_with_blanks, with_blanks
from agentos_runtime.importers.samples.bodies import field_of, fields_of, read_body
from agentos_runtime.importers.samples.credentials import (
    Credential,
    of_cookies,
    of_header,
    of_query,
    of_user,
    together,
)
from agentos_runtime.importers.samples.paths import read_path
from agentos_runtime.importers.samples.request import Sample
from agentos_runtime.importers.samples.secrets import carries_secret, is_credential
from agentos_runtime.manifest.addresses import is_private_host
from agentos_runtime.manifest.headers.names import header_problem, value_problem
from agentos_runtime.manifest.origins import origin_of
from agentos_runtime.regexes import regex

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD")
_OF_BROWSERS = regex(
    r"sec-.*|accept-language|accept-encoding|user-agent|origin|referer|priority|pragma|cache-control|dnt"
    r"|upgrade-insecure-requests|x-requested-with|if-none-match|if-modified-since|:.*"
    r"|traceparent|tracestate|baggage|sentry-trace|newrelic|x-datadog-.*|x-b3-.*",
    re.IGNORECASE,
)
_OF_CALLERS = regex(r"(?:[a-z0-9]+_)*(?:(?:api|app|access|auth|bot)_(?:key|token)|apikey|secret_key)")
"""Keys of whoever calls."""
_OF_KEYS = regex(r"(?:key|token)s?/$", re.IGNORECASE)
_MEDIA_TYPE = regex(r"[A-Za-z0-9][\w!#&^.+/*-]*\s*(?:;|\Z)", re.ASCII)
_LITERAL = regex(r"[A-Za-z*][\w /+.;=,*()-]*")
"""Values of headers that no reader takes for an expression."""


@dataclass(frozen=True, slots=True)
class ReadSample:
    """What one request says."""

    operation: Operation
    origin: str
    """`https://api.example.com`."""
    credential: Credential | None
    proofs: frozenset[str] = field(default=frozenset(), repr=False)
    """The secrets that proved it, by which those of two hosts are told apart; they are written nowhere."""


def read_sample(sample: Sample, losses: Losses) -> ReadSample:
    """Raises ImportProblem for what is no call of a service; no message quotes the request."""
    parts = _address(sample.url, losses)
    if sample.method not in METHODS:
        raise ImportProblem(f"A manifest knows the methods {', '.join(METHODS[:-1])} and {METHODS[-1]}")
    user, _, host = parts.netloc.rpartition("@")
    users = [said for said in (sample.user, user or None) if said is not None]
    credentials, proofs = [*map(of_user, users)], {*users}
    path, path_fields = read_path(parts.path, sample.segments)
    pairs, bare = _pairs(parts.query)
    query = []
    for name, value in [*pairs, *sample.query]:
        if has_blank(name):
            losses.add("a key of the query whose name is not known is left out", filled(name))
        elif name in sample.keys or is_credential(name, value):
            credentials.append(of_query(name))
            proofs.add(value)
        else:
            query.append((name, value))
    label = f"{sample.method} {path}"
    headers = _Headers(sample, losses)
    body_fields, body = read_body(sample, headers.content_type or sample.content_type, losses)
    fields = (*path_fields, *fields_of(query, "query"), *headers.fields, *body_fields)
    operation = Operation(
        method=sample.method,
        path=path + (f"?{bare}" if bare else ""),
        description=sample.description or label,
        id=sample.name,
        tag=sample.tag,
        fields=tuple(_described(one, dict(sample.notes)) for one in fields),
        body=body,
        headers=headers.fixed,
    )
    credential = together([*credentials, *headers.credentials], losses)
    operation, credential = _with_key_in_path(operation, credential, losses)
    origin = f"{parts.scheme.lower()}://{host}"
    return ReadSample(operation, origin, credential, frozenset(proofs | headers.proofs))


def _with_key_in_path(
    one: Operation, credential: Credential | None, losses: Losses
) -> tuple[Operation, Credential | None]:
    """A key that stands in the path is the credential, where nothing else is."""
    keys = [field for field in one.fields if field.place == "path" and _is_key_in_path(field.name, one.path)]
    if credential is not None or len(keys) != 1:
        for field in keys:
            losses.add("a key in the path is asked of each caller", f"{one.label} {field.name}")
        return one, credential
    fields = tuple(replace(field, write=KEY_IN_PATH) if field is keys[0] else field for field in one.fields)
    return replace(one, fields=fields), {"type": "api_key"}


def _is_key_in_path(name: str, path: str) -> bool:
    """Not what a call is about: `/invites/{invite_token}`, `/api-keys/{api_key}`, `/values/{key}`."""
    before = path.partition(f"{{{name}}}")[0]
    if before.endswith("/bot"):
        return True
    return _OF_CALLERS.fullmatch(name) is not None and not _OF_KEYS.search(before)


def _described(one: Field, notes: Mapping[str, str]) -> Field:
    words = notes.get(one.name)
    if words is None or "description" in one.declaration:
        return one
    return replace(one, declaration={**one.declaration, "description": words})


def _address(url: str, losses: Losses) -> SplitResult:
    if "://" not in url:
        host = (
            re.split(r"[/?#]", url, maxsplit=1)[0].rpartition("@")[2].rpartition("]")[0]
            or re.split(r"[:/?#]", url.rpartition("@")[2], maxsplit=1)[0]
        )
        near = is_private_host(host.strip("[")) or host == "localhost"
        if not near:
            losses.add("the command says no scheme, which curl takes for http://: https:// is written")
        url = f"{'http' if near else 'https'}://{url}"
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        if has_blank(with_blanks(parts.netloc.rpartition("@")[2])):
            blanks = ", ".join(dict.fromkeys(blank_names(with_blanks(parts.netloc.rpartition("@")[2]))))
            raise ImportProblem(
                f"The host of the address has a blank in it ({blanks}): write your own value there, since a skill "
                "calls one host"
            )
        if parts.scheme.lower() in ("http", "https") and re.fullmatch(r"[\w.:\[\]-]+", host) and parts.port != 0:
            parts = parts if host.isascii() else _registered(parts)
            if origin_of(f"{parts.scheme.lower()}://{parts.netloc.rpartition('@')[2]}") is not None:
                return parts
    except ImportProblem:
        raise
    except ValueError:
        pass
    raise ImportProblem("There is no plain http(s) address, such as 'https://api.example.com/…'")


def _registered(parts: SplitResult) -> SplitResult:
    """The address with its host as it is registered, where that can be told of its letters."""
    host = parts.hostname or ""
    try:
        written = host.encode("idna").decode()
        same = written.encode().decode("idna") == host
    except UnicodeError:
        same = False
    if not same:
        raise ImportProblem("The host has letters beyond ASCII: write it as it is registered, `xn--…`")
    user, at, _ = parts.netloc.rpartition("@")
    port = f":{parts.port}" if parts.port is not None else ""
    return parts._replace(netloc=f"{user}{at}{written}{port}")


def _pairs(query: str) -> tuple[list[tuple[str, str]], str]:
    """Names and values, and the keys that stand without `=`."""
    pieces = [piece for piece in query.split("&") if piece]
    bare = [piece for piece in pieces if re.fullmatch(r"[A-Za-z][\w.-]*", piece)]
    pairs = parse_qsl("&".join(piece for piece in pieces if piece not in bare), keep_blank_values=True)
    return pairs, "&".join(bare)


class _Headers:
    """The headers of a request: what is sent as it is, what a caller may change, what proves the call."""

    def __init__(self, sample: Sample, losses: Losses) -> None:
        self.fields: list[Field] = []
        self.fixed: dict[str, str] = {}
        self.credentials: list[Credential] = []
        self.proofs: set[str] = set()
        self.content_type = ""
        self._apart = sample.cookies_apart
        self._keys = sample.keys
        browser = _is_of_browser(sample.headers)
        for name, value in _each_once(sample.headers):
            if has_blank(name):
                losses.add("a header whose name is not known is left out", filled(name))
            elif browser and _OF_BROWSERS.fullmatch(name):
                losses.add("headers that a browser adds by itself are left out", name.lower())
            else:
                self._read(name, value_with_blanks(value), losses)

    def _read(self, name: str, value: str, losses: Losses) -> None:
        lower = name.lower()
        if lower == "content-type" and not _MEDIA_TYPE.match(value):
            losses.add("a content type that is not known is left out: the body says it", filled(value))
        elif lower == "content-type":
            self.content_type = value
        elif lower in ("content-length", "connection", "accept-encoding") or (lower, value) == ("accept", "*/*"):
            return
        elif header_problem(name):
            losses.add("a header that the runtime sets itself is left out", name if name.isascii() else "a header")
        elif lower == "cookie" and self._apart:
            said = of_cookies(value)
            self.credentials += [said] if said is not None else []
            self.fixed |= {"Cookie": value} if said is None else {}
        elif name in self._keys or is_credential(name, value):
            self.credentials.append(of_header(name, value, losses))
            self.proofs.add(value)
        elif (
            lower in ("accept", "user-agent")
            and _LITERAL.fullmatch(value)
            and ".params" not in value
            and not carries_secret(value, name)
        ):
            self.fixed[name] = value
        elif value_problem(value.replace("\ue000", "").replace("\ue001", "")):
            losses.add("a header whose value is not ASCII is left out", name)
        else:
            self.fields.append(field_of(name, "header", value))


def _each_once(headers: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Headers that come twice as one with a list (RFC 9110, 5.3); what is no list stays as it is."""
    found: list[tuple[str, str]] = []
    places: dict[str, int] = {}
    for name, value in headers:
        lower = name.lower()
        at = places.setdefault(lower, len(found))
        if at == len(found) or lower in ("content-type", "authorization"):
            found.append((name, value))
        else:
            found[at] = (found[at][0], f"{found[at][1]}{'; ' if lower == 'cookie' else ', '}{value}")
    return found


def _is_of_browser(headers: Sequence[tuple[str, str]]) -> bool:
    """Whether a browser copied the command."""
    return any(
        name.lower().startswith("sec-") or (name.lower() == "user-agent" and value.startswith("Mozilla/"))
        for name, value in headers
    )
