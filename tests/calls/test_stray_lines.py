"""Lines of an event stream that belong to no event: what a gateway writes of itself is heard, however it is cut."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from agentos_runtime.calls.events import DECODERS, UpstreamEvent

TEXT = (
    b'id: 7\ndata: {"a": 1}\n\n: keep\nupstream error: read ECONNRESET\r\n'
    b'data: 2\n{"error": {"message": "gone"}}\nevent: x\ndata: 3\n\n{"b": 1}\n'
)


@given(st.lists(st.integers(0, len(TEXT)), max_size=5))
def test_an_error_without_a_field_is_an_event_and_other_words_are_kept(cuts: list[int]) -> None:
    decoder, events = DECODERS["sse"](1000), []
    edges = [0, *sorted(cuts), len(TEXT)]
    for begin, end in pairwise(edges):
        events += decoder.feed(TEXT[begin:end])
        if end < len(TEXT) - 12:
            assert decoder.stray in (b"", b"upstream error: read ECONNRESET")
    events += decoder.end()
    assert events == [
        UpstreamEvent(b'{"a": 1}'),
        UpstreamEvent(b"2"),
        UpstreamEvent(b'{"error": {"message": "gone"}}', "error"),
        UpstreamEvent(b"3", "x"),
    ]
    assert decoder.stray == b'{"b": 1}'


LINES = (
    b'event: a\ndata: {"a": 1}\ndata: {"b": {}}\ndata: [DONE]\n\n'
    b'data: {"c":\ndata: 1}\n\ndata: 1\ndata: {"d": 2}\n\n'
)


@given(st.lists(st.integers(0, len(LINES)), max_size=5))
def test_after_an_object_in_one_line_of_data_another_event_begins(cuts: list[int]) -> None:
    decoder, events = DECODERS["sse"](1000), []
    for begin, end in pairwise([0, *sorted(cuts), len(LINES)]):
        events += decoder.feed(LINES[begin:end])
    assert events + decoder.end() == [
        UpstreamEvent(b'{"a": 1}', "a"),
        UpstreamEvent(b'{"b": {}}'),
        UpstreamEvent(b"[DONE]"),
        UpstreamEvent(b'{"c":\n1}'),
        UpstreamEvent(b'1\n{"d": 2}'),
    ]
