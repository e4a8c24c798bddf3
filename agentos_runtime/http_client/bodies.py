"""Bodies of answers, bounded."""

from agentos_runtime.http_client.answers import Answer
from agentos_runtime.http_client.decoding import Decoder
from agentos_runtime.http_client.failures import TooLarge


def whole_body(answer: Answer, limit: int) -> bytes | None:
    """The body of an answer without an encoding, if it has arrived already. Raises TooLarge."""
    if not answer.complete:
        return None
    body = answer.read_nowait()
    if len(body) > limit:
        raise TooLarge(limit)
    return body


async def read_whole(answer: Answer, decoder: Decoder, limit: int) -> bytes:
    """The decoded body, `limit` bytes at most. Raises TooLarge, DecodingError, WireError."""
    length = answer.headers.get("content-length", "")
    if length.isdigit() and int(length) > limit and answer.method != "HEAD":
        raise TooLarge(limit)
    pieces: list[bytes] = []
    raw_size = size = 0
    try:
        while raw := await answer.read():
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
    finally:
        # An error and the frames in its traceback refer to each other: until the collector of cycles comes by,
        # which may be long, they would hold all that was read.
        pieces.clear()
