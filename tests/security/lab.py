"""The fault laboratory: every way in which an upstream misbehaves, by name, behind one skill.

The skill's params say which fault comes back; the same fault is asked for plainly and as a stream.
"""

import base64
import gzip
import json
import random
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote

from agentos_runtime import errors
from tests.toy.raw import (
    Behaviour,
    Exchange,
    Received,
    answer,
    bomb,
    chunked_head,
    cut,
    endless,
    flood,
    one_chunk,
    render,
    render_chunks,
    reset,
    say,
    stall,
    zipped,
)

ORIGIN = "https://lab.example"
CODES = frozenset(
    kind.code for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.AgentOSError)
)
"""Every code of the contract."""
NOWHERE = "https://nowhere.example"
"""An origin at which nothing listens."""
SECRET = "sk-lab-canary/9f3+0c7a1e5d2b84"

SKILL = f"""\
---
id: lab
name: Lab
description: An upstream that does what it is told
auth: {{header: {{X-Key: "{{key}}"}}, query: {{key: "{{key}}"}}}}
utilities:
  ask:
    description: Ask for a fault
    params: &params
      fault: {{type: string, required: true}}
      number: {{type: string}}
    returns: &returns {{content: string}}
    rest: &rest
      method: POST
      url: {ORIGIN}/{{fault}}
      body: {{number: .params.number}}
      timeout: 30
      response: &response
        mapping: {{content: .content}}
      stream: &stream
        body: {{stream: true}}
        delta: '{{content: .say}}'
        reply: '{{content: .content}}'
        done: '[DONE]'
        idle_timeout: 30
  hasty:
    description: Ask for a fault that is silence
    params: *params
    returns: *returns
    rest:
      method: POST
      url: {ORIGIN}/{{fault}}
      timeout: 1
      response: *response
      stream: {{body: {{stream: true}}, delta: '{{content: .say}}', reply: '{{content: .content}}', done: '[DONE]', idle_timeout: 1}}
  seen:
    description: Hand on all that can be handed on
    params: *params
    rest:
      method: POST
      url: {ORIGIN}/{{fault}}
      timeout: 30
      response: {{error: 'false', transform: '{{all: ., response: $response}}'}}
      stream: {{body: {{stream: true}}, delta: '{{content: .say, all: ., response: $response}}', done: '[DONE]', idle_timeout: 30}}
  bytes:
    description: Hand on the bytes
    params: *params
    rest: {{method: POST, url: "{ORIGIN}/{{fault}}", timeout: 30, response: {{raw: true}}}}
  nowhere:
    description: Ask where nobody is
    params: *params
    returns: *returns
    rest: {{method: POST, url: "{NOWHERE}/{{fault}}", response: *response, stream: *stream}}
---
"""  # noqa: E501

JSON_TYPE = ("Content-Type", "application/json")
SSE_TYPE = ("Content-Type", "text/event-stream")
PLAIN = render(body=b'{"content": "well"}', headers=[JSON_TYPE])


def sse(*events: object, end: bool = True) -> bytes:
    """A chunked event stream of these events (bytes as they stand) and the end mark."""
    parts = [event if isinstance(event, bytes) else f"data: {json.dumps(event)}\n\n".encode() for event in events]
    return render_chunks([*parts, *([b"data: [DONE]\n\n"] if end else [])], headers=[SSE_TYPE])


STREAM = sse({"say": "we"}, {"say": "ll"})
LENGTHLESS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
ONE_EVENT = b'data: {"say": "x"}\n\n'

UNREACHABLE, TRUNCATED, INVALID, TIMEOUT = (
    f"upstream_{what}" for what in ("unreachable", "truncated", "invalid", "timeout")
)


@dataclass(frozen=True)
class Fault:
    """What comes back, plainly and as a stream, and the codes of which one must be what the caller gets.

    `None` among the codes: a whole answer.
    """

    plain: Behaviour
    codes: tuple[str | None, ...]
    stream: Behaviour
    stream_codes: tuple[str | None, ...]
    utility: str = "ask"


def fault(
    plain: Behaviour, code: str | None, stream: Behaviour | None = None, stream_code: str | None = "", **more: str
) -> Fault:
    return Fault(plain, (code,), stream or plain, (code if stream_code == "" else stream_code,), **more)


