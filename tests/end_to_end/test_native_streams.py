"""Streams in their providers' own shapes: what they add up to when services tell them otherwise than described."""

import json
from typing import Any

import pytest

from tests.end_to_end.chat import Chat, streaming

USAGE = {"input_tokens": 12, "output_tokens": 1}
MESSAGE: list[dict[str, Any]] = [
    {"type": "message_start", "message": {"id": "m", "role": "assistant", "content": [], "usage": USAGE}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hello"}},
]
ASKED: dict[str, Any] = {
    "create_message": {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]},
}
MESSAGES = ["openrouter/create_message", "anthropic/create_message"]


def told(chat: Chat, utility: str, *events: Any, done: bool = True) -> tuple[str, Any]:
    """How the stream of a utility ends, and with what; it may be refused at once."""
    skill, _, name = utility.partition("/")
    chat.says(streaming(*events, done=done))
    response = chat.house.call(skill, name, {**ASKED[name], "stream": True})
    if response.status_code != 200:
        return "error", response.json()
    end, data = response.text.split("\n\n")[-2].split("\n")
    return end.removeprefix("event: "), json.loads(data.removeprefix("data: "))


@pytest.mark.parametrize("utility", MESSAGES)
def test_what_a_stream_took_before_it_was_cut_is_counted(chat: Chat, utility: str) -> None:
    assert told(chat, utility, *MESSAGE, done=False)[1]["code"] == "upstream_truncated"
    assert (chat.row["outcome"], chat.row["input_tokens"], chat.row["output_tokens"]) == ("error", 12, 1)
