"""What of an answer reaches the client, and how it ends."""

import gzip
import json
import threading
from urllib.parse import urljoin

import pytest

from agentos_runtime.server.limits import Limits
from tests.end_to_end.house import KEY
from tests.proxy.lab import CHAT, GOOGLE, Lab, lab, sse
from tests.server.client import connected
from tests.toy.raw import (
    answer,
    answer_json,
    chunked_head,
    cut,
    endless,
    gzipped,
    one_chunk,
    redirect,
    render,
    render_chunks,
    say,
    stall,
)

EVENTS = ("Content-Type", "text/event-stream")
REQUEST = (
    b"POST /use/openrouter.ai/api/v1/%b HTTP/1.1\r\nHost: localhost:%d\r\nX-Agent: tester\r\n"
    b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
)


def asked(here: Lab, path: bytes = b"chat/completions") -> bytes:
    return REQUEST % (path, here.house.server.port)


def test_status_and_bytes_pass_and_of_the_headers_those_that_clients_need(here: Lab) -> None:
    passing = [
        ("Content-Type", 'application/json; charset="utf-8"'),
        ("ETag", '"1"'),
        ("Retry-After", "7"),
        ("request-id", "req_theirs"),
        ("openai-version", "2020"),
        ("anthropic-ratelimit-requests-remaining", "3"),
        ("x-ratelimit-remaining", "4"),
        ("x-should-retry", "true"),
    ]
    kept = [
        ("Set-Cookie", "a=b"),
        ("Access-Control-Allow-Origin", "*"),
        ("Strict-Transport-Security", "x"),
        ("X-Odd", "1"),
    ]
    here.upstream.says(answer(429, b'{"error" : {}}\n', [*passing, *kept, ("x-request-id", "theirs")]))
    said = here.use("POST", CHAT, json={}, headers={"X-Request-Id": "req_mine"})
    assert (said.status_code, said.content) == (429, b'{"error" : {}}\n')
    assert {name: said.headers.get(name) for name, _ in passing} == dict(passing)
    assert [said.headers.get(name) for name, _ in kept] == [None] * 4
    assert (said.headers["x-upstream-request-id"], said.headers["x-request-id"]) == ("theirs", "req_mine")
    assert said.headers["x-content-type-options"] == "nosniff"
    assert said.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert "upstream" in said.headers["server-timing"]


@pytest.mark.parametrize(
    ("status", "code"), [(400, "upstream_rejected"), (401, "credential_rejected"), (429, "upstream_rate_limited")]
)
def test_a_refusal_of_the_service_is_its_own_to_the_client_and_ours_in_the_ledger(
    here: Lab, status: int, code: str
) -> None:
    here.upstream.says(answer_json({"error": {"message": "no"}}, status))
    assert here.use("POST", CHAT, json={"model": "m"}).status_code == status
    row = here.row()
    assert (row["outcome"], row["code"], row["status"], row["upstream_status"]) == ("error", code, status, status)
    assert (row["skill"], row["utility"], row["agent"], row["model"]) == ("openrouter", "use", "tester", "m")


def test_a_redirect_is_passed_on_and_not_followed(here: Lab) -> None:
    here.upstream.says(redirect("https://elsewhere.example/x"))
    said = here.use("GET", "/use/openrouter.ai/api/v1/files/1/content")
    assert (said.status_code, said.headers["location"]) == (302, "https://elsewhere.example/x")
    assert here.row()["outcome"] == "ok"
    assert here.upstream.asked.method == "GET"


