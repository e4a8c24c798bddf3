"""Whose process is at the other end of a loopback connection (Linux).

The kernel's socket diagnostics (`NETLINK_SOCK_DIAG`, sock_diag(7)) answer "which user owns the socket with these
two ends" in a few microseconds. The question is asked once per connection, when it is accepted: a port that is used
again later belongs to another connection.
"""

import os
import socket
import struct
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address
End: TypeAlias = tuple[Address, int]


class Peers:
    """Tells whether a connection comes from another user of this machine. Close it after use.

    `available` is False where the kernel does not answer such questions; then nobody is foreign.
    """

    def __init__(self, own_uid: int | None = None) -> None:
        self._own_uid = os.getuid() if own_uid is None else own_uid
        self._netlink = _open_netlink()
        self._sequence = 0

    @property
    def available(self) -> bool:
        return self._netlink is not None

    def close(self) -> None:
        if self._netlink is not None:
            self._netlink.close()
            self._netlink = None

    def is_foreign(self, client: tuple[Any, ...], server: tuple[Any, ...]) -> bool:
        """Whether the client's socket belongs to another user; ends are (address, port) as sockets name them.

        Only a connection within this machine has an owner here; one from elsewhere is not foreign (a token guards
        it). Root is not refused: it can do anything anyway. A socket whose owner already left is refused, since
        the kernel then says 0 for everybody.
        """
        netlink = self._netlink
        if netlink is None:
            return False
        near, far = _end(server), _end(client)
        if not far[0].is_loopback and far[0] != near[0]:
            return False
        try:
            owner = self._ask(netlink, far, near)
        except OSError:
            return True
        return owner is None or owner not in (0, self._own_uid)

    def _ask(self, netlink: socket.socket, source: End, destination: End) -> int | None:
        """The user id of the socket, None when it has no owner. Raises OSError when the kernel does not answer."""
        self._sequence = (self._sequence + 1) & 0xFFFFFFFF
        netlink.send(_question(self._sequence, source, destination))
        while True:
            answer = netlink.recv(_LARGEST_ANSWER)
            _, kind, _, sequence, _ = _HEADER.unpack_from(answer)
            if sequence == self._sequence:
                break
        if kind != _SOCK_DIAG_BY_FAMILY:
            return None
        uid, inode = _OWNER.unpack_from(answer, _OWNER_AT)
        return uid if inode else None


def _open_netlink() -> socket.socket | None:
    if not hasattr(socket, "AF_NETLINK"):
        return None
    try:
        netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, _NETLINK_SOCK_DIAG)
    except OSError:
        return None
    netlink.setblocking(False)
    return netlink


def _end(address: tuple[Any, ...]) -> End:
    ip = ip_address(str(address[0]).partition("%")[0])
    mapped = ip.ipv4_mapped if isinstance(ip, IPv6Address) else None
    return mapped or ip, address[1]


def _question(sequence: int, source: End, destination: End) -> bytes:
    """`struct nlmsghdr` and `struct inet_diag_req_v2` for exactly one TCP socket, in any state."""
    family = socket.AF_INET if source[0].version == 4 else socket.AF_INET6
    body = _REQUEST.pack(family, socket.IPPROTO_TCP, 0, 0, _ANY_STATE)
    body += _PORTS.pack(source[1], destination[1])
    body += source[0].packed.ljust(16, b"\0") + destination[0].packed.ljust(16, b"\0")
    body += _INTERFACE_AND_COOKIE.pack(0, _NO_COOKIE, _NO_COOKIE)
    return _HEADER.pack(_HEADER.size + len(body), _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST, sequence, 0) + body


_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_NLM_F_REQUEST = 1
_ANY_STATE = 0xFFFFFFFF
_NO_COOKIE = 0xFFFFFFFF
_LARGEST_ANSWER = 8192
_HEADER = struct.Struct("=IHHII")
_REQUEST = struct.Struct("=BBBBI")
_PORTS = struct.Struct("!HH")
_INTERFACE_AND_COOKIE = struct.Struct("=III")
_OWNER = struct.Struct("=II")
_OWNER_AT = _HEADER.size + 4 + 48 + 12
"""After the four bytes of family and state, the socket's id, and expires, rqueue, wqueue: uid and inode."""
