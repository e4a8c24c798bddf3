"""The address of an agent's own call, read strictly: whatever could mean two things to two readers is refused."""

import re
from urllib.parse import unquote, unquote_plus, urljoin, urlsplit, urlunsplit

from agentos_runtime.errors import InvalidParams, ParamProblem
from agentos_runtime.frozen import dataclass
from agentos_runtime.manifest.origins import host_of, is_private, origin_of
from agentos_runtime.regexes import regex

LONGEST_URL = 8 * 1024
LONGEST_HOST = 255
MOST_ENCODED = 4
"""How often a path may be percent-encoded over and over."""
MOST_KNOWN = 1024
"""Paths that are remembered."""
SHORT = 200
"""Bytes of one that is: callers choose them."""
_OVERRIDES = frozenset(
    {"method", "httpmethod", "methodoverride", "httpmethodoverride", "xhttpmethod", "xmethodoverride"}
    | {"xhttpmethodoverride"}
)
"""Names in a query, without marks between their letters, by which some services take another method."""
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
_SCHEMES = frozenset({"https", "https:", "http:"})
_URL = regex(r"([a-z][a-z0-9+.-]*)://([^/?#]*)(.*)", re.IGNORECASE | re.DOTALL)
_SENDABLE = regex(r'[!"$-~]*')
_AUTHORITY = regex(r"(\[[^\]/?#]*\]|[^:/?#\\\s]*)((?::[0-9]*)?)")


@dataclass(frozen=True, slots=True)
class Target:
    """Where a call goes. Path and query stand as they were given, byte for byte."""

    origin: str
    """Lower case, without a usual port, its host in ASCII."""
    path: str
    query: str = ""
    """Without its question mark."""

    @property
    def host(self) -> str:
        return host_of(self.origin)

    @property
    def overrides(self) -> tuple[str, ...]:
        """Methods that its query names: the service may take one of them for the request's."""
        if not self.query:
            return ()
        pairs = [pair.partition("=") for pair in re.split("[&;]", self.query)]
        named = {
            unquote_plus(text).strip().upper()
            for name, _, text in pairs
            if re.sub("[^a-z]", "", unquote_plus(name).casefold()) in _OVERRIDES
        }
        return tuple(sorted(named & _METHODS))

    def url(self, without: frozenset[str]) -> str:
        """The whole url, less the query keys of these names, which are lower case."""
        if not without or not self.query:
            return f"{self.origin}{self.path}" + (f"?{self.query}" if self.query else "")
        kept = [pair for pair in self.query.split("&") if not _named(pair, without)]
        return f"{self.origin}{self.path}" + (f"?{'&'.join(kept)}" if kept else "")


def parse_url(url: str) -> Target:
    """Raises InvalidParams."""
    found = _URL.fullmatch(url)
    if len(url) > LONGEST_URL:
        raise _too_long()
    if found is None:
        raise unfit("must begin with https:// and a host")
    scheme, authority, rest = found.groups()
    if "#" in rest:
        raise unfit("has a fragment (#…), which is never sent: leave it out")
    path, _, query = rest.partition("?")
    return _target(scheme.lower(), authority, path, query)


def parse_path(raw_path: bytes, query: bytes) -> Target:
    """From what stands after `/use/`: `<host>[:port]/<path>`, with `http/` before it for plain http.

    Raises InvalidParams.
    """
    if len(raw_path) + len(query) > LONGEST_URL:
        raise _too_long()
    text, scheme = raw_path.decode("latin-1"), "https"
    if text.startswith("http/"):
        text, scheme = text[len("http/") :], "http"
    authority, slash, rest = text.partition("/")
    if authority.lower() in _SCHEMES:
        raise unfit("has a scheme: behind /use/ stands the host, as in /use/api.example.com/v1, or http/ before it")
    return _target(scheme, unquote(authority), slash + rest, query.decode("latin-1"))