@pytest.mark.parametrize(
    ("location", "there"),
    [
        ("/api/v1/models/?a=1#x", "/use/openrouter.ai/api/v1/models/?a=1#x"),
        ("https://OpenRouter.ai:443/api/v1/models", "/use/openrouter.ai/api/v1/models"),
        ("//openrouter.ai", "/use/openrouter.ai/"),
        ("?page=2", "/use/openrouter.ai/api/v1/files/1?page=2"),
        ("2/content", "/use/openrouter.ai/api/v1/files/2/content"),
        ("../../v1", "/use/openrouter.ai/api/v1"),
        ("//elsewhere.example/x", "//elsewhere.example/x"),
        ("https://openrouter.ai:8443/x", "https://openrouter.ai:8443/x"),
        ("https://me@openrouter.ai/x", "https://me@openrouter.ai/x"),
        ("https://[openrouter.ai/x", "https://[openrouter.ai/x"),
    ],
)
def test_a_redirect_within_a_service_leads_through_the_server_again(here: Lab, location: str, there: str) -> None:
    here.upstream.says(redirect(location))
    said = here.use("GET", "/use/openrouter.ai/api/v1/files/1")
    if not there.startswith("/use/"):
        assert said.headers["location"] == there
        return
    for front in ("", "/in/front"):  # of a proxy
        led = urljoin(f"http://me.example{front}/use/openrouter.ai/api/v1/files/1", said.headers["location"])
        assert led == f"http://me.example{front}{there}"


@pytest.mark.parametrize("status", [600, 999])
def test_a_status_that_no_client_can_be_told_is_an_error_of_the_service(here: Lab, status: int) -> None:
    here.upstream.says(say(render(status, b"no", [])))
    said = here.use("GET", "/use/openrouter.ai/api/v1/x")
    assert (said.status_code, said.json()["code"]) == (502, "upstream_failed")
    assert f"answered {status}" in said.json()["error"]
    row = here.row()
    assert (row["outcome"], row["code"], row["upstream_status"]) == ("error", "upstream_failed", status)
    once = here.client.post("/api/use", json={"url": "https://openrouter.ai/api/v1/x"})
    assert once.json()["status"] == status


def test_what_a_header_says_beyond_ascii_arrives_byte_for_byte(here: Lab) -> None:
    here.upstream.says(
        answer(302, headers=[("Location", "/caf\u00c3\u00a9"), ("request-id", "\u00e2\u0098\u0083")])
    )
    raw = here.use("GET", "/use/openrouter.ai/x").headers.raw
    assert (b"location", "../../use/openrouter.ai/café".encode()) in raw
    assert (b"request-id", "☃".encode()) in raw


def test_the_next_page_of_a_list_is_asked_for_through_the_server_again(here: Lab) -> None:
    there = "https://openrouter.ai/api/v1/models?offset=2"
    link = f'<{there}>; rel="next", </x>; rel="first", <https://elsewhere.example/x>; rel="help", <>; rel="x"'
    here.upstream.says(answer(headers=[("Link", link)]))
    said = here.use("GET", "/use/openrouter.ai/api/v1/files")
    base = f"{here.house.server.url}/use/openrouter.ai"
    assert said.headers["link"] == (
        f'<{base}/api/v1/models?offset=2>; rel="next", <{base}/x>; rel="first", '
        '<https://elsewhere.example/x>; rel="help", <>; rel="x"'
    )
    here.upstream.says(answer())
    assert here.use("GET", said.links["next"]["url"]).status_code == 200
    assert here.upstream.asked.target == "/api/v1/models?offset=2"


def test_a_file_is_uploaded_where_google_leads_its_client_as_its_sdks_do(here: Lab) -> None:
    path = "/upload/v1beta/files"
    there = f"https://generativelanguage.googleapis.com{path}?upload_id=1"
    here.upstream.says(answer(headers=[("X-Goog-Upload-URL", there), ("X-Goog-Upload-Status", "active")]))
    started = {"X-Goog-Upload-Command": "start", "X-Goog-Upload-Protocol": "resumable"}
    said = here.use("POST", f"/use/generativelanguage.googleapis.com{path}", json={}, headers=started)
    led = said.headers["x-goog-upload-url"]
    assert (said.headers["x-goog-upload-status"], here.upstream.asked.header("x-goog-upload-command")) == (
        "active",
        "start",
    )
    assert led == f"{here.house.server.url}/use/generativelanguage.googleapis.com{path}?upload_id=1"
    here.upstream.says(answer(headers=[("X-Goog-Upload-URL", "https://elsewhere.example/x")]))
    sent = here.client.post(led, content=b"all of it", headers={"X-Goog-Upload-Command": "upload, finalize"})
    assert (sent.status_code, sent.headers["x-goog-upload-url"]) == (200, "https://elsewhere.example/x")
    assert (here.upstream.asked.target, here.upstream.asked.body) == (f"{path}?upload_id=1", b"all of it")
    assert here.upstream.asked.header("x-goog-api-key") == GOOGLE