def status(
    number: int, code: str, body: bytes = b'{"error": {"message": "no"}}', *headers: tuple[str, str]
) -> Fault:
    return fault(answer(number, body, [JSON_TYPE, *headers]), code)


def body(content: bytes, code: str | None, *headers: tuple[str, str]) -> Fault:
    """A 200 with this body; as a stream, the body is one event's data."""
    return fault(
        answer(body=content, headers=[JSON_TYPE, *headers]),
        code,
        say(sse({"say": "x"}, b"data: " + content.replace(b"\n", b" ") + b"\n\n")),
        code,
    )


def transport() -> Iterator[tuple[str, Fault]]:
    """Connections that break, lie and stall."""
    yield "refused", fault(answer(), UNREACHABLE, utility="nowhere")
    yield "closed before a word", fault(cut(b""), UNREACHABLE)
    yield "reset before a word", fault(reset(), UNREACHABLE)
    yield "silent", fault(stall(), TIMEOUT, utility="hasty")
    yield (
        "silent after the head",
        fault(stall(PLAIN[:-8]), TIMEOUT, stall(chunked_head(headers=[SSE_TYPE])), utility="hasty"),
    )
    yield "silent after an event", fault(stall(PLAIN[:-1]), TIMEOUT, stall(chunk_of_events(1)), utility="hasty")
    yield "dribbling", fault(dribble(b" "), TIMEOUT, stall(LENGTHLESS), utility="hasty")
    yield "reset in the body", fault(reset(PLAIN[:-4]), TRUNCATED, reset(chunk_of_events(1)))
    yield "too short for its length", fault(cut(render(body=b'{"content": "x"}', length=99)), TRUNCATED)
    yield "too long for its length", fault(answer(body=b'{"content": "x"} and more', length=16), INVALID)
    yield (
        "two lengths",
        fault(say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}}"), INVALID),
    )
    yield "a bad chunk", fault(say(chunk_of_events(1) + b"zz\r\n\r\n"), INVALID)
    yield (
        "no last chunk",
        fault(
            cut(render_chunks([b'{"content": "x"}'], headers=[JSON_TYPE], end=False)),
            TRUNCATED,
            cut(chunk_of_events(2)),
        ),
    )
    yield "no HTTP at all", fault(say(b"SSH-2.0-OpenSSH_9.9\r\n"), INVALID)
    yield (
        "another protocol",
        fault(say(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"), INVALID),
    )
    yield "a flood of 103", fault(flood(103), INVALID)
    yield "a flood of 100", fault(flood(100), INVALID)
    yield "a header without end", fault(endless(b"HTTP/1.1 200 OK\r\nX: ", b"a" * 4096), INVALID)
    yield "headers without end", fault(endless(b"HTTP/1.1 200 OK\r\n", b"a: b\r\n" * 500), INVALID)


def sizes() -> Iterator[tuple[str, Fault]]:
    """Answers that never end or grow while they are read. The lab's server takes 1 MB."""
    said = b"data: " + json.dumps({"say": "x" * 60_000}).encode() + b"\n\n"
    event_head = chunked_head(headers=[SSE_TYPE])
    yield (
        "a body without end",
        fault(
            endless(chunked_head(headers=[JSON_TYPE]), one_chunk(b" " * 65536)),
            INVALID,
            endless(event_head, one_chunk(b"data: " + b"x" * 65536)),
        ),
    )
    yield (
        "an event of lines without words",
        fault(say(PLAIN), None, endless(event_head, one_chunk(b"data:\n" * 20_000)), INVALID),
    )
    yield (
        "more words than allowed",
        fault(endless(b"HTTP/1.1 200 OK\r\n\r\n", b"a" * 65536), INVALID, cut(event_head + one_chunk(said) * 50)),
    )
    yield (
        "bomb",
        fault(
            bomb(64 << 20, [JSON_TYPE]),
            INVALID,
            answer(body=zipped(64 << 20), headers=[SSE_TYPE, ("Content-Encoding", "gzip")]),
        ),
    )
    unasked = [JSON_TYPE, ("Content-Encoding", "br")]
    yield "an encoding nobody asked for", fault(answer(body=b"\x1b\x00", headers=unasked), INVALID)
    broken = [JSON_TYPE, ("Content-Encoding", "gzip")]
    yield "gzip that is none", fault(answer(body=b'{"content": "x"}', headers=broken), INVALID)
    yield "gzip cut short", fault(answer(body=gzip.compress(PLAIN)[:-9], headers=broken), TRUNCATED)


def statuses() -> Iterator[tuple[str, Fault]]:
    """Failures that the upstream admits."""
    known = {
        400: "upstream_rejected", 401: "credential_rejected", 402: "upstream_payment_required",
        403: "upstream_forbidden", 404: "upstream_not_found", 408: TIMEOUT, 409: "upstream_conflict",
        418: "upstream_rejected", 422: "upstream_rejected", 429: "upstream_rate_limited", 500: "upstream_failed",
        502: "upstream_failed", 503: "upstream_unavailable", 504: "upstream_failed", 529: "upstream_unavailable",
        599: "upstream_failed",
    }  # fmt: skip
    for number, code in known.items():
        yield f"status {number}", status(number, code)
    yield (
        "429 with a date",
        status(429, "upstream_rate_limited", b"{}", ("Retry-After", "Fri, 31 Dec 2100 23:59:59 GMT")),
    )
    for number in (300, 301, 302, 303, 307, 308):
        yield f"redirect {number}", status(number, "upstream_failed", b"", ("Location", "/elsewhere"))
    yield "an error inside a 200", body(b'{"error": {"code": 429, "message": "slow"}}', "upstream_rate_limited")
    yield "an error of no known shape", body(b'{"error": {"code": "odd", "message": "no"}}', "upstream_failed")
    yield (
        "an error page",
        fault(answer(502, b"<html>bad gateway", [("Content-Type", "text/html")]), "upstream_failed"),
    )


def contents() -> Iterator[tuple[str, Fault]]:
    """Answers that are not what they should be."""
    for name, content in {
        "no JSON": b"well?", "HTML": b"<!doctype html><title>Hello</title>", "NaN": b'{"content": NaN}',
        "infinity": b'{"content": -Infinity}', "a huge number": b'{"content": 1e999}',
        "half JSON": b'{"content": "we', "invalid UTF-8": b'{"content": "\xff"}',
        "two answers": b'{"content": "a"}{"content": "b"}', "a deep answer": b"[" * 50_000 + b"]" * 50_000,
        "a deep object": b'{"content":' * 20_000 + b"1" + b"}" * 20_000,
    }.items():  # fmt: skip
        yield name, body(content, INVALID)
    yield "nothing", fault(answer(headers=[JSON_TYPE]), INVALID, say(sse(end=False)), TRUNCATED)
    yield "null bytes", fault(answer(body=b"\0" * 500, headers=[JSON_TYPE]), INVALID)
    yield (
        "the wrong type",
        fault(
            answer(body=b'{"content": 7}', headers=[JSON_TYPE]),
            "reply_mismatch",
            say(sse({"say": 7})),
            "expression_failed",
        ),
    )
    yield (
        "another shape",
        fault(answer(body=b"[]", headers=[JSON_TYPE]), "expression_failed", say(sse([1])), "expression_failed"),
    )
    yield (
        "a long number",
        Fault(
            answer(body=b'{"content": "x", "n": ' + b"9" * 100_000 + b"}", headers=[JSON_TYPE]),
            (None, INVALID),
            say(sse({"say": "x"}, b'data: {"n": ' + b"9" * 100_000 + b"}\n\n")),
            (None, INVALID, "expression_failed"),
        ),
    )
    yield "no end mark", fault(say(PLAIN), None, say(sse({"say": "x"}, end=False)), TRUNCATED)
    yield "only comments", fault(say(PLAIN), None, say(sse(b": wait\n\n" * 50, end=False)), TRUNCATED)
    yield (
        "words after the end",
        fault(say(PLAIN), None, say(sse({"say": "x"}, b"data: [DONE]\n\n", b"data: x\n\n"))),
    )
    yield "a plain answer to a stream", fault(say(PLAIN), None)
    yield "an event stream to a plain call", fault(say(STREAM), None, say(STREAM), None)
    yield (
        "a byte order mark",
        fault(
            answer(body=b'\xef\xbb\xbf{"content": "x"}', headers=[JSON_TYPE]),
            INVALID,
            say(sse(b"\xef\xbb\xbf" + ONE_EVENT)),
            None,
        ),
    )


def cuts(count: int = 10, seed: int = 13) -> Iterator[tuple[str, Fault]]:
    """Both answers cut at bytes that the seed chooses; after the end mark nothing is missing."""
    dice = random.Random(seed)
    for share in sorted(dice.random() for _ in range(count)):
        plain_at, stream_at = int(share * len(PLAIN)), int(share * len(STREAM))
        whole = b"[DONE]" in STREAM[:stream_at]
        broken = (UNREACHABLE, TRUNCATED, INVALID)
        yield (
            f"cut at {share:.3f}",
            Fault(cut(PLAIN, plain_at), broken, cut(STREAM, stream_at), (*broken, None) if whole else broken),
        )


def echoes() -> Iterator[tuple[str, Fault]]:
    """An upstream that repeats what it was sent, the key with it, wherever it can."""
    for utility in ("seen", "ask", "bytes"):
        for number in (200, 400, 401, 402, 404, 429, 500, 503, 302):
            name = f"echo {number} {utility}"
            behaviour = echo(number)
            yield name, Fault(behaviour, ANY, echo(number, streamed=True), ANY, utility)


ANY = (None, "any")


def forms(secret: str) -> list[str]:
    """The spellings in which an upstream may repeat a key."""
    encoded = secret.encode()
    return [
        secret,
        quote(secret, safe=""),
        base64.b64encode(encoded).decode(),
        base64.urlsafe_b64encode(encoded).decode(),
        base64.b64encode(b"user:" + encoded).decode(),
        json.dumps(secret).replace("/", "\\/"),
    ]


def echo(number: int, *, streamed: bool = False) -> Behaviour:
    """Repeats the key in all its forms, in the head and in the body; a stream cuts it in pieces too."""

    def behave(exchange: Exchange) -> None:
        key = exchange.request.header("x-key") or ""
        said = forms(key)
        words = json.dumps(
            {"content": said, "error": {"message": " ".join(said), "code": key, "metadata": {"raw": said}}}
        )
        if number == 200:
            words = json.dumps({"content": " ".join(said), "all": {key: said}})
        headers = [
            ("X-Echo", key),
            ("Location", f"https://evil.example/?{quote(key)}"),
            ("Retry-After", key),
            ("X-Request-Id", key),
        ]
        if streamed and number == 200:
            letters = [{"say": letter} for letter in key]
            last = {"error": {"message": " ".join(said), "code": 500}}
            exchange.send(render_chunks(
                [f"data: {json.dumps(each)}\n\n".encode() for each in [{"say": key, "all": said}, *letters, last]],
                headers=[SSE_TYPE, *headers],
            ))  # fmt: skip
        else:
            exchange.send(
                render(number, words.encode(), [("Content-Type", f"application/json; x={quote(key)}"), *headers])
            )

    return behave


def faults() -> dict[str, Fault]:
    """All faults by their names."""
    return dict(each for group in (transport, sizes, statuses, contents, cuts, echoes) for each in group())


class Lab:
    """The behaviour of the upstream: each request names its fault in its path. `well` answers well."""

    def __init__(self, known: Mapping[str, Fault]) -> None:
        self._known = {quote(name, safe=""): each for name, each in known.items()}

    def __call__(self, exchange: Exchange) -> None:
        streamed = is_stream(exchange.request)
        name = exchange.request.target.partition("?")[0].removeprefix("/")
        found = self._known.get(name)
        if found is None:
            exchange.send(STREAM if streamed else PLAIN)
        else:
            (found.stream if streamed else found.plain)(exchange)


def is_stream(request: Received) -> bool:
    return b'"stream":true' in request.body.replace(b" ", b"")


def dribble(piece: bytes) -> Behaviour:
    """An answer that comes a little at a time, for ever."""

    def behave(exchange: Exchange) -> None:
        exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while True:
            exchange.send(piece)
            time.sleep(0.05)

    return behave


def chunk_of_events(number: int) -> bytes:
    return chunked_head(headers=[SSE_TYPE]) + one_chunk(ONE_EVENT) * number