class Targets:
    """Reads the same addresses again and again: what is known of a path is read once."""

    def __init__(self) -> None:
        self._known: dict[bytes, Target] = {}

    def at(self, raw_path: bytes, query: bytes) -> Target:
        """As `parse_path`."""
        known = self._known.get(raw_path)
        if known is None:
            known = parse_path(raw_path, b"")
            if len(raw_path) <= SHORT:
                if len(self._known) >= MOST_KNOWN:
                    self._known.clear()
                self._known[raw_path] = known
        if not query:
            return known
        if len(raw_path) + len(query) > LONGEST_URL:
            raise _too_long()
        text = query.decode("latin-1")
        _check_sendable(text)
        return Target(known.origin, known.path, text)


def beyond_use(called: Target, location: str) -> str | None:
    """What stands behind `/use/` for the address to which a service leads the client of a call; None where that is
    at another origin.
    """
    try:
        address = urljoin(f"{called.origin}{called.path}", location)
        parts = urlsplit(address)
        if origin_of(address) != called.origin or "@" in parts.netloc:
            return None
    except ValueError:
        return None
    scheme, _, host = called.origin.partition("://")
    before = "http/" if scheme == "http" else ""
    return f"{before}{host}{urlunsplit(('', '', parts.path or '/', parts.query, parts.fragment))}"


def normal_path(path: str) -> str:
    """What different spellings of one path have in common: decoded, lower case, no empty segment, no `;params`."""
    segments = [_decoded(segment).partition(";")[0].casefold() for segment in path.split("/")]
    return "/" + "/".join(segment for segment in segments if segment)


def unfit(problem: str) -> InvalidParams:
    """The error of an address that is not called."""
    return InvalidParams(
        f"The address of this call {problem}. Nothing was sent.", problems=[ParamProblem("url", problem)]
    )


def _too_long() -> InvalidParams:
    return unfit(f"is longer than {LONGEST_URL} characters")


def _check_sendable(text: str) -> None:
    if not _SENDABLE.fullmatch(text):
        raise unfit("has characters that must be percent-encoded: only printable ASCII is sent, and no #")


def _target(scheme: str, authority: str, path: str, query: str) -> Target:
    if scheme not in ("https", "http"):
        raise unfit("must begin with https://")
    _check_sendable(path)
    _check_sendable(query)
    for segment in path.split("/"):
        _check_segment(segment)
    origin = _origin(scheme, authority)
    if scheme == "http" and not is_private(origin):
        raise unfit("must begin with https://: plain http is for addresses of this machine or its network")
    return Target(origin, path or "/", query)


def _decoded(segment: str) -> str:
    """Without its percent-encoding, also where that was encoded again: some services decode twice."""
    for _ in range(MOST_ENCODED):
        if "%" not in segment:
            break
        segment = unquote(segment)
    return segment


def _check_segment(segment: str) -> None:
    decoded = _decoded(segment)
    if decoded.partition(";")[0] in (".", ".."):
        raise unfit("has a segment . or .., which services read differently: write the path that is meant")
    if unquote(decoded) != decoded:
        raise unfit("has a segment that is percent-encoded over and over")
    if "\\" in decoded or "/" in decoded:
        raise unfit("has a backslash or an encoded slash in its path")
    if not decoded.isprintable() and any(ord(character) < 0x20 or character == "\x7f" for character in decoded):
        raise unfit("has a control character in its path")


def _origin(scheme: str, authority: str) -> str:
    if "@" in authority:
        raise unfit("names a user (user@host): keys are added here, leave it out")
    found = _AUTHORITY.fullmatch(authority)
    if found is None or len(authority) > LONGEST_HOST:
        raise unfit("names no host")
    host, port = found.groups()
    try:
        plain = host if host.isascii() else host.encode("idna").decode("ascii")
    except UnicodeError:
        raise unfit("names a host that cannot be") from None
    origin = None if port == ":" else origin_of(f"{scheme}://{plain}{port}")
    if origin is None:
        raise unfit("names no host")
    return origin


def _named(pair: str, names: frozenset[str]) -> bool:
    return unquote_plus(pair.partition("=")[0]).casefold() in names
