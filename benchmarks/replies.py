"""What the toy upstream answers, and how a client recognises it behind any gateway."""

import json

ANSWER = b"the-answer-is-42"
TOKEN = b"tok~"


WORDS = 200
"""Of a plain reply, which then has about 1.5 KB."""


def plain_reply(words: int = WORDS) -> bytes:
    """One HTTP answer holding a chat completion of so many words."""
    message = {
        "role": "assistant",
        "content": ANSWER.decode() + " word" * words,
        "refusal": None,
        "reasoning": None,
    }
    choice = {
        "index": 0,
        "finish_reason": "stop",
        "native_finish_reason": "stop",
        "logprobs": None,
        "message": message,
    }
    body = json.dumps(_envelope("chat.completion", [choice]) | {"usage": _USAGE}).encode()
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


def stream_head() -> bytes:
    return b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def stream_pieces(chunks: int) -> tuple[bytes, ...]:
    """`chunks` deltas, then the finish with its usage, then the end mark and the end of the body."""
    delta = _piece({"role": "assistant", "content": TOKEN.decode()}, None)
    finish = _event(_envelope("chat.completion.chunk", [_choice({"content": ""}, "stop")]) | {"usage": _USAGE})
    return (*(delta for _ in range(chunks)), finish + _frame(b"data: [DONE]\n\n") + b"0\r\n\r\n")


def _piece(delta: dict[str, str], finish: str | None) -> bytes:
    return _event(_envelope("chat.completion.chunk", [_choice(delta, finish)]))


def _choice(delta: dict[str, str], finish: str | None) -> dict[str, object]:
    return {"index": 0, "delta": delta, "finish_reason": finish, "native_finish_reason": finish, "logprobs": None}


def _envelope(kind: str, choices: list[dict[str, object]]) -> dict[str, object]:
    names = {"id": "gen-1767225600-bench", "provider": "Bench", "model": "bench/model", "object": kind}
    return {**names, "created": 1767225600, "choices": choices}


def _event(data: dict[str, object]) -> bytes:
    return _frame(b"data: " + json.dumps(data).encode() + b"\n\n")


def _frame(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


_USAGE = {"prompt_tokens": 120, "completion_tokens": 50, "total_tokens": 170, "cost": 0.00012}
