"""A client on another machine, packet by packet: `python -m tests.server.far_client` in a network of its own.

It connects to a listener that is told to hear no more between its SYN and its ACK. Says what the listener got, and
whether another one is answered that connects after that.
"""

import fcntl
import json
import os
import select
import socket
import struct
import subprocess
import sys

from agentos_runtime.server.connections.ending import hear_no_more

HERE, THERE, PORT = "10.0.0.1", "10.0.0.2", 9000
SYN, ACK, PUSH = 0x02, 0x10, 0x08
PATIENCE = 60.0


def checksum(data: bytes) -> int:
    total: int = sum(struct.unpack(f"!{(len(data) + 1) // 2}H", data + b"\0" * (len(data) % 2)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Wire:
    """The network between both machines."""

    def __init__(self) -> None:
        self._tun = os.open("/dev/net/tun", os.O_RDWR)
        fcntl.ioctl(self._tun, 0x400454CA, struct.pack("16sH", b"far0", 0x1001))  # TUNSETIFF, IFF_TUN | IFF_NO_PI
        for command in (f"ip addr add {HERE}/24 dev far0", "ip link set far0 up"):
            subprocess.run(command.split(), check=True)

    def send(self, port: int, number: int, next_number: int, flags: int, data: bytes = b"") -> None:
        ends = socket.inet_aton(THERE) + socket.inet_aton(HERE)
        segment = struct.pack("!HHIIBBHHH", port, PORT, number, next_number, 0x50, flags, 65535, 0, 0) + data
        found = checksum(ends + struct.pack("!HH", 6, len(segment)) + segment)
        segment = segment[:16] + struct.pack("!H", found) + segment[18:]
        head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(segment), 1, 0, 64, 6, 0) + ends
        os.write(self._tun, head[:10] + struct.pack("!H", checksum(head)) + head[12:] + segment)

    def answers(self, port: int, patience: float = PATIENCE) -> list[tuple[int, int]]:
        """Numbers and flags of the packets that have come for a port, the first of them waited for."""
        found: list[tuple[int, int]] = []
        while select.select([self._tun], [], [], 0 if found else patience)[0]:
            packet = os.read(self._tun, 2048)
            if packet[0] >> 4 == 4 and packet[9] == 6 and struct.unpack_from("!H", packet, 22)[0] == port:
                found.append((struct.unpack_from("!I", packet, 24)[0], packet[33]))
        return found


def main() -> None:
    wire = Wire()
    with socket.create_server((HERE, PORT)) as listener:
        wire.send(4000, 100, 0, SYN)
        ((number, flags),) = wire.answers(4000)
        assert flags == SYN | ACK
        hear_no_more(listener)
        wire.send(4001, 100, 0, SYN)
        wire.send(4000, 101, number + 1, ACK)
        wire.send(4000, 101, number + 1, ACK | PUSH, b"hello")
        listener.settimeout(5)
        try:
            accepted, _ = listener.accept()
            got = accepted.recv(5).decode()
        except TimeoutError:
            got = ""
        sys.stdout.write(json.dumps({"got": got, "answered": wire.answers(4001, 0.0) != []}))


if __name__ == "__main__":
    main()
