"""Where a url is sent: rewritten by the operator, through a proxy, or straight, guarded or not."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from yarl import URL

from agentos_runtime.errors import ApprovalRequired, InvalidParams
from agentos_runtime.origins import origin_of
from agentos_runtime.settings import Settings
from agentos_runtime.upstream.addresses import names_private_address

_URL = re.compile(r"([Hh][Tt][Tt][Pp][Ss]?://[A-Za-z0-9._\-:\[\]]+)((?:[/?#][!-~]*)?)")
_KNOWN_LIMIT = 4096


@dataclass(frozen=True, slots=True)
class Site:
    """What is known of an origin before anything is sent."""

    origin: str
    base: str | None
    """Where the operator sends its calls instead; may have a path."""
    private: bool
    """A private address by its spelling."""


@dataclass(frozen=True, slots=True)
class Destination:
    """One request's way: `origin` is what the skill calls, `url` is where it goes."""

    origin: str
    url: URL
    guarded: bool
    """Only public addresses may be connected."""
    proxy: URL | None


class Router:
    """Knows the operator's rewrites and proxy; every other origin is guarded unless the call may leave that."""

    def __init__(self, settings: Settings) -> None:
        self._rewrites: Mapping[str, str] = {
            origin: base for url, base in settings.rewrite.items() if (origin := origin_of(url))
        }
        self._proxy = URL(settings.proxy) if settings.proxy else None
        self._known: dict[str, Site] = {}

    def destination(self, url: str, *, allow_private: bool) -> Destination:
        """Raises InvalidParams for a url that cannot be sent as it is, ApprovalRequired for a private address."""
        match = _URL.fullmatch(url)
        if match is None:
            raise InvalidParams(_UNFIT)
        authority, rest = match.groups()
        site = self._known.get(authority) or self._learn(authority)
        if site.base is not None:
            return Destination(site.origin, URL(site.base + rest, encoded=True), guarded=False, proxy=None)
        if site.private and not allow_private:
            raise private_address(site.origin)
        proxy = None if site.private else self._proxy
        return Destination(site.origin, URL(url, encoded=True), not allow_private and proxy is None, proxy)

    def _learn(self, authority: str) -> Site:
        origin = origin_of(authority)
        try:
            host = URL(authority, encoded=True).raw_host or ""
        except ValueError:
            raise InvalidParams(_UNFIT) from None
        if origin is None:
            raise InvalidParams(_UNFIT)
        if len(self._known) >= _KNOWN_LIMIT:
            self._known.clear()
        site = Site(origin, self._rewrites.get(origin), names_private_address(host))
        self._known[authority] = site
        return site


def private_address(origin: str) -> ApprovalRequired:
    return ApprovalRequired(
        f"{origin} is an address inside this machine or network, and calls to it are not approved. If the skill is "
        "meant to call it, approve that with: agentos keys approve SKILL",
        details={"origin": origin},
    )


_UNFIT = (
    "The url of this call cannot be sent: it must be http:// or https:// and a plain host, without a user name; "
    "characters other than printable ASCII must be percent-encoded"
)
