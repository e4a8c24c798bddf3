"""Bodies of answers, bounded."""

from collections.abc import Iterator

from agentos_runtime.http_client.answers import Answer
from agentos_runtime.http_client.decoding import Decoder, DecodingError, Identity, decoder
from agentos_runtime.http_client.failures import CAUGHT, TooLarge


class Unreadable:
    """Of a body in an encoding that nobody asked for: the answer is there, and fails where its body is read."""

    def __init__(self, error: DecodingError) -> None:
        self._error = error

    def feed(self, data: bytes) -> Iterator[bytes]:
        raise self._error

    def finish(self) -> None:
        pass


def decoder_of(answer: Answer) -> Decoder:
    """What undoes the answer's encoding. Raises DecodingError for a 2xx in one that nobody asked for."""
    if answer.method == "HEAD":
        return Identity()
    try:
        return decoder(answer.headers.get("content-encoding"))
    except DecodingError as error:
        if not says_failure(answer.status):
            raise
        return Unreadable(error)


def says_failure(status: int) -> bool:
    """Whether the head of an answer says what became of the request, whatever its body holds."""
    return status >= 300


def whole_body(answer: Answer, limit: int) -> bytes | None:
    """The body of an answer without an encoding, if it has arrived already. Raises TooLarge."""
    if not answer.complete:
        return None
    body = answer.read_nowait()
    if len(body) <= limit:
        return body
    if says_failure(answer.status):
        return b""
    raise TooLarge(limit)


async def read_whole(answer: Answer, decoder: Decoder, limit: int) -> bytes:
    """The decoded body, `limit` bytes at most. Raises TooLarge, DecodingError, WireError.

    The body of a failure that is cut off, too large or in a wrong encoding is empty: its status and its headers
    are the answer.
    """
    try:
        return await _read_all(answer, decoder, limit)
    except CAUGHT:
        if not says_failure(answer.status):
            raise
        answer.close()
        return b""


async def _read_all(answer: Answer, decoder: Decoder, limit: int) -> bytes:
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
