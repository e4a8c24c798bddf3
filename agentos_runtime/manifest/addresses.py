"""What is this machine or its network, and what is the public internet: the one rule, for names and for addresses.

Whoever writes down what a skill may do asks it of a url's host, whoever connects asks it of the address; both get
the same answer for the same host, however it is spelled.
"""

import ipaddress
import unicodedata
from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeAlias

from agentos_runtime.regexes import regex

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address


def is_public(address: Address) -> bool:
    """Whether the address is on the public internet; one that wraps an IPv4 address is what that one is."""
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in _NOT_PUBLIC_IPV4)
    wrapped = _wrapped(address)
    if wrapped is not None:
        return is_public(wrapped)
    return address in _GLOBAL_UNICAST and not any(address in network for network in _NOT_PUBLIC_IPV6)


def is_private_host(host: str) -> bool:
    """Whether a url's host is this machine or its network by its spelling alone, whatever a resolver would say.

    Every spelling that a resolver or a browser takes for an address counts as that address: `127.1`, `0x7f000001`,
    `2130706433`, `[::ffff:7f00:1]`, `fe80::1%eth0`, full-width digits and dots, a dot at the end. What ends like a
    number and is no address is private too: only a resolver could say what it is. Of names, those are private that
    no public zone can hold: of one label, or below a zone set aside for networks of one's own (`nas.local`).
    """
    name = _normal(host)
    address = literal_address(name)
    if address is not None:
        return not is_public(address)
    return "." not in name or not _NAME.fullmatch(name) or f".{name}".endswith(_OWN_ZONES)


def literal_address(host: str) -> Address | None:
    """The address that a host is a spelling of; None for names, and for what looks like an address and is none."""
    name = _normal(host)
    if ":" not in name:
        return _ipv4(name)
    try:
        return ipaddress.IPv6Address(name.partition("%")[0])
    except ValueError:
        return None


def _normal(host: str) -> str:
    """Lower case, without brackets and final dots; digits, letters and dots of other widths become plain ones."""
    text = unicodedata.normalize("NFKC", host.translate(_DOTS)).lower()
    return text.removeprefix("[").removesuffix("]").rstrip(".")


def _ipv4(name: str) -> ipaddress.IPv4Address | None:
    """As `inet_aton` reads it: up to four numbers in base 8, 10 or 16, the last of which fills what is left."""
    parts = name.split(".")
    if len(parts) > 4 or not all(_NUMBER.fullmatch(part) for part in parts):
        return None
    *first, last = (int(part, _base(part)) for part in parts)
    room = 8 * (4 - len(first))
    if any(number > 0xFF for number in first) or last >> room:
        return None
    return ipaddress.IPv4Address(sum(number << (24 - 8 * at) for at, number in enumerate(first)) | last)


def _base(number: str) -> int:
    return 16 if number.startswith("0x") else 8 if number.startswith("0") else 10


def _wrapped(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that packets for this one end at: mapped, NAT64, 6to4."""
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour


_DOTS: Mapping[int, str] = MappingProxyType({ord(dot): "." for dot in "\u3002\uff0e\uff61"})
_NUMBER = regex(r"0x[0-9a-f]{1,32}|0[0-7]{0,32}|[1-9][0-9]{0,32}")
_NAME = regex(r"[^:%\[\]/@\s]*\.(?![0-9]+\Z|0x[0-9a-f]*\Z)[^.:%\[\]/@\s]+")
"""A name that does not end like a number, which a resolver might take for an address."""
_OWN_ZONES = (
    *(".localhost", ".localdomain", ".local", ".internal", ".home.arpa"),
    *(".lan", ".home", ".corp", ".intranet", ".private"),  # RFC 6762, appendix G
)

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
_NOT_PUBLIC_IPV4 = tuple(
    ipaddress.IPv4Network(network)
    for network in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24"),
        *("203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
    )
)
"""IANA's special-purpose registry, and multicast; written out: the standard library's list differs by version."""
_NOT_PUBLIC_IPV6 = tuple(
    ipaddress.IPv6Network(network)
    for network in ("2001::/23", "2001:db8::/32", "3fff::/20")  # protocols (Teredo among them), documentation
)
