"""The origin of a url: scheme, host and port, written one way."""

import re
from collections.abc import Mapping

from agentos_runtime.manifest.addresses import is_private_host
from agentos_runtime.manifest.model import Jq, Literal, Node, UrlTemplate
from agentos_runtime.regexes import regex

_ORIGIN = regex(
    r"(?P<scheme>https?)://(?P<host>[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<end>[/?#]|\Z)",
    re.IGNORECASE,
)
_JQ_STRING = regex(r'[\s(]*"(?P<text>[^"\\]*)["\\]')
_DEFAULT_PORTS: Mapping[str, int] = {"http": 80, "https": 443}


def origin_of(url: str) -> str | None:
    """`https://api.example.com` of a url: lower case, without a default port; None when it has none to be sure of.

    A url that names a user (`https://api.example.com@other`) has none.
    """
    match = _ORIGIN.match(url)
    if match is None:
        return None
    scheme, host, port = match["scheme"].lower(), match["host"].lower(), match["port"]
    if port is None or int(port) == _DEFAULT_PORTS[scheme]:
        return f"{scheme}://{host}"
    return f"{scheme}://{host}:{int(port)}" if 0 < int(port) <= 65535 else None


def declared_origin(node: Node) -> str | None:
    """The origin a manifest's url always has, whatever the params; None when the file does not say."""
    match node:
        case Literal(value=str(url)):
            return origin_of(url)
        case UrlTemplate(parts=(str(start), *rest)):
            return origin_of(start) if not rest or _is_closed(start) else None
        case Jq(source=source, base=base):
            return origin_of(base) if base else _leading_origin(source)
        case _:
            return None


def is_private(origin: str) -> bool:
    """Whether by its spelling alone it is this machine or its network: `localhost`, `10.0.0.1`, `nas.local`.

    A public name that resolves to a private address is found when the connection is made, not here.
    """
    return is_private_host(host_of(origin))


def host_of(origin: str) -> str:
    """The host of an origin, an IPv6 address in its brackets."""
    authority = origin.partition("://")[2]
    return authority.partition("]")[0] + "]" if authority.startswith("[") else authority.partition(":")[0]


def _leading_origin(source: str) -> str | None:
    string = _JQ_STRING.match(source)
    if string is None:
        return None
    text = string["text"]
    whole = string[0].endswith('"')
    return origin_of(text) if whole or _is_closed(text) else None


def _is_closed(start: str) -> bool:
    """Whether nothing that follows `start` can still change the origin."""
    match = _ORIGIN.match(start)
    return match is not None and match["end"] != ""
