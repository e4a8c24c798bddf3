"""The socket of a connection that may end at a public address only."""

import ipaddress
import socket
from typing import Any

from agentos_runtime.manifest.addresses import is_public


class PrivateAddress(OSError):
    """The name leads to an address that only an approved origin may be at. Its text is the same for all addresses,
    so that it stays recognisable when several addresses were tried."""

    def __init__(self) -> None:
        super().__init__("not a public address")


def public_socket(addr_info: tuple[int, int, int, str, tuple[Any, ...]]) -> socket.socket:
    """A socket for the address that is about to be connected (`getaddrinfo` row). Raises PrivateAddress.

    Anything but a canonical address is refused: a name here would be resolved once more, unchecked.
    """
    family, kind, protocol, _, (host, *_) = addr_info
    if not is_public_text(host):
        raise PrivateAddress
    return socket.socket(family, kind, protocol)


def is_public_text(address: str) -> bool:
    """Whether it is a public address, written the canonical way."""
    try:
        return is_public(ipaddress.ip_address(address))
    except ValueError:
        return False
