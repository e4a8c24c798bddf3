"""Replies too large for one result, kept for a while to be read on: in memory, each for the agent that called."""

import base64
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import field

from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json

KEPT_FOR = 600
"""Seconds."""
MOST_OF_AGENT = 32 * 1024 * 1024
"""Bytes that are kept for one agent; the oldest go first."""
MOST = 128 * 1024 * 1024
"""Bytes that are kept for all, since an agent's name may be made up."""
PREFIX = "agentos://replies/"
NOT_KEPT = "agentos://reply"
"""For a reply that is whole in its result, and can be read nowhere else."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A reply: its rows where it is a list, each as JSON; its text where it is one; else bytes."""

    body: bytes = field(repr=False)
    media_type: str
    text: str | None = field(default=None, repr=False)
    rows: tuple[bytes, ...] | None = field(default=None, repr=False)


class UnknownReply(Exception):
    """It is not there, not any more, or belongs to somebody else."""


def fitting(rows: Sequence[bytes], start: int, most: int) -> int:
    """The end of the rows from `start` on that have `most` characters together."""
    size, end = 2, start
    while end < len(rows):
        size += len(rows[end].decode("utf-8")) + 1
        if size > most:
            break
        end += 1
    return end


def _rows(rows: Sequence[bytes], start: int, most: int) -> tuple[str, int, int]:
    """A row that is larger than that comes alone, so that reading goes on."""
    end = max(fitting(rows, start, most), min(start + 1, len(rows)))
    return (b"[%s]" % b",".join(rows[start:end])).decode(), end, len(rows)


@dataclass(frozen=True, slots=True)
class _Held:
    agent: str
    until: float
    reply: Kept


class KeptReplies:
    """clock: seconds that only grow. keeps: whether anything is."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, *, keeps: bool = True) -> None:
        self._clock = clock
        self._keeps = keeps
        self._held: OrderedDict[str, _Held] = OrderedDict()

    def keep(self, agent: str, reply: Kept) -> str | None:
        """The uri under which the agent can read it; None for what is not kept, or has no room."""
        if not self._keeps or len(reply.body) > MOST_OF_AGENT:
            return None
        name = secrets.token_hex(12)
        self._held[name] = _Held(agent, self._clock() + KEPT_FOR, reply)
        self._drop()
        while self._size(agent) > MOST_OF_AGENT:
            del self._held[next(key for key, held in self._held.items() if held.agent == agent)]
        while self._size(None) > MOST:
            self._held.popitem(last=False)
        return PREFIX + name

    def read(self, agent: str, uri: str, most: int) -> list[dict[str, Json]]:
        """What stands from `?offset=` on, `most` characters of it, and where it goes on. Raises UnknownReply."""
        name, _, query = uri.removeprefix(PREFIX).partition("?")
        offset = query.removeprefix("offset=") or "0"
        reply = self._find(agent, name)
        if reply is None or not (offset.isascii() and offset.isdigit() and len(offset) < 12):
            raise UnknownReply
        about: dict[str, Json] = {"uri": uri, "mimeType": reply.media_type}
        if reply.rows is None and reply.text is None:
            return [{**about, "blob": base64.b64encode(reply.body).decode()}]
        start = int(offset)
        if reply.rows is not None:
            text, end, total = _rows(reply.rows, start, most)
        else:
            whole = reply.text or ""
            text, end, total = whole[start : start + most], min(start + most, len(whole)), len(whole)
        if start > total:
            raise UnknownReply
        shown: list[dict[str, Json]] = [{**about, "text": text}]
        if end < total:
            further = f"{PREFIX}{name}?offset={end}"
            shown.append(
                {
                    "uri": further,
                    "mimeType": "text/plain",
                    "text": f"{start} to {end} of {total}; goes on at {further}",
                }
            )
        return shown

    def _find(self, agent: str, name: str) -> Kept | None:
        """None when it is not there any more, or belongs to somebody else."""
        self._drop()
        held = self._held.get(name)
        return held.reply if held is not None and held.agent == agent else None

    def _drop(self) -> None:
        now = self._clock()
        for name in [name for name, held in self._held.items() if held.until <= now]:
            del self._held[name]

    def _size(self, agent: str | None) -> int:
        return sum(len(held.reply.body) for held in self._held.values() if agent in (None, held.agent))
