"""Which addresses may be connected to without approval: the public internet, and nothing else."""

import ipaddress
import socket
from typing import Any, TypeAlias

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
PROTOCOL_ASSIGNMENTS = ipaddress.IPv4Network("192.0.0.0/24")
"""Not public as a whole; the standard library knows only parts of it."""
GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")


class PrivateAddress(OSError):
    """The name leads to an address that only an approved origin may be at. Its text is the same for all addresses,
    so that it stays recognisable when several addresses were tried."""

    def __init__(self) -> None:
        super().__init__("not a public address")


def is_public(address: Address) -> bool:
    """Whether the address is on the public internet, also when it wraps an IPv4 one (NAT64, 6to4)."""
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_global and not address.is_multicast and address not in PROTOCOL_ASSIGNMENTS
    if address in NAT64:
        return is_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    if address.sixtofour is not None and not is_public(address.sixtofour):
        return False
    return address in GLOBAL_UNICAST and address.is_global


def names_private_address(host: str) -> bool:
    """Whether the host of a url is a private address by its spelling alone, whatever a resolver would say.

    Spellings are those a resolver knows: `127.1`, `0x7f000001`, `2130706433`, `localhost.`, `a.localhost`.
    """
    name = host.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    address = _literal(host.strip("[]"))
    return address is not None and not is_public(address)


def public_socket(addr_info: tuple[int, int, int, str, tuple[Any, ...]]) -> socket.socket:
    """A socket for the address that is about to be connected (`getaddrinfo` row). Raises PrivateAddress.

    Anything but a canonical address is refused: a name here would be resolved once more, unchecked.
    """
    family, kind, protocol, _, (host, *_) = addr_info
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        raise PrivateAddress from None
    if not is_public(address):
        raise PrivateAddress
    return socket.socket(family, kind, protocol)


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host) if ":" in host else ipaddress.IPv4Address(socket.inet_aton(host))
    except (ValueError, OSError):
        return None
