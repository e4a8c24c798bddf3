"""Bytes that are handed on: more than what is held in memory, while they arrive."""

import threading
from pathlib import Path

import httpx
import pytest

from tests.language.support import CANARY, ORIGIN, closed_row, serving, wait_until_gone
from tests.manifest.loading import HEAD
from tests.toy.raw import answer, answer_json, chunked_head, cut, one_chunk, pieces, render

RAW = f"""
api: {{base_url: {ORIGIN}}}
auth: {{type: api_key, header: X-Key}}
utilities:
  film:
    description: A film
    rest: {{url: /film, timeout: 20, response: {{raw: true}}}}
"""
TYPE = [("Content-Type", "video/mp4")]
BLOCK = bytes(range(256)) * 1024
MB = 1 << 20


def test_bytes_beyond_the_largest_reply_arrive_whole(tmp_path: Path) -> None:
    film = BLOCK * 12
    with serving(tmp_path, RAW, answer(200, film, TYPE), head=HEAD, key=True, max_reply=MB) as (house, _):
        response = house.call("demo", "film")
        assert (response.status_code, response.headers["content-type"]) == (200, "video/mp4")
        assert response.content == film
        assert closed_row(house)["outcome"] == "ok"


def test_what_has_arrived_is_handed_on_before_the_end_and_without_the_key(tmp_path: Path) -> None:
    begun = threading.Event()
    key = CANARY.encode()
    parts = [
        chunked_head(200, TYPE),
        *[one_chunk(BLOCK)] * 6,
        one_chunk(key[:9]),
        one_chunk(key[9:] + b"!"),
        b"0\r\n\r\n",
    ]
    waits = iter([None] * 7 + [begun] * 3)

    def gate() -> None:
        event = next(waits)
        assert event is None or event.wait(20)

    with serving(tmp_path, RAW, pieces(parts, gate), head=HEAD, key=True) as (house, _):
        with house.client.stream("POST", "/api/skills/demo/film", json={}) as response:
            arriving = response.iter_raw()
            arrived = next(arriving)
            begun.set()
            whole = arrived + b"".join(arriving)
        assert whole == BLOCK * 6 + b"[redacted]!"
        assert closed_row(house)["outcome"] == "ok"


@pytest.mark.parametrize("charset", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"])
def test_a_key_in_a_text_of_any_charset_is_not_handed_on(tmp_path: Path, charset: str) -> None:
    text = "žluť " * MB + f"you sent {CANARY}, {CANARY}."
    said = answer(200, text.encode(charset), [("Content-Type", f"text/plain; charset={charset}")])
    with serving(tmp_path, RAW, said, head=HEAD, key=True) as (house, _):
        assert house.call("demo", "film").content == text.replace(CANARY, "[redacted]").encode(charset)


def test_bytes_that_break_off_have_no_end_and_are_an_error_in_the_ledger(tmp_path: Path) -> None:
    torn = cut(render(200, BLOCK * 12, TYPE), at=BLOCK.__len__() * 8)
    with serving(tmp_path, RAW, torn, head=HEAD, key=True) as (house, _):
        with pytest.raises(httpx.RemoteProtocolError):
            house.call("demo", "film")
        row = closed_row(house)
    assert (row["outcome"], row["code"]) == ("error", "upstream_truncated")


def test_a_caller_who_leaves_ends_what_is_sent(tmp_path: Path) -> None:
    left = threading.Event()
    parts = [chunked_head(200, TYPE), *[one_chunk(BLOCK)] * 6, one_chunk(b"more")]
    waits = iter([None] * 7 + [left])

    def gate() -> None:
        event = next(waits)
        assert event is None or event.wait(20)

    with serving(tmp_path, RAW, pieces(parts, gate), head=HEAD, key=True) as (house, toy):
        with house.client.stream("POST", "/api/skills/demo/film", json={}) as response:
            assert next(response.iter_raw())
        assert closed_row(house)["outcome"] == "cancelled"
        left.set()
        wait_until_gone(toy)


def test_failures_and_small_bytes_are_what_they_were(tmp_path: Path) -> None:
    said = [answer_json({"error": {"message": "no film"}}, 404), answer_json({"error": {"message": "gone"}}),
            answer(200, b"small", TYPE), answer(200, BLOCK * 12, TYPE)]  # fmt: skip
    with serving(tmp_path, RAW, *said, head=HEAD, key=True, max_reply=MB) as (house, _):
        missing, wrong, small = (house.call("demo", "film") for _ in range(3))
        streamed = house.call("demo", "film", {}, Idempotency_Key="k1")
    assert (missing.status_code, missing.json()["code"]) == (404, "upstream_not_found")
    assert (wrong.status_code, "gone" in wrong.text) == (502, True)
    assert (small.content, small.headers["content-length"]) == (b"small", "5")
    assert (streamed.status_code, streamed.json()["code"]) == (502, "upstream_invalid")
