"""Bodies are decoded within bounds, whatever they say they are."""

import gzip
import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentos_runtime.errors import UpstreamInvalid, UpstreamTruncated
from agentos_runtime.http_client.decoding import STEP, DecodingError, Incomplete, decoder
from tests.http_client.conftest import Run
from tests.http_client.support import request, send
from tests.http_client.support import settings as call_settings
from tests.sizes import examples
from tests.toy.raw import Toy, answer, bomb, gzipped, render_chunks, say, zipped


def decoded(encoding: str, parts: list[bytes]) -> bytes:
    it = decoder(encoding)
    pieces = [piece for part in parts for piece in it.feed(part)]
    it.finish()
    assert all(len(piece) <= STEP for piece in pieces) or encoding == "identity"
    return b"".join(pieces)


def split(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    return [data[a:b] for a, b in pairwise(edges)]


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=3), st.lists(st.integers(0, 900), max_size=6))
@settings(deadline=None, max_examples=examples(150))
def test_gzip_of_one_or_more_members_is_read_at_any_split(members: list[bytes], cuts: list[int]) -> None:
    packed = b"".join(gzip.compress(member, mtime=0) for member in members)
    assert decoded("gzip", split(packed, cuts)) == b"".join(members)


@given(st.binary(min_size=1, max_size=100), st.integers(0, 99))
@settings(deadline=None, max_examples=examples(100))
def test_gzip_that_stops_early_is_noticed(body: bytes, share: int) -> None:
    packed = gzip.compress(body, mtime=0)
    with pytest.raises(Incomplete):
        decoded("gzip", [packed[: 1 + (len(packed) - 2) * share // 100]])


@pytest.mark.parametrize("tail", [b"\0", b"garbage", b"\x1f", b"\x1f\x8c", b"\x1f\x8b"])
def test_what_follows_a_gzip_body_is_no_part_of_it(tail: bytes) -> None:
    with pytest.raises(DecodingError):
        decoded("gzip", [gzip.compress(b"body"), tail])


def test_steps_stay_small_at_the_edges() -> None:
    for size in (0, 1, STEP - 1, STEP, STEP + 1, 2 * STEP, 5 * STEP):
        assert len(decoded("gzip", [zipped(size)])) == size


@pytest.mark.parametrize("encoding", ["br", "deflate", "zstd", "gzip, gzip", "identity, gzip", "compress", "GZIP2"])
def test_an_encoding_nobody_asked_for_is_refused(encoding: str) -> None:
    with pytest.raises(DecodingError):
        decoder(encoding)


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", " x-gzip "])
def test_gzip_has_several_names(run: Run, encoding: str) -> None:
    body = answer(body=gzip.compress(b"hello"), headers=[("Content-Encoding", encoding)])
    with Toy(body) as toy:
        assert run(send(request(toy.url()))).body == b"hello"


def test_chunked_gzip_is_read(run: Run) -> None:
    packed = gzip.compress(b"hello " * 100)
    raw = render_chunks([packed[:7], packed[7:]], headers=[("Content-Encoding", "gzip")])
    with Toy(say(raw)) as toy:
        assert run(send(request(toy.url()))).body == b"hello " * 100


def test_an_empty_body_needs_no_decoding(run: Run) -> None:
    with Toy(answer(204, headers=[("Content-Encoding", "gzip")])) as toy:
        assert run(send(request(toy.url()))).body == b""


def test_the_answer_to_head_has_no_body_whatever_its_length_says(run: Run) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\nContent-Encoding: gzip\r\n\r\n"
    with Toy(say(head)) as toy:
        assert run(send(request(toy.url(), "HEAD"))).body == b""


def test_a_gzip_body_that_stops_early_is_truncated(run: Run) -> None:
    packed = gzip.compress(b"hello")
    with (
        Toy(answer(body=packed[:-4], headers=[("Content-Encoding", "gzip")])) as toy,
        pytest.raises(UpstreamTruncated),
    ):
        run(send(request(toy.url())))


def test_a_bomb_never_exists_in_memory(run: Run) -> None:
    with Toy(bomb(300 << 20)) as toy:
        tracemalloc.start()
        try:
            with pytest.raises(UpstreamInvalid, match="larger than 1048576 bytes"):
                run(send(request(toy.url())))
            assert tracemalloc.get_traced_memory()[1] < 20 << 20
        finally:
            tracemalloc.stop()


def test_the_bound_counts_decoded_bytes(run: Run) -> None:
    with Toy(gzipped(b"a" * 1001)) as toy, pytest.raises(UpstreamInvalid):
        run(send(request(toy.url()), call_settings(max_reply=1000)))
    with Toy(gzipped(b"a" * 1000)) as toy:
        assert len(run(send(request(toy.url()), call_settings(max_reply=1000))).body) == 1000


def test_headers_are_lower_case_joined_and_readable(run: Run) -> None:
    raw = b"HTTP/1.1 200 OK\r\nX-Name: a\r\nx-name: b\r\nX-Bytes: caf\xc3\xa9 \xff\r\nContent-Length: 0\r\n\r\n"
    with Toy(say(raw)) as toy:
        headers = run(send(request(toy.url()))).headers
        assert headers == {"x-name": "a, b", "x-bytes": "café \ufffd", "content-length": "0"}