def test_a_compressed_answer_arrives_as_it_was_and_one_that_is_none_is_an_error(here: Lab) -> None:
    here.upstream.says(gzipped(b"a" * 300_000, headers=[("Content-Type", "text/plain")]))
    assert here.use("GET", "/use/openrouter.ai/x").content == b"a" * 300_000
    here.upstream.says(answer(body=gzip.compress(b"x")[:-9], headers=[("Content-Encoding", "gzip")]))
    body, whole = here.raw(asked(here))
    assert not whole or json.loads(body)["error"]["code"] == "upstream_invalid"
    assert here.row()["code"] in ("upstream_invalid", "upstream_truncated")


def test_an_answer_of_any_size_or_framing_is_the_same_bytes(here: Lab) -> None:
    blob = bytes(range(256)) * 2000
    kind = [("Content-Type", "application/octet-stream")]
    for behaviour in (
        answer(body=blob, headers=kind),
        say(render_chunks([blob[:5], blob[5:]], headers=kind)),
        cut(b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n\r\n" + blob),
    ):
        here.upstream.says(behaviour)
        said = here.use("GET", "/use/openrouter.ai/api/v1/files/1/content")
        assert said.content == blob
    here.upstream.says(say(b"HTTP/1.1 204 No\r\n\r\n"))
    assert here.use("DELETE", "/use/openrouter.ai/api/v1/x").status_code == 204
    here.upstream.says(say(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n"))
    assert here.use("HEAD", "/use/openrouter.ai/api/v1/x").headers["content-length"] == "999"


def test_events_arrive_one_by_one_while_the_service_still_speaks(here: Lab) -> None:
    more = threading.Event()

    def speak(exchange):  # type: ignore[no-untyped-def]
        exchange.send(chunked_head(headers=[EVENTS]) + one_chunk(b'data: {"a": 1}\n\n'))
        assert more.wait(10)
        exchange.send(one_chunk(b"data: [DO") + one_chunk(b"NE]\n\n") + b"0\r\n\r\n")

    here.upstream.says(speak)
    with here.client.stream("POST", CHAT, json={}, headers={"X-Agent": "tester"}) as said:
        pieces = said.iter_raw()
        first = next(pieces)
        more.set()
        rest = b"".join(pieces)
    assert (first, rest) == (b'data: {"a": 1}\n\n', b"data: [DONE]\n\n")
    assert here.row()["outcome"] == "ok"


def test_a_part_of_a_file_comes_with_which_part_it_is(here: Lab) -> None:
    part = [
        ("Content-Type", "application/octet-stream"),
        ("Content-Range", "bytes 1-3/10"),
        ("Accept-Ranges", "bytes"),
    ]
    here.upstream.says(answer(206, b"bcd", part))
    said = here.use("GET", "/use/openrouter.ai/api/v1/files/f/content", headers={"Range": "bytes=1-3"})
    assert here.upstream.asked.header("range") == "bytes=1-3"
    assert (said.status_code, said.content) == (206, b"bcd")
    assert {name: said.headers.get(name) for name, _ in part} == dict(part)


STREAM = sse({"choices": [{"delta": {"content": "héllo"}}]}, {"usage": {"prompt_tokens": 3}})
WHOLE = render_chunks([STREAM[:20], STREAM[20:]], headers=[EVENTS])


def test_a_stream_cut_at_any_byte_never_looks_whole(here: Lab) -> None:
    head = WHOLE.index(b"\r\n\r\n") + 4
    for at in range(head, len(WHOLE)):
        here.upstream.says(cut(WHOLE, at))
        body, whole = here.raw(asked(here))
        assert not whole, at
        events = body.split(b"\n\n")
        assert events[-1] == b""
        assert json.loads(events[-2].removeprefix(b"data: "))["error"]["code"] == "upstream_truncated", at
        assert STREAM.startswith(b"".join(event + b"\n\n" for event in events[:-2]))
    assert here.row()["code"] == "upstream_truncated"
    here.upstream.says(say(WHOLE))
    assert here.raw(asked(here)) == (STREAM, True)


def test_what_is_no_stream_of_events_is_cut_without_a_word(here: Lab) -> None:
    kind = [("Content-Type", "audio/mpeg")]
    here.upstream.says(cut(render_chunks([b"abc"], headers=kind, end=False)))
    body, whole = here.raw(asked(here, b"audio/speech"))
    assert (whole, b"abc".startswith(body)) == (False, True)
    here.upstream.says(cut(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"))
    body, whole = here.raw(asked(here, b"audio/speech"))
    assert (whole, json.loads(body)["code"]) == (True, "upstream_truncated")


@pytest.mark.parametrize("end", [True, False])
def test_what_is_cut_never_looks_whole_to_a_client_of_http_1_0(here: Lab, end: bool) -> None:
    chunked = render_chunks([b"abc", b"d" * 70_000], headers=[("Content-Type", "audio/mpeg")], end=end)
    here.upstream.says(say(chunked) if end else cut(chunked))
    request, got, whole = asked(here, b"audio/speech").replace(b"HTTP/1.1", b"HTTP/1.0", 1), b"", True
    with connected(here.house.server) as wire:
        wire.sendall(request)
        try:
            while piece := wire.recv(1 << 16):
                got += piece
        except ConnectionResetError:
            whole = False
    head, _, body = got.partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head.lower()
    assert (whole, (b"abc" + b"d" * 70_000).startswith(body)) == (end, True)
    assert len(body) == 70_003 or not end


@pytest.mark.parametrize("status", [302, 400, 429, 500])
def test_a_failure_whose_body_cannot_be_read_keeps_its_status_and_its_headers(here: Lab, status: int) -> None:
    head = b"HTTP/1.1 %d No\r\nRetry-After: 7\r\nContent-Type: application/json\r\n" % status
    torn = cut(head + b'Content-Length: 70\r\n\r\n{"error": "slow')
    here.upstream.says(torn)
    said = here.use("POST", CHAT, json={})
    assert (said.status_code, said.headers["retry-after"], said.content) == (status, "7", b"")
    row = here.row()
    assert (row["outcome"], row["status"], row["upstream_status"]) == (
        "ok" if status < 400 else "error",
        status,
        status,
    )
    here.upstream.says(say(head + b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nslow"))
    asked_once = {"url": "https://openrouter.ai/api/v1/chat/completions", "method": "POST", "body": {}}
    assert here.use("POST", "/api/use", json=asked_once).json()["status"] == status


def test_anthropics_clients_are_told_in_their_own_words(here: Lab) -> None:
    here.upstream.says(cut(render_chunks([b"event: ping\ndata: {}\n\n"], headers=[EVENTS], end=False)))
    body, whole = here.raw(asked(here, b"messages"))
    first, last, _ = body.split(b"\n\n")
    assert (whole, first, last.partition(b"\n")[0]) == (False, b"event: ping\ndata: {}", b"event: error")
    said = json.loads(last.partition(b"\ndata: ")[2])
    assert (said["type"], said["error"]["type"]) == ("error", "api_error")


def test_an_answer_that_is_too_large_or_too_late_is_cut(tmp_path) -> None:  # type: ignore[no-untyped-def]
    with lab(tmp_path, max_reply=100_000) as small:
        small.upstream.says(endless(chunked_head(headers=[EVENTS]), one_chunk(b": x\n\n" * 200)))
        body, whole = small.raw(asked(small))
        assert (whole, b"upstream_invalid" in body) == (False, True)
        small.upstream.says(stall())
        late = small.client.post("/api/use", json={"url": "https://openrouter.ai/x", "timeout": 0.2})
        assert (late.status_code, late.json()["code"]) == (504, "upstream_timeout")


def test_a_client_that_leaves_closes_the_service_and_is_told_in_the_ledger(here: Lab) -> None:
    usage = b'data: {"usage": {"prompt_tokens": 5, "completion_tokens": 2}}\n\n'
    here.upstream.says(stall(chunked_head(headers=[EVENTS]) + one_chunk(usage)))
    with here.client.stream("POST", CHAT, json={"model": "asked"}, headers={"X-Agent": "leaver"}) as said:
        next(said.iter_raw())
    assert here.upstream.toy.connections[-1].gone.wait(5)
    while (row := here.row())["outcome"] == "started":
        pass
    assert (row["agent"], row["outcome"], row["model"]) == ("leaver", "cancelled", "asked")
    assert (row["input_tokens"], row["output_tokens"]) == (5, 2)


def test_a_server_that_stops_says_so_and_ends_in_the_middle(tmp_path) -> None:  # type: ignore[no-untyped-def]
    with lab(tmp_path, limits=Limits(call_grace=2)) as ending:
        ending.upstream.says(stall(chunked_head(headers=[EVENTS]) + one_chunk(b": hello\n\n")))
        found: list[tuple[bytes, bool]] = []
        client = threading.Thread(target=lambda: found.append(ending.raw(asked(ending))))
        client.start()
        while not ending.upstream.toy.requests:
            pass
        ending.house.server.stop()
        client.join(20)
    body, whole = found[0]
    assert (whole, b"shutting_down" in body) == (False, True)


def test_a_secret_that_the_service_echoes_is_taken_out_wherever_it_is_cut(here: Lab) -> None:
    text = f'data: {{"key": "{KEY}", "n": 1}}\n\ndata: x\n\n'.encode()
    clean = text.replace(KEY.encode(), b"[redacted]")
    start = text.index(KEY.encode())
    for at in range(start - 1, start + len(KEY) + 1):
        here.upstream.says(say(render_chunks([text[:at], text[at:]], headers=[EVENTS])))
        assert here.use("POST", CHAT, json={}).content == clean, at
    here.upstream.says(
        answer(
            body=f'{{"k": "{KEY}"}}'.encode(), headers=[("Content-Type", "application/json"), ("request-id", KEY)]
        )
    )
    said = here.use("POST", CHAT, json={})
    assert (said.content, said.headers["request-id"]) == (b'{"k": "[redacted]"}', "[redacted]")
    for charset in ("utf-16", "utf-16-be", "utf-32-le"):
        typed = ("Content-Type", f"text/plain; charset={charset}")
        here.upstream.says(answer(body=f"you sent {KEY}, žluť".encode(charset), headers=[typed]))
        assert here.use("POST", CHAT, json={}).content == "you sent [redacted], žluť".encode(charset), charset
    for kind, mark in (("text/plain; charset=utf-16", b"12"), ("audio/mpeg", b"\xff\xfe")):  # not so, after all
        here.upstream.says(answer(body=mark + f"you sent {KEY}.".encode(), headers=[("Content-Type", kind)]))
        assert here.use("POST", CHAT, json={}).content == mark + b"you sent [redacted].", kind
    here.upstream.says(
        say(render_chunks([bytes([byte]) for byte in text], headers=[("Content-Type", "audio/mpeg")]))
    )
    assert here.use("POST", CHAT, json={}).content == clean
