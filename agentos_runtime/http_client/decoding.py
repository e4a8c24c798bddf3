"""Content encodings, undone in bounded steps: a small body that grows large never exists as one large piece."""

import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

STEP = 64 * 1024
"""Bytes that one decoding step gives at most."""
MOST_MEMBERS = 1024
"""Members of one gzip body: each costs as much as some KB of it, also one that holds nothing."""
_GZIP_MAGIC = b"\x1f\x8b"


class DecodingError(ValueError):
    """The body is not what its Content-Encoding says; the message never quotes it."""


class Incomplete(DecodingError):
    """The body ended inside its encoding."""


class Decoder(Protocol):
    def feed(self, data: bytes) -> Iterator[bytes]:
        """What can be decoded by now, in pieces. Raises DecodingError."""

    def finish(self) -> None:
        """The body is over. Raises Incomplete when it should not be."""


class Identity:
    def feed(self, data: bytes) -> Iterator[bytes]:
        if data:
            yield data

    def finish(self) -> None:
        pass


class Gunzip:
    """gzip of one or several members (RFC 1952, 2.2); each piece is at most STEP bytes."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(31)
        self._members = 1
        self._fresh = True
        self._begun = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._member.eof:
                data = self._next_member(data)
                continue
            self._fresh = False
            piece = self._step(data)
            data = self._member.unconsumed_tail or self._member.unused_data
            if piece:
                yield piece
            while len(piece) == STEP and not data and not self._member.eof:
                if piece := self._step(b""):
                    yield piece

    def finish(self) -> None:
        if self._begun or not (self._fresh or self._member.eof):
            raise Incomplete("the gzip body stops before its end")

    def _step(self, data: bytes) -> bytes:
        try:
            return self._member.decompress(data, STEP)
        except zlib.error:
            raise DecodingError("the body is not the gzip that its Content-Encoding says") from None

    def _next_member(self, data: bytes) -> bytes:
        data = self._begun + data
        if not _GZIP_MAGIC.startswith(data[:2]):
            raise DecodingError("something else follows the gzip body")
        if len(data) < len(_GZIP_MAGIC):
            self._begun = data
            return b""
        self._begun = b""
        self._members += 1
        if self._members > MOST_MEMBERS:
            raise DecodingError("the gzip body has too many parts")
        self._member = zlib.decompressobj(31)
        return data


def decoder(content_encoding: str | None) -> Decoder:
    """The decoder for a Content-Encoding header. Raises DecodingError for encodings nobody asked for."""
    name = (content_encoding or "identity").strip().lower()
    if name not in _DECODERS:
        raise DecodingError("the body has an encoding that was not asked for (only gzip is)")
    return _DECODERS[name]()


_DECODERS: Mapping[str, Callable[[], Decoder]] = {
    "": Identity,
    "identity": Identity,
    "gzip": Gunzip,
    "x-gzip": Gunzip,
}
