"""What a model made, apart from the words in which a provider tells it."""

import itertools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any


class Refused(AssertionError):
    """The toy says 400."""


@dataclass(frozen=True)
class Thinking:
    text: str


@dataclass(frozen=True)
class Text:
    text: str


@dataclass(frozen=True)
class Call:
    identifier: str
    name: str
    given: dict[str, Any]

    @property
    def written(self) -> str:
        return json.dumps(self.given)


@dataclass(frozen=True)
class Generation:
    """Blocks in the order in which every provider can tell them: thinking, text, calls."""

    blocks: tuple[Thinking | Text | Call, ...]
    finish: str = "end"
    """end, limit or filter."""

    @property
    def calls(self) -> list[Call]:
        return [block for block in self.blocks if isinstance(block, Call)]

    def said(self, kind: type) -> str:
        texts = (block for block in self.blocks if isinstance(block, Thinking | Text))
        return "".join(block.text for block in texts if isinstance(block, kind))


def canonical(generation: Generation) -> dict[str, Any]:
    """What the canonical reply says of it, whoever told it."""
    reasons = {"limit": "max_tokens", "filter": "content_filter"}
    ended = "tool_use" if generation.calls else "end_turn"
    reply: dict[str, Any] = {
        "content": generation.said(Text) or None,
        "tool_calls": [{"id": c.identifier, "name": c.name, "input": c.given} for c in generation.calls],
        "stop_reason": reasons.get(generation.finish, ended),
    }
    if generation.said(Thinking):
        reply["reasoning"] = generation.said(Thinking)
    return reply


@dataclass(frozen=True)
class Dialect:
    """One provider's way of speaking."""

    name: str
    skill: str
    params: dict[str, Any]
    """What the caller says beside the canonical params."""
    whole: Callable[[Generation], Any]
    stream: Callable[[Generation, Random], bytes]
    takes: Callable[[Any], None]
    """Raises Refused for a body that the real provider is reported to refuse."""
    failure: Callable[[int, str], Any]
    """The body of a failure with this status and these words."""
    failing_stream: Callable[[str], bytes]
    """A stream that tells a text and fails with these words."""
    no_ids: bool = False
    """Calls come without an id."""
    no_thoughts: bool = False
    """What was thought is not told."""
    no_filter: bool = False
    """An answer that was filtered is not told."""

    def __str__(self) -> str:
        return self.name


def cut(text: str, random: Random, most: int = 2) -> list[str]:
    """The text in pieces, none of them empty."""
    places = sorted({random.randint(0, len(text)) for _ in range(most)} | {0, len(text)})
    return [text[start:end] for start, end in itertools.pairwise(places)]


def sse(payloads: Sequence[Any], *, done: str | None = None, named: bool = False) -> bytes:
    blocks = [(f"event: {p['type']}\n" if named else "") + f"data: {json.dumps(p)}\n\n" for p in payloads]
    return "".join([*blocks, f"data: {done}\n\n" if done else ""]).encode()


def refuse(wrong: Any, words: str) -> None:
    if wrong:
        raise Refused(words)


def only(where: dict[str, Any], known: str) -> None:
    """Providers refuse keys that they do not know."""
    unknown = set(where) - set(known.split())
    refuse(unknown, f"unknown keys {sorted(unknown)}")
