"""Event streams become events, however their bytes are cut."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentos_runtime.calls.events import EventTooLarge, NdjsonDecoder, SseDecoder, UpstreamEvent
from tests.recorded import exchanges
from tests.sizes import examples

LIMIT = 10_000_000


def decode(pieces: list[bytes], decoder: SseDecoder | NdjsonDecoder | None = None) -> list[UpstreamEvent]:
    decoder = decoder or SseDecoder(LIMIT)
    events = [event for piece in pieces for event in decoder.feed(piece)]
    return events + decoder.end()


def cut(data: bytes, at: list[int]) -> list[bytes]:
    places = sorted({min(place, len(data)) for place in at})
    return [data[start:end] for start, end in zip([0, *places], [*places, len(data)], strict=True)]


def test_data_lines_are_joined_and_other_fields_are_skipped() -> None:
    stream = b": hello\nid: 7\nretry: 5\nevent: delta\ndata: one\ndata:two\n\n"
    assert decode([stream]) == [UpstreamEvent(b"one\ntwo", "delta")]


def test_comments_may_stand_anywhere() -> None:
    stream = b": a\n\n: b\ndata: 1\n: c\n\n: d\n\ndata: 2\n\n"
    assert [event.data for event in decode([stream])] == [b"1", b"2"]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_every_line_ending_counts(end: bytes) -> None:
    stream = end.join([b"event: x", b"data: 1", b"", b"data: 2", b"", b""])
    expected = [UpstreamEvent(b"1", "x"), UpstreamEvent(b"2")]
    assert decode([stream]) == expected
    assert decode([bytes([byte]) for byte in stream]) == expected


def test_a_missing_last_newline_loses_nothing() -> None:
    assert [event.data for event in decode([b"data: 1\n\ndata: 2"])] == [b"1", b"2"]
    assert [event.data for event in decode([b"data: 1\n\ndata: 2\n"])] == [b"1", b"2"]


def test_a_byte_order_mark_is_skipped_even_when_it_is_cut() -> None:
    assert [event.data for event in decode([b"\xef", b"\xbb", b"\xbfdata: 1\n\n"])] == [b"1"]


def test_an_event_of_several_megabytes_arrives_whole() -> None:
    data = b"x" * 3_000_000
    stream = b"data: " + data + b"\n\n"
    pieces = [stream[start : start + 1000] for start in range(0, len(stream), 1000)]
    assert decode(pieces) == [UpstreamEvent(data)]


def test_an_event_over_the_bound_is_refused_in_one_line_or_in_many() -> None:
    with pytest.raises(EventTooLarge):
        decode([b"data: " + b"x" * 200], SseDecoder(100))
    with pytest.raises(EventTooLarge):
        decode([b"data: 123456789\n" * 20], SseDecoder(100))
    for nothing in (b"data\n", b"data:\n", b"data: \r\n"):
        with pytest.raises(EventTooLarge):
            decode([nothing * 200], SseDecoder(100))
        assert len(decode([nothing * 101], SseDecoder(100))[0].data) == 100
    with pytest.raises(EventTooLarge):
        decode([b"x" * 200], NdjsonDecoder(100))


def test_ndjson_is_one_event_a_line_and_blank_lines_are_none() -> None:
    assert [event.data for event in decode([b'{"a":1}\r\n\n{"b', b'":2}'], NdjsonDecoder(LIMIT))] == [
        b'{"a":1}',
        b'{"b":2}',
    ]


LINES = st.sampled_from(
    [
        b"data: 1",
        b"data:",
        b"data",
        b"data: \xc3\xa9\xf0\x9f\x98\x80",
        b": c",
        b"event: e",
        b"",
        b"",
        b"id: 3",
        b"data:  x",
    ]
)


@settings(max_examples=examples(300), deadline=None)
@given(
    st.lists(LINES, max_size=12),
    st.sampled_from([b"\n", b"\r\n", b"\r"]),
    st.lists(st.integers(0, 120), max_size=8),
)
def test_any_split_gives_the_same_events(lines: list[bytes], end: bytes, places: list[int]) -> None:
    stream = b"".join(line + end for line in lines)
    assert decode(cut(stream, places)) == decode([stream])


@settings(max_examples=examples(200), deadline=None)
@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=8))
def test_any_bytes_at_all_decode_the_same_however_cut(stream: bytes, places: list[int]) -> None:
    assert decode(cut(stream, places)) == decode([stream])


@pytest.mark.slow
def test_recorded_streams_are_the_same_cut_at_every_byte() -> None:
    for exchange in exchanges("*-sse-*"):
        whole = decode([exchange.body])
        assert whole, exchange.name
        step = max(1, len(exchange.body) // 2000)
        for place in range(0, len(exchange.body), step):
            assert decode(cut(exchange.body, [place])) == whole, (exchange.name, place)
        assert decode([bytes([byte]) for byte in exchange.body]) == whole
