"""What `agentos call --stream` prints where: the text of a chat alone on stdout, any other stream as it came."""

import json
from typing import Any

import pytest

from tests.cli.console import Console, Done
from tests.cli.test_call import streamed
from tests.toy.raw import Toy

SKILL = """\
---
id: pal
name: Pal
description: A service whose events are deltas
utilities:
  talk:
    description: Talk
    strict_returns: false
    rest: {method: POST, url: "https://pal.example/talk", stream: {delta: ., done: "[DONE]"}}
  list_notes:
    description: Notes
    strict_returns: false
    rest: {method: POST, url: "https://pal.example/notes", stream: {delta: ., done: "[DONE]", accumulate: list}}
---
"""


def printed(console: Console, utility: str, *events: Any) -> Done:
    console.write("pal.md", SKILL)
    with Toy(streamed(*events)) as toy:
        return console.run("call", "pal", utility, "--stream", AGENTOS_REWRITE=f"https://pal.example={toy.origin}")


STOP = {"stop_reason": "end_turn"}
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
BESIDE: dict[str, tuple[list[dict[str, Any]], str]] = {
    "a signature": ([{"reasoning_details": [{"type": "reasoning.text", "signature": "s"}]}], ""),
    "a citation": ([{"annotations": [{"type": "url_citation"}]}], ""),
    "a picture": ([{"images": [PICTURE]}], "images: with --jsonl\n"),
    "a refusal": ([{"refusal": "I can"}, {"refusal": "not."}], "refused: I cannot.\n"),
}


@pytest.mark.parametrize("name", BESIDE)
def test_nothing_but_text_stands_between_the_pieces_of_a_text(console: Console, name: str) -> None:
    pieces, aside = BESIDE[name]
    done = printed(console, "talk", {"content": "Hel"}, *pieces, {"content": "lo"}, STOP)
    assert (done.out, done.err) == ("Hello\n", f"{aside}stopped: end_turn\n")


def test_a_refusal_is_told_where_there_is_no_text(console: Console) -> None:
    done = printed(console, "talk", {"id": "g"}, {"refusal": "I cannot."}, STOP)
    assert (done.out, done.err) == ("", "refused: I cannot.\nstopped: end_turn\n")


@pytest.mark.parametrize(
    "event",
    [
        {"id": "c", "model": "m", "choices": [{"delta": {"content": "Hel"}}]},
        {"id": "7", "content": "Buy milk", "due": "today"},
    ],
    ids=["a chunk in a service's own shape", "a row of a list"],
)
def test_what_is_no_delta_of_a_chat_is_printed_as_it_came(console: Console, event: dict[str, Any]) -> None:
    done = printed(console, "list_notes", event, event)
    assert [json.loads(line) for line in done.out.splitlines()] == [event, event], done.err
