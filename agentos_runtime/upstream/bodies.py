"""Bodies and headers of answers, bounded."""

from collections.abc import Mapping

from aiohttp import ClientResponse
from multidict import CIMultiDictProxy

from agentos_runtime.upstream.decoding import Decoder, Identity
from agentos_runtime.upstream.failures import TooLarge


async def read_whole(response: ClientResponse, decoder: Decoder, limit: int) -> bytes:
    """The decoded body, `limit` bytes at most. Raises TooLarge, DecodingError, aiohttp's errors."""
    content = response.content
    length = response.content_length
    if length is not None and isinstance(decoder, Identity) and not content.at_eof():
        if length > limit:
            raise TooLarge(limit)
        return await content.read()
    pieces: list[bytes] = []
    raw_size = size = 0
    while raw := await content.readany():
        raw_size += len(raw)
        for piece in decoder.feed(raw):
            pieces.append(piece)
            size += len(piece)
            if size > limit:
                raise TooLarge(limit)
        if raw_size > limit:
            raise TooLarge(limit)
    decoder.finish()
    return b"".join(pieces)


def plain_headers(headers: CIMultiDictProxy[str]) -> Mapping[str, str]:
    """Lower-case names; repeated headers joined by a comma; bytes that are not UTF-8 replaced."""
    plain: dict[str, str] = {}
    for name, value in headers.items():
        key = name.lower()
        text = value if value.isascii() else value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        plain[key] = f"{plain[key]}, {text}" if key in plain else text
    return plain
