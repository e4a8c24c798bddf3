"""Requests that ask to go on in another protocol, which none has to grant (RFC 9110, 7.8)."""

from collections.abc import Iterable

_OF_UPGRADES = frozenset({b"upgrade", b"http2-settings"})


def head_without_upgrade(method: bytes, url: bytes, version: str, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """A head that was parsed, as who asks for nothing else would have sent it. Lower-case names."""
    lines = [b"%b %b HTTP/%b" % (method, url, version.encode())]
    for name, value in headers:
        if name == b"connection":
            kept = [each for each in value.split(b",") if each.strip().lower() not in _OF_UPGRADES]
            value = b",".join(kept).strip()
            if not value:
                continue
        if name not in _OF_UPGRADES:
            lines.append(name + b": " + value)
    return b"\r\n".join([*lines, b"", b""])
