"""One at a time over all replicas: a row that its holder gives back, or that ends by the database's clock."""

from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import Self

from agentos_runtime.jsontext import Json, dump
from agentos_runtime.storage.postgres.link import Link
from agentos_runtime.storage.postgres.replica import Replica
from agentos_runtime.storage.sqlite.files import DatabaseTrouble
from agentos_runtime.storage.turns import TurnLost, read_note


class SharedTurns:
    """Turns among all replicas.

    link: one whose commits wait for the disk. lasts: seconds that a turn holds after it was taken and after each
    note, so that longer than this nobody waits for a replica that died, and nothing done in it may take longer.
    """

    look = 0.1

    def __init__(self, link: Link, replica: Replica, lasts: float) -> None:
        self._link = link
        self._replica = replica
        self._lasts = int(lasts * 1000)

    async def take(self, name: str) -> "SharedTurn | None":
        """See Turns.take. What the turns before have stored is known here when this returns."""
        rows = await self._link.ask("SELECT * FROM take_turn_v1($1, $2)", (name, self._lasts))
        if not rows:
            return None
        turn = SharedTurn(self._link, name, rows[0]["fence"], rows[0]["note"], self._lasts)
        try:
            await self._replica.refresh()
        except BaseException:
            await turn.end()
            raise
        return turn


class SharedTurn:
    """One of them."""

    def __init__(self, link: Link, name: str, fence: int, note: str, lasts: int) -> None:
        self._link = link
        self._name = name
        self._fence = fence
        self._note = note
        self._lasts = lasts

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.end()

    def note(self) -> dict[str, Json]:
        """See Turn.note."""
        return read_note(self._note.encode())

    async def leave(self, note: Mapping[str, Json]) -> None:
        """See Turn.leave."""
        values = (self._name, self._fence, dump(dict(note)).decode(), self._lasts)
        if not (await self._link.ask("SELECT leave_note_v1($1, $2, $3, $4)", values))[0][0]:
            raise TurnLost

    async def end(self) -> None:
        """Give it back; while the database is away it ends by itself."""
        with suppress(DatabaseTrouble):
            await self._link.ask("SELECT end_turn_v1($1, $2)", (self._name, self._fence))
