"""Where a url is sent: rewritten by the operator, through a proxy, or straight, guarded or not."""

import base64
from collections.abc import Mapping
from dataclasses import field
from urllib.parse import unquote, urlsplit

from agentos_runtime.config.settings import Settings, SettingsError
from agentos_runtime.errors import ApprovalRequired, InvalidParams
from agentos_runtime.frozen import dataclass
from agentos_runtime.manifest.addresses import literal_address
from agentos_runtime.manifest.origins import is_private, origin_of
from agentos_runtime.regexes import regex

_URL = regex(r"([Hh][Tt][Tt][Pp][Ss]?://[A-Za-z0-9._\-:\[\]]+)((?:[/?#][!-~]*)?)")
_KNOWN_LIMIT = 4096
_SHORT = 100
"""Characters of a url whose destination is remembered."""


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is connected."""

    host: str
    """A name, or an address without brackets."""
    port: int
    tls: bool

    @property
    def bracketed(self) -> str:
        """The host as it stands in a url."""
        return f"[{self.host}]" if ":" in self.host else self.host

    @property
    def authority(self) -> str:
        """Host and port as they stand in a `Host` header: the port only where it is not the usual one."""
        usual = 443 if self.tls else 80
        return self.bracketed if self.port == usual else f"{self.bracketed}:{self.port}"


@dataclass(frozen=True, slots=True)
class Site:
    """What is known of an origin before anything is sent."""

    origin: str
    peer: Peer
    """Who is asked: the origin itself, or who stands in for it."""
    rewritten: bool
    """The operator sends its calls elsewhere."""
    prefix: str
    """The path of where its calls are sent instead."""
    private: bool
    """This machine or its network by its spelling."""
    name: str | None
    """The host, when it is a name; None for an address."""


@dataclass(frozen=True, slots=True, repr=False)
class Proxy:
    """The operator's proxy, and how it is convinced."""

    peer: Peer
    authorization: str | None

    @classmethod
    def of(cls, url: str) -> "Proxy":
        """Raises SettingsError for what is no address of a proxy; it does not quote it, for its password."""
        try:
            parts = urlsplit(url)
            peer = _peer(url)
        except ValueError:
            raise SettingsError(_NO_PROXY) from None
        if parts.username is None:
            return cls(peer, None)
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        return cls(peer, f"Basic {base64.b64encode(pair.encode()).decode()}")


@dataclass(frozen=True, slots=True)
class Way:
    """What a connection is good for. Guarded ones are kept apart: one to an approved private address is out of
    reach of calls that may reach public addresses only."""

    peer: Peer
    """Who is asked."""
    guarded: bool
    """Only public addresses may be connected."""
    proxy: Proxy | None = None
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_hash", hash((self.peer, self.guarded, self.proxy)))

    def __hash__(self) -> int:
        """Made once: a call looks for connections some ten times."""
        return self._hash

    @property
    def tunnelled(self) -> bool:
        """Whether the proxy only carries bytes; else it is asked for the whole url."""
        return self.proxy is not None and self.peer.tls


@dataclass(frozen=True, slots=True)
class Destination:
    """One request's way: `origin` is what the skill calls, `way` says where it goes."""

    origin: str
    way: Way
    target: str
    """As it stands in the request line."""
    unproven: str | None = None
    """A name that must lead to public addresses before the proxy is asked for it: the peer is then the proxy."""
    heads: dict[tuple[str, tuple[tuple[str, str], ...]], bytes] = field(
        default_factory=dict, repr=False, compare=False
    )
    """How the last requests began, by their method and headers; see `heads.head_of`."""

    @property
    def peer(self) -> Peer:
        return self.way.peer

    @property
    def proxy(self) -> Proxy | None:
        return self.way.proxy


class Router:
    """Knows the operator's rewrites and proxy; every other origin is guarded unless the call may leave that."""

    def __init__(self, settings: Settings) -> None:
        self._rewrites: Mapping[str, str] = {
            origin: base for url, base in settings.rewrite.items() if (origin := origin_of(url))
        }
        self._proxy = Proxy.of(settings.proxy) if settings.proxy else None
        self._proxy_resolves = settings.proxy_resolves
        self._known: dict[str, Site] = {}
        self._destinations: dict[tuple[str, bool], Destination] = {}
        """Of short urls, most of which are called again and again."""

    def destination(self, url: str, *, allow_private: bool) -> Destination:
        """Raises InvalidParams for a url that cannot be sent as it is, ApprovalRequired for a private address."""
        known = self._destinations.get((url, allow_private))
        if known is None:
            known = self._find(url, allow_private=allow_private)
            if len(self._destinations) >= _KNOWN_LIMIT:
                self._destinations.clear()
            if len(url) <= _SHORT:
                self._destinations[url, allow_private] = known
        return known

    def _find(self, url: str, *, allow_private: bool) -> Destination:
        match = _URL.fullmatch(url)
        if match is None:
            raise InvalidParams(_UNFIT)
        authority, rest = match.groups()
        site = self._known.get(authority) or self._learn(authority)
        target = _target(site.prefix + rest)
        if site.rewritten:
            return Destination(site.origin, Way(site.peer, guarded=False), target)
        if site.private and not allow_private:
            raise private_address(site.origin)
        if self._proxy is None or site.private:
            return Destination(site.origin, Way(site.peer, guarded=not allow_private), target)
        if not site.peer.tls:
            target = f"http://{site.peer.authority}{target}"
        unproven = None if allow_private or self._proxy_resolves else site.name
        return Destination(site.origin, Way(site.peer, guarded=False, proxy=self._proxy), target, unproven)

    def _learn(self, authority: str) -> Site:
        origin = origin_of(authority)
        base = self._rewrites.get(origin or "")
        try:
            own = _peer(authority)
            peer = own if base is None else _peer(base)
        except ValueError:
            raise InvalidParams(_UNFIT) from None
        if origin is None:
            raise InvalidParams(_UNFIT)
        if len(self._known) >= _KNOWN_LIMIT:
            self._known.clear()
        name = None if literal_address(own.host) else own.host
        prefix = urlsplit(base).path if base is not None else ""
        site = Site(origin, peer, base is not None, prefix, is_private(origin), name)
        self._known[authority] = site
        return site


def _peer(url: str) -> Peer:
    """Raises ValueError for what names no host of http or https."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("no host")
    tls = parts.scheme == "https"
    return Peer(parts.hostname, parts.port or (443 if tls else 80), tls)


def _target(rest: str) -> str:
    """What follows the host, as a request line has it."""
    rest = rest.partition("#")[0]
    return rest if rest.startswith("/") else f"/{rest}"


def private_address(origin: str) -> ApprovalRequired:
    """For a host that is spelled so; such an origin can be approved."""
    return ApprovalRequired(
        f"{origin} is an address inside this machine or network, and calls to it are not approved. If the skill is "
        "meant to call it, approve that with: agentos approve SKILL",
        details={"origin": origin},
    )


def leads_inside(origin: str) -> ApprovalRequired:
    """For a public name: approving it would let whoever owns the name choose the address."""
    return ApprovalRequired(
        f"The name of {origin} leads to an address inside this machine or network. No approval covers that, since "
        f"the name's owner could point it anywhere; if it is yours, set AGENTOS_REWRITE={origin}=http://ADDRESS",
        details={"origin": origin},
    )


_NO_PROXY = "proxy (AGENTOS_PROXY) must be an address such as http://proxy.example:3128"
_UNFIT = (
    "The url of this call cannot be sent: it must be http:// or https:// and a plain host, without a user name; "
    "characters other than printable ASCII must be percent-encoded"
)
