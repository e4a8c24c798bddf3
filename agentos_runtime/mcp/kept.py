"""Replies too large for one result, kept for a while to be read on, each for the agent that called.

They are in memory, and on a shelf where other processes of the home find them.
"""

import asyncio
import base64
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import field
from functools import partial

from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json, JsonTextError, dump, parse
from agentos_runtime.mcp.toolsets import Shelf
from agentos_runtime.storage.file_threads import aside
from agentos_runtime.storage.reply_files import ROOM, SECONDS

KEPT_FOR = SECONDS
MOST_OF_AGENT = 32 * 1024 * 1024
"""Bytes that are kept for one agent; the oldest go first."""
MOST = ROOM
"""Bytes that are kept for all, since an agent's name may be made up."""
PREFIX = "agentos://replies/"
_SHELVED_WITHIN = 5.0
"""Seconds that an answer waits for the shelf; a disk that hangs keeps nobody from being answered."""
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


def _shelve(shelf: Shelf, name: str, agent: str, reply: Kept) -> None:
    """Its head on one line, and its bytes; rows one after the other, as long as the head says."""
    lengths: list[Json] | None = None if reply.rows is None else [len(row) for row in reply.rows]
    head = dump({"agent": agent, "type": reply.media_type, "text": reply.text is not None, "rows": lengths})
    body = reply.body if reply.rows is None else b"".join(reply.rows)
    shelf.put(name, b"%b\n%b" % (head, body))


def _unshelved(data: bytes, until: float) -> _Held | None:
    """What was shelved; None for what nobody shelved so."""
    head, _, body = data.partition(b"\n")
    try:
        match parse(head):
            case {"agent": str(agent), "type": str(media_type), "text": bool(is_text), "rows": lengths}:
                text = body.decode("utf-8") if is_text else None
                rows = tuple(_cut(body, lengths)) if isinstance(lengths, list) else None
                return _Held(agent, until, Kept(body, media_type, text, rows))
    except (JsonTextError, UnicodeDecodeError, ValueError):
        return None
    return None


def _cut(body: bytes, lengths: Sequence[Json]) -> Iterator[bytes]:
    at = 0
    for length in lengths:
        if not isinstance(length, int) or length < 0:
            raise ValueError("no length")
        yield body[at : at + length]
        at += length


class KeptReplies:
    """clock: seconds that only grow. keeps: whether anything is. shelf: where other processes find it."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, *, keeps: bool = True, shelf: Shelf | None = None
    ) -> None:
        self._clock = clock
        self._keeps = keeps
        self._shelf = shelf
        self._shelving: set[asyncio.Task[None]] = set()
        self._held: OrderedDict[str, _Held] = OrderedDict()

    def keep(self, agent: str, reply: Kept) -> str | None:
        """The uri under which the agent can read it; None for what is not kept, or has no room."""
        if not self._keeps or len(reply.body) > MOST_OF_AGENT:
            return None
        name = secrets.token_hex(12)
        self._hold(name, _Held(agent, self._clock() + KEPT_FOR, reply))
        if self._shelf is not None:
            task = asyncio.ensure_future(aside(partial(_shelve, self._shelf, name, agent, reply)))
            self._shelving.add(task)
            task.add_done_callback(self._shelving.discard)
        return PREFIX + name

    async def shelved(self) -> None:
        """Wait until what was kept stands where other processes find it: its address is about to be told."""
        if self._shelving:
            await asyncio.wait({*self._shelving}, timeout=_SHELVED_WITHIN)

    async def fetch(self, agent: str, uri: str) -> None:
        """Have at hand what another process keeps for this agent, if that is what is asked for."""
        name = uri.removeprefix(PREFIX).partition("?")[0]
        if self._shelf is None or name in self._held:
            return
        found = await aside(partial(self._shelf.get, name))
        held = _unshelved(found[0], self._clock() + found[1]) if found else None
        if held is not None and held.agent == agent:
            self._hold(name, held)

    def _hold(self, name: str, held: _Held) -> None:
        agent = held.agent
        self._held[name] = held
        self._drop()
        while self._size(agent) > MOST_OF_AGENT:
            del self._held[next(key for key, held in self._held.items() if held.agent == agent)]
        while self._size(None) > MOST:
            self._held.popitem(last=False)

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
